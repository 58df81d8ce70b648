"""What takes in the records of an export as they come: a typed frame, or the records themselves."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import pandas as pd

from gen3nb.dictionary import Node
from gen3nb.frames.builders import plain
from gen3nb.frames.decoding import ColumnsOf

__all__ = ["Each", "Frame", "Records", "Sink", "as_exported", "merged"]

T = TypeVar("T", covariant=True)


class Sink(Protocol[T]):
    """Takes chunks of records in, and gives what it made of them."""

    def add(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Take in a chunk of records."""

    def finish(self) -> T:
        """Give what was made."""


class Frame:
    """A sink that makes a typed frame, one row per id."""

    def __init__(self, node: Node, columns: Sequence[str]) -> None:
        self._node = node
        self._columns = ColumnsOf(node, columns, extra=False)
        # to see whether an id came twice without holding them all a second time
        self._ids = array("q")

    def add(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Take in a chunk of records."""
        self._columns.add(records)
        self._ids.extend(hash(record.get("id")) for record in records)

    def finish(self) -> pd.DataFrame:
        """Give the frame."""
        frame = self._columns.finish()
        ids, self._ids = np.sort(np.asarray(self._ids)), array("q")
        return merged(frame, self._node) if (ids[1:] == ids[:-1]).any() else frame


class Records:
    """A sink that keeps the records as they come, one per id, with the union of their links."""

    def __init__(self, node: Node) -> None:
        self._links = [link.name for link in node.links]
        self._held: dict[str, dict[str, Any]] = {}

    def add(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Take in a chunk of records."""
        for record in records:
            new = as_exported(record, self._links)
            old = self._held.setdefault(str(record["id"]), new)
            if old is not new:
                for name in self._links:
                    ends = [*(old.get(name) or []), *(new.get(name) or [])]
                    if ends:
                        old[name] = [end for at, end in enumerate(ends) if end not in ends[:at]]

    def finish(self) -> list[dict[str, Any]]:
        """Give the records."""
        return list(self._held.values())


class Each:
    """A sink that shows each record to a function, and keeps none; a second try shows them anew.

    Parameters
    ----------
    show : callable
        Takes a record as it comes.
    """

    def __init__(self, show: Callable[[Mapping[str, Any]], None]) -> None:
        self._show = show
        self._seen = array("q")

    def __len__(self) -> int:
        return len(np.unique(np.array(self._seen, dtype=np.int64)))

    def add(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Take in a chunk of records."""
        for record in records:
            self._show(record)
        self._seen.extend(hash(str(record["id"])) for record in records)

    def finish(self) -> Each:
        """Give itself: how many records there were is known now."""
        return self


def as_exported(record: Mapping[str, Any], links: Sequence[str]) -> dict[str, Any]:
    """Give a record as the export has it, also if it came from a query: what is absent is left out.

    Parameters
    ----------
    record : Mapping
    links : sequence of str
        The names of the node's links.

    Returns
    -------
    dict
    """
    new = {name: plain(value) for name, value in record.items() if value is not None}
    for name in links:
        new[name] = [_end(end) for end in new.get(name) or []]
        if not new[name]:
            del new[name]
    return new


def _end(end: Mapping[str, Any]) -> dict[str, Any]:
    """Name the end of a link as the export does, also if it came from a query."""
    return {"node_id" if key == "id" else key: value for key, value in end.items()}


def merged(frame: pd.DataFrame, node: Node) -> pd.DataFrame:
    """Make one row of the rows of one id: the export can part a record's links over several.

    Parameters
    ----------
    frame : pandas.DataFrame
        With ``id``.
    node : Node

    Returns
    -------
    pandas.DataFrame
        With the union of the links; a new RangeIndex.
    """
    ids = frame["id"]
    repeated = ids.duplicated()
    if not repeated.any():
        return frame
    first = ~repeated
    result = frame[first].reset_index(drop=True)
    position = {one: at for at, one in enumerate(result["id"])}
    further = frame[repeated]
    for link in node.links:
        for name in (link.column, f"{link.name}.id"):
            if name in frame:
                held = list(result[name])
                for one, value in zip(further["id"], further[name], strict=True):
                    held[position[one]] = _union(held[position[one]], value)
                result[name] = pd.Series(held, dtype=frame[name].dtype)
    return result


def _union(held: Any, value: Any) -> Any:
    if isinstance(held, list) or isinstance(value, list):
        both = {*(held if isinstance(held, list) else []), *(value if isinstance(value, list) else [])}
        return sorted(both)
    return value if held is None or held is pd.NA else held
