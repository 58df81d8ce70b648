"""What earlier calls did in a folder: files that were checked, and parts that came.

One small database per folder and commons, in the user's state folder, readable by the user alone. It holds no
URL and no key. It is believed only as far as the disk agrees: size and time of a file, ETag of an object.
What was noted shortly before the machine went down may not have reached the disk: that is checked again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_state_path

from gen3nb.errors import TransferError

__all__ = ["Done", "Journal", "Part", "opened"]


#: Seconds after which a system has written to disk what a program wrote; twice what is usual.
FLUSHED_AFTER = 120.0
#: Times of start that differ by less are one: clocks are set now and then.
SAME_BOOT = 60.0


@dataclass(frozen=True, slots=True)
class Done:
    """A file that is whole: its path in the folder, size in bytes, time, and the hash that was checked."""

    name: str
    guid: str
    size: int
    mtime_ns: int
    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Part:
    """A file that is coming: of which object, and which ranges (first, end) are there."""

    guid: str
    name: str
    size: int
    etag: str
    ranges: tuple[tuple[int, int], ...]


class Journal:
    """The notes on one folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        fresh = not path.exists()
        if fresh:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        self._base = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # a note does not wait for the disk: what is lost in a power cut is checked again. This process alone
        # has the file, and needs no memory shared with others, which a network's file system may not have
        self._base.execute("pragma locking_mode = exclusive")
        self._base.execute("pragma journal_mode = wal")
        self._base.execute("pragma synchronous = normal")
        self._base.execute(
            "create table if not exists file "
            "(name primary key, guid, size, mtime_ns, kind, value, boot, noted) without rowid"
        )
        self._base.execute(
            "create table if not exists piece "
            "(guid primary key, name, size, etag, ranges, boot) without rowid"
        )
        self._boot = _boot()
        #: When each earlier run of the machine noted its last file.
        self._ends = dict(self._base.execute("select boot, max(noted) from file group by boot"))

    def done(self, names: Sequence[str]) -> dict[str, Done]:
        """Look up which of some files were checked, by name."""
        marks = ", ".join("?" * len(names))
        rows = self._base.execute(f"select * from file where name in ({marks})", names)  # noqa: S608
        return {name: Done(name, *facts) for name, *facts, boot, noted in rows if self._sure(boot, noted)}

    def _sure(self, boot: float, noted: float) -> bool:
        """Say whether a file that was noted has reached the disk."""
        return abs(boot - self._boot) < SAME_BOOT or noted < self._ends[boot] - FLUSHED_AFTER

    def part(self, guid: str, *, checked: bool) -> Part | None:
        """Give what is there of a file; ``checked``: whether its hash will be compared in the end."""
        row = self._base.execute("select * from piece where guid = ?", (guid,)).fetchone()
        if row is None:
            return None
        guid, name, size, etag, ranges, boot = row
        if not checked and abs(boot - self._boot) >= SAME_BOOT:
            return None
        return Part(guid, name, size, etag, tuple((first, end) for first, end in json.loads(ranges)))

    def note_done(self, files: Iterable[Done]) -> None:
        """Note files that are whole; nothing of them is coming any more."""
        held = list(files)
        self._base.execute("begin")
        self._base.executemany(
            "insert or replace into file values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (one.name, one.guid, one.size, one.mtime_ns, one.kind, one.value, self._boot, time.time())
                for one in held
            ],
        )
        self._base.executemany("delete from piece where guid = ?", [(one.guid,) for one in held])
        self._base.execute("commit")

    def note_part(self, part: Part) -> None:
        """Note what is there of a file."""
        row = (part.guid, part.name, part.size, part.etag, json.dumps(part.ranges), self._boot)
        self._base.execute("insert or replace into piece values (?, ?, ?, ?, ?, ?)", row)

    def forget_part(self, guid: str) -> None:
        """Note that nothing of a file is there."""
        self._base.execute("delete from piece where guid = ?", (guid,))

    def close(self) -> None:
        """Close the database."""
        self._base.close()


@contextmanager
def opened(folder: Path, endpoint: str, shard: str = "") -> Iterator[Journal]:
    """Open the notes on a folder, for this process alone.

    Parameters
    ----------
    folder : Path
    endpoint : str
        Of the commons that the files come from.
    shard : str
        Which part of a manifest; each part has notes of its own, so that they may run at once.

    Raises
    ------
    TransferError
        Another download into the folder is under way, or the notes cannot be written.
    """
    place = user_state_path("gen3nb", appauthor=False) / "downloads"
    name = hashlib.sha256("\0".join((endpoint, str(folder.resolve()), shard)).encode()).hexdigest()[:24]
    path = place / f"{name}.sqlite"
    lock = FileLock(place / f"{name}.lock")
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise TransferError(
            f"Another download into {folder} is under way. Wait for it, stop it, or choose another folder; "
            "to share the work among processes, give each a shard."
        ) from None
    except OSError as error:
        raise _unwritable(place, error.strerror or "") from error
    journal = None
    try:
        journal = _whole(path)
        yield journal
    except sqlite3.Error as error:
        raise _unwritable(place, str(error)) from error
    finally:
        if journal is not None:
            with suppress(sqlite3.Error):
                journal.close()
        lock.release()


def _boot() -> float:
    """Give when this machine started, in seconds since 1970."""
    return round(time.time() - time.monotonic())


def _whole(path: Path) -> Journal:
    """Open the database; one that is damaged is begun anew, since it only saves work."""
    try:
        return Journal(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        for ending in ("", "-wal", "-journal"):
            Path(f"{path}{ending}").unlink(missing_ok=True)
        return Journal(path)


def _unwritable(place: Path, why: str) -> TransferError:
    return TransferError(
        f"The notes on this download cannot be kept in {place} ({why}); nothing more was downloaded. Make "
        "room there, or set XDG_STATE_HOME to another folder. The same call again goes on from here."
    )
