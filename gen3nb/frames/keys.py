"""Many names at once: those of a frame's rows and those that a commons holds, some bytes each.

A Python text takes about a hundred bytes, and a list of a million of them more than the frame that they come
from. So names stay in the frame's own Arrow data, sets of names are sorted 64-bit hashes, and ids, which are
UUIDs, take 16 bytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
import pandas as pd

from gen3nb.frames.findings import fold, fold_all

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Ids", "KeyTable", "Marks", "StoredKey", "Texts", "batched", "marks", "taken"]

T = TypeVar("T")
#: One number per name.
Marks: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

STEP = 10_000


class StoredKey(NamedTuple):
    """A record's name in the commons."""

    submitter_id: str
    id: str
    updated: str | None = None


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Part a stream into lists of at most ``size``."""
    stream = iter(items)
    while part := list(islice(stream, size)):
        yield part


class Texts(Sequence["str | None"]):
    """A column of text as a sequence; a Python text is made only of what is asked for.

    Parameters
    ----------
    held : pyarrow.ChunkedArray
    """

    def __init__(self, held: pa.ChunkedArray) -> None:
        self._held = held

    @classmethod
    def of(cls, column: pd.Series[Any]) -> Texts | None:
        """Give the sequence of a column whose data are Arrow's; None for others."""
        dtype = column.dtype
        if not (isinstance(dtype, pd.StringDtype) and dtype.storage == "pyarrow"):
            return None
        import pyarrow as pa

        held = pa.array(column.array)
        return cls(held if isinstance(held, pa.ChunkedArray) else pa.chunked_array([held]))

    def __len__(self) -> int:
        return len(self._held)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            start, stop, step = at.indices(len(self))
            return self._held.slice(start, stop - start).to_pylist()[::step] if step > 0 else list(self)[at]
        return self._held[int(at)].as_py()

    def __iter__(self) -> Iterator[str | None]:
        for start in range(0, len(self), STEP):
            yield from self._held.slice(start, STEP).to_pylist()

    def take(self, positions: Sequence[int] | Marks) -> Texts:
        """Give the texts at some positions, as such a sequence."""
        import pyarrow as pa

        return Texts(self._held.take(pa.array(np.asarray(positions, dtype=np.int64))))


def taken(texts: Sequence[str | None], positions: Sequence[int] | Marks) -> Sequence[str | None]:
    """Give the texts at some positions.

    Parameters
    ----------
    texts : sequence of str or None
    positions : sequence of int

    Returns
    -------
    sequence of str or None
    """
    return texts.take(positions) if isinstance(texts, Texts) else [texts[at] for at in positions]


def marks(texts: Iterable[str | None], *, folded: bool = True) -> Marks:
    """Give each text a number of 64 bits; equal ones have equal numbers, also in another case.

    That two different texts among a million have one number has a chance below one in ten million.

    Parameters
    ----------
    texts : iterable of str or None
        None counts as an empty text.
    folded : bool
        Whether case does not matter, as with submitter_ids.

    Returns
    -------
    array of int64
    """
    found = array("q")
    for part in batched(texts, STEP):
        plain = [text or "" for text in part]
        found.extend(map(hash, fold_all(plain) if folded else plain))
    return np.array(found, dtype=np.int64)


class Ids:
    """Ids by position, 16 bytes each where they are UUIDs, as nearly all are.

    Parameters
    ----------
    count : int
        How many positions there are at first; none has an id.
    """

    def __init__(self, count: int = 0) -> None:
        self._bytes = bytearray(16 * count)
        self._odd: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._bytes) // 16

    def __getitem__(self, at: int) -> str | None:
        if self._odd and at in self._odd:
            return self._odd[at]
        held = self._bytes[16 * at : 16 * at + 16]
        return _written(held.hex()) if any(held) else None

    def __setitem__(self, at: int, value: str | None) -> None:
        self._odd.pop(at, None)
        held = _uuid(value) if value is not None else bytes(16)
        if held is None and value is not None:
            self._odd[at] = value
        self._bytes[16 * at : 16 * at + 16] = held or bytes(16)

    def append(self, value: str) -> None:
        """Add a position with an id."""
        self._bytes.extend(bytes(16))
        self[len(self) - 1] = value

    def extend(self, others: Ids) -> None:
        """Add the positions of others."""
        before = len(self)
        self._bytes.extend(others._bytes)
        self._odd |= {before + at: value for at, value in others._odd.items()}

    def __iter__(self) -> Iterator[str | None]:
        return (self[at] for at in range(len(self)))


def _written(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _uuid(text: str) -> bytes | None:
    """Give the bytes of a UUID in its usual spelling; None for any other text."""
    if len(text) != 36:
        return None
    digits = text.replace("-", "")
    try:
        held = bytes.fromhex(digits)
    except ValueError:
        return None
    return held if any(held) and _written(held.hex()) == text else None


class KeyTable:
    """The names of many stored records, to be found by folded submitter_id; about 60 bytes each.

    When a record was updated is held as a mark alone: see :meth:`updated`. A record's place is its number in
    the order read.

    Parameters
    ----------
    stored : iterable of StoredKey
    """

    def __init__(self, stored: Iterable[StoredKey] = ()) -> None:
        self._ids = Ids()
        self._parts: list[Any] = []
        self._found, self._dates = array("q"), array("q")
        self._read(stored)
        self._sort()

    @classmethod
    def joined(cls, tables: Iterable[KeyTable]) -> KeyTable:
        """Give one table of several."""
        whole = cls()
        for table in tables:
            whole._ids.extend(table._ids)
            whole._parts += table._parts
            whole._found.extend(table._found)
            whole._dates.extend(table._dates)
        whole._sort()
        return whole

    def _read(self, stored: Iterable[StoredKey]) -> None:
        import pyarrow as pa

        for part in batched(stored, STEP):
            names = [one.submitter_id for one in part]
            self._found.extend(map(hash, fold_all(names)))
            self._dates.extend(hash(one.updated) for one in part)
            for one in part:
                self._ids.append(one.id)
            self._parts.append(pa.array(names, type=pa.large_string()))

    def _sort(self) -> None:
        import pyarrow as pa

        self._names = Texts(pa.chunked_array(self._parts, type=pa.large_string()))
        unsorted = np.array(self._found, dtype=np.int64)
        # of records of one name, the first read comes first
        self._order = np.argsort(unsorted, kind="stable")
        self.marks: Marks = unsorted[self._order]

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, folded: str) -> bool:
        return bool(self.get(folded))

    def get(self, folded: str) -> list[StoredKey]:
        """Give the records of a folded submitter_id; several only in damaged projects."""
        return [self.at(place) for place in self.places_of(folded)]

    def places_of(self, folded: str) -> list[int]:
        """Give the places of the records of a folded submitter_id."""
        mark = hash(folded)
        low, high = (int(np.searchsorted(self.marks, mark, side=side)) for side in ("left", "right"))
        places = self._order[low:high].tolist()
        return [place for place in places if fold(self._names[place] or "") == folded]

    def at(self, place: int) -> StoredKey:
        """Give a record's name; without its date."""
        return StoredKey(self._names[place] or "", self._ids[place] or "")

    def names(self, places: Marks) -> Sequence[str | None]:
        """Give the submitter_ids at some places."""
        return self._names.take(places)

    def id(self, place: int) -> str:
        """Give the id at a place."""
        return self._ids[place] or ""

    def updated(self, place: int) -> int:
        """Give the mark of the date at which a record was last updated: ``hash`` of its text."""
        return self._dates[place]

    def places(self, wanted: Marks) -> Marks:
        """Find many names at once.

        Parameters
        ----------
        wanted : array of int64
            Marks of submitter_ids.

        Returns
        -------
        array of int64
            The place of the first record of each name; -1 where there is none.
        """
        if not len(self):
            return np.full(len(wanted), -1, dtype=np.int64)
        low = np.searchsorted(self.marks, wanted)
        low[low == len(self.marks)] = 0
        return np.where(self.marks[low] == wanted, self._order[low], -1)

    def repeated(self) -> Marks:
        """Give the marks of names that several records have, as only damaged projects do."""
        again: Marks = np.unique(self.marks[1:][self.marks[1:] == self.marks[:-1]])
        return again

    def others(self, own: Marks) -> Iterator[StoredKey]:
        """Give the records whose names are not among these, in the order read."""
        left = np.sort(self._order[~np.isin(self.marks, own)])
        for start in range(0, len(left), STEP):
            part = left[start : start + STEP]
            for place, name in zip(part.tolist(), self.names(part), strict=True):
                yield StoredKey(name or "", self._ids[place] or "")
