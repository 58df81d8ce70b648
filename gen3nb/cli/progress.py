"""Progress of a command: a bar for a person, a line a minute for a log, both on standard error."""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from gen3nb.cli.messages import is_terminal, note

if TYPE_CHECKING:
    from gen3nb.frames.progress import Progress

__all__ = ["Lines", "progress"]

# seconds between two lines, unless the environment says otherwise
_EVERY = 60.0
_SETTING = "GEN3NB_PROGRESS_SECONDS"


def progress() -> Progress:
    """Give what long work reports to: ``True`` (a bar) on a terminal, else a function that writes lines."""
    return True if is_terminal(sys.stderr) else Lines(_noted)


def interval() -> float:
    """Give the seconds from one line to the next."""
    try:
        return max(0.0, float(os.environ.get(_SETTING, _EVERY)))
    except ValueError:
        return _EVERY


class Lines:
    """Writes a line now and then: how far it is, and also when there has been no news.

    Parameters
    ----------
    write : callable
        Gets ``done``, ``total``, ``label``, and whether there was no news since the last line.
    at_once : bool
        Is the first news a line already?
    """

    def __init__(self, write: Callable[[int, int | None, str, bool], None], *, at_once: bool = False) -> None:
        self._write = write
        self._every = interval()
        self._last = time.monotonic() - (self._every if at_once else 0.0)
        self._known: tuple[int, int | None, str] = (0, None, "")
        self._lock = threading.Lock()
        if self._every:
            ended = threading.Event()
            # whoever worked lets go of this when the work is done
            weakref.finalize(self, ended.set)
            arguments = (weakref.ref(self), self._every, ended)
            threading.Thread(target=_beat, args=arguments, name="heartbeat", daemon=True).start()

    def __call__(self, done: int, total: int | None, label: str) -> None:
        """Take in how far it is."""
        self._known = (done, total, label)
        self.tell(news=True)

    def tell(self, *, news: bool) -> None:
        """Write a line if it is time."""
        with self._lock:
            now = time.monotonic()
            if now - self._last < self._every:
                return
            self._last = now
            self._write(*self._known, not news)


def _beat(lines: weakref.ref[Lines], every: float, ended: threading.Event) -> None:
    """Ask for a line again and again, so that a single request that hangs is seen."""
    while not ended.wait(every):
        held = lines()
        if held is None:
            return
        held.tell(news=False)
        del held


def _noted(done: int, total: int | None, label: str, waiting: bool) -> None:
    """Write one line to standard error."""
    of = f" of {total:,} ({done / total:.0%})" if total else ""
    how_far = f"{label}: {done:,}{of}" if label else "at work"
    still = ", waiting for an answer" if waiting else ""
    note(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {how_far}{still}")
