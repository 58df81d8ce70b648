"""What a query can ask about the schema itself: ``__schema``, ``__type``, ``__typename``, as of 2016."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from .peregrine_types import (
    BOOLEAN,
    DIRECTIVES,
    STRING,
    Argument,
    DirectiveType,
    EnumType,
    FieldType,
    InputType,
    ListOf,
    ObjectType,
    Required,
    Resolver,
    ScalarType,
    Type,
    named,
)

#: The query whose answer is published as the schema document.
SCHEMA_QUERY = """
query IntrospectionQuery { __schema {
  queryType { name } mutationType { name } subscriptionType { name } types { ...FullType }
  directives { name description args { ...InputValue } onOperation onFragment onField }
} }
fragment FullType on __Type {
  kind name description
  fields { name description args { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
  inputFields { ...InputValue } interfaces { ...TypeRef }
  enumValues { name description isDeprecated deprecationReason } possibleTypes { ...TypeRef }
}
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }
fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }
"""


def _each(read: Callable[[Any], Any]) -> Resolver:
    """Resolve source by source."""
    return lambda _context, sources, _arguments, _field: [read(source) for source in sources]


def _kind(type_: Type) -> str:
    if isinstance(type_, ListOf):
        return "LIST"
    if isinstance(type_, Required):
        return "NON_NULL"
    if isinstance(type_, ObjectType):
        return "INTERFACE" if type_.interface else "OBJECT"
    return {ScalarType: "SCALAR", EnumType: "ENUM", InputType: "INPUT_OBJECT"}[type(type_)]


def _named_list(items: dict[str, Any]) -> list[tuple[str, Any]]:
    return list(items.items())


def _default(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def _possible(context: Any, sources: list[Any], _arguments: dict[str, Any], _field: Any) -> list[Any]:
    schema = context.schema
    return [
        schema.possible.get(one.name, []) if isinstance(one, ObjectType) and one.interface else None
        for one in sources
    ]


_TYPE = ObjectType("__Type")
_INPUT_VALUE = ObjectType("__InputValue")
_FIELD = ObjectType("__Field")
_ENUM_VALUE = ObjectType("__EnumValue")
_DIRECTIVE = ObjectType("__Directive")
_SCHEMA = ObjectType("__Schema")
_TYPE_KIND = EnumType(
    "__TypeKind",
    ("SCALAR", "OBJECT", "INTERFACE", "UNION", "ENUM", "INPUT_OBJECT", "LIST", "NON_NULL"),
)
_LOCATION = EnumType(
    "__DirectiveLocation",
    (
        "QUERY", "MUTATION", "SUBSCRIPTION", "FIELD", "FRAGMENT_DEFINITION", "FRAGMENT_SPREAD",
        "INLINE_FRAGMENT", "SCHEMA", "SCALAR", "OBJECT", "FIELD_DEFINITION", "ARGUMENT_DEFINITION",
        "INTERFACE", "UNION", "ENUM", "ENUM_VALUE", "INPUT_OBJECT", "INPUT_FIELD_DEFINITION",
    ),
)  # fmt: skip
_DEPRECATED = {"includeDeprecated": Argument(BOOLEAN, False)}


def _many(type_: Type) -> ListOf:
    return ListOf(Required(type_))


_SCHEMA.fields.update(
    types=FieldType(
        Required(_many(_TYPE)),
        resolve=lambda context, sources, _arguments, _field: [
            list(context.schema.types.values()) for _ in sources
        ],
    ),
    queryType=FieldType(
        Required(_TYPE),
        resolve=lambda context, sources, _arguments, _field: [context.schema.root for _ in sources],
    ),
    mutationType=FieldType(_TYPE, resolve=_each(lambda _: None)),
    subscriptionType=FieldType(_TYPE, resolve=_each(lambda _: None)),
    directives=FieldType(Required(_many(_DIRECTIVE)), resolve=_each(lambda _: list(DIRECTIVES.values()))),
)


def _on(*places: str) -> Resolver:
    def read(directive: DirectiveType) -> bool:
        return any(place in directive.locations for place in places)

    return _each(read)


_DIRECTIVE.fields.update(
    name=FieldType(Required(STRING), resolve=_each(lambda one: one.name)),
    description=FieldType(STRING, resolve=_each(lambda _: None)),
    locations=FieldType(Required(_many(_LOCATION)), resolve=_each(lambda one: one.locations)),
    args=FieldType(Required(_many(_INPUT_VALUE)), resolve=_each(lambda one: _named_list(one.arguments))),
    onOperation=FieldType(Required(BOOLEAN), resolve=_on("QUERY", "MUTATION", "SUBSCRIPTION")),
    onFragment=FieldType(
        Required(BOOLEAN), resolve=_on("FRAGMENT_SPREAD", "INLINE_FRAGMENT", "FRAGMENT_DEFINITION")
    ),
    onField=FieldType(Required(BOOLEAN), resolve=_on("FIELD")),
)
_TYPE.fields.update(
    kind=FieldType(Required(_TYPE_KIND), resolve=_each(_kind)),
    name=FieldType(STRING, resolve=_each(lambda one: getattr(one, "name", None))),
    description=FieldType(STRING, resolve=_each(lambda one: getattr(one, "description", None))),
    fields=FieldType(
        _many(_FIELD),
        _DEPRECATED,
        _each(lambda one: _named_list(one.fields) if isinstance(one, ObjectType) else None),
    ),
    interfaces=FieldType(
        _many(_TYPE),
        resolve=_each(
            lambda one: list(one.implements) if isinstance(one, ObjectType) and not one.interface else None
        ),
    ),
    possibleTypes=FieldType(_many(_TYPE), resolve=_possible),
    enumValues=FieldType(
        _many(_ENUM_VALUE),
        _DEPRECATED,
        _each(lambda one: list(one.values) if isinstance(one, EnumType) else None),
    ),
    inputFields=FieldType(
        _many(_INPUT_VALUE),
        resolve=_each(lambda one: _named_list(one.fields) if isinstance(one, InputType) else None),
    ),
    ofType=FieldType(
        _TYPE, resolve=_each(lambda one: one.item if isinstance(one, ListOf | Required) else None)
    ),
)
_FIELD.fields.update(
    name=FieldType(Required(STRING), resolve=_each(lambda one: one[0])),
    description=FieldType(STRING, resolve=_each(lambda one: one[1].description)),
    args=FieldType(Required(_many(_INPUT_VALUE)), resolve=_each(lambda one: _named_list(one[1].arguments))),
    type=FieldType(Required(_TYPE), resolve=_each(lambda one: one[1].type)),
    isDeprecated=FieldType(Required(BOOLEAN), resolve=_each(lambda _: False)),
    deprecationReason=FieldType(STRING, resolve=_each(lambda _: None)),
)
_INPUT_VALUE.fields.update(
    name=FieldType(Required(STRING), resolve=_each(lambda one: one[0])),
    description=FieldType(STRING, resolve=_each(lambda one: one[1].description)),
    type=FieldType(Required(_TYPE), resolve=_each(lambda one: one[1].type)),
    defaultValue=FieldType(STRING, resolve=_each(lambda one: _default(one[1].default))),
)
_ENUM_VALUE.fields.update(
    name=FieldType(Required(STRING), resolve=_each(lambda one: one)),
    description=FieldType(STRING, resolve=_each(lambda _: None)),
    isDeprecated=FieldType(Required(BOOLEAN), resolve=_each(lambda _: False)),
    deprecationReason=FieldType(STRING, resolve=_each(lambda _: None)),
)

SCHEMA_FIELD = FieldType(Required(_SCHEMA), resolve=_each(lambda _: True))
TYPE_FIELD = FieldType(
    _TYPE,
    {"name": Argument(Required(STRING))},
    lambda context, sources, arguments, _field: [
        context.schema.types.get(arguments["name"]) for _ in sources
    ],
)
#: The executor knows the type; the field has no resolver.
TYPENAME_FIELD = FieldType(Required(STRING))
_META = {"__schema": SCHEMA_FIELD, "__type": TYPE_FIELD}


class Schema:
    """All types that a query can name.

    Parameters
    ----------
    root
        The type whose fields a query begins with.
    """

    def __init__(self, root: ObjectType) -> None:
        self.root = root
        self.types: dict[str, ScalarType | EnumType | InputType | ObjectType] = {}
        self.possible: dict[str, list[ObjectType]] = {}
        for start in (root, named(SCHEMA_FIELD.type)):
            self._collect(start)
        for one in self.types.values():
            if isinstance(one, ObjectType):
                for interface in one.implements:
                    self.possible.setdefault(interface.name, []).append(one)

    def _collect(self, start: ScalarType | EnumType | InputType | ObjectType) -> None:
        """Note the types as the schema is walked: depth first, arguments before results."""
        stack = [iter((start,))]
        while stack:
            found = next(stack[-1], None)
            if found is None:
                stack.pop()
            elif found.name not in self.types:
                self.types[found.name] = found
                stack.append(_mentioned(found))

    def field(self, parent: ObjectType, name: str) -> FieldType | None:
        """Find a field of a type, the ones that every query can ask included."""
        if name == "__typename":
            return TYPENAME_FIELD
        if parent is self.root and name in _META:
            return _META[name]
        return parent.fields.get(name)

    def is_possible(self, general: ObjectType, special: ObjectType) -> bool:
        """Whether a value of type ``general`` can be one of type ``special``."""
        return general is special or special in self.possible.get(general.name, ())


def _mentioned(type_: ScalarType | EnumType | InputType | ObjectType) -> Iterator[Any]:
    if isinstance(type_, InputType):
        for argument in type_.fields.values():
            yield named(argument.type)
    elif isinstance(type_, ObjectType):
        yield from type_.implements
        for one in type_.fields.values():
            for argument in one.arguments.values():
                yield named(argument.type)
            yield named(one.type)
