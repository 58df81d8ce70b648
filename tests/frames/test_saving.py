"""Export to files: every record, once, with its type; whole or not at all."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import gen3nb
from gen3nb.errors import DictionaryError, Gen3Error, NotFound, ValidationError
from gen3nb.frames.saving import LIST, export

if TYPE_CHECKING:
    from gen3nb import Commons

ODD = ["=1+1", "a\tb", "line\nbreak", "", "NA", "007", "é 🧬", '"quoted"', "+cmd", "@x"]


@pytest.fixture
def filled(commons: Commons, project: str) -> str:
    """Give a project with cases that have odd values."""
    where = commons.project_id(project)
    cases = [
        {
            "type": "case",
            "submitter_id": f"c{i}",
            "experiments": {"submitter_id": "exp"},
            "primary_site": "Breast",
        }
        for i in range(10)
    ]
    assert commons.sheepdog.submit(where, cases).ok
    samples = [
        {"type": "sample", "submitter_id": f"s{i}", "cases": [{"submitter_id": f"c{i}"}],
         "freezing_method": odd,
         "days_to_collection": i}
        for i, odd in enumerate(ODD)
    ]  # fmt: skip
    answer = commons.sheepdog.submit(where, samples)
    assert answer.ok, answer.problems()
    return project


def read_back(path: Path, node: str, format: str) -> pd.DataFrame:
    if format == "parquet":
        return pd.read_parquet(path)
    if format == "tsv":
        return gen3nb.read_tsv(path, node)
    if format == "xlsx":
        return pd.read_excel(path, dtype=object, keep_default_na=False, na_values=[])
    return pd.DataFrame(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("format", ["tsv", "json", "parquet", "xlsx"])
def test_every_format_holds_every_record(commons: Commons, filled: str, tmp_path: Path, format: Any) -> None:
    told: list[tuple[int, int | None]] = []
    report = export(
        commons, filled, ["case", "sample"], format, tmp_path / "new" / "all.zip", keep_frames=True,
        progress=lambda done, total, label: told.append((done, total)),
    )  # fmt: skip
    assert report.ok
    assert report.records == 20
    assert told[-1][0] == 20
    assert str(report).startswith("20 records in 2 files")
    with zipfile.ZipFile(report.path) as archive:
        assert sorted(archive.namelist()) == sorted([f"case.{format}", f"sample.{format}", LIST])
        archive.extractall(tmp_path / "out")
    listed = json.loads((tmp_path / "out" / LIST).read_text())
    for one in listed["files"]:
        content = (tmp_path / "out" / one["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == one["sha256"]
        assert len(content) == one["bytes"]
        assert one["records"] == 10
    found = read_back(tmp_path / "out" / f"sample.{format}", "sample", format)
    detail = dict(zip(found["submitter_id"], found["freezing_method"], strict=True))
    for i, odd in enumerate(ODD):
        if odd or format in ("json", "parquet"):
            assert detail[f"s{i}"] == odd
    assert list(report.frames) == ["case", "sample"]
    assert list(tmp_path.joinpath("new").iterdir()) == [report.path]


def test_a_folder_gets_the_files(commons: Commons, filled: str, tmp_path: Path) -> None:
    report = export(commons, filled, ["case"], "parquet", tmp_path / "folder", progress=False)
    assert {file.name for file in report.path.iterdir()} == {"case.parquet", LIST}
    stored = pd.read_parquet(report.path / "case.parquet")
    pd.testing.assert_frame_equal(
        stored, commons.read("case", project=filled, progress=False), check_column_type=False
    )
    assert not stored.attrs


def test_nothing_is_overwritten_unasked(commons: Commons, filled: str, tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    path.write_text("mine")
    with pytest.raises(ValidationError, match="there already") as raised:
        export(commons, filled, ["case"], "json", path, progress=False)
    assert raised.value.exists
    assert path.read_text() == "mine"
    export(commons, filled, ["case"], "json", path, progress=False, replace=True)
    assert zipfile.is_zipfile(path)


def test_bad_wishes_get_a_sentence(commons: Commons, filled: str, tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with pytest.raises(ValidationError, match="is no format"):
        export(commons, filled, ["case"], "csv", path)  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="no node"):
        export(commons, filled, [], "tsv", path)
    with pytest.raises(DictionaryError, match="case"):
        export(commons, filled, ["casse"], "tsv", path)
    with pytest.raises(NotFound):
        export(commons, "TEST-none", ["case"], "tsv", path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValidationError, match="is a file"):
        export(commons, filled, ["case"], "tsv", tmp_path / "file")
    with pytest.raises(Gen3Error, match="could not be written"):
        export(commons, filled, ["case"], "tsv", tmp_path / "file" / "below.zip", progress=False)
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_stopped_export_leaves_nothing(commons: Commons, filled: str, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(done: int, total: int | None, label: str) -> None:
        if done:
            raise Stop

    with pytest.raises(Stop):
        export(commons, filled, ["case", "sample"], "tsv", tmp_path / "all.zip", progress=stop)
    assert list(tmp_path.iterdir()) == []
