"""The end of the server is the end of who started it: end-of-file on the pipe, and a look at the parent."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

POLL_SECONDS = 1.0
GRACE_SECONDS = 5.0


def watch(
    pipe: BinaryIO, end: Callable[[], None], last: Callable[[], None], parent: int | None = None
) -> None:
    """Call ``end`` when the pipe is closed at its other side, or the parent process is gone.

    The pipe alone is not enough: a child that the parent forked without executing keeps it open. ``end`` gets
    five seconds; then ``last`` is called and the process ends, however busy it is.

    Parameters
    ----------
    pipe : BinaryIO
        The reading end; what still comes through it is thrown away.
    end : Callable
        Ends the server; called from a thread, once.
    last : Callable
        Tidies up if the server did not end by itself.
    parent : int, optional
        Process id of who started the server.
    """
    once = threading.Lock()

    def finish() -> None:
        if once.acquire(blocking=False):
            end()
            time.sleep(GRACE_SECONDS)
            last()
            os._exit(0)

    def read() -> None:
        # no reading through the buffer: its lock would be held at exit; a broken pipe is as good as closed
        with suppress(OSError, ValueError):
            while os.read(pipe.fileno(), 4096):
                pass
        finish()

    def poll() -> None:
        alive = _looker(parent)
        while alive():
            time.sleep(POLL_SECONDS)
        finish()

    for target in (read, poll):
        threading.Thread(target=target, daemon=True, name=f"parent-{target.__name__}").start()


def _looker(parent: int | None) -> Callable[[], bool]:
    """Give a function that says whether the parent is still there."""
    if os.name == "nt":
        return _windows_looker(parent)
    first = os.getppid()
    if parent is not None and parent != first:
        return lambda: False  # it ended before we looked for the first time
    return lambda: os.getppid() == first


def _windows_looker(parent: int | None) -> Callable[[], bool]:
    """Hold a handle of the parent: a process id may be given again, a handle is not."""
    import ctypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    kernel.OpenProcess.restype = ctypes.c_void_p
    kernel.WaitForSingleObject.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    synchronize, timed_out = 0x00100000, 0x102
    handle = kernel.OpenProcess(synchronize, False, parent if parent is not None else os.getppid())
    if not handle:
        return lambda: False
    return lambda: bool(kernel.WaitForSingleObject(handle, 0) == timed_out)
