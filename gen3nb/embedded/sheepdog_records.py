"""Records while a transaction works on them: found in bulk, changed in memory, written at the end."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from .graph import chunked, dump, fold, marks
from .schemas import Schemas
from .sheepdog_documents import python_types

#: Properties that stand in columns of their own.
COLUMNS = ("project_id", "submitter_id", "state", "created_datetime", "updated_datetime")
SELECT = "SELECT type, id, project_id, submitter_id, submitter_key, props, state, created, updated FROM node "
LINKS = (
    "SELECT e.src_type, e.src_id, e.name, e.dst_type, e.dst_id, n.project_id FROM edge e"
    " LEFT JOIN node n ON n.id = e.dst_id AND n.type = e.dst_type "
)
USUAL_KEYS = (["project_id", "submitter_id"], ["submitter_id", "project_id"])

Keys = tuple[tuple[Any, ...], ...]
KeyPlan = list[list[tuple[str, tuple[type, ...], list[Any] | None]]]
_PLANS: WeakKeyDictionary[Schemas, dict[str, KeyPlan]] = WeakKeyDictionary()


class Target(NamedTuple):
    """A record that a link points to."""

    type: str
    id: str
    project_id: str | None
    code: str | None = None


class Record:
    """One record: its properties, and its links to parents."""

    __slots__ = ("before", "id", "links", "new", "props", "removed", "type")

    def __init__(self, node: str, id_: str, props: dict[str, Any] | None = None) -> None:
        self.type = node
        self.id = id_
        self.new = props is None
        self.props: dict[str, Any] = props if props is not None else {}
        self.before = dict(self.props)
        self.links: dict[str, list[Target]] = {}
        self.removed: list[str] = []

    @property
    def target(self) -> Target:
        """The record as the target of a link."""
        return Target(self.type, self.id, self.props.get("project_id"), self.props.get("code"))

    @property
    def changed(self) -> bool:
        """Whether a property has another value than what is stored; absent and null are the same."""
        return self.new or _filled(self.props) != _filled(self.before)


def _filled(props: Mapping[str, Any]) -> dict[str, Any]:
    # 1 == 1.0 == True in Python, and are different values in JSON
    return {key: (type(value), value) for key, value in props.items() if value is not None}


def loaded(row: tuple[Any, ...]) -> Record:
    """Make a record of a row of ``SELECT``."""
    props = json.loads(row[5])
    for name, value in zip(COLUMNS, (row[2], row[3], row[6], row[7], row[8]), strict=True):
        if value is not None:
            props[name] = value
    return Record(row[0], row[1], props)


class Session:
    """What one transaction sees of the graph.

    Parameters
    ----------
    db
        A connection on which the transaction has begun.
    schemas
        The data dictionary.
    project_id
        The project that records are submitted to.
    """

    def __init__(self, db: sqlite3.Connection, schemas: Schemas, project_id: str) -> None:
        self.db = db
        self.schemas = schemas
        self.project_id = project_id
        self.known: dict[tuple[str, str], Record] = {}
        self._by_key: dict[tuple[str, str, str], list[Record]] = {}
        self._asked: set[tuple[str, str, str]] = set()
        self._fresh: dict[str, list[Record]] = {}

    # -- unique keys ---------------------------------------------------------------------------------------

    def unique(self, node: str, props: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the unique keys of a record that has these properties, as answers show them."""
        found = []
        for group in key_plan(self.schemas, node):
            keys: dict[str, Any] = {}
            for name, kinds, enum in group:
                if name == "project_id" and name not in props:
                    keys[name] = self.project_id if kinds else None
                else:
                    value = props.get(name)
                    keys[name] = value if value is None or _plausible(value, kinds, enum) else None
            found.append(keys)
        return found

    def usual(self, node: str) -> bool:
        """Whether records of this type are told apart by project and submitter_id alone."""
        keys = self.schemas.unique_keys(node)
        return len(keys) == 1 and keys[0] in USUAL_KEYS

    # -- finding -------------------------------------------------------------------------------------------

    def prefetch(self, wanted: Iterable[tuple[str, str, str]]) -> None:
        """Look up many (type, project_id, submitter_id) at once; later questions about them need no query."""
        by_place: dict[tuple[str, str], list[str]] = {}
        for node, project, submitter in wanted:
            key = (node, project, fold(submitter))
            if key not in self._asked:
                self._asked.add(key)
                by_place.setdefault((node, project), []).append(key[2])
        for (node, project), folded in by_place.items():
            for some in chunked(folded):
                condition = f"WHERE type = ? AND project_id = ? AND submitter_key IN ({marks(some)})"
                for row in self.db.execute(SELECT + condition, (node, project, *some)):
                    self._by_key.setdefault((node, project, row[4]), []).append(self._known(row))

    def load_links(self, records: Iterable[Record]) -> None:
        """Read the links of stored records."""
        waiting = {record.id: record for record in records if not record.new}
        for some in chunked(waiting):
            rows = self.db.execute(LINKS + f"WHERE e.src_id IN ({marks(some)}) ORDER BY e.rowid", some)
            for src_type, src_id, name, dst_type, dst_id, project_id in rows:
                record = self.known.get((src_type, src_id)) or waiting[src_id]
                if record.type == src_type:
                    record.links.setdefault(name, []).append(Target(dst_type, dst_id, project_id))

    def find(
        self, node: str, id_: str | None, keys: list[dict[str, Any]], *, fresh: bool = False
    ) -> list[Record]:
        """Find records by id and unique keys, as the service does; at most two.

        Keys are left out of the question as soon as one of their values is empty, and without any the
        question is for all records of the type. With ``fresh``, records of this transaction count as well.
        """
        if id_ is None and not keys:
            return []
        filled = all(all(values.values()) for values in keys)
        found: list[Record]
        if filled and id_ is None and self.usual(node):
            place = (node, keys[0]["project_id"], keys[0]["submitter_id"])
            self.prefetch([place])
            found = list(self._by_key.get((node, place[1], fold(place[2])), ()))
        else:
            found = self._query(node, id_, keys if filled else [])
        if fresh:
            wanted = folded_keys(keys) if filled else None
            for record in self._fresh.get(node, ()):
                if id_ is not None and record.id != id_:
                    continue
                if wanted is None or folded_keys(self.unique(node, record.props)) == wanted:
                    found.append(record)
        return found[:2]

    def _query(self, node: str, id_: str | None, keys: list[dict[str, Any]]) -> list[Record]:
        conditions, values = ["type = ?"], [node]
        if id_ is not None:
            conditions.append("id = ?")
            values.append(id_)
        names = [(name, value) for group in keys for name, value in group.items()]
        for name, value in names:
            if name == "submitter_id":
                conditions.append("submitter_key = ?")
            elif name == "project_id":
                conditions.append("fold(project_id) = ?")
            else:
                conditions.append(further_key(name) + " = ?")
            values.append(fold(str(value)))
        rows = self.db.execute(SELECT + "WHERE " + " AND ".join(conditions) + " ORDER BY seq LIMIT 2", values)
        return [self._known(row) for row in rows]

    def by_ids(self, ids: Iterable[str]) -> list[Record]:
        """Find records of any type by id."""
        found = []
        for some in chunked(ids):
            for row in self.db.execute(f"{SELECT}WHERE id IN ({marks(some)}) ORDER BY seq", some):
                found.append(self._known(row))
        return found

    def _known(self, row: tuple[Any, ...]) -> Record:
        key = (row[0], row[1])
        record = self.known.get(key)
        if record is None:
            record = self.known[key] = loaded(row)
        return record

    # -- changing ------------------------------------------------------------------------------------------

    def add(self, record: Record) -> None:
        """Let a new record be found from now on."""
        self._fresh.setdefault(record.type, []).append(record)

    def children_of(self, target: Target, node: str, name: str) -> set[str]:
        """Return the ids of stored children of that type that hold that link to a record."""
        rows = self.db.execute(
            "SELECT src_id FROM edge WHERE dst_id = ? AND src_type = ? AND name = ? AND dst_type = ?",
            (target.id, node, name, target.type),
        )
        return {row[0] for row in rows}

    def write(self, records: Iterable[Record], moment: str) -> None:
        """Store records and links."""
        rows, added, removed = [], [], []
        for record in records:
            if record.changed:
                rows.append(_row(record, moment))
            removed += [(record.id, name, record.type) for name in record.removed]
            for name, targets in record.links.items():
                added += [(record.type, record.id, name, target.type, target.id) for target in targets]
        self.db.executemany(
            "INSERT OR REPLACE INTO node"
            " (type, id, project_id, submitter_id, submitter_key, props, state, created, updated)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        self.db.executemany("DELETE FROM edge WHERE src_id = ? AND name = ? AND src_type = ?", removed)
        self.db.executemany("INSERT OR IGNORE INTO edge VALUES (?, ?, ?, ?, ?)", added)


def _row(record: Record, moment: str) -> tuple[Any, ...]:
    props = record.props
    if record.new:
        props["created_datetime"] = moment
    props["updated_datetime"] = moment
    # a null that was given stays one: the database sorts it otherwise than what is absent
    stored = {key: value for key, value in props.items() if key not in COLUMNS}
    submitter = props.get("submitter_id")
    return (
        record.type,
        record.id,
        props.get("project_id"),
        submitter,
        fold(submitter) if submitter is not None else None,
        dump(stored),
        props.get("state"),
        props.get("created_datetime"),
        moment,
    )


def further_key(name: str) -> str:
    """Write SQL for a unique key that has no column of its own, as it is compared."""
    quoted = name.replace("'", "''").replace('"', "")
    return f"""lower(json_extract(props, '$."{quoted}"'))"""


def index_keys(db: sqlite3.Connection, schemas: Schemas) -> None:
    """Let unique keys that have no column of their own be found without reading all records."""
    names = {
        name
        for node in schemas.nodes
        if node not in ("program", "project")  # of which there are few
        for keys in schemas.unique_keys(node)
        for name in keys
        if name not in ("project_id", "submitter_id")
    }
    for name in sorted(names):
        quoted = name.replace('"', "")
        db.execute(f'CREATE INDEX IF NOT EXISTS "key_{quoted}" ON node (type, {further_key(name)})')


def folded_keys(keys: Iterable[Mapping[str, Any]]) -> Keys:
    """Return unique keys as the database compares them."""
    return tuple(
        tuple(fold(value) if isinstance(value, str) else value for value in values.values())
        for values in keys
    )


def plain_keys(keys: Iterable[Mapping[str, Any]]) -> Keys:
    """Return unique keys as messages show them: ``(('DEMO-alpha', 'case-1'),)``."""
    return tuple(tuple(values.values()) for values in keys)


def _plausible(value: Any, kinds: tuple[type, ...], enum: list[Any] | None) -> bool:
    """Whether a property could hold the value."""
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        return False
    return not enum or value in enum


def key_plan(schemas: Schemas, node: str) -> KeyPlan:
    """Return the unique keys of a type, each with the Python types and the vocabulary of its property."""
    plans = _PLANS.setdefault(schemas, {})
    if node not in plans:
        stored = schemas.stored(node)
        plans[node] = [
            [
                (name, python_types(stored[name]) if name in stored else (), stored.get(name, {}).get("enum"))
                for name in names
            ]
            for names in schemas.unique_keys(node)
        ]
    return plans[node]
