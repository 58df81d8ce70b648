"""The verdict on one value: JSON Schema draft 4, as the services check it.

:func:`referee` compiles a property's schema, :func:`as_json` gives the value that a cell stands for, and
:func:`quick_test` clears the ordinary value without asking the referee; it never clears what he would refuse.
"""

from __future__ import annotations

import datetime as dt
import decimal
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from gen3nb.dictionary.elements import Property

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

__all__ = ["EXACT", "as_json", "quick_test", "referee", "takes_whole_only"]

# Whole numbers up to here are exact as floats.
EXACT = 2**53
_TYPES = {"array", "boolean", "integer", "null", "number", "object", "string"}
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_FLAGS = ("uniqueItems", "exclusiveMinimum", "exclusiveMaximum")
# What quick_test knows; a schema with any other rule in it is the referee's alone.
_PLAIN = {"type", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "pattern"}
_PLAIN |= {"minLength", "maxLength"}


def as_json(prop: Property, value: Any) -> Any:
    """Give the JSON value that a cell of a frame stands for.

    numpy's numbers become Python's, dates ISO text, tuples, sets and arrays lists. pandas keeps whole numbers
    with gaps as floats, so a whole float (below 2**53) stands for a whole number where the property takes no
    other.

    Parameters
    ----------
    prop : Property
    value : Any
        A cell that is not missing.

    Returns
    -------
    Any
    """
    if isinstance(value, str | bool | int) and type(value) in {str, bool, int}:
        return value
    if isinstance(value, dt.date | dt.time):
        return _iso(value)
    if isinstance(value, Mapping):
        return {str(key): as_json(prop, entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(prop.items or prop, entry) for entry in value]
    if isinstance(value, decimal.Decimal):
        whole = value.is_finite() and value == value.to_integral_value()
        value = int(value) if whole else float(value)
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        plain = value.tolist()
        return plain if plain is value else as_json(prop, plain)
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT and takes_whole_only(prop):
        return int(value)
    return value


def takes_whole_only(prop: Property) -> bool:
    """Say whether a property takes whole numbers and no others."""
    return "integer" in prop.types and "number" not in prop.types


def _iso(value: dt.date | dt.time) -> str:
    """Write a point in time; one at midnight without a zone is how pandas holds a date."""
    if isinstance(value, dt.datetime) and value.time() == dt.time() and value.tzinfo is None:
        # a plain datetime says its time of day, also if that is midnight
        return value.date().isoformat() if hasattr(value, "normalize") else value.isoformat()
    return value.isoformat()


def referee(prop: Property) -> Validator:
    """Compile the schema of a property.

    Rules that draft 4 cannot read (a broken regular expression, an unknown type) are left out.

    Parameters
    ----------
    prop : Property

    Returns
    -------
    jsonschema.Draft4Validator
    """
    from jsonschema import Draft4Validator

    return Draft4Validator(_readable(prop.schema))


def _readable(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the rules of a schema that draft 4 can apply; drop descriptions and what is malformed."""
    kept: dict[str, Any] = {}
    types = schema.get("type")
    known = [entry for entry in (types if isinstance(types, list) else [types]) if entry in _TYPES]
    if known:
        kept["type"] = known
    for word, kind in (("enum", list), ("required", list), ("uniqueItems", bool)):
        if isinstance(schema.get(word), kind):
            kept[word] = schema[word]
    for word in ("minimum", "maximum", "multipleOf"):
        value = schema.get(word)
        if (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and (word != "multipleOf" or value > 0)
        ):
            kept[word] = value
    for word in _COUNTS:
        if isinstance(schema.get(word), int) and not isinstance(schema[word], bool):
            kept[word] = schema[word]
    for word in _FLAGS:
        if isinstance(schema.get(word), bool):
            kept[word] = schema[word]
    if isinstance(schema.get("pattern"), str) and _compiled(schema["pattern"]):
        kept["pattern"] = schema["pattern"]
    kept.update(_readable_parts(schema))
    return kept


def _readable_parts(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Do the same with the schemas inside a schema."""
    kept: dict[str, Any] = {}
    for word in ("anyOf", "oneOf", "allOf"):
        parts = [_readable(entry) for entry in schema.get(word) or () if isinstance(entry, Mapping)]
        if parts:
            kept[word] = parts
    for word in ("items", "additionalProperties", "additionalItems", "not"):
        value = schema.get(word)
        if isinstance(value, Mapping):
            kept[word] = _readable(value)
        elif isinstance(value, bool) and word.startswith("additional"):
            kept[word] = value
        elif isinstance(value, list) and word == "items":
            kept[word] = [_readable(entry) for entry in value if isinstance(entry, Mapping)]
    for word in ("properties", "patternProperties"):
        if isinstance(schema.get(word), Mapping):
            kept[word] = {
                key: _readable(entry)
                for key, entry in schema[word].items()
                if isinstance(entry, Mapping) and (word == "properties" or _compiled(key))
            }
    return kept


def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:
        return None


def quick_test(schema: Mapping[str, Any]) -> Callable[[Any], bool]:
    """Make a function that clears a JSON value without the referee.

    Parameters
    ----------
    schema : Mapping
        What the referee applies (``referee(prop).schema``).

    Returns
    -------
    callable
        ``True``: the value is fine. ``False``: ask the referee.
    """
    if not set(schema) <= _PLAIN:
        return _quick_list(schema) or (lambda value: False)
    enum = {value for value in schema.get("enum", ()) if isinstance(value, str)}
    types = set(schema.get("type", ()))
    bare = not set(schema) - {"type", "enum"}
    pattern = _compiled(schema["pattern"]) if "pattern" in schema else None
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength")
    bounds = (schema.get("minimum"), schema.get("maximum"))
    exclusive = (schema.get("exclusiveMinimum", False), schema.get("exclusiveMaximum", False))

    def text(value: str) -> bool:
        if types and "string" not in types:
            return False
        if "enum" in schema and value not in enum:
            return False
        if pattern and not pattern.search(value):
            return False
        return len(value) >= shortest and (longest is None or len(value) <= longest)

    def number(value: float) -> bool:
        fits = "number" in types or (isinstance(value, int) and "integer" in types)
        return fits and "enum" not in schema and _within(value, bounds, exclusive)

    def test(value: Any) -> bool:
        kind = type(value)
        if kind is str:
            return text(value)
        if kind is int or kind is float:
            return number(value)
        return kind is bool and bare and "boolean" in types and "enum" not in schema

    return test


def _quick_list(schema: Mapping[str, Any]) -> Callable[[Any], bool] | None:
    """Make the same for lists without rules but their items'."""
    if not set(schema) <= {"type", "items"} or "array" not in schema.get("type", ()):
        return None
    items = schema.get("items", {})
    if not isinstance(items, Mapping):
        return None
    inner = quick_test(items) if items else (lambda value: True)
    return lambda value: type(value) is list and all(inner(entry) for entry in value)


def _within(value: float, bounds: tuple[float | None, float | None], exclusive: tuple[bool, bool]) -> bool:
    """Say whether a number is inside its bounds; not-a-number is not."""
    low, high = bounds
    if low is not None and not (value > low if exclusive[0] else value >= low):
        return False
    return high is None or (value < high if exclusive[1] else value <= high)
