"""The submission service's log of transactions, as a query sees it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from .peregrine_filters import AMONG, Where, array, clean
from .peregrine_syntax import GraphQLFault
from .peregrine_types import (
    BOOLEAN,
    ID,
    INT,
    MAX_INT,
    STRING,
    Argument,
    FieldType,
    ListOf,
    ObjectType,
    Resolver,
)

_COLUMNS = (
    "id", "is_dry_run", "closed", "committed_by", "state", "submitter", "role", "program", "project",
    "created_datetime", "canonical_json", "project_id",
)  # fmt: skip
_SORTABLE = (
    "id", "submitter", "role", "program", "project", "created_datetime", "canonical_json", "project_id",
)  # fmt: skip
#: Roles that the log calls by another name.
_UPLOADS = ("update", "create")
_COMMITTABLE = "is_dry_run = 1 AND state = 'SUCCEEDED' AND closed = 0 AND committed_by IS NULL"


def _each(read: Callable[[Any], Any]) -> Resolver:
    return lambda _context, sources, _arguments, _field: [read(source) for source in sources]


def _order(value: Any) -> Any:
    """Put an object's keys into the order in which PostgreSQL keeps them: short ones first."""
    if isinstance(value, dict):
        return {key: _order(value[key]) for key in sorted(value, key=lambda key: (len(key.encode()), key))}
    if isinstance(value, list):
        return [_order(one) for one in value]
    return value


def _python(text: Any) -> str | None:
    """Show stored JSON as the service does: as Python prints it."""
    return None if text is None else str(_order(json.loads(text)))


def _snapshot(name: str) -> Resolver:
    """Show the properties of a record before or after a transaction; those without a value are None."""

    def resolve(context: Any, sources: list[Any], _arguments: dict[str, Any], _asked: Any) -> list[Any]:
        found = []
        for source in sources:
            props = json.loads(source[name] or "{}")
            node = context.model.types.get(source["entity_type"])
            if props and node:
                props = {**dict.fromkeys(node.properties), **props}
            found.append(str(_order(props)))
        return found

    return resolve


def _response(document: dict[str, Any]) -> Any:
    text = document["response_json"]
    return json.loads(text) if text else None


def _response_text(document: dict[str, Any]) -> str:
    text = document["response_json"]
    return json.dumps(_order(json.loads(text)) if text else {})


def _type(log: dict[str, Any]) -> str:
    role = str(log["role"]).lower()
    return "upload" if role in _UPLOADS else role


def _children(table: str, columns: str) -> Resolver:
    """Read what belongs to some transactions."""

    def resolve(context: Any, sources: list[Any], _arguments: dict[str, Any], _asked: Any) -> list[Any]:
        groups: dict[int, list[dict[str, Any]]] = {}
        sql = (
            f"SELECT transaction_id, {columns} FROM {table}"  # noqa: S608 - constants of this module
            f" WHERE transaction_id {AMONG} ORDER BY id"
        )
        names = ["transaction_id", *columns.split(", ")]
        for row in context.query(sql, [array(source["id"] for source in sources)]):
            groups.setdefault(row[0], []).append(dict(zip(names, row, strict=True)))
        return [groups.get(source["id"], []) for source in sources]

    return resolve


_RELATED = ObjectType(
    "TransactionResponseEntityRelatedCases", {"id": FieldType(STRING), "submitter_id": FieldType(STRING)}
)
_GENERIC = ObjectType(
    "GenericEntity",
    {"id": FieldType(STRING), "type": FieldType(STRING)},
    description="Skeleton properties to reference generic entities",
)
_NONE = _each(lambda _: [])
_ERROR = ObjectType(
    "TransactionResponseError",
    {
        "keys": FieldType(ListOf(STRING)),
        "dependents": FieldType(
            ListOf(_GENERIC),
            resolve=_each(lambda error: error.get("dependents") or []),
            description="List of entities that depend on this entity such that the transaction failed.",
        ),
        "message": FieldType(STRING),
        "type": FieldType(STRING),
    },
)
_ENTITY = ObjectType(
    "TransactionResponseEntity",
    {
        "valid": FieldType(BOOLEAN),
        "action": FieldType(STRING),
        "type": FieldType(STRING),
        "id": FieldType(STRING),
        "unique_keys": FieldType(
            STRING, resolve=_each(lambda entity: json.dumps(_order(entity.get("unique_keys"))))
        ),
        "related_cases": FieldType(ListOf(_RELATED), resolve=_NONE),
        "errors": FieldType(ListOf(_ERROR), resolve=_each(lambda entity: entity.get("errors") or [])),
        "warnings": FieldType(STRING),
    },
)
_RESPONSE = ObjectType(
    "TransactionResponse",
    {
        "transaction_id": FieldType(ID),
        "success": FieldType(BOOLEAN),
        "entity_error_count": FieldType(INT),
        "transactional_error_count": FieldType(INT),
        "code": FieldType(INT),
        "message": FieldType(STRING),
        "transactional_errors": FieldType(INT),
        "created_entity_count": FieldType(INT),
        "updated_entity_count": FieldType(INT),
        "released_entity_count": FieldType(INT),
        "cases_related_to_updated_entities_count": FieldType(INT),
        "cases_related_to_created_entities_count": FieldType(INT),
        "entities": FieldType(
            ListOf(_ENTITY), resolve=_each(lambda response: response.get("entities") or [])
        ),
    },
)
_DOCUMENT = ObjectType(
    "TransactionDocument",
    {
        "id": FieldType(ID),
        "transaction_id": FieldType(ID),
        "doc_format": FieldType(STRING),
        "doc": FieldType(STRING),
        "doc_size": FieldType(INT, resolve=_each(lambda document: len(document["doc"] or ""))),
        "name": FieldType(STRING),
        "response_json": FieldType(STRING, resolve=_each(_response_text)),
        "response": FieldType(_RESPONSE, resolve=_each(_response)),
    },
)
_SNAPSHOT = ObjectType(
    "TransactionSnapshot",
    {
        "id": FieldType(ID),
        "transaction_id": FieldType(INT),
        "action": FieldType(STRING),
        "old_props": FieldType(STRING, resolve=_snapshot("old_props")),
        "new_props": FieldType(STRING, resolve=_snapshot("new_props")),
    },
)
LOG_TYPE = ObjectType(
    "TransactionLog",
    {
        "id": FieldType(ID),
        "is_dry_run": FieldType(BOOLEAN),
        "closed": FieldType(BOOLEAN),
        "committed_by": FieldType(ID),
        "state": FieldType(STRING),
        "type": FieldType(STRING, resolve=_each(_type)),
        "quick_search": FieldType(ID),
        "submitter": FieldType(STRING),
        "role": FieldType(STRING),
        "program": FieldType(STRING),
        "project": FieldType(STRING),
        "created_datetime": FieldType(
            STRING, resolve=_each(lambda log: str(log["created_datetime"]).replace("T", " "))
        ),
        "canonical_json": FieldType(STRING, resolve=_each(lambda log: _python(log["canonical_json"]))),
        "project_id": FieldType(STRING),
        "snapshots": FieldType(
            ListOf(_SNAPSHOT),
            resolve=_children("transaction_snapshot", "id, entity_type, action, old_props, new_props"),
        ),
        "documents": FieldType(
            ListOf(_DOCUMENT),
            resolve=_children("transaction_document", "id, name, doc_format, doc, response_json"),
        ),
        "related_cases": FieldType(ListOf(_RELATED), resolve=_NONE),
    },
)
LOG_ARGUMENTS = {
    "id": Argument(ID),
    "type": Argument(STRING),
    "quick_search": Argument(ID),
    "project_id": Argument(ListOf(STRING)),
    "project": Argument(STRING),
    "program": Argument(STRING),
    "order_by_asc": Argument(STRING),
    "order_by_desc": Argument(STRING),
    "related_cases": Argument(ListOf(STRING)),
    "first": Argument(INT),
    "last": Argument(INT),
    "offset": Argument(INT),
    "entities": Argument(ListOf(STRING)),
    "is_dry_run": Argument(BOOLEAN),
    "closed": Argument(BOOLEAN),
    "committable": Argument(
        BOOLEAN,
        description="(committable: true) means (is_dry_run: true) AND (closed: false) AND (state: "
        '"SUCCEEDED") AND (committed_by is None).  Note: committed_by is None cannot be represented in '
        "GraphQL, hence this argument.",
    ),
    "state": Argument(STRING),
    "committed_by": Argument(ID),
}


def root_logs(context: Any, sources: list[Any], arguments: dict[str, Any], _asked: Any) -> list[Any]:
    """Resolve transactions of the projects that the user may read."""
    return [_logs(context, arguments) for _ in sources]


def node_logs(context: Any, sources: list[Any], arguments: dict[str, Any], _asked: Any) -> list[Any]:
    """Resolve the transactions that changed each of some records."""
    return [_logs(context, {**arguments, "entities": [source["id"]]}) for source in sources]


def count_logs(
    context: Any, sources: list[Any], arguments: dict[str, Any], _asked: Any, *, of_nodes: bool
) -> list[Any]:
    """Resolve the number of transactions, of all or of those that changed each of some records."""
    return [
        _count(context, {**arguments, "entities": [source["id"]]} if of_nodes else arguments)
        for source in sources
    ]


def _logs(context: Any, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    where = _where(context, arguments)
    order = [
        f"{arguments[name]} {direction}"
        for name, direction in (("order_by_asc", "ASC"), ("order_by_desc", "DESC"))
        if arguments.get(name) in _SORTABLE
    ]
    first, offset = arguments.get("first", 10), max(arguments.get("offset", 0), 0)
    if "last" in arguments:
        order, first = [*order, "id DESC"], arguments["last"]
    sql = (
        f"SELECT {', '.join(_COLUMNS)} FROM transaction_log WHERE {where.sql}"  # noqa: S608 - constants only
        f" ORDER BY {', '.join([*order, 'id'])} LIMIT {first if first > 0 else -1} OFFSET {offset}"
    )
    return [dict(zip(_COLUMNS, row, strict=True)) for row in context.query(sql, where.values)]


def _count(context: Any, arguments: dict[str, Any]) -> int:
    where = _where(context, arguments)
    (number,) = context.query(
        f"SELECT count(*) FROM transaction_log WHERE {where.sql}",  # noqa: S608 - constants only
        where.values,
    ).fetchone()
    first = arguments.get("first")
    return int(number) if first is None or first < 0 else min(int(number), first)


def _number(value: str) -> int:
    """Read an id, which a query may give as text.

    Raises
    ------
    GraphQLFault
        With the database's words, if it is none.
    """
    if not value.strip().removeprefix("-").isdecimal():
        words = (
            f'(psycopg2.errors.InvalidTextRepresentation) invalid input syntax for type integer: "{value}"'
        )
    elif abs(int(value)) > MAX_INT:
        words = f'(psycopg2.errors.NumericValueOutOfRange) value "{value}" is out of range for type integer'
    else:
        return int(value)
    raise GraphQLFault(words)


def _where(context: Any, arguments: dict[str, Any]) -> Where:
    where = Where()
    where.add(f"project_id {AMONG}", array(context.projects))
    if "quick_search" in arguments:
        text = arguments["quick_search"].strip().removeprefix("+")
        where.add("id = ?", _number(text) if text.removeprefix("-").isdecimal() else -1)
    for name in ("id", "committed_by"):
        if name in arguments:
            where.add(f"{name} = ?", _number(arguments[name]))
    for name in ("is_dry_run", "closed", "state", "project", "program"):
        if name in arguments:
            given = arguments[name]
            where.add(f"{name} = ?", clean(given) if isinstance(given, str) else given)
    if "committable" in arguments:
        where.add(_COMMITTABLE if arguments["committable"] else f"NOT ({_COMMITTABLE})")
    if "project_id" in arguments:
        _among(where, "project_id", arguments["project_id"])
    if "entities" in arguments:
        where.add(
            f"id IN (SELECT transaction_id FROM transaction_snapshot WHERE entity_id {AMONG})",  # noqa: S608
            array(arguments["entities"]),
        )
    if "related_cases" in arguments:
        where.add("0")  # this version keeps no cases with its transactions
    if "type" in arguments:
        roles = _UPLOADS if arguments["type"] == "upload" else (arguments["type"],)
        _among(where, "role", roles)
    return where


def _among(where: Where, column: str, values: Iterable[str]) -> None:
    where.add(f"{column} {AMONG}", array(values))
