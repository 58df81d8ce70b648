"""A database for what one call keeps in mind: in memory while it is small, then in a file without a name."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from gen3nb.errors import TransferError

__all__ = ["scratch"]

_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


class _Scratch(sqlite3.Connection):
    """Says in words that there is no room."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        try:
            return super().execute(sql, parameters)
        except sqlite3.OperationalError as error:
            raise _in_words(error) from error

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        try:
            return super().executemany(sql, parameters)
        except sqlite3.OperationalError as error:
            raise _in_words(error) from error


def scratch(*tables: str) -> sqlite3.Connection:
    """Open one, which goes with its connection; threads may share it, one at a time.

    Parameters
    ----------
    tables : str
        Statements that make its tables.

    Returns
    -------
    sqlite3.Connection
        In a transaction that never ends, since nobody else reads it. Where the disk has no room it raises a
        :class:`~gen3nb.errors.TransferError` with the fact ``disk``.
    """
    base = sqlite3.connect("", check_same_thread=False, isolation_level=None, factory=_Scratch)
    base.execute("pragma cache_size = -4000")  # KiB
    for table in tables:
        base.execute(table)
    base.execute("begin")
    return base


def _in_words(error: sqlite3.OperationalError) -> Exception:
    if error.sqlite_errorcode & 0xFF not in _FULL:
        return error
    return TransferError(
        "The disk is full where a call keeps what it needs while it runs: make room in the folder for "
        "temporary files, or name another one by the environment variable SQLITE_TMPDIR. Then the same call "
        "again goes on.",
        disk=True,
    )
