"""Frames ⇄ Parquet without loss: what Arrow has no type for goes as JSON, and comes back as it was."""

from __future__ import annotations

import json
from collections.abc import Sequence
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

__all__ = ["NOTE", "as_json", "is_json", "read_parquet", "table_of", "write_parquet"]

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
    import pyarrow.parquet as pq

    pq.write_table(table_of(frame, node), path, compression="zstd")


def table_of(frame: pd.DataFrame, node: Node) -> pa.Table:
    """Give a frame of records as Arrow has it; see :func:`write_parquet`.

    Parameters
    ----------
    frame : pandas.DataFrame
    node : Node

    Returns
    -------
    pyarrow.Table
    """
    import pyarrow as pa

    fields, arrays = [], []
    for at, label in enumerate(frame.columns):
        name = str(label)
        array = _array(frame.iloc[:, at], name, node)
        if array is None:
            fields.append(pa.field(name, pa.string(), metadata=NOTE))
            array = as_json(plain_column(frame.iloc[:, at], None))
        else:
            fields.append(pa.field(name, array.type))
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def as_json(values: Sequence[Any]) -> pa.Array:
    """Write values as JSON texts, ``None`` as nothing."""
    import pyarrow as pa

    texts = [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]
    return pa.array(texts, type=pa.string())


def is_json(field: pa.Field) -> bool:
    """Say whether a column holds JSON texts."""
    return (field.metadata or {}).get(b"gen3nb") == NOTE[b"gen3nb"]


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

    data: dict[str, pd.Series[Any]] = {}
    try:
        with pq.ParquetFile(path) as file:
            # one column at a time: as Python values all of them would take many times the frame
            for field in file.schema_arrow:
                values = file.read(columns=[field.name]).column(0).to_pylist()
                if is_json(field):
                    values = [None if value is None else json.loads(value) for value in values]
                data[field.name] = _column(values, field.name, node)
            count = file.metadata.num_rows
    except (pa.ArrowException, OSError, ValueError) as problem:
        raise IntegrityError(
            f"{path} cannot be read as Parquet ({type(problem).__name__}).", path=str(path)
        ) from None
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
