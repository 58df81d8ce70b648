"""Values of a query: literals and variables checked against types, arguments, suggestions of near names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .peregrine_syntax import (
    Argument as ArgumentNode,
)
from .peregrine_syntax import (
    GraphQLFault,
    ListLiteral,
    ObjectLiteral,
    Operation,
    TypeName,
    Value,
    Variable,
    literal,
)
from .peregrine_types import (
    Argument,
    InputType,
    ListOf,
    Required,
    ScalarType,
    Type,
    is_input,
)

#: How many near names a message gives.
SUGGESTIONS = 5


def type_of(types: Mapping[str, Any], name: TypeName) -> Type | None:
    """Find the type that a query names; None if there is none."""
    found = type_of(types, name.item) if name.item else types.get(name.name)
    if found is None:
        return None
    inner: Type = ListOf(found) if name.item else found
    return Required(inner) if name.required else inner


def literal_faults(type_: Type, value: Value | None) -> list[str]:
    """Say what is wrong with a literal in the place of a type."""
    if isinstance(type_, Required):
        return [f'Expected "{type_}", found null.'] if value is None else literal_faults(type_.item, value)
    if value is None or isinstance(value, Variable):
        return []
    if isinstance(type_, ListOf):
        if not isinstance(value, ListLiteral):
            return literal_faults(type_.item, value)
        return [
            f"In element #{place}: {fault}"
            for place, one in enumerate(value.values)
            for fault in literal_faults(type_.item, one)
        ]
    if isinstance(type_, InputType):
        if not isinstance(value, ObjectLiteral):
            return [f'Expected "{type_}", found not an object.']
        faults = [
            f'In field "{name}": Unknown field.' for name, _ in value.fields if name not in type_.fields
        ]
        given = dict(value.fields)
        for name, one in type_.fields.items():
            faults += [f'In field "{name}": {fault}' for fault in literal_faults(one.type, given.get(name))]
        return faults
    if isinstance(type_, ScalarType) and type_.from_literal(value) is None:
        return [f'Expected type "{type_}", found {literal(value)}.']
    return []


def value_faults(type_: Type, value: Any) -> list[str]:
    """Say what is wrong with a variable's value.

    Raises
    ------
    ValueError, TypeError
        As the real library lets them pass, with Python's own words.
    """
    if isinstance(type_, Required):
        return [f'Expected "{type_}", found null.'] if value is None else value_faults(type_.item, value)
    if value is None:
        return []
    if isinstance(type_, ListOf):
        if isinstance(value, str) or not isinstance(value, Iterable):
            return value_faults(type_.item, value)
        return [
            f"In element #{place}: {fault}"
            for place, one in enumerate(value)
            for fault in value_faults(type_.item, one)
        ]
    if isinstance(type_, InputType):
        if not isinstance(value, Mapping):
            return [f'Expected "{type_}", found not an object.']
        faults = [f'In field "{name}": Unknown field.' for name in sorted(value) if name not in type_.fields]
        for name, one in type_.fields.items():
            faults += [f'In field "{name}": {fault}' for fault in value_faults(one.type, value.get(name))]
        return faults
    if isinstance(type_, ScalarType) and type_.from_variable(value) is None:
        return [f'Expected type "{type_}", found {json.dumps(value)}.']
    return []


def coerced(type_: Type, value: Any) -> Any:
    """Turn a variable's value, found good, into what resolvers take."""
    if isinstance(type_, Required):
        return coerced(type_.item, value)
    if value is None:
        return None
    if isinstance(type_, ListOf):
        several = value if not isinstance(value, str) and isinstance(value, Iterable) else [value]
        return [coerced(type_.item, one) for one in several]
    if isinstance(type_, InputType):
        return {
            name: coerced(one.type, value[name]) if name in value else one.default
            for name, one in type_.fields.items()
            if name in value or one.default is not None
        }
    return type_.from_variable(value) if isinstance(type_, ScalarType) else value


def from_literal(type_: Type, value: Value, variables: Mapping[str, Any]) -> Any:
    """Turn a literal, found good, into what resolvers take."""
    if isinstance(type_, Required):
        return from_literal(type_.item, value, variables)
    if isinstance(value, Variable):
        return variables.get(value.name)
    if isinstance(type_, ListOf):
        several = value.values if isinstance(value, ListLiteral) else [value]
        return [from_literal(type_.item, one, variables) for one in several]
    if isinstance(type_, InputType):
        if not isinstance(value, ObjectLiteral):
            return None
        given = dict(value.fields)
        return {
            name: from_literal(one.type, given[name], variables) if name in given else one.default
            for name, one in type_.fields.items()
            if name in given or one.default is not None
        }
    return type_.from_literal(value) if isinstance(type_, ScalarType) else None


def variable_values(types: Mapping[str, Any], operation: Operation, given: Any) -> dict[str, Any]:
    """Take the values of an operation's variables out of what the request gives.

    Raises
    ------
    GraphQLFault
        If one is missing or of a wrong type.
    """
    values = {}
    if operation.variables and not isinstance(given, Mapping):
        raise GraphQLFault(f"'{type(given).__name__}' object has no attribute 'get'")
    for one in operation.variables:
        type_ = type_of(types, one.type)
        value = given.get(one.name)
        if type_ is None or not is_input(type_):
            raise GraphQLFault(
                f'Variable "${one.name}" expected value of type "{one.type}" which cannot be used as an '
                "input type."
            )
        if value is not None:
            try:
                faults = value_faults(type_, value)
            except (ValueError, TypeError, OverflowError) as error:
                raise GraphQLFault(str(error)) from None
            if faults:
                shown = json.dumps(value, sort_keys=True)
                words = "\n".join(faults)
                raise GraphQLFault(f'Variable "${one.name}" got invalid value {shown}.\n{words}')
            values[one.name] = coerced(type_, value)
        elif isinstance(type_, Required):
            raise GraphQLFault(f'Variable "${one.name}" of required type "{type_}" was not provided.')
        elif one.default is not None:
            values[one.name] = from_literal(type_, one.default, {})
    return values


def argument_values(
    defined: Mapping[str, Argument], given: list[ArgumentNode], variables: Mapping[str, Any]
) -> dict[str, Any]:
    """Put the arguments of a field together: given ones and defaults; one without a value is absent.

    Raises
    ------
    GraphQLFault
        If a required one gets a variable without a value.
    """
    nodes = {one.name: one.value for one in given}
    values = {}
    for name, argument in defined.items():
        node = nodes.get(name)
        value = None
        if isinstance(node, Variable):
            value = variables.get(node.name)
            if value is None and isinstance(argument.type, Required):
                raise GraphQLFault(
                    f'Argument "{name}" of required type {argument.type}" provided the variable '
                    f'"${node.name}" which was not provided'
                )
        elif node is not None:
            value = from_literal(argument.type, node, variables)
        if value is None:
            value = argument.default
        if value is not None:
            values[name] = value
    return values


def suggestions(name: str, options: Iterable[str]) -> list[str]:
    """Names near to one that does not exist, the nearest first."""
    half = len(name) / 2
    near = {}
    for option in options:
        limit = max(half, len(option) / 2, 1)
        if abs(len(option) - len(name)) <= limit and (distance := _distance(name, option)) <= limit:
            near[option] = distance
    return sorted(near, key=lambda option: near[option])


def alternatives(names: list[str]) -> str:
    """Write ``"a", "b" or "c"``."""
    quoted = [f'"{name}"' for name in names[:SUGGESTIONS]]
    return ", ".join(quoted[:-1]) + " or " + quoted[-1] if len(quoted) > 1 else quoted[0]


def _distance(left: str, right: str) -> int:
    """How many letters to insert, leave out or replace to make one word of the other."""
    row = list(range(len(right) + 1))
    for place, letter in enumerate(left, 1):
        above, row[0] = row[0], place
        for column, other in enumerate(right, 1):
            cost = min(row[column] + 1, row[column - 1] + 1, above + (letter != other))
            above, row[column] = row[column], cost
    return row[-1]
