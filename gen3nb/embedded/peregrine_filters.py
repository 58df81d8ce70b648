"""Arguments of a list of records, turned into SQL.

The statements know a record as ``n``, a row of the table ``node``. Text compares as PostgreSQL's ``->>``
gives it, values sort as its JSON values do: so a whole number, which a query can only name as a float, finds
nothing, and what is missing comes last in ascending order. Names in the SQL are those of the data dictionary,
quoted; whatever a query gives is bound.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from dateutil import parser as dates  # type: ignore[import-untyped]

from .graph import fold
from .peregrine_model import COLUMNS, Edge, Model, NodeType
from .peregrine_syntax import GraphQLFault

_MOMENTS = (
    ("created_after", "created", ">"),
    ("created_before", "created", "<"),
    ("updated_after", "updated", ">"),
    ("updated_before", "updated", "<"),
)
#: Whether something is among values that are bound as one, see :func:`array`.
AMONG = "IN (SELECT value FROM json_each(?))"
#: A JSON value as text, and its rank in the order of JSON values; values of one rank compare with their like.
_TEXT = (
    "CASE json_type(n.props, {0}) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'"
    " ELSE CAST(json_extract(n.props, {0}) AS TEXT) END"
)
_RANK = (
    "CASE json_type(n.props, {0}) WHEN 'null' THEN 0 WHEN 'text' THEN 1 WHEN 'integer' THEN 2"
    " WHEN 'real' THEN 2 WHEN 'false' THEN 3 WHEN 'true' THEN 3 WHEN 'array' THEN 4 WHEN 'object' THEN 5 END"
)
_ITEMS = (
    "SELECT CASE j.type WHEN 'text' THEN j.value ELSE j.type END FROM json_each(n.props, {0}) j"
    " WHERE j.type IN ('text', 'true', 'false')"
)


@dataclass(slots=True)
class Where:
    """Conditions that hold together, with the values that they bind."""

    parts: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, sql: str, *values: Any) -> None:
        """Add a condition."""
        self.parts.append(sql)
        self.values += values

    @property
    def sql(self) -> str:
        """All of them."""
        return " AND ".join(f"({part})" for part in self.parts) or "1"


@dataclass(slots=True)
class Wanted:
    """Which records a list holds: conditions, order, how many from where.

    ``any_links`` are links of which a record must have one; it stands in the service's list once for each.
    ``few`` says that the records are named, so that an index finds them faster than reading in order does.
    """

    where: Where
    order: str = ""
    first: int = 0
    offset: int = 0
    any_links: list[str] = field(default_factory=list)
    distinct: bool = False
    few: bool = False


def array(values: Iterable[Any]) -> str:
    """Bind many values as one."""
    return json.dumps(list(values))


def wanted(model: Model, node: NodeType | None, arguments: dict[str, Any]) -> Wanted:
    """Turn the arguments of a list into SQL.

    Parameters
    ----------
    model
        All node types.
    node
        The records' type; None for records of any type.
    arguments
        As the query gives them, coerced.

    Raises
    ------
    GraphQLFault
        For a link, a date or an order that there is not.
    """
    where = Where()
    found = Wanted(where, first=max(arguments.get("first", 10), 0), offset=max(arguments.get("offset", 0), 0))
    if node:
        _properties(node, arguments, where)
        for name, value in _refused(node, arguments).items():
            _refuse(node, name, value, where)
    elif "submitter_id" in arguments:
        where.add("n.submitter_id = ?", clean(arguments["submitter_id"]))
    for name in ("id", "ids"):
        if name in arguments:
            given = arguments[name]
            where.add(f"n.id {AMONG}", array(given if name == "ids" else [given]))
    if "quick_search" in arguments:
        _search(str(arguments["quick_search"]), where)
    for name, column, compare in _MOMENTS:
        if name in arguments:
            where.add(f"substr(n.{column}, 1, 26) {compare} ?", _moment(arguments[name]))
    if node:
        _links(node, arguments, found)
        _ways(model, node, arguments, found)
    found.order = _order(node, arguments)
    found.few = bool({"id", "ids", "submitter_id"} & arguments.keys())
    return found


def text(name: str) -> str:
    """Write SQL for a property's value as text."""
    if name in COLUMNS:
        return f"n.{COLUMNS[name]}"
    return _TEXT.format(path(name))


def path(name: str) -> str:
    """Write SQL for the place of a property in the JSON; its name holds letters, digits and ``_`` only."""
    return f"'$.\"{name}\"'"


def clean(value: str) -> str:
    """Take out half characters, which a query can hold and the database cannot."""
    return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _texts(values: Any) -> list[str]:
    """Values of an argument as the service compares them."""
    listed = values if isinstance(values, list) else [values]
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in listed]


def _properties(node: NodeType, arguments: dict[str, Any], where: Where) -> None:
    """Keep records that have one of the given values; in a list property, all of them."""
    for name, kind in node.properties.items():
        if name not in arguments:
            continue
        given = arguments[name]
        if kind == "List":
            items = _ITEMS.format(path(name))
            where.add(
                f"json_type(n.props, {path(name)}) = 'array' AND json_array_length(?) > 0"  # noqa: S608
                f" AND NOT EXISTS (SELECT 1 FROM json_each(?) v WHERE v.value NOT IN ({items}))",
                *[array(_texts(given))] * 2,
            )
        else:
            where.add(*_among(name, kind, given))


def _among(name: str, kind: str, given: Any) -> tuple[str, str]:
    """Write SQL for whether a value is among some.

    The service compares texts: that of a number in a query always has a fraction, and one with an exponent is
    written out in the database; so neither whole numbers nor very large and small ones find anything.
    """
    if kind == "Float" and name not in COLUMNS:
        numbers = [one for one in (given if isinstance(given, list) else [given]) if one is not None]
        plain = [one for one in numbers if not set(str(one)) & set("enai")]
        sql = f"json_type(n.props, {path(name)}) = 'real' AND json_extract(n.props, {path(name)})"
        return f"{sql} {AMONG}", array(plain)
    return f"{text(name)} {AMONG}", array(_texts(given))


def _refused(node: NodeType, arguments: dict[str, Any]) -> dict[str, Any]:
    """Properties of ``not``: the first of each object, and of two of one name the last."""
    found = {}
    for one in arguments.get("not", ()):
        if one:
            name = next(iter(one))
            found[name] = one[name]
    return {name: value for name, value in found.items() if name in node.properties}


def _refuse(node: NodeType, name: str, value: Any, where: Where) -> None:
    """Drop records that have one of some values, and those that have none at all."""
    where.add(f"{text(name)} IS NOT NULL")
    if node.properties[name] != "List":
        sql, bound = _among(name, node.properties[name], value)
        where.add(f"NOT ({sql})", bound)


def _search(phrase: str, where: Where) -> None:
    pattern = f"%{fold(clean(phrase))}%"
    where.add("n.id LIKE ? ESCAPE '\\' OR n.submitter_key LIKE ? ESCAPE '\\'", pattern, pattern)


def _moment(given: str) -> str:
    try:
        moment = dates.parse(given)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise GraphQLFault(str(error)) from None
    return str(moment.replace(tzinfo=None).isoformat("T", "microseconds"))


# -- links ----------------------------------------------------------------------------------------------


def linked(node: NodeType, name: str) -> str:
    """Write SQL for whether a record has a link.

    Raises
    ------
    GraphQLFault
        If the type has no such link.
    """
    if name not in node.edges:
        raise GraphQLFault(f"Invalid link name '{name}'")
    return f"EXISTS (SELECT 1 FROM edge e WHERE {_step(node.edges[name], 'n.id', node.name)})"  # noqa: S608


def _step(edge: Edge, place: str, name: str) -> str:
    """Write SQL for the rows of ``e`` that lead from a record along a link."""
    if edge.up:
        return f"e.src_id = {place} AND e.src_type = '{name}' AND e.name = {_quoted(edge.link)}"
    return f"e.dst_id = {place} AND e.src_type = '{edge.other}' AND e.name = {_quoted(edge.link)}"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _links(node: NodeType, arguments: dict[str, Any], found: Wanted) -> None:
    for name in dict.fromkeys(arguments.get("with_links", ())):
        found.where.add(linked(node, name))
    for name in arguments.get("without_links", ()):
        found.where.add(f"NOT {linked(node, name)}")
    found.any_links = [linked(node, name) for name in dict.fromkeys(arguments.get("with_links_any", ()))]


def _ways(model: Model, node: NodeType, arguments: dict[str, Any], found: Wanted) -> None:
    """Keep records from which a way leads to certain others."""
    for entry in arguments.get("with_path_to", ()):
        found.where.add(*_way(model, node, entry, "with_path_to"))
    if "with_path_to_any" in arguments:
        ways = [_way(model, node, entry, "with_path_to_any") for entry in arguments["with_path_to_any"]]
        sql = " OR ".join(way[0] for way in ways) or "0"
        found.where.add(sql, *(value for way in ways for value in way[1:]))
    if "without_path_to" in arguments:
        ways = [_way(model, node, entry, "without_path_to") for entry in arguments["without_path_to"]]
        sql = " AND ".join(f"({way[0]})" for way in ways) or "1"
        found.where.add(f"NOT ({sql})", *(value for way in ways for value in way[1:]))
    found.distinct = "with_path_to" in arguments or "with_path_to_any" in arguments


def _way(model: Model, node: NodeType, entry: dict[str, Any], argument: str) -> tuple[Any, ...]:
    """Write SQL for whether a way leads from a record to certain others, and give what it binds."""
    target = entry.get("type")
    if not target:
        raise GraphQLFault(f"Please specify a {{type: <type>}} in the {argument} filter.")
    ways = model.paths(node.name, target)
    if not ways:
        return ("0",)
    end = _end(entry)
    tables = [f"goal(id) AS (SELECT n.id FROM node n WHERE n.type = {_quoted(target)} AND {end.sql})"]  # noqa: S608
    start = _stage(node, frozenset(ways), model, tables, {})
    return f"n.id IN (WITH {', '.join(tables)} SELECT id FROM {start})", *end.values  # noqa: S608


def _stage(
    node: NodeType,
    ways: frozenset[tuple[Edge, ...]],
    model: Model,
    tables: list[str],
    known: dict[frozenset[tuple[Edge, ...]], str],
) -> str:
    """Add the table of the records from which some ways lead to the goal, and what it needs; give its name.

    Tables stand side by side, not in each other: SQLite's parser cannot go deep. Ways that go on alike share
    them.
    """
    if ways in known:
        return known[ways]
    branches: dict[str, set[tuple[Edge, ...]]] = {}
    for way in ways:
        branches.setdefault(way[0].name, set()).add(way[1:])
    selects = []
    for name, rest in branches.items():
        edge = node.edges[name]
        here, there = ("src", "dst") if edge.up else ("dst", "src")
        child = node.name if edge.up else edge.other
        further = frozenset(way for way in rest if way)
        goals = ["goal"] if () in rest else []
        if further:
            goals.append(_stage(model.types[edge.other], further, model, tables, known))
        reached = " OR ".join(f"e.{there}_id IN {goal}" for goal in goals)
        selects.append(
            f"SELECT e.{here}_id FROM edge e WHERE e.src_type = {_quoted(child)}"  # noqa: S608
            f" AND e.name = {_quoted(edge.link)} AND ({reached})"
        )
    known[ways] = f"stage{len(tables)}"
    tables.append(f"{known[ways]}(id) AS MATERIALIZED ({' UNION ALL '.join(selects)})")
    return known[ways]


def _end(entry: dict[str, Any]) -> Where:
    """Conditions on the record at the end of a way; here numbers compare as numbers."""
    where = Where()
    for name, value in entry.items():
        if name == "type" or value is None:
            continue
        if name in COLUMNS:
            where.add(f"n.{COLUMNS[name]} = ?", clean(str(value)))
        elif isinstance(value, list):
            where.add(
                f"json_type(n.props, {path(name)}) = 'array' AND NOT EXISTS (SELECT 1 FROM json_each(?) v"  # noqa: S608
                f" WHERE v.value NOT IN (SELECT j.value FROM json_each(n.props, {path(name)}) j"
                " WHERE j.type = 'text'))",
                array(value),
            )
        elif isinstance(value, bool):
            where.add(f"json_type(n.props, {path(name)}) = ?", str(value).lower())
        else:
            types = "('integer', 'real')" if isinstance(value, float) else "('text')"
            bound = clean(value) if isinstance(value, str) else value
            where.add(
                f"json_type(n.props, {path(name)}) IN {types} AND json_extract(n.props, {path(name)}) = ?",
                bound,
            )
    return where


# -- order ----------------------------------------------------------------------------------------------


def _order(node: NodeType | None, arguments: dict[str, Any]) -> str:
    """Write SQL for the order, the ascending argument before the other; empty if there is none."""
    parts: list[str] = []
    for argument, direction in (("order_by_asc", "ASC NULLS LAST"), ("order_by_desc", "DESC NULLS FIRST")):
        name = arguments.get(argument)
        if name is None or name == "type":
            continue
        if name != "id" and (node is None or name not in node.properties):
            raise GraphQLFault(f"Cannot order by {name} on {node.name if node else 'node'}")
        if name in COLUMNS:
            parts.append(f"n.{COLUMNS[name]} {direction}")
        else:
            parts.append(f"{_RANK.format(path(name))} {direction}")
            parts.append(f"json_extract(n.props, {path(name)}) {direction}")
    return ", ".join(parts)
