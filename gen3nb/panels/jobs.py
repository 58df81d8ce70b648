"""Work in a thread, with progress and an end before its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["Host", "Job", "Stopped"]

_REFRESH = 0.1  # seconds between two drawings of a progress bar


class Host(Protocol):
    """What a job needs of the panel it runs for."""

    def show_progress(self, done: int, total: int | None, label: str, seconds: float) -> None:
        """Draw how far it is."""

    def end(self, job: Job) -> None:
        """Take the progress away."""

    def say(self, kind: str, content: str) -> None:
        """Show a message."""

    def fail(self, error: BaseException) -> None:
        """Show an error."""

    def guard(self, function: Callable[[], None]) -> None:
        """Run a handler and show its errors."""


class Stopped(Exception):
    """Raised in a job's thread by its own progress, to end it."""


class Job:
    """Work in a thread, so that the notebook and the panel's buttons stay free.

    Attributes
    ----------
    stop : threading.Event
        Set when the user presses Cancel.
    keeps : bool
        Whether what the work gives is shown although Cancel was pressed: what was sent by then.
    """

    def __init__(
        self, panel: Host, label: str, work: Callable[[Job], Any], done: Callable[[Any], None]
    ) -> None:
        self.stop = threading.Event()
        self.keeps = False
        self.label = label
        self._panel = panel
        self._work = work
        self._done = done
        self._drawn = 0.0
        self._start = time.monotonic()
        self.thread = threading.Thread(target=self._run, name=f"gen3nb {label}", daemon=True)

    def progress(self, done: int, total: int | None, label: str) -> None:
        """Take progress, as every function of gen3nb reports it; ends the work if Cancel was pressed."""
        if self.stop.is_set():
            raise Stopped
        self.tell(done, total, label)

    def tell(self, done: int, total: int | None, label: str) -> None:
        """Show progress; for work that watches ``stop`` itself and says how far it came."""
        now = time.monotonic()
        if now - self._drawn >= _REFRESH or done == total:
            self._drawn = now
            self._panel.show_progress(done, total, label, now - self._start)

    def _run(self) -> None:
        panel = self._panel
        try:
            result = self._work(self)
            if self.stop.is_set() and not self.keeps:
                if hasattr(result, "close"):  # a connection that nobody waits for any more
                    result.close()
                raise Stopped
        except Stopped:
            panel.end(self)
            panel.say("i", "<b>Cancelled.</b> Nothing was changed. Your choices are kept.")
        except Exception as error:  # whatever it is, the person at the panel must see it
            panel.end(self)
            panel.fail(error)
        else:
            panel.end(self)
            panel.guard(lambda: self._done(result))
