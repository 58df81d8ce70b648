"""What a value may be: a column against its property.

The verdict is that of JSON Schema draft 4 on the property's own schema, as the services pass it; the words
are for the person who has to mend the cell. Formats (``date-time`` …) are checked besides: the services take
them for comments.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import uuid
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from gen3nb.dictionary import suggestions
from gen3nb.dictionary.elements import Property
from gen3nb.dictionary.referee import EXACT, as_json, quick_test, referee
from gen3nb.dictionary.wording import pattern_words, shown, type_words

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

__all__ = ["Finding", "check_column", "check_value"]

_RULES = {
    "type": "type",
    "enum": "enum",
    "minimum": "range",
    "maximum": "range",
    "multipleOf": "range",
    "pattern": "pattern",
    "minLength": "length",
    "maxLength": "length",
    "minItems": "length",
    "maxItems": "length",
    "uniqueItems": "items",
}
# Rules on text that are not of its type.
_STRICT = {"enum", "pattern", "minLength", "maxLength"}


class Finding(NamedTuple):
    """One cell that breaks one rule.

    Attributes
    ----------
    position : int
        Of the cell in the column, from 0.
    value : Any
        What stands there.
    rule : str
        ``"type"``, ``"enum"``, ``"range"``, ``"pattern"``, ``"format"``, ``"length"`` or ``"items"``.
    message : str
        What is wrong and what is allowed.
    suggestion : Any or None
        A value that would pass and is probably meant.
    """

    position: int
    value: Any
    rule: str
    message: str
    suggestion: Any | None


def check_column(prop: Property, values: pd.Series) -> list[Finding]:
    """Check the cells of a column against a property; missing cells are no one's business here.

    Parameters
    ----------
    prop : Property
    values : pandas.Series
        Of any dtype.

    Returns
    -------
    list of Finding
        By position; empty if all is well.
    """
    suspects = np.flatnonzero(_suspects(prop, values))
    if not len(suspects):
        return []
    check = _Check(prop)
    found: list[Finding] = []
    seen: dict[Any, list[tuple[str, str, Any]]] = {}
    for position, value in zip(suspects.tolist(), _cells(values, suspects), strict=True):
        # 1, 1.0 and True are one key to a dict, but not one value
        key = (type(value), value) if isinstance(value, str | int | float) else None
        if key is None:
            broken = check(value)
        elif key in seen:
            broken = seen[key]
        else:
            broken = seen[key] = check(value)
        found.extend(Finding(position, value, *entry) for entry in broken)
    return found


def check_value(prop: Property, value: Any) -> list[Finding]:
    """Check one value that is not missing, as :func:`check_column` does; the position is 0.

    Parameters
    ----------
    prop : Property
    value : Any

    Returns
    -------
    list of Finding
    """
    return [Finding(0, value, *entry) for entry in _Check(prop)(value)]


def _cells(values: pd.Series, positions: np.ndarray[Any, Any]) -> Iterable[Any]:
    return values.iloc[positions].astype(object).tolist()


def _suspects(prop: Property, values: pd.Series) -> np.ndarray[Any, Any]:
    """Mark the cells that have to be looked at one by one; a column's dtype may clear all of it."""
    present: np.ndarray[Any, Any] = values.notna().to_numpy(dtype=bool)
    schema = prop.schema
    if prop.format or any(word in schema for word in ("oneOf", "anyOf", "allOf", "not", "multipleOf")):
        return present
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _suspect_categories(prop, values, present)
    if isinstance(dtype, pd.StringDtype) and set(schema) & _STRICT == {"enum"}:
        words = [entry for entry in prop.enum or () if isinstance(entry, str) and "string" in prop.types]
        return present & ~values.isin(words).to_numpy(dtype=bool)
    if "enum" in schema:
        return present
    if pd.api.types.is_bool_dtype(dtype) and prop.kind == "boolean":
        return np.zeros(len(values), dtype=bool)
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype):
        return _suspect_numbers(prop, values, present)
    if isinstance(dtype, pd.StringDtype) and "string" in prop.types and not set(schema) & _STRICT:
        return np.zeros(len(values), dtype=bool)
    return present


def _suspect_categories(
    prop: Property, values: pd.Series, present: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Judge each category once, then its cells."""
    check = _Check(prop)
    bad = np.array([bool(check(category)) for category in values.cat.categories] or [False])
    codes = values.cat.codes.to_numpy()
    marked: np.ndarray[Any, Any] = present & bad[np.where(codes < 0, 0, codes)]
    return marked


def _suspect_numbers(
    prop: Property, values: pd.Series, present: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Clear the numbers of a numeric column that are of the right type and in range."""
    whole = pd.api.types.is_integer_dtype(values.dtype)
    if "number" not in prop.types and "integer" not in prop.types:
        return present
    if pd.api.types.is_complex_dtype(values.dtype):
        return present
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    good = np.ones(len(values), dtype=bool)
    if "number" not in prop.types and not whole:
        good &= (np.abs(numbers) < EXACT) & (numbers == np.floor(numbers))
    if prop.minimum is not None:
        good &= numbers > prop.minimum if prop.exclusive_minimum else numbers >= prop.minimum
    if prop.maximum is not None:
        good &= numbers < prop.maximum if prop.exclusive_maximum else numbers <= prop.maximum
    if _beyond_floats(prop, numbers):
        return present
    return present & ~good


def _beyond_floats(prop: Property, numbers: np.ndarray[Any, Any]) -> bool:
    """Say whether a comparison as floats could err: whole numbers of more than 53 bits, and limits."""
    limited = prop.minimum is not None or prop.maximum is not None
    return limited and bool(np.nanmax(np.abs(numbers), initial=0) >= EXACT)


class _Check:
    """All that is needed to judge values of one property, made once."""

    def __init__(self, prop: Property) -> None:
        self.prop = prop
        self.judge: Validator = referee(prop)
        self.clear = quick_test(self.judge.schema)  # type: ignore[arg-type]
        self.format = _FORMATS.get(prop.format or "")

    def __call__(self, value: Any) -> list[tuple[str, str, Any]]:
        plain = as_json(self.prop, value)
        broken = [] if self.clear(plain) else list(self._explained(plain))
        if not broken and self.format and not _passes(self.format[0], plain):
            broken.append(("format", f"{shown(plain)} is not {self.format[1]}", None))
        return broken

    def _passes(self, candidate: Any) -> bool:
        fits = self.judge.is_valid(candidate)
        return fits and (self.format is None or _passes(self.format[0], candidate))

    def _explained(self, plain: Any) -> Iterable[tuple[str, str, Any]]:
        try:
            errors = [leaf for error in self.judge.iter_errors(plain) for leaf in _leaves(error, self.prop)]
        except OverflowError:  # jsonschema divides infinity where a multiple is asked for
            errors = [("range", f"{shown(plain)} holds infinity")]
        if not errors:
            return
        wrong_type = [error for error in errors if error[0] == "type"]
        # text where a number belongs breaks the other rules too: one reason is enough
        told = wrong_type[:1] if wrong_type else list(dict(reversed(errors)).items())[::-1]
        suggestion = suggestions.suggest(self.prop, plain, self._passes)
        for rule, message in told:
            hint = f"; did you mean {shown(suggestion)}?" if suggestion is not None else ""
            yield rule, message + hint, suggestion


def _leaves(error: ValidationError, prop: Property) -> Iterable[tuple[str, str]]:
    """Give rule and words of an error, or of the errors inside it that matter."""
    if error.path:
        yield "items", _item_words(error, prop)
    elif error.validator in {"anyOf", "oneOf"}:
        yield from _alternatives(error, prop)
    elif error.validator == "allOf":
        for inner in error.context or ():
            yield from _leaves(inner, prop)
    else:
        yield _RULES.get(str(error.validator), "type"), _words(error, prop)


def _item_words(error: ValidationError, prop: Property) -> str:
    place = ".".join(str(part + 1) if isinstance(part, int) else str(part) for part in error.path)
    return f"item {place}: {_words(error, prop.items or prop)}"


def _alternatives(error: ValidationError, prop: Property) -> Iterable[tuple[str, str]]:
    """Explain a value that fits no alternative: by the one whose type it has, if there is such a one."""
    if prop.kind == "enum":
        yield "enum", _enum_words(error.instance, prop)
        return
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.relative_schema_path[0], []).append(inner)
    if not branches:
        yield "type", f"{shown(error.instance)} fits more than one of the alternatives where only one may"
        return
    near = [errors for errors in branches.values() if all(inner.validator != "type" for inner in errors)]
    if near:
        for inner in near[0]:
            yield _RULES.get(str(inner.validator), "type"), _words(inner, prop)
    else:
        yield "type", _type_words(error.instance, prop.types)


def _words(error: ValidationError, prop: Property) -> str:
    """Say in words what one rule of the schema wants."""
    value, rule = error.instance, str(error.validator)
    wanted: Any = error.validator_value
    text: Any = value  # text or a list, where a rule counts
    if rule == "type":
        listed = [wanted] if isinstance(wanted, str) else list(wanted)
        return _type_words(value, tuple(entry for entry in listed if entry != "null"))
    if rule == "enum":
        return _enum_words(value, prop, tuple(wanted))
    schema = error.schema if isinstance(error.schema, dict) else {}
    said: dict[str, Callable[[], str]] = {
        "minimum": lambda: _bound_words(value, "below", wanted, schema.get("exclusiveMinimum")),
        "maximum": lambda: _bound_words(value, "above", wanted, schema.get("exclusiveMaximum")),
        "multipleOf": lambda: f"{shown(value)} is not a multiple of {wanted}",
        "pattern": lambda: f"{shown(value)} does not have {_article(pattern_words(wanted))}",
        "minLength": lambda: f"{shown(text)} has {len(text)} characters, fewer than {wanted}",
        "maxLength": lambda: f"the text has {len(text):,} characters, more than {wanted:,}",
        "minItems": lambda: f"the list has {len(text)} items, fewer than {wanted}",
        "maxItems": lambda: f"the list has {len(text)} items, more than {wanted}",
        "uniqueItems": lambda: f"the list {shown(text)} holds an item twice",
    }
    return said[rule]() if rule in said else f"{shown(value)} is not what the dictionary describes ({rule})"


def _article(words: str) -> str:
    return words if words.startswith("the form") else f"the right form ({words})"


def _bound_words(value: Any, side: str, bound: Any, exclusive: Any) -> str:
    limit = "minimum" if side == "below" else "maximum"
    if exclusive and value == bound:
        return f"{shown(value)} is the {limit} itself, which is not allowed"
    return f"{shown(value)} is {side} the {limit} of {bound}"


def _type_words(value: Any, types: tuple[str, ...]) -> str:
    return f"{shown(value)} is {_what(value)}, but {type_words(types)} is expected"


def _what(value: Any) -> str:
    kinds: dict[type, str] = {
        bool: "a true/false value",
        str: "text",
        int: "a whole number",
        float: "a number with decimals",
    }
    kinds |= {list: "a list", dict: "an object"}
    return kinds.get(type(value), f"a {type(value).__name__}")


def _enum_words(value: Any, prop: Property, wanted: tuple[Any, ...] | None = None) -> str:
    allowed = [entry for entry in (prop.enum or wanted or ()) if entry is not None]
    if len(allowed) <= 8:
        return f"{shown(value)} is not one of: {', '.join(map(str, allowed))}"
    return f"{shown(value)} is not one of the {len(allowed)} values of {prop.name}"


# --- formats --------------------------------------------------------------------------------------------


def _passes(read: Callable[[str], Any], text: Any) -> bool:
    if not isinstance(text, str):
        return True
    try:
        return bool(read(text))
    except ValueError:
        return False


_FORMATS: dict[str, tuple[Callable[[str], Any], str]] = {
    "date-time": (dt.datetime.fromisoformat, "a date and time as in 2024-05-31T13:45:00+00:00"),
    "date": (dt.date.fromisoformat, "a date as in 2024-05-31"),
    "time": (lambda text: dt.time.fromisoformat(text) or True, "a time as in 13:45:00"),
    "email": (re.compile(r"[^@\s]+@[^@\s]+$").match, "an e-mail address"),
    "uri": (re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+$").match, "a web address"),
    "uuid": (uuid.UUID, "a UUID"),
    "ipv4": (ipaddress.IPv4Address, "an IP address"),
    "ipv6": (ipaddress.IPv6Address, "an IP address"),
}
