"""Rows and the records that they are, brought together while the records stream in."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from gen3nb.dictionary import Node
from gen3nb.frames.keys import Ids, Marks, batched, marks
from gen3nb.frames.looking import Look
from gen3nb.frames.reading import stored_records
from gen3nb.frames.sinks import as_exported

__all__ = ["Judge", "pair"]

#: Takes positions of rows, each with its record as the export has it.
Judge: TypeAlias = Callable[[Sequence[tuple[int, Mapping[str, Any]]]], None]
#: So many rows are brought together with their records at once.
STEP = 1_000


def pair(look: Look, node: Node, positions: Marks, ids: Ids, begin: Callable[[], Judge]) -> None:
    """Show a judge each row with its stored record, some at a time; what is not stored it does not see.

    Parameters
    ----------
    look : Look
    node : Node
    positions : array of int
        Of rows in their frame.
    ids : Ids
        Of their records, in the same order.
    begin : callable
        Gives the judge; called anew if the records have to be read another way. A row may come twice: then
        the later time counts.
    """
    if not len(positions):
        begin()
        return

    def sink() -> _Pairs:
        return _Pairs(node, positions, ids, begin())

    taker = look.have_taken(node, sink, filter(None, ids), len(positions))
    for part in batched(sorted(taker.parted), STEP):
        own = [ids[number] or "" for number in part]
        whole = {str(one["id"]): one for one in stored_records(look.connection, look.project, node, own)}
        pairs = zip(part, own, strict=True)
        taker.judge([(int(positions[number]), whole[one]) for number, one in pairs if one in whole])


class _Pairs:
    """A sink that finds the row of each record, and keeps none."""

    def __init__(self, node: Node, positions: Marks, ids: Ids, judge: Judge) -> None:
        self.judge = judge
        #: Which records came in parts, each with some of its links.
        self.parted: set[int] = set()
        self._positions = positions
        self._links = [link.name for link in node.links]
        found = marks(ids, folded=False)
        self._order = np.argsort(found, kind="stable")
        self._marks = found[self._order]
        self._shown = bytearray(len(positions))
        self._seen = array("q")

    def __len__(self) -> int:
        return len(np.unique(np.array(self._seen, dtype=np.int64)))

    def add(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Take in a chunk of records."""
        for part in batched(records, STEP):
            if pairs := list(self._found(part)):
                self.judge(pairs)

    def _found(self, records: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, Mapping[str, Any]]]:
        found = marks([str(record["id"]) for record in records], folded=False)
        self._seen.extend(found.tolist())
        at = np.searchsorted(self._marks, found)
        at[at == len(self._marks)] = 0
        for place in np.flatnonzero(self._marks[at] == found).tolist():
            number = int(self._order[at[place]])
            if self._shown[number]:
                self.parted.add(number)
            self._shown[number] = 1
            yield int(self._positions[number]), as_exported(records[place], self._links)

    def finish(self) -> _Pairs:
        """Give itself: how many records there were is known now."""
        return self
