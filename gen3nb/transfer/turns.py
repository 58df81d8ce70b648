"""Ranges of one file side by side: who reads when, and what the threads share that fetch them.

A request takes a while to be answered, and a file's hash is taken in order. So the next range is asked for
before its turn comes, and waits in the system's buffers: no time is lost, and few ranges come at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

__all__ = ["PATIENCE", "Beside", "Turns"]

#: Seconds that a range waits for its turn at most: stores close connections that nobody reads from.
PATIENCE = 2.0


class Turns:
    """Lets so many threads read at a time, in the order in which they came."""

    def __init__(self) -> None:
        self._room = 1
        self._reading = 0
        self._condition = threading.Condition()

    def widen(self, room: int) -> None:
        """Let so many read at a time."""
        with self._condition:
            self._room = room
            self._condition.notify_all()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, though not for long, and hold it."""
        with self._condition:
            self._condition.wait_for(lambda: self._reading < self._room, PATIENCE)
            self._reading += 1
        try:
            yield
        finally:
            with self._condition:
                self._reading -= 1
                self._condition.notify()


@dataclass
class Beside:
    """What the threads share that fetch ranges of one file.

    Attributes
    ----------
    turns : Turns
    writing : Lock
        Of several threads that write into one file, systems let one write, and the others spin meanwhile.
    grown : callable or None
        Called with the offsets in the file between which bytes were written.
    """

    turns: Turns = field(default_factory=Turns)
    writing: threading.Lock = field(default_factory=threading.Lock)
    grown: Callable[[int, int], None] | None = None
