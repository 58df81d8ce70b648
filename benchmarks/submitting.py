"""(b) Submit cases against the SDK's ``submit_file``: at once, with latency, at the real service's cost."""

from __future__ import annotations

import pandas as pd
from practice import cases, path_of, project, put_by_sdk
from table import Row, faster, timed

import gen3nb

SDK_CHUNK = 30  # its default
SDK_CHUNKS = (30, 100, 500)
#: The real service: seconds a request, seconds a row, requests at a time.
REQUEST, ROW = 0.05, 0.0053
#: Rows a second that it takes at best, two requests at a time.
LIMIT = 370


def ours(commons: gen3nb.Commons, where: str, frame: pd.DataFrame) -> float:
    def job() -> None:
        report = commons.submit({"case": frame}, project=where, progress=False)
        assert report.counts["created"] == len(frame), str(report)

    return timed(job)


def by_sdk(commons: gen3nb.Commons, where: str, frame: pd.DataFrame, chunk: int) -> float:
    seconds = timed(lambda: put_by_sdk(commons, where, "case", frame, chunk))
    assert commons.counts(project=where).set_index("node")["records"]["case"] == len(frame)
    return seconds


def all_ways(commons: gen3nb.Commons, count: int) -> list[Row]:
    assert commons.sandbox is not None
    frame = cases(count)
    few = frame.head(max(1_000, count // 5))
    what = f"(b) submit {count:,} cases, looked up afterwards; SDK `submit_file`, no look"
    best = min(by_sdk(commons, project(commons), few, chunk) / len(few) * count for chunk in SDK_CHUNKS)
    sizes = "/".join(map(str, SDK_CHUNKS))
    rows = [
        faster(f"{what}, best of chunks {sizes}", count, ours(commons, project(commons), frame), best, "1 ×")
    ]
    for milliseconds in (25, 250):
        with commons.sandbox.faults as faults:
            faults.add("latency", path="/api/*", seconds=milliseconds / 1000)
            mine = ours(commons, project(commons), frame)
            theirs = by_sdk(commons, project(commons), few, SDK_CHUNK) / len(few) * count
        rows.append(faster(f"{what}; {milliseconds} ms more a request", count, mine, theirs, "3 ×"))
    mine = at_cost(commons, frame, ours)
    theirs = at_cost(commons, few, lambda *given: by_sdk(*given, SDK_CHUNK)) / len(few) * count
    words = f"{what}; the real service's cost ({REQUEST * 1000:.0f} ms a request, {ROW * 1000:.1f} ms a row)"
    rows.append(faster(words, count, mine, theirs))
    reached = Row(
        f"the same, share of the limit of {LIMIT} rows/s (two requests at a time)",
        f"{count / mine / LIMIT:.0%}",
        f"{count / theirs / LIMIT:.0%}",
        aim="95 %",
    )
    return [*rows, reached]


def at_cost(commons: gen3nb.Commons, frame: pd.DataFrame, way: object) -> float:
    """Submit at the real service's cost; look-ups are as fast as ever."""
    assert commons.sandbox is not None
    assert callable(way)
    where = project(commons)
    with commons.sandbox.faults as faults:
        faults.add("latency", path=path_of(where), seconds=REQUEST)
        faults.add("cost-per-row", path=path_of(where), seconds=ROW)
        return float(way(commons, where, frame))
