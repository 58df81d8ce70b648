"""(f) Peak memory over the size of the frame: of reading many records, in partitions too, and of submitting.

The records are put straight into the practice commons' database; they are read and submitted in processes of
their own.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from table import Row

import gen3nb

PARTITIONS = 20
#: Of the rows that are submitted, one in so many is changed; all others are stored already.
CHANGED = 100
READ = """
import json, pathlib, resource, sys, time, gen3nb
endpoint, key, project, way = sys.argv[1:]
commons = gen3nb.connect(endpoint, credentials=key)
commons.read("experiment", project=project, progress=False)
def now():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
before, start = now(), time.perf_counter()
if way == "frame":
    frame = commons.read("sample", project=project, progress=False)
    seconds = time.perf_counter() - start
    rows, size = len(frame), int(frame.memory_usage(deep=True).sum())
else:
    table = commons.read("sample", project=project, partitions=int(way), progress=False)
    seconds = time.perf_counter() - start
    rows, size = 0, 0
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
if way != "frame":
    rows = len(table)
print(json.dumps({"rows": rows, "size": size, "peak": peak, "seconds": seconds}))
"""
SUBMIT = """
import json, pathlib, resource, sys, time, gen3nb
endpoint, key, project, every = sys.argv[1:]
commons = gen3nb.connect(endpoint, credentials=key)
frame = commons.read("sample", project=project, progress=False)
# what the commons gives itself is not sent; some rows differ from what is stored
frame.loc[:: int(every), "is_ffpe"] = False
size = int(frame.memory_usage(deep=True).sum())
def now():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
# a peak of its own: what reading took before does not count
pathlib.Path("/proc/self/clear_refs").write_text("5")
before, start = now(), time.perf_counter()
report = commons.submit({"sample": frame}, project=project, progress=False)
seconds = time.perf_counter() - start
status = pathlib.Path("/proc/self/status").read_text()
peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024 - before
counts = {name: int(count) for name, count in report.counts.items()}
assert report.ok and counts["updated"] == -(-len(frame) // int(every)), counts
print(json.dumps({"rows": len(frame), "size": size, "peak": peak, "seconds": seconds}))
"""


@contextlib.contextmanager
def seeded(count: int) -> Iterator[tuple[gen3nb.Commons, str]]:
    """Start a practice commons that holds so many samples of one case."""
    with tempfile.TemporaryDirectory(prefix="gen3nb-bench-") as folder:
        with gen3nb.sandbox(folder) as commons:
            commons.create_program("BENCH")
            commons.create_project(("BENCH", "many"))
            for record in (
                {"type": "experiment", "submitter_id": "exp", "projects": {"code": "many"}},
                {"type": "case", "submitter_id": "case", "experiments": {"submitter_id": "exp"}},
                {
                    "type": "sample",
                    "submitter_id": "pattern",
                    "cases": {"submitter_id": "case"},
                    "sample_type": "Primary Tumor",
                    "composition": "Solid Tissue",
                    "days_to_collection": 12,
                    "initial_weight": 1.5,
                    "is_ffpe": True,
                },
            ):
                assert commons.sheepdog.submit(commons.project_id("BENCH-many"), [record]).ok
        _multiply(next(Path(folder).rglob("graph*")), count)
        with gen3nb.sandbox(folder) as commons:
            yield commons, "BENCH-many"


def _multiply(path: Path, count: int) -> None:
    """Copy the sample that is there until there are so many, with ids and names of their own."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        names = [row[1] for row in db.execute("PRAGMA table_info(node)") if row[1] != "seq"]
        pattern = dict(
            zip(
                names,
                db.execute(f"SELECT {', '.join(names)} FROM node WHERE type = 'sample'").fetchone(),
                strict=True,
            )
        )
        ends = [row[1] for row in db.execute("PRAGMA table_info(edge)")]
        edge = dict(
            zip(
                ends,
                db.execute(f"SELECT {', '.join(ends)} FROM edge WHERE src_type = 'sample'").fetchone(),
                strict=True,
            )
        )
        props = json.loads(pattern["props"])

        def nodes() -> Iterator[tuple[object, ...]]:
            for number, id_ in enumerate(ids):
                name = f"sample-{number:07d}"
                more = {"submitter_id": name} if "submitter_id" in props else {}
                held = {**props, **more, "days_to_collection": number % 900, "initial_weight": number / 7}
                one = {**pattern, "id": id_, "props": json.dumps(held), "submitter_id": name}
                yield tuple({**one, "submitter_key": name}[column] for column in names)

        ids = [str(uuid.UUID(int=number + 1)) for number in range(count - 1)]
        slots = ", ".join("?" * len(names))
        db.executemany(f"INSERT INTO node ({', '.join(names)}) VALUES ({slots})", nodes())
        slots = ", ".join("?" * len(ends))
        rows = (tuple({**edge, "src_id": id_}[column] for column in ends) for id_ in ids)
        db.executemany(f"INSERT INTO edge ({', '.join(ends)}) VALUES ({slots})", rows)


def submit(count: int) -> list[Row]:
    """Measure the submission of a frame whose rows are nearly all stored already."""
    with seeded(count) as (commons, where):
        assert commons.sandbox is not None
        key = str(commons.sandbox.credentials("admin"))
        command = [sys.executable, "-c", SUBMIT, commons.endpoint, key, where, str(CHANGED)]
        told: dict[str, float] = json.loads(subprocess.check_output(command))
        assert told["rows"] == count, told
    size = told["size"]
    return [
        Row(
            f"submit {count:,} samples, one in {CHANGED} changed: peak memory over the size of the frame "
            f"({size / 2**20:,.0f} MiB)",
            f"{told['peak'] / 2**20:,.0f} MiB",
            ratio=f"{told['peak'] / size:.2f} × the frame",
        )
    ]


def run(count: int) -> list[Row]:
    with seeded(count) as (commons, where):
        assert commons.sandbox is not None
        key = str(commons.sandbox.credentials("admin"))

        def measured(way: str) -> dict[str, float]:
            command = [sys.executable, "-c", READ, commons.endpoint, key, where, way]
            told: dict[str, float] = json.loads(subprocess.check_output(command))
            assert told["rows"] == count, told
            return told

        whole, parted = measured("frame"), measured(str(PARTITIONS))
    size = whole["size"]
    return [
        Row(
            f"(f) read {count:,} samples: peak memory over the size of the frame ({size / 2**20:,.0f} MiB)",
            f"{whole['peak'] / 2**20:,.0f} MiB",
            ratio=f"{whole['peak'] / size:.2f} × the frame",
            aim="under 2",
        ),
        Row(
            f"the same with `partitions={PARTITIONS}`: peak memory of spooling to Parquet",
            f"{parted['peak'] / 2**20:,.0f} MiB",
            ratio=f"{parted['peak'] / size:.2f} × the frame",
        ),
        Row(
            "the same, rows a second: to a frame; to Parquet",
            f"{count / whole['seconds']:,.0f} rows/s",
            f"{count / parted['seconds']:,.0f} rows/s",
        ),
    ]
