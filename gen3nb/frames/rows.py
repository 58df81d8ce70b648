"""The rows of one frame on their way: some bytes for each, and an object only for those in hand."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

from gen3nb.frames.keys import Ids, Marks, taken
from gen3nb.frames.matching import CHANGED, NEW, Comparison

__all__ = ["STATUSES", "Row", "Rows", "Status"]

Status = Literal["created", "updated", "unchanged", "rejected", "not sent", "unknown"]
STATUSES: tuple[Status, ...] = ("created", "updated", "unchanged", "rejected", "not sent", "unknown")
_CODES = {status: code for code, status in enumerate(STATUSES)}
_ANSWERED, _EXISTS, _OTHER = 1, 2, 4


class Rows:
    """What is to be sent of one frame, and what became of it.

    Parameters
    ----------
    comparison : Comparison
        Of all rows; those that are new or changed are sent.
    keys : sequence of str or None
        The submitter_ids of all rows.

    Attributes
    ----------
    to_send : array of int
        The positions of the rows to be sent: new ones, then changed ones.
    levels : array of int or None
        Rows of a higher level link to rows of a lower one; None: there are no such links.
    left_because : str
        Why rows were not sent, where they have no reason of their own.
    """

    def __init__(self, comparison: Comparison, keys: Sequence[str | None]) -> None:
        self.comparison = comparison
        self.keys = keys
        self.to_send: Marks = np.concatenate([comparison.positions(NEW), comparison.positions(CHANGED)])
        self.levels: Marks | None = None
        self.left_because = ""
        count = len(keys)
        self._status = bytearray([_CODES["not sent"]]) * count
        self._flags = bytearray(count)
        self._tries = bytearray(count)
        self._ids = Ids(count)
        self._reasons = array("i", bytes(4 * count))
        self._texts = [""]
        self._known = {"": 0}

    def take(self, positions: Iterable[int]) -> list[Row]:
        """Take some rows in hand.

        Parameters
        ----------
        positions : iterable of int

        Returns
        -------
        list of Row
        """
        wanted = [int(position) for position in positions]
        keys = taken(self.keys, wanted)
        return [Row(self, position, key or "") for position, key in zip(wanted, keys, strict=True)]

    def records(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """Make the records to send of some rows."""
        return self.comparison.records([row.position for row in rows])

    def parts(self, positions: Marks) -> list[Marks]:
        """Part rows into those that can go together: level by level, new ones before changed ones."""
        new = np.frombuffer(self.comparison.verdicts, dtype=np.uint8)[positions] == NEW
        if self.levels is None:
            return [part for part in (positions[new], positions[~new]) if len(part)]
        levels = self.levels[positions]
        both = [positions[(levels == level) & kind] for level in np.unique(levels) for kind in (new, ~new)]
        return [part for part in both if len(part)]

    def sent(self) -> Marks:
        """Give the positions of the rows that were sent, and may be stored."""
        flags = np.frombuffer(self._flags, dtype=np.uint8)[self.to_send]
        status = np.frombuffer(self._status, dtype=np.uint8)[self.to_send]
        asked = (flags & (_ANSWERED | _EXISTS) > 0) | (status == _CODES["unknown"])
        found: Marks = self.to_send[asked]
        return found

    @property
    def touched(self) -> bool:
        """Whether anything may be stored."""
        answered = np.frombuffer(self._flags, dtype=np.uint8) & _ANSWERED
        return bool(answered.any()) or _CODES["unknown"] in self._status

    @property
    def updates(self) -> bool:
        """Whether a row to be sent is an update."""
        return self.comparison.count(CHANGED) > 0

    def counts(self) -> dict[Status, int]:
        """Count the rows to be sent by status."""
        times = np.bincount(
            np.frombuffer(self._status, dtype=np.uint8)[self.to_send], minlength=len(STATUSES)
        )
        return {status: int(times[code]) for code, status in enumerate(STATUSES)}

    def _note(self, position: int, reason: str) -> None:
        number = self._known.get(reason)
        if number is None:
            number = self._known[reason] = len(self._texts)
            self._texts.append(reason)
        self._reasons[position] = number


class Row:
    """A row in hand, to be sent or looked up; what is set here is kept in its :class:`Rows`.

    Attributes
    ----------
    rows : Rows
    position : int
        In its frame.
    key : str
        Its submitter_id.
    """

    __slots__ = ("key", "position", "rows")

    def __init__(self, rows: Rows, position: int, key: str) -> None:
        self.rows, self.position, self.key = rows, position, key

    @property
    def new(self) -> bool:
        """Created by POST, which never overwrites; else updated by PUT."""
        return self.rows.comparison.verdicts[self.position] == NEW

    @property
    def properties(self) -> bool:
        """Whether properties change, and not links alone."""
        return self.new or bool(self.rows.comparison.properties[self.position])

    @property
    def was(self) -> int:
        """The mark of the date at which the stored record was last updated, before this."""
        return self.rows.comparison.updated[self.position]

    @property
    def status(self) -> Status:
        """What became of it."""
        return STATUSES[self.rows._status[self.position]]

    @status.setter
    def status(self, value: Status) -> None:
        self.rows._status[self.position] = _CODES[value]

    @property
    def reason(self) -> str:
        """Why it has this status."""
        own = self.rows._texts[self.rows._reasons[self.position]]
        return own or (self.rows.left_because if self.status == "not sent" else "")

    @reason.setter
    def reason(self, value: str) -> None:
        self.rows._note(self.position, value)

    @property
    def id(self) -> str | None:
        """As answered, then as stored."""
        return self.rows._ids[self.position]

    @id.setter
    def id(self, value: str | None) -> None:
        self.rows._ids[self.position] = value

    @property
    def tries(self) -> int:
        """How often it was sent."""
        return self.rows._tries[self.position]

    @tries.setter
    def tries(self, value: int) -> None:
        self.rows._tries[self.position] = min(value, 255)

    def _flag(self, flag: int) -> bool:
        return bool(self.rows._flags[self.position] & flag)

    def _set(self, flag: int, value: bool) -> None:
        held = self.rows._flags[self.position]
        self.rows._flags[self.position] = held | flag if value else held & ~flag

    @property
    def answered(self) -> bool:
        """Whether an answer said that it is done."""
        return self._flag(_ANSWERED)

    @answered.setter
    def answered(self, value: bool) -> None:
        self._set(_ANSWERED, value)

    @property
    def exists(self) -> bool:
        """Whether an answer said that there is such a record already."""
        return self._flag(_EXISTS)

    @exists.setter
    def exists(self, value: bool) -> None:
        self._set(_EXISTS, value)

    @property
    def other(self) -> bool:
        """Whether the stored record has another id than the answer gave: it may be somebody else's."""
        return self._flag(_OTHER)

    @other.setter
    def other(self, value: bool) -> None:
        self._set(_OTHER, value)
