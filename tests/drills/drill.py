"""A submission under fire: kills, faults, lost answers; at the end every row is stored once.

    python tests/drills/drill.py [--seeds 500] [--write FILE]

One run (a seed) makes a project, a frame of cases and one of demographics, sets random faults on the way to
the commons and back, kills submitting processes at random moments, lets one more submit through the faults,
and then, without faults, makes the same call again. What the commons holds is compared with the frames.
"""

from __future__ import annotations

import argparse
import contextlib
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

import pandas as pd
from fire import kill_one as kill
from fire import table

from gen3nb.errors import Gen3Error
from gen3nb.frames import sending
from gen3nb.frames.submission import submit

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from gen3nb import Commons
    from gen3nb.frames.outcomes import SubmissionReport

ROWS = 240
KEYS = {"case": "disease_type", "demographic": "gender"}
#: What each kind of fault does, in the words of the table.
FAULTS = {
    "drop-before": "connection cut before the commons gets the request",
    "drop-after": "connection cut after the commons has stored the rows",
    "lost-with-200": "whole request lost, and answered 200 or 201",
    "504": "504, nothing stored",
    "504-after-commit": "504, although the rows are stored",
    "429": "429 with Retry-After",
    "500": "500, nothing stored",
    "502": "502, nothing stored",
    "503": "503 with Retry-After",
    "html": "200 with a web page, nothing stored",
    "html-after": "200 with a web page, although the rows are stored",
    "html-in-middle": "half the answer, then a web page; the rows are stored",
    "half-json": "half the answer, as if it were whole; the rows are stored",
    "truncated": "half the answer, then the connection cut; the rows are stored",
    "latency": "a late answer",
}
# a process that has everything loaded, and forks one that submits: it starts in no time, and dies alone
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["gen3nb.commons", "gen3nb.frames.submission", "gen3.auth"])


@dataclass
class Outcome:
    """What happened in one run, or in several together.

    ``lost``: rows that are not stored, or not as the frame says. ``doubled``: rows stored more than once, and
    records that no row asked for. ``untrue``: rows that a report called stored before they were.
    """

    runs: int = 0
    rows: int = 0
    kills: int = 0
    calls: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    doubled: int = 0
    untrue: int = 0
    refused: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not (self.lost or self.doubled or self.untrue or self.refused)

    def add(self, other: Outcome) -> None:
        for name in ("runs", "rows", "kills", "calls", "lost", "doubled", "untrue"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.faults += other.faults
        self.refused += other.refused

    def table(self) -> str:
        """Write what happened as a Markdown table."""
        lines = [
            ("runs", self.runs),
            ("rows to be stored", self.rows),
            ("submissions made", self.calls),
            ("processes killed in the middle (kill -9)", self.kills),
            ("faults that struck", sum(self.faults.values())),
            *((f"– {words}", self.faults[kind]) for kind, words in FAULTS.items()),
            ("**rows lost or altered**", self.lost),
            ("**rows doubled**", self.doubled),
            ("**rows reported as stored that were not**", self.untrue),
            ("**runs where the last call did not end well**", len(self.refused)),
        ]
        return table(lines)


def frames_of(chance: random.Random) -> dict[str, pd.DataFrame]:
    names = [f"c{number:03d}" for number in range(ROWS)]
    cases = pd.DataFrame({"submitter_id": names, "experiments.submitter_id": "exp", "disease_type": "new"})
    people = pd.DataFrame(
        {
            "submitter_id": [f"d{name}" for name in names],
            "cases.submitter_id": names,
            "gender": chance.choices(["female", "male"], k=ROWS),
        }
    )
    return {"case": cases, "demographic": people}


def run(commons: Commons, project: str, seed: int, folder: Path) -> Outcome:
    """Make one run in an empty project that holds an experiment ``exp``."""
    assert commons.sandbox is not None
    chance = random.Random(seed)
    outcome = Outcome(runs=1, rows=2 * ROWS, calls=2)
    frames = frames_of(chance)
    for name, frame in frames.items():
        frame.to_pickle(folder / f"{name}.pkl")
    if chance.random() < 0.5:  # some are there already, as they were
        old = frames["case"].sample(60, random_state=seed).assign(disease_type="old")
        submit({"case": old}, connection=commons, project=project, progress=False)
    report = None
    with _hasty(commons), commons.sandbox.faults as faults:
        spoil(commons, project, chance)
        for _ in range(chance.choice([0, 1, 1, 1, 2])):
            outcome.kills += kill_one(commons, project, folder, chance)
            outcome.calls += 1
        try:
            report = submit(frames, connection=commons, project=project, chunk=20, progress=False)
        except Gen3Error as error:  # a plan that cannot be made, or a submission that ended early
            report = getattr(error, "report", None)
        for one in faults.list():
            outcome.faults[one["kind"]] += one["struck"]
    _believe(outcome, commons, project, report, frames)
    with _hasty(commons):
        report = submit(frames, connection=commons, project=project, progress=False)
    if not report.ok:
        reasons = report.to_frame()["reason"]
        outcome.refused.append(f"seed {seed}: {report}; {reasons[reasons != ''].head(3).tolist()}")
    _compare(outcome, commons, project, frames)
    again = submit(frames, connection=commons, project=project, progress=False)
    if again.counts["unchanged"] != 2 * ROWS:
        outcome.refused.append(f"seed {seed}: the call after the last found something to do: {again}")
    return outcome


@contextlib.contextmanager
def _hasty(commons: Commons) -> Any:
    """Make the pauses between tries short."""
    before = sending.FIRST_PAUSE, sending.LONGEST_PAUSE, commons.peregrine.transport.backoff
    sending.FIRST_PAUSE, sending.LONGEST_PAUSE = 0.01, 0.05
    commons.peregrine.transport.backoff = 0.01
    try:
        yield
    finally:
        sending.FIRST_PAUSE, sending.LONGEST_PAUSE, commons.peregrine.transport.backoff = before


def spoil(commons: Commons, project: str, chance: random.Random) -> None:
    """Set a few faults on the way of the submissions, and some on that of the look-ups."""
    assert commons.sandbox is not None
    path = f"/api/v0/submission/{project.replace('-', '/', 1)}"
    for _ in range(chance.randint(2, 6)):
        kind, after, times = chance.choice(list(FAULTS)), chance.randint(0, 8), chance.randint(1, 3)
        where = (
            path if kind == "lost-with-200" else chance.choice([path, path, path + "/export", "*/graphql*"])
        )
        seconds = 0.1 if kind == "latency" else None
        commons.sandbox.faults.add(
            kind, path=where, method="*", after=after, times=times, seconds=seconds, retry_after=0
        )


def kill_one(commons: Commons, project: str, folder: Path, chance: random.Random) -> bool:
    """Start a submission in a process of its own and kill it; say whether it was still at it."""
    assert commons.sandbox is not None
    facts = (commons.endpoint, commons.sandbox.credentials("admin"), project, folder)
    return kill(_PROCESSES, submit_in_child, facts, chance, longest=0.8)


def submit_in_child(endpoint: str, key: Path, project: str, folder: Path, ready: Connection) -> None:
    """Submit the frames in a folder, until killed."""
    import gen3nb

    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    frames = {name: pd.read_pickle(folder / f"{name}.pkl") for name in KEYS}
    commons = gen3nb.connect(endpoint, credentials=key)
    with _hasty(commons), contextlib.suppress(Gen3Error):
        ready.send("ready")
        submit(frames, connection=commons, project=project, chunk=20, progress=False)


def stored(commons: Commons, project: str, node: str) -> list[dict[str, Any]]:
    with commons.sheepdog.export(commons.project_id(project), node) as answer:
        records: list[dict[str, Any]] = answer.json()["data"]
    return records


def _believe(
    outcome: Outcome,
    commons: Commons,
    project: str,
    report: SubmissionReport | None,
    frames: dict[str, pd.DataFrame],
) -> None:
    """Count the rows that a report calls stored, and that are not."""
    if report is None:
        return
    told = report.to_frame()
    told = told[told["status"].isin(["created", "updated", "unchanged"])]
    for node, frame in frames.items():
        held = {record["submitter_id"]: record.get(KEYS[node]) for record in stored(commons, project, node)}
        wanted = dict(zip(frame["submitter_id"], frame[KEYS[node]], strict=True))
        names = told.loc[told["node"] == node, "submitter_id"]
        outcome.untrue += sum(held.get(name) != wanted[name] for name in names)


def _compare(outcome: Outcome, commons: Commons, project: str, frames: dict[str, pd.DataFrame]) -> None:
    """Count what the commons holds otherwise than the frames."""
    for node, frame in frames.items():
        records = stored(commons, project, node)
        outcome.doubled += len(records) - len({record["submitter_id"].lower() for record in records})
        held = {record["submitter_id"]: record for record in records}
        outcome.doubled += len(set(held) - set(frame["submitter_id"]))
        link = "experiments" if node == "case" else "cases"
        for name, value, end in frame[["submitter_id", KEYS[node], f"{link}.submitter_id"]].itertuples(
            index=False
        ):
            record = held.get(name, {})
            ends = [one["submitter_id"] for one in record.get(link, ())]
            outcome.lost += not (record.get(KEYS[node]) == value and ends == [end])


def new_project(commons: Commons, code: str) -> str:
    commons.create_project(("DRILL", code))
    experiment = pd.DataFrame({"submitter_id": ["exp"], "projects.code": [code]})
    assert submit({"experiment": experiment}, connection=commons, project=("DRILL", code), progress=False).ok
    return f"DRILL-{code}"


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
        commons.create_program("DRILL")
        for seed in range(options.first, options.first + options.seeds):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    one = run(commons, new_project(commons, f"s{seed}"), seed, Path(folder))
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
