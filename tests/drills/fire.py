"""What the drills share: processes that are killed in the middle, and the table of what happened."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterable
from typing import Any


def kill_one(
    processes: Any, work: Callable[..., None], facts: tuple[Any, ...], chance: random.Random, longest: float
) -> bool:
    """Let a process of its own do some work and kill it; say whether it was still at it.

    The work gets the facts and a pipe, into which it writes once it begins.
    """
    ours, theirs = processes.Pipe(duplex=False)
    child = processes.Process(target=work, args=(*facts, theirs), daemon=True)
    child.start()
    theirs.close()
    with ours:
        ours.recv()
        time.sleep(chance.uniform(0.0, longest))
        child.kill()
        child.join()
    killed = child.exitcode == -signal.SIGKILL
    child.close()
    return killed


def table(lines: Iterable[tuple[str, int]]) -> str:
    """Write what happened as a Markdown table."""
    return "\n".join(["| | number |", "| --- | ---: |", *(f"| {words} | {n:,} |" for words, n in lines)])
