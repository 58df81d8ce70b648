"""One large file on its way: which of its ranges are there, and its hash, taken while they come."""

from __future__ import annotations

import math
import os
import threading
from collections import deque
from contextlib import suppress
from dataclasses import replace

from gen3nb.transfer.fetching import Job, Result
from gen3nb.transfer.hashing import BLOCK, hasher
from gen3nb.transfer.journal import Journal, Part
from gen3nb.transfer.plan import Planned
from gen3nb.transfer.turns import PATIENCE, Beside

__all__ = ["RANGE", "Follower", "LargeFile"]

#: Bytes asked for by one request: of smaller ranges, their starts would be felt.
RANGE = 64 << 20
#: Ranges of one file at a time, at most: enough for what one connection to a store gives, times eight.
SIDE_BY_SIDE = 8
#: Bytes a second that are enough for one file: its hash cannot be taken faster. Where one connection gives as
#: much as that, more of them only cost processor time.
ENOUGH = 1 << 30
#: Ranges that are asked for before their turn, until it is known how long an answer takes.
AHEAD = 1


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
    one_piece : bool
        The store gave the whole where a range was asked for.
    beside : Beside
        For the threads that fetch its ranges.
    """

    def __init__(self, file: Planned, job: Job, journal: Journal) -> None:
        assert file.size is not None  # noqa: S101 - others come in one piece
        self.file, self.job, self.journal, self.size = file, job, journal, file.size
        self.running = self.moved = self.restarts = 0
        self.one_piece = False
        self.beside = Beside()
        self._allowed = 1 + AHEAD  # ranges at a time, until the speed of the first is known
        self._measured = False
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

    def next(self) -> Job | None:
        """Give the next range to fetch; at first few: they tell the ETag, and how fast it goes."""
        alone = self._measured and not self.job.etag  # nobody could say whether two are of one object
        if not self._left or self.one_piece or self.running >= (1 if alone else self._allowed):
            return None
        at = self._left.popleft()
        self.running += 1
        start = _start(at)
        return replace(self.job, first=at, last=start + self._length(start) - 1)

    def came(self, job: Job, result: Result) -> None:
        """Note that a range is there."""
        self._learn(result)
        self._there.add(_start(job.first))
        if self.job.etag:  # without one, nobody could say later whether it still is the same object
            self.journal.note_part(
                Part(self.file.guid, self.file.name, self.size, self.job.etag, tuple(self.merged()))
            )

    def is_other(self, result: Result) -> bool:
        """Say whether a range is of another object than those before; two may be asked for at once."""
        return bool(self.job.etag) and result.etag != self.job.etag

    def _learn(self, result: Result) -> None:
        """Learn from the first range which object it is, and how many ranges are worth their cost."""
        if not self.job.etag:
            self.job = replace(self.job, etag=result.etag)
        if not self._measured:
            self._measured = True
            seconds = max(result.seconds - result.waited, 0.001)
            room = min(SIDE_BY_SIDE, math.ceil(ENOUGH * seconds / max(result.bytes, 1)))
            self.beside.turns.widen(room)
            # as many as come while one is waited for
            ahead = math.ceil(result.waited / seconds) if seconds < PATIENCE else 0
            self._allowed = room + min(ahead, room)

    def came_whole(self) -> None:
        """Note that all of it is there."""
        self._left.clear()
        self._there = set(range(0, self.size, RANGE))

    def again(self, job: Job, result: Result) -> None:
        """Put back what is left of a range; without an ETag all of it, since the object may be another."""
        if not self.job.etag:
            self.job = replace(self.job, etag=result.etag)
        same = bool(result.etag) and result.etag == self.job.etag
        self._left.appendleft(job.first + (result.bytes if same else 0))

    def restart(self) -> None:
        """Begin anew, with nothing."""
        self.restarts += 1
        if not self._measured:
            self._allowed = 1  # one alone says best what is wrong
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

    def merged(self) -> list[tuple[int, int]]:
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
    """Takes the hash of a part file while it grows, close behind what has come without a gap.

    Threads that write tell it what they wrote.

    Parameters
    ----------
    path : str
    kind : str
        Which hash.
    size : int
        Bytes in the end.

    Attributes
    ----------
    outdated : bool
        Bytes were written once more after they had been taken: the hash may not be that of the file.
    """

    def __init__(self, path: str, kind: str, size: int) -> None:
        self.path, self.size = path, size
        self.outdated = False
        self._total = hasher(kind)
        self._taken = self._end = 0
        # what is there beyond the end: where each stretch ends that begins at an offset, and the reverse
        self._ends: dict[int, int] = {}
        self._starts: dict[int, int] = {}
        self._ended = False
        self._error: OSError | None = None
        self._condition = threading.Condition()
        self._thread = threading.Thread(target=self._follow, name="gen3nb-hash", daemon=True)
        self._thread.start()

    def grown(self, at: int, end: int) -> None:
        """Say that bytes are there, from one offset up to another; from any thread."""
        with self._condition:
            if at < self._taken:
                self.outdated = True
            start = self._starts.pop(at, at)
            self._starts[end], self._ends[start] = start, end
            if start > self._end:
                return
            while (further := self._ends.pop(self._end, 0)) > self._end:
                self._starts.pop(further, None)
                self._end = further
            self._condition.notify()

    def all_there(self) -> None:
        """Say that nothing is missing."""
        with self._condition:
            self._end = self.size
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

    def _follow(self) -> None:
        buffer = memoryview(bytearray(BLOCK))
        try:
            with open(self.path, "rb", buffering=0) as file:
                while count := self._next():
                    got = file.readinto(buffer[:count])
                    if got != count:
                        raise OSError(f"{self.path} is shorter than it was")
                    self._total.update(buffer[:count])
        except OSError as error:
            self._error = error

    def _next(self) -> int:
        """Wait for bytes, and take so many; none at the end."""
        with self._condition:
            while self._end <= self._taken < self.size and not self._ended:
                self._condition.wait()
            count = 0 if self._ended else min(BLOCK, self._end - self._taken)
            self._taken += count
        return count


def _start(at: int) -> int:
    """Give where the range begins that an offset is in."""
    return at // RANGE * RANGE
