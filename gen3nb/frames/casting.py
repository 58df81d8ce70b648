"""Text cells, as a spreadsheet or TSV holds them, → values of the dictionary's types.

What does not read as its type stays the text that it is, for the check to name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd

from gen3nb.dictionary import Node, Property
from gen3nb.frames.builders import object_array
from gen3nb.frames.codec import link_column, plain_column
from gen3nb.frames.origin import ATTRIBUTE, origin_of

__all__ = ["TEXT_CELLS", "cast", "typed_by_origin"]

#: What separates the items of a list in a cell, as the services have it.
TEXT_CELLS = {"tsv": ",", "csv": "#"}


def typed_by_origin(frame: pd.DataFrame, node: Node) -> pd.DataFrame:
    """Give a frame of text, as ``read_tsv`` makes it without a dictionary, its types; others as they are.

    Parameters
    ----------
    frame : pandas.DataFrame
    node : Node

    Returns
    -------
    pandas.DataFrame
    """
    separator = TEXT_CELLS.get(origin_of(frame).cells or "")
    return frame if separator is None else cast(frame, node, separator=separator)


def cast(frame: pd.DataFrame, node: Node, *, separator: str = ",") -> pd.DataFrame:
    """Read the text cells of a frame as the dictionary's types, by the rules of the service's TSV.

    Whole numbers as ``int()`` reads them, numbers as ``float()`` does, ``true`` and ``false`` in any case,
    lists parted at commas. What cannot be read so stays text.

    Parameters
    ----------
    frame : pandas.DataFrame
    node : Node
    separator : str
        Parts the targets of a link that takes several.

    Returns
    -------
    pandas.DataFrame
        A copy; columns that are not text are as they were.
    """
    columns: dict[Any, Any] = {}
    for position, label in enumerate(frame.columns):
        column = frame.iloc[:, position]
        name = str(label).strip().lstrip("*").strip()
        link, _ = link_column(node, name)
        prop = node.properties.get(name)
        if not _textual(column):
            continue
        if link is not None and link.to_many:
            columns[label] = _objects(column, lambda text: _parts(text, separator))
        elif prop is not None and prop.kind != "string":
            columns[label] = _cast_column(column, prop)
    new = frame.assign() if not columns else frame.copy()
    for label, column in columns.items():
        new[label] = column
    held = new.attrs.get(ATTRIBUTE)
    if isinstance(held, dict):
        new.attrs[ATTRIBUTE] = {name: value for name, value in held.items() if name != "cells"}
    return new


def _textual(column: pd.Series[Any]) -> bool:
    return isinstance(column.dtype, pd.StringDtype) or column.dtype == object


def _parts(text: str, separator: str) -> list[str]:
    return [part.strip() for part in text.split(separator) if part.strip()]


def _objects(column: pd.Series[Any], read: Callable[[str], Any]) -> pd.Series[Any]:
    values = [read(value) if isinstance(value, str) else value for value in plain_column(column, None)]
    return pd.Series(object_array(values), index=column.index, dtype=object)


def _cast_column(column: pd.Series[Any], prop: Property) -> pd.Series[Any]:
    """Read a column; typed if every cell reads, else objects with the unread text among them."""
    values = _objects(column, lambda text: read_text(text, prop))
    if prop.kind == "enum" and isinstance(prop.dtype, pd.CategoricalDtype):
        known = list(prop.dtype.categories)
        found = [value for value in dict.fromkeys(_hashable(values)) if value is not None]
        further = [value for value in found if value not in known]
        return values.astype(pd.CategoricalDtype(known + further))
    wanted: dict[str, tuple[type, ...]] = {"integer": (int,), "number": (int, float), "boolean": (bool,)}
    kinds = wanted.get(prop.kind, ())
    if kinds and all(value is None or (type(value) in kinds and _fits(value, prop)) for value in values):
        return values.astype(prop.dtype)
    return values


def _hashable(values: pd.Series[Any]) -> list[Any]:
    return [str(value) if isinstance(value, list) else value for value in values]


def _fits(value: Any, prop: Property) -> bool:
    if type(value) is not int:
        return True
    if prop.kind == "integer":
        return -(2**63) <= value < 2**63
    return abs(value) <= 2**53


def read_text(text: str, prop: Property) -> Any:
    """Read a text as a value of a property; the text itself where it is none.

    Parameters
    ----------
    text : str
    prop : Property

    Returns
    -------
    Any
    """
    if prop.kind == "enum":
        if text in (prop.enum or ()):
            return text
        return next((value for value in prop.enum or () if str(value) == text), text)
    if prop.kind == "array":
        parts = [part.strip() for part in text.split(",")]
        return [read_text(part, prop.items) for part in parts] if prop.items is not None else parts
    # a list of types takes the first that fits; alternatives (oneOf, anyOf) are never read as anything
    types = prop.types if "type" in prop.schema else ()
    for kind in types:
        if kind == "string":
            return text
        value = _READERS[kind](text.strip()) if kind in _READERS else None
        if value is not None:
            return value
    return text


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _number(text: str) -> int | float | None:
    whole = _whole(text)
    if whole is not None:
        return whole
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _truth(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.lower())


_READERS: dict[str, Callable[[str], Any]] = {"integer": _whole, "number": _number, "boolean": _truth}
