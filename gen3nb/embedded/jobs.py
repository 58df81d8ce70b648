"""Jobs: work in the background, each with a log, as Kubernetes runs it for sower."""

from __future__ import annotations

import random
import string
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

AT_ONCE = 4


class Stopped(Exception):
    """The commons ends, or forgets its jobs."""


class Failed(Exception):
    """The job cannot go on; the message is for its log."""


@dataclass
class Job:
    """One job: ``Unknown`` until it starts, then ``Running``, then ``Completed`` or ``Failed``."""

    name: str
    owner: str
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "Unknown"
    started: float | None = None
    log: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event, repr=False)

    def say(self, line: str) -> None:
        """Write a line to the log."""
        self.log.append(line)

    def check(self) -> None:
        """Go on, unless the job has to stop.

        Raises
        ------
        Stopped
            If it has.
        """
        if self.stop.is_set():
            raise Stopped

    def wait(self, seconds: float) -> None:
        """Wait, unless the job has to stop."""
        if seconds > 0:
            self.stop.wait(seconds)
        self.check()


class Jobs:
    """The jobs of one practice commons; a few run at once, the others wait for their turn.

    Attributes
    ----------
    delay : float
        Seconds until a job starts.
    duration : float
        The fewest seconds that a job runs.
    lifetime : float
        Seconds after its start when a job that has ended is forgotten.
    """

    def __init__(self) -> None:
        self.delay = 0.3
        self.duration = 0.0
        self.lifetime = 1800.0
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def start(self, kind: str, owner: str, work: Callable[[Job], None]) -> Job:
        """Put work in the queue."""
        letters = "".join(random.choices(string.ascii_lowercase, k=5))  # noqa: S311 - a name, no secret
        job = Job(f"{kind}-{letters}", owner)
        with self._lock:
            self._jobs[job.uid] = job
            if self._pool is None:
                self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="job")
            self._pool.submit(self._run, job, work)
        return job

    def _run(self, job: Job, work: Callable[[Job], None]) -> None:
        try:
            job.wait(self.delay)
            job.started = time.monotonic()
            job.status = "Running"
            end = "Completed"
            try:
                work(job)
            except Failed as failed:
                job.say(f"ERROR: {failed}")
                job.say(f"[out] ERROR: {failed}")
                end = "Failed"
            job.wait(self.duration - (time.monotonic() - job.started))
        except Stopped:
            end = "Failed"
        except Exception as error:  # as of a container: its trace is in the log, and the others go on
            job.say(f"{type(error).__name__}: {error}")
            end = "Failed"
        job.status = end

    def all(self) -> list[Job]:
        """Give the jobs that are not forgotten yet, in the order of their names, as Kubernetes does."""
        now = time.monotonic()
        with self._lock:
            for job in list(self._jobs.values()):
                over = job.status in ("Completed", "Failed")
                if over and job.started is not None and now - job.started > self.lifetime:
                    del self._jobs[job.uid]
            return sorted(self._jobs.values(), key=lambda job: job.name)

    def find(self, uid: str, owner: str | None = None) -> Job | None:
        """Find a job, of whomever or of one user."""
        found = next((job for job in self.all() if job.uid == uid), None)
        return found if found and owner in (None, found.owner) else None

    def forget(self) -> None:
        """Stop and forget all jobs."""
        with self._lock:
            for job in self._jobs.values():
                job.stop.set()
            self._jobs = {}
