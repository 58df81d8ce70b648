"""Which jobs this user has started, so that one that the commons has forgotten can be told from none.

One small file under the user's state folder, readable by the user alone, appended line by line. It holds ids,
names, actions and statuses: no input and no output, which may hold secrets.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["JobRecord", "KnownJob"]

logger = logging.getLogger("gen3nb.client")

# Past this size the file is written anew, with the newest jobs only.
LARGE = 512 * 1024
KEPT = 500


@dataclass
class KnownJob:
    """What is remembered of a job.

    Attributes
    ----------
    uid, name, action : str
    username : str
        Who started it.
    started : str
        When, as ISO text in UTC; empty if another program started it.
    status : str
        As it was last seen.
    seen : str
        When that was.
    history : list of (str, str)
        Each time a new status was seen, and that status.
    """

    uid: str
    name: str = ""
    action: str = ""
    username: str = ""
    started: str = ""
    status: str = ""
    seen: str = ""
    history: list[tuple[str, str]] | None = None


class JobRecord:
    """The jobs that were started on one commons from this computer.

    Parameters
    ----------
    endpoint : str
        The commons.
    path : Path, optional
        The file; by default ``gen3nb/jobs.jsonl`` in the user's state folder.
    """

    def __init__(self, endpoint: str, path: Path | None = None) -> None:
        self.endpoint = endpoint
        self._path = path

    @property
    def path(self) -> Path:
        """The file."""
        if self._path is None:
            from platformdirs import user_state_path

            self._path = user_state_path("gen3nb", appauthor=False) / "jobs.jsonl"
        return self._path

    def started(self, job: KnownJob) -> None:
        """Remember a job that has just been started."""
        self._write(
            event="started",
            uid=job.uid,
            name=job.name,
            action=job.action,
            username=job.username,
            status=job.status,
        )

    def saw(self, uid: str, status: str) -> None:
        """Remember a status, if it is of a job that is remembered and another one than before."""
        known = self.find(uid)
        if known is not None and known.status != status:
            self._write(event="status", uid=uid, status=status)

    def find(self, uid: str) -> KnownJob | None:
        """Give what is remembered of a job."""
        return next((job for job in self.jobs() if job.uid == uid), None)

    def jobs(self) -> list[KnownJob]:
        """Give all jobs that are remembered of this commons, the newest first."""
        found: dict[str, KnownJob] = {}
        for entry in self._entries():
            if entry.get("endpoint") != self.endpoint or not isinstance(entry.get("uid"), str):
                continue
            at, status = str(entry.get("at", "")), str(entry.get("status", ""))
            job = found.setdefault(entry["uid"], KnownJob(entry["uid"], history=[]))
            if entry.get("event") == "started":
                job.name, job.action = str(entry.get("name", "")), str(entry.get("action", ""))
                job.username, job.started = str(entry.get("username", "")), at
            job.status, job.seen = status, at
            if job.history is not None:
                job.history.append((at, status))
        return sorted(found.values(), key=lambda job: job.started, reverse=True)

    def _entries(self) -> Iterable[dict[str, Any]]:
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return
        for line in text.splitlines():
            try:
                entry = json.loads(line)
            except ValueError:  # a line that another process is just writing, or that a full disk cut
                continue
            if isinstance(entry, dict):
                yield entry

    def _write(self, **facts: str) -> None:
        """Append a line; a job is never lost because it could not be noted."""
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        line = json.dumps({"at": now, "endpoint": self.endpoint, **facts}, ensure_ascii=True) + "\n"
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
            handle = os.open(self.path, flags, 0o600)
            try:
                if hasattr(os, "fchmod"):
                    os.fchmod(handle, 0o600)
                os.write(handle, line.encode())
                large = os.fstat(handle).st_size > LARGE
            finally:
                os.close(handle)
            if large:
                self._shorten()
        except OSError as error:
            logger.warning(
                "the job %s could not be noted in %s (%s): keep its UID, with which it can be found again",
                facts.get("uid", ""),
                self.path,
                error.strerror,
            )

    def _shorten(self) -> None:
        """Keep the newest jobs only."""
        from filelock import FileLock, Timeout

        try:
            with FileLock(f"{self.path}.lock", timeout=0):
                entries = list(self._entries())
                newest = list(dict.fromkeys(str(entry.get("uid")) for entry in reversed(entries)))[:KEPT]
                kept = [json.dumps(entry) + "\n" for entry in entries if entry.get("uid") in newest]
                beside = self.path.with_suffix(".new")
                beside.unlink(missing_ok=True)
                handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.writelines(kept)
                beside.replace(self.path)
        except Timeout:  # another process is at it
            return
