"""The bytes of a file on their way out: hashed as they go, and never those of a file that has changed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from gen3nb.errors import TransferError
from gen3nb.transfer.hashing import BLOCK, hasher

__all__ = [
    "KINDS",
    "LARGEST",
    "LARGEST_WHOLE",
    "MOST_PARTS",
    "SMALLEST_PART",
    "FileChanged",
    "Snapshot",
    "Stopped",
    "Sums",
    "Window",
    "hash_parts",
    "part_size",
    "read_blocks",
]

MIB = 1 << 20
LARGEST_WHOLE = 5 << 30  # bytes in one PUT, as S3 has it
LARGEST = 5 << 40  # bytes of one object
SMALLEST_PART = 5 * MIB  # but the last
MOST_PARTS = 10_000
USUAL_PART = 16 * MIB

#: Processors from which several threads hash one file, and bytes that they are given at a time.
ENOUGH, TOGETHER = 4, 4 * MIB
#: The hashes that are taken of every file: what the index knows of one that came in.
KINDS = ("md5", "sha256")


class FileChanged(TransferError):
    """A file changed while it was read."""


class Stopped(TransferError):
    """Somebody wants it to stop."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A file as it was when its upload began.

    Attributes
    ----------
    path : str
    size, modified : int
        Bytes, and nanoseconds since 1970.
    inode : int
        Which file it is: one that was put in its place is another. 0: that is not looked at.
    """

    path: str
    size: int
    modified: int
    inode: int

    @classmethod
    def of(cls, path: str, status: os.stat_result) -> Snapshot:
        """Make one of a file's status."""
        return cls(path, status.st_size, status.st_mtime_ns, status.st_ino)

    def check(self) -> None:
        """See that the file is still the same.

        Raises
        ------
        FileChanged
            It is not.
        """
        words = ""
        try:
            now = Snapshot.of(self.path, os.stat(self.path))
            now = now if self.inode else replace(now, inode=0)
        except OSError as error:
            words = f"it cannot be read any more ({error.strerror})"
        else:
            if now != self:
                words = "it changed while it was being uploaded"
                words += f" ({self.size:,} bytes, then {now.size:,})" if now.size != self.size else ""
        if words:
            raise FileChanged(f"{words}: nothing of it is kept; upload it once it is complete")


class Sums:
    """The hashes of what is read."""

    def __init__(self) -> None:
        self._sums = {kind: hasher(kind) for kind in KINDS}

    def update(self, block: bytes | memoryview) -> None:
        """Take some bytes in."""
        for one in self._sums.values():
            one.update(block)

    def each(self) -> list[Any]:
        """Give the ``hashlib`` objects, so that several threads can feed them."""
        return list(self._sums.values())

    @property
    def hashes(self) -> dict[str, str]:
        """Kind to value."""
        return {kind: one.hexdigest() for kind, one in self._sums.items()}


class Window:
    """A part of a file, or all of it, as the body of one request.

    Parameters
    ----------
    file : Snapshot
    first, length : int
        Bytes.
    stop : threading.Event
        Ends it between two blocks.
    moved : callable
        Told how many bytes went; fewer than 0 where they have to go again.
    sums : Sums, optional
        Takes in what goes.
    """

    def __init__(
        self,
        file: Snapshot,
        first: int,
        length: int,
        stop: threading.Event,
        moved: Callable[[int], None],
        sums: Sums | None = None,
    ) -> None:
        self.file = file
        self.first = first
        self.length = length
        self.sums = sums
        self._stop = stop
        self._moved = moved
        self._gone = 0

    def take_back(self) -> None:
        """Tell that what went has to go again."""
        self._moved(-self._gone)
        self._gone = 0

    def __iter__(self) -> Iterator[memoryview]:
        """Give the bytes; the last of them only if the file is still the same.

        Raises
        ------
        FileChanged
            It is not, so that the store does not get all it was promised, and keeps nothing.
        Stopped
        """
        self.take_back()
        if self.sums is not None:
            self.sums = Sums()
        if not self.length:
            self.file.check()
        for block in read_blocks(self.file, self.first, self.length, self._stop):
            if self.sums is not None:
                self.sums.update(block)
            if self._gone + len(block) == self.length:
                self.file.check()
            yield block
            self._gone += len(block)
            self._moved(len(block))


def read_blocks(
    file: Snapshot, first: int, length: int, stop: threading.Event, size: int = BLOCK
) -> Iterator[memoryview]:
    """Read a part of a file, a block at a time; each is gone when the next one is asked for.

    Raises
    ------
    FileChanged
        It has become shorter, or is gone.
    TransferError
        It cannot be read.
    Stopped
    """
    left = length
    # one buffer for all: memory that is asked for anew costs about as much as hashing
    room = memoryview(bytearray(min(left, size)))
    try:
        with open(file.path, "rb", buffering=0) as opened:
            opened.seek(first)
            while left:
                if stop.is_set():
                    raise Stopped("stopped before it was complete; the same call again goes on")
                count = opened.readinto(room[: min(left, size)])
                if not count:
                    file.check()
                    raise FileChanged("it became shorter while it was being uploaded: nothing of it is kept")
                left -= count
                yield room[:count]
    except FileNotFoundError:
        file.check()
        raise
    except OSError as error:
        raise TransferError(f"it cannot be read: {error.strerror or error}") from error


def hash_parts(
    file: Snapshot, length: int, sums: Sums, stop: threading.Event
) -> Generator[tuple[int, int, str]]:
    """Read a file once, in order, and give the md5 of each of its parts.

    Where there are processors to spare each kind of hash is taken by a thread of its own: ``hashlib`` lets
    others run meanwhile. Where there are none, threads would wait for each other at every block.

    Parameters
    ----------
    file : Snapshot
    length : int
        Bytes of a part.
    sums : Sums
        Takes in all of the file.
    stop : threading.Event

    Yields
    ------
    tuple
        Where a part begins, how many bytes it has, and its md5.

    Raises
    ------
    TransferError
        As :func:`read_blocks`.
    """
    several = _processors() >= ENOUGH
    with ThreadPoolExecutor(len(KINDS), thread_name_prefix="gen3nb-hash") as threads:
        for first in range(0, file.size, length):
            count = min(length, file.size - first)
            part = hasher("md5")
            for block in read_blocks(file, first, count, stop, TOGETHER if several else BLOCK):
                others = [threads.submit(one.update, block) for one in sums.each()] if several else ()
                part.update(block)
                for other in others:
                    other.result()
                if not several:
                    sums.update(block)
            yield first, count, part.hexdigest()


def _processors() -> int:
    """Count the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def part_size(size: int) -> int:
    """Give how large the parts of a file are: 16 MiB, or as much as makes no more than 10,000 of them."""
    least = -(-size // MOST_PARTS)
    return max(USUAL_PART, -(-least // MIB) * MIB)
