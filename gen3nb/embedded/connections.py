"""Connections to one SQLite file, one for each thread, which all can be closed at once."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable


class Connections:
    """A connection for each thread; statements commit by themselves unless a transaction was begun.

    Parameters
    ----------
    path : str
        The database file; it is made if it does not exist.
    wal : bool
        Write ahead, which lets readers and a writer work at once. Not for network file systems.
    prepare : Callable, optional
        Is called with each new connection.
    """

    def __init__(
        self, path: str, *, wal: bool = True, prepare: Callable[[sqlite3.Connection], object] | None = None
    ) -> None:
        self.path = path
        self.wal = wal
        self._prepare = prepare
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._listing = threading.Lock()

    def here(self) -> sqlite3.Connection:
        """Return this thread's connection."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            # close() comes from another thread
            found = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
            found.execute(f"PRAGMA journal_mode = {'WAL' if self.wal else 'DELETE'}")
            found.execute("PRAGMA synchronous = NORMAL")
            if self._prepare is not None:
                self._prepare(found)
            self._local.connection = found
            with self._listing:
                self._opened.append(found)
        return found

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._listing:
            for connection in self._opened:
                connection.close()
            self._opened.clear()
        self._local = threading.local()
