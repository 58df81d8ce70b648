"""The loop of an upload: hands out files, waits for the index, and notes what became of each."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from queue import Empty, SimpleQueue
from typing import Protocol

from gen3nb.errors import AuthError, Gen3Error, NotConnected, TransferError
from gen3nb.frames.reports import counted
from gen3nb.transfer.annotating import Annotations, FileMetadata, Given, facts_of
from gen3nb.transfer.confirming import Confirmer, Verdict
from gen3nb.transfer.outgoing import FileChanged, Stopped
from gen3nb.transfer.patience import patiently
from gen3nb.transfer.sources import SIDECAR, LocalFile, LocalFiles
from gen3nb.transfer.spool import Outcome, Spool
from gen3nb.transfer.upload_job import Job, Wishes
from gen3nb.transfer.upload_report import Facts, UploadReport
from gen3nb.transfer.uploader import Uploader

__all__ = ["Run", "UploadLog"]

#: Files, or bytes, that are taken for this call by one entry into the journal.
CLAIMED_AT_ONCE, CLAIMED_BYTES = 32, 64 << 20
#: Seconds that something may wait to be written into the journal.
WRITTEN_AFTER = 0.5
#: Files whose metadata is stored by one request.
TOLD_AT_ONCE = 200


class UploadLog(Protocol):
    """Is told what is begun and what became of it."""

    def begin(
        self,
        files: Sequence[LocalFile],
        authz: Sequence[str],
        *,
        bucket: str,
        multipart: bool,
        metadata: Given = False,
    ) -> None:
        """Take in which files are about to be sent, and where what else is to be stored of them is said."""

    def settle(self, file: LocalFile, outcome: Outcome) -> None:
        """Take in what became of one."""

    def end(self) -> None:
        """Take in that it is over."""


class Run:
    """The loop of one call.

    Parameters
    ----------
    found : LocalFiles
    wishes : Wishes
    stop : threading.Event
    log : UploadLog or None
    metadata : bool or Mapping
        What else is to be stored of the files.
    """

    uploader: Uploader
    confirmer: Confirmer
    annotations: Annotations

    def __init__(
        self,
        found: LocalFiles,
        wishes: Wishes,
        stop: threading.Event,
        log: UploadLog | None,
        metadata: Given = False,
    ) -> None:
        self.metadata = metadata
        self._facts: dict[int, FileMetadata] = {}  # by a file's place
        self._told: list[tuple[Job, str, str, str]] = []  # whose facts are to be stored
        self._without = 0  # files that nothing is said of
        self._for_nobody = False  # whether some have no authz
        self.found = found
        self.wishes = wishes
        self.stop = stop
        self.log = log
        self.spool = Spool()
        self.facts = Facts()
        self.notes: list[str] = []
        self.interrupted = False
        self.fatal: Gen3Error | None = None
        self._started = time.monotonic()
        self._again: deque[Job] = deque()
        self._claimed: deque[Job] = deque()
        self._under_way = 0
        self._over: SimpleQueue[tuple[Job, Future[Job]]] = SimpleQueue()
        self._sent: dict[str, list[Job]] = {}  # of one content several may have been sent before

    def interrupt(self) -> None:
        """Stop as soon as possible."""
        self.interrupted = True
        self.stop.set()

    def report(self, where: str) -> UploadReport:
        """Give what became of it all."""
        seconds = time.monotonic() - self._started
        return UploadReport(
            self.spool, self.facts, self.found.frame, where=where, seconds=seconds, notes=self.notes
        )

    # -- the loop ------------------------------------------------------------------------------------------

    def work(self, pool: ThreadPoolExecutor, most: int) -> None:
        """Upload all."""
        new = self._new()
        noted = time.monotonic()
        while True:
            while self._under_way < most and (job := self._next(new)) is not None:
                self._hand_out(pool, job)
            if not self._under_way and not self._sent:
                break
            self.confirmer.busy = bool(self._under_way)
            self._wait()
            self._look()
            if time.monotonic() - noted > WRITTEN_AFTER:
                self._write()
                noted = time.monotonic()
        self._annotate()
        if self._without:
            words = f"{counted(self._without, 'file')} without a metadata file beside it"
            self.notes.append(f"{words}: NAME{SIDECAR} for NAME.bam")
        for job in chain(self._again, self._claimed, new):  # whatever was not begun
            self._settle(job, "not started", self._why_stopped)

    def _new(self) -> Iterator[Job]:
        return (Job(at, file, self.wishes.authz) for at, file in enumerate(self.found.files))

    def _hand_out(self, pool: ThreadPoolExecutor, job: Job) -> None:
        """Let a thread work on a file."""
        self._under_way += 1
        future = pool.submit(self.uploader.work, job)
        future.add_done_callback(lambda done: self._over.put((job, done)))

    def _wait(self) -> None:
        """Wait for a file, or until it is time to look at the index; take in what is over."""
        pause = self.confirmer.seconds
        if not self._under_way:
            if pause:
                self.stop.wait(pause)
            return
        with suppress(Empty):
            # now and then, so that what waits to be written down does not wait for long
            job, future = self._over.get(timeout=min(pause or WRITTEN_AFTER, WRITTEN_AFTER))
            while True:
                self._under_way -= 1
                self._take(job, future)
                job, future = self._over.get_nowait()

    def _write(self) -> None:
        """Have written down what waits for it."""
        try:
            self.uploader.journal.write()
        except Gen3Error as error:
            self.fatal = self.fatal or error
            self.stop.set()

    def _next(self, new: Iterator[Job]) -> Job | None:
        if self.stop.is_set():
            for waiting in (self._again, self._claimed):
                while waiting:
                    self._settle(waiting.popleft(), "not started", self._why_stopped)
            return None
        if self._again:
            return self._again.popleft()
        while not self._claimed and self._claim(new):
            pass
        return self._claimed.popleft() if self._claimed else None

    def _claim(self, new: Iterator[Job]) -> bool:
        """Take some files for this call, several small ones at a time; say whether there may be more."""
        several: list[Job] = []
        size = 0
        for job in new:
            if not self._understood(job):
                continue
            if self.uploader.looked_at(job) and job.shot is not None:
                several.append(job)
                size += job.shot.size
            else:
                self._settle(job, job.status, job.why)
            if len(several) == CLAIMED_AT_ONCE or size > CLAIMED_BYTES:
                break
        if not several or self.stop.is_set():
            self._again.extend(several)
            return False
        try:
            self.uploader.claim(several)
        except Gen3Error as error:
            for job in several:
                self._failed(job, error)
            return False
        for job in several:
            if job.status:
                self._settle(job, job.status, job.why)
            else:
                self._claimed.append(job)
        return True

    def _understood(self, job: Job) -> bool:
        """Read what is said of a file; say whether that went."""
        if not self.metadata or job.file.why:
            self._look_who_reads(job)
            return True
        try:
            facts = facts_of(job.file, self.metadata)
        except TransferError as error:
            self._settle(job, "failed", str(error))
            return False
        if facts is None:
            self._without += 1
            self._look_who_reads(job)
            return True
        job.authz = facts.authz or job.authz
        job.said = facts
        self._look_who_reads(job)
        if facts:
            self._facts[job.at] = facts
        return True

    def _look_who_reads(self, job: Job) -> None:
        """Say once that nobody else can read what has no authz."""
        if not (self._for_nobody or job.authz or job.file.guid or job.file.why):
            self._for_nobody = True
            self.notes.append("Without authz only you can read these files, until a record describes them.")

    @property
    def _why_stopped(self) -> str:
        return "interrupted" if self.interrupted else str(self.fatal) if self.fatal else "stopped"

    def _take(self, job: Job, future: Future[Job]) -> None:
        """Take in what a thread did."""
        error = future.exception()
        if isinstance(error, Gen3Error):
            self._failed(job, error)
        elif error is not None:
            raise error
        elif job.status:
            self._settle(job, job.status, job.why)
        elif job.follows:
            # here and not by its thread: the other may be over by now
            if not self.uploader.existing.follow(job):
                self._again.append(job)
        else:
            self._sent.setdefault(job.guid, []).append(job)
            self.confirmer.add(job.waiting())

    def _failed(self, job: Job, error: Gen3Error) -> None:
        why = "; ".join(part for part in (str(error), job.why) if part)
        if isinstance(error, Stopped):
            self._settle(job, "not started", self._why_stopped)
            return
        self._settle(job, "failed", why)
        if isinstance(error, FileChanged) or job.file.guid:
            return
        if _is_for_all(error) and job.authz == self.wishes.authz:
            self.fatal = self.fatal or error
            self.stop.set()

    # -- what the index says -------------------------------------------------------------------------------

    def _look(self) -> None:
        last = self.stop.is_set() and not self._under_way
        try:
            verdicts = patiently(lambda: self.confirmer.look(last=last), self.stop)
        except Gen3Error as error:
            if not self.stop.is_set():
                self.fatal = self.fatal or error
                self.stop.set()
            verdicts = [
                Verdict(guid, "blank", why=f"it was sent; the index could not be asked: {error}")
                for guid in list(self.confirmer.waiting)
            ]
            self.confirmer.waiting.clear()
        for verdict in verdicts:
            for job in self._sent.pop(verdict.guid):
                self._judge(job, verdict)

    def _judge(self, job: Job, verdict: Verdict) -> None:
        uploader, status = self.uploader, verdict.status
        if job.from_journal and status in ("gone", "wrong"):
            uploader.forgotten(job)
            self._again.append(job)
        elif status == "lost" and not job.resent and not self.stop.is_set():
            job.resent = True
            uploader.resend(job)
            self._again.append(job)
        elif status in ("right", "blank"):
            uploader.done(job, known=status == "right")
            if job.from_journal:
                uploader.sender.moved(job.begun.size if job.begun is not None else 0)
            done = "already there" if job.from_journal else "uploaded"
            self._settle(job, done, verdict.why, verdict.hash)
        elif status == "closed":  # the same call again tries only this
            uploader.done(job, known=False)
            self._settle(job, "failed", verdict.why, verdict.hash)
        else:
            if not job.from_journal:
                uploader.take_back(job)
            why = f"{verdict.why}: it was not kept" if status == "wrong" else verdict.why
            self._settle(job, "failed", "; ".join(part for part in (why, job.why) if part))

    # -- what became of it ---------------------------------------------------------------------------------

    def _settle(self, job: Job, status: str, why: str = "", hash_: str = "") -> None:
        if job.at in self._facts and status in ("uploaded", "already there"):
            self._told.append((job, status, why, hash_))
            if len(self._told) >= TOLD_AT_ONCE:
                self._annotate()
            return
        self._settled(job, status, why, hash_)

    def _annotate(self) -> None:
        """Store what is said of files that are there by now."""
        told, self._told = self._told, []
        facts = {job.guid: self._facts.pop(job.at) for job, *_ in told}
        left = self.annotations.store(facts) if facts else {}
        for job, status, why, hash_ in told:
            problem = left.get(job.guid)
            if problem:  # the same call again finds the file there, and tries only this
                self._settled(job, "failed", f"it is there, but {problem}", hash_)
            else:
                self._settled(job, status, why, hash_)

    def _settled(self, job: Job, status: str, why: str, hash_: str) -> None:
        job.settle(status, why, hash_)
        moved = job.moved if status == "uploaded" else 0
        seconds = time.monotonic() - job.started
        outcome = Outcome(job.guid, job.file.path, moved, seconds, job.hash, status, why)
        self.spool.put([(job.at, outcome)])
        if job.begun is not None and status in ("uploaded", "already there"):
            size = job.begun.size
            self.facts.add(
                job.at,
                job.guid,
                job.file.name,
                size,
                job.begun.hashes,
                job.file.rows,
                path=job.file.path,
                authz=job.authz,
            )
        if self.log is not None:
            self.log.settle(job.file, outcome)
        for other in self.uploader.existing.over(job):
            if other.status:
                self._settle(other, other.status, other.why, other.hash)
            else:
                self._again.append(other)


def _is_for_all(error: Gen3Error) -> bool:
    """Say whether what a file met will meet all others too."""
    if isinstance(error, AuthError | NotConnected):
        return True
    return isinstance(error, TransferError) and bool({"journal", "executor", "disk"} & set(error.facts))
