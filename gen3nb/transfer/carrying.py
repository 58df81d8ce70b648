"""The work of one thread, process or machine: bytes of a file read, hashed, and sent to one presigned URL.

What comes in and goes out can be pickled, so that any ``concurrent.futures`` executor can do it. No key and
no token is needed here. A failure of ours is a result: whoever handed the work out decides what follows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from gen3nb.client.storage import Storage
from gen3nb.errors import Gen3Error, TransferError
from gen3nb.transfer.executors import lost, takes_no_more
from gen3nb.transfer.outgoing import Snapshot, Stopped, Sums, Window, hash_parts, read_blocks

__all__ = ["Carried", "Carrier", "Load", "Read", "carry", "read_over"]

#: Seconds between two looks whether somebody wants it to stop, while an executor works.
LOOKS = 0.5

#: Called with how many bytes went; fewer than 0 where they have to go again.
Moved = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Load:
    """A file to send, or a part of it.

    Attributes
    ----------
    file : Snapshot
    first, length : int
        Bytes.
    url : str
        Presigned. It travels with the load, so its repr does not show it.
    hashed : bool
        Whether to hash what is sent.
    content : bytes or None
        What was read of the file already, where it is small; then nothing is hashed again.
    """

    file: Snapshot
    first: int
    length: int
    url: str = field(default="", repr=False)
    hashed: bool = True
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of a load.

    Attributes
    ----------
    etag : str
        As the store answered.
    hashes : dict of str to str
        Of what was sent, where that was asked for.
    error : Gen3Error or None
        Why it was not sent.
    """

    etag: str = ""
    hashes: dict[str, str] = field(default_factory=dict)
    error: Gen3Error | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """What a file is.

    Attributes
    ----------
    hashes : dict of str to str
        Of all of it.
    md5s : tuple of str
        Of each of its parts, where it was read for those.
    part_size : int
        Bytes of each of these; the last may have fewer.
    error : Gen3Error or None
        Why it was not read.
    """

    hashes: dict[str, str] = field(default_factory=dict)
    md5s: tuple[str, ...] = ()
    part_size: int = 0
    error: Gen3Error | None = None


def carry(
    load: Load, storage: Storage, stop: threading.Event | None = None, moved: Moved | None = None
) -> Carried:
    """Send a load, once.

    Parameters
    ----------
    load : Load
    storage : Storage
    stop : threading.Event, optional
        Set to stop it at the next block.
    moved : callable, optional

    Returns
    -------
    Carried
    """
    told = moved or _nobody
    try:
        if load.content is not None:
            load.file.check()
            etag = storage.put(load.url, load.content, load.length)
            told(load.length)
            return Carried(etag)
        sums = Sums() if load.hashed else None
        window = Window(load.file, load.first, load.length, stop or threading.Event(), told, sums)
        try:
            etag = storage.put(load.url, window, load.length)
        except BaseException:
            window.take_back()
            raise
        return Carried(etag, window.sums.hashes if window.sums is not None else {})
    except Gen3Error as error:
        return Carried(error=error.with_traceback(None))


def read_over(file: Snapshot, part_size: int = 0, stop: threading.Event | None = None) -> Read:
    """Read a file, and give its hashes; with ``part_size`` the md5 of each of its parts too.

    Parameters
    ----------
    file : Snapshot
    part_size : int
        Bytes.
    stop : threading.Event, optional
        Set to stop it at the next block.

    Returns
    -------
    Read
    """
    sums, md5s = Sums(), []
    event = stop or threading.Event()
    try:
        if part_size:
            with closing(hash_parts(file, part_size, sums, event)) as parts:
                md5s = [md5 for _, _, md5 in parts]
        else:
            for block in read_blocks(file, 0, file.size, event):
                sums.update(block)
        file.check()
    except Gen3Error as error:
        return Read(error=error.with_traceback(None))
    return Read(sums.hashes, tuple(md5s), part_size)


def _nobody(count: int) -> None:
    """Tell nobody."""


class Carrier:
    """Has files read and sent: by the thread that asks, or by an executor.

    Parameters
    ----------
    storage : Storage
    executor : Executor or None
        By default nobody else.
    stop : threading.Event
        Ends what this process does, and what an executor has not begun.
    moved : callable
        Told how many bytes went.
    """

    def __init__(
        self, storage: Storage, executor: Executor | None, stop: threading.Event, moved: Moved
    ) -> None:
        if executor is not None and not hasattr(executor, "submit"):
            raise TransferError(
                "executor= is an executor of concurrent.futures, such as ProcessPoolExecutor() or "
                f"Client.get_executor() of Dask, not a {type(executor).__name__}."
            )
        self.storage = storage
        self.stop = stop
        self.moved = moved
        self.executor = executor
        # threads can be stopped and can tell; what is elsewhere gets neither
        self._threads = isinstance(executor, ThreadPoolExecutor)

    @property
    def near(self) -> bool:
        """Whether the thread that asks does it."""
        return self.executor is None

    def carry(self, load: Load) -> Carried:
        """Send a load, once.

        Raises
        ------
        Gen3Error
            It was not sent.
        """
        if self.near:
            done = carry(load, self.storage, self.stop, self.moved)
        else:
            given = (self.stop, self.moved) if self._threads else ()
            load = replace(load, file=self._seen(load.file))
            done = self._result(self._handed(carry, load, self.storage, *given))
            if done.error is None and not self._threads:
                self.moved(load.length)
        if done.error is not None:
            raise done.error
        return done

    def read_over(self, file: Snapshot, part_size: int = 0) -> Read:
        """Give the hashes of a file; with ``part_size`` those of its parts too.

        Raises
        ------
        Gen3Error
            It was not read.
        """
        return self.finished(self.begin_to_read(file, part_size))

    def begin_to_read(self, file: Snapshot, part_size: int = 0) -> Future[Read]:
        """Begin to read a file; see :func:`read_over`."""
        given = (self.stop,) if self.near or self._threads else ()
        if not self.near:
            return self._handed(read_over, self._seen(file), part_size, *given)
        done: Future[Read] = Future()
        done.set_result(read_over(file, part_size, *given))
        return done

    def finished(self, reading: Future[Read]) -> Read:
        """Wait until a file was read.

        Raises
        ------
        Gen3Error
            It was not.
        """
        read: Read = self._result(reading)
        if read.error is not None:
            raise read.error
        return read

    def _seen(self, file: Snapshot) -> Snapshot:
        """Give a file as others see it: the same one may have another number on another machine."""
        return file if self._threads else replace(file, inode=0)

    def _handed(self, function: Callable[..., Any], *given: Any) -> Future[Any]:
        """Hand something to the executor."""
        if self.executor is None:
            raise AssertionError("there is none")
        try:
            return self.executor.submit(function, *given)
        except Exception as error:  # it is broken or closed, each kind in its own words
            why = takes_no_more(error)
        raise TransferError(why, executor=True)

    def _result(self, future: Future[Any]) -> Any:
        """Wait for what an executor does; what it has not begun when all stops is given up."""
        while not wait([future], timeout=LOOKS).done:
            if self.stop.is_set() and future.cancel():
                raise Stopped("stopped before it was complete; the same call again goes on")
        try:
            return future.result()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            broken = isinstance(error, BrokenExecutor)
            why = takes_no_more(error) if broken else lost(error)
        # a worker that died, a job that was cancelled: the pool's own trouble
        raise TransferError(why, **({"executor": True} if broken else {}))
