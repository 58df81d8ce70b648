"""JSON documents by kind and key on SQLite, for the small services."""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

from .connections import Connections

_SCHEMA = """
CREATE TABLE IF NOT EXISTS document(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, key TEXT NOT NULL, content TEXT NOT NULL,
    UNIQUE (kind, key));
"""


class Documents:
    """Documents; a change moves one to the end, as PostgreSQL's unordered reads have it.

    Parameters
    ----------
    path : Path
        The SQLite file.
    wal : bool
        Whether to use SQLite's write-ahead log, which a network file system cannot hold.
    """

    def __init__(self, path: Path | str, *, wal: bool = True) -> None:
        self.path = str(path)
        self.lock = threading.RLock()
        self._connections = Connections(self.path, wal=wal)
        with self.lock:
            self._connection.executescript(_SCHEMA)

    @property
    def _connection(self) -> sqlite3.Connection:
        return self._connections.here()

    def close(self) -> None:
        """Close every thread's connection."""
        self._connections.close()

    def get(self, kind: str, key: str) -> Any:
        """Find a document, or give ``None``."""
        row = self._connection.execute(
            "SELECT content FROM document WHERE kind = ? AND key = ?", (kind, key)
        ).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, kind: str, key: str, content: Any) -> None:
        """Store a document."""
        with self.lock:
            self._connection.execute(
                "INSERT OR REPLACE INTO document (kind, key, content) VALUES (?, ?, ?)",
                (kind, key, json.dumps(content)),
            )

    def delete(self, kind: str, key: str) -> None:
        """Take a document out."""
        with self.lock:
            self._connection.execute("DELETE FROM document WHERE kind = ? AND key = ?", (kind, key))

    def all(self, kind: str, *, by: str = "seq") -> dict[str, Any]:
        """Give all documents of a kind by key, in the order of their last change, or ``by="key"``."""
        order = "key" if by == "key" else "seq"
        rows = self._connection.execute(
            f"SELECT key, content FROM document WHERE kind = ? ORDER BY {order}",  # noqa: S608
            (kind,),
        )
        return {key: json.loads(content) for key, content in rows}
