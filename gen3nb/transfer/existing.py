"""Whether the commons has a file already, or gets it from this call: no content goes under two GUIDs."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gen3nb.errors import NotFound, TransferError
from gen3nb.transfer.carrying import Moved
from gen3nb.transfer.patience import patiently
from gen3nb.transfer.present import SINGLY, Present, agree
from gen3nb.transfer.upload_job import Job, Wishes, begun_of, described, is_blank, shot_of
from gen3nb.transfer.upload_journal import UploadJournal
from gen3nb.transfer.upload_report import Facts

if TYPE_CHECKING:
    from gen3nb.client.indexd import Indexd

__all__ = ["Existing"]


class Existing:
    """Compares files with what is there. Threads share it.

    Parameters
    ----------
    indexd : Indexd
    journal : UploadJournal
    facts : Facts
        What is there already of this call.
    wishes : Wishes
    username : str
    sizes : Counter of int
        How many of the files have a size: those of one size may be the same.
    stop : threading.Event
    moved : callable
        Told how many bytes need not go.
    take_back : callable
        Deletes the blank record of a file.
    """

    def __init__(
        self,
        indexd: Indexd,
        journal: UploadJournal,
        facts: Facts,
        wishes: Wishes,
        username: str,
        sizes: Counter[int],
        stop: threading.Event,
        moved: Moved,
        take_back: Callable[[Job], None],
    ) -> None:
        self.indexd = indexd
        self.journal = journal
        self.facts = facts
        self.wishes = wishes
        self.username = username
        self.sizes = sizes
        self.stop = stop
        self.moved = moved
        self._take_back = take_back
        self._present: dict[tuple[str, ...], Present] = {}
        self._first: dict[tuple[int, str, tuple[str, ...]], Job] = {}
        self._lock = threading.Lock()

    def may_be_there(self, job: Job) -> bool:
        """Say whether the commons, or another file of this call, may have the same content."""
        size = shot_of(job).size
        if job.guid:
            return not is_blank(self._record(job))
        if self.sizes[size] > 1:
            return True
        return not self.wishes.again and patiently(lambda: self._of(job).has_size(size), self.stop)

    def _of(self, job: Job) -> Present:
        key = tuple(sorted(job.authz))
        with self._lock:
            if key not in self._present:
                count = sum(self.sizes.values())
                self._present[key] = Present(self.indexd, key, self.username, count, trial=SINGLY)
            return self._present[key]

    def is_there(self, job: Job) -> bool:
        """Settle a file whose content has a GUID already; say whether it is so."""
        begun, shot = begun_of(job), shot_of(job)
        if begun.guid:
            return self._record_has_it(job) or self._is_elsewhere(job)
        if self.wishes.again or not begun.hashes:
            return False
        job.key = (shot.size, begun.hashes["sha256"], tuple(sorted(job.authz)))
        with self._lock:
            there = self.facts.find(*job.key)
            first = self._first.setdefault(job.key, job) if there is None else job
            if first is not job:
                job.follows = True
                return True
        if there is not None:
            job.begun = self.journal.note_later(begun, guid=there[0], state="done")
            job.settle("already there", f"the same content as {there[1]}", "sha256")
            self.moved(shot.size)
            return True
        found = patiently(lambda: self._of(job).find(shot.size, begun.hashes), self.stop)
        if found is None:
            return False
        if not found["urls"]:  # a record that waits for its bytes
            job.begun = self.journal.note(begun, guid=found["did"])
            return False
        job.begun = replace(begun, guid=found["did"])
        job.begun = self.journal.note_later(job.begun, state="done")
        job.settle("already there", "", agree(found["hashes"], begun.hashes) or "")
        self.moved(shot.size)
        return True

    def _record_has_it(self, job: Job) -> bool:
        """See whether the record that the file belongs to is still to be filled."""
        begun, shot = begun_of(job), shot_of(job)
        record = self._record(job)
        if record is None and job.file.guid:
            raise NotFound(
                f"the commons has no record {job.file.guid} to upload this file to", service="indexd"
            )
        if record is None:
            job.begun = self.journal.note(begun, guid="", upload="", part_size=0)
            self.journal.forget_parts(begun)
            return self.is_there(job)
        if is_blank(record):
            job.made = not job.file.guid
            return False
        kind = agree(record["hashes"], begun.hashes) if begun.hashes else None
        if record["size"] == shot.size and kind:
            if not record["urls"]:
                return False
            job.begun = self.journal.note_later(begun, state="done")
            job.settle("already there", "", kind)
            self.moved(shot.size)
            return True
        if job.file.guid:
            raise TransferError(
                f"the record {job.file.guid} is of another file: {described(record)}; this one has "
                f"{shot.size:,} bytes. A new version of a file gets a GUID of its own"
            )
        # what was sent before it changed came in after all
        job.begun = self.journal.note(begun, guid="", upload="", part_size=0)
        self.journal.forget_parts(begun)
        return self.is_there(job)

    def _is_elsewhere(self, job: Job) -> bool:
        """Settle a file that has a blank record where its content has come under another GUID since.

        That is so where it failed, and another file of the same content did not.
        """
        begun, shot = begun_of(job), shot_of(job)
        if not job.made or self.wishes.again or not begun.hashes:
            return False
        found = patiently(lambda: self._of(job).find(shot.size, begun.hashes), self.stop)
        if found is None or not found["urls"] or found["did"] == begun.guid:
            return False
        self._take_back(job)
        if job.begun is not None:  # the blank record stays: then it gets its file
            job.why = ""
            return False
        job.begun = self.journal.note_later(replace(begun, guid=found["did"], state="done"))
        job.settle("already there", "", agree(found["hashes"], begun.hashes) or "")
        self.moved(shot.size)
        return True

    def _record(self, job: Job) -> dict[str, Any] | None:
        try:
            return patiently(lambda: self.indexd.get(job.guid), self.stop)
        except NotFound as error:
            if error.facts.get("absent"):
                raise
        return None

    def follow(self, job: Job) -> bool:
        """Let a file wait for the one of its content that is on its way; say whether there still is one."""
        job.follows = False
        with self._lock:
            first = self._first.get(job.key) if job.key is not None else None
            if first is None or first is job:
                return False
            first.followers.append(job)
            return True

    def over(self, job: Job) -> list[Job]:
        """Note that a file is settled, and give those that waited for it.

        They are settled with it; if it failed, they are to be worked on anew.
        """
        with self._lock:
            waited, job.followers = job.followers, []
            if job.key is not None and self._first.get(job.key) is job:
                del self._first[job.key]
        for one in waited:
            if job.status not in ("failed", "not started"):
                one.begun = self.journal.note_later(begun_of(one), guid=job.guid, state="done")
                one.settle("already there", f"the same content as {job.file.path}", job.hash)
                self.moved(shot_of(one).size)
        return waited
