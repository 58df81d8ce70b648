"""The bytes of one file into the object store: by one PUT, or in parts, several at a time."""

from __future__ import annotations

import logging
import random
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, Future, wait
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gen3nb.errors import Gen3Error, IntegrityError, NotFound, ServiceError
from gen3nb.transfer.carrying import Carried, Carrier, Load, Read
from gen3nb.transfer.outgoing import Snapshot, Stopped, Sums, hash_parts, part_size
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
MD5 = re.compile(r"[0-9a-f]{32}")
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
    """Sends files, each from a thread of its own, and their parts by those of a pool.

    Parameters
    ----------
    fence : Fence
    carrier : Carrier
        Reads and sends the bytes.
    journal : UploadJournal
    pool : Executor
        Of threads, for parts.
    ahead : int
        How many parts of one file may wait or be under way.
    """

    def __init__(
        self, fence: Fence, carrier: Carrier, journal: UploadJournal, pool: Executor, *, ahead: int
    ) -> None:
        self.fence = fence
        self.carrier = carrier
        self.journal = journal
        self.stop = carrier.stop
        self.moved = carrier.moved
        self.pool = pool
        self.ahead = ahead

    # -- by one PUT ----------------------------------------------------------------------------------------

    def whole(self, one: Begun, file: Snapshot, url: Presigned | None, content: bytes | None = None) -> Sent:
        """Send a file by one PUT.

        Parameters
        ----------
        one : Begun
            Its hashes too, where its content is given.
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

        load = Load(file, 0, file.size, content=content)
        hashes: Mapping[str, str] = {}
        for _ in range(2):
            done = self.put(url, fresh, load)
            hashes = done.hashes or one.hashes
            if done.etag == hashes["md5"]:
                return Sent(hashes, agreed=True)
            if not MD5.fullmatch(done.etag):
                return Sent(hashes, agreed=False)
            # some stores have other ETags; those that have this one keep other bytes than were sent
            logger.debug("%s is stored with the ETag %s, its md5 is %s", one.name, done.etag, hashes["md5"])
            url = None
            self.moved(-file.size)
        self.moved(file.size)
        return Sent(hashes, agreed=False)

    def put(self, url: Presigned | None, fresh: Callable[[], Presigned], load: Load) -> Carried:
        """PUT, as often as it takes."""
        url = url or patiently(fresh, self.stop)
        left, renewals, pause = TRIES, RENEWALS, FIRST_PAUSE
        while True:
            if self.stop.is_set():
                raise Stopped("stopped before it was complete; the same call again goes on")
            try:
                return self.carrier.carry(replace(load, url=str(url.url)))
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

    def in_parts(self, one: Begun, file: Snapshot, read: Read | None = None) -> Sent:
        """Send a file in parts; those that the journal knows to be stored are only read again.

        The journal learns of each part.

        Parameters
        ----------
        one : Begun
        file : Snapshot
        read : Read, optional
            What the file and its parts are, if it was read just before: it is not hashed again then.

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
                sent = _Parts(self, one, file, self.journal.parts(one), read).send()
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

    Here the file is read once, in order, by the thread that calls; each part is sent when it was read, and
    read again from the cache of the system as it is sent, so that no part is held in memory. An executor
    reads the file and sends its parts at the same time, and they are compared at the end. Where it was read
    before, because the commons might have it already, its parts are only sent.
    """

    def __init__(
        self, sender: Sender, one: Begun, file: Snapshot, known: dict[int, str], read: Read | None
    ) -> None:
        self.sender = sender
        self.one = one
        self.file = file
        self.known = known
        self.read = read
        self._room = threading.BoundedSemaphore(sender.ahead)
        self._agreed = True
        self._over = threading.Event()  # ends the others when one has failed
        self._under_way: list[Future[None]] = []

    def send(self) -> Sent:
        """Read the file, and send what is not stored yet."""
        try:
            hashes = self._sent()
        except BaseException:
            self._over.set()
            wait(self._under_way)
            raise
        self._settle()
        return Sent(hashes, self._agreed)

    def _sent(self) -> Mapping[str, str]:
        """Have all parts sent that are not stored yet; give the hashes of the whole."""
        length = self.one.part_size
        if self.read is not None and self.read.part_size == length:
            spans = self._spans()
            self._hand_out(
                (first, count, md5) for (first, count), md5 in zip(spans, self.read.md5s, strict=True)
            )
            return self.read.hashes
        if not self.sender.carrier.near:
            return self._sent_and_compared()
        sums = Sums()
        with closing(hash_parts(self.file, length, sums, self.sender.stop)) as parts:
            self._hand_out(parts)
        return sums.hashes

    def _hand_out(self, parts: Iterable[tuple[int, int, str]]) -> None:
        """Let those parts be sent that the store does not have yet."""
        for number, (first, count, md5) in enumerate(parts, start=1):
            if self.known.get(number) == md5:
                self.sender.moved(count)
            elif not self._begin(number, first, count, md5):
                return

    def _spans(self) -> list[tuple[int, int]]:
        """Say where each part begins, and how many bytes it has."""
        length, size = self.one.part_size, self.file.size
        return [(first, min(length, size - first)) for first in range(0, size, length)]

    def _sent_and_compared(self) -> Mapping[str, str]:
        """Have the file read by one worker and its parts sent by others; send those anew that differ."""
        carrier, length = self.sender.carrier, self.one.part_size
        reading = carrier.begin_to_read(self.file, length)
        try:
            for number, (first, count) in enumerate(self._spans(), start=1):
                if number in self.known:
                    self.sender.moved(count)
                elif not self._begin(number, first, count, ""):
                    break
            self._settle()
            read = carrier.finished(reading)
        except BaseException:
            reading.cancel()
            raise
        stored = self.sender.journal.parts(self.one)
        for number, ((first, count), md5) in enumerate(zip(self._spans(), read.md5s, strict=True), start=1):
            etag = stored.get(number, "")
            if etag != md5 and MD5.fullmatch(etag):
                self.sender.moved(-count)
                self._begin(number, first, count, md5)
            elif etag != md5:
                self._agreed = False
        return read.hashes

    def _begin(self, number: int, first: int, count: int, md5: str) -> bool:
        """Let a part be sent, as soon as there is room; say whether that has any use still."""
        self._room.acquire()
        if self._over.is_set():
            self._room.release()
            return False
        self._under_way.append(self.sender.pool.submit(self._part, number, first, count, md5))
        return True

    def _settle(self) -> None:
        """Wait for the parts, and raise what went wrong with any."""
        futures, self._under_way = self._under_way, []
        failures = [failure for future in futures if (failure := future.exception()) is not None]
        # one that failed stops those that wait: it says why
        for failure in sorted(failures, key=lambda one: isinstance(one, Stopped)):
            raise failure

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
        """Send one part, twice where the store says that it got other bytes than these."""
        one, sender = self.one, self.sender

        def fresh() -> Presigned:
            return sender.fence.part_url(one.guid, one.name, one.upload, number, bucket=one.bucket or None)

        load = Load(self.file, first, count, hashed=False)
        etag = ""
        for again in (False, True):
            if again:
                sender.moved(-count)
            try:
                etag = sender.put(None, fresh, load).etag
            except NotFound as error:
                if error.facts.get("code") in _GONE:
                    raise _Unknown(error) from None
                raise
            if etag == md5 or not md5:
                return etag
            if not MD5.fullmatch(etag):
                break
        self._agreed = False
        return etag
