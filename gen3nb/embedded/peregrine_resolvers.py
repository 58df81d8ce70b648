"""Records and their links out of the graph, for whole levels of a query at once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import repeat
from typing import Any

from .graph import Graph
from .peregrine_execution import Asked
from .peregrine_filters import AMONG, Wanted, array, wanted
from .peregrine_introspection import Schema
from .peregrine_model import COLUMNS, Edge, Model, NodeType, known
from .peregrine_syntax import GraphQLFault
from .peregrine_types import Resolver

#: How many records one statement follows links of.
CHUNK = 20_000
#: How many rows are read from JSON at once.
BATCH = 5_000
_FIELDS = "n.type, n.id, n.project_id, n.submitter_id, n.state, n.created, n.updated"
_NAMES = ("type", "id", "project_id", "submitter_id", "state", "created_datetime", "updated_datetime")
Record = dict[str, Any]


class Context:
    """What one request may see.

    Parameters
    ----------
    graph
        The records.
    schema
        The types.
    model
        The node types.
    projects
        Ids of the projects whose records the user may read.
    """

    def __init__(self, graph: Graph, schema: Schema, model: Model, projects: Sequence[str]) -> None:
        self.graph = graph
        self.schema = schema
        self.model = model
        self.projects = list(projects)

    @cached_property
    def project_ids(self) -> dict[str, tuple[str, str]]:
        """Program and code of the projects that the user may read, by the project record's id."""
        found = {}
        for one in self.graph.projects():
            if f"{one['program']}-{one['code']}" in self.projects:
                found[str(one["id"])] = (str(one["program"]), str(one["code"]))
        return found

    def query(self, sql: str, values: Sequence[Any]) -> sqlite3.Cursor:
        """Run a statement."""
        return self.graph.connection().execute(sql, values)

    def wanted(self, node: NodeType | None, arguments: dict[str, Any]) -> Wanted:
        """Turn arguments into SQL, and keep to what the user may see."""
        found = wanted(self.model, node, arguments)
        if node is None or node.guarded:
            found.where.add(f"+n.project_id {AMONG}", array(self.projects))
        elif node.name == "project":
            visible = self.project_ids
            if "project_id" in arguments:
                pairs = {tuple(one.split("-", 1)) for one in arguments["project_id"] if one is not None}
                visible = {id_: pair for id_, pair in visible.items() if pair in pairs}
            found.where.add(f"n.id {AMONG}", array(visible))
        return found

    def records(self, rows: Sequence[Sequence[Any]], *, props: bool, skip: int = 0) -> list[Record]:
        """Turn rows of the table into records.

        Parameters
        ----------
        rows
            Of the columns that :func:`_fields` names.
        props
            Whether the last column is there: the other properties, in JSON.
        skip
            How many columns stand before those.
        """
        found: list[Record] = []
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            # one document of many is read in half the time of many
            others = json.loads(f"[{','.join(row[-1] for row in batch)}]") if props else repeat({})
            found += [
                {**other, **dict(zip(_NAMES, row[skip:] if skip else row, strict=False))}
                for row, other in zip(batch, others, strict=False)
            ]
        if found and found[0]["type"] == "project":
            for record in found:
                if record["id"] in self.project_ids:
                    record["project_id"] = "-".join(self.project_ids[record["id"]])
        return found


def _fields(props: bool) -> str:
    return f"{_FIELDS}, n.props" if props else _FIELDS


def _props(asked: Asked, *nodes: NodeType) -> bool:
    """Whether a query wants more of a record than the table's columns."""
    return any(name in node.properties and name not in COLUMNS for node in nodes for name in asked.names)


def _order(found: Wanted, last: str = "n.seq") -> str:
    if found.few:
        last = last.replace("n.seq", "+n.seq")  # keeps SQLite from walking the table in this order
    return f"{found.order}, {last}" if found.order else last


def _source(found: Wanted) -> str:
    """Write SQL for the records to choose from; of several links each counts by itself."""
    if not found.any_links:
        return f"node n WHERE {found.where.sql}"
    choices = " UNION ALL ".join(f"SELECT {number} AS choice" for number in range(len(found.any_links)))
    matches = " OR ".join(f"(w.choice = {number} AND {sql})" for number, sql in enumerate(found.any_links))
    return f"node n JOIN ({choices}) w WHERE {found.where.sql} AND ({matches})"


def _limit(found: Wanted) -> str:
    return f" LIMIT {found.first or -1} OFFSET {found.offset}" if found.first or found.offset else ""


def _unique(records: list[Record]) -> list[Record]:
    return list({(one["type"], one["id"]): one for one in records}.values())


class GraphResolvers:
    """Resolvers over the graph of a practice commons.

    Parameters
    ----------
    model
        All node types.
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    # -- records of a type -----------------------------------------------------------------------------------

    def records(self, node: NodeType) -> Resolver:
        """Give a resolver for the records of a type."""

        def resolve(
            context: Context, sources: list[Any], arguments: dict[str, Any], asked: Asked
        ) -> list[Any]:
            return [self._read(context, node, arguments, asked) for _ in sources]

        return resolve

    def _read(
        self, context: Context, node: NodeType, arguments: dict[str, Any], asked: Asked
    ) -> list[Record]:
        found = context.wanted(node, arguments)
        found.where.parts.insert(0, f"n.type = '{node.name}'")
        props = _props(asked, node)
        choice = "w.choice, " if found.any_links and not found.order else ""
        sql = f"SELECT {_fields(props)} FROM {_source(found)} ORDER BY {choice}{_order(found)}{_limit(found)}"  # noqa: S608
        records = context.records(context.query(sql, found.where.values).fetchall(), props=props)
        return _unique(records) if found.any_links else records

    def count(self, node: NodeType) -> Resolver:
        """Give a resolver for the number of records; ``first`` and ``offset`` do not matter to it."""

        def resolve(
            context: Context, sources: list[Any], arguments: dict[str, Any], _asked: Asked
        ) -> list[Any]:
            found = context.wanted(node, arguments)
            found.where.parts.insert(0, f"n.type = '{node.name}'")
            what = "count(DISTINCT n.id)" if found.distinct else "count(*)"
            sql = f"SELECT {what} FROM {_source(found)}"  # noqa: S608 - made of the data dictionary's names
            (number,) = context.query(sql, found.where.values).fetchone()
            return [number] * len(sources)

        return resolve

    # -- links -----------------------------------------------------------------------------------------------

    def linked(self, node: NodeType, name: str) -> Resolver:
        """Give a resolver for the records at the other end of a link."""
        edge, other = node.edges[name], self.model.types[node.edges[name].other]

        def resolve(
            context: Context, sources: list[Any], arguments: dict[str, Any], asked: Asked
        ) -> list[Any]:
            found = context.wanted(other, arguments)
            props = _props(asked, other)
            groups: dict[str, list[Record]] = {}
            for sql, values in _follow(node, edge, found, sources, _fields(props)):
                rows = context.query(sql, values).fetchall()
                records = context.records(rows, props=props, skip=1)
                for row, record in zip(rows, records, strict=True):
                    groups.setdefault(row[0], []).append(record)
            if found.any_links:
                groups = {parent: _unique(records) for parent, records in groups.items()}
            return [groups.get(source["id"], []) for source in sources]

        return resolve

    def count_linked(self, node: NodeType, name: str) -> Resolver:
        """Give a resolver for the number of records at the other end of a link."""
        edge, other = node.edges[name], self.model.types[node.edges[name].other]

        def resolve(
            context: Context, sources: list[Any], arguments: dict[str, Any], _asked: Asked
        ) -> list[Any]:
            found = context.wanted(other, arguments)
            found.first = found.offset = 0
            numbers: dict[str, int] = {}
            for sql, values in _follow(node, edge, found, sources, "n.id"):
                counted = f"SELECT parent, count(DISTINCT id) FROM ({sql}) GROUP BY parent"  # noqa: S608
                numbers.update(context.query(counted, values).fetchall())
            return [numbers.get(source["id"], 0) for source in sources]

        return resolve

    def links(self, node: NodeType) -> Resolver:
        """Give a resolver for the records at the other end of any link; the service knows no limit here."""

        def resolve(
            context: Context, sources: list[Any], arguments: dict[str, Any], asked: Asked
        ) -> list[Any]:
            others = [self.model.types[edge.other] for edge in node.edges.values()]
            props = _props(asked, *others)
            found = context.wanted(None, {**arguments, "first": 0})
            groups: dict[str, list[Record]] = {}
            for edge in node.edges.values():
                for sql, values in _follow(node, edge, found, sources, _fields(props)):
                    rows = context.query(sql, values).fetchall()
                    records = context.records(rows, props=props, skip=1)
                    for row, record in zip(rows, records, strict=True):
                        groups.setdefault(row[0], []).append(record)
            return [_unique(groups.get(source["id"], [])) for source in sources]

        return resolve

    # -- records of several types ----------------------------------------------------------------------------

    def nodes(self) -> Resolver:
        """Give a resolver for records of all types."""

        def resolve(
            context: Context, sources: list[Any], arguments: dict[str, Any], asked: Asked
        ) -> list[Any]:
            types = list(self.model.types.values())
            if "category" in arguments:
                types = [one for one in types if one.category == arguments["category"]]
            if "of_type" in arguments:
                named = {one.name for one in known(self.model, arguments["of_type"])}
                types = [one for one in types if one.name in named]
            found = context.wanted(None, arguments)
            if "project_id" in arguments:
                found.where.add(f"n.project_id {AMONG}", array([arguments["project_id"]]))
            found.where.add(f"n.type {AMONG}", array(one.name for one in types if one.guarded))
            props = _props(asked, *types)
            order = _order(found, "n.type, n.seq")
            sql = (
                f"SELECT {_fields(props)} FROM node n WHERE {found.where.sql} ORDER BY {order}{_limit(found)}"  # noqa: S608
            )
            records = context.records(context.query(sql, found.where.values).fetchall(), props=props)
            return [records] * len(sources)

        return resolve

    def files(self) -> Resolver:
        """Give a resolver for records that describe files, type by type."""

        def resolve(
            context: Context, sources: list[Any], arguments: dict[str, Any], asked: Asked
        ) -> list[Any]:
            types = self.model.files()
            if "of_type" in arguments:
                named = {one.name for one in known(self.model, arguments["of_type"])}
                types = [one for one in types if one.name in named]
            records: list[Record] = []
            for one in types:
                records += self._read(context, one, arguments, asked)
            first = arguments.get("first", 10)
            return [records[:first] if first > 0 else records] * len(sources)

        return resolve

    def node_types(self) -> Resolver:
        """Give a resolver for the data dictionary's node types."""

        def resolve(
            _context: Context, sources: list[Any], arguments: dict[str, Any], _asked: Asked
        ) -> list[Any]:
            given = {name: value for name, value in arguments.items() if not name.startswith("order_by_")}
            first = given.pop("first")
            # a value is accepted if it is a part of the argument's text
            listed = [
                node.schema
                for node in self.model.types.values()
                if all(str(node.schema.get(name)) in text for name, text in given.items())
            ]
            for argument, backwards in (("order_by_asc", False), ("order_by_desc", True)):
                if argument in arguments:
                    name = arguments[argument]
                    if any(name not in schema for schema in listed):
                        raise GraphQLFault(repr(name))
                    listed.sort(key=lambda schema: str(schema[name]), reverse=backwards)
            return [listed[:first]] * len(sources)

        return resolve


def _follow(
    node: NodeType, edge: Edge, found: Wanted, sources: list[Record], fields: str
) -> Iterable[tuple[str, list[Any]]]:
    """Write statements for the records at the other end of a link; their first column is this end's id."""
    here, there = ("src", "dst") if edge.up else ("dst", "src")
    where, matches = found.where.sql, ""
    if found.any_links:
        matches = " AND (" + " OR ".join(found.any_links) + ")"
    link = edge.link.replace("'", "''")
    child, parent = (node.name, edge.other) if edge.up else (edge.other, node.name)
    ends = (
        f"e.{here}_id = p.value AND e.name = '{link}' AND e.src_type = '{child}' AND e.dst_type = '{parent}'"
    )
    joined = (
        f"json_each(?) p CROSS JOIN edge e ON {ends}"
        f" CROSS JOIN node n ON n.type = '{edge.other}' AND n.id = e.{there}_id WHERE {where}{matches}"
    )
    order = _order(found)
    if found.first or found.offset:
        last = f" AND place <= {found.offset + found.first}" if found.first else ""
        names = ", ".join(part.removeprefix("n.") for part in fields.split(", "))
        sql = (
            f"SELECT parent, {names} FROM (SELECT p.value AS parent, {fields},"  # noqa: S608
            f" ROW_NUMBER() OVER (PARTITION BY p.value ORDER BY {order}) AS place FROM {joined})"
            f" WHERE place > {found.offset}{last} ORDER BY parent, place"
        )
    else:
        sql = f"SELECT p.value AS parent, {fields} FROM {joined} ORDER BY {order}"  # noqa: S608
    ids = list(dict.fromkeys(source["id"] for source in sources))
    for start in range(0, len(ids), CHUNK):
        yield sql, [array(ids[start : start + CHUNK]), *found.where.values]
