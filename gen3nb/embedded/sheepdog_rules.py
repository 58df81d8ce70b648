"""Checks of submitted records against their schemas, in python jsonschema's words.

A quick check, made once per node type, says whether a record is surely valid. Only where it cannot say so
does jsonschema itself look, and finds the words.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from jsonschema import Draft4Validator, FormatChecker

from .schemas import Schemas

Check = Callable[[Any], bool]

MISSING = re.compile(r"'([a-zA-Z_-]+)' is a required property")
RFC3339 = re.compile(
    r"(\d{4})-(0[1-9]|1[0-2])-(\d{2})T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
#: Keywords that assert something; all others only describe.
ASSERTING = frozenset(
    [
        "$ref",
        "additionalItems",
        "additionalProperties",
        "allOf",
        "anyOf",
        "dependencies",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "items",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "not",
        "oneOf",
        "pattern",
        "patternProperties",
        "properties",
        "required",
        "type",
        "uniqueItems",
    ]
)
TYPES: dict[str, Check] = {
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}


def is_rfc3339(text: object) -> bool:
    """Whether a text is a date and time with a zone."""
    if not isinstance(text, str):
        return True
    found = RFC3339.fullmatch(text.upper())
    if not found:
        return False
    try:
        date(int(found[1]) or 4, int(found[2]), int(found[3]))
    except ValueError:
        return False
    return True


def format_checker() -> FormatChecker:
    """Make a checker that knows date-time, which jsonschema alone leaves out."""
    checker = FormatChecker()
    checker.checks("date-time")(is_rfc3339)
    return checker


class Rules:
    """What records of each node type must be like."""

    def __init__(self, schemas: Schemas) -> None:
        self.schemas = schemas
        self._formats = format_checker()
        self._validators: dict[str, Draft4Validator] = {}
        self._checks: dict[str, Check] = {}
        self._lock = threading.Lock()

    def valid(self, node: str, record: Mapping[str, Any]) -> bool:
        """Whether the record surely fits its schema; False means: look closer."""
        check = self._checks.get(node)
        if check is None:
            with self._lock:
                check = self._checks[node] = compiled(self.schemas.nullable(node), self._formats)
        return check(record)

    def errors(self, node: str, record: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
        """List what is wrong with a record: the message, and the properties it is about."""
        validator = self._validators.get(node)
        if validator is None:
            schema = self.schemas.nullable(node)
            validator = self._validators[node] = Draft4Validator(schema, format_checker=self._formats)
        found = []
        for error in validator.iter_errors(record):
            if error.path:
                keys = [".".join(str(step) for step in error.path)]
            else:
                missing = MISSING.match(error.message)
                keys = [missing[1]] if missing else []
            message = error.message
            if error.context:
                message += ": " + " and ".join(inner.message for inner in error.context)
            found.append((message, keys))
        return found


def compiled(schema: Mapping[str, Any], formats: FormatChecker) -> Check:
    """Turn a schema into one function that says whether a value is valid."""
    keywords = ASSERTING & schema.keys()
    checks: list[Check] = []
    if "type" in keywords:
        checks.append(_of_type(schema["type"]))
    if "enum" in keywords:
        checks.append(_one_of(schema["enum"], formats))
    if "pattern" in keywords:
        checks.append(_matching(schema["pattern"]))
    if keywords & {"minimum", "maximum"}:
        checks.append(_between(schema))
    if keywords & {"properties", "required", "additionalProperties"}:
        checks.append(_object(schema, formats))
    if "items" in keywords and isinstance(schema["items"], Mapping):
        checks.append(_items(compiled(schema["items"], formats)))
        keywords -= {"items"}
    if "anyOf" in keywords:
        checks.append(_any(schema["anyOf"], formats))
    if schema.get("format") == "date-time":
        checks.append(is_rfc3339)
        keywords -= {"format"}
    known = {"type", "enum", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "anyOf"}
    rest = keywords - known - {"properties", "required", "additionalProperties"}
    if rest:
        validator = Draft4Validator({key: schema[key] for key in rest}, format_checker=formats)
        checks.append(validator.is_valid)
    if len(checks) == 1:
        return checks[0]
    return lambda value: all(check(value) for check in checks)


def _of_type(types: str | list[str]) -> Check:
    checks = [TYPES[name] for name in ([types] if isinstance(types, str) else types) if name in TYPES]
    if len(checks) == 1:
        return checks[0]
    return lambda value: any(check(value) for check in checks)


def _one_of(values: list[Any], formats: FormatChecker) -> Check:
    texts = frozenset(value for value in values if isinstance(value, str))
    nullable = None in values
    slow = Draft4Validator({"enum": values}, format_checker=formats)

    def check(value: Any) -> bool:
        if isinstance(value, str):
            return value in texts
        return nullable if value is None else slow.is_valid(value)

    return check


def _matching(pattern: str) -> Check:
    search = re.compile(pattern).search
    return lambda value: not isinstance(value, str) or search(value) is not None


def _between(schema: Mapping[str, Any]) -> Check:
    validator = Draft4Validator(
        {
            key: schema[key]
            for key in schema.keys() & {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
        }
    )
    low, high = schema.get("minimum", float("-inf")), schema.get("maximum", float("inf"))

    def check(value: Any) -> bool:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return True
        return low < value < high or validator.is_valid(value)

    return check


def _items(check: Check) -> Check:
    return lambda value: not isinstance(value, list) or all(check(item) for item in value)


def _any(schemas: list[Mapping[str, Any]], formats: FormatChecker) -> Check:
    # an object is the usual form of a link and a list comes first in the schemas: the last check is tried
    # first
    checks = [compiled(schema, formats) for schema in reversed(schemas)]
    return lambda value: any(check(value) for check in checks)


def _object(schema: Mapping[str, Any], formats: FormatChecker) -> Check:
    checks = {name: compiled(inner, formats) for name, inner in (schema.get("properties") or {}).items()}
    required = frozenset(schema.get("required") or ())
    extra = schema.get("additionalProperties", True)
    closed = extra is False and not schema.get("patternProperties")
    slow = None
    if not closed and extra is not True:
        keys = schema.keys() & {"properties", "additionalProperties", "patternProperties"}
        slow = Draft4Validator({key: schema[key] for key in keys}, format_checker=formats)

    def check(value: Any) -> bool:
        if not isinstance(value, dict):
            return True
        if not required <= value.keys():
            return False
        if slow is not None:
            return slow.is_valid(value)
        for name, inner in value.items():
            test = checks.get(name)
            if test is None:
                if closed:
                    return False
            elif not test(inner):
                return False
        return True

    return check
