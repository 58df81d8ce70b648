"""Each row against the record that the commons has under its submitter_id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import pandas as pd

from gen3nb.dictionary import Link, LinkGroup, Node
from gen3nb.frames.codec import plain_columns, to_records
from gen3nb.frames.findings import fold
from gen3nb.frames.looking import Look, StoredKey
from gen3nb.frames.validation import submitter_ids

__all__ = ["CellChange", "Comparison", "Missing", "compare", "same_record", "same_value"]

Missing = Literal["keep", "clear"]
_NOT_COMPARED = {"id", "type", "project_id", "submitter_id"}
#: What the index holds of a file too, and never changes.
_IN_THE_INDEX = {"file_size", "md5sum"}


class CellChange(NamedTuple):
    """One cell that differs from what is stored; ``reason`` says why it cannot be changed, if so."""

    position: int
    column: str
    old: Any
    new: Any
    reason: str = ""


@dataclass
class Comparison:
    """Rows of one frame against the commons.

    Attributes
    ----------
    new, changed, unchanged, fixed : list of int
        Positions of rows; ``fixed`` are those that want what an update cannot do.
    cells : list of CellChange
        Of changed rows.
    blocked : list of CellChange
        What cannot be changed.
    records : dict of int to dict
        What to send for new and changed rows.
    stored : dict of int to StoredKey
    cleared, kept : int
        Cells that empty a stored value; cells that are empty and leave one as it is.
    notes : list of str
        What is no obstacle, but worth to know.
    """

    new: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    unchanged: list[int] = field(default_factory=list)
    fixed: list[int] = field(default_factory=list)
    cells: list[CellChange] = field(default_factory=list)
    blocked: list[CellChange] = field(default_factory=list)
    records: dict[int, dict[str, Any]] = field(default_factory=dict)
    stored: dict[int, StoredKey] = field(default_factory=dict)
    cleared: int = 0
    kept: int = 0
    notes: list[str] = field(default_factory=list)


def compare(
    frame: pd.DataFrame,
    node: Node,
    look: Look,
    *,
    missing: Missing = "keep",
    positions: Sequence[int] | None = None,
) -> Comparison:
    """Compare rows with what the commons has.

    Parameters
    ----------
    frame : pandas.DataFrame
    node : Node
    look : Look
    missing : {"keep", "clear"}
        What an empty cell does to a stored value.
    positions : sequence of int, optional
        Only these rows.

    Returns
    -------
    Comparison
    """
    records = to_records(frame, node, missing=missing)
    keys = submitter_ids(frame)
    rows = [i for i in (range(len(frame)) if positions is None else positions) if keys[i]]
    present = look.keys(node.name, [keys[i] or "" for i in rows])
    result = Comparison()
    for i in rows:
        named = present.get(fold(keys[i] or ""), [])
        exact = [one for one in named if one.submitter_id == keys[i]] or named
        if exact:
            result.stored[i] = exact[0]
    held = look.records(node, [one.id for one in result.stored.values()])
    columns = [name for name in plain_columns(frame) if name not in _NOT_COMPARED]
    # a new record must have these, if only as null
    asked = [name for name in columns if _may_be_null(name, node)]
    for i in rows:
        record = records[i]
        record.pop("project_id", None)
        before = held.get(result.stored[i].id) if i in result.stored else None
        if before is None:
            result.stored.pop(i, None)
            result.new.append(i)
            given = {name: value for name, value in record.items() if value is not None}
            result.records[i] = dict.fromkeys(asked) | given
        else:
            _one(result, i, record, before, node, columns)
    if node.is_file:
        _note_files(result)
    return result


def _note_files(result: Comparison) -> None:
    """Say that the index keeps what it has of a file: an update changes the record alone."""
    files = {cell.position for cell in result.cells if cell.column in _IN_THE_INDEX and cell.old is not None}
    if files:
        rows = "1 row changes" if len(files) == 1 else f"{len(files):,} rows change"
        result.notes.append(
            f"{rows} file_size or md5sum of a file that is there already. The commons changes the record "
            "alone; its index keeps the old values, by which downloads are checked. If the file itself is "
            "another one, upload it and submit it as a new record."
        )


def _one(
    result: Comparison,
    position: int,
    record: dict[str, Any],
    before: Mapping[str, Any],
    node: Node,
    columns: Sequence[str],
) -> None:
    """Compare one row with its record."""
    links = {link.name: link for link in node.links}
    cells: list[CellChange] = []
    blocked: list[CellChange] = []
    cleared = 0
    if record.get("submitter_id") != before.get("submitter_id"):
        cells.append(
            CellChange(position, "submitter_id", before.get("submitter_id"), record.get("submitter_id"))
        )
    for name in list(record):
        if name in _NOT_COMPARED:
            continue
        new, old = record[name], before.get(name)
        if name in links:
            change = _link_change(position, links[name], node, old, new)
        else:
            change = None if same_value(old, new) else CellChange(position, name, old, new)
        if new is None and change is None:
            record.pop(name)
        elif change is not None and change.reason:
            blocked.append(change)
        elif change is not None:
            cells.append(change)
            cleared += new is None
    kept = {name for name in before if name not in record and name not in _NOT_COMPARED}
    for column in columns:
        if column in kept or (column.partition(".")[0] in links and column.partition(".")[0] in kept):
            result.kept += 1
            kept.discard(column.partition(".")[0])
    if blocked:
        result.fixed.append(position)
        result.blocked += blocked
    elif cells:
        result.changed.append(position)
        result.cells += cells
        result.cleared += cleared
        result.records[position] = _completed(record, before, node)
    else:
        result.unchanged.append(position)


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


def _completed(record: dict[str, Any], before: Mapping[str, Any], node: Node) -> dict[str, Any]:
    """Add what every update must have, as it is stored: required properties and links."""
    full = dict(record)
    links = {link.name: link for link in node.links}
    needed = [name for name in node.required if name not in _NOT_COMPARED]
    needed += [link.name for link in node.links if link.required]
    for group in node.link_groups:
        if isinstance(group, LinkGroup) and not any(name in full for name in _names_of(group)):
            needed += _names_of(group)
    for name in dict.fromkeys(needed):
        if name not in full and before.get(name) is not None:
            full[name] = _sent(before[name], links[name]) if name in links else before[name]
        elif name not in full and _may_be_null(name, node):
            full[name] = None
    return full


def _may_be_null(name: str, node: Node) -> bool:
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
        if name in _NOT_COMPARED:
            continue
        if name in links:
            if _link_change(0, links[name], node, stored.get(name), value) is not None:
                return False
        elif not same_value(stored.get(name), value):
            return False
    return True
