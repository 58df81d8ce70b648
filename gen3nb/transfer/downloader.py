"""The loop of a download: hands out work, takes in results, and notes what is whole."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from itertools import islice

from gen3nb.client.fence_files import Presigned
from gen3nb.client.storage import Storage
from gen3nb.errors import Gen3Error
from gen3nb.transfer import fetching
from gen3nb.transfer.deciding import Maker
from gen3nb.transfer.fetching import Job, Result
from gen3nb.transfer.large import RANGE, LargeFile
from gen3nb.transfer.names import part_name
from gen3nb.transfer.plan import CHECK, REFUSED, THERE, WANTED, Plan, Planned
from gen3nb.transfer.pooling import Coming
from gen3nb.transfer.presigning import Presigner, Signs
from gen3nb.transfer.ranges import Ranges
from gen3nb.transfer.spool import Outcome, Spool

__all__ = ["Downloader"]

#: Files larger than this come in ranges.
LARGE = RANGE
#: Files smaller than this go several in one job, so many at most.
SMALL, TOGETHER = 1 << 20, 8
#: Jobs that are handed out, for each thread: one to do, one to wait, so that none is idle.
HANDED_OUT = 2


class Downloader(Ranges):
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
        super().__init__(
            maker.journal, spool, storage, parallel=parallel, executor=executor, stop=stop, told=told
        )
        self.plan, self.maker, self.fence, self.protocol = plan, maker, fence, protocol
        self._parallel = parallel
        self._exhausted = False
        self._folder = os.path.join(plan.folder, "")  # ends with the system's mark: a name is put after it
        self._folders: set[str] = set()
        #: Small files that wait for company.
        self._small: list[Coming] = []
        self._begun = 0

    def run(self) -> None:
        """Do all of it."""
        for file in self.plan.files(THERE, REFUSED):
            self.end(file, "already there" if file.state == THERE else "failed", file.why, hash=file.kind)
        self.presigner = Presigner(self.fence, self._files(), self.protocol)
        try:
            self._work()
        finally:
            self.presigner.close(at_once=self.stopping)
            for coming in self.large:
                if coming.follower is not None:
                    coming.follower.stop()
            self.close()
        self._leave_rest()

    # --- handing out ----------------------------------------------------------------------------------

    def _files(self) -> Iterator[Planned]:
        """Give what is to be fetched; first what is there is read, and given where it is another file."""
        waiting = self.plan.files(CHECK)
        while not self.stopping and (part := list(islice(waiting, 4 * self._parallel))):
            checks = [self.handed(fetching.check, self._job(file, there=True)) for file in part]
            for file, check in zip(part, checks, strict=True):
                yield from self._checked(file, self.result_of(check))
        yield from self.plan.files(WANTED)

    def _checked(self, file: Planned, result: Result) -> Iterator[Planned]:
        if result.state == fetching.DONE:
            self.whole(file, result, "already there", 0, result.seconds)
        elif result.state == fetching.DIFFERS:
            other = self.maker.instead(file)
            if other.state == WANTED:
                yield other
            elif other.state == CHECK:
                found = fetching.check(self._job(other, there=True))
                yield from self._checked(other, found)
            else:
                status = "already there" if other.state == THERE else "failed"
                self.end(other, status, other.why, hash=other.kind if other.state == THERE else "")
        elif result.state != fetching.STOPPED:
            self.end(file, "failed", result.why)

    def _job(self, file: Planned, *, there: bool = False) -> Job:
        """Make the job to fetch a file, or to read one that is there."""
        part = file.name if there else part_name(file.name, file.guid, self.maker.shard)
        return Job(
            guid=file.guid,
            url="",
            path=self._folder + file.name,
            part=self._folder + part,
            size=file.size,
            kind=file.kind,
            value=file.value,
            replaces=self.maker.overwrite,
        )

    def _work(self) -> None:
        while True:
            while not self.stopping and self.running < HANDED_OUT * self._parallel and self._hand_out():
                pass
            if not self.running:
                return
            self.settle()

    def _hand_out(self) -> bool:
        """Hand out one job, or settle one file; say whether there was any."""
        if self.again:
            coming = self.again.popleft()
            self.submit(coming, coming.job, fetching.fetch, self._fetched)
            return True
        for coming in self.large:
            job = coming.large.next() if coming.large is not None and not coming.ending else None
            if job is not None:
                self.submit(coming, job, fetching.fetch_range, self.came)
                return True
        if self._exhausted or len(self.large) >= self._parallel:
            return self._flush()
        if self._small and not self.presigner.ready:
            return self._flush()  # not to wait for the commons with work in hand
        try:
            given = self.presigner.next(self.stop)
        except Gen3Error as error:
            self.fatal = error
            return False
        if given is None:
            self._exhausted = True
            return self._flush()
        file, url = given
        if isinstance(url, Gen3Error):
            self.end(file, "failed", str(url))
        else:
            self._begin(file, url)
        return True

    def _begin(self, file: Planned, url: Presigned) -> None:
        """Begin to fetch a file."""
        job = self._job(file)
        coming = Coming(file, job, url)
        try:
            self._make_folder(os.path.dirname(job.path))
            if file.size is not None and file.size <= min(SMALL, LARGE):
                self._small.append(coming)
                if len(self._small) >= self._together():
                    self._flush()
                return
            if file.size is None or file.size <= LARGE:
                self.submit(coming, job, fetching.fetch, self._fetched)
                return
            coming.large = LargeFile(file, job, self.journal)
        except OSError as error:
            self.refused_by_disk(file, error)
            return
        self.told(coming.large.resumed)
        self.follow(coming)
        self.large.append(coming)
        if coming.large.whole:
            self.complete(coming)

    def _together(self) -> int:
        """Say how many small files go in one job: several, as long as there are enough for all threads."""
        self._begun += 1
        left = self.plan.counts[WANTED] - self._begun
        return max(1, min(TOGETHER, left // (4 * self._parallel)))

    def _flush(self) -> bool:
        """Hand out the small files in hand; say whether there were any."""
        several, self._small = self._small, []
        if several:
            self.submit_together(several, self._fetched)
        return bool(several)

    def _make_folder(self, folder: str) -> None:
        if folder not in self._folders:
            os.makedirs(folder, exist_ok=True)
            self._folders.add(folder)

    # --- taking in ------------------------------------------------------------------------------------

    def _fetched(self, coming: Coming, job: Job, result: Result) -> None:
        """Settle a file that came by one request."""
        if result.state == fetching.DONE:
            self.whole(coming.file, result, "downloaded", result.bytes, result.seconds)
        elif result.state == fetching.EXPIRED and self.renewed(coming):
            self.again.append(coming)
        elif result.state != fetching.STOPPED:
            self.end(coming.file, "failed", result.why, bytes=result.bytes, seconds=result.seconds)

    # --- noting ---------------------------------------------------------------------------------------

    def _leave_rest(self) -> None:
        """Say of the files that were left why they were."""
        if not self.stopping:
            return
        why = "interrupted" if self.interrupted else "stopped" if self.fatal is None else str(self.fatal)
        for file in self.plan.files(WANTED, CHECK):
            if not self.spool.has(file.position):
                self.spool.put([(file.position, Outcome(file.guid, file.name, why=why))])
