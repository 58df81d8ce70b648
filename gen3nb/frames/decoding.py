"""Records as a service gives them → typed columns. Nothing is lost on the way.

A column is built chunk by chunk, so only one chunk of Python objects is alive at a time. A value that does
not fit the dictionary never disappears: it extends the categories, or the whole column becomes text; a
warning says which.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from gen3nb.dictionary import Node, Property
from gen3nb.frames.builders import Builder, builder_of, property_builder

__all__ = [
    "CHUNK",
    "OF_EVERY_RECORD",
    "ColumnsOf",
    "UnexpectedValue",
    "chunks_of",
    "column_of",
    "read_columns",
]

CHUNK = 5_000
#: What the services give with every record, whatever its schema lists.
OF_EVERY_RECORD = (
    "id",
    "type",
    "project_id",
    "submitter_id",
    "state",
    "created_datetime",
    "updated_datetime",
)


class UnexpectedValue(UserWarning):
    """A value in the commons does not fit its property in the dictionary; it is kept, the column adapted."""


def read_columns(node: Node, *, links: bool = True) -> list[str]:
    """Give the columns of a frame of records: type, id, the keys, links, then the properties.

    Parameters
    ----------
    node : Node
    links : bool
        With the columns of the links.

    Returns
    -------
    list of str
        The submission's columns and ``id``; of the commons' own properties no others.
    """
    linked = {link.column for link in node.links}
    given = [name for name in node.columns if name in node.properties or (links and name in linked)]
    rest = [name for name in given if name not in {"type", "id"}]
    return ["type", "id", *rest]


class ColumnsOf:
    """Typed columns of a node's records, filled chunk by chunk.

    Parameters
    ----------
    node : Node
    columns : sequence of str, optional
        Which; default: :func:`read_columns`. Properties, ``<link>.<key>`` and ``<link>.id``.
    extra : bool
        Also keep, as further columns, what the records hold and the dictionary does not know.
    """

    def __init__(self, node: Node, columns: Sequence[str] | None = None, *, extra: bool = True) -> None:
        self.node = node
        self.rows = 0
        self._builders = {name: builder_of(node, name) for name in (columns or read_columns(node))}
        self._extra = extra
        self._known = {*node.properties, *(link.name for link in node.links), *OF_EVERY_RECORD}
        self._strangers: dict[str, int] = {}

    def add(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Take in a chunk of records.

        Parameters
        ----------
        records : sequence of Mapping
            As the export, the entities route or GraphQL gives them.
        """
        if self._extra:
            for record in records:
                for name in record.keys() - self._known:
                    if name not in self._builders:
                        self._builders[name] = property_builder(Property(name=name))
                        self._builders[name].skip(self.rows)
                        self._strangers[name] = 0
                    self._strangers[name] += 1
        for builder in self._builders.values():
            builder.add(records)
        self.rows += len(records)

    def finish(self) -> pd.DataFrame:
        """Give the frame, and warn of the values that the dictionary did not expect."""
        names = list(self._builders)
        data: dict[str, Any] = {}
        for name in names:
            builder = self._builders.pop(name)
            held = builder.finish()
            # said explicitly, or pandas 3 makes text of an object column that holds only text
            data[name] = pd.Series(held, dtype=held.dtype)
            if builder.odd:
                warnings.warn(
                    _odd_sentence(self.node, name, builder, self.rows), UnexpectedValue, stacklevel=2
                )
        for name, count in self._strangers.items():
            warnings.warn(
                f"{count} {self.node.name} record{'s hold' if count != 1 else ' holds'} {name!r}, which this "
                "dictionary does not know: kept as it came. Has the dictionary changed? Connect again.",
                UnexpectedValue,
                stacklevel=2,
            )
        return pd.DataFrame(data, index=pd.RangeIndex(self.rows), copy=False)


def _odd_sentence(node: Node, name: str, builder: Builder, rows: int) -> str:
    value, record = builder.sample
    whose = record.get("submitter_id") or record.get("id") or "without a submitter_id"
    return (
        f"{node.name}.{name}: {builder.odd:,} of {rows:,} records hold {builder.why}, for example "
        f"{value!r} in {whose!r}. {builder.consequence}"
    )


def chunks_of(records: Iterable[Mapping[str, Any]], size: int = CHUNK) -> Iterator[list[Mapping[str, Any]]]:
    """Part a stream of records into lists of at most ``size``."""
    chunk: list[Mapping[str, Any]] = []
    for record in records:
        chunk.append(record)
        if len(chunk) >= size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def frame_of_chunk(
    node: Node, columns: Sequence[str], records: Sequence[Mapping[str, Any]], told: set[str]
) -> pd.DataFrame:
    """Give one of many chunks of records as a typed frame; warn of a column once, not in each chunk.

    Parameters
    ----------
    node : Node
    columns : sequence of str
    records : sequence of Mapping
    told : set of str
        The columns that were warned of; those of this chunk are added.

    Returns
    -------
    pandas.DataFrame
    """
    built = ColumnsOf(node, columns, extra=False)
    built.add(records)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        frame = built.finish()
    for one in said:
        column = str(one.message).partition(":")[0]
        if column not in told:
            told.add(column)
            text = f"{one.message} (These are the numbers of the first part that holds such.)"
            warnings.warn(text, UnexpectedValue, stacklevel=3)
    return frame


def column_of(values: Sequence[Any], prop: Property) -> pd.Series[Any]:
    """Give JSON values as a column typed by a property; what does not fit is kept, as in a whole frame.

    Parameters
    ----------
    values : sequence
    prop : Property

    Returns
    -------
    pandas.Series
    """
    builder = property_builder(prop)
    for start in range(0, len(values), CHUNK):  # a record takes many times its value
        builder.add([{prop.name: value} for value in values[start : start + CHUNK]])
    held = builder.finish()
    column: pd.Series[Any] = pd.Series(held, dtype=held.dtype)
    return column
