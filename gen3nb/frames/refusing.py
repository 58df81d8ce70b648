"""The cells of a frame that no service can carry, or that one would store as something else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gen3nb.dictionary import Node, Property
from gen3nb.frames.codec import NEVER_SENT, plain_column, plain_columns

__all__ = ["RefusedCell", "refused_cells"]


class RefusedCell(NamedTuple):
    """A cell that no service can carry."""

    position: int
    column: str
    value: Any
    why: str


def refused_cells(frame: pd.DataFrame, node: Node) -> list[RefusedCell]:
    """Find the cells that the services cannot carry, or would store as something else.

    NUL characters, lone surrogates, infinity, a missing number within a list, whole numbers of more than 64
    bits, whole numbers that a float cannot hold in a ``number`` property, and what JSON has no word for.

    Parameters
    ----------
    frame : pandas.DataFrame
    node : Node

    Returns
    -------
    list of RefusedCell
        (position, column, value, why), in the order of the columns.
    """
    found: list[RefusedCell] = []
    unsent = (set(node.system_properties) | NEVER_SENT) - {"project_id"}
    for position, name in enumerate(plain_columns(frame)):
        if name in unsent:
            continue
        prop = node.properties.get(name)
        column = frame.iloc[:, position]
        if _harmless(column, prop):
            continue
        values = plain_column(column, prop)
        reasons: dict[Any, str] = {}
        for row, value in enumerate(values):
            if value is None or type(value) is bool:
                continue
            key = value if isinstance(value, str) else None
            why = reasons.get(key) if key is not None else None
            if why is None:
                why = _why_refused(value, prop)
                if key is not None:
                    reasons[key] = why
            if why:
                found.append(RefusedCell(row, name, value, why))
    return found


def _harmless(column: pd.Series[Any], prop: Property | None) -> bool:
    """Say whether a look at the whole column clears it, to save the look at each value."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _plain_text(column.cat.categories.tolist())
    if pd.api.types.is_bool_dtype(dtype):
        return True
    if pd.api.types.is_signed_integer_dtype(dtype):
        if prop is None or "number" not in prop.types or "integer" in prop.types or not len(column):
            return True
        low, high = column.min(), column.max()
        return low is pd.NA or bool(low >= -(2**53) and high <= 2**53)
    if pd.api.types.is_float_dtype(dtype):
        numbers = column.to_numpy(dtype=float, na_value=np.nan)
        # a whole float is sent as a whole number, and has to be within its bounds
        return not bool((np.abs(numbers[~np.isnan(numbers)]) >= 2**53).any())
    if isinstance(dtype, pd.StringDtype) and dtype.storage == "pyarrow":
        # Arrow holds nothing but valid text
        return not column.str.contains("\x00", regex=False).any()
    if isinstance(dtype, pd.StringDtype):
        return _plain_text(column.dropna().tolist())
    return bool(dtype == np.dtype(object)) and _plain_text(column[column.notna()].tolist())


def _plain_text(values: list[Any]) -> bool:
    """Say whether values are text, all of which the services can carry."""
    try:
        text = "".join(values)
    except TypeError:
        return False
    return not _why_text(text)


def _why_refused(value: Any, prop: Property | None) -> str:
    if isinstance(value, str):
        return _why_text(value)
    if isinstance(value, bool):
        return ""
    if isinstance(value, int):
        return _why_whole(value, prop)
    if isinstance(value, float):
        return "" if math.isfinite(value) else "is not a finite number, and JSON has none other"
    if isinstance(value, list):
        inner = prop.items if prop is not None else None
        if any(item is None for item in value):
            return "holds an empty item: leave it out of the list"
        return next((f"holds an item that {why}" for item in value if (why := _why_refused(item, inner))), "")
    if isinstance(value, Mapping):
        inside = [*value, *(item for item in value.values() if item is not None)]
        return next((why for item in inside if (why := _why_refused(item, None))), "")
    kind = type(value).__name__
    article = "an" if kind[:1] in "AEIOUaeiou" else "a"
    return f"is {article} {kind}, which a record cannot hold: write it as text or as a number"


def _why_text(value: str) -> str:
    if "\x00" in value:
        return "holds a NUL character (\\x00), which the commons' database cannot store"
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return "holds half of a character (a lone surrogate), which is no valid text"
    return ""


def _why_whole(value: int, prop: Property | None) -> str:
    if not -(2**63) <= value < 2**63:
        return "has more than 64 bits, which the commons' database cannot store"
    numeric = prop is not None and "number" in prop.types and "integer" not in prop.types
    if numeric and abs(value) > 2**53 and int(float(value)) != value:
        return f"has more digits than the commons keeps: it would store {int(float(value))}"
    return ""
