"""The index of files: documents on SQLite, as indexd keeps them."""

from __future__ import annotations

import datetime
import json
import re
import secrets
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .connections import Connections

PREFIX = "dg.TEST/"  # where none is chosen
_DID_OF_KEY = re.compile(
    r"((?:.*/)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/", re.IGNORECASE
)
FIELDS = (
    "acl",
    "authz",
    "baseid",
    "content_created_date",
    "content_updated_date",
    "created_date",
    "description",
    "did",
    "file_name",
    "form",
    "hashes",
    "metadata",
    "rev",
    "size",
    "updated_date",
    "uploader",
    "urls",
    "urls_metadata",
    "version",
)
_EMPTY: dict[str, Any] = {
    "acl": [],
    "authz": [],
    "hashes": {},
    "metadata": {},
    "urls": [],
    "urls_metadata": {},
}
_SCHEMA = """
CREATE TABLE IF NOT EXISTS record(
    did TEXT PRIMARY KEY, baseid TEXT NOT NULL, size INTEGER, uploader TEXT, file_name TEXT,
    created TEXT NOT NULL, updated TEXT NOT NULL, document TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS record_baseid ON record(baseid);
CREATE INDEX IF NOT EXISTS record_updated ON record(updated, did);
CREATE TABLE IF NOT EXISTS hash(
    did TEXT NOT NULL REFERENCES record(did) ON DELETE CASCADE, type TEXT NOT NULL, value TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS hash_value ON hash(value, type);
CREATE INDEX IF NOT EXISTS hash_did ON hash(did);
CREATE TABLE IF NOT EXISTS alias(
    name TEXT PRIMARY KEY, did TEXT NOT NULL REFERENCES record(did) ON DELETE CASCADE,
    listed INTEGER NOT NULL DEFAULT 1);
CREATE TABLE IF NOT EXISTS bundle(id TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS alias_did ON alias(did);
"""


class IndexRefused(Exception):
    """The index does not do that; ``status`` and the message are those of the service."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def moment() -> str:
    """Give the time as indexd stores it, without a zone."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA foreign_keys = ON")


class IndexStore:
    """Documents about files, by did.

    Parameters
    ----------
    path : Path
        The SQLite file.
    wal : bool
        Whether to use SQLite's write-ahead log, which a network file system cannot hold.
    prefix : str
        What dids that are made here begin with; may be empty.
    """

    def __init__(self, path: Path | str, *, wal: bool = True, prefix: str = PREFIX) -> None:
        self.path = str(path)
        self.prefix = prefix
        self._connections = Connections(self.path, wal=wal, prepare=_prepare)
        self._lock = threading.RLock()
        with self._lock:
            self.connection.executescript(_SCHEMA)

    @property
    def connection(self) -> sqlite3.Connection:
        """Connection of the running thread; it commits each statement unless a transaction was begun."""
        return self._connections.here()

    def close(self) -> None:
        """Close every thread's connection."""
        self._connections.close()

    def new_did(self) -> str:
        """Make a did."""
        return self.prefix + str(uuid.uuid4())

    def _spellings(self, did: str) -> tuple[str, ...]:
        """Give a did as it is written, and with or without the prefix."""
        if not self.prefix:
            return (did,)
        return (did, did.removeprefix(self.prefix) if did.startswith(self.prefix) else self.prefix + did)

    # -- writing -----------------------------------------------------------------------------------------

    def create(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Add a document; ``did`` and ``baseid`` are made where they are not given.

        Raises
        ------
        IndexRefused
            409 where the did exists already.
        """
        now = moment()
        record = {name: document.get(name, _EMPTY.get(name)) for name in FIELDS}
        record["did"] = document.get("did") or self.new_did()
        record["baseid"] = document.get("baseid") or str(uuid.uuid4())
        record.update(rev=secrets.token_hex(4), created_date=now, updated_date=moment())
        with self._lock, self.connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("SELECT 1 FROM record WHERE did = ?", (record["did"],)).fetchone():
                raise IndexRefused(409, f'did "{record["did"]}" already exists')
            self._store(connection, record)
        return record

    def _store(self, connection: sqlite3.Connection, record: dict[str, Any]) -> None:
        connection.execute(
            "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(did) DO UPDATE SET "
            "baseid = excluded.baseid, size = excluded.size, uploader = excluded.uploader, "
            "file_name = excluded.file_name, updated = excluded.updated, document = excluded.document",
            (
                record["did"],
                record["baseid"],
                record["size"],
                record["uploader"],
                record["file_name"],
                record["created_date"],
                record["updated_date"],
                json.dumps(record),
            ),
        )
        connection.execute("DELETE FROM hash WHERE did = ?", (record["did"],))
        connection.executemany(
            "INSERT INTO hash VALUES (?, ?, ?)", [(record["did"], *one) for one in record["hashes"].items()]
        )

    def update(self, did: str, rev: str | None, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change a document, and its revision.

        Raises
        ------
        IndexRefused
            404 for an unknown did, 409 where ``rev`` is not the document's.
        """
        with self._lock, self.connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            record = self.get(did)
            if record is None:
                raise IndexRefused(404, "no record found")
            if rev != record["rev"]:
                raise IndexRefused(409, "revision mismatch")
            record.update(changes, rev=secrets.token_hex(4), updated_date=moment())
            self._store(connection, record)
        return record

    def delete(self, did: str, rev: str | None) -> None:
        """Take a document out.

        Raises
        ------
        IndexRefused
            404 for an unknown did, 409 where ``rev`` is not the document's.
        """
        with self._lock, self.connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            record = self.get(did)
            if record is None:
                raise IndexRefused(404, "no record found")
            if rev is not None and rev != record["rev"]:
                raise IndexRefused(409, "revision mismatch")
            connection.execute("DELETE FROM record WHERE did = ?", (record["did"],))

    # -- reading -----------------------------------------------------------------------------------------

    def get(self, did: str) -> dict[str, Any] | None:
        """Find a document by its did, with or without the default prefix."""
        for name in self._spellings(did):
            row = self.connection.execute("SELECT document FROM record WHERE did = ?", (name,)).fetchone()
            if row:
                found: dict[str, Any] = json.loads(row[0])
                return found
        return None

    def in_key(self, key: str) -> str | None:
        """Find the did that the key of an object in a bucket begins with."""
        found = _DID_OF_KEY.match(key)
        return found.group(1) if found else None

    def find(self, hashes: Mapping[str, str], size: int | None = None) -> list[dict[str, Any]]:
        """Find the documents that have all these hashes, and this size, oldest first."""
        if not hashes:
            return []
        conditions = " AND ".join(
            "did IN (SELECT did FROM hash WHERE type = ? AND value = ?)" for _ in hashes
        )
        values: list[Any] = [part for one in hashes.items() for part in one]
        if size is not None:
            conditions += " AND size = ?"
            values.append(size)
        rows = self.connection.execute(
            f"SELECT document FROM record WHERE {conditions} ORDER BY created, did",  # noqa: S608 - only marks
            values,
        )
        return [json.loads(row[0]) for row in rows]

    def every(self, dids: Iterable[str]) -> list[dict[str, Any]]:
        """Find documents by their dids as they are written; leave out those that do not exist and repeats."""
        found = []
        for did in dict.fromkeys(dids):
            row = self.connection.execute("SELECT document FROM record WHERE did = ?", (did,)).fetchone()
            if row:
                found.append(json.loads(row[0]))
        return found

    def page(self, limit: int, offset: int, by: str = "did") -> list[dict[str, Any]]:
        """Give some documents, in the order of their dids or of their making; ``limit`` -1 is all."""
        order = "did" if by == "did" else "created, rowid"
        statement = f"SELECT document FROM record ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608
        rows = self.connection.execute(statement, (limit, offset))
        return [json.loads(row[0]) for row in rows]

    def versions(self, baseid: str) -> list[dict[str, Any]]:
        """Find the documents that are versions of one file, oldest first."""
        rows = self.connection.execute(
            "SELECT document FROM record WHERE baseid = ? ORDER BY created, rowid", (baseid,)
        )
        return [json.loads(row[0]) for row in rows]

    def totals(self) -> tuple[int, int]:
        """Count the documents, and sum up their sizes."""
        number, size = self.connection.execute("SELECT count(*), total(size) FROM record").fetchone()
        return int(number), int(size)

    # -- aliases -----------------------------------------------------------------------------------------

    def aliases(self, did: str) -> list[str]:
        """List the other names of a document."""
        rows = self.connection.execute(
            "SELECT name FROM alias WHERE did = ? AND listed ORDER BY rowid", (did,)
        )
        return [row[0] for row in rows]

    def by_alias(self, alias: str) -> dict[str, Any] | None:
        """Find a document by another name of it."""
        row = self.connection.execute("SELECT did FROM alias WHERE name = ?", (alias,)).fetchone()
        return self.get(row[0]) if row else None

    def add_alias(self, did: str, alias: str) -> None:
        """Give a document the name that sheepdog calls it by; it finds the document, but is not listed.

        Raises
        ------
        IndexRefused
            404 for an unknown did, 409 where the name is taken.
        """
        self.add_aliases(did, [alias], listed=False)

    def add_aliases(
        self, did: str, aliases: Iterable[str], *, replace: bool = False, listed: bool = True
    ) -> None:
        """Give a document other names, all or none of them; with ``replace`` in place of those that it has.

        Raises
        ------
        IndexRefused
            404 for an unknown did, 409 where a name is taken.
        """
        names = list(aliases)
        record = self.get(did)
        if record is None:
            raise IndexRefused(404, "no record found")
        with self._lock, self.connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            if replace:
                connection.execute("DELETE FROM alias WHERE did = ? AND listed", (record["did"],))
            taken = [
                name
                for name in names
                if connection.execute("SELECT 1 FROM alias WHERE name = ?", (name,)).fetchone()
            ]
            if taken:
                words = "One or more aliases in request already associated with this or another GUID"
                raise IndexRefused(409, f"{words}: {taken}")
            rows = [(name, record["did"], listed) for name in names]
            connection.executemany("INSERT INTO alias VALUES (?, ?, ?)", rows)

    def remove_alias(self, did: str, alias: str | None = None) -> None:
        """Take one other name of a document away, or all.

        Raises
        ------
        IndexRefused
            404 for an unknown did or name.
        """
        record = self.get(did)
        if record is None:
            raise IndexRefused(404, "no record found")
        with self._lock, self.connection as connection:
            if alias is None:
                connection.execute("DELETE FROM alias WHERE did = ? AND listed", (record["did"],))
                return
            cursor = connection.execute(
                "DELETE FROM alias WHERE did = ? AND name = ? AND listed", (record["did"], alias)
            )
            if cursor.rowcount == 0:
                raise IndexRefused(404, alias)

    # -- bundles -----------------------------------------------------------------------------------------

    def add_bundle(self, bundle: Mapping[str, Any]) -> None:
        """Add a bundle of documents.

        Raises
        ------
        IndexRefused
            409 where the id exists already.
        """
        with self._lock, self.connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            if self.bundle(bundle["id"]) or self.get(bundle["id"]):
                raise IndexRefused(409, f"{bundle['id']} already exists")
            connection.execute("INSERT INTO bundle VALUES (?, ?)", (bundle["id"], json.dumps(dict(bundle))))

    def bundle(self, ident: str) -> dict[str, Any] | None:
        """Find a bundle by its id, with or without the default prefix; ``bundle_data`` lies under it."""
        for name in self._spellings(ident):
            row = self.connection.execute("SELECT document FROM bundle WHERE id = ?", (name,)).fetchone()
            if row:
                found: dict[str, Any] = json.loads(row[0])
                return found
        return None

    def delete_bundle(self, ident: str) -> None:
        """Take a bundle out.

        Raises
        ------
        IndexRefused
            404 for an unknown one.
        """
        found = self.bundle(ident)
        if found is None:
            raise IndexRefused(404, "No bundle found")
        with self._lock:
            self.connection.execute("DELETE FROM bundle WHERE id = ?", (found["id"],))

    def bundles(self, limit: int = -1, offset: int = 0, start: str | None = None) -> list[dict[str, Any]]:
        """List bundles by id, without what lies under them; ``limit`` -1 is all, ``start`` exclusive."""
        rows = self.connection.execute(
            "SELECT json_remove(document, '$.bundle_data') FROM bundle WHERE id > ? ORDER BY id "
            "LIMIT ? OFFSET ?",
            (start or "", limit, offset),
        )
        return [json.loads(row[0]) for row in rows]
