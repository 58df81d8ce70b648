"""Cells that were changed in a grid, as a list and as a frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from gen3nb.frames.origin import row_numbers

__all__ = ["changed_cells", "changed_frame", "same"]


def changed_cells(frame: pd.DataFrame, changes: Mapping[tuple[int, int], Any]) -> pd.DataFrame:
    """List changed cells: ``position``, ``row`` (as in the file), ``column``, ``old``, ``new``."""
    numbers = row_numbers(frame)
    rows = [
        {
            "position": position,
            "row": numbers[position],
            "column": frame.columns[column],
            "old": frame.iat[position, column],
            "new": value,
        }
        for (position, column), value in sorted(changes.items())
    ]
    return pd.DataFrame(rows, columns=["position", "row", "column", "old", "new"])


def changed_frame(frame: pd.DataFrame, changes: Mapping[tuple[int, int], Any]) -> pd.DataFrame:
    """Give a copy of a frame with changes, every column of the type it had."""
    changed = frame.copy()
    for column in sorted({column for _, column in changes}):
        series = changed.iloc[:, column]
        cells = {position: value for (position, at), value in changes.items() if at == column}
        if series.dtype == object:
            values = series.to_list()
            for position, value in cells.items():
                values[position] = value
            series = pd.Series(values, index=series.index, dtype=object)
        else:
            if series.dtype.kind in "iub" and any(value is pd.NA for value in cells.values()):
                series = series.convert_dtypes()
            for position, value in cells.items():
                series.iloc[position] = value
        changed.isetitem(column, series.array)
    return changed


def same(old: Any, new: Any) -> bool:
    """Tell whether two cells hold the same; missing is missing."""
    if isinstance(old, list | dict) or isinstance(new, list | dict):
        return bool(old == new)
    missing = (pd.isna(old), pd.isna(new))
    return all(missing) if any(missing) else bool(old == new)
