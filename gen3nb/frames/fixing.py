"""Repairs that are safe: where one thing only can be meant."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from gen3nb.dictionary import Node, Property
from gen3nb.frames.codec import plain_columns
from gen3nb.frames.findings import Problem

__all__ = ["repair"]

# What people write where they do not know: near to no value of a vocabulary, whatever the letters say.
_NO_ANSWER = {"", "n", "no", "none", "na", "n/a", "nan", "null", "y", "yes", "un", "unk", "?", "-", "."}
_NUMBER = re.compile(r"\s*[-+]?\d+(\.\d+)?([eE][-+]?\d+)?\s*")
_TRUTH = {"true", "false", "yes", "no", "t", "f", "y", "n", "1", "0"}
_PARTS = re.compile(
    r"\s*(\d{1,4})[-./ ](\d{1,2})[-./ ](\d{1,4})\s*"
    r"(?:[T ]\s*(\d{1,2}:\d{2}(?::\d{2})?)\s*)?(Z|[+-]\d{2}:\d{2})?"
)
FIXES = ["row", "submitter_id", "column", "old", "new", "rule"]


def repair(
    frame: pd.DataFrame, node: Node, problems: Sequence[Problem], rows: Sequence[int], keys: Sequence[Any]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give a copy of a frame with the safe repairs, and the list of them.

    Parameters
    ----------
    frame : pandas.DataFrame
        Not changed.
    node : Node
    problems : sequence of Problem
        What validation found.
    rows, keys : sequence
        The user's number and the submitter_id of each row.

    Returns
    -------
    (pandas.DataFrame, pandas.DataFrame)
        The repaired frame; and one row per changed cell: row, submitter_id, column, old, new, rule. A renamed
        column is one entry with row 1.
    """
    names = plain_columns(frame)
    changes: list[tuple[int, Any, str, Any, Any, str]] = []
    cells: dict[int, dict[int, Any]] = {}
    renamed: dict[int, str] = {}
    for one in problems:
        at = names.index(one.column) if one.column in names else None
        if at is None:
            continue
        if one.rule == "unknown":
            new_name = _column_meant(one, names)
            if new_name and new_name not in renamed.values():
                if at not in renamed:
                    changes.append((1, None, one.column, one.column, new_name, one.rule))
                renamed[at] = new_name
            continue
        new = _meant(one, node)
        if new is not None and one.position not in cells.setdefault(at, {}):
            cells[at][one.position] = new
            changes.append((rows[one.position], keys[one.position], one.column, one.value, new, one.rule))
    columns = [
        _with(frame.iloc[:, at], cells.get(at, {}), node.properties.get(name))
        for at, name in enumerate(names)
    ]
    fixed = pd.concat(columns, axis=1, keys=range(len(columns))) if columns else frame.copy()
    fixed.columns = _labels(frame.columns, renamed)
    fixed.attrs = dict(frame.attrs)
    return fixed, pd.DataFrame(
        {
            field: pd.Series([change[number] for change in changes], dtype=object if number else "int64")
            for number, field in enumerate(FIXES)
        }
    )


def _labels(columns: pd.Index[Any], renamed: dict[int, str]) -> pd.Index[Any]:
    if not renamed:
        return columns
    labels = [renamed.get(at, label) for at, label in enumerate(columns)]
    kind = object if columns.dtype == np.dtype(object) else None
    named: pd.Index[Any] = pd.Index(labels, dtype=kind, name=columns.name)
    return named


def _column_meant(problem: Problem, names: Sequence[str]) -> str | None:
    """Give the column that is meant: the same but for case, spaces, dashes and underlines."""
    suggested = problem.suggestion
    if not isinstance(suggested, str) or suggested in names:
        return None
    return suggested if _letters(suggested) == _letters(problem.column) else None


def _letters(text: str) -> str:
    return re.sub(r"[\s_\-]+", "", text).casefold()


def _meant(problem: Problem, node: Node) -> Any | None:
    """Give the value that is meant, if one only can be."""
    prop = node.properties.get(problem.column)
    value, suggestion = problem.value, problem.suggestion
    if problem.rule == "format" and prop is not None and isinstance(value, str):
        return _iso_date(value, prop)
    if suggestion is None:
        return None
    if prop is None or problem.column == "submitter_id":
        return suggestion if _only_spelled_otherwise(value, suggestion) else None
    if isinstance(suggestion, list):
        return suggestion if _same_list(value, suggestion) else None
    if prop.enum is not None:
        return suggestion if _one_of_vocabulary(value, suggestion, prop) else None
    return suggestion if _same_value(value, suggestion, prop) else None


def _only_spelled_otherwise(value: Any, suggestion: Any) -> bool:
    """Say whether two names differ in case and outer spaces alone, or one is the other as a whole number."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float | np.integer | np.floating):
        return float(value).is_integer() and str(int(value)) == suggestion
    return isinstance(value, str) and value.strip().casefold() == str(suggestion).strip().casefold()


def _same_list(value: Any, suggestion: list[Any]) -> bool:
    """Say whether a list only parts a text at its commas, and mends case and spaces."""
    parts = (
        value.split(",") if isinstance(value, str) else list(value) if isinstance(value, list) else [value]
    )
    given = [str(part).strip().casefold() for part in parts if str(part).strip()]
    return given == [str(part).casefold() for part in suggestion]


def _one_of_vocabulary(value: Any, suggestion: Any, prop: Property) -> bool:
    """Say whether a value of a vocabulary is meant: spelled otherwise, or the only one that begins so."""
    if not isinstance(suggestion, str):
        return str(value).strip() == str(suggestion)
    word = _letters(str(value))
    vocabulary = [entry for entry in prop.enum or () if isinstance(entry, str)]
    alike = [entry for entry in vocabulary if _letters(entry) == word]
    if alike:
        return alike == [suggestion]
    if word in _NO_ANSWER or len(suggestion.split()) > 1:
        return False
    return [entry for entry in vocabulary if _letters(entry).startswith(word)] == [suggestion]


def _same_value(value: Any, suggestion: Any, prop: Property) -> bool:
    """Say whether a suggestion is the same value, written as the dictionary wants it."""
    if isinstance(suggestion, bool):
        return str(value).strip().casefold().removesuffix(".0") in _TRUTH
    if isinstance(suggestion, int | float):
        if isinstance(value, str):
            return bool(_NUMBER.fullmatch(value)) and float(value) == suggestion
        return isinstance(value, float | int) and not isinstance(value, bool) and value == suggestion
    if isinstance(value, str):
        return value.strip().casefold() == str(suggestion).casefold()
    return _only_spelled_otherwise(value, suggestion) and "string" in prop.types


def _iso_date(text: str, prop: Property) -> str | None:
    """Give a date in ISO form if it can be read in one way only."""
    found = _PARTS.fullmatch(text)
    if not found:
        return None
    first, middle, last, time, zone = found.groups()
    if len(first) == 4:
        year, month, day = first, middle, last
    elif len(last) == 4 and int(first) > 12:
        year, month, day = last, middle, first
    elif len(last) == 4 and int(middle) > 12:
        year, month, day = last, first, middle
    elif len(last) == 4 and first == middle:
        year, month, day = last, middle, first
    else:
        return None
    try:
        date = dt.date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None
    if prop.format == "date":
        return date if time is None else None
    if prop.format != "date-time" or time is None or zone is None:
        # a time of day or a zone that nobody wrote would be a guess
        return None
    hours, _, rest = time.partition(":")
    return f"{date}T{int(hours):02d}:{rest if rest.count(':') else rest + ':00'}{zone}"


def _with(column: pd.Series[Any], new: dict[int, Any], prop: Property | None) -> pd.Series[Any]:
    """Give a copy of a column with other values in some places, typed by the dictionary if all fits."""
    if not new:
        return column.copy()
    held = np.empty(len(column), dtype=object)
    for position, value in enumerate(column.astype(object)):
        held[position] = value
    for position, value in new.items():
        held[position] = value
    changed = pd.Series(held, index=column.index, name=column.name, dtype=object)
    if prop is None or prop.dtype == np.dtype(object):
        return changed
    present = changed[changed.notna()]
    if prop.enum is not None and not all(value in prop.enum for value in present):
        return changed
    try:
        typed = changed.astype(prop.dtype)
    except (TypeError, ValueError):
        return changed
    same = typed.isna().to_numpy(dtype=bool) == changed.isna().to_numpy(dtype=bool)
    return typed if same.all() and [*typed[present.index]] == [*present] else changed
