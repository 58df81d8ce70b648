"""Nested GraphQL answers, asked for and turned into columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from gen3nb.dictionary import Node, Property, Step
from gen3nb.frames.builders import object_array
from gen3nb.frames.decoding import ColumnsOf, column_of
from gen3nb.frames.graphql import EVERY, link_of, mended, mended_value, step_name

__all__ = ["Built", "Level", "far_column"]


@dataclass
class Level:
    """The fields asked for at one level of the query."""

    fields: dict[str, None] = field(default_factory=lambda: {"id": None})
    below: dict[str, Level] = field(default_factory=dict)

    def add(self, steps: Sequence[Step], name: str) -> None:
        """Ask for a field at the end of some steps."""
        if not steps:
            self.fields[name] = None
            return
        self.below.setdefault(step_name(steps[0]), Level()).add(steps[1:], name)

    def text(self, depth: int) -> str:
        """Write the fields in braces, lists with their limit and order."""
        lines = [
            *self.fields,
            *(f"{name}{EVERY} {level.text(depth + 1)}" for name, level in self.below.items()),
        ]
        indent = "\n" + "  " * depth
        return "{" + "".join(indent + line for line in lines) + "\n" + "  " * (depth - 1) + "}"


class Built:
    """A frame in the making, out of nested records."""

    def __init__(self, node: Node, paths: Mapping[str, tuple[Sequence[Step], Property]]) -> None:
        self._node = node
        self._order = list(paths)
        own = [name for name, (steps, _) in paths.items() if not steps or link_of(node, name)]
        self._own = ColumnsOf(node, own, extra=False)
        self._far = {name: path for name, path in paths.items() if name not in own}
        self._values: dict[str, list[Any]] = {name: [] for name in self._far}

    def add(self, records: list[dict[str, Any]]) -> None:
        """Take in a page of records."""
        for name, (steps, prop) in self._far.items():
            self._values[name] += [along(record, steps, prop) for record in records]
        self._own.add([mended(record, self._node) for record in records])

    def finish(self) -> pd.DataFrame:
        """Give the frame."""
        frame = self._own.finish()
        for name, (steps, prop) in self._far.items():
            frame[name] = far_column(self._values.pop(name), steps, prop)
        return frame[self._order]


def along(record: Mapping[str, Any], steps: Sequence[Step], prop: Property) -> list[Any]:
    """Give the values at the end of a path, one for each record there."""
    ends: dict[str, Mapping[str, Any]] = {"": record}
    for step in steps:
        name = step_name(step)
        ends = {below["id"]: below for end in ends.values() for below in end.get(name) or []}
    return [mended_value(end.get(prop.name), prop) for end in ends.values()]


def far_column(values: list[list[Any]], steps: Sequence[Step], prop: Property) -> pd.Series[Any]:
    """Give a column of what lies at the end of a path: typed if each row has one there, else lists.

    Parameters
    ----------
    values : list of list
        For each row what it reaches.
    steps : sequence of Step
    prop : Property

    Returns
    -------
    pandas.Series
    """
    if any(step.to_many for step in steps) or any(len(value) > 1 for value in values):
        return pd.Series(object_array(values), dtype=object)
    return column_of([value[0] if value else None for value in values], prop)
