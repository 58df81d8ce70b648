"""The journal of uploads: which file goes to which GUID, and which of its parts are stored.

One database per commons and user under the user's state folder, readable by the user alone. It holds paths,
sizes, times, hashes, GUIDs and the store's ids, no presigned URL. It survives a program that is killed; after
a power cut its last lines may be missing, and the index is asked anyway.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

from filelock import FileLock, Timeout

from gen3nb.errors import TransferError

__all__ = ["Begun", "State", "UploadJournal", "upload_folder"]

#: A file of which some bytes may be stored; one that is stored whole; one that the index knows too.
State: TypeAlias = Literal["begun", "stored", "done"]

#: So many files may wait to be written down.
NOTED_EACH = 200

_TABLES = """
create table if not exists file (
    path text, target text, size integer, modified integer, name text, guid text, bucket text, upload text,
    part_size integer, state text, asked real, hashes text, run text, changed real,
    primary key (path, target)
) without rowid;
create index if not exists file_guid on file (guid);
create index if not exists file_hashes on file (hashes);
create table if not exists part (
    path text, target text, number integer, etag text, primary key (path, target, number)
) without rowid;
"""


def upload_folder() -> Path:
    """Give the folder of the journals: ``gen3nb/uploads`` in the user's state folder."""
    from platformdirs import user_state_path

    return user_state_path("gen3nb", appauthor=False) / "uploads"


@dataclass(frozen=True, slots=True)
class Begun:
    """An upload that was begun.

    Attributes
    ----------
    path : str
        Of the file, absolute.
    target : str
        Where it goes: authz, bucket and GUID as they were asked for.
    size, modified : int
        Of the file then: bytes, and nanoseconds since 1970.
    name : str
        What the commons calls it.
    guid : str
        Empty as long as there is none.
    bucket : str
    upload : str
        The store's id of an upload in parts.
    part_size : int
        Bytes.
    state : {"begun", "stored", "done"}
    asked : float
        When a GUID was asked for, by ``time.time()``, and no answer was written down yet; else 0.
    hashes : Mapping
        Kind to value, once it was read whole.
    """

    path: str
    target: str
    size: int
    modified: int
    name: str
    guid: str = ""
    bucket: str = ""
    upload: str = ""
    part_size: int = 0
    state: State = "begun"
    asked: float = 0.0
    hashes: Mapping[str, str] = field(default_factory=dict)

    def is_of(self, size: int, modified: int) -> bool:
        """Say whether it is about the file as it is now."""
        return (self.size, self.modified) == (size, modified)


class UploadJournal:
    """The journal of one user at one commons, open for one call. Threads may share it, and programs too.

    Parameters
    ----------
    endpoint, username : str

    Raises
    ------
    TransferError
        It cannot be made or read.
    """

    def __init__(self, endpoint: str, username: str) -> None:
        host = re.sub(r"[^A-Za-z0-9.-]", "_", endpoint.partition("://")[2])[:60]
        digest = hashlib.sha256(f"{endpoint} {username}".encode()).hexdigest()[:12]
        folder = upload_folder()
        self.path = folder / f"{host}-{digest}.sqlite"
        self._runs = folder / "runs"
        self._run = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._alive: dict[str, bool] = {}
        self._later: dict[tuple[str, str], Begun] = {}
        try:
            self._runs.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
            self._mine = FileLock(self._runs / f"{self._run}.lock", mode=0o600)
            self._mine.acquire(timeout=10)
            self._base = self._opened()
        except (OSError, sqlite3.Error) as error:
            raise self._unwritable(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files that were claimed, and of the database."""
        with suppress(TransferError):
            self.write()
        with suppress(TransferError):
            self._do("update file set run = '' where run = ?", self._run)
        self._base.close()
        self._mine.release()
        with suppress(OSError):
            (self._runs / f"{self._run}.lock").unlink()

    # -- one file ------------------------------------------------------------------------------------------

    def claim(self, wanted: Sequence[Begun]) -> list[Begun | None]:
        """Take files for this call, and give what is known of each.

        Parameters
        ----------
        wanted : sequence of Begun
            As they would be begun now.

        Returns
        -------
        list of Begun or None
            For each what was begun before, or the same; ``None`` where another program is at it at this
            moment.

        Raises
        ------
        TransferError
            It cannot be written down; none is taken.
        """
        with self._lock, self._writing():
            return [self._claimed(one) for one in wanted]

    def _claimed(self, one: Begun) -> Begun | None:
        later = self._later.get((one.path, one.target))
        if later is not None:
            return later
        sql = "select * from file where path = ? and target = ?"
        row = self._base.execute(sql, (one.path, one.target)).fetchone()
        if row is not None and row["run"] not in ("", self._run) and self._is_alive(row["run"]):
            return None
        known = one if row is None else _begun(row)
        self._put(known)
        return known

    def note(self, one: Begun, **changes: Any) -> Begun:
        """Write down how far a file is.

        Raises
        ------
        TransferError
            It cannot be written down.
        """
        return self._taken(replace(one, **changes), 1)

    def note_later(self, one: Begun, **changes: Any) -> Begun:
        """Write down how far a file is with the next that is written: what can be found out again.

        Raises
        ------
        TransferError
            It cannot be written down.
        """
        return self._taken(replace(one, **changes), NOTED_EACH)

    def _taken(self, changed: Begun, enough: int) -> Begun:
        """Take a note in; write down all there are, if they are enough."""
        with self._lock:
            self._later[changed.path, changed.target] = changed
            if len(self._later) >= enough:
                self._write_later()
        return changed

    def write(self) -> None:
        """Write down what was to be written later.

        Raises
        ------
        TransferError
            It cannot be written down.
        """
        with self._lock:
            self._write_later()

    def forget(self, one: Begun) -> None:
        """Take out what is known of a file."""
        self.forget_parts(one)
        with self._lock:
            self._later.pop((one.path, one.target), None)
        self._do("delete from file where path = ? and target = ?", one.path, one.target)

    def part(self, one: Begun, number: int, etag: str) -> None:
        """Write down that a part is stored."""
        sql = "insert or replace into part values (?, ?, ?, ?)"
        self._do(sql, one.path, one.target, number, etag)

    def parts(self, one: Begun) -> dict[int, str]:
        """Give the ETags of the parts that are stored, by their numbers."""
        sql = "select number, etag from part where path = ? and target = ?"
        return {row["number"]: row["etag"] for row in self._do(sql, one.path, one.target)}

    def forget_parts(self, one: Begun) -> None:
        """Take out what is known of its parts."""
        self._do("delete from part where path = ? and target = ?", one.path, one.target)

    def like(self, one: Begun) -> str:
        """Give the GUID of another file of the same content that goes to the same place; or nothing."""
        sql = (
            "select guid from file where hashes = ? and size = ? and target = ? and guid != '' and path != ? "
            "limit 1"
        )
        found = self._do(sql, json.dumps(dict(one.hashes)), one.size, one.target, one.path)
        return str(found[0]["guid"]) if found else ""

    def holds(self, guid: str) -> bool:
        """Say whether a GUID is that of any file."""
        return bool(self._do("select 1 from file where guid = ? limit 1", guid))

    def wished(self, path: str, guid: str) -> tuple[str, bool] | None:
        """Say how a file was given when it got its GUID, so that it is found again.

        Returns
        -------
        tuple of str and bool, or None
            The GUID that was named for it, empty where it got a new one; and whether it was to go again.
            ``None``: the file is not known under that GUID.
        """
        row = self._do("select target from file where path = ? and guid = ? limit 1", path, guid)
        if not row:
            return None
        _, _, named, again = json.loads(row[0]["target"])
        return str(named), bool(again)

    # -- below ---------------------------------------------------------------------------------------------

    def _opened(self) -> sqlite3.Connection:
        """Open the database; one that is broken is set aside."""
        try:
            return self._connected()
        except sqlite3.DatabaseError as error:
            if isinstance(
                error, sqlite3.OperationalError
            ):  # no room, no permission: it is not the file's fault
                raise
        os.replace(self.path, self.path.with_suffix(f".broken-{time.time_ns()}"))
        return self._connected()

    def _connected(self) -> sqlite3.Connection:
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        self.path.chmod(0o600)
        base = sqlite3.connect(self.path, timeout=60, check_same_thread=False, isolation_level=None)
        try:
            base.row_factory = sqlite3.Row
            # no write-ahead log: its shared memory does not work on network homes
            base.execute("pragma journal_mode = truncate")
            # a program that is killed loses nothing by this; only a machine that stops could
            base.execute("pragma synchronous = off")
            base.executescript(_TABLES)
        except BaseException:
            base.close()
            raise
        return base

    def _put(self, one: Begun) -> None:
        values = (
            one.path,
            one.target,
            one.size,
            one.modified,
            one.name,
            one.guid,
            one.bucket,
            one.upload,
            one.part_size,
            one.state,
            one.asked,
            json.dumps(dict(one.hashes)),
            self._run,
            time.time(),
        )
        marks = ", ".join("?" * len(values))
        self._base.execute(f"insert or replace into file values ({marks})", values)  # noqa: S608 - marks only

    def _do(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            try:
                return self._base.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise self._unwritable(error) from error

    def _write_later(self) -> None:
        """Write down what waits, all in one transaction; what cannot be written waits on."""
        if not self._later:
            return
        with self._writing():
            for one in self._later.values():
                self._put(one)
        self._later.clear()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Begin a transaction, and end it."""
        try:
            self._base.execute("begin immediate")
            yield
            self._base.execute("commit")
        except BaseException as error:
            with suppress(sqlite3.Error):
                self._base.execute("rollback")
            if isinstance(error, sqlite3.Error):
                raise self._unwritable(error) from error
            raise

    def _is_alive(self, run: str) -> bool:
        """Say whether the program of a run is still at work: it holds its lock as long as it lives."""
        if run not in self._alive:
            path = self._runs / f"{run}.lock"
            lock = FileLock(path, mode=0o600)
            try:
                alive = path.exists()
                if alive:
                    lock.acquire(timeout=0)
                    lock.release()
                    path.unlink(missing_ok=True)
                    alive = False
            except Timeout:
                return True  # asked again for the next file: it may have ended by then
            self._alive[run] = alive
        return self._alive[run]

    def _unwritable(self, error: BaseException) -> TransferError:
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return TransferError(
            f"The journal of uploads {self.path} cannot be written ({words}), so no more was sent: without "
            "it a file could get two GUIDs. Make room there, or set XDG_STATE_HOME to another folder, then "
            "run the same call again.",
            journal=str(self.path),
        )


def _begun(row: sqlite3.Row) -> Begun:
    names = [name for name in Begun.__dataclass_fields__ if name != "hashes"]
    return Begun(**{name: row[name] for name in names}, hashes=json.loads(row["hashes"]))
