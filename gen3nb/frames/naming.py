"""The names of a frame's rows: each its own, and as the commons has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gen3nb.dictionary import Node
from gen3nb.frames.builders import plain
from gen3nb.frames.codec import plain_column
from gen3nb.frames.findings import GEN3NB, Findings, fold
from gen3nb.frames.keys import KeyTable, Marks, batched, taken
from gen3nb.frames.sinks import Each

if TYPE_CHECKING:
    from gen3nb.frames.looking import Look

__all__ = ["NameCheck"]

STEP = 10_000


class NameCheck:
    """All checks of submitter_ids, ids and further unique keys of one frame.

    Parameters
    ----------
    frame : pandas.DataFrame
    node : Node
    columns : sequence of str
        The frame's columns, without stars and spaces.
    rows : sequence of int
        The user's row numbers.
    keys : sequence of str or None
        The submitter_ids.
    key_marks : array of int64
        Their marks.
    stored : KeyTable
        What the commons has under them.
    look : Look or None
    findings : Findings
        Where problems go.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        node: Node,
        columns: Sequence[str],
        rows: Sequence[int],
        keys: Sequence[str | None],
        key_marks: Marks,
        stored: KeyTable,
        look: Look | None,
        findings: Findings,
    ) -> None:
        self.frame = frame
        self.node = node
        self.columns = columns
        self.rows = rows
        self.keys = keys
        self.marks = key_marks
        self.stored = stored
        self.look = look
        self.findings = findings

    def _cells(self, column: str) -> list[Any]:
        return plain_column(self.frame.iloc[:, self.columns.index(column)], None)

    def submitter_ids(self) -> None:
        """Check submitter_ids against each other and against the commons, without regard to case."""
        nameless = np.flatnonzero(self.marks == hash(""))
        empty = [i for i in nameless.tolist() if self.keys[i] == ""]
        self.findings.add(
            empty, "submitter_id", "required", "is empty, but required", values=[""] * len(empty)
        )
        for positions in self._same_names():
            self._twice(positions)
        places = self.stored.places(self.marks)
        known = np.flatnonzero((places >= 0) & (self.marks != hash("")))
        for part in batched(known.tolist(), STEP):
            stored, own = self.stored.names(places[part]), taken(self.keys, part)
            for i, name, key in zip(part, stored, own, strict=True):
                if name != key and key is not None:
                    self._respelled(i, [one.submitter_id for one in self.stored.get(fold(key))])

    def _same_names(self) -> Iterator[list[int]]:
        """Give the positions of rows that have one name, case aside."""
        found, times = np.unique(self.marks, return_counts=True)
        again = found[(times > 1) & (found != hash(""))]
        groups: dict[str, list[int]] = {}
        for i in np.flatnonzero(np.isin(self.marks, again)).tolist():
            groups.setdefault(fold(self.keys[i] or ""), []).append(i)
        return (positions for positions in groups.values() if len(positions) > 1)

    def _twice(self, positions: Sequence[int]) -> None:
        spellings = [self.keys[i] for i in positions]
        times = Counter(spellings)
        for i, key in zip(positions, spellings, strict=True):
            others = [str(self.rows[j]) for j in positions[:6] if j != i][:5]
            more = len(positions) - 1 - len(others)
            where = f"row{'s' if len(positions) > 2 else ''} {', '.join(others)}" + (
                f" and {more} more" if more else ""
            )
            if times[key] > 1:
                text = f"{key!r} stands in {where} too: each record needs its own submitter_id"
                self.findings.add([i], "submitter_id", "duplicate", text, values=[key])
            else:
                text = (
                    f"{key!r} stands in {where} in another spelling; the commons takes both for one "
                    "record, and would lose all rows sent along with them"
                )
                self.findings.add([i], "submitter_id", "duplicate", text, values=[key], origin=GEN3NB)

    def _respelled(self, position: int, stored: Sequence[str]) -> None:
        key = self.keys[position]
        if key in stored or not stored:
            return
        self.findings.add(
            [position],
            "submitter_id",
            "spelling",
            f"the commons has this record as {stored[0]!r}; sending it as {key!r} would rename it",
            values=[key],
            suggestions=[stored[0]],
            origin=GEN3NB,
        )

    def other_keys(self) -> None:
        """Check further unique keys of the node, other than the submitter_id, here and in the commons."""
        for parts in self.node.unique_keys:
            own = [part for part in parts if part not in {"id", "project_id"}]
            if not own or own == ["submitter_id"] or not all(part in self.columns for part in own):
                continue
            columns = [self._cells(part) for part in own]
            held: dict[tuple[str, ...], list[int]] = {}
            for position, values in enumerate(zip(*columns, strict=True)):
                if not any(value is None for value in values):
                    held.setdefault(tuple(fold(str(value)) for value in values), []).append(position)
            taken_by = self._taken_keys(own, held)
            for folded, positions in held.items():
                owner = taken_by.get(folded)
                for position in positions:
                    if position != positions[0]:
                        where = f"stands in row {self.rows[positions[0]]} too"
                    elif owner is not None and fold(owner) != fold(self.keys[position] or ""):
                        where = f"is that of {owner!r} in the commons"
                    else:
                        continue
                    mine = [column[position] for column in columns]
                    text = f"{' and '.join(map(repr, mine))} {where}, but {' and '.join(own)} must be unique"
                    self.findings.add([position], own[0], "duplicate", text, values=mine[:1], origin=GEN3NB)

    def _taken_keys(
        self, parts: Sequence[str], wanted: Container[tuple[str, ...]]
    ) -> dict[tuple[str, ...], str]:
        """Give those values of a unique key that records in the commons have, and whose they are."""
        found: dict[tuple[str, ...], str] = {}

        def take(record: Mapping[str, Any]) -> None:
            value = tuple(fold(str(plain(record.get(part)))) for part in parts)
            if value in wanted:
                found[value] = str(record.get("submitter_id"))

        if self.look is not None and self.look.count(self.node.name):
            self.look.have_taken(self.node, lambda: Each(take))
        return found

    def ids(self) -> None:
        """Check that ids, which are never sent, belong to the records that the submitter_ids name."""
        if "id" not in self.columns or self.look is None:
            return
        cells = self._cells("id")
        given = {i: str(value) for i, value in enumerate(cells) if value is not None and value != ""}
        own = {i: [one.id for one in self.stored.get(fold(self.keys[i] or ""))] for i in given}
        strange = {i: value for i, value in given.items() if value not in own[i]}
        elsewhere = self.look.ids(self.node.name, strange.values()) if strange else {}
        for i, value in strange.items():
            there = elsewhere.get(value)
            if there is not None:
                text = (
                    f"this is the id of {there.get('submitter_id')!r} in {there.get('project_id')}; a record "
                    "cannot be renamed: drop the id to create another record"
                )
            elif own[i]:
                text = f"the record {self.keys[i]!r} has the id {own[i][0]} in the commons"
            else:
                self.findings.note(
                    "Ids of new records are given by the commons; those in the frame are not sent."
                )
                continue
            self.findings.add([i], "id", "id", text, values=[value], origin=GEN3NB)
