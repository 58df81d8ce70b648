"""The Export panel."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
import trial_data

from gen3nb.panels import Export

if TYPE_CHECKING:
    from gen3nb import Commons


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def press(panel: Export) -> Export:
    panel.run.click()
    panel.wait()
    return panel


def test_exports_what_is_ticked(commons: Commons, trial: str, here: Path) -> None:
    panel = Export(commons, project=trial)
    total = sum(len(frame) for frame in trial_data.frames().values())
    assert panel.run.description == f"Export {total} records"
    panel.none.click()
    assert panel.run.disabled
    panel.nodes.picked = ["case", "diagnosis"]
    panel.as_frames.value = True
    assert panel.run.description == f"Export {2 * trial_data.PATIENTS} records"
    press(panel)
    assert panel.error is None
    assert panel.report is not None
    assert "Every count equals that of the commons" in panel.message
    assert panel.report.path.parent == Path("exports")
    with zipfile.ZipFile(panel.report.path) as archive:
        assert sorted(archive.namelist()) == ["case.parquet", "diagnosis.parquet", "export.json"]
    assert sorted(panel.report.frames) == ["case", "diagnosis"]


def test_its_code_does_the_same(commons: Commons, trial: str, here: Path) -> None:
    panel = Export(commons, project=trial)
    panel.format.value = "tsv"
    panel.path.value = "one"
    panel.nodes.picked = ["demographic"]
    space = {"commons": commons}
    exec(panel.code, space)
    written = (here / "one" / "demographic.tsv").read_bytes()
    panel.path.value = "two"
    press(panel)
    assert (here / "two" / "demographic.tsv").read_bytes() == written
    assert len(pd.read_csv(here / "two" / "demographic.tsv", sep="\t")) == trial_data.PATIENTS


def test_a_file_in_the_way_is_replaced_only_when_asked(commons: Commons, trial: str, here: Path) -> None:
    (here / "mine.zip").write_text("mine")
    panel = Export(commons, project=trial)
    panel.path.value = "mine.zip"
    press(panel)
    assert "there already" in panel.message
    assert (here / "mine.zip").read_text() == "mine"
    (replace,) = [part for part in panel._messages.children[0].children if hasattr(part, "click")]
    replace.click()
    panel.wait()
    assert panel.error is None
    assert zipfile.is_zipfile(here / "mine.zip")


def test_cancel_leaves_nothing(
    commons: Commons, trial: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = Export(commons, project=trial)
    start = panel.start

    def start_and_cancel(label: str, work: object, done: object) -> None:
        start(label, lambda job: (panel.cancel.click(), work(job)), done)  # type: ignore[operator,arg-type]

    monkeypatch.setattr(panel, "start", start_and_cancel)
    press(panel)
    assert "Cancelled" in panel.message
    assert panel.report is None
    assert not list((here / "exports").iterdir()) if (here / "exports").exists() else True
    assert not panel.running


def test_a_place_that_cannot_be_written_is_said(commons: Commons, trial: str, here: Path) -> None:
    (here / "file").write_text("x")
    panel = Export(commons, project=trial)
    panel.path.value = "file/<b>x.zip"
    press(panel)
    assert "role='alert'" in panel.message
    assert "<b>x" not in panel.message


def test_who_may_read_nothing_is_told_so(commons: Commons, trial: str) -> None:
    nobody = commons.sandbox.as_user("nobody")
    panel = Export(nobody)
    assert panel.run.disabled
    nobody.close()
