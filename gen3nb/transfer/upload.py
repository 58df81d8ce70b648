"""Files of this machine into a commons: each once, checked by what the index says of it, and resumed."""

from __future__ import annotations

import os
import sys
import threading
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, Protocol

from gen3nb.client.storage import Storage
from gen3nb.errors import AuthError, Gen3Error, NotConnected, PermissionDenied, TransferError
from gen3nb.frames.interrupts import noted
from gen3nb.frames.progress import Progress
from gen3nb.frames.progress import report as showing
from gen3nb.frames.reports import counted
from gen3nb.transfer.confirming import Confirmer, Verdict
from gen3nb.transfer.outgoing import FileChanged, Stopped
from gen3nb.transfer.parts import Sender
from gen3nb.transfer.report import bytes_of
from gen3nb.transfer.sources import Given, LocalFile, LocalFiles, find_files
from gen3nb.transfer.spool import Outcome, Spool
from gen3nb.transfer.upload_journal import UploadJournal
from gen3nb.transfer.upload_report import Facts, UploadReport
from gen3nb.transfer.uploader import Job, Uploader, Wishes

if TYPE_CHECKING:
    from gen3nb.client.fence import Fence
    from gen3nb.client.indexd import Indexd
    from gen3nb.client.project import ProjectId, ProjectLike

__all__ = ["PARALLEL", "UploadConnection", "UploadLog", "upload"]

#: Files at a time, and as many parts.
PARALLEL = 8
#: Seconds that the commons has to look at a file that came in.
WAIT = 60.0


class UploadConnection(Protocol):
    """An open commons, as far as uploading cares: ``gen3nb.Commons`` is one."""

    @property
    def endpoint(self) -> str:
        """The commons' address."""

    @property
    def indexd(self) -> Indexd:
        """The file index."""

    @property
    def fence(self) -> Fence:
        """What presigns."""

    @property
    def auth(self) -> Any:
        """Who is signed in."""

    def project_id(self, project: ProjectLike) -> ProjectId:
        """Resolve a project among those of this commons."""


class UploadLog(Protocol):
    """Is told what is begun and what became of it."""

    def begin(self, file: LocalFile, authz: Sequence[str]) -> None:
        """Take in that a file is about to be sent."""

    def settle(self, file: LocalFile, outcome: Outcome) -> None:
        """Take in what became of it."""


def upload(
    files: Given,
    *,
    connection: UploadConnection,
    authz: str | Sequence[str] | None = None,
    project: ProjectLike | None = None,
    bucket: str | None = None,
    include_subdirname: bool = False,
    path_column: str | None = None,
    parallel: int = PARALLEL,
    multipart: bool | None = None,
    again: bool = False,
    wait: float = WAIT,
    progress: Progress = True,
    stop: threading.Event | None = None,
    log: UploadLog | None = None,
) -> UploadReport:
    """Upload files, each under one GUID, and see that the index knows size and hashes of what was sent.

    The same call again goes on where one stopped, part by part, and sends nothing twice: a file whose content
    the commons has already, under the same authz, keeps that GUID.

    GUIDs and URLs come from fence (``POST /user/data/upload``, ``/user/data/multipart/…``), the bytes go to
    the object store, and indexd says what came in.

    Parameters
    ----------
    files : str, path, DataFrame, or iterable of str and path
        Files, folders, patterns, or a frame with a column of paths; optionally with ``guid`` or ``object_id``
        (of records that are there already) and ``file_name``.
    connection : UploadConnection
    authz : str or sequence of str, optional
        Resources that a reader needs access to: ``"/programs/P/projects/Q"``.
    project : str, pair or ProjectId, optional
        The same, said by its project. With neither, only you can read the files until a record names them.
    bucket : str, optional
        By default the commons' own choice.
    include_subdirname : bool
        Name files by their path below what was given; else by their base name.
    path_column : str, optional
        Which column of a frame holds the paths.
    parallel : int
        How many files at a time, and how many parts.
    multipart : bool, optional
        In parts from 5 MiB on (``True``), never (``False``: no file may then exceed 5 GiB), or from 64 MiB.
    again : bool
        Give a file a GUID of its own also where the commons has its content already.
    wait : float
        Seconds that the commons has to look at a file; then its size and hashes are written into its record
        from here, if you may.
    progress : bool or callable
        A bar; or a function (done, total, label), in bytes.
    stop : threading.Event, optional
        Set it to stop.
    log : UploadLog, optional
        Is told of each file.

    Returns
    -------
    UploadReport
        One row per file, those that failed among them: look at ``.ok`` or ``.failed``.

    Raises
    ------
    TransferError
        There is nothing to upload, or the journal cannot be written; or it ended early, by Ctrl-C too: then
        ``report`` says what is there by now.
    PermissionDenied
        You may not upload; nothing was sent.
    """
    if not isinstance(parallel, int) or not 1 <= parallel <= 1_000:
        raise TransferError(f"parallel is how many files go at a time, 1 to 1,000, not {parallel!r}.")
    resources = _resources(authz, project, connection)
    found = find_files(files, include_subdirname=include_subdirname, path_column=path_column)
    wishes = Wishes(resources, bucket or "", multipart, again)
    sizes = _sizes(found)
    total = sum(size for size in sizes if size > 0)
    where = f"{', '.join(resources) or 'nobody but you'} at {connection.endpoint}"
    if progress is True:
        _announce(f"Uploading {counted(len(found.files), 'file')} ({bytes_of(total)}) for {where}")
    with (
        UploadJournal(connection.endpoint, connection.auth.username or "") as journal,
        ThreadPoolExecutor(parallel, thread_name_prefix="gen3nb-upload") as pool,
        ThreadPoolExecutor(parallel, thread_name_prefix="gen3nb-part") as parts,
        showing(progress, total, f"Uploading to {connection.endpoint}", unit="B") as meter,
    ):
        run = _Run(found, wishes, stop or threading.Event(), log)
        sender = Sender(
            connection.fence,
            Storage(),
            journal,
            parts,
            ahead=2 * parallel,
            stop=run.stop,
            moved=_locked(meter.advance),
        )
        run.uploader = Uploader(
            connection.fence,
            connection.indexd,
            journal,
            sender,
            wishes,
            connection.auth.username or "",
            Counter(size for size in sizes if size >= 0),
            run.stop,
        )
        run.confirmer = Confirmer(connection.indexd, connection.fence, sender.storage, wait)
        with noted(run.interrupt):
            run.work(pool, 2 * parallel)
        report = run.report(where)
    return _finished(report, run)


def _resources(
    authz: str | Sequence[str] | None, project: ProjectLike | None, connection: UploadConnection
) -> tuple[str, ...]:
    given = [authz] if isinstance(authz, str) else list(authz or ())
    for one in given:
        if not isinstance(one, str) or not one.startswith("/"):
            raise TransferError(f"authz holds resources such as /programs/P/projects/Q, not {one!r}.")
    if not given and project is not None:
        given = [connection.project_id(project).resource]
    return tuple(dict.fromkeys(given))


def _sizes(found: LocalFiles) -> array[int]:
    """Give the size of each file in bytes, -1 for those that cannot be uploaded."""
    sizes = array("q")
    for one in found.files:
        size = -1
        if not one.why:
            try:
                size = os.stat(one.path).st_size
            except OSError:
                size = -1
        sizes.append(size)
    return sizes


def _announce(text: str) -> None:
    """Say what goes where before anything does."""
    from tqdm.auto import tqdm

    tqdm.write(text, file=sys.stderr)


def _locked(advance: Callable[[int], None]) -> Callable[[int], None]:
    """Let threads share a meter."""
    lock = threading.Lock()

    def moved(count: int) -> None:
        with lock:
            advance(count)

    return moved


class _Run:
    """The loop of one call: hands out files, waits for the index, and notes what became of each."""

    uploader: Uploader
    confirmer: Confirmer

    def __init__(
        self, found: LocalFiles, wishes: Wishes, stop: threading.Event, log: UploadLog | None
    ) -> None:
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
        self._under_way: dict[Future[Job], Job] = {}
        self._sent: dict[str, Job] = {}
        self._followers: dict[Job, Job] = {}

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
        while True:
            while len(self._under_way) < most and (job := self._next(new)) is not None:
                self._under_way[pool.submit(self.uploader.work, job)] = job
            if not self._under_way and not self._sent:
                break
            pause = self.confirmer.seconds
            if self._under_way:
                done, _ = wait(self._under_way, timeout=pause, return_when=FIRST_COMPLETED)
                for future in done:
                    self._take(self._under_way.pop(future), future)
            elif pause:
                self.stop.wait(pause)
            self._look()
        for job in new:  # whatever was not begun
            self._settle(job, "not started", self._why_stopped)

    def _new(self) -> Iterator[Job]:
        return (Job(at, file, self.wishes.authz) for at, file in enumerate(self.found.files))

    def _next(self, new: Iterator[Job]) -> Job | None:
        if self.stop.is_set():
            while self._again:
                self._settle(self._again.popleft(), "not started", self._why_stopped)
            return None
        if self._again:
            return self._again.popleft()
        job = next(new, None)
        if job is not None and self.log is not None:
            self.log.begin(job.file, job.authz)
        return job

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
        elif not job.follows:
            self._sent[job.guid] = job
            self.confirmer.add(job.waiting())

    def _failed(self, job: Job, error: Gen3Error) -> None:
        why = "; ".join(part for part in (str(error), job.why) if part)
        if isinstance(error, Stopped):
            self._settle(job, "not started", self._why_stopped)
            return
        self._settle(job, "failed", why)
        if isinstance(error, FileChanged) or job.file.guid:
            return
        if _is_for_all(error):
            self.fatal = self.fatal or error
            self.stop.set()

    # -- what the index says -------------------------------------------------------------------------------

    def _look(self) -> None:
        try:
            verdicts = self.confirmer.look(last=self.stop.is_set() and not self._under_way)
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
            self._judge(self._sent.pop(verdict.guid), verdict)

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
        else:
            if not job.from_journal:
                uploader.take_back(job)
            why = f"{verdict.why}: it was not kept" if status == "wrong" else verdict.why
            self._settle(job, "failed", "; ".join(part for part in (why, job.why) if part))

    # -- what became of it ---------------------------------------------------------------------------------

    def _settle(self, job: Job, status: str, why: str = "", hash_: str = "") -> None:
        job.settle(status, why, hash_)
        moved = job.moved if status == "uploaded" else 0
        seconds = time.monotonic() - job.started
        outcome = Outcome(job.guid, job.file.path, moved, seconds, job.hash, status, why)
        self.spool.put([(job.at, outcome)])
        if job.begun is not None and status in ("uploaded", "already there"):
            size = job.begun.size
            self.facts.add(job.at, job.guid, job.file.name, size, job.begun.hashes, job.file.rows)
        if self.log is not None:
            self.log.settle(job.file, outcome)
        for other in self.uploader.over(job):
            if other.status:
                self._settle(other, other.status, other.why, other.hash)
            else:
                self._again.append(other)


def _is_for_all(error: Gen3Error) -> bool:
    """Say whether what a file met will meet all others too."""
    if isinstance(error, AuthError | NotConnected):
        return True
    return isinstance(error, TransferError) and "journal" in error.facts


def _finished(report: UploadReport, run: _Run) -> UploadReport:
    """Give the report, or raise with it what ended the upload early."""
    if run.interrupted:
        raise TransferError(
            f"Interrupted: {report}. The same call again goes on where this one stopped.",
            report=report,
            interrupted=True,
        )
    if run.fatal is not None:
        if isinstance(run.fatal, PermissionDenied) and not report.bytes:
            raise run.fatal
        raise TransferError(
            f"The upload ended early: {str(run.fatal).rstrip('. ')}. So far: {report}. The same call again "
            "goes on from here.",
            report=report,
        ) from run.fatal
    return report
