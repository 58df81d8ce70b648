"""One large file on its way: which of its ranges are there, and its hash, taken while they come."""

from __future__ import annotations

import os
import threading
from collections import deque
from contextlib import suppress
from dataclasses import replace

from gen3nb.transfer.fetching import Job
from gen3nb.transfer.hashing import BLOCK, hasher
from gen3nb.transfer.journal import Journal, Part
from gen3nb.transfer.plan import Planned

__all__ = ["RANGE", "Follower", "LargeFile"]

#: Bytes asked for by one request: of smaller ranges, their starts would be felt.
RANGE = 64 << 20
#: Ranges of one file at a time: enough for what one connection to a store gives, times eight.
SIDE_BY_SIDE = 8


class LargeFile:
    """A file that comes in ranges.

    Parameters
    ----------
    file : Planned
        Its size is known.
    job : Job
        To fetch it whole.
    journal : Journal
        Knows of what came in earlier calls.

    Attributes
    ----------
    resumed : int
        Bytes that were there already.
    running : int
        Ranges that are on their way.
    moved : int
        Bytes that came, this time.
    """

    def __init__(self, file: Planned, job: Job, journal: Journal) -> None:
        assert file.size is not None  # noqa: S101 - others come in one piece
        self.file, self.job, self.journal, self.size = file, job, journal, file.size
        self.running = self.moved = self.restarts = 0
        self._there = self._known()
        self.resumed = sum(self._length(at) for at in self._there)
        if not self._there:
            self._anew()
        self._left = deque(at for at in range(0, self.size, RANGE) if at not in self._there)

    def _known(self) -> set[int]:
        """Give the ranges that an earlier call left, if the part file is still as it was."""
        note = self.journal.part(self.file.guid, checked=bool(self.file.kind))
        try:
            found = os.lstat(self.job.part)
        except OSError:
            return set()
        if note is None or not note.etag or found.st_size != self.size:
            return set()
        if (note.name, note.size) != (self.file.name, self.size):
            return set()
        self.job = replace(self.job, etag=note.etag)
        starts = range(0, self.size, RANGE)
        return {
            at for at in starts for first, end in note.ranges if first <= at and at + self._length(at) <= end
        }

    def _anew(self) -> None:
        """Make an empty part file; a link in its place is not followed."""
        with suppress(FileNotFoundError):
            os.unlink(self.job.part)
        handle = os.open(self.job.part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        try:
            os.ftruncate(handle, self.size)
        finally:
            os.close(handle)
        self.journal.forget_part(self.file.guid)

    def _length(self, at: int) -> int:
        return min(RANGE, self.size - at)

    @property
    def whole(self) -> bool:
        """Whether all of it is there."""
        return len(self._there) * RANGE >= self.size

    @property
    def frontier(self) -> int:
        """How many bytes are there from the start without a gap."""
        at = 0
        while at in self._there:
            at += RANGE
        return min(at, self.size)

    def next(self) -> Job | None:
        """Give the next range to fetch; the first one alone, since it tells the ETag."""
        if not self._left or self.running >= (SIDE_BY_SIDE if self.job.etag else 1):
            return None
        at = self._left.popleft()
        self.running += 1
        return replace(self.job, first=at, last=at + self._length(at) - 1)

    def came(self, job: Job, etag: str) -> None:
        """Note that a range is there."""
        if not self.job.etag:
            self.job = replace(self.job, etag=etag)
        self._there.add(job.first)
        if self.job.etag:  # without one, nobody could say later whether it still is the same object
            self.journal.note_part(
                Part(self.file.guid, self.file.name, self.size, self.job.etag, tuple(self._merged()))
            )

    def came_whole(self) -> None:
        """Note that all of it is there."""
        self._left.clear()
        self._there = set(range(0, self.size, RANGE))

    def again(self, job: Job) -> None:
        """Put a range back."""
        self._left.appendleft(job.first)

    def restart(self) -> None:
        """Begin anew, with nothing."""
        self.restarts += 1
        self.job = replace(self.job, etag="")
        self._there = set()
        self.resumed = 0
        self._anew()
        self._left = deque(range(0, self.size, RANGE))

    def give_up(self) -> None:
        """Leave nothing of it behind."""
        self._left.clear()
        self.journal.forget_part(self.file.guid)
        with suppress(OSError):
            os.unlink(self.job.part)

    def _merged(self) -> list[tuple[int, int]]:
        """Give what is there as few pairs of (first, end)."""
        pairs: list[tuple[int, int]] = []
        for at in sorted(self._there):
            end = at + self._length(at)
            if pairs and pairs[-1][1] == at:
                pairs[-1] = (pairs[-1][0], end)
            else:
                pairs.append((at, end))
        return pairs


class Follower:
    """Takes the hash of a part file while it grows, close behind what has come.

    Parameters
    ----------
    path : str
    kind : str
        Which hash.
    size : int
        Bytes in the end.
    """

    def __init__(self, path: str, kind: str, size: int) -> None:
        self.path, self.size = path, size
        self._total = hasher(kind)
        self._end = 0
        self._ended = False
        self._error: OSError | None = None
        self._condition = threading.Condition()
        self._thread = threading.Thread(target=self._follow, name="gen3nb-hash", daemon=True)
        self._thread.start()

    def grown(self, end: int) -> None:
        """Say up to where the file is there."""
        with self._condition:
            self._end = end
            self._condition.notify()

    def stop(self) -> None:
        """Take no more."""
        with self._condition:
            self._ended = True
            self._condition.notify()
        self._thread.join()

    def hash(self) -> str:
        """Give the hash of the whole file, once all of it is there.

        Raises
        ------
        OSError
            It could not be read.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        return str(self._total.hexdigest())

    @property
    def done(self) -> bool:
        """Whether it has taken all."""
        return not self._thread.is_alive()

    def _follow(self) -> None:
        at = 0
        buffer = memoryview(bytearray(BLOCK))
        try:
            with open(self.path, "rb", buffering=0) as file:
                while at < self.size:
                    with self._condition:
                        while self._end <= at and not self._ended:
                            self._condition.wait()
                        end, ended = self._end, self._ended
                    if ended:
                        return
                    while at < end:
                        count = file.readinto(buffer[: min(BLOCK, end - at)])
                        if not count:
                            raise OSError(f"{self.path} is shorter than it was")
                        self._total.update(buffer[:count])
                        at += count
        except OSError as error:
            self._error = error
