"""Which rows of several frames to send, and in which order; nothing is sent here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gen3nb.dictionary import Node
from gen3nb.frames.casting import typed_by_origin
from gen3nb.frames.keys import Marks, marks, taken
from gen3nb.frames.links import ends_of
from gen3nb.frames.looking import Look
from gen3nb.frames.matching import NEW, Missing, compare
from gen3nb.frames.origin import row_numbers
from gen3nb.frames.reports import ValidationReport, counted
from gen3nb.frames.rows import Rows
from gen3nb.frames.validation import submitter_ids, validate

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectId
    from gen3nb.frames.connection import Connection

__all__ = ["NodePlan", "plan"]


@dataclass
class NodePlan:
    """What to do with the rows of one frame.

    Attributes
    ----------
    node : Node
    numbers : sequence of int
        The user's row numbers.
    validation : ValidationReport
    refused : dict of int to str
        Position → why it is not sent.
    rows : Rows
        Those to be sent, and what became of them.
    """

    node: Node
    numbers: Sequence[int]
    validation: ValidationReport
    refused: dict[int, str]
    rows: Rows


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
        good = np.setdiff1d(np.arange(len(frame)), np.array(list(refused[name]), dtype=np.int64))
        comparison = compare(frame, node, look, missing=missing, positions=good)
        for cell in comparison.blocked:
            refused[name].setdefault(cell.position, f"{cell.column}: {cell.reason}")
        rows = Rows(comparison, submitter_ids(frame))
        if any(link.target == name for link in node.links):
            rows.levels = _levels(rows, frame, node)
        plans.append(NodePlan(node, row_numbers(frame), report, refused[name], rows))
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
    ends = {name: ends_of(frame, connection.dictionary[name]) for name, frame in frames.items()}
    own = {name: marks(submitter_ids(frame)) for name, frame in frames.items()}
    sent = {name: np.ones(len(frame), dtype=bool) for name, frame in frames.items()}
    for name, reasons in refused.items():
        sent[name][list(reasons)] = False
    found = True
    while found:
        found = False
        for name, one in ((name, one) for name, held in ends.items() for one in held):
            target = one.link.target
            if target not in frames or one.part == "id":
                continue
            waiting = sent[name][one.positions] & ~np.isin(one.marks, own[target][sent[target]])
            at = np.flatnonzero(waiting)
            if not len(at):
                continue
            stored = look.keys(target, taken(one.targets, at)).places(one.marks[at]) >= 0
            for number in at[~stored].tolist():
                found = True
                position = int(one.positions[number])
                sent[name][position] = False
                refused[name].setdefault(
                    position,
                    f"{one.column}: the {target} {one.targets[number]!r} has problems itself, "
                    "so it is not sent",
                )


def _levels(rows: Rows, frame: pd.DataFrame, node: Node) -> Marks | None:
    """Say which rows of a frame wait for others: those of a higher level for those of a lower."""
    new = rows.comparison.positions(NEW)
    names = marks(taken(rows.keys, new))
    order = np.argsort(names, kind="stable")
    sending = np.zeros(len(frame), dtype=bool)
    sending[rows.to_send] = True
    child, parent = [], []
    for one in ends_of(frame, node):
        if one.link.target != node.name or one.part == "id" or not len(new):
            continue
        at = np.searchsorted(names[order], one.marks)
        at[at == len(names)] = 0
        whose = new[order[at]]
        waits = (names[order[at]] == one.marks) & sending[one.positions] & (whose != one.positions)
        child.append(one.positions[waits])
        parent.append(whose[waits])
    if not child:
        return None
    waiting, awaited = np.concatenate(child), np.concatenate(parent)
    if not len(waiting):
        return None
    levels: Marks = np.zeros(len(frame), dtype=np.int64)
    left = np.zeros(len(frame), dtype=bool)
    left[waiting] = True
    level = 0
    while left.any():
        level += 1
        held = np.zeros(len(frame), dtype=bool)
        held[waiting[left[awaited]]] = True
        ready = left & ~held
        # a circle goes in one request, where order does not matter
        levels[ready if ready.any() else left] = level
        left = left & ~ready if ready.any() else np.zeros(len(frame), dtype=bool)
    return levels
