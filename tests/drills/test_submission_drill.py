"""Kill the submitting process and spoil the answers at random; at the end every row is stored once.

``GEN3NB_DRILL_SEEDS=500 pytest tests/drills`` runs more than the usual 20.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from gen3nb.errors import Gen3Error
from gen3nb.frames import sending
from gen3nb.frames.submission import submit

if TYPE_CHECKING:
    from gen3nb import Commons

SEEDS = int(os.environ.get("GEN3NB_DRILL_SEEDS", "20"))
ROWS = 240
KINDS = [
    "504-after-commit",
    "drop-after",
    "html-after",
    "half-json",
    "truncated",
    "504",
    "502",
    "503",
    "429",
    "html",
]
KINDS += ["drop-before", "html-in-middle", "latency"]
CHILD = """
import sys, pandas as pd, gen3nb
from gen3nb.frames import sending
from gen3nb.frames.submission import submit
sending.FIRST_PAUSE, sending.LONGEST_PAUSE = 0.01, 0.05
endpoint, key, project, folder = sys.argv[1:]
frames = {name: pd.read_pickle(f"{folder}/{name}.pkl") for name in ("case", "demographic")}
commons = gen3nb.connect(endpoint, credentials=key)
print("ready", flush=True)
submit(frames, connection=commons, project=project, chunk=20, progress=False)
"""


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


def stored(commons: Commons, project: str, node: str) -> dict[str, dict[str, object]]:
    with commons.sheepdog.export(commons.project_id(project), node) as answer:
        records = answer.json()["data"]
    held = {record["submitter_id"]: record for record in records}
    assert len(held) == len(records), "a row is stored twice"
    return held


def spoil(commons: Commons, project: str, chance: random.Random) -> None:
    """Set a few faults on the way of the submissions, and some on that of the look-ups."""
    assert commons.sandbox is not None
    path = f"/api/v0/submission/{project.replace('-', '/', 1)}"
    for _ in range(chance.randint(1, 4)):
        kind, after, times = chance.choice(KINDS), chance.randint(0, 8), chance.randint(1, 3)
        where = chance.choice([path, path, "*/graphql*"])
        seconds = 0.1 if kind == "latency" else None
        commons.sandbox.faults.add(
            kind, path=where, method="*", after=after, times=times, seconds=seconds, retry_after=0
        )


def kill_one(commons: Commons, project: str, folder: Path, chance: random.Random) -> bool:
    """Start a submission in a process of its own and kill it; say whether it was still at it."""
    assert commons.sandbox is not None
    key = commons.sandbox.credentials("admin")
    command = [sys.executable, "-c", CHILD, commons.endpoint, str(key), project, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.8))
        was_running = child.poll() is None
        child.kill()
    return was_running


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_row_is_stored_once(
    commons: Commons, project: str, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(sending, "LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(commons.peregrine.transport, "backoff", 0.01)
    chance = random.Random(seed)
    frames = frames_of(chance)
    for name, frame in frames.items():
        frame.to_pickle(tmp_path / f"{name}.pkl")
    if chance.random() < 0.5:  # some are there already, as they were
        old = frames["case"].sample(60, random_state=seed).assign(disease_type="old")
        submit({"case": old}, connection=commons, project=project, progress=False)
    assert commons.sandbox is not None
    with commons.sandbox.faults:
        spoil(commons, project, chance)
        if chance.random() < 0.7:
            kill_one(commons, project, tmp_path, chance)
        # a plan that cannot be made, since the commons does not answer, is an error of ours too
        with contextlib.suppress(Gen3Error):
            submit(frames, connection=commons, project=project, chunk=20, progress=False)
    report = submit(frames, connection=commons, project=project, progress=False)
    assert report.ok, report.to_frame().query("reason != ''")
    for node, frame in frames.items():
        held = stored(commons, project, node)
        assert set(held) == set(frame["submitter_id"])
        column = "disease_type" if node == "case" else "gender"
        assert [held[name][column] for name in frame["submitter_id"]] == frame[column].tolist()
    again = submit(frames, connection=commons, project=project, progress=False)
    assert again.counts["unchanged"] == 2 * ROWS
