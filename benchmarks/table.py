"""Rows of the table, and how to measure them."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import TypeVar

T = TypeVar("T")


@dataclass
class Row:
    """One job: what gen3nb takes, what the other way takes, and the aim."""

    job: str
    ours: str
    other: str = ""
    ratio: str = ""
    aim: str = ""

    def cells(self) -> list[str]:
        return [self.job, self.ours, self.other, self.ratio, self.aim]


HEADINGS = ["job", "gen3nb", "instead", "ratio", "aim"]


def timed(job: Callable[[], object]) -> float:
    """Give the seconds that a job takes."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def result(job: Callable[[], T]) -> tuple[T, float]:
    """Give what a job gives, and the seconds it takes."""
    start = time.perf_counter()
    made = job()
    return made, time.perf_counter() - start


def busy(job: Callable[[], object], times: int = 5) -> float:
    """Give the seconds of processor time of the fastest of several runs, for what waits for nobody.

    Other work on the machine disturbs this less than the time on the clock; threads are counted together.
    """
    seconds = []
    for _ in range(times):
        start = time.process_time()
        job()
        seconds.append(time.process_time() - start)
    return min(seconds)


def faster(job: str, count: int, ours: float, other: float, aim: str = "") -> Row:
    """Compare two durations of one job over so many rows."""
    ratio = f"{other / ours:.2f} ×" if other < 2 * ours else f"{other / ours:.1f} ×"
    return Row(job, f"{count / ours:,.0f} rows/s", f"{count / other:,.0f} rows/s", ratio, aim)


def markdown(rows: Iterable[Row]) -> str:
    lines = [HEADINGS, ["---", "---:", "---:", "---:", "---"], *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def machine() -> str:
    """Say in one line what it was measured on."""
    names = ("gen3nb", "gen3", "pandas", "pyarrow", "jsonschema", "jsonschema-rs", "gen3-validator")
    versions = ", ".join(f"{name} {_version(name)}" for name in names)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return (
        f"{platform.system()} {platform.machine()}, {_processor()}, {os.cpu_count()} cores, "
        f"{memory:.0f} GiB, Python {platform.python_version()}, {versions}; load at the start: "
        f"{load:.1f}"
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except ImportError:
        return "(not installed)"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as text:
            names = [line.split(":", 1)[1].strip() for line in text if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or "unnamed processor"
