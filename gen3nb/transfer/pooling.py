"""Jobs in a pool: handed out, stopped, taken in one by one, and what became of files noted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

from gen3nb.client.fence_files import Presigned
from gen3nb.client.storage import Storage
from gen3nb.errors import Gen3Error, TransferError
from gen3nb.transfer import fetching
from gen3nb.transfer.executors import lost, takes_no_more
from gen3nb.transfer.fetching import Job, Result
from gen3nb.transfer.journal import Done, Journal
from gen3nb.transfer.large import Follower, LargeFile
from gen3nb.transfer.plan import Planned
from gen3nb.transfer.presigning import Presigner
from gen3nb.transfer.spool import Outcome, Spool

__all__ = ["Coming", "Pooled", "settled"]

#: So many outcomes, or seconds, between two writes to the journal.
NOTED_EACH, NOTED_AFTER = 200, 0.5
#: So often in a row a URL is asked for anew for one file.
RENEWALS = 3

Settle: TypeAlias = "Callable[[Coming, Job, Result], None]"


@dataclass(eq=False)
class Coming:
    """A file that is worked on."""

    file: Planned
    job: Job
    url: Presigned
    large: LargeFile | None = None
    follower: Follower | None = None
    started: float = field(default_factory=time.monotonic)
    renewals: int = 0
    #: Why no more of it is fetched, and what happens once the ranges on their way are in.
    ending: str = ""
    then: Callable[[Coming], None] | None = None


class Pooled:
    """A pool and what it works on.

    Parameters
    ----------
    journal : Journal
    spool : Spool
        Takes the outcomes.
    storage : Storage
    parallel : int
    executor : Executor or None
        By default threads of its own.
    stop : threading.Event
    told : callable
        Called with bytes that came.
    """

    def __init__(
        self,
        journal: Journal,
        spool: Spool,
        storage: Storage,
        *,
        parallel: int,
        executor: Executor | None,
        stop: threading.Event,
        told: Callable[[int], None],
    ) -> None:
        self.presigner: Presigner
        self.journal, self.spool, self.storage = journal, spool, storage
        self.stop = stop
        self.interrupted = False
        self.fatal: Exception | None = None
        self._telling = threading.Lock()
        self._tell = told
        self.pool = executor or ThreadPoolExecutor(parallel, thread_name_prefix="gen3nb-download")
        self._own = executor is None
        # threads can be stopped and can tell; what is elsewhere gets neither
        self.near = isinstance(self.pool, ThreadPoolExecutor)
        self._results: SimpleQueue[tuple[list[Coming], list[Job], Settle, Future[Any]]] = SimpleQueue()
        self.running = 0
        self._outcomes: list[tuple[int, Outcome]] = []
        self._done: list[Done] = []
        self._noted = time.monotonic()

    def interrupt(self) -> None:
        """Stop, and say so."""
        self.interrupted = True
        self.stop.set()

    @property
    def stopping(self) -> bool:
        """Whether no more is to be begun."""
        return self.stop.is_set() or self.fatal is not None

    def close(self) -> None:
        """End the pool, and write down what became of files."""
        if self._own:
            self.pool.shutdown(wait=True, cancel_futures=True)
        self.storage.close()
        self._note(everything=True)

    # --- jobs -----------------------------------------------------------------------------------------

    def submit(self, coming: Coming, job: Job, function: Callable[..., Result], settle: Settle) -> None:
        """Hand a job to the pool."""
        if self._sign(coming, job, settle):
            self._hand([coming], [job], settle, function, job, *self._beside(coming))

    def _beside(self, coming: Coming) -> tuple[Any, ...]:
        """Give what the threads share that fetch ranges of one file."""
        if coming.large is None or not self.near:
            return ()
        return (coming.large.beside,)

    def submit_together(self, several: list[Coming], settle: Settle) -> None:
        """Hand several small files to the pool as one job: handing out costs as much as a small file."""
        held = [coming for coming in several if self._sign(coming, coming.job, settle)]
        if held:
            jobs = [coming.job for coming in held]
            self._hand(held, jobs, settle, fetching.fetch_together, jobs)

    def _sign(self, coming: Coming, job: Job, settle: Settle) -> bool:
        """Give a job its URL; where there is none any more, settle it."""
        try:
            coming.url = self.presigner.fresh(coming.file, coming.url)
        except Gen3Error as error:
            self.add_result(coming, job, settle, settled(Result(fetching.FAILED, str(error))))
            return False
        job.url = str(coming.url.url)
        return True

    def _hand(
        self,
        comings: list[Coming],
        jobs: list[Job],
        settle: Settle,
        function: Callable[..., Any],
        work: Any,
        *beside: Any,
    ) -> None:
        near = (self.stop, self.told, *beside) if self.near else ()
        self.running += 1
        future = self.handed(function, work, self.storage, *near)
        future.add_done_callback(lambda done: self._results.put((comings, jobs, settle, done)))

    def handed(self, function: Callable[..., Any], *given: Any) -> Future[Any]:
        """Hand something to the pool; where that takes no more, all of it stops."""
        try:
            return self.pool.submit(function, *given)
        except Exception as error:  # it is broken or closed, or no process and no connection can be had
            self.fatal = self.fatal or TransferError(takes_no_more(error))
            return settled(Result(fetching.STOPPED))

    def add_result(self, coming: Coming, job: Job, settle: Settle, future: Future[Result]) -> None:
        """Take in a result when it is there."""
        self.running += 1
        future.add_done_callback(lambda done: self._results.put(([coming], [job], settle, done)))

    def told(self, count: int) -> None:
        """Pass on that bytes came; from any thread."""
        with self._telling:
            self._tell(count)

    def settle(self) -> None:
        """Take in one result."""
        try:
            comings, jobs, settle, future = self._results.get(timeout=NOTED_AFTER)
        except Empty:
            self._note()
            return
        self.running -= 1
        given = self.result_of(future)
        results = given if isinstance(given, list) else [given] * len(comings)
        for coming, job, result in zip(comings, jobs, results, strict=True):
            if not self.near:
                self.told(result.bytes)
            if result.state == fetching.FULL:
                self.fatal = self.fatal or TransferError(result.why)
            settle(coming, job, result)
        self._note()

    def result_of(self, future: Future[Any]) -> Any:
        """Give what a job gave; a worker that was lost is a failure of its files."""
        try:
            return future.result()
        except BrokenExecutor as error:
            self.fatal = self.fatal or TransferError(takes_no_more(error))
            return Result(fetching.FAILED, lost(error))
        except Exception as error:  # the pool's own trouble: a worker that died, a job that was cancelled
            return Result(fetching.FAILED, lost(error))

    def renewed(self, coming: Coming) -> bool:
        """Ask for another URL; say whether there is one."""
        coming.renewals += 1
        if coming.renewals > RENEWALS:
            return False
        with suppress(Gen3Error):
            coming.url = self.presigner.another(coming.file)
            return True
        return False

    # --- noting ---------------------------------------------------------------------------------------

    def whole(
        self, file: Planned, result: Result, status: str, moved: int, seconds: float, why: str = ""
    ) -> None:
        """Note a file that is whole and right."""
        if not file.kind:
            checked = "only its size was checked" if file.size is not None else "nothing could be checked"
            why = f"{checked}: the index has no hash" + (f"; {why}" if why else "")
        self._done.append(Done(file.name, file.guid, result.size, result.mtime_ns, file.kind, file.value))
        self.end(file, status, why, hash=file.kind, bytes=moved, seconds=seconds)

    def _end_large(self, coming: Coming, status: str, why: str) -> None:
        moved = coming.large.moved if coming.large is not None else 0
        self.end(coming.file, status, why, bytes=moved, seconds=time.monotonic() - coming.started)

    def end(
        self,
        file: Planned,
        status: str,
        why: str = "",
        *,
        hash: str = "",
        bytes: int = 0,
        seconds: float = 0.0,
    ) -> None:
        """Note what became of a file."""
        outcome = Outcome(file.guid, file.name, bytes, round(seconds, 3), hash, status, why)
        self._outcomes.append((file.position, outcome))
        self._note()

    def refused_by_disk(self, file: Planned, error: OSError) -> None:
        """Note a file that the disk did not take; a full disk ends it all."""
        result = fetching.refused_by_disk(error)
        if result.state == fetching.FULL:
            self.fatal = self.fatal or TransferError(result.why)
        self.end(file, "failed", result.why)

    def _note(self, *, everything: bool = False) -> None:
        """Write down what became of files, some at a time."""
        now = time.monotonic()
        if not (everything or len(self._outcomes) >= NOTED_EACH or now - self._noted > NOTED_AFTER):
            return
        self._noted = now
        done, self._done = self._done, []
        outcomes, self._outcomes = self._outcomes, []
        if done:
            self.journal.note_done(done)
        if outcomes:
            self.spool.put(outcomes)


def settled(result: Result) -> Future[Result]:
    """Give a future that is over."""
    future: Future[Result] = Future()
    future.set_result(result)
    return future
