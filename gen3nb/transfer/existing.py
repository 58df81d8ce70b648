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
    unheard : callable
        Finds the record that was made for a file, and that nobody has heard of.
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
        unheard: Callable[[Job], None],
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
        self._unheard = unheard
        self._present: dict[tuple[str, ...], Present] = {}
        self._first: dict[tuple[int, str, tuple[str, ...]], Job] = {}
        self._lock = threading.Lock()

    def may_be_there(self, job: Job) -> bool:
        """Say whether the commons, or another file of this call, may have the same content."""
        size = shot_of(job).size
        if job.guid:
            blank = is_blank(self._record(job))
            if job.file.guid or not blank:
                return not blank
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

    def enter(self, job: Job) -> None:
        """Let others of its content wait for a file that the journal has as sent."""
        if begun_of(job).hashes and not (job.file.guid or self.wishes.again):
            self._first_of(job)

    def is_there(self, job: Job) -> bool:
        """Settle a file whose content has a GUID already; say whether it is so."""
        if begun_of(job).hashes and not begun_of(job).guid:
            self._unheard(job)
        if begun_of(job).guid and self._record_has_it(job):
            return True
        begun, size = begun_of(job), shot_of(job).size
        if job.file.guid or self.wishes.again or not begun.hashes:
            return False
        first, there = self._first_of(job)
        if first is not job:
            job.follows = True
            return True
        if there is not None:
            self._settle(job, there[0], f"the same content as {there[1]}", "sha256")
            return True
        found = patiently(lambda: self._of(job).find(size, begun.hashes), self.stop)
        if found is not None and found["urls"] and found["did"] != begun.guid:
            self._settle(job, found["did"], "", agree(found["hashes"], begun.hashes) or "")
            return True
        if begun.guid:
            return False
        if found is not None:  # a record that waits for its bytes
            job.begun = self.journal.note(begun, guid=found["did"])
            return False
        return self._is_begun(job)

    def _first_of(self, job: Job) -> tuple[Job, tuple[str, str] | None]:
        """Give the first file of this content that is worked on, and GUID and path of one that is there."""
        begun = begun_of(job)
        key = (shot_of(job).size, begun.hashes["sha256"], tuple(sorted(job.authz)))
        with self._lock:
            if job.key not in (None, key) and self._first.get(job.key) is job:
                del self._first[job.key]  # it has changed since
            job.key = key
            there = self.facts.find(*key)
            return (self._first.setdefault(key, job) if there is None else job), there

    def _settle(self, job: Job, guid: str, why: str, kind: str) -> None:
        """Settle a file whose content is there under a GUID; no blank record of its own stays beside it."""
        begun = begun_of(job)
        if begun.guid and begun.guid != guid:
            self._take_back(job)
            why = "; ".join(part for part in (why, job.why) if part)
        done = replace(begun, guid=guid, state="done", upload="", part_size=0)
        job.begun = self.journal.note_later(done)
        job.settle("already there", why, kind)
        self.moved(shot_of(job).size)

    def _record_has_it(self, job: Job) -> bool:
        """Settle a file whose record has its content; a record that is another's, or gone, is given up."""
        begun, shot = begun_of(job), shot_of(job)
        record = self._record(job)
        if record is None and job.file.guid:
            raise NotFound(
                f"the commons has no record {job.file.guid} to upload this file to", service="indexd"
            )
        if record is not None and is_blank(record):
            job.made = not job.file.guid
            return False
        if record is not None:
            kind = agree(record["hashes"], begun.hashes) if begun.hashes else None
            if record["size"] == shot.size and kind:
                if record["urls"]:
                    self._settle(job, begun.guid, "", kind)
                return bool(record["urls"])
            if job.file.guid:
                raise TransferError(
                    f"the record {job.file.guid} is of another file: {described(record)}; this one has "
                    f"{shot.size:,} bytes. A new version of a file gets a GUID of its own"
                )
        # it was deleted, or what was sent before the file changed came in after all
        job.begun = self.journal.note(begun, guid="", upload="", part_size=0)
        self.journal.forget_parts(begun)
        return False

    def _is_begun(self, job: Job) -> bool:
        """Send a file to the GUID that the journal has for another of its content; or settle it.

        So it is where a program was killed, and another of its files comes first now.
        """
        begun = begun_of(job)
        guid = self.journal.like(begun)
        if not guid:
            return False
        job.begun = self.journal.note(begun, guid=guid)
        there = self._record_has_it(job)
        job.made = False  # it is the other's as well
        return there

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
            if job.status not in ("failed", "not started") and one.key == job.key:
                self._settle(one, job.guid, f"the same content as {job.file.path}", job.hash)
        return waited
