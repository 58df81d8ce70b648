"""Files down and up: gen3nb beside the SDK, the Go clients' way of working, and curl and aria2c given URLs.

    python benchmarks/transferring.py [--write FILE] [--large MiB] [--many N] [--latency MS …]

The practice commons and its object store are processes of their own. Latency is added to every request to
either. Each way is a process of its own; time and processor time leave out its start and sign-in, the peak of
its memory does not. Slow ways move a part of the files, and rates are compared.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import requests
from table import machine

import gen3nb

AUTHZ = "/programs/BENCH/projects/files"
# of one project, as most users: fence refuses in bulk what is granted on "/" only
USERS = {"bench": {AUTHZ: ["create", "read", "update", "delete"], "/data_file": ["file_upload"]}}
HERE = Path(__file__).parent
#: Files that a way moves at most, where it moves one after another.
SLOW = 60


@dataclass
class Measured:
    """What one way took."""

    way: str
    files: int
    bytes: int
    seconds: float
    cpu: float
    memory: int


class Bench:
    """A practice commons, and ways to move files from and to it."""

    def __init__(self, commons: gen3nb.Commons, sandbox: Any, folder: Path) -> None:
        self.commons, self.sandbox, self.folder = commons, sandbox, folder
        self.key = str(sandbox.credentials("bench"))

    def run(self, way: str, guids: list[str] = (), paths: list[str] = (), size: int = 0) -> Measured:
        """Move files one way."""
        count = len(guids or paths)
        urls: list[str] = []
        if way.startswith(("curl", "aria2c")):
            given, refused = self.commons.fence.download_urls(guids)
            assert not refused
            urls = [str(given[guid].url) for guid in guids]
        target = Path(tempfile.mkdtemp(dir=self.folder))
        facts = {
            "endpoint": self.commons.endpoint,
            "key": self.key,
            "guids": list(guids),
            "urls": urls,
            "paths": list(paths),
            "folder": str(target),
            "authz": AUTHZ,
            "threads": 16,
        }
        process = subprocess.Popen(
            [sys.executable, str(HERE / "moving.py"), way],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sys.stderr,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(facts).encode())
        process.stdin.close()
        told = process.stdout.read()
        if process.wait():
            raise RuntimeError(f"{way} failed")
        # an upload's files are elsewhere, and what it kept in mind is of no use to the next; small files stay
        # to the end: where thousands were deleted, ext4 looks long for a place for the next way's new ones
        if size > 1 << 20:
            shutil.rmtree(target)
        found = json.loads(told.splitlines()[-1])
        return Measured(way, count, count * size, found["seconds"], found["cpu"], found["memory"])

    def latency(self, milliseconds: int) -> None:
        """Add latency to every request."""
        self.sandbox.faults.clear()
        if milliseconds:
            seconds = milliseconds / 1000
            self.sandbox.faults.add("storage-latency", seconds=seconds)
            for path in ("/user/data/*", "/index/*"):
                self.sandbox.faults.add("latency", path=path, seconds=seconds)

    def uploaded(self, content: bytes, name: str) -> str:
        made = self.commons.fence.start_upload(name, authz=[AUTHZ])
        requests.put(str(made.url), data=content, timeout=600).raise_for_status()
        return made.guid

    def many(self, count: int, size: int) -> list[str]:
        """Make files: up to 500 objects, and as many records as files, each with a name of its own."""
        objects = [self.uploaded(os.urandom(size), f"o{at}") for at in range(min(count, 500))]
        if count <= len(objects):
            return objects
        records = [self.commons.indexd.get(guid) for guid in objects]
        rows = [
            {
                "file_name": f"{size}-{at}.bin",
                "size": size,
                "md5": records[at % len(records)]["hashes"]["md5"],
                "urls": records[at % len(records)]["urls"],
                "authz": [AUTHZ],
            }
            for at in range(count)
        ]
        guids = []
        for row in rows:
            facts = {"size": row["size"], "hashes": {"md5": row["md5"]}, "urls": row["urls"]}
            made = self.commons.indexd.create(**facts, authz=row["authz"], file_name=row["file_name"])
            guids.append(made["did"])
        return guids


def line(job: str, ours: Measured, other: Measured) -> list[str]:
    """Give a row of the table."""
    large = ours.bytes / ours.files > 1 << 20

    def rate(one: Measured) -> float:
        return one.bytes / one.seconds / (1 << 20) if large else one.files / one.seconds

    unit = "MiB/s" if large else "files/s"
    names = {
        "sdk": "the SDK",
        "go": "the Go clients' way, 16 at a time",
        "curl": "`curl --parallel`, given URLs",
        "curl-hash": "the same, hashed afterwards",
        "aria2c": "`aria2c`, given URLs",
    }
    name = names[other.way.rpartition("-")[0]]
    return [
        f"{job}; {name}",
        f"{rate(ours):,.0f} {unit}",
        f"{rate(other):,.0f} {unit}",
        f"{rate(ours) / rate(other):.2f} ×",
        f"{ours.memory >> 20:,} / {other.memory >> 20:,} MiB",
        f"{ours.cpu / ours.files:.2g} / {other.cpu / other.files:.2g} s a file",
    ]


HEAD = ["job; beside", "gen3nb", "instead", "ratio", "peak memory", "processor time"]


def table(rows: list[list[str]]) -> str:
    lines = [HEAD, ["---", "---:", "---:", "---:", "---:", "---:"], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def down(bench: Bench, options: argparse.Namespace) -> Any:
    """Measure downloads."""
    large = bench.uploaded(os.urandom(1 << 20) * options.large, "large.bin")
    sets = {
        f"down: 1 file of {options.large} MiB": ([large], options.large << 20),
        "down: 500 files of 10 kB": (bench.many(500, 10_000), 10_000),
        f"down: {options.many:,} files of 1 kB": (bench.many(options.many, 1_000), 1_000),
    }
    for job, (guids, size) in sets.items():
        for latency in options.latency:
            bench.latency(latency)
            where = f"{job}, {latency} ms"
            ours = bench.run("ours-down", guids, size=size)
            # curl and aria2c get presigned URLs, which live an hour
            for way in ("sdk-down", "go-down", "curl-down", "curl-hash-down", "aria2c-down"):
                if way == "curl-hash-down" and len(guids) > 1:
                    continue
                few = {"sdk-down": SLOW, "go-down": 2_000, "aria2c-down": 2_000}.get(way, len(guids))
                yield line(where, ours, bench.run(way, guids[:few], size=size))
            bench.latency(0)


def up(bench: Bench, options: argparse.Namespace) -> Any:
    """Measure uploads; every set has content of its own, so that nothing is there already."""
    sets = {
        f"up: 1 file of {options.large} MiB": (1, options.large << 20),
        "up: 500 files of 10 kB": (500, 10_000),
        f"up: {options.many:,} files of 1 kB": (options.many, 1_000),
    }
    for job, (count, size) in sets.items():
        for latency in options.latency:
            bench.latency(latency)
            ours = None
            for way in ("ours-up", "sdk-up", "go-up"):
                few = min(count, {"sdk-up": SLOW, "go-up": 2_000}.get(way, count))
                paths = []
                for at in range(few):
                    path = bench.folder / f"{way}-{latency}-{size}-{at}.bin"
                    path.write_bytes(os.urandom(min(size, 1 << 20)) * max(1, size >> 20))
                    paths.append(str(path))
                found = bench.run(way, paths=paths, size=size)
                if ours is None:
                    ours = found
                else:
                    yield line(f"{job}, {latency} ms", ours, found)
                for path in paths:
                    Path(path).unlink()
            bench.latency(0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", type=Path, help="a file for the table")
    parser.add_argument("--large", type=int, default=1024, help="MiB of the large file")
    parser.add_argument("--many", type=int, default=20_000, help="how many files of 1 kB")
    parser.add_argument("--latency", type=int, nargs="+", default=[0, 25, 100])
    parser.add_argument("--only", choices=["down", "up"], help="by default both")
    options = parser.parse_args()
    where = f"{datetime.date.today().isoformat()}: {machine()}."
    rows: list[list[str]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        gen3nb.sandbox(users=USERS) as admin,
        admin.sandbox.as_user("bench") as commons,
    ):
        os.environ["XDG_STATE_HOME"] = f"{folder}/state"
        bench = Bench(commons, admin.sandbox, Path(folder))
        ways = {"down": down, "up": up}
        chosen = [ways[options.only]] if options.only else list(ways.values())
        for found in chain.from_iterable(way(bench, options) for way in chosen):
            rows.append(found)
            print(" | ".join(found), file=sys.stderr, flush=True)
            if options.write:
                options.write.write_text(f"{table(rows)}\n\n{where}\n", encoding="utf-8")
    print(f"{table(rows)}\n\n{where}")


if __name__ == "__main__":
    main()
