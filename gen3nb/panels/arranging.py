"""Which rows of a frame a grid shows, and in which order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gen3nb.panels.cells import is_number, shown

__all__ = ["matching", "ordered"]


def matching(frame: pd.DataFrame, words: str) -> Any:
    """Give the positions of the rows in which a cell contains the words."""
    wanted = words.strip().lower()
    if not wanted:
        return np.arange(len(frame))
    found = np.zeros(len(frame), dtype=bool)
    for at in range(frame.shape[1]):
        values = frame.iloc[:, at]
        if isinstance(values.dtype, pd.CategoricalDtype):
            hits = [i for i, item in enumerate(values.dtype.categories) if wanted in str(item).lower()]
            found |= np.isin(values.cat.codes.to_numpy(), hits)
            continue
        if isinstance(values.dtype, pd.StringDtype):
            held = values.str.lower().str.contains(wanted, regex=False)
            found |= held.fillna(False).to_numpy(dtype=bool)
            continue
        if is_number(values) and not any(letter.isdigit() for letter in wanted):
            continue
        cells = pd.Series(shown(values), dtype=object).fillna("").astype(str)
        found |= cells.str.lower().str.contains(wanted, regex=False).to_numpy(dtype=bool)
    return np.flatnonzero(found)


def ordered(values: pd.Series, descending: bool) -> Any:
    """Give the order of a column's values, missing ones last, equal ones as they stood."""
    values = values.reset_index(drop=True)
    try:
        found = values.sort_values(ascending=not descending, kind="stable", na_position="last")
    except TypeError:  # lists, or a mixture
        keys = pd.Series(shown(values), dtype=object).map(lambda cell: "" if cell is None else str(cell))
        found = keys.sort_values(ascending=not descending, kind="stable")
    return found.index.to_numpy()
