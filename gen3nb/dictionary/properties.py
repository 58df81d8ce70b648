"""From the JSON Schema of a property to a :class:`Property`: what it may be, pulled together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gen3nb.dictionary.elements import Kind, Property

__all__ = ["listed", "one_line", "parse_property"]


def listed(value: Any) -> list[Any]:
    """Give a list for what may be a list, one thing, or nothing."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def one_line(value: Any) -> str:
    """Give a text with its line breaks and runs of spaces taken out; empty for what is no text."""
    return " ".join(value.split()) if isinstance(value, str) else ""


def parse_property(
    name: str, schema: Mapping[str, Any], *, required: bool = False, system: bool = False
) -> Property:
    """Make a property from its JSON Schema.

    Parameters
    ----------
    name : str
    schema : Mapping
        Draft 4, references resolved.
    required, system : bool
        What the node says of it.

    Returns
    -------
    Property
    """
    plain = _flat(schema)
    types = tuple(dict.fromkeys(_types(plain)))
    enum = _enum(plain)
    nullable = _takes_null(schema, types, enum, required=required)
    if enum is not None:
        enum = tuple(value for value in enum if value is not None)
    types = tuple(entry for entry in types if entry != "null")
    items = plain.get("items")
    return Property(
        name=name,
        description=_description(schema),
        types=types,
        kind=_kind(types, enum),
        enum=enum,
        deprecated=tuple(listed(schema.get("deprecated_enum"))),
        nullable=nullable,
        required=required,
        system=system,
        minimum=_number(plain.get("minimum")),
        maximum=_number(plain.get("maximum")),
        exclusive_minimum=plain.get("exclusiveMinimum") is True,
        exclusive_maximum=plain.get("exclusiveMaximum") is True,
        pattern=plain["pattern"] if isinstance(plain.get("pattern"), str) else None,
        format=plain["format"] if isinstance(plain.get("format"), str) else None,
        items=parse_property(name, items, required=True) if isinstance(items, Mapping) else None,
        default=schema.get("default"),
        schema=schema,
    )


def _takes_null(
    schema: Mapping[str, Any], types: tuple[str, ...], enum: tuple[Any, ...] | None, *, required: bool
) -> bool:
    """Say whether the services take null: what is optional gets it added to its type, else to its enum."""
    in_types = not types or "null" in types
    in_enum = enum is None or None in enum
    if required or (in_types and in_enum):
        return in_types and in_enum
    # a type and an enum together: only the type gets it, so the enum goes on refusing
    return in_enum or "type" not in schema


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _branches(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Give the alternatives of a oneOf or anyOf."""
    for word in ("oneOf", "anyOf"):
        found = [entry for entry in listed(schema.get(word)) if isinstance(entry, Mapping)]
        if found:
            return found
    return []


def _is_null(schema: Mapping[str, Any]) -> bool:
    return listed(schema.get("type")) == ["null"] or schema.get("enum") == [None]


def _flat(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Pull up the one alternative that is not null, so that its type and limits are the property's."""
    branches = _branches(schema)
    real = [entry for entry in branches if not _is_null(entry)]
    if len(real) != 1:
        return schema
    inner = dict(_flat(real[0]))
    if len(real) < len(branches) and "type" in inner:
        inner["type"] = [*listed(inner["type"]), "null"]
    elif len(real) < len(branches) and "enum" in inner:
        inner["enum"] = [*inner["enum"], None]
    return {**inner, **{key: entry for key, entry in schema.items() if key not in {"oneOf", "anyOf"}}}


def _types(schema: Mapping[str, Any]) -> Iterable[str]:
    """Give the JSON types that a schema names, those of its alternatives included, in its order."""
    if "type" in schema:
        return [str(entry) for entry in listed(schema["type"])]
    if "enum" in schema:
        return list(dict.fromkeys(_json_type(value) for value in listed(schema["enum"])))
    return [entry for branch in _branches(schema) for entry in _types(branch)]


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    for kind, name in (
        (bool, "boolean"),
        (int, "integer"),
        (float, "number"),
        (str, "string"),
        (list, "array"),
    ):
        if isinstance(value, kind):
            return name
    return "object"


def _enum(schema: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Give the vocabulary: of the schema, or of all its alternatives where each has one."""
    if "enum" in schema:
        return tuple(listed(schema["enum"]))
    branches = [branch for branch in _branches(schema) if not _is_null(branch)]
    parts = [_enum(branch) for branch in branches]
    if not parts or any(part is None for part in parts):
        return None
    merged = [value for part in parts for value in part or ()]
    nulls = [None] if len(branches) < len(_branches(schema)) else []
    return tuple(_distinct([*merged, *nulls]))


def _distinct(values: Iterable[Any]) -> list[Any]:
    kept: list[Any] = []
    for value in values:
        if not any(value == other and type(value) is type(other) for other in kept):
            kept.append(value)
    return kept


def _kind(types: tuple[str, ...], enum: tuple[Any, ...] | None) -> Kind:
    if enum is not None and set(types) <= {"string", "integer", "number", "boolean"}:
        return "enum"
    if set(types) == {"integer", "number"}:
        return "number"
    if len(types) == 1 and types[0] in {"string", "integer", "number", "boolean", "array", "object"}:
        return types[0]  # type: ignore[return-value]
    return "mixed"


def _description(schema: Mapping[str, Any]) -> str:
    """Give a property's own description, or that of its term."""
    if one_line(schema.get("description")):
        return one_line(schema["description"])
    for term in (*listed(schema.get("term")), *listed(schema.get("terms"))):
        if isinstance(term, Mapping) and one_line(term.get("description")):
            return one_line(term["description"])
    return ""
