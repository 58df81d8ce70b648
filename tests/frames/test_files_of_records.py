"""Files of records: their nodes found, read and written by their endings; conditions as they are typed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from gen3nb.dictionary import Dictionary
from gen3nb.errors import Gen3Error, ValidationError
from gen3nb.frames.files import read_files, where_of, write_frame
from gen3nb.frames.origin import row_numbers


@pytest.fixture(scope="module")
def default() -> Dictionary:
    return Dictionary.default()


def put(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("case.tsv", "submitter_id\na\n"),
        ("CASE.csv", "submitter_id,disease_type\na,b\n"),
        ("2026-03_case.tsv", "submitter_id\na\n"),
        ("case-final v2.tsv", "submitter_id\na\n"),
        ("anything.tsv", "type\tsubmitter_id\ncase\ta\n"),
    ],
)
def test_the_node_is_found(default: Dictionary, tmp_path: Path, name: str, text: str) -> None:
    frames = read_files([put(tmp_path, name, text)], default)
    assert list(frames) == ["case"]
    assert frames["case"]["submitter_id"].tolist() == ["a"]
    assert list(row_numbers(frames["case"])) == [2]


def test_a_folder_is_read_in_link_order(default: Dictionary, tmp_path: Path) -> None:
    put(tmp_path / "march", "demographic.tsv", "submitter_id\tyear_of_birth\nd\t1970\n")
    put(tmp_path / "march", "case.csv", "submitter_id\nc\n")
    put(tmp_path / "march", "~$case.xlsx", "")
    put(tmp_path / "march", "notes.md", "")
    frames = read_files([tmp_path / "march"], default)
    assert list(frames) == ["case", "demographic"]
    assert frames["demographic"]["year_of_birth"].tolist() == [1970]
    assert frames["demographic"]["year_of_birth"].dtype == "Float64"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"kase.tsv": "submitter_id\na\n"}, "did you mean 'case'"),
        ({"case.tsv": "submitter_id\na\n", "case.csv": "submitter_id\nb\n"}, "both hold records of case"),
        ({"case.doc": ""}, "none of .tsv"),
        ({}, "holds no file of records"),
        ({"case.parquet": "no parquet"}, "cannot be read as Parquet"),
    ],
)
def test_what_cannot_be_read(default: Dictionary, tmp_path: Path, files: dict[str, str], said: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    paths = [put(folder, name, text) for name, text in files.items()]
    with pytest.raises(ValidationError, match=said):
        read_files(paths or [folder], default)
    with pytest.raises(ValidationError, match="there is no file"):
        read_files([folder / "none.tsv"], default)


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "submitter_id": pd.array(["a", "b"], dtype="string"),
            "consent_codes": pd.Series([["x", "y"], None], dtype=object),
            "disease_type": pd.array(["tab\there", None], dtype="string"),
        }
    )


@pytest.mark.parametrize("ending", ["parquet", "tsv", "xlsx"])
def test_what_is_written_is_read_back(default: Dictionary, tmp_path: Path, ending: str) -> None:
    path = write_frame(frame(), tmp_path / "deep" / f"case.{ending}", default, "case")
    back = read_files([path], default)["case"]
    assert back["submitter_id"].tolist() == ["a", "b"]
    assert [list(cell) if cell is not None else None for cell in back["consent_codes"]] == [["x", "y"], None]
    assert back["disease_type"].tolist() == ["tab\there", pd.NA]
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_json_and_lines(default: Dictionary, tmp_path: Path) -> None:
    records = [
        {"submitter_id": "a", "consent_codes": ["x", "y"], "disease_type": "tab\there"},
        {"submitter_id": "b"},
    ]
    path = write_frame(frame(), tmp_path / "x.json", default)
    assert json.loads(path.read_text()) == records
    path = write_frame(frame(), tmp_path / "x.jsonl", default)
    assert [json.loads(line) for line in path.read_text().splitlines()] == records
    assert json.loads(write_frame(frame().head(0), tmp_path / "y.json", default).read_text()) == []


def test_rows_of_several_nodes_go_to_a_sheet(default: Dictionary, tmp_path: Path) -> None:
    path = write_frame(frame().rename(columns={"disease_type": "sample.x"}), tmp_path / "wide.xlsx", default)
    assert pd.read_excel(path)["consent_codes"].tolist()[0] == "x,y"


def test_a_file_that_cannot_be_written_leaves_the_old_one(default: Dictionary, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"ends in '.doc'"):
        write_frame(frame(), tmp_path / "x.doc", default)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(Gen3Error, match="cannot be written"):
        write_frame(frame(), tmp_path / "file" / "x.tsv", default)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("gender=female", ["female"]),
        ("gender=female, male", ["female", "male"]),
        ("year_of_birth=1970", [1970]),
        ("year_of_birth=1960..", (1960, None)),
        ("year_of_birth=..1970.5", (None, 1970.5)),
        ("submitter_id=~^GB", re.compile("^GB")),
        ("gender=", None),
    ],
)
def test_conditions(default: Dictionary, text: str, wanted: object) -> None:
    assert where_of([text], default, "demographic") == {text.partition("=")[0]: wanted}


@pytest.mark.parametrize("text", ["gender", "=x", "year_of_birth=old", "submitter_id=~("])
def test_what_is_no_condition(default: Dictionary, text: str) -> None:
    with pytest.raises(ValidationError, match="is no condition"):
        where_of([text], default, "demographic")


def test_json_records_say_their_node(default: Dictionary, tmp_path: Path) -> None:
    records = [{"type": "case", "submitter_id": "a"}, {"type": "demographic", "submitter_id": "d"}]
    path = put(tmp_path, "records.json", json.dumps(records))
    frames = read_files([path], default)
    assert {name: frame["submitter_id"].tolist() for name, frame in frames.items()} == {
        "case": ["a"],
        "demographic": ["d"],
    }
    with pytest.raises(ValidationError, match="not of sample"):
        read_files([path], default, "sample")
