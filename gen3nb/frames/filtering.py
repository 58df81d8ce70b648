"""What a ``where`` means: the part that the commons can do, and the part that is done here.

Services filter on equality of text, enum and yes/no values alone; on whole numbers their filters match
nothing. Ranges, numbers, patterns and whatever lies along links are for us.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from gen3nb.dictionary import Dictionary, Node, Property, Step
from gen3nb.dictionary.elements import nearest
from gen3nb.errors import DictionaryError
from gen3nb.frames.codec import is_missing, plain_value
from gen3nb.frames.graphql import resolve

__all__ = ["Condition", "conditions_of", "fits"]


@dataclass(frozen=True)
class Condition:
    """One entry of a ``where``.

    Attributes
    ----------
    column : str
        A property, maybe along links.
    wanted : Any
        A list of values (any of them), a pair (range), a compiled pattern, or ``None`` (missing).
    steps : tuple of Step
        The way to the property.
    prop : Property
    """

    column: str
    wanted: Any
    steps: tuple[Step, ...]
    prop: Property = field(repr=False)

    @property
    def by_service(self) -> bool:
        """Whether the commons itself can filter by it, and exactly."""
        if self.steps or not isinstance(self.wanted, list) or not self.wanted:
            return False
        kinds = {"string": str, "enum": str, "boolean": bool}
        kind = kinds.get(self.prop.kind)
        return kind is not None and all(type(value) is kind for value in self.wanted)

    @property
    def words(self) -> str:
        """The condition in words."""
        if self.wanted is None:
            return f"{self.column} is missing"
        if isinstance(self.wanted, re.Pattern):
            return f"{self.column} matches /{self.wanted.pattern}/"
        if isinstance(self.wanted, tuple):
            low, high = self.wanted
            if low is None or high is None:
                return f"{self.column} {'≤' if low is None else '≥'} {high if low is None else low}"
            return f"{low} ≤ {self.column} ≤ {high}"
        held = [value for value in self.wanted if value is not None]
        values = ", ".join(json.dumps(value, ensure_ascii=False, default=str) for value in held)
        if len(held) < len(self.wanted):
            return f"{self.column} is missing or one of {values}" if held else f"{self.column} is missing"
        return f"{self.column} is {values}" if len(self.wanted) == 1 else f"{self.column} is one of {values}"


def conditions_of(
    dictionary: Dictionary, node: Node, where: Mapping[str, Any] | None
) -> tuple[Condition, ...]:
    """Read a ``where``.

    Parameters
    ----------
    dictionary : Dictionary
    node : Node
    where : Mapping or None
        Column → a value, a list of values (any of them; ``None`` among them: also missing), a pair ``(low,
        high)`` for a range (``None``: open at that end; both ends included), a compiled pattern (found
        anywhere in the text), or ``None`` for missing. On lists: the condition holds for one of the items.

    Returns
    -------
    tuple of Condition

    Raises
    ------
    DictionaryError
        A column or a value is unknown (the nearest is named), or no value of the column can ever fit.
    """
    found = []
    for column, wanted in (where or {}).items():
        steps, prop = resolve(dictionary, node, column)
        condition = Condition(column, _wanted(column, wanted), tuple(steps), prop)
        _check_values(condition)
        found.append(condition)
    return tuple(found)


def _wanted(column: str, wanted: Any) -> Any:
    if isinstance(wanted, re.Pattern):
        return wanted
    if is_missing(wanted):
        return None
    if isinstance(wanted, slice):
        wanted = (wanted.start, wanted.stop)
    if isinstance(wanted, tuple):
        if len(wanted) != 2 or wanted == (None, None):
            raise DictionaryError(
                f"{column}: a range is a pair (low, high), one of them may be None; for any of several "
                "values give a list."
            )
        return tuple(plain_value(end) for end in wanted)
    if isinstance(wanted, str | bytes) or not isinstance(wanted, Iterable):
        return [plain_value(wanted)]
    return [plain_value(value) for value in wanted]


def _check_values(condition: Condition) -> None:
    """Refuse what no value of the property can ever fit: it would be an empty answer that looks like one."""
    prop = condition.prop.items or condition.prop
    column, wanted = condition.column, condition.wanted
    kinds = set(prop.types) - {"null"}
    words = prop.enum or ()
    text = "string" in kinds or any(isinstance(word, str) for word in words)
    number = bool(kinds & {"integer", "number"}) or any(not isinstance(word, str) for word in words)
    if isinstance(wanted, re.Pattern):
        if kinds and not text:
            raise DictionaryError(
                f"{column} is no text, so no pattern fits it. For a range give (low, high)."
            )
    elif isinstance(wanted, tuple):
        _check_range(column, wanted, text=text, number=number)
    elif isinstance(wanted, list):
        for value in wanted:
            if value is None:
                continue
            if callable(value):
                raise DictionaryError(
                    f"{column}: a condition is a value, a list, a pair (low, high) or a pattern, "
                    "no function. Read the column, and choose rows of the frame."
                )
            if prop.enum is not None and value not in prop.enum:
                raise _never(column, value, [str(entry) for entry in prop.enum])
            if number and not text and not isinstance(value, int | float):
                raise DictionaryError(
                    f"{column} is a number, never {value!r}. For a range give a pair (low, high)."
                )


def _check_range(column: str, wanted: tuple[Any, Any], *, text: bool, number: bool) -> None:
    ends = [end for end in wanted if end is not None]
    numbers = [isinstance(end, int | float) and not isinstance(end, bool) for end in ends]
    if number and not text and not all(numbers):
        raise DictionaryError(f"{column} is a number, so the ends of a range are numbers, not {ends!r}.")
    if text and not number and any(numbers):
        raise DictionaryError(f"{column} is text, so the ends of a range are text, not {ends!r}.")
    try:
        backwards = len(ends) == 2 and ends[0] > ends[1]
    except TypeError:
        raise DictionaryError(f"{column}: the ends of a range are of one kind, not {ends!r}.") from None
    if backwards:
        raise DictionaryError(
            f"{column}: nothing is from {ends[0]!r} to {ends[1]!r}; a range is (low, high). "
            "For any of several values give a list."
        )


def _never(column: str, value: Any, known: list[str]) -> DictionaryError:
    close = nearest(str(value), known)
    more = " …" if len(known) > 12 else "."
    hint = (
        f"Did you mean {' or '.join(map(repr, close))}?"
        if close
        else f"Its values: {', '.join(known[:12])}{more}"
    )
    return DictionaryError(
        f"{column} is never {value!r}. {hint}", column=column, value=value, suggestions=tuple(close)
    )


def fits(frame: pd.DataFrame, conditions: Sequence[Condition]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Say which rows fit all conditions.

    Parameters
    ----------
    frame : pandas.DataFrame
        With the conditions' columns; cells may be lists.
    conditions : sequence of Condition

    Returns
    -------
    numpy.ndarray of bool
    """
    good = np.ones(len(frame), dtype=bool)
    for condition in conditions:
        good &= _column_fits(frame[condition.column], condition.wanted)
    return good


def _column_fits(column: pd.Series[Any], wanted: Any) -> np.ndarray[Any, np.dtype[np.bool_]]:
    if column.dtype == object:
        return np.fromiter((_cell_fits(cell, wanted) for cell in column), dtype=bool, count=len(column))
    if wanted is None:
        return column.isna().to_numpy(dtype=bool)
    if isinstance(wanted, list):
        found = column.isin([value for value in wanted if value is not None])
        return (found | column.isna() if None in wanted else found).to_numpy(dtype=bool)
    if isinstance(column.dtype, pd.CategoricalDtype):
        good = [_one_fits(value, wanted) for value in column.cat.categories]
        return np.array([code >= 0 and good[code] for code in column.cat.codes], dtype=bool)
    return np.fromiter(
        (not is_missing(value) and _one_fits(value, wanted) for value in column),
        dtype=bool,
        count=len(column),
    )


def _cell_fits(cell: Any, wanted: Any) -> bool:
    if isinstance(cell, list):
        return not cell if wanted is None else any(_cell_fits(item, wanted) for item in cell or [None])
    if is_missing(cell):
        return wanted is None or (isinstance(wanted, list) and None in wanted)
    return wanted is not None and _one_fits(cell, wanted)


def _one_fits(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, re.Pattern):
        return isinstance(value, str) and wanted.search(value) is not None
    if isinstance(wanted, tuple):
        low, high = wanted
        try:
            return bool((low is None or value >= low) and (high is None or value <= high))
        except TypeError:
            return False
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in wanted)
