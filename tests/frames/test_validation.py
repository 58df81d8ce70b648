"""Rows against the dictionary and each other; no commons."""

from __future__ import annotations

import importlib.util
import pickle

import numpy as np
import pandas as pd
import pytest

from gen3nb.dictionary import Dictionary
from gen3nb.errors import DictionaryError, ValidationError
from gen3nb.frames.validation import validate


def cases(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"submitter_id": ["c1", "c2", "c3"], "experiments.submitter_id": "exp", **columns})


def demographics(**columns: object) -> pd.DataFrame:
    table = {"submitter_id": ["d1", "d2", "d3"], "cases.submitter_id": ["c1", "c2", "c3"], **columns}
    return pd.DataFrame(table)


def check(frame: pd.DataFrame, node: str, dictionary: Dictionary, **options: object) -> pd.DataFrame:
    """Validate without a commons, and give the problems; the frame must not change."""
    before = frame.copy(deep=True)
    report = validate(frame, node, dictionary=dictionary, progress=False, **options)  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(frame, before)
    assert report.ok == report.problems.empty
    return report.problems


def test_good_rows_have_no_problems(default: Dictionary) -> None:
    report = validate(
        demographics(gender=["female", "male", None], year_of_birth=[1950, None, 1970]),
        "demographic",
        dictionary=default,
        progress=False,
    )
    assert report.ok
    assert str(report) == "3 rows of demographic checked, no problems"
    assert report.problems.empty
    assert report.summary.empty
    with pytest.raises(ValueError, match=r"ask for \.ok"):
        bool(report)


def test_one_row_per_problem_with_the_users_row_number(default: Dictionary) -> None:
    found = check(demographics(gender=["female", "F", "F"]), "demographic", default)
    assert found["row"].tolist() == [3, 4]
    assert found["submitter_id"].tolist() == ["d2", "d3"]
    assert found["column"].tolist() == ["gender", "gender"]
    assert found["value"].tolist() == ["F", "F"]
    assert found["rule"].tolist() == ["enum", "enum"]
    assert found["suggestion"].tolist() == ["female", "female"]
    assert found["origin"].tolist() == ["service", "service"]


def test_row_numbers_stay_those_of_the_file_after_a_filter(default: Dictionary) -> None:
    frame = demographics(gender=["female", "male", "robot"])
    found = check(frame[frame["gender"] != "male"], "demographic", default)
    assert found["row"].tolist() == [4]


def test_the_summary_says_it_in_one_sentence(default: Dictionary) -> None:
    frame = pd.DataFrame({"submitter_id": [f"d{i}" for i in range(41)], "cases.submitter_id": "c"})
    frame["gender"] = "F"
    report = validate(frame.assign(**{"cases.submitter_id": frame["submitter_id"]}), "demographic",
                      dictionary=default, progress=False)  # fmt: skip
    assert report.sentences() == ["`gender`: 41 rows say `F`, did you mean `female`?"]
    assert report.summary["rows"].tolist() == [41]
    assert "41 rows say <code>F</code>" in report._repr_html_()


def test_html_is_escaped(default: Dictionary) -> None:
    nasty = "<script>alert(1)</script>"
    report = validate(
        demographics(gender=[nasty, None, None]), "demographic", dictionary=default, progress=False
    )
    assert "<script>" not in report._repr_html_()
    frame = demographics(**{nasty: ["x", None, None]})
    assert "<script>" not in validate(frame, "demographic", dictionary=default, progress=False)._repr_html_()


def test_required_columns_and_cells(default: Dictionary) -> None:
    frame = pd.DataFrame({"submitter_id": ["e1", None, ""], "cases.submitter_id": ["c1", "c2", None]})
    found = check(frame, "exposure", default)
    assert [tuple(one) for one in found[["row", "column", "rule"]].to_numpy()] == [
        (3, "submitter_id", "required"),
        (4, "submitter_id", "required"),
        (4, "cases.submitter_id", "required"),
    ]
    missing = check(pd.DataFrame({"submitter_id": ["k1"]}), "keyword", default)
    assert missing["column"].tolist() == ["projects.code"]
    assert missing["rule"].tolist() == ["required"]


def test_unknown_columns_are_told_with_the_nearest_name(default: Dictionary) -> None:
    found = check(
        demographics(gendr=["female", None, "male"], empty=[None, None, None]), "demographic", default
    )
    assert found["row"].tolist() == [2, 4]
    assert set(found["rule"]) == {"unknown"}
    assert set(found["suggestion"]) == {"gender"}


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("year_of_birth", "1970", "type"),
        ("year_of_birth", 1970.5, None),
        ("year_of_birth", 1, None),
        ("gender", "robot", "enum"),
        ("gender", 1, "enum"),
        ("race", ["white"], "enum"),
    ],
)
def test_types_and_vocabularies(default: Dictionary, column: str, value: object, rule: str | None) -> None:
    cells = pd.Series([value, None, None], dtype=object)
    found = check(demographics(**{column: cells}), "demographic", default)
    assert found["rule"].tolist() == ([] if rule is None else [rule])


def test_range_and_whole_numbers_with_gaps(default: Dictionary) -> None:
    frame = pd.DataFrame({"submitter_id": ["d1"], "cases.submitter_id": ["c1"]})
    required = default["diagnosis"].required
    for name in required:
        prop = default["diagnosis"].properties.get(name)
        if prop is not None and name not in frame and name != "type":
            frame[name] = prop.enum[0] if prop.enum else 5.0 if prop.kind == "number" else "x"
    assert check(frame, "diagnosis", default).empty
    found = check(frame.assign(age_at_diagnosis=-1), "diagnosis", default)
    assert found["rule"].tolist() == ["range"]
    assert "below the minimum" in found["message"][0]


def test_names_twice_in_one_spelling_and_in_two(default: Dictionary) -> None:
    frame = pd.DataFrame({"submitter_id": ["a", "A", "b", "b", "É", "é"], "experiments.submitter_id": "exp"})
    found = check(frame, "case", default)
    assert found["row"].tolist() == [2, 3, 4, 5, 6, 7]
    assert found["rule"].tolist() == ["duplicate"] * 6
    assert found["origin"].tolist() == ["gen3nb", "gen3nb", "service", "service", "gen3nb", "gen3nb"]
    assert "row 5" in found["message"][2]


def test_what_no_service_can_carry(default: Dictionary) -> None:
    frame = cases(disease_type=pd.Series(["a\x00b", "\ud800", "fine"], dtype=object))
    found = check(frame, "case", default)
    assert found["row"].tolist() == [2, 3]
    assert found["rule"].tolist() == ["value", "value"]
    infinite = check(demographics(year_of_birth=[np.inf, 1.0, 2.0]), "demographic", default)
    assert infinite["rule"].tolist() == ["value"]


def test_another_project_or_node(default: Dictionary) -> None:
    frame = cases(project_id=["P-Q", "P-R", None], type=["case", "sample", None])
    found = check(frame, "case", default, project="P-Q")
    assert [tuple(one) for one in found[["row", "column", "rule"]].to_numpy()] == [
        (3, "project_id", "project"),
        (3, "type", "node"),
    ]
    experiments = pd.DataFrame({"submitter_id": ["e1", "e2"], "projects.code": ["Q", "R"]})
    wrong = check(experiments, "experiment", default, project="P-Q")
    assert wrong["row"].tolist() == [3]
    assert wrong["suggestion"].tolist() == ["Q"]


def test_the_commons_own_columns_are_notes(default: Dictionary) -> None:
    frame = cases(state="validated", created_datetime="2020-01-01T00:00:00+00:00", id=None)
    report = validate(frame, "case", dictionary=default, progress=False)
    assert report.ok
    assert any("state" in note for note in report.notes)


def test_links_to_the_frames_at_hand(default: Dictionary) -> None:
    frame = demographics()
    known = validate(frame, "demographic", dictionary=default, others={"case": cases()}, progress=False)
    assert known.ok
    assert not known.notes
    unknown = validate(
        frame, "demographic", dictionary=default, others={"case": cases().head(1)}, progress=False
    )
    assert unknown.ok
    assert any("not looked up" in note for note in unknown.notes)


def test_links_that_one_record_alone_may_have(default: Dictionary) -> None:
    frame = demographics(**{"cases.submitter_id": ["c1", "C1", "c3"]})
    found = check(frame, "demographic", default)
    assert found["row"].tolist() == [2, 3]
    assert found["rule"].tolist() == ["links", "links"]


def test_several_targets_of_a_link_to_one(default: Dictionary) -> None:
    frame = cases(**{"experiments.submitter_id": [["e1", "e2"], "e1", ["e1"]]})
    found = check(frame, "case", default)
    assert found["row"].tolist() == [2]


def test_links_that_pandas_made_numbers_of(default: Dictionary) -> None:
    frame = demographics(**{"cases.submitter_id": [1.0, 2.0, None]})
    found = check(frame, "demographic", default)
    assert found["rule"].tolist() == ["type", "type", "required"]
    assert found["suggestion"].tolist()[:2] == ["1", "2"]


def plants(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"submitter_id": ["p1", "p2", "p3", "p4"], "species": "rosa", **columns})


def test_nested_and_exclusive_groups_of_links(garden: Dictionary) -> None:
    links = {
        "seed_lots.submitter_id": ["s", "s", None, None],
        "plants.submitter_id": [None, "mother", None, None],
        "gardens.submitter_id": [None, None, "g", None],
    }
    species = garden["plant"].properties["species"]
    frame = plants(**links, species=species.enum[0] if species.enum else "Rosa canina")
    found = check(frame, "plant", garden)
    assert found["row"].tolist() == [5], found["message"].tolist()
    assert found["rule"].tolist() == ["required"]
    both = check(frame.head(1).assign(**{"gardens.submitter_id": "g"}), "plant", garden)
    assert both["rule"].tolist() == ["links"]


def test_further_unique_keys(garden: Dictionary) -> None:
    frame = pd.DataFrame({"submitter_id": ["t1", "t2"], "gardens.submitter_id": "g", "serial": ["1", "1"]})
    found = check(frame, "tool", garden)
    assert "duplicate" in set(found["rule"])


def test_tables_that_are_none(default: Dictionary) -> None:
    with pytest.raises(DictionaryError, match="case"):
        validate(cases(), "kase", dictionary=default)
    with pytest.raises(ValidationError, match="two columns named"):
        validate(
            pd.DataFrame([["a", "b"]], columns=["submitter_id", "submitter_id"]), "case", dictionary=default
        )
    with pytest.raises(ValidationError, match="MultiIndex"):
        validate(cases().set_index(["submitter_id", "experiments.submitter_id"]), "case", dictionary=default)
    with pytest.raises(ValidationError, match="create_project"):
        validate(cases(), "project", dictionary=default)
    with pytest.raises(ValidationError, match="DataFrame"):
        validate([{"submitter_id": "a"}], "case", dictionary=default)  # type: ignore[arg-type]


def test_an_empty_frame_has_no_problems_but_a_note(default: Dictionary) -> None:
    report = validate(default["case"].template(), "case", dictionary=default, progress=False)
    assert report.ok
    assert report.notes == ["The frame has no rows."]


def test_progress_may_be_a_function(default: Dictionary) -> None:
    told: list[tuple[int, int | None, str]] = []
    validate(cases(), "case", dictionary=default, progress=lambda *step: told.append(step))
    assert told == [(0, 3, "Checking case"), (3, 3, "Checking case")]


def test_a_report_pickles(default: Dictionary) -> None:
    report = validate(
        demographics(gender=["F", None, None]), "demographic", dictionary=default, progress=False
    )
    again = pickle.loads(pickle.dumps(report))
    assert str(again) == str(report)


@pytest.mark.skipif(importlib.util.find_spec("openpyxl") is None, reason="openpyxl is not installed")
def test_a_workbook_marks_the_bad_cells(default: Dictionary, tmp_path: object) -> None:
    from pathlib import Path

    from openpyxl import load_workbook

    frame = demographics(gender=["F", "male", None], ethnicity=["=1+1", "a\x0bb", None], n=[1, None, 2.5])
    report = validate(
        frame.drop(columns="cases.submitter_id"), "demographic", dictionary=default, progress=False
    )
    path = report.to_excel(Path(str(tmp_path)) / "for-the-site.xlsx")
    book = load_workbook(path)
    sheet = book["demographic"]
    header = [cell.value for cell in sheet[1]]
    assert header == ["submitter_id", "gender", "ethnicity", "n", "cases.submitter_id"]
    gender = sheet.cell(row=2, column=2)
    assert gender.value == "F"
    assert gender.fill.fgColor.rgb.endswith("F8C9C4")
    assert "female" in gender.comment.text
    assert sheet.cell(row=3, column=2).comment is None
    formula = sheet.cell(row=2, column=3)
    assert (formula.value, formula.data_type) == ("=1+1", "s")
    assert sheet.cell(row=2, column=5).comment is not None
    assert len(list(book["problems"].rows)) == len(report.problems) + 1
    assert [one.name for one in Path(str(tmp_path)).iterdir()] == ["for-the-site.xlsx"]


def test_what_looks_personal_is_noted(default: Dictionary) -> None:
    frame = demographics(
        year_of_birth=[1901, 1970, None],
        gender=["female", "male", None],
        **{"Patient Name": ["A", "B", None]},
    )
    frame["submitter_id"] = ["1234567", "2345678", "3456789"]
    report = validate(frame, "demographic", dictionary=default, progress=False)
    assert [note.split(":")[0] for note in report.notes if "institution" in note] == [
        "submitter_id looks like record numbers of a hospital",
        "year_of_birth looks like ages over 89 (1 of them)",
        "Patient Name looks like what identifies a person",
    ]
    quiet = validate(frame, "demographic", dictionary=default, progress=False, privacy=False)
    assert not any("institution" in note for note in quiet.notes)
    mails = cases(disease_type=["a@example.org", "b@example.org", None])
    assert any("e-mail" in note for note in validate(mails, "case", dictionary=default, progress=False).notes)


def test_a_dictionary_that_changed_since_the_rows_were_read_is_noted(default: Dictionary) -> None:
    frame = cases()
    frame.attrs["gen3"] = {"dictionary": "another"}
    report = validate(frame, "case", dictionary=default, progress=False)
    assert report.ok
    assert any("dictionary has changed" in note for note in report.notes)
