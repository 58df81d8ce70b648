"""Large files, range by range: what happens with each range that comes, or does not."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from gen3nb.transfer import fetching
from gen3nb.transfer.fetching import Job, Result
from gen3nb.transfer.large import Follower
from gen3nb.transfer.pooling import Coming, Pooled, settled
from gen3nb.transfer.report import bytes_of

__all__ = ["Ranges"]

#: So often a file is begun anew.
RESTARTS = 2


class Ranges(Pooled):
    """The part of a download that is about large files.

    Takes what :class:`~gen3nb.transfer.pooling.Pooled` takes.
    """

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        #: Large files that are worked on.
        self.large: list[Coming] = []
        #: Files to be fetched by one request, once more or after all.
        self.again: deque[Coming] = deque()

    def follow(self, coming: Coming) -> None:
        """Take the hash while ranges come; what is elsewhere reads the file once it is there."""
        if self.near and coming.large is not None and coming.file.kind:
            coming.follower = Follower(coming.job.part, coming.file.kind, coming.large.size)
            coming.large.beside.grown = coming.follower.grown
            for first, end in coming.large.merged():
                coming.follower.grown(first, end)

    def came(self, coming: Coming, job: Job, result: Result) -> None:
        """Settle a range."""
        large = coming.large
        assert large is not None  # noqa: S101 - ranges are of large files
        large.running -= 1
        large.moved += result.bytes
        if result.state == fetching.DONE:
            coming.renewals = 0
            if large.is_other(result):
                self._stop_ranges(coming, fetching.REPLACED, self._anew)
            elif not coming.ending:
                large.came(job, result)
        elif result.state == fetching.WHOLE and result.bytes >= large.size:
            large.came_whole()
        elif result.state == fetching.WHOLE:
            large.one_piece = True  # a range that came first may be all of it
        elif result.state == fetching.CHANGED:
            self._stop_ranges(coming, result.why, self._anew)
        elif result.state == fetching.STOPPED or (result.state == fetching.EXPIRED and self.renewed(coming)):
            large.again(job, result)
        else:
            # what came stays, so that the same call again goes on from there
            self._stop_ranges(coming, result.why, self._broken)
        if large.running:
            return
        if coming.then is not None:
            coming.then(coming)
        elif large.whole:
            self.complete(coming)
        elif large.one_piece:
            self._in_one_piece(coming)

    def _stop_ranges(self, coming: Coming, why: str, then: Callable[[Coming], None]) -> None:
        """Fetch no more of a large file; do something else once all that is on its way is in."""
        if not coming.ending:
            coming.ending, coming.then = why or "it failed", then

    def _drop(self, coming: Coming) -> None:
        """Have no more to do with a large file."""
        if coming.follower is not None:
            coming.follower.stop()
        self.large.remove(coming)

    def _broken(self, coming: Coming) -> None:
        self._drop(coming)
        assert coming.large is not None  # noqa: S101
        if not coming.large.job.etag:
            coming.large.give_up()
        self._end_large(coming, "failed", coming.ending)

    def _in_one_piece(self, coming: Coming) -> None:
        """Fetch a file by one request after all, since the store gives no ranges."""
        self._drop(coming)
        assert coming.large is not None  # noqa: S101
        coming.large.give_up()
        coming.large, coming.follower, coming.ending, coming.then = None, None, "", None
        self.again.append(coming)

    def _anew(self, coming: Coming) -> None:
        """Begin a file anew, unless that was done too often."""
        large = coming.large
        assert large is not None  # noqa: S101
        if coming.follower is not None:
            coming.follower.stop()
            coming.follower = None
        if large.restarts >= RESTARTS:
            self.large.remove(coming)
            large.give_up()
            self._end_large(coming, "failed", f"{coming.ending}; nothing of it was kept")
            return
        coming.ending, coming.then = "", None
        try:
            large.restart()
        except OSError as error:
            self.large.remove(coming)
            self.refused_by_disk(coming.file, error)
            return
        self.follow(coming)

    def complete(self, coming: Coming) -> None:
        """Check a large file, all of which is there, in the pool."""
        large, follower = coming.large, coming.follower
        assert large is not None  # noqa: S101
        coming.ending = "it is checked"  # no range of it is handed out
        large.running += 1
        future: Future[Result]
        if follower is not None:
            follower.all_there()
            future = self.handed(_followed, follower, coming.job)
        elif coming.file.kind:
            future = self.handed(fetching.check, coming.job)
        else:
            future = settled(Result(fetching.DONE))
        self.add_result(coming, coming.job, self._verified, future)

    def _verified(self, coming: Coming, job: Job, result: Result) -> None:
        """Settle a large file that was checked."""
        large = coming.large
        assert large is not None  # noqa: S101
        large.running -= 1
        if result.state == fetching.STOPPED:
            return
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
            self.whole(coming.file, result, "downloaded", large.moved, seconds, why)
        else:
            self._end_large(coming, "failed", result.why)


def _followed(follower: Follower, job: Job) -> Result:
    """Compare the hash that was taken on the way."""
    if follower.outdated:
        return fetching.check(job)
    try:
        found = follower.hash()
    except OSError as error:
        return Result(fetching.FAILED, f"{job.part} cannot be read: {error.strerror or error}")
    if found != job.value:
        return Result(fetching.DIFFERS, f"its {job.kind} is {found}, and {job.value} in the file index")
    return Result(fetching.DONE)
