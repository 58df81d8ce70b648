"""The type system of the query service: types, fields, arguments, and what a query can ask about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .peregrine_syntax import Scalar, Value

MAX_INT = 2**31 - 1


@dataclass(slots=True, eq=False)
class ListOf:
    """A list of a type."""

    item: Type

    def __str__(self) -> str:
        return f"[{self.item}]"


@dataclass(slots=True, eq=False)
class Required:
    """A type that excludes null."""

    item: Type

    def __str__(self) -> str:
        return f"{self.item}!"


@dataclass(slots=True, eq=False)
class ScalarType:
    """A scalar: how values go out, how variables and literals come in (None: refused)."""

    name: str
    serialize: Callable[[Any], Any]
    from_variable: Callable[[Any], Any]
    from_literal: Callable[[Value], Any]
    description: str | None = None

    def __str__(self) -> str:
        return self.name


@dataclass(slots=True, eq=False)
class EnumType:
    """An enumeration; only introspection has them."""

    name: str
    values: tuple[str, ...]
    description: str | None = None

    def __str__(self) -> str:
        return self.name


@dataclass(slots=True, eq=False)
class Argument:
    """An argument of a field, or a field of an input object."""

    type: Type
    default: Any = None
    description: str | None = None


@dataclass(slots=True, eq=False)
class InputType:
    """An input object."""

    name: str
    fields: dict[str, Argument]
    description: str | None = None

    def __str__(self) -> str:
        return self.name


#: Gives the value of a field for each of some sources; an exception in its place is that source's error.
Resolver = Callable[[Any, list[Any], dict[str, Any], Any], list[Any]]


@dataclass(slots=True, eq=False)
class FieldType:
    """A field of an object: its type, arguments, and what gives its values (by default the source's own)."""

    type: Type
    arguments: dict[str, Argument] = field(default_factory=dict)
    resolve: Resolver | None = None
    description: str | None = None


@dataclass(slots=True, eq=False)
class ObjectType:
    """An object type; an interface if ``interface`` is set. ``implements`` names interfaces."""

    name: str
    fields: dict[str, FieldType] = field(default_factory=dict)
    implements: tuple[ObjectType, ...] = ()
    interface: bool = False
    description: str | None = None

    def __str__(self) -> str:
        return self.name


Type = ListOf | Required | ScalarType | EnumType | InputType | ObjectType


def named(type_: Type) -> ScalarType | EnumType | InputType | ObjectType:
    """Take the lists and requirements off a type."""
    while isinstance(type_, ListOf | Required):
        type_ = type_.item
    return type_


def is_input(type_: Type) -> bool:
    """Whether a variable can have this type."""
    return not isinstance(named(type_), ObjectType)


def same(left: Type, right: Type) -> bool:
    """Whether two types are one."""
    if isinstance(left, ListOf | Required) and type(left) is type(right):
        return same(left.item, right.item)
    return left is right


def _int(value: Any) -> int:
    try:
        number = value if isinstance(value, int) else int(value)
    except ValueError:
        number = int(float(value))
    if not -MAX_INT - 1 <= number <= MAX_INT:
        raise ValueError(f"Int cannot represent non 32-bit signed integer value: {value}")
    return number


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _accept(*kinds: str, read: Callable[[Any], Any] = lambda value: value) -> Callable[[Value], Any]:
    def from_literal(value: Value) -> Any:
        return read(value.value) if isinstance(value, Scalar) and value.kind in kinds else None

    return from_literal


def _int_literal(text: str) -> int | None:
    number = int(text)
    return number if -MAX_INT - 1 <= number <= MAX_INT else None


INT = ScalarType("Int", _int, _int, _accept("Int", read=_int_literal))
FLOAT = ScalarType("Float", float, float, _accept("Float", "Int", read=float))
STRING = ScalarType("String", _string, _string, _accept("String"))
BOOLEAN = ScalarType("Boolean", bool, bool, _accept("Boolean"))
ID = ScalarType("ID", str, str, _accept("String", "Int"))


@dataclass(slots=True, eq=False)
class DirectiveType:
    """A directive, and where it may stand."""

    name: str
    locations: tuple[str, ...]
    arguments: dict[str, Argument]


_WHERE = ("FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT")
DIRECTIVES = {
    "include": DirectiveType("include", _WHERE, {"if": Argument(Required(BOOLEAN))}),
    "skip": DirectiveType("skip", _WHERE, {"if": Argument(Required(BOOLEAN))}),
    "deprecated": DirectiveType(
        "deprecated",
        ("FIELD_DEFINITION", "ENUM_VALUE"),
        {"reason": Argument(STRING, "No longer supported")},
    ),
}
