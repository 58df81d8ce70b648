"""The Submit panel: check, correct, submit, see what is stored."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import trial_data

from gen3nb.commons import Commons
from gen3nb.errors import ValidationError
from gen3nb.panels import Submit


@pytest.fixture
def cases(commons: Commons, project: str) -> str:
    """Give a project with an experiment and six cases."""
    records = [
        {"type": "case", "submitter_id": f"c{i}", "experiments": {"submitter_id": "exp"}} for i in range(6)
    ]
    assert commons.sheepdog.submit(commons.project_id(project), records).ok
    return project


def demographics(**columns: list[object]) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "submitter_id": [f"c{i}-dem" for i in range(6)],
            "cases.submitter_id": [f"c{i}" for i in range(6)],
            "gender": ["female"] * 6,
            "race": ["white"] * 6,
            "ethnicity": ["not reported"] * 6,
            "year_of_birth": [1940 + i for i in range(6)],
        }
    )
    return frame.assign(**columns)


def press(panel: Submit, which: str) -> Submit:
    getattr(panel, which).click()
    panel.wait()
    return panel


def stored(commons: Commons, project: str) -> pd.DataFrame:
    return commons.read("demographic", project=project, progress=False).sort_values("submitter_id")


def test_checks_fixes_and_submits(commons: Commons, cases: str) -> None:
    frame = demographics(
        gender=["F", "F", "female", "male", "female", "Female"], race=["white "] + ["white"] * 5
    )
    before = frame.copy(deep=True)
    panel = Submit(commons, frame, project=cases, node="demographic")
    press(panel, "check")
    assert panel.error is None, panel.message
    assert panel.validation is not None
    assert not panel.validation.ok
    assert panel.frame is not None
    press(panel, "fix")
    assert panel.validation.ok, panel.validation.sentences()
    assert panel.submit.description == "Submit 6 records"
    assert stored(commons, cases).empty
    press(panel, "submit")
    assert panel.error is None, panel.message
    assert panel.report is not None
    assert panel.report.counts["created"] == 6
    assert "<b>6 created, 0 updated, 0 unchanged, 0 rejected, 0 unknown.</b>" in panel.message
    assert list(stored(commons, cases)["gender"]) == [
        "female",
        "female",
        "female",
        "male",
        "female",
        "female",
    ]
    pd.testing.assert_frame_equal(frame, before)


def test_its_code_does_the_same(commons: Commons, cases: str) -> None:
    frame = demographics(gender=["F", "f", "female", "male", "female", "female"]).rename(
        columns={"gender": "Gender"}
    )
    panel = Submit(commons, frame, project=cases, node="demographic")
    press(press(panel, "check"), "fix")
    space = {"commons": commons, "rows": frame}
    exec(panel.code, space)
    assert str(space["report"]).startswith("6 new")
    press(panel, "again")
    assert panel.submit.disabled
    assert panel.submit.description == "Nothing to submit"


def test_an_edited_cell_is_what_is_sent(commons: Commons, cases: str) -> None:
    panel = Submit(commons, demographics(gender=["w", *["female"] * 5]), project=cases, node="demographic")
    press(panel, "check")
    assert panel.grid is not None
    assert list(panel.grid.frame["gender"]) == ["w"]
    panel.grid._received(panel.grid, {"kind": "focus", "key": 0, "column": "c2"}, [])
    assert "Row 2</b> gender: " in panel._rows_box.children[1].value
    panel.grid.edit(0, "gender", "unspecified")
    assert panel.submit.disabled
    press(panel, "again")
    assert panel.submit.description == "Submit 6 records"
    space = {"commons": commons, "rows": demographics(gender=["w", *["female"] * 5])}
    exec(panel.code, space)
    assert stored(commons, cases)["gender"].iloc[0] == "unspecified"
    press(panel, "again")
    assert panel.submit.description == "Nothing to submit"


def test_a_cell_corrected_by_hand_survives_fix_and_undo(commons: Commons, cases: str) -> None:
    frame = demographics(gender=["F", *["female"] * 5], year_of_birth=["19?3", *range(1941, 1946)])
    panel = Submit(commons, frame, project=cases, node="demographic")
    press(panel, "check")
    assert panel.grid is not None
    panel.grid.edit(0, "year_of_birth", "1943")
    press(panel, "fix")  # without a check between
    assert panel.frame is not None
    assert (panel.frame["gender"].iloc[0], panel.frame["year_of_birth"].iloc[0]) == ("female", 1943)
    assert panel.submit.description == "Submit 6 records"
    press(panel, "undo")
    assert (panel.frame["gender"].iloc[0], panel.frame["year_of_birth"].iloc[0]) == ("F", 1943)
    press(panel, "fix")
    space = {"commons": commons, "rows": frame}
    exec(panel.code, space)
    assert int(stored(commons, cases)["year_of_birth"].iloc[0]) == 1943


def test_a_cell_corrected_while_rows_are_checked_is_checked_too(
    commons: Commons, cases: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = demographics(year_of_birth=["19?3", *range(1941, 1946)])
    panel = Submit(commons, frame, project=cases, node="demographic")
    press(panel, "check")
    assert panel.grid is not None
    edited, submit = threading.Event(), Commons.submit

    def slow(*arguments: Any, **options: Any) -> Any:
        edited.wait(30)
        return submit(*arguments, **options)

    monkeypatch.setattr(Commons, "submit", slow)
    panel.again.click()
    panel.grid.edit(0, "year_of_birth", "1943")  # the browser had not folded the form yet
    edited.set()
    panel.wait()
    assert panel.submit.description == "Submit 6 records"
    assert not panel.submit.disabled


def test_a_number_typed_over_a_text_is_a_number(commons: Commons, cases: str) -> None:
    years = ["19?3", *range(1941, 1946)]
    panel = Submit(commons, demographics(year_of_birth=years), project=cases, node="demographic")
    press(panel, "check")
    assert panel.submit.description == "Submit 5 records"
    assert panel.grid is not None
    panel.grid.edit(0, "year_of_birth", "1943")
    press(panel, "again")
    assert panel.submit.description == "Submit 6 records"


def test_shows_what_changes_and_updates(commons: Commons, cases: str) -> None:
    press(press(Submit(commons, demographics(), project=cases, node="demographic"), "check"), "submit")
    panel = Submit(
        commons, demographics(year_of_birth=[1941, *range(1941, 1946)]), project=cases, node="demographic"
    )
    press(panel, "check")
    assert panel.submit.description == "Submit 1 record"
    press(panel, "changes")
    assert panel.error is None, panel.message
    assert "<s>1940</s>" in panel._changes_box.children[0].value
    press(panel, "submit")
    assert "0 created, 1 updated, 5 unchanged" in panel.message


def test_bad_rows_stay_behind(
    commons: Commons, cases: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    links = ["c0", "c1", "c2", "c3", "c4", "<b>nobody</b>"]
    panel = Submit(commons, demographics(**{"cases.submitter_id": links}), project=cases, node="demographic")
    press(panel, "check")
    assert panel.submit.description == "Submit 5 records"
    press(panel, "submit")
    assert "5 created" in panel.message
    assert panel.statuses.value == "rejected"
    assert panel.grid is not None
    assert list(panel.grid.frame["submitter_id"]) == ["c5-dem"]
    assert list(panel.grid.frame["row"]) == [7]
    panel.excel.click()
    assert panel.error is None, panel.message
    assert (tmp_path / "demographic_problems.xlsx").exists()


def test_without_permission_all_but_the_last_button_works(commons: Commons, cases: str) -> None:
    reader = commons.sandbox.as_user("reader")
    panel = Submit(reader, demographics(), project=cases, node="demographic")
    press(panel, "check")
    assert panel.submit.disabled
    assert panel.submit.description == "Submit 6 records"
    assert "You may not create records" in panel.message
    assert "<code>create</code> on <code>/programs/TEST/projects/" in panel.message
    reader.close()


def test_a_file_is_read_by_its_path(commons: Commons, cases: str, tmp_path: Path) -> None:
    path = tmp_path / "people.tsv"
    demographics().assign(type="demographic", remarks="x").to_csv(path, sep="\t", index=False)
    panel = Submit(commons, project=cases)
    panel.source.path.value = str(path)
    assert panel.error is None, panel.message
    assert panel.node.value == "demographic"
    assert panel.mapping is not None
    assert panel.mapping.dropped == ["remarks"]
    press(press(panel, "check"), "submit")
    assert panel.report is not None, panel.message
    assert panel.report.counts["created"] == 6


@pytest.mark.parametrize("name", ["none.tsv", "book.xlsx", "empty.tsv", "<b>.tsv"])
def test_a_bad_file_gets_a_sentence(commons: Commons, cases: str, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty.tsv").write_text("")
    panel = Submit(commons, project=cases)
    panel.source.path.value = str(tmp_path / name)
    assert "role='alert'" in panel.message
    assert "<b>.tsv" not in panel.message
    assert panel.source.frame is None


def test_an_uploaded_file_stays_in_no_widget(commons: Commons, cases: str) -> None:
    panel = Submit(commons, project=cases)
    canary = f"canary{uuid.uuid4().hex}"
    content = demographics(submitter_id=[f"{canary}{i}" for i in range(6)]).to_csv(sep="\t", index=False)
    sent = {
        "name": "people.tsv",
        "type": "text/tab-separated-values",
        "size": len(content),
        "content": memoryview(content.encode()),
        "last_modified": pd.Timestamp.now().to_pydatetime(),
    }
    panel.source.upload.set_trait("value", (sent,))
    assert panel.error is None, panel.message
    assert panel.source.frame is not None
    assert len(panel.source.frame) == 6
    assert panel.source.upload.value == ()
    assert canary not in repr(panel.source.upload.get_state())


def test_two_columns_of_one_name_are_refused(commons: Commons, cases: str) -> None:
    frame = pd.concat([demographics(), demographics()[["gender"]]], axis=1)
    panel = Submit(commons, frame, project=cases, node="demographic")
    assert isinstance(panel.error, ValidationError)


def test_two_columns_to_one_property_are_refused(commons: Commons, cases: str) -> None:
    frame = demographics().rename(columns={"gender": "sex", "race": "colour"})
    panel = Submit(commons, frame, project=cases, node="demographic")
    assert panel.mapping is not None
    for choice in panel.mapping.choices.values():
        choice.value = "gender"
    press(panel, "check")
    assert "two columns go to gender" in panel.message.lower()
    panel.mapping.choices["colour"].value = "race"
    press(panel, "check")
    assert panel.submit.description == "Submit 6 records"


def test_real_patients(commons: Commons, trial: str) -> None:
    frame = trial_data.frames()["demographic"]
    panel = Submit(commons, frame, project=trial, node="demographic")
    press(panel, "check")
    assert panel.check_report is not None, panel.message
    assert panel.check_report.counts["unchanged"] == trial_data.PATIENTS, str(panel.check_report)
    assert panel.submit.disabled


def test_the_only_project_is_chosen_else_one_is_asked_for(
    commons: Commons, cases: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = demographics()
    monkeypatch.setattr("gen3nb.panels.submit_form.projects_of", lambda _: [cases, "TEST-other"])
    panel = Submit(commons, frame, node="demographic")
    assert panel.project.value == ""
    assert panel.project.options[0] == ("choose…", "")
    assert panel.check.disabled
    monkeypatch.setattr("gen3nb.panels.submit_form.projects_of", lambda _: [cases])
    panel = Submit(commons, frame, node="demographic")
    assert panel.project.value == cases
    assert press(panel, "check").check_report is not None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"project": "TEST-nowhere"}, "no project"),
        ({"node": "cas"}, "no node"),
        ({"frame": pd.DataFrame()}, "no rows"),
        ({"frame": "people.tsv"}, "not in &#x27;str&#x27;"),
        ({"frame": pd.DataFrame([[1, 2]], columns=[["a", "a"], ["b", "c"]])}, "2 lines of column names"),
    ],
)
def test_a_wrong_start_leaves_the_form(commons: Commons, options: dict[str, Any], said: str) -> None:
    panel = Submit(commons, **options)
    assert said in panel.message
    assert "Something went wrong" not in panel.message
    assert panel.source.box in panel.body.children


def test_columns_without_a_text_for_a_name_are_sent_too(commons: Commons, cases: str) -> None:
    frame = demographics().rename(columns={"year_of_birth": 1}).assign(x=1).rename(columns={"x": 2020})
    panel = Submit(commons, frame, project=cases, node="demographic")
    panel.mapping.choices["1"].value = "year_of_birth"
    assert list(panel.frame.columns) == list(demographics().columns)
    assert "drop(columns=[2020])" in panel.code
    assert '{1: "year_of_birth"}' in panel.code
    press(press(panel, "check"), "submit")
    assert panel.report.counts["created"] == 6


def test_a_workbook_is_pointed_to_its_reader(commons: Commons, cases: str) -> None:
    panel = Submit(commons, project=cases)
    panel.source.path.value = "people.xlsx"
    assert "gen3nb.read_workbook(" in panel.message
    panel.source.path.value = "people.ods"
    assert "pandas.read_excel" in panel.message
