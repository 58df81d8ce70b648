"""Memory of a submission, a snapshot and a restore grows by some bytes a row, not by a record a row."""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING, Literal

import pandas as pd
import pytest
from made_up import new_project

from gen3nb.frames import decoding, exporting, keys, looking, pairing, sending, verifying
from gen3nb.frames.submission import submit

if TYPE_CHECKING:
    from gen3nb import Commons

FEW, MANY = 300, 1_500
#: A record of ten cells as Python holds it takes some 1,500 bytes; its marks, id and statuses some 100.
BYTES_A_ROW = 400


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make what is in hand at once so small that it does not show."""
    for module, name, value in (
        (sending, "LARGEST", 50),
        (verifying, "STEP", 50),
        (pairing, "STEP", 50),
        (keys, "STEP", 50),
        (looking, "PAGE", 50),
        (looking, "SMALL", 50),
    ):
        monkeypatch.setattr(module, name, value)
    real = decoding.chunks_of
    monkeypatch.setattr(exporting, "chunks_of", lambda records: real(records, 50))


def samples(count: int) -> pd.DataFrame:
    numbers = range(count)
    return pd.DataFrame(
        {
            "submitter_id": [f"s{number:05d}" for number in numbers],
            "cases.submitter_id": "c",
            "sample_type": "Primary Tumor",
            "composition": "Solid Tissue",
            "days_to_collection": list(numbers),
            "initial_weight": [number / 7 for number in numbers],
            "is_ffpe": True,
        }
    )


def project_with_a_case(commons: Commons, code: str) -> str:
    project = new_project(commons, code)
    records = [
        {"type": "experiment", "submitter_id": "e", "projects": {"code": code}},
        {"type": "case", "submitter_id": "c", "experiments": {"submitter_id": "e"}},
    ]
    assert commons.sheepdog.submit(commons.project_id(project), records).ok
    return project


def peak_of_submitting(
    commons: Commons, project: str, frame: pd.DataFrame, verify: Literal["keys", "values"]
) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        report = submit(
            {"sample": frame}, connection=commons, project=project, chunk=50, verify=verify, progress=False
        )
        assert report.ok, str(report)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("again", ["new", "unchanged", "changed", "values"])
def test_a_submission_holds_some_bytes_of_each_row(commons: Commons, again: str) -> None:
    peaks = {}
    for count in (20, FEW, MANY):  # the first one loads what is loaded once
        project = project_with_a_case(commons, f"bounded-{again}-{count}".replace("-", ""))
        frame = samples(count)
        if again in {"unchanged", "changed"}:
            submit({"sample": frame}, connection=commons, project=project, chunk=500, progress=False)
        if again == "changed":
            frame = frame.assign(is_ffpe=False)
        peaks[count] = peak_of_submitting(commons, project, frame, "values" if again == "values" else "keys")
    growth = (peaks[MANY] - peaks[FEW]) / (MANY - FEW)
    assert growth < BYTES_A_ROW, peaks
