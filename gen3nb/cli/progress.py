"""Progress of a command: a bar for a person, a line a minute for a log, both on standard error."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING

from gen3nb.cli.messages import is_terminal, note

if TYPE_CHECKING:
    from gen3nb.frames.progress import Progress

__all__ = ["progress"]

# seconds between two lines, unless the environment says otherwise
_EVERY = 60.0
_SETTING = "GEN3NB_PROGRESS_SECONDS"


def progress() -> Progress:
    """Give what long work reports to: ``True`` (a bar) on a terminal, else a function that writes lines."""
    return True if is_terminal(sys.stderr) else _Lines(_interval())


def _interval() -> float:
    try:
        return max(0.0, float(os.environ.get(_SETTING, _EVERY)))
    except ValueError:
        return _EVERY


class _Lines:
    """Writes a line now and then.

    Parameters
    ----------
    every : float
        Seconds from one line to the next.
    """

    def __init__(self, every: float) -> None:
        self._every = every
        self._last = time.monotonic()
        self._lock = threading.Lock()

    def __call__(self, done: int, total: int | None, label: str) -> None:
        """Take in how far it is."""
        with self._lock:
            now = time.monotonic()
            if now - self._last < self._every:
                return
            self._last = now
        of = f" of {total:,} ({done / total:.0%})" if total else ""
        note(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {label}: {done:,}{of}")
