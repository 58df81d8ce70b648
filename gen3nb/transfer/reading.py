"""Bytes of one file in an object store, in ranges, by URLs that are renewed while they are used."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from time import sleep

from gen3nb.client.fence_files import Presigned
from gen3nb.client.storage import Body, Storage
from gen3nb.errors import Gen3Error, IntegrityError, RateLimited, ServiceError, Unavailable

__all__ = ["Lease", "RangeReader"]

BLOCK = 1 << 20
TRIES = 6  # without a byte between them
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds
RENEWALS = 2  # refusals in a row after which another URL will not help either
#: Of a URL's life: when another is asked for beside the work, and when no request begins with it any more.
SOON, LAST = 1 / 3, 1 / 10
MARGIN = 30.0  # seconds that a long-lived URL must have left


class Lease:
    """A presigned URL of a file, renewed in the background before it ends. Threads may share it.

    Parameters
    ----------
    sign : callable
        Gives a URL.
    """

    def __init__(self, sign: Callable[[], Presigned]) -> None:
        self._sign = sign
        self._lock = threading.Lock()
        self._held: Presigned | None = None
        self._lifetime = 0.0
        self._renewing = False

    def __repr__(self) -> str:
        return "Lease()"

    def get(self) -> Presigned:
        """Give a URL that lives long enough to begin a request.

        Raises
        ------
        Gen3Error
            The commons gives none.
        """
        with self._lock:
            held = self._held
            if held is None or held.seconds <= min(MARGIN, LAST * self._lifetime):
                return self._keep(self._sign())
            if held.seconds < SOON * self._lifetime and not self._renewing:
                self._renewing = True
                threading.Thread(target=self._renew, daemon=True, name="gen3nb-renew").start()
            return held

    def refused(self, url: Presigned) -> None:
        """Note that a URL is good no more."""
        with self._lock:
            if self._held is url:
                self._held = None

    def _renew(self) -> None:
        try:
            fresh = self._sign()
        except Gen3Error:  # the one at hand lives on; when it ends, whoever needs another gets the error
            fresh = None
        with self._lock:
            self._renewing = False
            if fresh is not None:
                self._keep(fresh)

    def _keep(self, fresh: Presigned) -> Presigned:
        self._held, self._lifetime = fresh, max(fresh.seconds, 0.0)
        return fresh


class RangeReader:
    """Reads ranges of a file. Threads may share it.

    What breaks off goes on with the byte that is missing; a URL that is refused is replaced by another; a
    file that is replaced while it is read is an error, not a mixture.

    Parameters
    ----------
    sign : callable
        Gives a presigned URL.
    storage : Storage
    name : str
        What to call the file in messages.
    size : int, optional
        Bytes, as the index says.
    """

    def __init__(
        self, sign: Callable[[], Presigned], storage: Storage, name: str, size: int | None = None
    ) -> None:
        self.name = name
        self._lease = Lease(sign)
        self._storage = storage
        self._size = size
        self._etag: str | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"RangeReader({self.name!r})"

    @property
    def size(self) -> int:
        """Bytes, as the index says; where it does not, as the store does.

        Raises
        ------
        ServiceError
            Neither says it.
        """
        if self._size is None:
            known = self._ask_size()
            if known is None:
                raise ServiceError(f"nobody says how large {self.name} is", service="storage")
            self._size = known
        return self._size

    def read(self, first: int, end: int) -> bytes:
        """Give the bytes from one offset up to another, which is not included.

        Raises
        ------
        IntegrityError
            The file was replaced meanwhile, or is not as large as the index says.
        Gen3Error
            It cannot be read.
        """
        return b"".join(self.blocks(first, end))

    def blocks(self, first: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Give the same bit by bit; by default to the end of the file."""
        stop = self.size if end is None else min(end, self.size)
        at = first
        tries = _Tries()
        while at < stop:
            url = self._lease.get()
            last = None if at == 0 and stop == self.size else stop - 1
            try:
                with self._storage.get(url.url, first=at, last=last) as body:
                    self._check(body)
                    for block in _wanted(body, at, stop):
                        at += len(block)
                        tries.reset()
                        yield block
                if at < stop:
                    raise IntegrityError(f"{self.name} has fewer bytes than the file index says")
            except ServiceError as error:
                self._after(error, url, tries)

    def _ask_size(self) -> int | None:
        tries = _Tries()
        while True:
            url = self._lease.get()
            try:
                with self._storage.get(url.url) as body:  # its head: the body is left
                    self._check(body)
                    return body.size
            except ServiceError as error:
                self._after(error, url, tries)

    def _after(self, error: ServiceError, url: Presigned, tries: _Tries) -> None:
        """Wait, or leave a URL that is good no more, before the next try."""
        pause = tries.after(error)
        if pause is None:
            self._lease.refused(url)
        else:
            sleep(pause)

    def _check(self, body: Body) -> None:
        """See that it is the file that was read before, and that the index describes."""
        with self._lock:
            if self._etag is None:
                self._etag = body.etag
            same = self._etag == body.etag
        if not same:
            raise IntegrityError(f"{self.name} was replaced while it was read: open it again")
        if self._size is not None and body.size not in (None, self._size):
            raise IntegrityError(
                f"{self.name} has {self._size:,} bytes in the file index, and {body.size:,} in the storage"
            )


class _Tries:
    """Counts tries without success, and says what to do next."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin again: some bytes have come."""
        self._failed = self._refused = 0
        self._pause = FIRST_PAUSE

    def after(self, error: ServiceError) -> float | None:
        """Give the seconds to wait; ``None`` where another URL is needed. Raises what no try will mend."""
        if isinstance(error, Unavailable | RateLimited):
            self._failed += 1
            if self._failed >= TRIES:
                raise error
            wait = error.facts.get("retry_after")
            pause, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE)
            return float(wait) if wait is not None else pause * random.uniform(0.75, 1.25)  # noqa: S311
        if error.facts.get("expired") or error.facts.get("status") in (401, 403):
            self._refused += 1
            if self._refused <= RENEWALS:
                return None
        raise error


def _wanted(body: Body, first: int, end: int) -> Iterator[bytes]:
    """Cut out of a body what was asked for: a store that knows no ranges gives the whole."""
    if body.first > first:
        raise ServiceError("the storage gave another part of the file than was asked for", service="storage")
    at = body.first
    for block in body.blocks(BLOCK):
        piece = block[max(first - at, 0) : max(end - at, 0)]
        at += len(block)
        if piece:
            yield piece
        if at >= end:
            return
