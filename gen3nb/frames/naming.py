"""The names of a frame's rows: each its own, and as the commons has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from gen3nb.dictionary import Node
from gen3nb.frames.codec import plain_column
from gen3nb.frames.findings import GEN3NB, Findings, fold, fold_all

if TYPE_CHECKING:
    from gen3nb.frames.looking import Look, StoredKey

__all__ = ["NameCheck"]


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
    stored : Mapping of str to list of StoredKey
        What the commons has under them, by folded submitter_id.
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
        stored: Mapping[str, list[StoredKey]],
        look: Look | None,
        findings: Findings,
    ) -> None:
        self.frame = frame
        self.node = node
        self.columns = columns
        self.rows = rows
        self.keys = keys
        self.stored = stored
        self.look = look
        self.findings = findings

    def _cells(self, column: str) -> list[Any]:
        return plain_column(self.frame.iloc[:, self.columns.index(column)], None)

    def submitter_ids(self) -> None:
        """Check submitter_ids against each other and against the commons, without regard to case."""
        empty = [i for i, key in enumerate(self.keys) if key == ""]
        self.findings.add(
            empty, "submitter_id", "required", "is empty, but required", values=[""] * len(empty)
        )
        named = [i for i, key in enumerate(self.keys) if key]
        folded_keys = fold_all([key for key in self.keys if key])
        if not self.stored and len(set(folded_keys)) == len(folded_keys):
            return
        groups: dict[str, list[int]] = {}
        for position, folded in zip(named, folded_keys, strict=True):
            groups.setdefault(folded, []).append(position)
        for positions in groups.values():
            if len(positions) > 1:
                self._twice(positions)
        for folded, stored in self.stored.items():
            for position in groups.get(folded, ()):
                self._respelled(position, [one.submitter_id for one in stored])

    def _twice(self, positions: Sequence[int]) -> None:
        spellings = [self.keys[i] for i in positions]
        for i in positions:
            others = [str(self.rows[j]) for j in positions if j != i]
            where = f"row{'s' if len(others) > 1 else ''} {', '.join(others[:5])}" + (
                f" and {len(others) - 5} more" if len(others) > 5 else ""
            )
            if spellings.count(self.keys[i]) > 1:
                text = f"{self.keys[i]!r} stands in {where} too: each record needs its own submitter_id"
                self.findings.add([i], "submitter_id", "duplicate", text, values=[self.keys[i]])
            else:
                text = (
                    f"{self.keys[i]!r} stands in {where} in another spelling; the commons takes both for one "
                    "record, and would lose all rows sent along with them"
                )
                self.findings.add(
                    [i], "submitter_id", "duplicate", text, values=[self.keys[i]], origin=GEN3NB
                )

    def _respelled(self, position: int, stored: Sequence[str]) -> None:
        key = self.keys[position]
        if key in stored:
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
            taken = self._taken_keys(own)
            seen: dict[tuple[str, ...], int] = {}
            for position, values in enumerate(zip(*columns, strict=True)):
                if any(value is None for value in values):
                    continue
                folded = tuple(fold(str(value)) for value in values)
                first, owner = seen.setdefault(folded, position), taken.get(folded)
                if first != position:
                    where = f"stands in row {self.rows[first]} too"
                elif owner is not None and fold(owner) != fold(self.keys[position] or ""):
                    where = f"is that of {owner!r} in the commons"
                else:
                    continue
                text = f"{' and '.join(map(repr, values))} {where}, but {' and '.join(own)} must be unique"
                self.findings.add([position], own[0], "duplicate", text, values=[values[0]], origin=GEN3NB)

    def _taken_keys(self, parts: Sequence[str]) -> dict[tuple[str, ...], str]:
        """Give the values of a unique key that records in the commons have, and whose they are."""
        if self.look is None:
            return {}
        ids = [one.id for held in self.look.all_keys(self.node.name).values() for one in held]
        return {
            tuple(fold(str(record.get(part))) for part in parts): str(record.get("submitter_id"))
            for record in self.look.records(self.node, ids).values()
        }

    def ids(self) -> None:
        """Check that ids, which are never sent, belong to the records that the submitter_ids name."""
        if "id" not in self.columns or self.look is None:
            return
        cells = self._cells("id")
        given = {i: str(value) for i, value in enumerate(cells) if value is not None and value != ""}
        own = {i: [one.id for one in self.stored.get(fold(self.keys[i] or ""), ())] for i in given}
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
