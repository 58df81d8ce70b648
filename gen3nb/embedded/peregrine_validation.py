"""The checks that a query must pass before it runs: 24 rules, in the order and words of the real library.

All rules look at a part of the query when the walk comes to it (or leaves it), one rule after the other; so
the order of the messages is the library's, too.
"""

from __future__ import annotations

from collections.abc import Iterator

from .peregrine_introspection import Schema
from .peregrine_overlap import Overlaps
from .peregrine_syntax import (
    Argument,
    Directive,
    Document,
    Field,
    Fragment,
    Inline,
    ListLiteral,
    ObjectLiteral,
    Operation,
    Selection,
    Spread,
    TypeName,
    Value,
    Variable,
    literal,
)
from .peregrine_types import (
    DIRECTIVES,
    DirectiveType,
    FieldType,
    InputType,
    ListOf,
    ObjectType,
    Required,
    Type,
    is_input,
    named,
    same,
)
from .peregrine_values import alternatives, literal_faults, suggestions, type_of


def validate(schema: Schema, document: Document) -> list[str]:
    """Say what is wrong with a query; an empty list if it may run."""
    return _Validation(schema, document).faults()


def spreads(selections: list[Selection]) -> list[Spread]:
    """Name the fragments that a selection spreads, at any depth but not through other fragments."""
    found, sets = [], [selections]
    while sets:
        for one in sets.pop():
            if isinstance(one, Spread):
                found.append(one)
            elif one.selections:
                sets.append(one.selections)
    return found


class _Validation:
    def __init__(self, schema: Schema, document: Document) -> None:
        self.schema = schema
        self.document = document
        self.fragments = document.fragments
        self.overlaps = Overlaps(schema, self.fragments)
        self.found: list[str] = []
        self.usages: list[tuple[str, Type | None]] = []
        self.visited: set[str] = set()
        self.path: list[str] = []
        self.place: dict[str, int | None] = {}

    def report(self, words: str) -> None:
        self.found.append(words)

    def faults(self) -> list[str]:
        usages: dict[int, list[tuple[str, Type | None]]] = {}
        names: set[str] = set()
        for one in self.document.definitions:
            self.usages = usages.setdefault(id(one), [])
            if isinstance(one, Fragment):
                self.fragment(one, names)
        # the walk above only notes where fragments use variables; the real one goes in the document's order
        self.found, self.visited = [], set()
        self.overlaps = Overlaps(self.schema, self.fragments)
        operations: set[str] = set()
        names = set()
        for one in self.document.definitions:
            self.usages = []
            if isinstance(one, Fragment):
                self.fragment(one, names)
            else:
                self.operation(one, operations, usages)
        used = {name for one in self.document.operations for name in self.reached(one)}
        for one in self.document.definitions:
            if isinstance(one, Fragment) and one.name not in used:
                self.report(f'Fragment "{one.name}" is never used.')
        return self.found

    def reached(self, operation: Operation) -> list[str]:
        """Fragments that an operation spreads, directly or through others."""
        names: list[str] = []
        sets = [operation.selections]
        while sets:
            for spread in spreads(sets.pop()):
                if spread.name not in names and spread.name in self.fragments:
                    names.append(spread.name)
                    sets.append(self.fragments[spread.name].selections)
        return names

    # -- definitions -----------------------------------------------------------------------------------------

    def operation(
        self, one: Operation, names: set[str], usages: dict[int, list[tuple[str, Type | None]]]
    ) -> None:
        if one.name and one.name in names:
            self.report(f'There can only be one operation named "{one.name}".')
        names.add(one.name or "")
        if not one.name and len(self.document.operations) > 1:
            self.report("This anonymous operation must be the only defined operation.")
        seen: set[str] = set()
        for variable in one.variables:
            self.variable(variable.name, variable.type, variable.default, seen)
        self.directives(one.directives, one.kind.upper())
        root = self.schema.root if one.kind == "query" else None
        self.selections(one.selections, root)
        for name in self.reached(one):
            self.usages += usages.get(id(self.fragments[name]), [])
        self.variables(one)

    def variable(self, name: str, type_name: TypeName, default: Value | None, seen: set[str]) -> None:
        type_ = type_of(self.schema.types, type_name)
        if type_ and not is_input(type_):
            self.report(f'Variable "${name}" cannot be non-input type "{type_name}".')
        if isinstance(type_, Required) and default is not None:
            self.report(
                f'Variable "${name}" of type "{type_}" is required and will not use the default value. '
                f'Perhaps you meant to use type "{type_.item}".'
            )
        if type_ and default is not None and (faults := literal_faults(type_, default)):
            shown, words = literal(default), "\n".join(faults)
            self.report(f'Variable "${name}" of type "{type_}" has invalid default value: {shown}.\n{words}')
        if name in seen:
            self.report(f'There can be only one variable named "{name}".')
        seen.add(name)
        self.type_name(type_name)
        if default is not None:
            self.input_names(default)

    def variables(self, one: Operation) -> None:
        """Compare where variables are used with how they are defined."""
        defined = {variable.name: variable for variable in one.variables}
        by = f' by operation "{one.name}"' if one.name else ""
        for name, _ in self.usages:
            if name not in defined:
                self.report(f'Variable "${name}" is not defined{by}.')
        used = {name for name, _ in self.usages}
        by = f' in operation "{one.name}"' if one.name else ""
        for variable in one.variables:
            if variable.name not in used:
                self.report(f'Variable "${variable.name}" is never used{by}.')
        for name, expected in self.usages:
            if name not in defined or expected is None:
                continue
            type_ = type_of(self.schema.types, defined[name].type)
            if type_ is None:
                continue
            strict = (
                type_ if defined[name].default is None or isinstance(type_, Required) else Required(type_)
            )
            if not _fits(strict, expected):
                self.report(
                    f'Variable "{name}" of type "{type_}" used in position expecting type "{expected}".'
                )

    def fragment(self, one: Fragment, names: set[str]) -> None:
        type_ = self.schema.types.get(one.on)
        if type_ and not isinstance(type_, ObjectType):
            self.report(f'Fragment "{one.name}" cannot condition on non composite type "{one.on}".')
        if one.name in names:
            self.report(f'There can only be one fragment named "{one.name}".')
        names.add(one.name)
        if one.name not in self.visited:
            self.cycles(one)
        self.type_name(TypeName(one.on))
        self.directives(one.directives, "FRAGMENT_DEFINITION")
        self.selections(one.selections, type_)

    def cycles(self, one: Fragment) -> None:
        self.visited.add(one.name)
        inner = spreads(one.selections)
        if not inner:
            return
        self.place[one.name] = len(self.path)
        for spread in inner:
            at = self.place.get(spread.name)
            if at is None:
                self.path.append(spread.name)
                if spread.name not in self.visited and spread.name in self.fragments:
                    self.cycles(self.fragments[spread.name])
                self.path.pop()
            else:
                via = f" via {', '.join(self.path[at:])}" if self.path[at:] else ""
                self.report(f'Cannot spread fragment "{spread.name}" within itself{via}.')
        self.place[one.name] = None

    def type_name(self, name: TypeName) -> None:
        while name.item:
            name = name.item
        if name.name not in self.schema.types:
            near = suggestions(name.name, self.schema.types)
            meant = f" Perhaps you meant {alternatives(near)}?" if near else ""
            self.report(f'Unknown type "{name.name}".{meant}')

    # -- selections ------------------------------------------------------------------------------------------

    def selections(self, several: list[Selection], outer: Type | None) -> None:
        inner = named(outer) if outer else None
        parent = inner if isinstance(inner, ObjectType) else None
        for one in several:
            if isinstance(one, Field):
                self.field(one, parent)
            elif isinstance(one, Inline):
                self.inline(one, outer, parent)
            else:
                self.spread(one, parent)
        for words in self.overlaps.within(several, parent):
            self.report(words)

    def field(self, one: Field, parent: ObjectType | None) -> None:
        field = self.schema.field(parent, one.name) if parent else None
        if field:
            leaf = not isinstance(named(field.type), ObjectType)
            if leaf and one.selections:
                self.report(f'Field "{one.name}" of type "{field.type}" must not have a sub selection.')
            elif not leaf and not one.selections:
                self.report(f'Field "{one.name}" of type "{field.type}" must have a sub selection.')
        elif parent:
            self.report(f'Cannot query field "{one.name}" on type "{parent}".{self.meant(one.name, parent)}')
        self.arguments(one.arguments, field, f'field "{one.name}" of type "{parent}"')
        self.directives(one.directives, "FIELD")
        if one.selections:
            self.selections(one.selections, field.type if field else None)
        if field:
            self.provided(one.arguments, field, f'Field "{one.name}"')

    def meant(self, name: str, parent: ObjectType) -> str:
        """Suggest what a query for an unknown field may have meant."""
        possible = self.schema.possible.get(parent.name, []) if parent.interface else []
        if possible and all(name in one.fields for one in possible):
            several = alternatives([one.name for one in possible])
            return f" Did you mean to use an inline fragment on {several}?"
        near = suggestions(name, parent.fields)
        return f" Did you mean {alternatives(near)}?" if near else ""

    def inline(self, one: Inline, outer: Type | None, parent: ObjectType | None) -> None:
        # without a condition it is the field's whole type: a list, which is no type that a record can have
        type_ = self.schema.types.get(one.on) if one.on else outer
        if one.on and type_ and not isinstance(type_, ObjectType):
            self.report(f'Fragment cannot condition on non composite type "{one.on}".')
        if type_ and parent and not self.overlap(type_, parent):
            self.report(
                f"Fragment cannot be spread here as objects of type {parent} can never be of type {type_}"
            )
        if one.on:
            self.type_name(TypeName(one.on))
        self.directives(one.directives, "INLINE_FRAGMENT")
        self.selections(one.selections, type_)

    def spread(self, one: Spread, parent: ObjectType | None) -> None:
        fragment = self.fragments.get(one.name)
        if not fragment:
            self.report(f'Unknown fragment "{one.name}".')
        type_ = self.schema.types.get(fragment.on) if fragment else None
        if type_ and parent and not self.overlap(type_, parent):
            self.report(
                f"Fragment {one.name} cannot be spread here as objects of type {parent} "
                f"can never be of type {type_}"
            )
        self.directives(one.directives, "FRAGMENT_SPREAD")

    def overlap(self, left: Type, right: ObjectType) -> bool:
        """Whether one object can be of both types."""
        if not isinstance(left, ObjectType):
            return False
        if left is right:
            return True
        if left.interface and right.interface:
            others = self.schema.possible.get(right.name, [])
            return any(one in others for one in self.schema.possible.get(left.name, []))
        if left.interface:
            return self.schema.is_possible(left, right)
        return right.interface and self.schema.is_possible(right, left)

    # -- arguments and directives ----------------------------------------------------------------------------

    def directives(self, several: list[Directive], place: str) -> None:
        for one in several:
            directive = DIRECTIVES.get(one.name)
            if not directive:
                self.report(f'Unknown directive "{one.name}".')
            elif place not in directive.locations:
                self.report(f'Directive "{one.name}" may not be used on "{place}".')
            self.arguments(one.arguments, directive, f'directive "@{one.name}"')
            if directive:
                self.provided(one.arguments, directive, f'Directive "{one.name}"')

    def arguments(self, given: list[Argument], holder: FieldType | DirectiveType | None, where: str) -> None:
        seen = set()
        for one in given:
            argument = holder.arguments.get(one.name) if holder else None
            if holder and not argument:
                near = suggestions(one.name, holder.arguments)
                meant = f" Did you mean {alternatives(near)}?" if near else ""
                self.report(f'Unknown argument "{one.name}" on {where}.{meant}')
            if one.name in seen:
                self.report(f'There can only be one argument named "{one.name}".')
            seen.add(one.name)
            if argument and (faults := literal_faults(argument.type, one.value)):
                words = "\n".join(faults)
                self.report(f'Argument "{one.name}" has invalid value {literal(one.value)}.\n{words}')
            self.input_names(one.value)
            self.usages += _usages(one.value, argument.type if argument else None)

    def input_names(self, value: Value) -> None:
        """Report a field that an input object has twice."""
        if isinstance(value, ObjectLiteral):
            seen = set()
            for name, _inner in value.fields:
                if name in seen:
                    self.report(f'There can only be one input field named "{name}".')
                seen.add(name)
        elif isinstance(value, ListLiteral):
            for inner in value.values:
                self.input_names(inner)

    def provided(self, given: list[Argument], holder: FieldType | DirectiveType, where: str) -> None:
        names = {one.name for one in given}
        for name, argument in holder.arguments.items():
            if isinstance(argument.type, Required) and name not in names:
                self.report(
                    f'{where} argument "{name}" of type "{argument.type}" is required but not provided.'
                )


def _usages(value: Value, type_: Type | None) -> Iterator[tuple[str, Type | None]]:
    """Variables in a value, each with the type of its place."""
    if isinstance(value, Variable):
        yield value.name, type_
        return
    inner = type_.item if isinstance(type_, Required) else type_
    if isinstance(value, ListLiteral):
        for one in value.values:
            yield from _usages(one, inner.item if isinstance(inner, ListOf) else None)
    elif isinstance(value, ObjectLiteral):
        holder = named(inner) if inner else None
        for name, one in value.fields:
            field = holder.fields.get(name) if isinstance(holder, InputType) else None
            yield from _usages(one, field.type if field else None)


def _fits(given: Type, expected: Type) -> bool:
    """Whether a variable's type may stand where another is expected."""
    if same(given, expected):
        return True
    if isinstance(expected, Required):
        return isinstance(given, Required) and _fits(given.item, expected.item)
    if isinstance(given, Required):
        return _fits(given.item, expected)
    if isinstance(expected, ListOf):
        return isinstance(given, ListOf) and _fits(given.item, expected.item)
    return False
