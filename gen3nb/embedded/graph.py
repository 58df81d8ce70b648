"""Storage of the practice commons: records, links and the log of transactions, in one SQLite database.

Every thread has a connection of its own; writers take turns. The tables are read by the submission and the
query service alike:

``node``
    One row per record. ``props`` is a JSON object of the stored properties, null where it was given. Columns
    of their own, and not in ``props``: ``id``, ``type``, ``project_id``, ``submitter_id``, ``state`` and the
    two dates (a project keeps its ``code``, a program its ``name`` there). ``seq`` is the order in which an
    unordered read gives the rows: an update moves a row to the end. The indexes ``node_place`` and
    ``node_type`` give the rows in that order.
``edge``
    One row per link of a record. ``src`` is the child, which holds the link, ``dst`` the parent; ``name`` is
    the link's name in the child's schema.
``transaction_log``, ``transaction_document``, ``transaction_snapshot``
    What was asked of the submission service, what it answered, and which records that changed.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .connections import Connections

TABLES = """
CREATE TABLE IF NOT EXISTS node (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    type TEXT NOT NULL, id TEXT NOT NULL, project_id TEXT, submitter_id TEXT, submitter_key TEXT,
    props TEXT NOT NULL, state TEXT, created TEXT, updated TEXT,
    UNIQUE (type, id)
);
CREATE INDEX IF NOT EXISTS node_key ON node (type, project_id, submitter_key);
CREATE INDEX IF NOT EXISTS node_place ON node (type, project_id);
CREATE INDEX IF NOT EXISTS node_type ON node (type);
CREATE INDEX IF NOT EXISTS node_id ON node (id);
CREATE INDEX IF NOT EXISTS node_submitter ON node (type, submitter_id);
CREATE TABLE IF NOT EXISTS edge (
    src_type TEXT NOT NULL, src_id TEXT NOT NULL, name TEXT NOT NULL,
    dst_type TEXT NOT NULL, dst_id TEXT NOT NULL,
    UNIQUE (src_id, name, dst_id, src_type)
);
CREATE INDEX IF NOT EXISTS edge_back ON edge (dst_id, src_type, name);
CREATE TABLE IF NOT EXISTS transaction_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id TEXT NOT NULL, program TEXT NOT NULL, project TEXT NOT NULL,
    role TEXT NOT NULL, type TEXT NOT NULL,
    state TEXT NOT NULL, is_dry_run INTEGER NOT NULL, closed INTEGER NOT NULL DEFAULT 0, committed_by INTEGER,
    submitter TEXT, created_datetime TEXT NOT NULL, canonical_json TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX IF NOT EXISTS log_project ON transaction_log (project_id);
CREATE TABLE IF NOT EXISTS transaction_document (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    transaction_id INTEGER NOT NULL, name TEXT, doc_format TEXT, doc TEXT, response_json TEXT
);
CREATE INDEX IF NOT EXISTS document_log ON transaction_document (transaction_id);
CREATE TABLE IF NOT EXISTS transaction_snapshot (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    transaction_id INTEGER NOT NULL, entity_id TEXT NOT NULL, entity_type TEXT NOT NULL, action TEXT,
    old_props TEXT NOT NULL DEFAULT '{}', new_props TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS snapshot_log ON transaction_snapshot (transaction_id);
"""

PROGRAMS = "SELECT id, props FROM node WHERE type = 'program'"
PROJECTS = (
    "SELECT p.id, p.state, p.props, q.props FROM node p"
    " JOIN edge e ON e.src_id = p.id AND e.name = 'programs'"
    " JOIN node q ON q.id = e.dst_id AND q.type = 'program'"
    " WHERE p.type = 'project'"
)
#: Write JSON; one encoder for all, as making one takes longer than writing a record.
dump = json.JSONEncoder(ensure_ascii=False).encode
#: How many values one statement may bind; SQLite's own limit is higher on every version in use.
CHUNK = 500


def fold(text: str) -> str:
    """Lower-case a submitter_id as the database does that compares them: letter by letter.

    ``str.lower`` would write a final Σ as ς and İ as two letters.
    """
    if text.isascii():
        return text.lower()
    return "".join(letter.lower()[:1] for letter in text)


def _fold(value: Any) -> Any:
    return fold(value) if isinstance(value, str) else value


def _prepare(connection: sqlite3.Connection) -> None:
    connection.create_function("fold", 1, _fold, deterministic=True)
    connection.execute("PRAGMA cache_size = -16000")
    connection.execute("PRAGMA temp_store = MEMORY")


def now() -> str:
    """Return the time as the services write it, ``2026-11-21T06:08:31.270719+00:00``."""
    return datetime.now(UTC).isoformat("T", "microseconds")


class Graph:
    """The database of a practice commons.

    Parameters
    ----------
    path
        The database file; it is made if it does not exist.
    wal
        Write ahead, which lets readers and a writer work at once. Not for network file systems.
    """

    def __init__(self, path: str | Path, *, wal: bool = True) -> None:
        self.path = str(path)
        self.wal = wal
        self._lock = threading.RLock()
        self._connections = Connections(self.path, wal=wal, prepare=_prepare)
        self.connection().executescript(TABLES)

    def connection(self) -> sqlite3.Connection:
        """Return this thread's connection; it is for reading, see :meth:`write`."""
        return self._connections.here()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Begin a transaction: committed at the end of the block, rolled back if it raises."""
        with self._lock:
            connection = self.connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Read several times on a connection of its own, where possible from one state of the database.

        Without write-ahead, a reader that holds on to one state would keep writers waiting.
        """
        connection = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
        try:
            # exports read by id, from all over the file: with SQLite's own 2 MB most reads would miss
            connection.execute("PRAGMA cache_size = -32000")
            if self.wal:
                connection.execute("BEGIN")
            yield connection
        finally:
            connection.close()

    def close(self) -> None:
        """Close every thread's connection."""
        self._connections.close()

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        return self.connection().execute(sql, values).fetchall()

    def program(self, name: str) -> dict[str, Any] | None:
        """Return the program of that name (``id``, ``name``, ``dbgap_accession_number``), or None."""
        return next(iter(self._programs(" AND json_extract(props, '$.name') = ?", name)), None)

    def programs(self) -> list[dict[str, Any]]:
        """List all programs, in the order in which they were last written."""
        return self._programs("")

    def _programs(self, condition: str, *values: str) -> list[dict[str, Any]]:
        rows = self.query(f"{PROGRAMS}{condition} ORDER BY seq", values)
        return [{"id": id_, **json.loads(props)} for id_, props in rows]

    def projects(self, program: str | None = None) -> list[dict[str, Any]]:
        """List projects of a program, or all: ``id``, ``state``, ``program``, its ``dbgap``, properties."""
        if program is None:
            return self._projects("")
        return self._projects(" AND json_extract(q.props, '$.name') = ?", program)

    def project(self, program: str, code: str) -> dict[str, Any] | None:
        """Return one project, as in :meth:`projects`, or None."""
        condition = " AND json_extract(q.props, '$.name') = ? AND json_extract(p.props, '$.code') = ?"
        return next(iter(self._projects(condition, program, code)), None)

    def _projects(self, condition: str, *values: str) -> list[dict[str, Any]]:
        rows = self.query(f"{PROJECTS}{condition} ORDER BY p.seq", values)
        found = []
        for id_, state, props, parent in rows:
            above = json.loads(parent)
            about = {"program": above["name"], "dbgap": above.get("dbgap_accession_number")}
            found.append({**json.loads(props), "id": id_, "state": state, **about})
        return found


def chunked(values: Iterable[Any], size: int = CHUNK) -> Iterator[list[Any]]:
    """Cut values into lists short enough for one statement."""
    listed = list(values)
    for start in range(0, len(listed), size):
        yield listed[start : start + size]


def marks(values: Sequence[Any]) -> str:
    """Placeholders for as many values."""
    return ",".join("?" * len(values))
