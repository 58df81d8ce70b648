"""Runs a checked query, level by level: each field is resolved for all objects of its level at once.

So one level of links is one statement to the database however many records have it, and a list of 100,000
records is put together column by column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .peregrine_introspection import Schema
from .peregrine_syntax import Directive, Document, Field, GraphQLFault, Inline, Operation, Selection
from .peregrine_types import DIRECTIVES, ListOf, ObjectType, Required, ScalarType, Type
from .peregrine_values import argument_values, variable_values


@dataclass(slots=True)
class Asked:
    """What a resolver may know about the field that it resolves.

    ``names`` are the names of the fields selected below, at any depth of fragments.
    """

    parent: ObjectType
    name: str
    names: frozenset[str]


class Execution:
    """One run of one query.

    Parameters
    ----------
    schema
        The types.
    document
        The query, checked.
    variables
        Values that the request gives.
    context
        Handed to every resolver.
    by_name
        Sort the fields of objects by name, as the service does, but for the published schema.

    Attributes
    ----------
    errors
        Messages of fields that have no value because of an error.
    """

    def __init__(
        self,
        schema: Schema,
        document: Document,
        variables: Any,
        context: Any,
        *,
        by_name: bool = True,
    ) -> None:
        self.schema = schema
        self.by_name = by_name
        self.fragments = document.fragments
        self.operation = _operation(document)
        self.variables = variable_values(schema.types, self.operation, variables)
        self.context = context
        self.errors: list[str] = []

    def run(self) -> dict[str, Any]:
        """Give the data.

        Raises
        ------
        GraphQLFault
            If the query is no query.
        """
        if self.operation.kind != "query":
            raise GraphQLFault(f"Schema is not configured for {self.operation.kind}s")
        return self._objects(self.schema.root, [None], [self.operation.selections])[0]

    # -- fields ----------------------------------------------------------------------------------------------

    def _collect(self, type_: ObjectType, sets: list[list[Selection]]) -> dict[str, list[Field]]:
        """Fields to give for an object of a type, by their names in the answer."""
        fields: dict[str, list[Field]] = {}
        seen: set[str] = set()
        for selections in sets:
            self._collect_into(type_, selections, fields, seen)
        return fields

    def _collect_into(
        self, type_: ObjectType, selections: list[Selection], fields: dict[str, list[Field]], seen: set[str]
    ) -> None:
        for one in selections:
            if isinstance(one, Field):
                if self._included(one.directives):
                    fields.setdefault(one.key, []).append(one)
            elif isinstance(one, Inline):
                if self._included(one.directives) and self._applies(one.on, type_):
                    self._collect_into(type_, one.selections, fields, seen)
            elif one.name not in seen and self._included(one.directives):
                seen.add(one.name)
                fragment = self.fragments[one.name]
                if self._included(fragment.directives) and self._applies(fragment.on, type_):
                    self._collect_into(type_, fragment.selections, fields, seen)

    def _included(self, directives: list[Directive]) -> bool:
        for name, refuse in (("skip", True), ("include", False)):
            for one in directives:
                if one.name == name:
                    given = argument_values(DIRECTIVES[name].arguments, one.arguments, self.variables)
                    if given.get("if") is refuse:
                        return False
                    break
        return True

    def _applies(self, condition: str | None, type_: ObjectType) -> bool:
        if condition is None or condition == type_.name:
            return True
        general = self.schema.types.get(condition)
        return isinstance(general, ObjectType) and self.schema.is_possible(general, type_)

    def _names(self, sets: list[list[Selection]]) -> frozenset[str]:
        names: set[str] = set()
        waiting, seen = list(sets), set()
        while waiting:
            for one in waiting.pop():
                if isinstance(one, Field):
                    names.add(one.name)
                elif isinstance(one, Inline):
                    waiting.append(one.selections)
                elif one.name not in seen:
                    seen.add(one.name)
                    waiting.append(self.fragments[one.name].selections)
        return frozenset(names)

    # -- levels ----------------------------------------------------------------------------------------------

    def _objects(
        self, type_: ObjectType, sources: list[Any], sets: list[list[Selection]]
    ) -> list[dict[str, Any]]:
        """Give one object of a type for each source."""
        columns = {
            key: self._column(type_, sources, nodes) for key, nodes in self._collect(type_, sets).items()
        }
        keys = sorted(columns) if self.by_name else list(columns)
        if not keys:
            return [{} for _ in sources]
        return [
            dict(zip(keys, values, strict=True))
            for values in zip(*(columns[key] for key in keys), strict=True)
        ]

    def _column(self, type_: ObjectType, sources: list[Any], nodes: list[Field]) -> list[Any]:
        """Give one field of all objects."""
        name = nodes[0].name
        if name == "__typename":
            return [type_.name] * len(sources)
        field = self.schema.field(type_, name)
        if field is None:  # a check lets through only known fields
            raise GraphQLFault(f'Cannot query field "{name}" on type "{type_}".')
        sets = [node.selections for node in nodes if node.selections]
        if field.resolve is None:
            values = [source.get(name) for source in sources]
        else:
            arguments = argument_values(field.arguments, nodes[0].arguments, self.variables)
            asked = Asked(type_, name, self._names(sets))
            try:
                values = field.resolve(self.context, sources, arguments, asked)
            except GraphQLFault as fault:
                values = [fault] * len(sources)
        for place, value in enumerate(values):
            if isinstance(value, Exception):
                self.errors.append(str(value))
                values[place] = None
        return self._complete(field.type, values, sets, asked_of=f"{type_}.{name}")

    def _complete(
        self, type_: Type, values: list[Any], sets: list[list[Selection]], asked_of: str
    ) -> list[Any]:
        """Turn what resolvers gave into what the answer has."""
        if isinstance(type_, Required):
            return self._complete(type_.item, values, sets, asked_of)
        if isinstance(type_, ListOf):
            return self._lists(type_, values, sets, asked_of)
        if isinstance(type_, ScalarType):
            return self._scalars(type_, values)
        if isinstance(type_, ObjectType):
            return self._composites(type_, values, sets)
        return values

    def _scalars(self, type_: ScalarType, values: list[Any]) -> list[Any]:
        serialize = type_.serialize
        try:
            return [None if value is None else serialize(value) for value in values]
        except (ValueError, TypeError, OverflowError):
            return [self._scalar(type_, value) for value in values]

    def _scalar(self, type_: ScalarType, value: Any) -> Any:
        try:
            return None if value is None else type_.serialize(value)
        except (ValueError, TypeError, OverflowError) as error:
            self.errors.append(str(error))
            return None

    def _lists(
        self, type_: ListOf, values: list[Any], sets: list[list[Selection]], asked_of: str
    ) -> list[Any]:
        for place, value in enumerate(values):
            if value is not None and not isinstance(value, list | tuple | str):
                self.errors.append(
                    f"User Error: expected iterable, but did not find one for field {asked_of}."
                )
                values[place] = None
        flat = self._complete(
            type_.item, [one for value in values if value is not None for one in value], sets, asked_of
        )
        found: list[Any] = []
        start = 0
        for value in values:
            if value is None:
                found.append(None)
            else:
                found.append(flat[start : start + len(value)])
                start += len(value)
        return found

    def _composites(self, type_: ObjectType, values: list[Any], sets: list[list[Selection]]) -> list[Any]:
        """Complete objects; those of an interface by their own types."""
        groups: dict[str, list[int]] = {}
        for place, value in enumerate(values):
            if value is not None:
                name = str(value["type"]) if type_.interface else type_.name
                groups.setdefault(name, []).append(place)
        found: list[Any] = [None] * len(values)
        for name, places in groups.items():
            special = self.schema.types[name] if type_.interface else type_
            if not isinstance(special, ObjectType):
                raise TypeError(f"{name} is no object type")
            objects = self._objects(special, [values[place] for place in places], sets)
            if len(places) == len(values):
                return objects
            for place, one in zip(places, objects, strict=True):
                found[place] = one
        return found


def _operation(document: Document) -> Operation:
    operations = document.operations
    if len(operations) > 1:
        raise GraphQLFault("Must provide operation name if query contains multiple operations.")
    if not operations:
        raise GraphQLFault("Must provide an operation.")
    return operations[0]
