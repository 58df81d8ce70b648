"""Which rows of several frames to send, and in which order; nothing is sent here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from gen3nb.dictionary import Node
from gen3nb.frames.casting import typed_by_origin
from gen3nb.frames.findings import fold
from gen3nb.frames.links import ends_of
from gen3nb.frames.looking import Look
from gen3nb.frames.matching import Comparison, Missing, compare
from gen3nb.frames.origin import row_numbers
from gen3nb.frames.reports import ValidationReport, counted
from gen3nb.frames.validation import submitter_ids, validate

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectId
    from gen3nb.frames.connection import Connection

__all__ = ["NodePlan", "Row", "Status", "plan"]

Status = Literal["created", "updated", "unchanged", "rejected", "not sent", "unknown"]


@dataclass(slots=True)
class Row:
    """A row to be sent, and what became of it.

    Attributes
    ----------
    position : int
        In its frame.
    key : str
        Its submitter_id.
    record : dict
        What to send.
    new : bool
        Created by POST, which never overwrites; else updated by PUT.
    was : str or None
        When the stored record was last updated, before this.
    properties : bool
        Whether properties change, and not links alone.
    level : int
        Rows of a higher level link to rows of a lower one.
    status : str
    reason : str
    id : str or None
        As answered, then as stored.
    tries : int
        How often it was sent.
    answered : bool
        Whether an answer said that it is done.
    exists : bool
        Whether an answer said that there is such a record already.
    """

    position: int
    key: str
    record: dict[str, Any]
    new: bool
    was: str | None = None
    properties: bool = True
    level: int = 0
    status: Status = "not sent"
    reason: str = ""
    id: str | None = None
    tries: int = 0
    answered: bool = False
    exists: bool = False


@dataclass
class NodePlan:
    """What to do with the rows of one frame.

    Attributes
    ----------
    node : Node
    rows : list of int
        The user's row numbers.
    keys : list of str or None
    validation : ValidationReport
    comparison : Comparison
    refused : dict of int to str
        Position → why it is not sent.
    to_send : list of Row
    """

    node: Node
    rows: list[int]
    keys: list[str | None]
    validation: ValidationReport
    comparison: Comparison
    refused: dict[int, str]
    to_send: list[Row] = field(default_factory=list)


def plan(
    frames: Mapping[str, pd.DataFrame],
    *,
    connection: Connection,
    project: ProjectId,
    look: Look,
    missing: Missing = "keep",
    privacy: bool = True,
) -> list[NodePlan]:
    """Check all rows, compare them with the commons, and say what to send.

    Parameters
    ----------
    frames : Mapping of str to DataFrame
    connection : Connection
    project : ProjectId
    look : Look
    missing : {"keep", "clear"}
    privacy : bool
        Note columns that look personal.

    Returns
    -------
    list of NodePlan
        Parents before children.

    Raises
    ------
    DictionaryError
        A node is unknown.
    ValidationError
        A frame is no table of records.
    """
    dictionary = connection.dictionary
    nodes = [dictionary[name] for name in frames]
    kinds = {node.name: typed_by_origin(frames[node.name], node) for node in nodes}
    refused: dict[str, dict[int, str]] = {}
    reports: dict[str, ValidationReport] = {}
    for name in (name for name in dictionary.order if name in kinds):
        report = validate(
            kinds[name],
            name,
            dictionary=dictionary,
            project=project,
            connection=connection,
            others={other: frame for other, frame in kinds.items() if other != name},
            progress=False,
            look=look,
            privacy=privacy,
        )
        reports[name] = report
        refused[name] = _reasons(report)
    _orphans(kinds, refused, connection, look)
    plans = []
    for name, report in reports.items():
        node, frame = dictionary[name], kinds[name]
        good = [i for i in range(len(frame)) if i not in refused[name]]
        comparison = compare(frame, node, look, missing=missing, positions=good)
        for cell in comparison.blocked:
            refused[name].setdefault(cell.position, f"{cell.column}: {cell.reason}")
        entry = NodePlan(node, row_numbers(frame), submitter_ids(frame), report, comparison, refused[name])
        entry.to_send = _to_send(entry, frame)
        plans.append(entry)
    return plans


def _reasons(report: ValidationReport) -> dict[int, str]:
    """Say for each row with problems what they are."""
    words: dict[int, list[str]] = {}
    for one in report.found:
        words.setdefault(one.position, []).append(f"{one.column}: {one.message}")
    return {
        position: "; ".join(said[:4])
        + (f"; and {counted(len(said) - 4, 'more problem')}" if len(said) > 4 else "")
        for position, said in words.items()
    }


def _orphans(
    frames: Mapping[str, pd.DataFrame],
    refused: Mapping[str, dict[int, str]],
    connection: Connection,
    look: Look,
) -> None:
    """Refuse rows whose parents are refused and not in the commons, and so on down the links."""
    if not any(refused.values()):
        return
    keys = {name: submitter_ids(frame) for name, frame in frames.items()}
    ends = {name: ends_of(frame, connection.dictionary[name]) for name, frame in frames.items()}
    good = {
        name: {fold(key) for i, key in enumerate(held) if key and i not in refused[name]}
        for name, held in keys.items()
    }
    while True:
        lost: dict[str, list[tuple[int, str]]] = {}
        for name, found in ends.items():
            for one in found:
                target = one.link.target
                if target not in frames or one.part == "id":
                    continue
                waiting = [
                    (position, key)
                    for position, key in zip(one.positions, one.targets, strict=True)
                    if position not in refused[name] and fold(key) not in good[target]
                ]
                stored = look.keys(target, [key for _, key in waiting])
                lost.setdefault(name, []).extend(
                    (position, f"{one.column}: the {target} {key!r} has problems itself, so it is not sent")
                    for position, key in waiting
                    if fold(key) not in stored
                )
        if not any(lost.values()):
            return
        for name, rows in lost.items():
            for position, reason in rows:
                refused[name].setdefault(position, reason)
                own = keys[name][position]
                if own:
                    good[name].discard(fold(own))


def _to_send(entry: NodePlan, frame: pd.DataFrame) -> list[Row]:
    """Make the rows to send, those first that others of the same frame link to."""
    comparison = entry.comparison
    links = {link.column for link in entry.node.links}
    with_properties = {cell.position for cell in comparison.cells if cell.column not in links}
    rows = [
        Row(
            position,
            entry.keys[position] or "",
            comparison.records[position],
            new=new,
            was=comparison.stored[position].updated if position in comparison.stored else None,
            properties=new or position in with_properties,
        )
        for positions, new in ((comparison.new, True), (comparison.changed, False))
        for position in positions
    ]
    if any(link.target == entry.node.name for link in entry.node.links):
        _levels(rows, frame, entry.node)
    return rows


def _levels(rows: Sequence[Row], frame: pd.DataFrame, node: Node) -> None:
    """Say which rows of one frame have to wait for which."""
    new = {fold(row.key): row for row in rows if row.new}
    at = {row.position: row for row in rows}
    waits: dict[int, set[int]] = {}
    for one in ends_of(frame, node):
        if one.link.target == node.name and one.part != "id":
            for position, key in zip(one.positions, one.targets, strict=True):
                parent = new.get(fold(key))
                if position in at and parent is not None and parent.position != position:
                    waits.setdefault(position, set()).add(parent.position)
    left = set(waits)
    level = 0
    while left:
        level += 1
        ready = {position for position in left if not waits[position] & left}
        for position in ready or left:
            at[position].level = level
        # a circle goes in one request, where order does not matter
        left = left - ready if ready else set()
