"""A job of the job service: its status, its output, and waiting for its end."""

from __future__ import annotations

import contextlib
import html
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from gen3nb.client.job_record import KnownJob
from gen3nb.client.redaction import redact
from gen3nb.errors import NotFound, ServiceError, TimedOut, Unavailable

if TYPE_CHECKING:
    from gen3nb.client.sower import Sower

__all__ = ["GONE", "Job", "gone"]

COMPLETED, FAILED = "Completed", "Failed"
#: Ours, not the service's: it has forgotten the job, whichever way that ended.
GONE = "Gone"

# Seconds between two looks: at first short, for jobs that are quick.
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 10.0
# So many looks in a row may go without an answer before waiting is given up.
PATIENCE = 20

Tell: TypeAlias = Callable[[int, int | None, str], None]


class Job:
    """A job that runs in the commons, whether or not this program does. Made by ``commons.sower``.

    It pickles without any secret: by its UID and the commons' address and profile.

    Attributes
    ----------
    uid : str
        By which ``commons.sower.job(uid)`` finds it again.
    name : str
        By which the commons' operators know it.
    action : str
        What it does; empty if it was not started from this computer.
    last_status : str
        The status as it was last seen.
    """

    def __init__(self, sower: Sower, uid: str, *, name: str = "", action: str = "", last: str = "") -> None:
        self._sower = sower
        self.uid = uid
        self.name = name
        self.action = action
        self.last_status = last
        self._gone = False
        self._output: str | None = None

    def __repr__(self) -> str:
        what = self.action or self.name or "job"
        return f"<Job {what} {self.uid}: {GONE if self._gone else self.last_status or 'not looked at'}>"

    def _repr_html_(self) -> str:
        return f"<code>{html.escape(repr(self))}</code>"

    def __reduce__(self) -> tuple[Callable[..., Job], tuple[Any, ...]]:
        return (_reopen, (self._sower.commons, self.uid, self.name, self.action, self.last_status))

    @property
    def status(self) -> str:
        """The status now (``GET /job/status``).

        ``Unknown`` (not started yet), ``Running``, ``Completed``, ``Failed``; or ``Gone``: the service has
        forgotten it, as it does some time after a job has ended. ``last_status`` is what it was before.

        Raises
        ------
        NotFound
            There is no such job, and none was started from here.
        """
        return self.refresh()

    def refresh(self) -> str:
        """Look at the job again (``GET /job/status``), and give its status."""
        if self._gone:
            return GONE
        failed: NotFound | None = None
        try:
            answer = self._sower.look(self.uid)
        except NotFound as error:
            failed = error
        if failed is not None:
            if not (failed.facts.get("gone") or ("gone" in failed.facts and self.last_status)):
                raise failed
            self.last_status = failed.facts.get("last_status") or self.last_status
            self._gone = True
            return GONE
        self.name = str(answer.get("name") or self.name)
        self.last_status = str(answer.get("status") or "")
        return self.last_status

    @property
    def output(self) -> str:
        """What the job gave (``GET /job/output``): its last line of output, often a link; maybe empty.

        Raises
        ------
        NotFound
            It is gone, and its output with it; or another user's.
        """
        if self._output is None:
            output = self._sower.output(self.uid)
            if self.last_status not in (COMPLETED, FAILED):
                return output  # there may be more to come
            self._output = output
        return self._output

    @property
    def log(self) -> str:
        """What was seen of the job from here: a line for each status, and its output if it is still there.

        The job service gives nobody a job's own log: operators of the commons find that by ``name``.
        """
        noted = self._sower.record.find(self.uid)
        lines = [f"{at} {status}" for at, status in (noted.history if noted and noted.history else [])]
        now = self.refresh()
        if not lines or not lines[-1].endswith(f" {now}"):
            lines.append(f"now {now}")
        with contextlib.suppress(NotFound, ServiceError):
            lines += [f"[out] {line}" for line in (self._output or self.output).splitlines()]
        return "\n".join(lines)

    def wait(self, timeout: float | None = None, *, progress: bool | Tell = True) -> Job:
        """Wait until the job has ended (``GET /job/status``, again and again).

        Interrupting it does not touch the job.

        Parameters
        ----------
        timeout : float, optional
            Seconds; by default as long as it takes.
        progress : bool or callable
            ``True`` shows time and status; a function gets (seconds, None, status).

        Returns
        -------
        Job
            This one, completed; its output is fetched by then.

        Raises
        ------
        ServiceError
            It failed.
        TimedOut
            It has not ended in time. It goes on.
        NotFound
            It is gone and was not seen to complete: how it ended is not known.
        Unavailable
            The commons gave no answer for long. The job goes on.
        """
        started, pause, silent = time.monotonic(), FIRST_PAUSE, 0
        with _shown(progress, self.action or self.name or "job") as tell:
            while True:
                try:
                    status, silent = self.refresh(), 0
                except Unavailable:
                    silent += 1
                    if silent >= PATIENCE:
                        raise
                    status = self.last_status
                elapsed = time.monotonic() - started
                tell(int(elapsed), None, status)
                if status in (COMPLETED, FAILED, GONE):
                    return self._ended(status)
                left = timeout - elapsed if timeout is not None else pause
                if left <= 0:
                    break
                time.sleep(min(pause, left))
                pause = min(pause * 1.5, LONGEST_PAUSE)
        raise TimedOut(
            f"the job {self.uid} has not ended within {timeout:g} s (it is {status}); it goes on: "
            f"commons.sower.job({self.uid!r}) finds it again",
            service="sower",
            uid=self.uid,
        )

    def _ended(self, status: str) -> Job:
        """Fetch the output while it is there; raise unless it completed."""
        if status == GONE and self.last_status != COMPLETED:
            raise gone(self.uid, None, self._sower.transport.endpoint, last=self.last_status)
        if status != GONE:
            with contextlib.suppress(ServiceError):
                _ = self.output
        if status == FAILED:
            output = redact(
                self._output or ""
            )  # it may hold a link that is a secret; ``output`` has it whole
            said = f': "{output}"' if output else ""
            raise ServiceError(
                f"the job {self.uid} ({self.action or self.name}) failed{said}; the commons' operators find "
                f"its log under the name {self.name or self.uid!r}",
                service="sower",
                uid=self.uid,
                output=output,
            )
        return self

    def cancel(self) -> None:
        """Say that a job cannot be stopped: the job service has no way to.

        Raises
        ------
        ServiceError
            Always.
        """
        raise ServiceError(
            f"the job service of a commons cannot stop a job: {self.uid} goes on until it ends or its own "
            f"time limit does (usually two hours); its operators can stop it by its name, {self.name!r}",
            service="sower",
            uid=self.uid,
        )


def gone(uid: str, noted: KnownJob | None, endpoint: str, *, last: str = "") -> NotFound:
    """Say that the service does not know a job: gone if it was started from here, else unknown."""
    last = noted.status if noted is not None else last
    if noted is None and not last:
        return NotFound(
            f"{endpoint} has no job {uid!r}, and none of this UID was started from this computer: check the "
            "UID; a job is forgotten some 30 minutes after it has ended",
            service="sower",
            uid=uid,
            gone=False,
        )
    what = f" ({noted.action})" if noted is not None and noted.action else ""
    ending = f"it was {last} when last seen" if last else "it was not seen again after its start"
    return NotFound(
        f"the job {uid}{what} is gone: a commons forgets a job, with its output, some 30 minutes after it "
        f"has ended; {ending}, which does not mean that it failed",
        service="sower",
        uid=uid,
        gone=True,
        last_status=last,
    )


def _reopen(commons: Any, uid: str, name: str, action: str, last: str) -> Job:
    """Make a job again from what its pickle holds."""
    return Job(commons.sower, uid, name=name, action=action, last=last)


@contextlib.contextmanager
def _shown(progress: bool | Tell, label: str) -> Iterator[Tell]:
    """Show time and status while the block runs."""
    if callable(progress):
        yield progress
    elif not progress:
        yield lambda seconds, total, status: None
    else:
        from tqdm.auto import tqdm

        form = "{desc} [{elapsed}]"
        with tqdm(total=None, desc=label, bar_format=form, delay=1.0, leave=False) as bar:
            yield lambda seconds, total, status: bar.set_description_str(f"{label}: {status}")
