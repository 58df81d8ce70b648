"""A GUID for each file to come: asked for once, and found again where the answer was lost."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from gen3nb.client.fence_files import Presigned
from gen3nb.errors import Gen3Error
from gen3nb.transfer.beginning import Beginnings
from gen3nb.transfer.patience import is_passing, patiently
from gen3nb.transfer.upload_job import Job, Wishes, begun_of, is_blank, seconds_of
from gen3nb.transfer.upload_journal import UploadJournal

if TYPE_CHECKING:
    from gen3nb.client.fence import Fence
    from gen3nb.client.indexd import Indexd

__all__ = ["Namer"]

logger = logging.getLogger("gen3nb")

TRIES = 4  # to get a GUID
PAUSE = 1.0  # seconds before the second try
SKEW = 120.0  # seconds that the commons' clock may be behind
LOCKS = 1024  # names share them, since there may be millions of names


class Namer:
    """Gets records for files. Threads share it.

    Parameters
    ----------
    fence : Fence
    beginnings : Beginnings
        Whom to ask for a GUID.
    indexd : Indexd
    journal : UploadJournal
    wishes : Wishes
    username : str
    stop : threading.Event
    """

    def __init__(
        self,
        fence: Fence,
        beginnings: Beginnings,
        indexd: Indexd,
        journal: UploadJournal,
        wishes: Wishes,
        username: str,
        stop: threading.Event,
    ) -> None:
        self.fence = fence
        self.beginnings = beginnings
        self.indexd = indexd
        self.journal = journal
        self.wishes = wishes
        self.username = username
        self.stop = stop
        self._locks = [threading.Lock() for _ in range(LOCKS)]

    def start(self, job: Job) -> Presigned:
        """Get a GUID, which the journal knows before any byte goes, and the URL to send the file.

        Raises
        ------
        Gen3Error
            There is none to be had.
        """
        # one at a time of a name: where an answer is lost, its record is found by the name
        with self._locks[hash(begun_of(job).name) % LOCKS]:
            url = self._unheard(job) or self._started(job)
            job.begun = self.journal.note(begun_of(job), guid=url.guid, asked=0.0)
        job.made = True
        return url

    def hear(self, job: Job) -> None:
        """Take the record that was made for a file while its answer was lost, if there is one."""
        if not begun_of(job).asked:
            return
        with self._locks[hash(begun_of(job).name) % LOCKS]:
            guid = self._made(job)
            if guid:
                job.begun = self.journal.note(begun_of(job), guid=guid, asked=0.0)

    def _started(self, job: Job) -> Presigned:
        """Ask for a GUID, as often as it takes; that it was asked for is written down first."""
        left, pause = TRIES, PAUSE
        while True:
            begun = job.begun = self.journal.note(begun_of(job), asked=begun_of(job).asked or time.time())
            try:
                return self.beginnings.start(begun.name, job.authz, job.said)
            except Gen3Error as error:
                if not is_passing(error) or left <= 1:
                    raise
                logger.debug("no record for %s: %s", begun.name, error)
            left -= 1
            self.stop.wait(pause)
            pause *= 2
            url = self._unheard(job)
            if url is not None:
                return url

    def _unheard(self, job: Job) -> Presigned | None:
        """Give the URL of a record that was made while its answer was lost."""
        guid = self._made(job)
        return self._signed(guid, begun_of(job).name) if guid else None

    def _made(self, job: Job) -> str:
        """Find the record that was made while its answer was lost, or while the program was killed."""
        begun = begun_of(job)
        if not begun.asked:
            return ""
        facts: dict[str, Any] = {"authz": list(job.authz)} if job.authz else {"uploader": self.username}
        listed = patiently(lambda: list(self.indexd.records(file_name=begun.name, **facts)), self.stop)
        for record in listed:
            ours = is_blank(record) and not record["urls"] and sorted(record["authz"]) == sorted(job.authz)
            fresh = seconds_of(record["created_date"]) >= begun.asked - SKEW
            if ours and fresh and not self.journal.holds(record["did"]):
                return str(record["did"])
        return ""

    def _signed(self, guid: str, name: str) -> Presigned:
        bucket = self.wishes.bucket or None
        return patiently(lambda: self.fence.upload_url(guid, file_name=name, bucket=bucket), self.stop)
