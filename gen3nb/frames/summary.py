"""What is in a frame: each column against the dictionary, and a "table one" by group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from gen3nb.dictionary import Node, Property
from gen3nb.dictionary.elements import nearest
from gen3nb.errors import DictionaryError
from gen3nb.frames.codec import NEVER_SENT, is_missing, link_column, plain_column

__all__ = ["summary"]

_TOP = 3
#: For each row the number of what it holds.
Codes: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]


def summary(frame: pd.DataFrame, node: Node | None = None, by: str | None = None) -> pd.DataFrame:
    """Say what is in a frame.

    Parameters
    ----------
    frame : pandas.DataFrame
    node : Node, optional
        Compares values with the dictionary's vocabularies.
    by : str, optional
        A column to group by: gives a "table one" instead.

    Returns
    -------
    pandas.DataFrame
        Without ``by`` one row per column: column, type, n (not missing), missing, distinct, values (range
        and median of numbers; the most frequent values of the rest, with their counts), unexpected (values
        outside the vocabulary, with their counts). With ``by`` one row per number ("median (quartiles)") and
        per value of a category ("n (%)"), one column per group, and one for all rows.

    Raises
    ------
    DictionaryError
        There is no column ``by``.
    """
    if by is None:
        return pd.DataFrame([_row(frame.iloc[:, at], node) for at in range(frame.shape[1])], columns=_COLUMNS)
    if by not in frame:
        close = nearest(by, [str(name) for name in frame.columns])
        hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise DictionaryError(f"The frame has no column {by!r} to group by.{hint}", column=by)
    return _table_one(frame, by, node)


_COLUMNS = ["column", "type", "n", "missing", "distinct", "values", "unexpected"]


def _row(column: pd.Series[Any], node: Node | None) -> dict[str, Any]:
    name = str(column.name)
    prop = node.properties.get(name) if node is not None else None
    vocabulary = prop.enum if prop is not None else None
    unexpected = ""
    if _numeric(column) and vocabulary is None:
        held = column[~np.isnan(_numbers(column))]
        there, distinct = len(held), held.nunique()
    else:
        codes, keys = _coded(column, prop, _key)
        found = np.bincount(codes[codes >= 0], minlength=len(keys))
        counts = pd.Series(found, index=pd.Index(keys, dtype=object))
        counts = counts[counts > 0].sort_values(ascending=False, kind="stable")
        there, distinct = int(counts.sum()), len(counts)
        if vocabulary is not None and distinct:
            odd = counts[[key not in vocabulary for key in counts.index]]
            unexpected = _top(odd, len(odd))
    return {
        "column": name,
        "type": prop.type_label if prop is not None else _kind(name, column, node),
        "n": there,
        "missing": len(column) - there,
        "distinct": distinct,
        "values": _range(column) if _numeric(column) else _top(counts, _TOP),
        "unexpected": unexpected,
    }


def _coded(
    column: pd.Series[Any], prop: Property | None, key: Callable[[Any], Any]
) -> tuple[Codes, list[Any]]:
    """Give each cell the number of its key, -1 if it has none, and the keys as they come."""
    codes: Codes
    if column.dtype == object:  # may hold lists, or values of several types
        codes, values = np.arange(len(column)), plain_column(column, prop)
    else:
        codes, found = pd.factorize(column)
        values = plain_column(pd.Series(found), prop)
    numbers: dict[Any, int] = {}
    again = [-1 if value is None else numbers.setdefault(key(value), len(numbers)) for value in values]
    # the last one is for the cells that have none
    return np.array([*again, -1], dtype=np.int64)[codes], list(numbers)


def _kind(name: str, column: pd.Series[Any], node: Node | None) -> str:
    if node is not None and link_column(node, name)[0] is not None:
        return "link"
    return str(column.dtype)


def _key(value: Any) -> Any:
    return (
        ", ".join(map(str, value))
        if isinstance(value, list)
        else value
        if not isinstance(value, dict)
        else str(value)
    )


def _numeric(column: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)


def _range(column: pd.Series[Any]) -> str:
    numbers = pd.Series(_numbers(column)).dropna()
    if not len(numbers):
        return ""
    return f"{_short(numbers.min())} to {_short(numbers.max())}, median {_short(numbers.median())}"


def _numbers(column: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Give a column of numbers as floats, NaN where there is none."""
    return np.asarray(column.astype("Float64").to_numpy(float, na_value=np.nan), dtype=np.float64)


def _short(number: float) -> str:
    return f"{number:.6g}" if abs(number) < 1e6 else f"{number:.0f}"


def _top(counts: pd.Series[Any], most: int) -> str:
    shown = ", ".join(f"{key} ({count:,})" for key, count in counts.iloc[:most].items())
    return f"{shown} and {len(counts) - most:,} more" if len(counts) > most else shown


# A column of names says nothing about a group.
_MOST_LEVELS = 20


def _table_one(frame: pd.DataFrame, by: str, node: Node | None) -> pd.DataFrame:
    groups = _Groups(*_levels(frame[by]))
    rows: list[list[str]] = [["rows", "n", *(f"{count:,}" for count in groups.sizes)]]
    hidden = NEVER_SENT | {"type", "project_id", "submitter_id", by}
    for at, name in enumerate(map(str, frame.columns)):
        if name in hidden or (node is not None and link_column(node, name)[0] is not None):
            continue
        rows += groups.rows(frame.iloc[:, at])
    return pd.DataFrame(rows, columns=["column", "value", "all", *groups.names])


def _levels(column: pd.Series[Any]) -> tuple[Codes, list[str]]:
    """Give each cell the number of its label, and the labels that are there in their order."""
    codes, keys = _coded(column, None, _label)
    labels = [*keys, "missing"]
    held = np.bincount(np.where(codes < 0, len(keys), codes), minlength=len(labels))
    present = {label for label, count in zip(labels, held, strict=True) if count}
    if isinstance(column.dtype, pd.CategoricalDtype):
        known = [_label(value) for value in column.cat.categories]
        order = list(dict.fromkeys(label for label in known if label in present))
        order += ["missing"] if "missing" in present - set(order) else []
    else:
        order = sorted(present, key=lambda label: (label == "missing", label))
    place = {label: at for at, label in enumerate(order)}
    return np.array([place.get(label, -1) for label in labels], dtype=np.int64)[codes], order


def _label(value: Any) -> str:
    return "missing" if is_missing(value) else str(_key(value))


class _Groups:
    """Rows by group: what each column holds in all of them, and in each.

    Parameters
    ----------
    codes : array of int64
        Each row's group.
    names : list of str
        The groups.
    """

    def __init__(self, codes: Codes, names: list[str]) -> None:
        self.names = names
        self._codes = codes
        # rows by group, and where each group begins and ends there: no group looks at all rows
        self._order = np.argsort(codes, kind="stable")
        within = np.bincount(codes, minlength=len(names))
        self._ends = np.cumsum(within)[:-1]
        self.sizes: list[int] = [len(codes), *within.tolist()]

    def rows(self, column: pd.Series[Any]) -> list[list[str]]:
        """Give the rows of the table for one column."""
        name = str(column.name)
        if column.isna().all():
            return []
        if _numeric(column):
            numbers = _numbers(column)
            parts = [numbers, *np.split(numbers[self._order], self._ends)] if self.names else [numbers]
            return [[name, "median (quartiles)", *map(_quartiles, parts)]]
        codes, levels = _levels(column)
        if len(levels) > _MOST_LEVELS:
            return []
        many = len(self.names)
        held = np.bincount(codes * many + self._codes, minlength=len(levels) * many)
        counts = held.reshape(len(levels), many)
        return [
            [name, level, *map(_share, [int(row.sum()), *row.tolist()], self.sizes)]
            for level, row in zip(levels, counts, strict=True)
        ]


def _quartiles(numbers: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    held = pd.Series(numbers).dropna()
    low, middle, high = (_short(end) for end in held.quantile([0.25, 0.5, 0.75]))
    return f"{middle} ({low} to {high})" if len(held) else ""


def _share(count: int, within: int) -> str:
    return f"{count:,} ({100 * count / within:.0f} %)" if within else ""
