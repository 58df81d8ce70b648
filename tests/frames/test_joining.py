"""Records beside each other, along links: none lost, none made up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from made_up import CASES, put

from gen3nb.dictionary import Dictionary
from gen3nb.errors import DictionaryError, NotFound
from gen3nb.frames.following import one_path

if TYPE_CHECKING:
    from gen3nb import Commons

DIAGNOSES = sum(number % 3 for number in range(CASES))
WITHOUT = sum(number % 3 == 0 for number in range(CASES))


def said(frame: pd.DataFrame) -> str:
    return str(frame.attrs["gen3"]["join"])


def test_down_a_link_every_row_and_what_became_of_it(commons: Commons, clinic: str) -> None:
    joined = commons.join("case", "diagnosis", project=clinic)
    assert len(joined) == DIAGNOSES + WITHOUT
    assert joined["submitter_id"].nunique() == CASES
    met = joined.dropna(subset=["submitter_id_diagnosis"])
    assert (met["submitter_id_diagnosis"].str[:3] == met["submitter_id"]).all()
    assert (met["cases.submitter_id"] == met["submitter_id"]).all()
    assert joined["lymph_nodes_positive"].dtype == "Int64"
    assert list(joined["vital_status"].cat.categories)
    assert said(joined).startswith(f"{CASES} case rows and {DIAGNOSES} diagnosis rows in.")
    assert f"{WITHOUT} case rows have no diagnosis." in said(joined)
    assert (
        "8 case rows have several diagnosis (up to 2) and are multiplied, by case ← diagnosis (cases)"
        in said(joined)
    )
    assert f"{len(joined)} rows out (left). Read by " in said(joined)


def test_up_a_link_keeps_names_and_types_of_the_left(commons: Commons, clinic: str) -> None:
    diagnosis = commons.read("diagnosis", project=clinic)
    joined = commons.join("diagnosis", "case", project=clinic)
    left = joined[list(diagnosis.columns)].sort_values("id", ignore_index=True)
    pd.testing.assert_frame_equal(left, diagnosis.sort_values("id", ignore_index=True), check_flags=False)
    assert list(joined["submitter_id_case"]) == list(joined["cases.submitter_id"])
    assert joined.attrs["gen3"]["project"] == clinic
    assert "node" not in joined.attrs["gen3"]


@pytest.mark.parametrize(
    ("how", "rows"), [("inner", DIAGNOSES), ("right", DIAGNOSES), ("outer", DIAGNOSES + WITHOUT)]
)
def test_how(commons: Commons, clinic: str, how: str, rows: int) -> None:
    assert len(commons.join("case", "diagnosis", project=clinic, how=how)) == rows
    turned = commons.join("diagnosis", "case", project=clinic, how={"right": "left"}.get(how, how))
    assert len(turned) == rows


def test_across_nodes_between_and_many_to_many(commons: Commons, clinic: str) -> None:
    joined = commons.join("aliquot", "demographic", project=clinic)
    assert len(joined) == CASES  # two samples lead to one case: one pair
    assert joined["gender"].isna().sum() == 1
    assert (joined["submitter_id"].str[:3] == joined["submitter_id_demographic"].str[:3]).sum() == CASES - 1
    back = commons.join("case", "aliquot", project=clinic)
    assert list(back["submitter_id_aliquot"].str[:3]) == list(back["submitter_id"])


def test_frames_keep_their_rows_and_columns(commons: Commons, clinic: str) -> None:
    cases = commons.read("case", project=clinic)
    few = cases[cases["submitter_id"].isin(["c02", "c05"])][["submitter_id", "id"]].assign(note=["a", "b"])
    before = few.copy(deep=True)
    joined = few.gen3.join("diagnosis")
    assert len(joined) == 4
    assert set(joined["note"]) == {"a", "b"}
    pd.testing.assert_frame_equal(few, before)
    named = commons.join(few.drop(columns="id"), "diagnosis")
    assert list(named["submitter_id_diagnosis"]) == list(joined["submitter_id_diagnosis"])
    with pytest.raises(NotFound, match=r"1 rows of the frame are not in the commons.*'nope'"):
        commons.join(few.drop(columns="id").assign(submitter_id=["c02", "nope"]), "diagnosis")
    with pytest.raises(DictionaryError, match="tag it"):
        commons.join(pd.DataFrame({"submitter_id": ["c02"]}), "diagnosis", project=clinic)


def test_empty_nodes_join_to_nothing(commons: Commons, clinic: str) -> None:
    assert len(commons.join("diagnosis", "treatment", project=clinic, how="inner")) == 0
    joined = commons.join("diagnosis", "treatment", project=clinic)
    assert len(joined) == DIAGNOSES
    assert joined["submitter_id_treatment"].isna().all()


def test_equally_short_ways_are_listed(default: Dictionary, garden: Dictionary) -> None:
    with pytest.raises(DictionaryError, match="equally short ways") as caught:
        one_path(garden, "cross", "plant")
    assert "via='mothers'" in str(caught.value)
    assert "via='fathers'" in str(caught.value)
    (step,) = one_path(garden, "cross", "plant", via="fathers")
    assert step.link.name == "fathers"
    for way in caught.value.ways:
        assert one_path(garden, "cross", "plant", via=way)
    with pytest.raises(DictionaryError, match="No links lead from 'keyword' to 'case'"):
        one_path(default, "keyword", "case")
    assert [str(step) for step in one_path(default, "keyword", "project")] == ["keyword → project (projects)"]


def test_two_links_to_one_node_and_a_link_to_itself(gardens: Commons) -> None:
    project = str(gardens.create_project(("TEST", "beds")))
    plants = [
        {"type": "plant", "submitter_id": f"p{number}", "species": "rosa", "gardens": {"submitter_id": "g"}}
        for number in range(4)
    ]
    cutting = {"type": "plant", "submitter_id": "q", "species": "rosa", "plants": {"submitter_id": "p1"}}
    crosses = [
        {
            "type": "cross",
            "submitter_id": f"x{number}",
            "mothers": {"submitter_id": f"p{number}"},
            "fathers": {"submitter_id": f"p{number + 1}"},
        }
        for number in range(3)
    ]
    garden = {"type": "garden", "submitter_id": "g", "projects": {"code": "beds"}}
    put(gardens, project, [garden, *plants, cutting, *crosses])
    read = gardens.read("cross", project=project).sort_values("submitter_id")
    assert list(read["mothers.submitter_id"]) == ["p0", "p1", "p2"]
    assert list(read["fathers.submitter_id"]) == ["p1", "p2", "p3"]
    fathers = gardens.join("cross", "plant", project=project, via="fathers").sort_values("submitter_id")
    assert list(fathers["submitter_id_plant"]) == ["p1", "p2", "p3"]
    own = gardens.read("plant", project=project).set_index("submitter_id")["plants.submitter_id"]
    assert own["q"] == "p1"
    assert own.drop("q").isna().all()


# --- one row per case --------------------------------------------------------------------------------------


def test_one_row_per_case(commons: Commons, clinic: str) -> None:
    wide = commons.read("case", with_=["demographic", "diagnosis"], per="case", project=clinic)
    assert len(wide) == CASES
    wide = wide.set_index("submitter_id")
    assert (
        wide["demographic.year_of_birth"].dtype == "Int64"
        or wide["demographic.year_of_birth"].dtype == "Float64"
    )
    assert wide["demographic.gender"].isna().sum() == 1
    assert wide.loc["c05", "demographic.submitter_id"] == "c05-g"
    assert wide.loc["c05", "diagnosis.submitter_id"] == ["c05-d0", "c05-d1"]
    assert wide.loc["c05", "diagnosis.age_at_diagnosis"] == [5000.0, 5000.5]
    assert wide.loc["c03", "diagnosis.submitter_id"] == []
    assert "up to 2 for one case, so its columns hold lists" in said(wide)
    assert "1 case rows have none" in said(wide)
    assert wide.attrs["gen3"]["node"] == "case"


def test_per_another_node_and_some_columns(commons: Commons, clinic: str) -> None:
    wide = commons.read(
        "diagnosis",
        with_="demographic",
        project=clinic,
        columns=["submitter_id", "demographic.gender"],
        where={"vital_status": "dead"},
    )
    assert list(wide.columns) == ["submitter_id", "demographic.gender"]
    assert len(wide) == sum(number % 3 for number in range(9))
    assert wide["demographic.gender"].dtype == "category"
    turned = commons.read("diagnosis", with_="case", per="case", project=clinic)
    assert len(turned) == CASES
    assert turned["diagnosis.morphology"].map(len).sum() == DIAGNOSES
    with pytest.raises(DictionaryError, match=r"Did you mean 'demographic.gender'"):
        commons.read("case", with_="demographic", columns=["demographic.gendre"], project=clinic)
    with pytest.raises(DictionaryError, match="none of them"):
        commons.read("case", with_="demographic", per="sample", project=clinic)


@pytest.mark.parametrize("way", [None, "export", "query"])
def test_projects_and_programs_are_joined_though_no_export_holds_them(
    commons: Commons, clinic: str, way: Any
) -> None:
    cases = commons.read("case", project=clinic)
    joined = commons.join("case", "project", project=clinic, way=way)
    assert set(joined["submitter_id"]) == set(cases["submitter_id"])
    assert set(joined["code"]) == {clinic.removeprefix("TEST-")}
    if way != "query":
        joined = commons.join("experiment", "program", project=clinic, way=way)
        assert joined["name"].tolist() == ["TEST"]
