"""What is in a frame: each column against the dictionary, and a "table one" by group."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gen3nb.dictionary import Node
from gen3nb.dictionary.elements import nearest
from gen3nb.errors import DictionaryError
from gen3nb.frames.codec import NEVER_SENT, is_missing, link_column, plain_column

__all__ = ["summary"]

_TOP = 3


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
    values = [value for value in plain_column(column, prop) if value is not None]
    keys = [_key(value) for value in values]
    counts = pd.Series(keys, dtype=object).value_counts(sort=True)
    unexpected = ""
    if prop is not None and prop.enum is not None:
        odd = counts[[key not in prop.enum for key in counts.index]] if len(counts) else counts
        unexpected = _top(odd, len(odd))
    return {
        "column": name,
        "type": prop.type_label if prop is not None else _kind(name, column, node),
        "n": len(values),
        "missing": len(column) - len(values),
        "distinct": len(counts),
        "values": _range(values) if _numeric(column) else _top(counts, _TOP),
        "unexpected": unexpected,
    }


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


def _range(values: list[Any]) -> str:
    if not values:
        return ""
    numbers = pd.Series(values, dtype=float)
    return f"{_short(numbers.min())} to {_short(numbers.max())}, median {_short(numbers.median())}"


def _short(number: float) -> str:
    return f"{number:.6g}" if abs(number) < 1e6 else f"{number:.0f}"


def _top(counts: pd.Series[Any], most: int) -> str:
    shown = ", ".join(f"{key} ({count:,})" for key, count in counts.iloc[:most].items())
    return f"{shown} and {len(counts) - most:,} more" if len(counts) > most else shown


# A column of names says nothing about a group.
_MOST_LEVELS = 20


def _table_one(frame: pd.DataFrame, by: str, node: Node | None) -> pd.DataFrame:
    labels = [_label(value) for value in plain_column(frame[by], None)]
    order = _levels(frame[by], labels)
    masks = {"all": [True] * len(frame), **{level: [label == level for label in labels] for level in order}}
    rows: list[dict[str, Any]] = [
        {"column": "rows", "value": "n", **{name: f"{sum(mask):,}" for name, mask in masks.items()}}
    ]
    hidden = NEVER_SENT | {"type", "project_id", "submitter_id", by}
    for at, name in enumerate(map(str, frame.columns)):
        if name in hidden or (node is not None and link_column(node, name)[0] is not None):
            continue
        rows += _groups(frame.iloc[:, at], masks)
    return pd.DataFrame(rows, columns=["column", "value", *masks])


def _levels(column: pd.Series[Any], labels: list[str]) -> list[str]:
    present = set(labels)
    if isinstance(column.dtype, pd.CategoricalDtype):
        known = [_label(value) for value in column.cat.categories]
        return [label for label in known if label in present] + (["missing"] if "missing" in present else [])
    return sorted(present, key=lambda label: (label == "missing", label))


def _label(value: Any) -> str:
    return "missing" if is_missing(value) else str(_key(value))


def _groups(column: pd.Series[Any], masks: dict[str, list[bool]]) -> list[dict[str, Any]]:
    name = str(column.name)
    if column.isna().all():
        return []
    if _numeric(column):
        row: dict[str, Any] = {"column": name, "value": "median (quartiles)"}
        for group, mask in masks.items():
            numbers = column[mask].dropna().astype(float)
            low, middle, high = (_short(end) for end in numbers.quantile([0.25, 0.5, 0.75]))
            row[group] = f"{middle} ({low} to {high})" if len(numbers) else ""
        return [row]
    labels = [_label(value) for value in plain_column(column, None)]
    levels = _levels(column, labels)
    if len(levels) > _MOST_LEVELS:
        return []
    rows = []
    for level in levels:
        row = {"column": name, "value": level}
        for group, mask in masks.items():
            within = sum(mask)
            count = sum(chosen and label == level for chosen, label in zip(mask, labels, strict=True))
            row[group] = f"{count:,} ({100 * count / within:.0f} %)" if within else ""
        rows.append(row)
    return rows
