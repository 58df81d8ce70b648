"""The data model as the query service sees it: node types, properties as GraphQL scalars, links."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .schemas import Schemas

#: Properties that stand in columns of the table, by property.
COLUMNS = {
    "id": "id",
    "type": "type",
    "project_id": "project_id",
    "submitter_id": "submitter_id",
    "state": "state",
    "created_datetime": "created",
    "updated_datetime": "updated",
}
#: The default dictionary's node types, as the service's image lists their files. The order shows in that of
#: fields, and so in which of several names it suggests; other types follow by name.
_LISTED = (
    "root", "data_release", "project", "slide", "read_group_qc", "program", "slide_image",
    "experimental_metadata", "treatment", "keyword", "diagnosis", "slide_count", "demographic",
    "publication", "submitted_methylation", "clinical_test", "exposure", "submitted_aligned_reads",
    "read_group", "case", "submitted_somatic_mutation", "submitted_copy_number",
    "core_metadata_collection", "acknowledgement", "aligned_reads_index", "experiment",
    "family_history", "sample", "aliquot", "submitted_unaligned_reads",
)  # fmt: skip
_NAME = re.compile("[A-Za-z_][A-Za-z_0-9]*")
#: How far from the middle of the graph a category is; a path never turns back. All others are outside.
_LEVELS = {"administrative": 0, "biospecimen": 1, "clinical": 1, "data_file": 3}
_OUTSIDE = 4
#: Links at which every path ends.
_TERMINAL = frozenset(
    (
        "annotations",
        "centers",
        "archives",
        "tissue_source_sites",
        "files",
        "related_files",
        "describing_files",
    )
)


@dataclass(frozen=True, slots=True)
class Edge:
    """A link of a node type, seen from that type.

    ``name`` is the field's name here, ``link`` the link's name in the child's schema, ``up`` says whether the
    type itself is that child.
    """

    name: str
    other: str
    link: str
    up: bool


@dataclass(slots=True)
class NodeType:
    """A node type: ``properties`` maps names, sorted, to ``String``, ``Float``, ``Boolean`` or ``List``."""

    name: str
    category: str
    schema: dict[str, Any]
    properties: dict[str, str] = field(default_factory=dict)
    edges: dict[str, Edge] = field(default_factory=dict)

    @property
    def guarded(self) -> bool:
        """Whether records belong to a project, whose readers alone see them."""
        return "project_id" in self.properties

    @property
    def is_file(self) -> bool:
        """Whether records describe files."""
        return self.category.endswith("_file")


def kind(schema: Any) -> str:
    """Give the GraphQL kind of a property: the first of its types; what has alternatives instead is text."""
    types = schema.get("type") if isinstance(schema, dict) else None
    first = types[0] if isinstance(types, list) and types else types
    known = {"number": "Float", "integer": "Float", "float": "Float", "boolean": "Boolean", "array": "List"}
    return known.get(first, "String") if isinstance(first, str) else "String"


class Model:
    """All node types, in the order in which the service has them."""

    def __init__(self, schemas: Schemas) -> None:
        place = {name: number for number, name in enumerate(_LISTED)}
        names = sorted(
            (name for name in schemas.nodes if _NAME.fullmatch(name)),
            key=lambda name: (place.get(name, len(place)), name),
        )
        self.types: dict[str, NodeType] = {}
        for name in names:
            schema = schemas.nodes[name]
            listed = sorted(one for one in schemas.properties_of(name) if _NAME.fullmatch(one))
            properties = {one: kind(schema["properties"][one]) for one in listed}
            self.types[name] = NodeType(name, str(schema.get("category")), schema, properties)
        for name in names:
            for link in schemas.links_of(name):
                if link.target in self.types:
                    self._add(name, Edge(link.name, link.target, link.name, up=True))
        for name in names:
            for link in schemas.links_of(name):
                if link.target in self.types:
                    self._add(link.target, Edge(link.backref, name, link.name, up=False))
        self._paths: dict[str, dict[str, list[tuple[Edge, ...]]]] = {}

    def _add(self, name: str, edge: Edge) -> None:
        if _NAME.fullmatch(edge.name):
            self.types[name].edges[edge.name] = edge

    def files(self) -> list[NodeType]:
        """Node types whose records describe files."""
        return [one for one in self.types.values() if one.is_file]

    def paths(self, start: str, end: str) -> list[tuple[Edge, ...]]:
        """Give the ways from one type to another that the service follows.

        They lead away from the middle of the graph (from a case down to files), never back; a step up is the
        last.
        """
        if start not in self._paths:
            self._paths[start] = self._paths_from(start)
        return self._paths[start].get(end, [])

    def _level(self, name: str) -> int:
        return _LEVELS.get(self.types[name].category, _OUTSIDE)

    def _paths_from(self, start: str) -> dict[str, list[tuple[Edge, ...]]]:
        found: dict[str, list[tuple[Edge, ...]]] = {}
        stack: list[tuple[str, tuple[Edge, ...], tuple[str, ...]]] = [(start, (), ())]
        while stack:
            name, path, visited = stack.pop()
            if path:
                found.setdefault(name, []).append(path)
                if path[-1].name in _TERMINAL:
                    continue
            if not self._goes_on(name, visited or (start,)):
                continue
            stack += [
                (edge.other, (*path, edge), (*visited, name))
                for edge in self.types[name].edges.values()
                if edge.other not in visited
            ]
        return found

    def _goes_on(self, name: str, visited: tuple[str, ...]) -> bool:
        first, last, this = self._level(visited[0]), self._level(visited[-1]), self._level(name)
        return this <= last if first > last else this >= last


def known(model: Model, names: Iterable[str]) -> list[NodeType]:
    """Node types of some names; unknown ones are left out."""
    return [model.types[name] for name in names if name in model.types]
