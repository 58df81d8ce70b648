"""How many small files are worth fetching at a time."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from gen3nb.transfer.fetching import Result

__all__ = ["Pace"]

#: Jobs at a time where the store answers at once, and seconds of the interpreter's time that a file takes.
LEAST, EACH = 2, 0.0015
#: Answers of which the fastest counts: slower ones waited for other threads too.
REMEMBERED = 64


class Pace:
    """Learns from how long the store lets wait how many jobs of small files are worth their cost.

    Threads take turns at the interpreter. So many of them as wait for the store at any time are of use; more
    only get in each other's way, and a file then costs twice the processor time.

    Parameters
    ----------
    most : int
        Jobs at a time, at most: as many until the first answers.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._running = 0
        self._waited: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def known(self) -> bool:
        """Whether it is known how long an answer takes."""
        return bool(self._waited)

    @property
    def room(self) -> bool:
        """Whether one more job is worth its cost."""
        if not self._waited:
            return self._running < self.most
        return self._running < min(self.most, LEAST + math.ceil(min(self._waited) / EACH))

    def begun(self) -> None:
        """Count a job that is handed out."""
        self._running += 1

    def over(self, results: Iterable[Result]) -> None:
        """Count a job that is over, and learn from its answers."""
        self._running -= 1
        self._waited.extend(one.waited for one in results if one.waited)
