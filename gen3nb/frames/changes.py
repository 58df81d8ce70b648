"""One record as a row has it and as the commons has it: what an update would change, or cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gen3nb.dictionary import Link, LinkGroup, Node
from gen3nb.frames.findings import fold

__all__ = ["NOT_COMPARED", "CellChange", "Changes", "changes_of", "may_be_null", "same_record", "same_value"]

NOT_COMPARED = frozenset({"id", "type", "project_id", "submitter_id"})


class CellChange(NamedTuple):
    """One cell that differs from what is stored; ``reason`` says why it cannot be changed, if so."""

    position: int
    column: str
    old: Any
    new: Any
    reason: str = ""


@dataclass(slots=True)
class Changes:
    """What one row changes of its record.

    Attributes
    ----------
    cells : list of CellChange
    blocked : list of CellChange
        What cannot be changed; then nothing of the row is sent.
    needless : tuple of str
        What the row clears and the record does not have: not sent.
    further : dict
        What an update must have besides, as it is stored: required properties and links.
    cleared, kept : int
        Cells that empty a stored value; cells that are empty and leave one as it is.
    """

    cells: list[CellChange] = field(default_factory=list)
    blocked: list[CellChange] = field(default_factory=list)
    needless: tuple[str, ...] = ()
    further: dict[str, Any] = field(default_factory=dict)
    cleared: int = 0
    kept: int = 0


def changes_of(
    position: int, record: Mapping[str, Any], before: Mapping[str, Any], node: Node, columns: Sequence[str]
) -> Changes:
    """Compare one row with its record.

    Parameters
    ----------
    position : int
        Of the row in its frame.
    record : Mapping
        The row, as it would be sent.
    before : Mapping
        As the export has it.
    node : Node
    columns : sequence of str
        The frame's, without those that are never compared.

    Returns
    -------
    Changes
    """
    links = {link.name: link for link in node.links}
    found = Changes()
    needless = []
    if record.get("submitter_id") != before.get("submitter_id"):
        found.cells.append(
            CellChange(position, "submitter_id", before.get("submitter_id"), record.get("submitter_id"))
        )
    for name, new in record.items():
        if name in NOT_COMPARED:
            continue
        old = before.get(name)
        if name in links:
            change = _link_change(position, links[name], node, old, new)
        else:
            change = None if same_value(old, new) else CellChange(position, name, old, new)
        if new is None and change is None:
            needless.append(name)
        elif change is not None and change.reason:
            found.blocked.append(change)
        elif change is not None:
            found.cells.append(change)
            found.cleared += new is None
    found.needless = tuple(needless)
    kept = {name for name in before if name not in record and name not in NOT_COMPARED}
    for column in columns:
        if column in kept or (column.partition(".")[0] in links and column.partition(".")[0] in kept):
            found.kept += 1
            kept.discard(column.partition(".")[0])
    if found.cells and not found.blocked:
        sent = {name: value for name, value in record.items() if name not in needless}
        found.further = _further(sent, before, node)
    return found


def same_value(old: Any, new: Any) -> bool:
    """Say whether two JSON values are one to the commons: 3 and 3.0 are, 1 and true are not."""
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(same_value, old, new))
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    return bool(old == new)


def _ends(value: Any) -> list[Mapping[str, Any]]:
    if value is None:
        return []
    return [end for end in (value if isinstance(value, list) else [value]) if isinstance(end, Mapping)]


def _link_change(position: int, link: Link, node: Node, old: Any, new: Any) -> CellChange | None:
    """Compare a link; links are added by an update, never replaced."""
    stored, wanted = _ends(old), _ends(new)
    added = [end for end in wanted if not any(_one_target(end, other, link) for other in stored)]
    gone = [end for end in stored if not any(_one_target(other, end, link) for other in wanted)]
    if not added and not gone:
        return None
    change = CellChange(position, link.column, _names(stored, link), _names(wanted, link))
    if not wanted:
        if new is not None:
            return None  # an empty list leaves the links as they are
        needed = link.required or link.name in node.required
        return change._replace(reason="a required link cannot be taken away") if needed else change
    if not gone:
        return change
    if not link.to_many and (link.required or link.name in node.required):
        reason = (
            f"a record cannot be moved to another {link.target}: delete it and create it again to move it"
        )
    elif not link.to_many:
        reason = (
            f"another {link.target} can only follow once this one is taken away: submit the row with an "
            'empty cell and missing="clear", then again'
        )
    else:
        reason = (
            "an update adds links and takes none away: delete the record and create it again, or name "
            f"{', '.join(map(str, _listed(_names(gone, link))))} too"
        )
    return change._replace(reason=reason)


def _one_target(wanted: Mapping[str, Any], stored: Mapping[str, Any], link: Link) -> bool:
    """Say whether two ends of a link are one record."""
    if wanted.get("id") is not None:
        return bool(wanted["id"] == stored.get("node_id"))
    return fold(str(wanted.get(link.key))) == fold(str(stored.get(link.key)))


def _names(ends: Sequence[Mapping[str, Any]], link: Link) -> Any:
    names = [end.get(link.key, end.get("id", end.get("node_id"))) for end in ends]
    return names if link.to_many and names else names[0] if len(names) == 1 else names or None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _further(record: Mapping[str, Any], before: Mapping[str, Any], node: Node) -> dict[str, Any]:
    """Give the required properties and links that this update has not, as they are stored."""
    full: dict[str, Any] = {}
    links = {link.name: link for link in node.links}
    needed = [name for name in node.required if name not in NOT_COMPARED]
    needed += [link.name for link in node.links if link.required]
    for group in node.link_groups:
        if isinstance(group, LinkGroup) and not any(name in record for name in _names_of(group)):
            needed += _names_of(group)
    for name in dict.fromkeys(needed):
        if name not in record and before.get(name) is not None:
            full[name] = _sent(before[name], links[name]) if name in links else before[name]
        elif name not in record and may_be_null(name, node):
            full[name] = None
    return full


def may_be_null(name: str, node: Node) -> bool:
    """Say whether a property is required, but null will do."""
    return name in node.required and name in node.properties and node.properties[name].nullable


def _names_of(group: LinkGroup) -> list[str]:
    return [link.name for link in group.links()]


def _sent(stored: Any, link: Link) -> Any:
    ends = [{link.key: end[link.key]} for end in _ends(stored) if end.get(link.key) is not None]
    return ends if link.to_many or len(ends) != 1 else ends[0]


def same_record(sent: Mapping[str, Any], stored: Mapping[str, Any], node: Node) -> bool:
    """Say whether a stored record holds all that was sent.

    Parameters
    ----------
    sent : Mapping
        A record as it was sent; null clears.
    stored : Mapping
        As the export has it.
    node : Node

    Returns
    -------
    bool
    """
    links = {link.name: link for link in node.links}
    for name, value in sent.items():
        if name in NOT_COMPARED:
            continue
        if name in links:
            if _link_change(0, links[name], node, stored.get(name), value) is not None:
                return False
        elif not same_value(stored.get(name), value):
            return False
    return True
