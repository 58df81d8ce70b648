"""What became of each file, kept on disk while it grows: a million files take no more memory than ten."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gen3nb.transfer.scratch import scratch

__all__ = ["Outcome", "Spool"]

STEP = 10_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file.

    Attributes
    ----------
    guid : str
        Empty where it has none (yet).
    name : str
        Its path: within the folder for a download, on this machine for an upload.
    bytes : int
        How many were moved, this time.
    seconds : float
        From its first byte to its last check.
    hash : str
        Which was checked: ``md5``, ``sha256`` …; empty where none was.
    status : str
        ``downloaded``, ``uploaded``, ``already there``, ``failed``, ``not started``.
    why : str
        Of what is not as one would expect.
    """

    guid: str
    name: str
    bytes: int = 0
    seconds: float = 0.0
    hash: str = ""
    status: str = "not started"
    why: str = ""


class Spool:
    """Outcomes in the order of the files, in a temporary database that goes with it.

    Threads may share it.
    """

    def __init__(self, outcomes: Iterable[Outcome] = ()) -> None:
        self.counts: Counter[str] = Counter()
        self.bytes = 0
        self._lock = threading.Lock()
        self._base = scratch(
            "create table outcome "
            "(position integer primary key, guid, name, bytes, seconds, hash, status, why)"
        )
        self._next = 0
        self.add_all(outcomes)

    def __len__(self) -> int:
        return sum(self.counts.values())

    def add(self, outcome: Outcome) -> None:
        """Take an outcome in, after all others."""
        self.add_all([outcome])

    def add_all(self, outcomes: Iterable[Outcome]) -> None:
        """Take several in, one after the other."""
        with self._lock:
            self._put(list(enumerate(outcomes, start=self._next)))

    def put(self, outcomes: Iterable[tuple[int, Outcome]]) -> None:
        """Take several in, each at its file's place in the order."""
        with self._lock:
            self._put(list(outcomes))

    def _put(self, outcomes: list[tuple[int, Outcome]]) -> None:
        rows = [
            (
                *(position, _writable(one.guid), _writable(one.name), one.bytes),
                *(one.seconds, one.hash, one.status, _writable(one.why)),
            )
            for position, one in outcomes
        ]
        self._base.executemany("insert into outcome values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        for position, one in outcomes:
            self._next = max(self._next, position + 1)
            self.counts[one.status] += 1
            self.bytes += one.bytes

    def has(self, position: int) -> bool:
        """Say whether the file at this place has an outcome."""
        with self._lock:
            sql = "select 1 from outcome where position = ?"
            return self._base.execute(sql, (position,)).fetchone() is not None

    def __iter__(self) -> Iterator[Outcome]:
        return self.with_status()

    def with_status(self, *statuses: str) -> Iterator[Outcome]:
        """Give the outcomes of these statuses, or all, in order."""
        where = f"and status in ({', '.join('?' * len(statuses))})" if statuses else ""
        sql = f"select * from outcome where position > ? {where} order by position limit {STEP}"  # noqa: S608
        last = -1
        while True:
            with self._lock:
                rows = self._base.execute(sql, (last, *statuses)).fetchall()
            if not rows:
                return
            for row in rows:
                yield Outcome(*row[1:])
            last = rows[-1][0]

    def close(self) -> None:
        """Let go of the database."""
        self._base.close()


def _writable(text: str) -> str:
    """Give a text that can be written down: of a name that is not UTF-8 the odd bytes are spelt out."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
