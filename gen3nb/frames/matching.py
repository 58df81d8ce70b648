"""Each row against the record that the commons has under its submitter_id, a chunk of records at a time.

What stays is some bytes per row. Rows become records only to be compared, and again when they are sent.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from gen3nb.dictionary import Node
from gen3nb.frames.changes import NOT_COMPARED, CellChange, Changes, changes_of, may_be_null
from gen3nb.frames.codec import plain_columns, to_records
from gen3nb.frames.findings import fold
from gen3nb.frames.keys import Ids, KeyTable, Marks, marks
from gen3nb.frames.looking import Look
from gen3nb.frames.pairing import Judge, pair
from gen3nb.frames.validation import submitter_ids

__all__ = ["CHANGED", "FIXED", "NEW", "UNCHANGED", "CellChange", "Comparison", "Missing", "compare"]

Missing = Literal["keep", "clear"]
#: What becomes of a row; 0: it was not compared. ``FIXED``: it wants what an update cannot do.
NEW, CHANGED, UNCHANGED, FIXED = 1, 2, 3, 4
#: What the index holds of a file too, and never changes.
_IN_THE_INDEX = {"file_size", "md5sum"}


class Comparison:
    """Rows of one frame against the commons.

    Parameters
    ----------
    frame : pandas.DataFrame
    node : Node
    missing : {"keep", "clear"}
    cells : bool
        Whether to note every cell that changes.

    Attributes
    ----------
    verdicts : bytearray
        Of each row of the frame: ``NEW``, ``CHANGED``, ``UNCHANGED``, ``FIXED``, or 0.
    properties : bytearray
        Whether properties change, and not links alone.
    ids : Ids
        Of the stored records.
    updated : array of int
        Marks of the dates at which they were last updated.
    """

    def __init__(self, frame: pd.DataFrame, node: Node, missing: Missing, *, cells: bool) -> None:
        self.frame, self.node, self.missing, self._noting = frame, node, missing, cells
        self.ids = Ids(len(frame))
        self.updated = array("q", bytes(8 * len(frame)))
        self.begin(np.zeros(0, dtype=np.int64))
        self._columns = [name for name in plain_columns(frame) if name not in NOT_COMPARED]
        # a new record must have these, if only as null
        self._asked = [name for name in self._columns if may_be_null(name, node)]
        self._links = {link.column for link in node.links}

    def begin(self, rows: Marks) -> None:
        """Take rows as new until their records are seen; what was judged before is forgotten."""
        count = len(self.frame)
        self.verdicts = bytearray(count)
        np.frombuffer(self.verdicts, dtype=np.uint8)[rows] = NEW
        self.properties = bytearray(count)
        self._kept = array("H", bytes(2 * count))
        self._cleared = array("H", bytes(2 * count))
        self._cells: dict[int, list[CellChange]] = {}
        self._files: set[int] = set()
        self._blocked: dict[int, list[CellChange]] = {}
        # many rows lack the same: each set of properties is held once
        self._amended: dict[int, tuple[tuple[str, ...], dict[str, Any]]] = {}
        self._shared: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {}

    def positions(self, *verdicts: int) -> Marks:
        """Give the positions of the rows with one of these verdicts, in order."""
        held = np.frombuffer(self.verdicts, dtype=np.uint8)
        return np.flatnonzero(np.isin(held, verdicts))

    def count(self, verdict: int) -> int:
        """Count the rows with a verdict."""
        return self.verdicts.count(verdict)

    @property
    def cells(self) -> list[CellChange]:
        """The cells of changed rows that differ, row by row, if they were to be noted."""
        return [cell for _, cells in sorted(self._cells.items()) for cell in cells]

    @property
    def blocked(self) -> list[CellChange]:
        """What cannot be changed, row by row."""
        return [cell for _, cells in sorted(self._blocked.items()) for cell in cells]

    @property
    def cleared(self) -> int:
        """How many cells empty a stored value."""
        return int(np.frombuffer(self._cleared, dtype=np.uint16).sum())

    @property
    def notes(self) -> list[str]:
        """What is no obstacle, but worth to know: the index keeps what it has of a file."""
        if not self.node.is_file or not self._files:
            return []
        count = len(self._files)
        rows = "1 row changes" if count == 1 else f"{count:,} rows change"
        return [
            f"{rows} file_size or md5sum of a file that is there already. The commons changes the record "
            "alone; its index keeps the old values, by which downloads are checked. If the file itself is "
            "another one, upload it and submit it as a new record."
        ]

    @property
    def kept(self) -> int:
        """How many cells are empty and leave a stored value as it is."""
        return int(np.frombuffer(self._kept, dtype=np.uint16).sum())

    def judge(self, pairs: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
        """Compare rows with their records, and note what comes of it; a later verdict counts.

        Parameters
        ----------
        pairs : sequence of (int, Mapping)
            The position of a row, and its record.
        """
        records = to_records(self.frame.iloc[[at for at, _ in pairs]], self.node, missing=self.missing)
        for (position, before), record in zip(pairs, records, strict=True):
            record.pop("project_id", None)
            self._judge(position, record, before)

    def _judge(self, position: int, record: Mapping[str, Any], before: Mapping[str, Any]) -> None:
        found = changes_of(position, record, before, self.node, self._columns)
        self._amended.pop(position, None)
        self._blocked.pop(position, None)
        self._cells.pop(position, None)
        self._files.discard(position)
        self._kept[position], self._cleared[position] = found.kept, 0
        if found.blocked:
            self.verdicts[position] = FIXED
            self._blocked[position] = found.blocked
        elif found.cells:
            self.verdicts[position] = CHANGED
            self.properties[position] = any(cell.column not in self._links for cell in found.cells)
            self._cleared[position] = found.cleared
            self._amend(position, found)
            if any(cell.column in _IN_THE_INDEX and cell.old is not None for cell in found.cells):
                self._files.add(position)
            if self._noting:
                self._cells[position] = found.cells
        else:
            self.verdicts[position] = UNCHANGED

    def _amend(self, position: int, found: Changes) -> None:
        if found.needless or found.further:
            text = json.dumps([found.needless, found.further], default=str)
            self._amended[position] = self._shared.setdefault(text, (found.needless, found.further))

    def records(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """Make the records to send for some rows that are new or changed.

        Parameters
        ----------
        positions : sequence of int

        Returns
        -------
        list of dict
        """
        records = to_records(self.frame.iloc[list(positions)], self.node, missing=self.missing)
        for at, position in enumerate(positions):
            record = records[at]
            record.pop("project_id", None)
            if self.verdicts[position] == NEW:
                given = {name: value for name, value in record.items() if value is not None}
                records[at] = dict.fromkeys(self._asked) | given
            elif position in self._amended:
                needless, further = self._amended[position]
                for name in needless:
                    record.pop(name)
                record |= further
        return records


def compare(
    frame: pd.DataFrame,
    node: Node,
    look: Look,
    *,
    missing: Missing = "keep",
    positions: Sequence[int] | Marks | None = None,
    cells: bool = False,
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
    cells : bool
        Whether to note every cell that changes.

    Returns
    -------
    Comparison
    """
    keys = submitter_ids(frame)
    sought = marks(keys)
    rows: Marks = np.arange(len(frame)) if positions is None else np.asarray(positions, dtype=np.int64)
    rows = rows[sought[rows] != hash("")]
    table = look.keys(node.name, keys)
    places = _places(table, keys, sought[rows], rows)
    known = rows[places >= 0]
    ids = Ids()
    for place in places[places >= 0].tolist():
        ids.append(table.id(place))

    result = Comparison(frame, node, missing, cells=cells)

    def begin() -> Judge:
        result.begin(rows)
        return result.judge

    pair(look, node, known, ids, begin)
    for at, place in zip(known.tolist(), places[places >= 0].tolist(), strict=True):
        if result.verdicts[at] != NEW:
            result.ids[at] = table.id(place)
            result.updated[at] = table.updated(place)
    return result


def _places(table: KeyTable, keys: Sequence[str | None], sought: Marks, rows: Marks) -> Marks:
    """Find the record of each row; where several have its name, the one that is spelled as the row has it."""
    places = table.places(sought)
    repeated = table.repeated()
    if len(repeated):
        for at in np.flatnonzero(np.isin(sought, repeated)).tolist():
            key = keys[rows[at]] or ""
            for place in table.places_of(fold(key)):
                if table.at(place).submitter_id == key:
                    places[at] = place
                    break
    return places
