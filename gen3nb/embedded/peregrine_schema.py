"""The GraphQL schema of a data model, as the query service generates it."""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

from .peregrine_introspection import Schema
from .peregrine_model import Model, NodeType
from .peregrine_transactions import LOG_ARGUMENTS, LOG_TYPE, count_logs, node_logs, root_logs
from .peregrine_types import (
    BOOLEAN,
    FLOAT,
    ID,
    INT,
    STRING,
    Argument,
    FieldType,
    InputType,
    ListOf,
    ObjectType,
    Required,
    Resolver,
    Type,
)

_SCALARS = {"String": STRING, "Float": FLOAT, "Boolean": BOOLEAN}
#: How many rows a list has if nothing is said.
DEFAULT_FIRST = 10


class Resolvers(Protocol):
    """What gives the values; see :mod:`.peregrine_resolvers`."""

    def records(self, node: NodeType) -> Resolver:
        """Give the records of a type."""
        ...

    def count(self, node: NodeType) -> Resolver:
        """Count the records of a type."""
        ...

    def linked(self, node: NodeType, name: str) -> Resolver:
        """Give the records at the other end of a link."""
        ...

    def count_linked(self, node: NodeType, name: str) -> Resolver:
        """Count the records at the other end of a link."""
        ...

    def links(self, node: NodeType) -> Resolver:
        """Give the records at the other end of any link."""
        ...

    def nodes(self) -> Resolver:
        """Give records of all types."""
        ...

    def files(self) -> Resolver:
        """Give records that describe files."""
        ...

    def node_types(self) -> Resolver:
        """Give the node types of the data dictionary."""
        ...


def base_arguments() -> dict[str, Argument]:
    """Arguments of every list of records."""
    return {
        "id": Argument(STRING),
        "submitter_id": Argument(STRING),
        "ids": Argument(ListOf(STRING)),
        "quick_search": Argument(STRING),
        "first": Argument(INT, DEFAULT_FIRST),
        "offset": Argument(INT),
        "created_before": Argument(STRING),
        "created_after": Argument(STRING),
        "updated_before": Argument(STRING),
        "updated_after": Argument(STRING),
        "order_by_asc": Argument(STRING),
        "order_by_desc": Argument(STRING),
    }


def _viewer(_context: Any, sources: list[Any], _arguments: dict[str, Any], _asked: Any) -> list[Any]:
    return [{} for _ in sources]


class Builder:
    """Builds the schema of a model.

    Parameters
    ----------
    model
        The node types.
    resolvers
        What gives the values.
    """

    def __init__(self, model: Model, resolvers: Resolvers) -> None:
        self.model = model
        self.resolvers = resolvers
        self.node = ObjectType(
            "Node",
            {
                "id": FieldType(ID),
                **{
                    name: FieldType(STRING)
                    for name in ("submitter_id", "type", "project_id", "created_datetime", "updated_datetime")
                },
            },
            interface=True,
            description="The query object that represents the psqlgraph.Node base",
        )
        self.types = {
            name: ObjectType(name, dict(self.node.fields), implements=(self.node,)) for name in model.types
        }
        self.path_input = self._path_input()
        self.arguments = {one.name: self._arguments(one) for one in model.types.values()}

    def schema(self) -> Schema:
        """Build it."""
        for node in self.model.types.values():
            self._fields(node)
        others = self._others()
        viewer = ObjectType("viewer", {**self._records(), **others})
        root = ObjectType("Root")
        root.fields.update(
            transaction_log=FieldType(ListOf(LOG_TYPE), LOG_ARGUMENTS, root_logs),
            _transaction_log_count=FieldType(INT, LOG_ARGUMENTS, partial(count_logs, of_nodes=False)),
        )
        root.fields.update(node=others.pop("node"), **self._records(), **others)
        root.fields["viewer"] = FieldType(viewer, resolve=_viewer)
        return Schema(root)

    def _type(self, kind: str) -> Type:
        return ListOf(STRING) if kind == "List" else _SCALARS[kind]

    def _list(self, kind: str) -> ListOf:
        return ListOf(STRING if kind == "List" else _SCALARS[kind])

    def _path_input(self) -> InputType:
        fields = {"id": Argument(STRING), "type": Argument(Required(STRING))}
        for node in self.model.types.values():
            fields.update({name: Argument(self._type(kind)) for name, kind in node.properties.items()})
        return InputType("WithPathToInput", fields)

    def _arguments(self, node: NodeType) -> dict[str, Argument]:
        paths = ListOf(self.path_input)
        properties = {name: Argument(self._type(kind)) for name, kind in node.properties.items()}
        found = base_arguments()
        for name in ("with_links", "with_links_any", "without_links"):
            found[name] = Argument(ListOf(STRING))
        for name in ("with_path_to", "with_path_to_any", "without_path_to"):
            found[name] = Argument(paths)
        found.update({name: Argument(self._list(kind)) for name, kind in node.properties.items()})
        if node.name == "project":
            found["project_id"] = Argument(ListOf(STRING))
            properties["project_id"] = Argument(STRING)
        found["not"] = Argument(ListOf(InputType(f"NotPropertiesInput_{node.name}", properties)))
        return found

    def _fields(self, node: NodeType) -> None:
        """Give a node's type its fields: properties, links, counts of links, transactions."""
        fields = self.types[node.name].fields
        for name, kind in node.properties.items():
            fields.setdefault(name, FieldType(self._type(kind)))
        for name, edge in node.edges.items():
            resolve = self.resolvers.linked(node, name)
            fields[name] = FieldType(ListOf(self.types[edge.other]), self.arguments[edge.other], resolve)
        for name in node.edges:
            # the service gives these counts the arguments of the record's own type
            resolve = self.resolvers.count_linked(node, name)
            fields[f"_{name}_count"] = FieldType(INT, self.arguments[node.name], resolve)
        fields["_transaction_logs_count"] = FieldType(INT, LOG_ARGUMENTS, partial(count_logs, of_nodes=True))
        fields["_transaction_logs"] = FieldType(ListOf(LOG_TYPE), LOG_ARGUMENTS, node_logs)
        link_arguments = self._node_arguments()
        link_arguments.pop("of_type")
        fields["_links"] = FieldType(ListOf(self.node), link_arguments, self.resolvers.links(node))

    def _records(self) -> dict[str, FieldType]:
        found = {}
        for node in self.model.types.values():
            arguments = self.arguments[node.name]
            listed = ListOf(self.types[node.name])
            found[node.name] = FieldType(listed, arguments, self.resolvers.records(node))
            found[f"_{node.name}_count"] = FieldType(INT, arguments, self.resolvers.count(node))
        return found

    def _others(self) -> dict[str, FieldType]:
        node = FieldType(ListOf(self.node), self._node_arguments(), self.resolvers.nodes())
        return {"node": node, "datanode": self._datanode(), "_node_type": self._node_type()}

    def _node_arguments(self) -> dict[str, Argument]:
        return {
            **base_arguments(),
            "of_type": Argument(ListOf(STRING)),
            "project_id": Argument(STRING),
            "category": Argument(STRING),
        }

    def _datanode(self) -> FieldType:
        """Build the field for records of all file nodes: it has what those have in common."""
        files = self.model.files()
        shared = (
            set.intersection(*(set(node.schema.get("properties") or {}) for node in files))
            if files
            else set()
        )
        fields = {"id": FieldType(ID), "type": FieldType(STRING)}
        arguments = base_arguments()
        for name in sorted(shared - {"id", "type"}):
            # a link that all of them have counts as a property here
            kind = files[0].properties.get(name, "String")
            fields[name] = FieldType(self._type(kind))
            arguments[name] = Argument(self._type(kind))
        arguments["of_type"] = Argument(ListOf(STRING))
        arguments["project_id"] = Argument(STRING)
        return FieldType(ListOf(ObjectType("DataNode", fields)), arguments, self.resolvers.files())

    def _node_type(self) -> FieldType:
        """Build the field for the data dictionary itself; everything in it is text."""
        names = {name for node in self.model.types.values() for name in node.schema if name.isidentifier()}
        listed = ["id", *sorted(name for name in names - {"id"} if name.isascii())]
        fields = {name: FieldType(ID if name == "id" else STRING) for name in listed}
        arguments = {
            "first": Argument(INT, DEFAULT_FIRST),
            "order_by_asc": Argument(STRING),
            "order_by_desc": Argument(STRING),
            **{name: Argument(STRING) for name in listed},
        }
        return FieldType(ListOf(ObjectType("NodeType", fields)), arguments, self.resolvers.node_types())
