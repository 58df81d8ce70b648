"""The loop of a download: hands out work, takes in results, and notes what is whole."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

from gen3nb.client.fence_files import Presigned
from gen3nb.client.storage import Storage
from gen3nb.errors import Gen3Error, TransferError
from gen3nb.transfer import fetching
from gen3nb.transfer.fetching import Job, Result
from gen3nb.transfer.journal import Done
from gen3nb.transfer.large import RANGE, Follower, LargeFile
from gen3nb.transfer.names import part_name
from gen3nb.transfer.plan import CHECK, REFUSED, THERE, WANTED, Maker, Plan, Planned
from gen3nb.transfer.presigning import Presigner, Signs
from gen3nb.transfer.report import bytes_of
from gen3nb.transfer.spool import Outcome, Spool

__all__ = ["Downloader"]

#: Files larger than this come in ranges.
LARGE = 2 * RANGE
#: Jobs that are handed out, for each thread: one to do, one to wait, so that none is idle.
HANDED_OUT = 2
#: So many outcomes, or seconds, between two writes to the journal.
NOTED_EACH, NOTED_AFTER = 200, 0.5
#: So often in a row a URL is asked for anew for one file, and so often a file is begun anew.
RENEWALS, RESTARTS = 3, 2


Settle: TypeAlias = "Callable[[_Coming, Job, Result], None]"


@dataclass(eq=False)
class _Coming:
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
    then: Callable[[_Coming], None] | None = None


class Downloader:
    """Works through a plan.

    Parameters
    ----------
    plan : Plan
    maker : Maker
        Decides anew where a file turns out to be another one.
    spool : Spool
        Takes the outcomes.
    fence : Signs
    storage : Storage
    parallel : int
    protocol : str or None
    executor : Executor or None
        By default threads of its own.
    stop : threading.Event
    told : callable
        Called with bytes that came.
    """

    def __init__(
        self,
        plan: Plan,
        maker: Maker,
        spool: Spool,
        fence: Signs,
        storage: Storage,
        *,
        parallel: int,
        protocol: str | None,
        executor: Executor | None,
        stop: threading.Event,
        told: Callable[[int], None],
    ) -> None:
        self.plan, self.maker, self.journal, self.spool = plan, maker, maker.journal, spool
        self.fence, self.storage, self.protocol = fence, storage, protocol
        self.stop = stop
        self.interrupted = False
        self.fatal: Exception | None = None
        self._telling = threading.Lock()
        self._tell = told
        self._parallel = parallel
        self._pool = executor or ThreadPoolExecutor(parallel, thread_name_prefix="gen3nb-download")
        self._own = executor is None
        # threads can be stopped and can tell; what is elsewhere gets neither
        self._near = isinstance(self._pool, ThreadPoolExecutor)
        self._results: SimpleQueue[tuple[_Coming, Job, Settle, Future[Result]]] = SimpleQueue()
        self._running = 0
        self._exhausted = False
        self._large: list[_Coming] = []
        self._again: deque[_Coming] = deque()
        self._folders: set[Path] = set()
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

    def run(self) -> None:
        """Do all of it."""
        for file in self.plan.files(THERE, REFUSED):
            self._end(file, "already there" if file.state == THERE else "failed", file.why, hash=file.kind)
        self.presigner = Presigner(self.fence, self._files(), self.protocol)
        try:
            self._work()
        finally:
            self.presigner.close()
            for coming in self._large:
                if coming.follower is not None:
                    coming.follower.stop()
            if self._own:
                self._pool.shutdown(wait=True, cancel_futures=True)
            self.storage.close()
            self._note(everything=True)
        self._leave_rest()

    # --- handing out ----------------------------------------------------------------------------------

    def _files(self) -> Iterator[Planned]:
        """Give what is to be fetched; first what is there is read, and given where it is another file."""
        waiting = self.plan.files(CHECK)
        while not self.stopping and (part := list(islice(waiting, 4 * self._parallel))):
            jobs = [self._job(file, there=True) for file in part]
            for file, future in zip(
                part, [self._pool.submit(fetching.check, job) for job in jobs], strict=True
            ):
                yield from self._checked(file, future.result())
        yield from self.plan.files(WANTED)

    def _checked(self, file: Planned, result: Result) -> Iterator[Planned]:
        if result.state == fetching.DONE:
            self._whole(file, result, "already there", 0, result.seconds)
        elif result.state == fetching.DIFFERS:
            other = self.maker.instead(file)
            if other.state == WANTED:
                yield other
            elif other.state == CHECK:
                found = fetching.check(self._job(other, there=True))
                yield from self._checked(other, found)
            else:
                status = "already there" if other.state == THERE else "failed"
                self._end(other, status, other.why, hash=other.kind if other.state == THERE else "")
        else:
            self._end(file, "failed", result.why)

    def _job(self, file: Planned, *, there: bool = False) -> Job:
        """Make the job to fetch a file, or to read one that is there."""
        path = self.plan.folder / file.name
        part = path if there else self.plan.folder / part_name(file.name, file.guid, self.maker.shard)
        return Job(
            guid=file.guid,
            url="",
            path=str(path),
            part=str(part),
            size=file.size,
            kind=file.kind,
            value=file.value,
            replaces=self.maker.overwrite,
        )

    def _work(self) -> None:
        while True:
            while not self.stopping and self._running < HANDED_OUT * self._parallel and self._hand_out():
                pass
            if not self._running:
                return
            self._settle()

    def _hand_out(self) -> bool:
        """Hand out one job, or settle one file; say whether there was any."""
        if self._again:
            coming = self._again.popleft()
            self._submit(coming, coming.job, fetching.fetch, self._fetched)
            return True
        for coming in self._large:
            job = coming.large.next() if coming.large is not None and not coming.ending else None
            if job is not None:
                self._submit(coming, job, fetching.fetch_range, self._came)
                return True
        if self._exhausted or len(self._large) >= self._parallel:
            return False
        try:
            given = self.presigner.next()
        except Gen3Error as error:
            self.fatal = error
            return False
        if given is None:
            self._exhausted = True
            return False
        file, url = given
        if isinstance(url, Gen3Error):
            self._end(file, "failed", str(url))
        else:
            self._begin(file, url)
        return True

    def _begin(self, file: Planned, url: Presigned) -> None:
        """Begin to fetch a file."""
        job = self._job(file)
        coming = _Coming(file, job, url)
        try:
            self._make_folder(Path(job.path).parent)
            if file.size is None or file.size <= LARGE:
                self._submit(coming, job, fetching.fetch, self._fetched)
                return
            coming.large = LargeFile(file, job, self.journal)
        except OSError as error:
            self._refused_by_disk(file, error)
            return
        self._told(coming.large.resumed)
        self._follow(coming)
        self._large.append(coming)
        if coming.large.whole:
            self._complete(coming)

    def _make_folder(self, folder: Path) -> None:
        if folder not in self._folders:
            folder.mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)

    def _follow(self, coming: _Coming) -> None:
        """Take the hash while ranges come; what is elsewhere reads the file once it is there."""
        if self._near and coming.large is not None and coming.file.kind:
            coming.follower = Follower(coming.job.part, coming.file.kind, coming.large.size)
            coming.follower.grown(coming.large.frontier)

    def _submit(
        self, coming: _Coming, job: Job, function: Callable[..., Result], settle: Settle, *more: Any
    ) -> None:
        """Hand a job to the pool."""
        try:
            coming.url = self.presigner.fresh(coming.file, coming.url)
            near = (self.stop, self._told) if self._near else ()
            future = self._pool.submit(function, replace(job, url=str(coming.url.url)), self.storage, *near)
        except Gen3Error as error:
            self._running += 1
            self._results.put((coming, job, settle, _settled(Result(fetching.FAILED, str(error)))))
            return
        except RuntimeError as error:  # the pool is broken or closed
            self._running += 1
            self.fatal = self.fatal or TransferError(f"the executor takes no more work ({error})")
            self._results.put((coming, job, settle, _settled(Result(fetching.STOPPED))))
            return
        self._running += 1
        future.add_done_callback(lambda done: self._results.put((coming, job, settle, done)))

    def _told(self, count: int) -> None:
        """Pass on that bytes came; from any thread."""
        with self._telling:
            self._tell(count)

    # --- taking in ------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Take in one result."""
        try:
            coming, job, settle, future = self._results.get(timeout=NOTED_AFTER)
        except Empty:
            self._note()
            return
        self._running -= 1
        try:
            result = future.result()
        except Exception as error:  # the pool's own trouble: a worker that died, a job that was cancelled
            result = Result(fetching.FAILED, f"the worker that fetched it was lost ({type(error).__name__})")
        if not self._near:
            self._told(result.bytes)
        if result.state == fetching.FULL:
            self.fatal = self.fatal or TransferError(result.why)
        settle(coming, job, result)
        self._note()

    def _fetched(self, coming: _Coming, job: Job, result: Result) -> None:
        """Settle a file that came by one request."""
        if result.state == fetching.DONE:
            self._whole(coming.file, result, "downloaded", result.bytes, result.seconds)
        elif result.state == fetching.EXPIRED and self._renewed(coming):
            self._again.append(coming)
        elif result.state != fetching.STOPPED:
            self._end(coming.file, "failed", result.why, bytes=result.bytes, seconds=result.seconds)

    def _renewed(self, coming: _Coming) -> bool:
        """Ask for another URL; say whether there is one."""
        coming.renewals += 1
        if coming.renewals > RENEWALS:
            return False
        with suppress(Gen3Error):
            coming.url = self.presigner.another(coming.file)
            return True
        return False

    def _came(self, coming: _Coming, job: Job, result: Result) -> None:
        """Settle a range."""
        large = coming.large
        assert large is not None  # noqa: S101 - ranges are of large files
        large.running -= 1
        large.moved += result.bytes
        if result.state == fetching.DONE:
            coming.renewals = 0
            if not coming.ending:
                large.came(job, result.etag)
        elif result.state == fetching.WHOLE and result.bytes >= large.size:
            large.came_whole()
        elif result.state == fetching.WHOLE:
            self._stop_ranges(coming, result.why, self._in_one_piece)
        elif result.state == fetching.CHANGED:
            self._stop_ranges(coming, result.why, self._anew)
        elif result.state == fetching.STOPPED or (result.state == fetching.EXPIRED and self._renewed(coming)):
            large.again(job)
        else:
            # what came stays, so that the same call again goes on from there
            self._stop_ranges(coming, result.why, self._broken)
        if coming.follower is not None and not coming.ending:
            coming.follower.grown(large.frontier)
        if large.running:
            return
        if coming.then is not None:
            coming.then(coming)
        elif large.whole:
            self._complete(coming)

    def _stop_ranges(self, coming: _Coming, why: str, then: Callable[[_Coming], None]) -> None:
        """Fetch no more of a large file; do something else once all that is on its way is in."""
        if not coming.ending:
            coming.ending, coming.then = why or "it failed", then

    def _drop(self, coming: _Coming) -> None:
        """Have no more to do with a large file."""
        if coming.follower is not None:
            coming.follower.stop()
        self._large.remove(coming)

    def _broken(self, coming: _Coming) -> None:
        self._drop(coming)
        assert coming.large is not None  # noqa: S101
        if not coming.large.job.etag:
            coming.large.give_up()
        self._end_large(coming, "failed", coming.ending)

    def _in_one_piece(self, coming: _Coming) -> None:
        """Fetch a file by one request after all, since the store gives no ranges."""
        self._drop(coming)
        assert coming.large is not None  # noqa: S101
        coming.large.give_up()
        coming.large, coming.follower, coming.ending, coming.then = None, None, "", None
        self._again.append(coming)

    def _anew(self, coming: _Coming) -> None:
        """Begin a file anew, unless that was done too often."""
        large = coming.large
        assert large is not None  # noqa: S101
        if coming.follower is not None:
            coming.follower.stop()
            coming.follower = None
        if large.restarts >= RESTARTS:
            self._large.remove(coming)
            large.give_up()
            self._end_large(coming, "failed", f"{coming.ending}; nothing of it was kept")
            return
        coming.ending, coming.then = "", None
        try:
            large.restart()
        except OSError as error:
            self._large.remove(coming)
            self._refused_by_disk(coming.file, error)
            return
        self._follow(coming)

    def _complete(self, coming: _Coming) -> None:
        """Check a large file, all of which is there, in the pool."""
        large, follower = coming.large, coming.follower
        assert large is not None  # noqa: S101
        coming.ending = "it is checked"  # no range of it is handed out
        large.running += 1
        self._running += 1
        future: Future[Result]
        if follower is not None:
            follower.grown(large.size)
            future = self._pool.submit(_followed, follower, coming.job)
        elif coming.file.kind:
            future = self._pool.submit(fetching.check, coming.job)
        else:
            future = _settled(Result(fetching.DONE))
        future.add_done_callback(lambda done: self._results.put((coming, coming.job, self._verified, done)))

    def _verified(self, coming: _Coming, job: Job, result: Result) -> None:
        """Settle a large file that was checked."""
        large = coming.large
        assert large is not None  # noqa: S101
        large.running -= 1
        if result.state == fetching.DIFFERS:
            coming.ending = result.why
            self._anew(coming)
            return
        self._drop(coming)
        if result.state == fetching.DONE:
            result = fetching.finish(job)
        if result.state == fetching.DONE:
            seconds = time.monotonic() - coming.started
            why = f"went on after {bytes_of(large.resumed)} of an earlier call" if large.resumed else ""
            self._whole(coming.file, result, "downloaded", large.moved, seconds, why)
        else:
            self._end_large(coming, "failed", result.why)

    # --- noting ---------------------------------------------------------------------------------------

    def _whole(
        self, file: Planned, result: Result, status: str, moved: int, seconds: float, why: str = ""
    ) -> None:
        """Note a file that is whole and right."""
        if not file.kind:
            checked = "only its size was checked" if file.size is not None else "nothing could be checked"
            why = f"{checked}: the index has no hash" + (f"; {why}" if why else "")
        self._done.append(Done(file.name, file.guid, result.size, result.mtime_ns, file.kind, file.value))
        self._end(file, status, why, hash=file.kind, bytes=moved, seconds=seconds)

    def _end_large(self, coming: _Coming, status: str, why: str) -> None:
        moved = coming.large.moved if coming.large is not None else 0
        self._end(coming.file, status, why, bytes=moved, seconds=time.monotonic() - coming.started)

    def _end(
        self,
        file: Planned,
        status: str,
        why: str = "",
        *,
        hash: str = "",
        bytes: int = 0,
        seconds: float = 0.0,
    ) -> None:
        outcome = Outcome(file.guid, file.name, bytes, round(seconds, 3), hash, status, why)
        self._outcomes.append((file.position, outcome))
        self._note()

    def _refused_by_disk(self, file: Planned, error: OSError) -> None:
        result = fetching.refused_by_disk(error)
        if result.state == fetching.FULL:
            self.fatal = self.fatal or TransferError(result.why)
        self._end(file, "failed", result.why)

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

    def _leave_rest(self) -> None:
        """Say of the files that were left why they were."""
        if not self.stopping:
            return
        why = "interrupted" if self.interrupted else "stopped" if self.fatal is None else str(self.fatal)
        for file in self.plan.files(WANTED, CHECK):
            if not self.spool.has(file.position):
                self.spool.put([(file.position, Outcome(file.guid, file.name, why=why))])


def _settled(result: Result) -> Future[Result]:
    """Give a future that is over."""
    future: Future[Result] = Future()
    future.set_result(result)
    return future


def _followed(follower: Follower, job: Job) -> Result:
    """Compare the hash that was taken on the way."""
    try:
        found = follower.hash()
    except OSError as error:
        return Result(fetching.FAILED, f"{job.part} cannot be read: {error.strerror or error}")
    if found != job.value:
        return Result(fetching.DIFFERS, f"its {job.kind} is {found}, and {job.value} in the file index")
    return Result(fetching.DONE)
