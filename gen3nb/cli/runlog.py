"""The log of a command that nobody watches: one JSON object a line, without any value of a cell."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gen3nb.cli.messages import failed
from gen3nb.cli.progress import Lines, progress
from gen3nb.client.redaction import redact
from gen3nb.errors import Gen3Error

if TYPE_CHECKING:
    from gen3nb.frames.progress import Progress

__all__ = ["RunLog"]


class RunLog:
    """Appends to a file, if one is named, what a command does.

    Parameters
    ----------
    path : Path or None
        Made if it is not there; earlier runs stay in it.

    Raises
    ------
    Gen3Error
        It cannot be written: found before anything is done.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path.expanduser() if path is not None else None
        self._started = time.monotonic()

    def write(self, event: str, **facts: Any) -> None:
        """Append one event; after the start a log that fails does not stop what it is about."""
        if self._path is None:
            return
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = {
            "time": moment,
            "event": event,
            **facts,
            "seconds": round(time.monotonic() - self._started, 1),
        }
        problem = ""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(redact(json.dumps(line, ensure_ascii=False, default=str)) + "\n")
        except OSError as error:
            problem = error.strerror or type(error).__name__
        if problem and event == "start":
            raise Gen3Error(f"the log {self._path} cannot be written: {problem}")
        if problem:  # rows are on their way by now: they matter more than the log
            failed(f"the log {self._path} cannot be written: {problem}; the rest of it is missing")
            self._path = None

    def failed(self, error: BaseException) -> None:
        """Append how the command ended by an error; not its message, which may quote a cell."""
        facts = getattr(error, "facts", {})
        held = {
            name: facts[name] for name in ("status", "service", "node", "row", "column") if facts.get(name)
        }
        self.write("failed", error=type(error).__name__, **held)

    def progress(self) -> Progress:
        """Give what long work reports to: what a command shows, and now and then a line of this log."""
        shown = progress()
        if self._path is None:
            return shown

        logged = Lines(self._said, at_once=True)

        def tell(done: int, total: int | None, label: str) -> None:
            if callable(shown):
                shown(done, total, label)
            logged(done, total, label)

        return tell

    def _said(self, done: int, total: int | None, label: str, waiting: bool) -> None:
        """Append how far it is, and whether that is no news."""
        self.write("waiting" if waiting else "progress", done=done, total=total, doing=label)
