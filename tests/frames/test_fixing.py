"""Repairs: only what can be meant in one way."""

from __future__ import annotations

import pandas as pd
import pytest

from gen3nb.dictionary import Dictionary
from gen3nb.frames.reports import ValidationReport
from gen3nb.frames.validation import validate


def report_of(dictionary: Dictionary, node: str = "demographic", **columns: object) -> ValidationReport:
    count = max([len(column) for column in columns.values() if isinstance(column, list)] or [1])
    ids = [f"d{i}" for i in range(count)]
    frame = pd.DataFrame(
        {"submitter_id": ids, "cases.submitter_id": [f"c{i}" for i in range(count)], **columns}
    )
    return validate(frame, node, dictionary=dictionary, progress=False)


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("Female", "female"),
        (" female ", "female"),
        ("FEMALE", "female"),
        ("F", "female"),
        ("fem", "female"),
        ("femalle", None),
        ("u", None),
        ("n", None),
        ("no", None),
        ("x", None),
    ],
)
def test_vocabulary(default: Dictionary, value: str, meant: str | None) -> None:
    report = report_of(default, gender=[value])
    assert report.fixed()["gender"].tolist() == [meant or value]
    assert len(report.fixes) == (meant is not None)


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("1970", 1970),
        (" 1970 ", 1970),
        ("1970.0", 1970),
        ("1,970", "1,970"),
        ("1970,5", "1970,5"),
        ("about", "about"),
    ],
)
def test_numbers_written_as_text(default: Dictionary, value: object, meant: object) -> None:
    assert report_of(default, year_of_birth=[value]).fixed()["year_of_birth"].tolist() == [meant]


def test_whole_numbers_for_text(default: Dictionary) -> None:
    frame = pd.DataFrame({"submitter_id": [1, 2], "experiments.submitter_id": "exp"})
    report = validate(frame, "case", dictionary=default, progress=False)
    assert not report.ok
    fixed = report.fixed()
    assert fixed["submitter_id"].tolist() == ["1", "2"]
    assert validate(fixed, "case", dictionary=default, progress=False).ok


def test_columns_named_otherwise(default: Dictionary) -> None:
    report = report_of(default, **{"Year of birth": [1950], "gendr": ["female"]})
    fixed = report.fixed()
    assert list(fixed.columns) == ["submitter_id", "cases.submitter_id", "year_of_birth", "gendr"]
    assert report.fixes[["row", "column", "old", "new"]].to_numpy().tolist() == [
        [1, "Year of birth", "Year of birth", "year_of_birth"]
    ]


def test_the_list_of_changes_and_the_checked_frame(default: Dictionary) -> None:
    frame = pd.DataFrame(
        {"submitter_id": ["d1", "d2"], "cases.submitter_id": ["c1", "c2"], "gender": ["F", "male"]},
        index=[5, 9],
    )
    frame.attrs["gen3"] = {"node": "demographic"}
    before = frame.copy(deep=True)
    report = validate(frame, "demographic", dictionary=default, progress=False)
    fixed = report.fixed()
    pd.testing.assert_frame_equal(frame, before)
    assert fixed.attrs == frame.attrs
    assert fixed.index.tolist() == [5, 9]
    assert report.fixes.to_dict("records") == [
        {"row": 7, "submitter_id": "d1", "column": "gender", "old": "F", "new": "female", "rule": "enum"}
    ]
    again = validate(fixed, "demographic", dictionary=default, progress=False)
    assert again.ok
    assert again.fixes.empty


def test_a_repaired_column_is_typed_by_the_dictionary_once_all_fits(default: Dictionary) -> None:
    fixed = report_of(default, gender=["F", "male", None], year_of_birth=["1950", 1960, None]).fixed()
    assert fixed["gender"].dtype == default["demographic"].properties["gender"].dtype
    assert fixed["year_of_birth"].dtype == "Float64"
    kept = report_of(default, gender=["F", "robot", None]).fixed()
    assert kept["gender"].tolist()[:2] == ["female", "robot"]


@pytest.mark.parametrize("engine", ["object", "string"])
def test_works_on_any_kind_of_text_column(default: Dictionary, engine: str) -> None:
    frame = pd.DataFrame({"submitter_id": ["d"], "cases.submitter_id": ["c"], "gender": ["F"]}).astype(engine)
    report = validate(frame, "demographic", dictionary=default, progress=False)
    assert report.fixed()["gender"].tolist() == ["female"]
