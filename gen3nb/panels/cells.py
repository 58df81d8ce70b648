"""Cells and column heads as the grid shows them, and edits back to the column's type."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gen3nb.errors import ValidationError
from gen3nb.panels.style import number

__all__ = ["head", "is_number", "shown", "typed"]

_SAFE = 2**53  # whole numbers beyond this are text: a browser would round them
_BINS = 8
_CHOICES = 60


def is_number(values: pd.Series) -> bool:
    """Tell whether a column holds numbers (yes/no is none)."""
    return bool(pd.api.types.is_numeric_dtype(values.dtype)) and not pd.api.types.is_bool_dtype(values.dtype)


def shown(values: pd.Series) -> list[Any]:
    """Give a column's cells as the browser gets them: text, numbers, or ``None`` for missing."""
    return [_cell(value) for value in values]


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple | dict | set | np.ndarray):
        plain = sorted(value, key=str) if isinstance(value, set) else value
        if isinstance(plain, np.ndarray):
            plain = plain.tolist()
        return json.dumps(plain, ensure_ascii=False, default=str)
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return int(value) if abs(int(value)) < _SAFE else str(value)
    if isinstance(value, float | np.floating):
        if math.isnan(value):
            return None
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, pd.Timestamp):
        return value.isoformat(sep=" ") if value != value.normalize() else value.strftime("%Y-%m-%d")
    return str(value)


def typed(value: Any, values: pd.Series, name: str) -> Any:
    """Give an edited cell the type of its column.

    Parameters
    ----------
    value : Any
        What came from the browser; ``None`` means missing.
    values : pandas.Series
        The column.
    name : str
        Its name.

    Raises
    ------
    ValidationError
        The column cannot hold it.
    """
    if value is None or (isinstance(value, str) and value == ""):
        return None if values.dtype == object else pd.NA
    dtype = values.dtype
    given = str(value)
    if isinstance(dtype, pd.CategoricalDtype):
        for category in dtype.categories:
            if str(category) == given:
                return category
        some = ", ".join(str(item) for item in dtype.categories[:6])
        more = "" if len(dtype.categories) <= 6 else ", …"
        raise ValidationError(f"{given!r} is not a value of {name}: it may be {some}{more}", column=name)
    if pd.api.types.is_bool_dtype(dtype):
        if given.lower() in ("true", "yes", "1", "false", "no", "0"):
            return given.lower() in ("true", "yes", "1")
        raise ValidationError(f"{given!r} is not true or false, which {name} needs", column=name)
    if pd.api.types.is_integer_dtype(dtype):
        try:
            return int(given.replace("\N{THIN SPACE}", "").strip())
        except ValueError:
            raise ValidationError(
                f"{given!r} is not a whole number, which {name} needs", column=name
            ) from None
    if pd.api.types.is_float_dtype(dtype):
        try:
            return float(given.replace("\N{THIN SPACE}", "").strip())
        except ValueError:
            raise ValidationError(f"{given!r} is not a number, which {name} needs", column=name) from None
    if pd.api.types.is_datetime64_any_dtype(dtype):
        try:
            return pd.Timestamp(given)
        except ValueError:
            raise ValidationError(f"{given!r} is not a date, which {name} needs", column=name) from None
    return _nested(given, values, name)


def _nested(given: str, values: pd.Series, name: str) -> Any:
    """Read a list or mapping back, where the column holds such."""
    if values.dtype != object or not any(isinstance(item, list | dict) for item in values.head(1000)):
        return given
    try:
        return json.loads(given)
    except ValueError:
        raise ValidationError(
            f'{given!r} is not a list, which {name} needs: ["a", "b"]', column=name
        ) from None


def head(values: pd.Series, name: str, facts: Mapping[str, Any], *, full: bool) -> dict[str, Any]:
    """Describe a column for its head.

    Parameters
    ----------
    values : pandas.Series
        All its values.
    name : str
        What it is called.
    facts : Mapping
        Further entries for the browser (``editable``, ``width`` …).
    full : bool
        With type, spread and how much is missing; else the name alone.

    Returns
    -------
    dict
        Plain values; the browser shows them as text only.
    """
    right = is_number(values)
    made: dict[str, Any] = {
        "name": name,
        "right": right,
        "lines": [],
        "id": name.endswith(("submitter_id", "id")),
    }
    if isinstance(values.dtype, pd.CategoricalDtype) and len(values.dtype.categories) <= _CHOICES:
        made["choices"] = [str(category) for category in values.dtype.categories]
    if full:
        made |= _spread(values, right)
    widest = max(
        [len(name) * 7.5 if len(name) < 18 else len(name) * 4.6, *(_wide(item) for item in values.head(50))]
    )
    made["width"] = int(min(max(widest + 20, 84 if not full else 112), 300))
    return made | dict(facts)


def _wide(value: Any) -> float:
    text = _cell(value)
    return 50.0 if text is None else len(str(text)) * 7.3


def _spread(values: pd.Series, right: bool) -> dict[str, Any]:
    """Give type, histogram or most frequent values, range, and how much is missing."""
    here = values.dropna()
    missing = len(values) - len(here)
    if not len(values):
        last = "no rows"
    elif missing:
        last = f"!{number(missing)} missing ({max(1, round(100 * missing / len(values)))} %)"
    else:
        last = "complete"
    if right and len(here):
        numbers = here.to_numpy(dtype=float)
        numbers = numbers[np.isfinite(numbers)]
        if len(numbers):
            bins = np.histogram(numbers, bins=_BINS)[0].tolist()
            low, high = numbers.min(), numbers.max()
            return {"bins": bins, "lines": ["number", "bars", f"{_short(low)} – {_short(high)}", last]}
    kind, words = _kind(values, right), ""
    if not len(here):
        return {"lines": [kind, last]}
    try:
        counts = here.value_counts()
    except TypeError:  # lists and mappings cannot be counted
        return {"lines": [kind, last]}
    counts = counts[counts > 0]
    if len(counts) <= 12 and len(counts) < len(here):
        words = " · ".join(f"{_cell(item)} {number(int(n))}" for item, n in counts.head(3).items())
        return {"shares": [int(n) for n in counts.head(4)], "lines": [kind, "bars", words, last]}
    return {"lines": [kind, f"{number(len(counts))} different", last]}


def _kind(values: pd.Series, right: bool) -> str:
    if right:
        return "number"
    if isinstance(values.dtype, pd.CategoricalDtype):
        return "enum"
    if pd.api.types.is_bool_dtype(values.dtype):
        return "yes/no"
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return "date"
    name = str(values.name)
    if name.endswith(".submitter_id"):
        return "link → " + name.split(".", 1)[0]
    return "list" if any(isinstance(item, list) for item in values.head(50)) else "text"


def _short(value: float) -> str:
    if float(value).is_integer() and abs(value) < _SAFE:
        return number(int(value))
    return number(round(value, 2)) if 1 <= abs(value) < 10**9 else f"{value:.4g}"
