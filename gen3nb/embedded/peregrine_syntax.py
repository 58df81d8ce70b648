"""What a query is made of: operations, fragments, fields, values, types."""

from __future__ import annotations

import json
from dataclasses import dataclass, field


class GraphQLFault(Exception):
    """An error that the answer's ``errors`` names by its message."""


@dataclass(slots=True, eq=False)
class Variable:
    """``$name``."""

    name: str


@dataclass(slots=True, eq=False)
class Scalar:
    """A literal: ``kind`` is Int, Float, String, Boolean or Enum, ``value`` its text (a bool for Boolean)."""

    kind: str
    value: str | bool


@dataclass(slots=True, eq=False)
class ListLiteral:
    """``[a, b]``."""

    values: list[Value]


@dataclass(slots=True, eq=False)
class ObjectLiteral:
    """``{a: 1}``, its fields in the order given, double ones included."""

    fields: list[tuple[str, Value]]


Value = Variable | Scalar | ListLiteral | ObjectLiteral


@dataclass(slots=True, eq=False)
class TypeName:
    """A type as a query writes it: a name, or a list (``item``), either with ``!``."""

    name: str = ""
    item: TypeName | None = None
    required: bool = False

    def __str__(self) -> str:
        return (f"[{self.item}]" if self.item else self.name) + ("!" if self.required else "")


@dataclass(slots=True, eq=False)
class Argument:
    """``name: value``."""

    name: str
    value: Value


@dataclass(slots=True, eq=False)
class Directive:
    """``@name(arguments)``."""

    name: str
    arguments: list[Argument]


@dataclass(slots=True, eq=False)
class Field:
    """One field of a selection."""

    name: str
    alias: str | None
    arguments: list[Argument]
    directives: list[Directive]
    selections: list[Selection] | None

    @property
    def key(self) -> str:
        """The name under which the answer has it."""
        return self.alias or self.name


@dataclass(slots=True, eq=False)
class Spread:
    """``...name``."""

    name: str
    directives: list[Directive]


@dataclass(slots=True, eq=False)
class Inline:
    """``... on type {}``; without a condition ``on`` is None."""

    on: str | None
    directives: list[Directive]
    selections: list[Selection]


Selection = Field | Spread | Inline


@dataclass(slots=True, eq=False)
class Fragment:
    """``fragment name on type {}``."""

    name: str
    on: str
    directives: list[Directive]
    selections: list[Selection]


@dataclass(slots=True, eq=False)
class VariableDefinition:
    """``$name: type = default``."""

    name: str
    type: TypeName
    default: Value | None


@dataclass(slots=True, eq=False)
class Operation:
    """A query, mutation or subscription."""

    kind: str
    name: str | None
    variables: list[VariableDefinition]
    directives: list[Directive]
    selections: list[Selection]


@dataclass(slots=True, eq=False)
class Document:
    """What a request's text holds."""

    definitions: list[Operation | Fragment] = field(default_factory=list)

    @property
    def fragments(self) -> dict[str, Fragment]:
        """Fragments by name; of two of one name the last."""
        return {one.name: one for one in self.definitions if isinstance(one, Fragment)}

    @property
    def operations(self) -> list[Operation]:
        """Operations in order."""
        return [one for one in self.definitions if isinstance(one, Operation)]


def literal(value: Value) -> str:
    """Write a literal as messages show it."""
    if isinstance(value, Variable):
        return f"${value.name}"
    if isinstance(value, ListLiteral):
        return "[" + ", ".join(literal(one) for one in value.values) + "]"
    if isinstance(value, ObjectLiteral):
        return "{" + ", ".join(f"{name}: {literal(one)}" for name, one in value.fields) + "}"
    if value.kind in ("String", "Boolean"):
        return json.dumps(value.value)
    return str(value.value)
