"""The rule that one name in an answer must stand for one field: same field, same arguments, same type."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

from .peregrine_introspection import Schema
from .peregrine_syntax import Argument, Field, Fragment, GraphQLFault, Inline, Selection, literal
from .peregrine_types import FieldType, ListOf, ObjectType, Required, Type, named

_Entry = tuple[Any, Field, FieldType | None]
_Fields = dict[str, list[_Entry]]
#: The name in the answer, and why two fields cannot share it: in words, or by the conflicts below them.
_Conflict = tuple[str, Any]


class Overlaps:
    """Finds fields of one selection that would answer under one name and differ."""

    def __init__(self, schema: Schema, fragments: dict[str, Fragment]) -> None:
        self.schema = schema
        self.fragments = fragments
        self.collected: dict[int, tuple[_Fields, list[str]]] = {}
        self.compared: set[tuple[frozenset[str], bool]] = set()

    def within(self, selections: list[Selection], parent: ObjectType | None) -> list[str]:
        """Say which fields of a selection conflict."""
        fields, spread = self.collect(selections, parent)
        found: list[_Conflict] = []
        for key, entries in fields.items():
            for left, right in combinations(entries, 2):
                found += self.conflict(key, left, right, exclusive=False)
        for place, name in enumerate(spread):
            found += self.with_fragment(fields, name, exclusive=False)
            for other in spread[place + 1 :]:
                found += self.fragments_between(name, other, exclusive=False)
        return [
            f'Fields "{key}" conflict because {_words(reason)}. '
            "Use different aliases on the fields to fetch both if this was intentional."
            for key, reason in found
        ]

    def collect(self, selections: list[Selection], parent: Any) -> tuple[_Fields, list[str]]:
        """Fields of a selection by the name in the answer, and the fragments it spreads."""
        if id(selections) not in self.collected:
            fields: _Fields = {}
            spread: dict[str, None] = {}
            self._collect(selections, parent, fields, spread)
            self.collected[id(selections)] = fields, list(spread)
        return self.collected[id(selections)]

    def _collect(
        self, selections: list[Selection], parent: Any, fields: _Fields, spread: dict[str, None]
    ) -> None:
        for one in selections:
            if isinstance(one, Field):
                known = parent.fields.get(one.name) if isinstance(parent, ObjectType) else None
                fields.setdefault(one.key, []).append((parent, one, known))
            elif isinstance(one, Inline):
                inner = self.schema.types.get(one.on) if one.on else parent
                self._collect(one.selections, inner, fields, spread)
            else:
                spread[one.name] = None

    def of_fragment(self, name: str) -> tuple[_Fields, list[str]]:
        """Collect what a fragment selects."""
        fragment = self.fragments[name]
        return self.collect(fragment.selections, self.schema.types.get(fragment.on))

    def with_fragment(
        self, fields: _Fields, name: str, *, exclusive: bool, above: tuple[str, ...] = ()
    ) -> list[_Conflict]:
        """Compare fields with those of a fragment and of the fragments in it.

        Raises
        ------
        GraphQLFault
            If a fragment spreads itself: the service goes round until Python stops it.
        """
        if name not in self.fragments:
            return []
        if name in above:
            raise GraphQLFault("maximum recursion depth exceeded while calling a Python object")
        others, inner = self.of_fragment(name)
        found = self.between(fields, others, exclusive=exclusive)
        for one in inner:
            found += self.with_fragment(fields, one, exclusive=exclusive, above=(*above, name))
        return found

    def fragments_between(self, left: str, right: str, *, exclusive: bool) -> list[_Conflict]:
        """Compare two fragments, each pair once."""
        pair = frozenset((left, right))
        if left == right or left not in self.fragments or right not in self.fragments:
            return []
        if (pair, exclusive) in self.compared or (pair, False) in self.compared:
            return []
        self.compared.add((pair, exclusive))
        fields, inner = self.of_fragment(left)
        others, inner_others = self.of_fragment(right)
        found = self.between(fields, others, exclusive=exclusive)
        for one in inner_others:
            found += self.fragments_between(left, one, exclusive=exclusive)
        for one in inner:
            found += self.fragments_between(one, right, exclusive=exclusive)
        return found

    def between(self, fields: _Fields, others: _Fields, *, exclusive: bool) -> list[_Conflict]:
        """Compare two collections of fields."""
        found = []
        for key, entries in fields.items():
            for left, right in product(entries, others.get(key, ())):
                found += self.conflict(key, left, right, exclusive=exclusive)
        return found

    def conflict(self, key: str, left: _Entry, right: _Entry, *, exclusive: bool) -> list[_Conflict]:
        """Compare two fields; an empty list if they may share their name."""
        (parent, one, known), (other_parent, other, other_known) = left, right
        exclusive = exclusive or (
            parent is not other_parent and _is_object(parent) and _is_object(other_parent)
        )
        if not exclusive:
            if one.name != other.name:
                return [(key, f"{one.name} and {other.name} are different fields")]
            if not _same_arguments(one.arguments, other.arguments):
                return [(key, "they have differing arguments")]
        if known and other_known and _types_conflict(known.type, other_known.type):
            return [(key, f"they return conflicting types {known.type} and {other_known.type}")]
        if not one.selections or not other.selections:
            return []
        fields, spread = self.collect(one.selections, named(known.type) if known else None)
        others, other_spread = self.collect(
            other.selections, named(other_known.type) if other_known else None
        )
        found = self.between(fields, others, exclusive=exclusive)
        for name in other_spread:
            found += self.with_fragment(fields, name, exclusive=exclusive)
        for name in spread:
            found += self.with_fragment(others, name, exclusive=exclusive)
        for name, other_name in product(spread, other_spread):
            found += self.fragments_between(name, other_name, exclusive=exclusive)
        return [(key, found)] if found else []


def _words(reason: Any) -> str:
    if isinstance(reason, str):
        return reason
    return " and ".join(f'subfields "{key}" conflict because {_words(inner)}' for key, inner in reason)


def _is_object(type_: Any) -> bool:
    return isinstance(type_, ObjectType) and not type_.interface


def _same_arguments(left: list[Argument], right: list[Argument]) -> bool:
    shown = {one.name: literal(one.value) for one in right}
    return len(left) == len(right) and all(shown.get(one.name) == literal(one.value) for one in left)


def _types_conflict(left: Type, right: Type) -> bool:
    for kind in (ListOf, Required):
        if isinstance(left, kind) or isinstance(right, kind):
            if isinstance(left, kind) and isinstance(right, kind):
                return _types_conflict(left.item, right.item)
            return True
    if isinstance(left, ObjectType) and isinstance(right, ObjectType):
        return False
    return left is not right
