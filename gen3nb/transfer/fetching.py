"""The work of one thread, process or machine: bytes of one presigned URL into a part file, checked.

What comes in and goes out can be pickled, so that any ``concurrent.futures`` executor can do it. Nothing here
raises: a failure is a result, since it is one of many.
"""

from __future__ import annotations

import errno
import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gen3nb.client.redaction import redact
from gen3nb.client.storage import Body, Storage
from gen3nb.errors import Gen3Error, IntegrityError, RateLimited, Unavailable
from gen3nb.transfer.hashing import hash_file, hasher
from gen3nb.transfer.turns import Beside

__all__ = ["Job", "Result", "check", "fetch", "fetch_range", "fetch_together", "finish", "refused_by_disk"]

#: Bytes read at a time, at most.
BLOCK = 1 << 19
TRIES = 6
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0

# What a result may be.
DONE, EXPIRED, FAILED, STOPPED, FULL, WHOLE, CHANGED, DIFFERS = (
    "done",
    "expired",  # the URL's time was over: another one is needed
    "failed",
    "stopped",
    "full",  # no room, or no right to write: nothing else will go either
    "whole",  # asked for a range, and the store gave the whole: it is all there
    "changed",  # the object is another one now than when its first bytes came
    "differs",  # the file is not the one that the index describes
)
REPLACED = "the object was replaced while it was downloaded"


@dataclass(slots=True)  # not frozen: there is one for every file, and those are made five times as slowly
class Job:
    """A file to fetch, or a range of it. Nothing changes it once it is handed out.

    Attributes
    ----------
    guid : str
    url : str
        Presigned. It travels with the job, so its repr does not show it.
    path, part : str
        Where the file belongs, and where it is until it is whole.
    size : int or None
        Bytes, as the index says.
    kind, value : str
        The hash to check it by; empty where none is known.
    replaces : bool
        Whether it may replace a file.
    first, last : int
        The range: offsets of its first and last byte.
    etag : str
        Of the object that the first bytes came from.
    """

    guid: str
    url: str
    path: str
    part: str
    size: int | None = None
    kind: str = ""
    value: str = ""
    replaces: bool = False
    first: int = 0
    last: int = 0
    etag: str = ""

    def __repr__(self) -> str:
        return f"Job({self.guid!r}, {self.path!r})"


@dataclass(slots=True)
class Result:
    """What became of a job.

    Attributes
    ----------
    state : str
    why : str
    bytes : int
        That were moved.
    seconds : float
    waited : float
        Seconds of these until bytes came.
    size, mtime_ns : int
        Of the file that is whole.
    etag : str
        Of the object.
    """

    state: str
    why: str = ""
    bytes: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    size: int = 0
    mtime_ns: int = 0
    etag: str = ""


# How a part file is opened: a link in its place is not followed, and line ends stay as they are.
_KEPT = os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_ANEW = _KEPT | os.O_CREAT | os.O_TRUNC

#: Called with how many bytes came.
Told = Callable[[int], None]


def fetch(
    job: Job, storage: Storage, stop: threading.Event | None = None, told: Told | None = None
) -> Result:
    """Fetch a whole file by one request, check it while it comes, and give it its name.

    Parameters
    ----------
    job : Job
    storage : Storage
    stop : threading.Event, optional
        Set to stop it at the next block.
    told : callable, optional

    Returns
    -------
    Result
    """
    started = time.monotonic()

    def once() -> Result:
        with storage.get(job.url) as body:
            if job.size is not None and body.size is not None and body.size != job.size:
                return Result(FAILED, _lies(job.size, body.size))
            total = hasher(job.kind) if job.kind else None
            count = 0
            file = os.open(job.part, _ANEW, 0o666)
            try:
                for block in body.blocks(BLOCK):
                    if stop is not None and stop.is_set():
                        return Result(STOPPED)
                    count += _written(file, block)
                    if total is not None:
                        total.update(block)
                    if told is not None:
                        told(len(block))
            finally:
                os.close(file)
        found = total.hexdigest() if total is not None else ""
        if job.size is not None and count != job.size:
            return Result(FAILED, _lies(job.size, count), count)
        if found != job.value:
            return Result(DIFFERS, f"its {job.kind} is {found}, and {job.value} in the file index", count)
        done = finish(job)
        done.bytes, done.etag = count, body.etag
        return done

    result = _tried(once, stop)
    if result.state == DIFFERS:  # perhaps it was spoiled on its way: once more
        result = _tried(once, stop)
        if result.state == DIFFERS:
            result.state, result.why = FAILED, f"{result.why}, twice; nothing of it was kept"
    if result.state != DONE:
        _removed(job.part)
    result.seconds = time.monotonic() - started
    return result


def fetch_together(
    jobs: list[Job], storage: Storage, stop: threading.Event | None = None, told: Told | None = None
) -> list[Result]:
    """Fetch several small files, one after the other."""
    return [fetch(job, storage, stop, told) for job in jobs]


def fetch_range(
    job: Job,
    storage: Storage,
    stop: threading.Event | None = None,
    told: Told | None = None,
    beside: Beside | None = None,
) -> Result:
    """Fetch a range of a file into its place in the part file, which exists.

    Where the connection breaks off, it goes on with the byte that is missing. A store that knows no ranges
    gives the whole: the first range then takes it all (``whole``), any other nothing.

    Parameters
    ----------
    job, storage, stop, told
        As for :func:`fetch`.
    beside : Beside, optional
        What it shares with other ranges of the file.

    Returns
    -------
    Result
    """
    started = time.monotonic()
    at = job.first
    etag = job.etag
    waited = 0.0
    shared = beside or Beside()

    def once() -> Result:
        nonlocal at, etag, waited
        asked = time.monotonic()
        try:
            found = storage.get(job.url, first=at, last=job.last)
        except IntegrityError as error:
            size = error.facts.get("size")  # there is nothing where the range begins
            if size is None or job.size in (None, size):
                raise
            return Result(CHANGED if etag else FAILED, _lies(job.size or 0, size))
        with found as body:
            if job.size is not None and body.size is not None and body.size != job.size:
                return Result(CHANGED if etag else FAILED, _lies(job.size, body.size))
            if etag and body.etag != etag:
                return Result(CHANGED, REPLACED)
            etag = body.etag
            if body.first != at:
                if job.first:
                    return Result(WHOLE, "the storage knows no ranges")
                at = body.first
            with shared.turns.turn():
                waited += time.monotonic() - asked
                done = _copied(body)
        if done is not None:
            return done
        if at <= job.last and at != job.size:
            raise Unavailable(f"{at - job.first:,} bytes came of {job.last - job.first + 1:,}")
        return Result(WHOLE if at > job.last + 1 else DONE)

    def _copied(body: Body) -> Result | None:
        nonlocal at
        file = os.open(job.part, _KEPT)
        try:
            os.lseek(file, at, os.SEEK_SET)
            for block in body.blocks(BLOCK):
                if stop is not None and stop.is_set():
                    return Result(STOPPED)
                with shared.writing:
                    at += _written(file, block)
                if shared.grown is not None:
                    shared.grown(at - len(block), at)
                if told is not None:
                    told(len(block))
        finally:
            os.close(file)
        return None

    result = _tried(once, stop)
    result.bytes, result.etag = at - job.first, etag
    result.seconds, result.waited = time.monotonic() - started, waited
    return result


def check(job: Job) -> Result:
    """Read the part file and compare it with the hash in the index."""
    started = time.monotonic()
    try:
        size, found = hash_file(job.part, [job.kind])
    except OSError as error:
        return Result(FAILED, f"{job.part} cannot be read: {error.strerror}")
    state, why = DONE, ""
    mtime = os.stat(job.part).st_mtime_ns
    if found[job.kind] != job.value:
        state, why = DIFFERS, f"its {job.kind} is {found[job.kind]}, and {job.value} in the file index"
    return Result(state, why, size=size, mtime_ns=mtime, seconds=time.monotonic() - started)


def finish(job: Job) -> Result:
    """Give a file that is whole its name."""
    if not job.replaces and os.path.lexists(job.path):
        return Result(FAILED, "another file of this name came meanwhile")
    try:
        found = os.stat(job.part)
        os.replace(job.part, job.path)
    except OSError as error:
        return Result(FAILED, f"it cannot get its name {job.path}: {error.strerror}")
    return Result(DONE, size=found.st_size, mtime_ns=found.st_mtime_ns)


def _tried(once: Callable[[], Result], stop: threading.Event | None) -> Result:
    """Try several times, as long as it makes sense."""
    pause = FIRST_PAUSE
    why = ""
    for _ in range(TRIES):
        if stop is not None and stop.is_set():
            return Result(STOPPED)
        wait: Any = None
        try:
            return once()
        except (Unavailable, RateLimited) as error:
            why, wait = str(error), error.facts.get("retry_after")
        except IntegrityError as error:
            return Result(CHANGED, str(error))
        except Gen3Error as error:
            refused = error.facts.get("expired") or error.facts.get("status") in (401, 403)
            return Result(EXPIRED if refused else FAILED, str(error))
        except OSError as error:
            return refused_by_disk(error)
        except Exception as error:  # what nobody thought of is a result as well: other files go on
            return Result(FAILED, f"{type(error).__name__}: {redact(str(error))}")
        seconds = float(wait) if wait is not None else pause * random.uniform(0.75, 1.25)  # noqa: S311
        pause = min(2 * pause, LONGEST_PAUSE)
        if stop is not None:
            stop.wait(seconds)
        else:
            time.sleep(seconds)
    return Result(FAILED, f"{why} ({TRIES} tries)")


def refused_by_disk(error: OSError) -> Result:
    """Say what the disk refused."""
    words = f"{error.filename or 'the file'} cannot be written: {error.strerror}"
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
    return Result(FULL if full else FAILED, words)


def _lies(size: int, found: int) -> str:
    return (
        f"its size is {size:,} bytes in the file index, and {found:,} in the storage; nothing of it was kept"
    )


def _written(file: int, block: bytes) -> int:
    """Write a whole block."""
    done = os.write(file, block)
    while done < len(block):
        done += os.write(file, memoryview(block)[done:])
    return done


def _removed(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return
