"""Files under fire: kills, faults, lost answers; at the end every file is whole, here and there, and once.

    python tests/drills/transfer_drill.py [--seeds 500] [--write FILE]

One run (a seed) makes a folder of files, sets random faults on the way to the object store and to the
services, kills processes that upload them at random moments, uploads through the faults, and then, without
faults, makes the same call again. The same for a download into another folder. What is here and in the
commons is then compared, byte for byte.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import multiprocessing
import os
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fire import kill_one as kill
from fire import table

from gen3nb.errors import Gen3Error
from gen3nb.transfer import downloader, fetching, large, naming, parts, patience

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from gen3nb import Commons
    from gen3nb.transfer.report import TransferReport

#: Bytes of a range in the drill, so that its files have several.
UNIT = 60_000
#: What each kind of fault does, in the words of the table.
FAULTS = {
    "storage-429": "storage: 429 with Retry-After",
    "storage-500": "storage: 500",
    "storage-503": "storage: 503 with Retry-After",
    "storage-drop": "storage: connection cut before anything is done",
    "storage-expired": "storage: the URL's time is over",
    "storage-no-range": "storage: ranges ignored, the whole object given",
    "storage-truncated": "storage: half of it, then the connection cut (an upload is stored)",
    "storage-corrupt": "storage: a byte is another one",
    "storage-slow-start": "storage: the first byte comes late",
    "storage-other-etag": "storage: the object seems replaced",
    "storage-latency": "storage: a late answer",
    "storage-lost-part": "storage: an upload answered 200, nothing stored",
    "429": "services: 429 with Retry-After",
    "500": "services: 500",
    "503": "services: 503 with Retry-After",
    "drop-before": "services: connection cut before the request is read",
    "drop-after": "services: connection cut after it is done",
    "html": "services: 200 with a web page",
    "half-json": "services: half the answer",
}
# a process that has everything loaded, and forks one that works: it starts in no time, and dies alone
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["gen3nb.commons", "gen3nb.transfer.upload", "gen3nb.transfer.download"])


@dataclass
class Outcome:
    """What happened in one run, or in several together."""

    runs: int = 0
    files: int = 0
    calls: int = 0
    kills: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    wrong: int = 0  # files that are not what was uploaded, there or here
    doubled: int = 0  # more records in the index than files
    left: int = 0  # parts that stayed behind
    outside: int = 0  # files outside their folder
    untrue: int = 0  # files that a report called done and that were not
    refused: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not (self.wrong or self.doubled or self.left or self.outside or self.untrue or self.refused)

    def add(self, other: Outcome) -> None:
        for name in ("runs", "files", "calls", "kills", "wrong", "doubled", "left", "outside", "untrue"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.faults += other.faults
        self.refused += other.refused

    def table(self) -> str:
        """Write what happened as a Markdown table."""
        lines = [
            ("runs, each an upload and a download", self.runs),
            ("files", self.files),
            ("calls made", self.calls),
            ("processes killed in the middle (kill -9)", self.kills),
            ("faults that struck", sum(self.faults.values())),
            *((f"– {words}", self.faults[kind]) for kind, words in FAULTS.items()),
            ("**files that are not what they were**", self.wrong),
            ("**files twice in the index**", self.doubled),
            ("**parts left behind**", self.left),
            ("**files outside their folder**", self.outside),
            ("**files reported as done that were not**", self.untrue),
            ("**runs where the last call did not end well**", len(self.refused)),
        ]
        return table(lines)


@contextlib.contextmanager
def hasty(commons: Commons) -> Any:
    """Make pauses short and ranges small."""
    before = (large.RANGE, downloader.LARGE, fetching.BLOCK, fetching.FIRST_PAUSE, fetching.LONGEST_PAUSE)
    transport = commons.fence.transport
    backoff, transport.backoff = transport.backoff, 0.01
    large.RANGE, downloader.LARGE, fetching.BLOCK = UNIT, 2 * UNIT, UNIT // 4
    fetching.FIRST_PAUSE, fetching.LONGEST_PAUSE = 0.01, 0.05
    pauses = parts.FIRST_PAUSE, patience.FIRST_PAUSE, naming.PAUSE
    parts.FIRST_PAUSE = patience.FIRST_PAUSE = naming.PAUSE = 0.01
    try:
        yield
    finally:
        parts.FIRST_PAUSE, patience.FIRST_PAUSE, naming.PAUSE = pauses
        transport.backoff = backoff
        large.RANGE, downloader.LARGE, fetching.BLOCK = before[:3]
        fetching.FIRST_PAUSE, fetching.LONGEST_PAUSE = before[3:]


def files_of(folder: Path, seed: int, chance: random.Random) -> dict[str, bytes]:
    """Make a folder of files: small, empty, several ranges, nested, and some of the same content."""
    found = {}
    sizes = [
        0,
        1,
        1000,
        UNIT,
        2 * UNIT,
        2 * UNIT + 1,
        5 * UNIT + 7,
        *(chance.randint(1, 5000) for _ in range(5)),
    ]
    for number, size in enumerate(sizes):
        name = f"{'sub/' if number % 3 == 0 else ''}s{seed}-f{number}.bin"
        content = chance.randbytes(size) if size > 1 else f"{seed}"[:size].encode()
        if size <= 1:  # the content of no other run's file
            content = f"seed {seed}".encode() * size
        found[name] = content
    for name in chance.sample(sorted(found), chance.randint(0, 3)):
        if found[name]:
            found[f"like/{Path(name).name}"] = found[name]
    for name, content in found.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return found


def spoil(commons: Commons, chance: random.Random, kinds: list[str]) -> None:
    """Set a few faults on the way of the files and of their records."""
    assert commons.sandbox is not None
    for _ in range(chance.randint(2, 6)):
        kind = chance.choice(kinds)
        after, times = chance.randint(0, 12), chance.randint(1, 4)
        seconds = 0.1 if kind in ("storage-latency", "storage-slow-start") else None
        path = "*" if kind.startswith("storage") else chance.choice(["/user/data/*", "/index/*"])
        commons.sandbox.faults.add(kind, path=path, after=after, times=times, seconds=seconds, retry_after=0)


def work(commons: Commons, what: str, source: Any, folder: Path) -> TransferReport:
    """Make one call."""
    if what == "upload":
        return commons.files.upload(
            folder, authz=[source], include_subdirname=True, progress=False, parallel=4, wait=2.0
        )
    return commons.files.download(source, folder, progress=False, parallel=4)


def work_in_child(endpoint: str, key: Path, what: str, source: Any, folder: Path, ready: Connection) -> None:
    """Upload or download, until killed."""
    import gen3nb

    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    commons = gen3nb.connect(endpoint, credentials=key)
    with hasty(commons), contextlib.suppress(Gen3Error):
        ready.send("ready")
        work(commons, what, source, folder)


def kill_one(commons: Commons, what: str, source: Any, folder: Path, chance: random.Random) -> bool:
    """Begin the call in a process of its own and kill it; say whether it was still at it."""
    assert commons.sandbox is not None
    facts = (commons.endpoint, commons.sandbox.credentials("admin"), what, source, folder)
    return kill(_PROCESSES, work_in_child, facts, chance, longest=0.6)


def under_fire(
    outcome: Outcome, commons: Commons, what: str, source: Any, folder: Path, chance: random.Random
) -> tuple[TransferReport | None, TransferReport]:
    """Make the call through faults and kills, and then once more in peace; give both reports."""
    assert commons.sandbox is not None
    kinds = [kind for kind in FAULTS if what == "upload" or kind != "storage-lost-part"]
    report = None
    with hasty(commons), commons.sandbox.faults as faults:
        spoil(commons, chance, kinds)
        for _ in range(chance.choice([0, 1, 1, 2])):
            outcome.kills += kill_one(commons, what, source, folder, chance)
            outcome.calls += 1
        with contextlib.suppress(Gen3Error):
            report = work(commons, what, source, folder)
        for one in faults.list():
            outcome.faults[one["kind"]] += one["struck"]
    _believe(outcome, commons, what, report, folder)
    outcome.calls += 2
    with hasty(commons):
        return report, work(commons, what, source, folder)


def _believe(
    outcome: Outcome, commons: Commons, what: str, report: TransferReport | None, folder: Path
) -> None:
    """Count the files that a report calls done, and that are not."""
    for one in report if report is not None else ():
        if one.status not in ("uploaded", "downloaded", "already there"):
            continue
        record = commons.indexd.get(one.guid)
        path = Path(one.name) if what == "upload" else folder / one.name
        content = path.read_bytes()
        right = (
            record["size"] == len(content) and record["hashes"].get("md5") == hashlib.md5(content).hexdigest()
        )
        outcome.untrue += not right


def run(commons: Commons, seed: int, folder: Path) -> Outcome:
    """Make one run."""
    chance = random.Random(seed)
    outcome = Outcome(runs=1)
    authz = f"/programs/DRILL/projects/s{seed}"
    (folder / "up").mkdir()
    contents = files_of(folder / "up", seed, chance)
    outcome.files = len(contents)
    _, report = under_fire(outcome, commons, "upload", authz, folder / "up", chance)
    if not report.ok:
        outcome.refused.append(f"seed {seed}: {report}; {report.failed['why'].head(3).tolist()}")
        return outcome
    guids: dict[str, list[str]] = {}  # and the names of the files of its content
    for one in report:
        name = str(Path(one.name).relative_to(folder / "up"))
        record = commons.indexd.get(one.guid)
        wanted = hashlib.md5(contents[name]).hexdigest()
        outcome.wrong += (record["size"], record["hashes"].get("md5")) != (len(contents[name]), wanted)
        guids.setdefault(one.guid, []).append(name)
        same = list(commons.indexd.records(hashes={"md5": wanted}, size=len(contents[name]), authz=[authz]))
        outcome.doubled += len(same) - 1 if contents[name] else 0
    outcome.wrong += len(contents) - sum(map(len, guids.values()))
    # every file has one record, and no record is left without its bytes
    blank = [one for one in commons.indexd.records(authz=[authz]) if one["size"] is None]
    outcome.doubled += len(blank)
    if outcome.doubled:
        outcome.refused.append(
            f"seed {seed}: without bytes: {[(one['did'], one['file_name']) for one in blank]}"
        )
    (folder / "down" / "here").mkdir(parents=True)
    _, report = under_fire(outcome, commons, "download", list(guids), folder / "down" / "here", chance)
    if not report.ok:
        outcome.refused.append(f"seed {seed}: {report}; {report.failed['why'].head(3).tolist()}")
    found = {
        str(path.relative_to(folder / "down")): path.read_bytes()
        for path in (folder / "down").rglob("*")
        if path.is_file()
    }
    outcome.left += sum(name.endswith(".part") for name in found)
    outcome.outside += sum(not name.startswith("here/") for name in found)
    for names in guids.values():
        outcome.wrong += not any(found.get(f"here/{name}") == contents[name] for name in names)
    again = work(commons, "download", list(guids), folder / "down" / "here")
    if again.counts != {"already there": len(guids)}:
        outcome.refused.append(f"seed {seed}: the call after the last found something to do: {again}")
    return outcome


def main() -> int:
    import gen3nb

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=int(os.environ.get("GEN3NB_DRILL_SEEDS", "500")))
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--write", type=Path, help="a file for the table")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    total, started = Outcome(), time.monotonic()
    with gen3nb.sandbox() as commons:
        for seed in range(options.first, options.first + options.seeds):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    one = run(commons, seed, Path(folder))
                except Exception as error:  # whatever it is, it is a finding, and the other runs go on
                    traceback.print_exc()
                    one = Outcome(runs=1, refused=[f"seed {seed}: {type(error).__name__}: {error}"])
            total.add(one)
            if not one.ok:
                print(f"seed {seed}: {one}", flush=True)
            elif (seed + 1) % 10 == 0:
                print(f"{seed + 1} runs, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
            if options.write:
                options.write.write_text(total.table() + "\n", encoding="utf-8")
    print(total.table())
    return 0 if total.ok else 1


if __name__ == "__main__":
    sys.exit(main())
