"""The bytes of one file into the object store: by one PUT, or in parts, several at a time."""

from __future__ import annotations

import logging
import random
import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gen3nb.client.storage import Storage
from gen3nb.errors import Gen3Error, IntegrityError, NotFound, ServiceError
from gen3nb.transfer.hashing import hasher
from gen3nb.transfer.outgoing import Snapshot, Stopped, Sums, Window, part_size, read_blocks
from gen3nb.transfer.patience import is_passing, patiently
from gen3nb.transfer.upload_journal import Begun, UploadJournal

if TYPE_CHECKING:
    from gen3nb.client.fence import Fence
    from gen3nb.client.fence_files import Presigned

__all__ = ["NoParts", "Sender", "Sent"]

logger = logging.getLogger("gen3nb")

TRIES = 6
RENEWALS = 20  # of one URL: each may run out while a slow line sends
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds
BEGINNINGS = 3  # of an upload in parts, where parts turn out to be missing
_MD5 = re.compile(r"[0-9a-f]{32}")
_GONE = ("NoSuchUpload",)


class NoParts(Gen3Error):
    """The commons takes no parts for the record of a file: it began another record, ``other``."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent.

    Attributes
    ----------
    hashes : Mapping of str to str
        Of the bytes that went.
    agreed : bool
        Whether the store's own checksums are the same. Some stores have other ETags than checksums.
    """

    hashes: Mapping[str, str]
    agreed: bool


class Sender:
    """Sends files, each from a thread of its own, and their parts by those of an executor.

    Parameters
    ----------
    fence : Fence
    storage : Storage
    journal : UploadJournal
    pool : Executor
        For parts.
    ahead : int
        How many parts of one file may wait or be under way.
    stop : threading.Event
    moved : callable
        Told how many bytes went.
    """

    def __init__(
        self,
        fence: Fence,
        storage: Storage,
        journal: UploadJournal,
        pool: Executor,
        *,
        ahead: int,
        stop: threading.Event,
        moved: Callable[[int], None],
    ) -> None:
        self.fence = fence
        self.storage = storage
        self.journal = journal
        self.stop = stop
        self.moved = moved
        self.pool = pool
        self.ahead = ahead

    # -- by one PUT ----------------------------------------------------------------------------------------

    def whole(self, one: Begun, file: Snapshot, url: Presigned | None, content: bytes | None = None) -> Sent:
        """Send a file by one PUT.

        Parameters
        ----------
        one : Begun
        file : Snapshot
        url : Presigned or None
            If there is one already.
        content : bytes, optional
            What was read of it, if it is small.

        Returns
        -------
        Sent

        Raises
        ------
        FileChanged
            The store has kept nothing.
        Gen3Error
            The store, or the commons, refuses.
        """

        def fresh() -> Presigned:
            return self.fence.upload_url(one.guid, file_name=one.name, bucket=one.bucket or None)

        window = Window(file, 0, file.size, self.stop, self.moved)
        etag = ""
        hashes: dict[str, str] = {}
        for _ in range(2):
            if content is None:
                etag = self.put(url, fresh, lambda: window, file.size)
                hashes = window.sums.hashes
            else:
                file.check()
                etag = self.put(url, fresh, lambda: content, file.size)
                sums = Sums()
                sums.update(content)
                hashes = sums.hashes
                self.moved(len(content))
            if etag == hashes["md5"]:
                return Sent(hashes, agreed=True)
            if not _MD5.fullmatch(etag):
                return Sent(hashes, agreed=False)
            # some stores have other ETags; those that have this one keep other bytes than were sent
            logger.debug("%s is stored with the ETag %s, its md5 is %s", one.name, etag, hashes["md5"])
            url = None
            self.moved(-file.size)
        self.moved(file.size)
        return Sent(hashes, agreed=False)

    def put(
        self, url: Presigned | None, fresh: Callable[[], Presigned], body: Callable[[], Any], length: int
    ) -> str:
        """PUT, as often as it takes, and give the ETag."""
        url = url or patiently(fresh, self.stop)
        left, renewals, pause = TRIES, RENEWALS, FIRST_PAUSE
        while True:
            if self.stop.is_set():
                raise Stopped("stopped before it was complete; the same call again goes on")
            try:
                return self.storage.put(url.url, body(), length)
            except Gen3Error as error:
                if error.facts.get("expired") and renewals:
                    renewals -= 1
                elif is_passing(error) and left > 1:
                    left -= 1
                    logger.debug("%s; trying again", error)
                    asked = error.facts.get("retry_after")
                    self.stop.wait(asked if asked is not None else pause * random.uniform(0.75, 1.25))  # noqa: S311
                    pause = min(2 * pause, LONGEST_PAUSE)
                else:
                    raise
            if url.seconds < 60 or renewals < RENEWALS:
                url = patiently(fresh, self.stop)

    # -- in parts ------------------------------------------------------------------------------------------

    def in_parts(self, one: Begun, file: Snapshot) -> Sent:
        """Send a file in parts; those that the journal knows to be stored are only read again.

        The journal learns of each part.

        Returns
        -------
        Sent

        Raises
        ------
        FileChanged
            The parts were not put together.
        Gen3Error
            As :meth:`whole`.
        """
        failure: Gen3Error | None = None
        for _ in range(BEGINNINGS):
            if not one.upload:
                one = self._begin(one, file)
            try:
                sent = _Parts(self, one, file, self.journal.parts(one)).send()
                file.check()
                self._complete(one)
            except _Unknown as error:
                failure = error.failure
            else:
                return sent
            logger.debug("%s is begun anew: %s", one.name, failure)
            self.journal.forget_parts(one)
            one = self.journal.note(one, upload="", part_size=0)
            self.moved(-file.size)
        raise failure or IntegrityError("the parts were not put together")

    def _complete(self, one: Begun) -> None:
        """Put the parts together.

        Raises
        ------
        _Unknown
            The store has forgotten the upload, or lost a part: the service does not say which, nor whether
            it is only not well.
        """
        etags = sorted(self.journal.parts(one).items())
        try:
            self.fence.complete_multipart(one.guid, one.name, one.upload, etags, bucket=one.bucket or None)
        except ServiceError as error:
            if error.facts.get("status") != 500:
                raise
            raise _Unknown(error) from None

    def _begin(self, one: Begun, file: Snapshot) -> Begun:
        guid, upload = self.fence.start_multipart(one.name, guid=one.guid, bucket=one.bucket or None)
        if guid != one.guid:
            raise NoParts(
                f"the commons is too old to upload the file of a record in parts: it began {guid} instead of "
                f"{one.guid}",
                other=guid,
            )
        self.journal.forget_parts(one)
        return self.journal.note(one, upload=upload, part_size=part_size(file.size))


class _Unknown(Exception):
    """The store does not know this upload any more."""

    def __init__(self, failure: Gen3Error) -> None:
        super().__init__(str(failure))
        self.failure = failure


class _Parts:
    """One round of an upload in parts.

    The file is read once, in order, by the thread that calls; each part is sent when it was read, and read
    again from the cache of the system as it is sent, so that no part is held in memory.
    """

    def __init__(self, sender: Sender, one: Begun, file: Snapshot, known: dict[int, str]) -> None:
        self.sender = sender
        self.one = one
        self.file = file
        self.known = known
        self._room = threading.BoundedSemaphore(sender.ahead)
        self._agreed = True
        self._over = threading.Event()  # ends the others when one has failed

    def send(self) -> Sent:
        """Read the file, and send what is not stored yet."""
        under_way: list[Future[None]] = []
        try:
            hashes = self._read(under_way)
        except BaseException:
            self._over.set()
            wait(under_way)
            raise
        failures = [failure for future in under_way if (failure := future.exception()) is not None]
        # one that failed stops those that wait: it says why
        for failure in sorted(failures, key=lambda one: isinstance(one, Stopped)):
            raise failure
        return Sent(hashes, self._agreed)

    def _read(self, under_way: list[Future[None]]) -> dict[str, str]:
        sums = Sums()
        size, length = self.file.size, self.one.part_size
        for number, first in enumerate(range(0, size, length), start=1):
            count = min(length, size - first)
            digest = hasher("md5")
            for block in read_blocks(self.file, first, count, self.sender.stop):
                sums.update(block)
                digest.update(block)
            etag = self.known.get(number)
            if etag == digest.hexdigest():
                self.sender.moved(count)
                continue
            self._room.acquire()
            if self._over.is_set():
                self._room.release()
                break
            under_way.append(self.sender.pool.submit(self._part, number, first, count, digest.hexdigest()))
        return sums.hashes

    def _part(self, number: int, first: int, count: int, md5: str) -> None:
        try:
            if self._over.is_set() or self.sender.stop.is_set():
                raise Stopped("stopped before it was complete; the same call again goes on")
            etag = self._stored(number, first, count, md5)
            self.sender.journal.part(self.one, number, etag)
        except BaseException:
            self._over.set()
            raise
        finally:
            self._room.release()

    def _stored(self, number: int, first: int, count: int, md5: str) -> str:
        """Send one part, twice where the store says that it got other bytes."""
        one, sender = self.one, self.sender

        def fresh() -> Presigned:
            return sender.fence.part_url(one.guid, one.name, one.upload, number, bucket=one.bucket or None)

        window = Window(self.file, first, count, sender.stop, sender.moved)
        etag = ""
        for _ in range(2):
            try:
                etag = sender.put(None, fresh, lambda: window, count)
            except NotFound as error:
                if error.facts.get("code") in _GONE:
                    raise _Unknown(error) from None
                raise
            if etag == md5:
                return etag
            if not _MD5.fullmatch(etag):
                break
        self._agreed = False
        return etag
