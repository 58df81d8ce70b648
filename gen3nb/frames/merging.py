"""Put rows beside each other by position; types stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

__all__ = ["How", "Positions", "matched", "take", "titles", "with_unmatched"]

How = Literal["left", "right", "inner", "outer"]
Positions = np.ndarray[Any, np.dtype[np.intp]]


def matched(
    lefts: pd.Series[Any], rights: pd.Series[Any], pairs: pd.DataFrame
) -> tuple[Positions, Positions]:
    """Give the positions of the rows that belong together, in the order of the left rows, then the right.

    Parameters
    ----------
    lefts, rights : pandas.Series
        The ids of the rows.
    pairs : pandas.DataFrame
        ``left`` and ``right``: the ids that belong together.

    Returns
    -------
    (numpy.ndarray, numpy.ndarray)
    """
    left = pd.DataFrame({"left": lefts.astype(object).to_numpy(), "at_left": np.arange(len(lefts))})
    right = pd.DataFrame({"right": rights.astype(object).to_numpy(), "at_right": np.arange(len(rights))})
    both = left.merge(pairs, on="left").merge(right, on="right").sort_values(["at_left", "at_right"])
    return both["at_left"].to_numpy(dtype=np.intp), both["at_right"].to_numpy(dtype=np.intp)


def with_unmatched(
    at_left: Positions, at_right: Positions, lefts: int, rights: int, how: How
) -> tuple[Positions, Positions]:
    """Add the rows without a partner that are to be kept; -1 stands for no row.

    Parameters
    ----------
    at_left, at_right : numpy.ndarray
        Positions of rows that belong together.
    lefts, rights : int
        How many rows there are.
    how : {"left", "right", "inner", "outer"}

    Returns
    -------
    (numpy.ndarray, numpy.ndarray)
    """
    if how in ("left", "outer"):
        alone = np.setdiff1d(np.arange(lefts), at_left)
        at_left = np.concatenate([at_left, alone])
        at_right = np.concatenate([at_right, np.full(len(alone), -1)])
        order = np.argsort(at_left, kind="stable")
        at_left, at_right = at_left[order], at_right[order]
    if how in ("right", "outer"):
        alone = np.setdiff1d(np.arange(rights), at_right)
        at_left = np.concatenate([at_left, np.full(len(alone), -1)])
        at_right = np.concatenate([at_right, alone])
    return at_left.astype(np.intp), at_right.astype(np.intp)


def take(frame: pd.DataFrame, positions: Positions) -> pd.DataFrame:
    """Give rows by position, an empty one for -1; types stay.

    Parameters
    ----------
    frame : pandas.DataFrame
    positions : numpy.ndarray of int

    Returns
    -------
    pandas.DataFrame
        With a RangeIndex.
    """
    if not (positions < 0).any():
        return frame.iloc[positions].reset_index(drop=True)
    columns = []
    for at in range(frame.shape[1]):
        column = frame.iloc[:, at]
        # pandas 2 does not take its own wrapper of a plain array here
        values = column.array if pd.api.types.is_extension_array_dtype(column.dtype) else column.to_numpy()
        held = pd.api.extensions.take(values, positions, allow_fill=True)
        columns.append(pd.Series(held, dtype=object if column.dtype == object else None, name=column.name))
    return pd.concat(columns, axis=1) if columns else pd.DataFrame(index=pd.RangeIndex(len(positions)))


def titles(left: Sequence[Any], right: Sequence[Any], name: str) -> list[Any]:
    """Give the titles that columns have beside others: one that is taken gets the node's name behind it.

    Parameters
    ----------
    left : sequence
        The titles that stay.
    right : sequence
        Those beside them.
    name : str
        The node of the latter.

    Returns
    -------
    list
        A title for each of ``right``.
    """
    taken = set(left)
    found = []
    for title in right:
        new = title
        while new in taken:
            new = f"{new}_{name}"
        taken.add(new)
        found.append(new)
    return found
