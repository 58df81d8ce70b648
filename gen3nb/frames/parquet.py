"""Frames ⇄ Parquet without loss: what Arrow has no type for goes as JSON, and comes back as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from gen3nb.dictionary import Node, Property
from gen3nb.errors import IntegrityError
from gen3nb.frames.builders import object_array
from gen3nb.frames.codec import link_column, plain_column
from gen3nb.frames.decoding import column_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_parquet", "write_parquet"]

#: A column with this note holds JSON texts.
NOTE = {b"gen3nb": b"json"}


def write_parquet(frame: pd.DataFrame, path: Path, node: Node) -> None:
    """Write a frame of records; text, whole numbers, numbers, yes/no and lists keep their types.

    Parameters
    ----------
    frame : pandas.DataFrame
        Typed, as ``read`` gives it.
    path : Path
    node : Node

    Raises
    ------
    OSError
        The disk is full, or the like.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields, arrays = [], []
    for at, label in enumerate(frame.columns):
        name = str(label)
        array = _array(frame.iloc[:, at], name, node)
        if array is None:
            values = plain_column(frame.iloc[:, at], None)
            texts = [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]
            fields.append(pa.field(name, pa.string(), metadata=NOTE))
            array = pa.array(texts, type=pa.string())
        else:
            fields.append(pa.field(name, array.type))
        arrays.append(array)
    table = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    pq.write_table(table, path, compression="zstd")


def _array(column: pd.Series[Any], name: str, node: Node) -> pa.Array | None:
    """Give a column as Arrow has it; None where it has no type that keeps every value as it is."""
    import pyarrow as pa

    values = plain_column(column, None)
    present = [value for value in values if value is not None]
    lists = bool(present) and all(isinstance(value, list) for value in present)
    items = [item for value in present for item in value] if lists else present
    kinds = {type(item) for item in items}
    for kind in _kinds(name, node):
        types = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
        if kinds <= {_PYTHON[kind]}:
            try:
                return pa.array(values, type=pa.list_(types[kind]) if lists else types[kind])
            except (pa.ArrowException, OverflowError):
                continue
    return None


_PYTHON: dict[str, type] = {"string": str, "integer": int, "number": float, "boolean": bool}


def _kinds(name: str, node: Node) -> list[str]:
    """Give the kinds of values to try for a column, the dictionary's own first."""
    link, _ = link_column(node, name)
    prop = node.properties.get(name)
    if link is not None or prop is None:
        return ["string"]
    inner = prop.items if prop.kind == "array" and prop.items is not None else prop
    own = [inner.kind] if inner.kind in _PYTHON else []
    return list(dict.fromkeys([*own, "string", "integer", "number", "boolean"]))


def read_parquet(path: Path, node: Node) -> pd.DataFrame:
    """Read a frame of records again, typed by a dictionary, which may be another than it was written by.

    Parameters
    ----------
    path : Path
    node : Node

    Returns
    -------
    pandas.DataFrame
        Values that do not fit the dictionary are as they were, for the check to name.

    Raises
    ------
    IntegrityError
        The file is no readable Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        columns: dict[str, list[Any]] = {}
        for field in table.schema:
            values = table.column(field.name).to_pylist()
            if (field.metadata or {}).get(b"gen3nb") == NOTE[b"gen3nb"]:
                values = [None if value is None else json.loads(value) for value in values]
            columns[field.name] = values
    except (pa.ArrowException, OSError, ValueError) as problem:
        raise IntegrityError(
            f"{path} cannot be read as Parquet ({type(problem).__name__}).", path=str(path)
        ) from None
    count = table.num_rows
    data = {name: _column(values, name, node) for name, values in columns.items()}
    return pd.DataFrame(data, index=pd.RangeIndex(count))


def _column(values: list[Any], name: str, node: Node) -> pd.Series[Any]:
    prop = node.properties.get(name)
    link, _ = link_column(node, name)
    if link is not None and link.to_many:
        return pd.Series(object_array(values), dtype=object)
    if link is not None or prop is None:
        prop = Property(name=name, types=("string",), kind="string")
    typed = column_of(values, prop)
    # a column that became text for one odd value: keep what each cell was
    kinds = {type(value) for value in values if value is not None}
    if isinstance(typed.dtype, pd.StringDtype) and not kinds <= {str}:
        return pd.Series(object_array(values), dtype=object)
    return typed
