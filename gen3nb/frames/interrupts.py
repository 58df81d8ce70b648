"""Ctrl-C as a note, not as an exception in the middle of things.

An exception may come between any two steps, also between taking a lock of `concurrent.futures` and letting it
go again: the thread that carries a request would then wait for that lock for ever, and the program with it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from gen3nb.errors import Gen3Error


@contextmanager
def noted(note: Callable[[], None]) -> Iterator[None]:
    """Call `note` at the first Ctrl-C within the block; a second one raises as usual.

    Signals reach the main thread alone, and a handler that somebody else has set stays: in both cases nothing
    changes, and Ctrl-C is the exception that it always is.

    Parameters
    ----------
    note : callable
        Takes nothing; has to be quick.
    """
    usual = signal.default_int_handler
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not usual
    ):
        yield
        return

    def once(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, usual)
        note()

    signal.signal(signal.SIGINT, once)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


@contextmanager
def before(error: type[Gen3Error], words: str) -> Iterator[Callable[[], None]]:
    """Turn Ctrl-C into an error that says what is (not) done, as long as the real work has not begun.

    What comes after that says itself how far it is; a Ctrl-C there is left as it is.

    Parameters
    ----------
    error : type of Gen3Error
    words : str

    Yields
    ------
    callable
        To be called when the real work begins.
    """
    begun = threading.Event()
    try:
        yield begun.set
    except KeyboardInterrupt:
        if begun.is_set():
            raise
        raise error(words, interrupted=True) from None
