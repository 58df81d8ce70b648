"""Records on their way into one Parquet file: written down as they come, so that memory holds one chunk.

Only at the end is it known what types all values of a column have. Then the parts become one file, again a
part at a time.
"""

from __future__ import annotations

import shutil
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gen3nb.dictionary import Node
from gen3nb.frames.decoding import ColumnsOf, frame_of_chunk
from gen3nb.frames.parquet import NOTE, as_json, is_json, table_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Parts"]


class Parts:
    """A sink that writes chunks of records to files, to make one file of them.

    Parameters
    ----------
    node : Node
    columns : sequence of str
        ``id`` among them.
    folder : Path
        A folder that is not there yet; one of a try before is replaced.
    """

    def __init__(self, node: Node, columns: Sequence[str], folder: Path) -> None:
        self._node = node
        self._columns = columns
        self._folder = folder
        self._files: list[Path] = []
        self._ids = array("q")
        self._told: set[str] = set()
        self._fields: dict[str, list[pa.Field]] = {}
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)

    def __len__(self) -> int:
        return len(np.unique(np.asarray(self._ids)))

    @property
    def doubled(self) -> bool:
        """Whether a record came in several rows, each with some of its links."""
        return len(self) < len(self._ids)

    def add(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Take in a chunk of records."""
        import pyarrow.parquet as pq

        table = table_of(frame_of_chunk(self._node, self._columns, records, self._told), self._node)
        for field, column in zip(table.schema, table.columns, strict=True):
            known = self._fields.setdefault(field.name, [])
            # what is missing everywhere is of any type
            if column.null_count < len(column) and field not in known:
                known.append(field)
        self._files.append(self._folder / f"{len(self._files)}.parquet")
        pq.write_table(table, self._files[-1], compression="lz4")
        self._ids.extend(hash(record["id"]) for record in records)

    def finish(self) -> Parts:
        """Give itself: how many records there were is known now."""
        return self

    def write(self, path: Path) -> None:
        """Make one file of what came; the parts go.

        Parameters
        ----------
        path : Path

        Raises
        ------
        OSError
            The disk is full, or the like.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        empty = table_of(ColumnsOf(self._node, self._columns, extra=False).finish(), self._node)
        schema = pa.schema([self._whole(field) for field in empty.schema])
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for file in self._files:
                part = pq.read_table(file)
                writer.write_table(
                    pa.Table.from_arrays([_as(part, field) for field in schema], schema=schema)
                )
                file.unlink()
        self._files.clear()

    def _whole(self, field: pa.Field) -> pa.Field:
        """Give what a column is in all parts: JSON, where they differ."""
        import pyarrow as pa

        known = self._fields.get(field.name) or [field]
        same = all(one.type == known[0].type and is_json(one) == is_json(known[0]) for one in known)
        return known[0] if same else pa.field(field.name, pa.string(), metadata=NOTE)


def _as(part: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    import pyarrow as pa

    column, held = part.column(field.name), part.schema.field(field.name)
    if column.null_count == len(column):
        return pa.chunked_array([pa.nulls(len(column), field.type)])
    if is_json(field) and not is_json(held):
        return pa.chunked_array([as_json(column.to_pylist())])
    return column
