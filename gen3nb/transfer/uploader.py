"""One file after the other into the commons: each gets one GUID, and its bytes go once."""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from gen3nb.client.fence_files import Presigned
from gen3nb.errors import Gen3Error, NotFound, PermissionDenied, TransferError
from gen3nb.transfer.beginning import Beginnings
from gen3nb.transfer.existing import Existing
from gen3nb.transfer.naming import Namer
from gen3nb.transfer.outgoing import (
    LARGEST_WHOLE,
    SMALLEST_PART,
    FileChanged,
    Snapshot,
    Sums,
    part_size,
    read_blocks,
)
from gen3nb.transfer.parts import NoParts, Sender, Sent
from gen3nb.transfer.patience import patiently
from gen3nb.transfer.report import bytes_of
from gen3nb.transfer.sources import state_of
from gen3nb.transfer.upload_job import (
    Job,
    Wishes,
    begun_of,
    shot_of,
    too_large,
)
from gen3nb.transfer.upload_journal import Begun, UploadJournal
from gen3nb.transfer.upload_report import Facts

if TYPE_CHECKING:
    from gen3nb.client.fence import Fence
    from gen3nb.client.indexd import Indexd

__all__ = ["Uploader"]

logger = logging.getLogger("gen3nb")

SMALL = 4 << 20  # bytes of a file that is read whole, and hashed, before it is sent
IN_PARTS = 64 << 20  # bytes from which a file goes in parts


class Uploader:
    """Does for one file what has to be done. Threads share it.

    Parameters
    ----------
    fence : Fence
    indexd : Indexd
    journal : UploadJournal
    sender : Sender
    wishes : Wishes
    username : str
    sizes : Counter of int
        How many of the files have a size: those of one size may be the same.
    stop : threading.Event
    facts : Facts
        What is there already of this call.
    beginnings : Beginnings
        Gets GUIDs for new files.
    """

    def __init__(
        self,
        fence: Fence,
        indexd: Indexd,
        journal: UploadJournal,
        sender: Sender,
        wishes: Wishes,
        username: str,
        sizes: Counter[int],
        stop: threading.Event,
        facts: Facts,
        beginnings: Beginnings,
    ) -> None:
        self.fence = fence
        self.journal = journal
        self.sender = sender
        self.wishes = wishes
        self.stop = stop
        self.namer = Namer(fence, beginnings, indexd, journal, wishes, username, stop)
        self.existing = Existing(
            indexd,
            journal,
            facts,
            wishes,
            username,
            sizes,
            stop,
            sender.moved,
            self.take_back,
            self.namer.hear,
        )
        self._no_parts = ""  # why this commons takes none

    def work(self, job: Job) -> Job:
        """Upload a file, unless it is there already.

        Returns
        -------
        Job
            The same. With a status it is settled; without, the index has to be looked at.

        Raises
        ------
        Gen3Error
            It failed.
        """
        claimed, job.claimed = job.claimed, False
        before = job.shot
        if not self.looked_at(job):
            return job
        if not (claimed and job.shot == before):  # else it has changed since
            self._claim([job])
        if job.status or self._is_known(job):
            return job
        content = self._read(job)
        if not job.resent and self.existing.is_there(job):
            return job
        url = None
        if not job.guid:
            url = self.namer.start(job)
        self._send(job, url, content)
        return job

    # -- what is known of it already -----------------------------------------------------------------------

    def claim(self, jobs: Sequence[Job]) -> None:
        """Take files that were looked at for this call, ahead of the work, by one entry into the journal.

        Those that cannot be taken are settled.

        Raises
        ------
        TransferError
            The journal cannot be written.
        """
        self._claim(jobs)
        for job in jobs:
            job.claimed = not job.status

    def looked_at(self, job: Job) -> bool:
        """Look at a file; say whether it can be uploaded. One that cannot is settled."""
        status, why = state_of(job.file.path)
        why = job.file.why or why or (too_large(status.st_size) if status is not None else "")
        if why or status is None:
            job.settle("failed", why)
            return False
        job.shot = Snapshot.of(job.file.path, status)
        return True

    def _claim(self, jobs: Sequence[Job]) -> None:
        """Take files for this call; those that another program has taken are settled."""
        for job, found in zip(jobs, self.journal.claim([self._fresh(job) for job in jobs]), strict=True):
            if found is None:
                job.settle("failed", "another program is uploading it at this moment")
                continue
            job.begun = found
            if found.name != job.file.name and found.state == "begun":
                job.begun = self.journal.note(found, name=job.file.name, upload="", part_size=0)
                self.journal.forget_parts(found)

    def _fresh(self, job: Job) -> Begun:
        """Give a file as the journal would have it if it were new."""
        shot, file = shot_of(job), job.file
        target = json.dumps([sorted(job.authz), self.wishes.bucket, file.guid, self.wishes.again])
        return Begun(file.path, target, shot.size, shot.modified, file.name, file.guid, self.wishes.bucket)

    def _is_known(self, job: Job) -> bool:
        """Say whether the journal has it as sent; the index is looked at then."""
        begun, shot = begun_of(job), shot_of(job)
        if begun.is_of(shot.size, shot.modified):
            job.from_journal = begun.state != "begun"
            if job.from_journal:
                self.existing.enter(job)
            return job.from_journal
        # it is another file by now; a record that is blank still will do for it
        guid = job.file.guid or (begun.guid if begun.state == "begun" else "")
        self.journal.forget_parts(begun)
        fresh = Begun(
            begun.path,
            begun.target,
            shot.size,
            shot.modified,
            job.file.name,
            guid,
            begun.bucket,
            asked=0.0 if begun.guid else begun.asked,
        )
        job.begun = self.journal.note(fresh)
        return False

    def forgotten(self, job: Job) -> None:
        """Begin anew a file that the journal had as sent, and that the index does not have."""
        begun = begun_of(job)
        self.journal.forget_parts(begun)
        job.begun = self.journal.note(
            begun, guid=job.file.guid, state="begun", upload="", part_size=0, hashes={}
        )
        job.from_journal = False

    def _read(self, job: Job) -> bytes | None:
        """Read and hash a file before it is sent, if it is small or may be there already."""
        begun, shot, carrier = begun_of(job), shot_of(job), self.sender.carrier
        small = shot.size <= SMALL and not begun.upload and not self._in_parts(job)
        if small and carrier.near:  # what was read is sent
            content = b"".join(map(bytes, read_blocks(shot, 0, shot.size, self.stop)))
            shot.check()
            sums = Sums()
            sums.update(content)
            job.begun = replace(begun, hashes=sums.hashes)
            return content
        if self.existing.may_be_there(job):
            length = (begun.part_size or part_size(shot.size)) if self._in_parts(job) else 0
            job.read = carrier.read_over(shot, length)
            job.begun = replace(begun, hashes=job.read.hashes)
        return None

    # -- its bytes -----------------------------------------------------------------------------------------

    def _in_parts(self, job: Job) -> bool:
        size = shot_of(job).size
        if self.wishes.multipart is False or (self._no_parts and size <= LARGEST_WHOLE):
            return False
        return size > (SMALLEST_PART if self.wishes.multipart else IN_PARTS) or size > LARGEST_WHOLE

    def _send(self, job: Job, url: Presigned | None, content: bytes | None) -> None:
        shot = shot_of(job)
        try:
            if self._in_parts(job):
                job.sent = self._sent_in_parts(job)
            else:
                if shot.size > LARGEST_WHOLE:
                    raise TransferError(
                        f"it has {bytes_of(shot.size)}, and above {bytes_of(LARGEST_WHOLE)} a file goes "
                        f"in parts only{f': {self._no_parts}' if self._no_parts else ''}"
                    )
                job.sent = self.sender.whole(begun_of(job), shot, url, content)
            shot.check()
        except FileChanged:
            self.take_back(job)
            raise
        finally:
            job.read = None
        job.moved = shot.size
        # a small file that is killed before this is written down goes again to the same GUID
        note = self.journal.note_later if shot.size <= SMALL else self.journal.note
        job.begun = note(begun_of(job), state="stored", hashes=job.sent.hashes)

    def _sent_in_parts(self, job: Job) -> Sent:
        shot = shot_of(job)
        try:
            return self.sender.in_parts(begun_of(job), shot, job.read)
        except (NoParts, PermissionDenied, NotFound) as error:
            self._no_parts = str(error)
            other = error.facts.get("other")
            if other:
                with suppress(Gen3Error):
                    self.fence.delete_file(other)
            if shot.size > LARGEST_WHOLE:
                raise
            logger.debug("%s goes by one request: %s", shot.path, error)
        return self.sender.whole(begun_of(job), shot, None)

    def done(self, job: Job, *, known: bool) -> None:
        """Note that a file is in the commons, and whether the index knows of it."""
        begun = begun_of(job)
        job.begun = self.journal.note_later(begun, state="done" if known else "stored", upload="")
        if begun.size > SMALLEST_PART:
            self.journal.forget_parts(begun)

    def resend(self, job: Job) -> None:
        """Send a file once more to its GUID: the store has lost it."""
        begun = begun_of(job)
        self.journal.forget_parts(begun)
        job.begun = self.journal.note(begun, state="begun", upload="", part_size=0)
        job.from_journal = False

    def take_back(self, job: Job) -> None:
        """Delete the record that was made for a file which is refused; say so where that does not go."""
        begun = begun_of(job)
        if not job.made or not begun.guid:
            return
        try:
            patiently(lambda: self.fence.delete_file(begun.guid), self.stop)
        except NotFound:
            pass
        except Gen3Error as error:
            # the next call takes the same record
            self.journal.forget_parts(begun)
            job.begun = self.journal.note(begun, state="begun", upload="", part_size=0, hashes={})
            job.why = f"its blank record {begun.guid} could not be deleted ({error})"
            return
        self.journal.forget(begun)
        job.begun = None
