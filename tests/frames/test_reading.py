"""Every record, typed, or an error: never a short frame."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import CASES, a_record, assert_same_cells, frames_of, new_project, put

from gen3nb.errors import DictionaryError, IntegrityError, NotFound, PermissionDenied
from gen3nb.frames.codec import read_columns
from gen3nb.frames.exporting import ReadByQueryWarning
from gen3nb.frames.reading import concat, stored_records
from gen3nb.frames.sinks import merged

if TYPE_CHECKING:
    from gen3nb import Commons

EXPORT = "/api/v0/submission/*/export"


def by_name(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values("submitter_id", ignore_index=True)


def test_every_record_typed_and_tagged(commons: Commons, clinic: str) -> None:
    told: list[tuple[int, int | None, str]] = []
    frame = commons.read("diagnosis", project=clinic, progress=lambda *now: told.append(now))
    assert len(frame) == 24
    assert list(frame.columns) == read_columns(commons.dictionary["diagnosis"])
    assert frame["age_at_diagnosis"].dtype == "Float64"
    assert frame["lymph_nodes_positive"].dtype == "Int64"
    assert frame["vital_status"].value_counts()[["dead", "alive"]].tolist() == [9, 15]
    assert frame.attrs["gen3"] == {
        "commons": commons.endpoint,
        "project": clinic,
        "node": "diagnosis",
        "dictionary": commons.dictionary.digest,
    }
    assert told[-1] == (24, 24, "Reading diagnosis")


def test_every_node_can_be_read(commons: Commons, clinic: str) -> None:
    for node in commons.dictionary.values():
        frame = commons.read(node.name, project=clinic, progress=False)
        for name in frame:
            if name in node.properties:
                assert frame[name].dtype == node.properties[name].dtype, (node.name, name)
    assert len(commons.read("project", project=clinic)) == 1


def test_every_node_of_another_dictionary_can_be_read(gardens: Commons) -> None:
    project = new_project(gardens, "all")
    garden = {
        "type": "garden",
        "submitter_id": "g",
        "projects": {"code": "all"},
        "is_public": False,
        "soil_pH": 6.5,
    }
    plant = a_record(
        gardens.dictionary["plant"],
        "p",
        gardens={"submitter_id": "g"},
        height="tall",
        age=3,
        petal_counts=[3, 4],
        rating=5,
    )
    put(gardens, project, [{**garden, "open_on": ["Mon", "Tue"][:0] or None, "hardinessZone": 7}, plant])
    for node in gardens.dictionary.values():
        assert len(gardens.read(node.name, project=project)) == (
            node.name in {"garden", "plant", "project", "program"}
        ), node
    row = gardens.read("plant", project=project).iloc[0]
    assert (row["height"], row["age"], row["petal_counts"], row["rating"]) == ("tall", 3, [3, 4], 5)
    row = gardens.read("garden", project=project).iloc[0]
    assert (row["hardinessZone"], row["soil_pH"], row["is_public"]) == (7, 6.5, False)


@settings(max_examples=15)
@given(data=st.data())
def test_what_is_submitted_is_read_back(commons: Commons, data: st.DataObject) -> None:
    node = commons.dictionary["case"]
    project = new_project(commons, f"rt{uuid.uuid4().hex[:10]}")
    put(commons, project, [{"type": "experiment", "submitter_id": "e", "projects": {"code": project[5:]}}])
    frame = data.draw(frames_of(node)).assign(**{"experiments.submitter_id": "e"})
    frame["experiments.submitter_id"] = frame["experiments.submitter_id"].astype("string")
    assert commons.submit({"case": frame}, project=project, verify="values", progress=False).ok
    assert commons.submit({"case": frame}, project=project, progress=False).counts["unchanged"] == len(frame)
    back = commons.read("case", project=project, columns=list(frame.columns))
    assert_same_cells(by_name(back), by_name(frame))


def test_some_columns_some_rows(commons: Commons, clinic: str) -> None:
    frame = commons.read("diagnosis", project=clinic, columns=["cases.submitter_id", "morphology"])
    assert list(frame.columns) == ["cases.submitter_id", "morphology"]
    assert len(frame) == 24
    few = commons.read(
        "diagnosis", project=clinic, where={"vital_status": "dead", "lymph_nodes_positive": (5, None)}
    )
    assert sorted(few["submitter_id"]) == ["c05-d0", "c05-d1", "c07-d0", "c08-d0", "c08-d1"]
    assert list(few.columns) == read_columns(commons.dictionary["diagnosis"])
    assert set(few["cases.submitter_id"]) == {"c05", "c07", "c08"}
    dates = commons.read("case", project=clinic, columns=["submitter_id", "created_datetime"])
    assert len(dates) == CASES
    assert dates["created_datetime"].str.startswith("20").all()
    far = commons.read("sample", project=clinic, columns=["submitter_id", "cases.demographics.gender"])
    assert far["cases.demographics.gender"].dtype == "category"
    assert far["cases.demographics.gender"].isna().sum() == 2
    with pytest.raises(DictionaryError, match="Did you mean 'morphology'"):
        commons.read("diagnosis", project=clinic, columns=["morfology"])
    with pytest.raises(DictionaryError, match="Did you mean 'diagnosis'"):
        commons.read("diagnoses", project=clinic)


def test_by_id_or_name_in_the_order_asked_for(commons: Commons, clinic: str) -> None:
    whole = commons.read("case", project=clinic).set_index("submitter_id")["id"]
    asked = [whole["c07"], "c02", "c19", "c02"]
    frame = commons.read("case", project=clinic, ids=asked)
    assert list(frame["submitter_id"]) == ["c07", "c02", "c19"]
    anywhere = commons.read("case", ids=[whole["c07"]])
    assert anywhere["consent_codes"].tolist() == [["A", "B7"]]
    assert len(commons.read("case", project=clinic, ids=[])) == 0
    with pytest.raises(NotFound, match=r"1 of 2 case records are not there.*'c77'"):
        commons.read("case", project=clinic, ids=["c02", "c77"])
    both = commons.read("case", project=clinic, ids=["c02", "c03"], where={"submitter_id": "c03"})
    assert list(both["submitter_id"]) == ["c03"]


def test_all_projects_that_may_be_read(commons: Commons, clinic: str, project: str) -> None:
    case = a_record(commons.dictionary["case"], "only-here", experiments={"submitter_id": "exp"})
    put(commons, project, [case])
    frame = commons.read("case")
    assert {clinic, project} <= set(frame["project_id"])
    assert "only-here" in set(frame["submitter_id"])
    assert "project" not in frame.attrs["gen3"] or frame["project_id"].nunique() == 1


def test_a_project_that_is_not_there(commons: Commons, clinic: str) -> None:
    for wrong in ("NOPE-x", ("TEST", "nope"), clinic.removeprefix("TEST-")):
        with pytest.raises(NotFound):
            commons.read("case", project=wrong)


def test_a_project_that_may_not_be_read(commons: Commons, clinic: str) -> None:
    with (
        commons.sandbox.as_user("nobody") as nobody,
        pytest.raises(PermissionDenied, match="'read' on /programs/TEST"),
    ):
        nobody.read("case", project=clinic)


def test_an_open_project_is_read_by_queries_and_says_so(commons: Commons) -> None:
    project = str(commons.create_project(("TEST", f"open{uuid.uuid4().hex[:6]}"), availability_type="Open"))
    put(commons, project, [{"type": "experiment", "submitter_id": "e", "projects": {"code": project[5:]}}])
    cases = [
        a_record(
            commons.dictionary["case"], f"c{number}", experiments={"submitter_id": "e"}, consent_codes=["A"]
        )
        for number in range(12)
    ]
    put(commons, project, cases)
    whole = commons.read("case", project=project)
    with commons.sandbox.as_user("nobody") as nobody:
        with pytest.warns(ReadByQueryWarning, match="12 case records"):
            frame = nobody.read("case", project=project)
        with pytest.warns(ReadByQueryWarning):
            few = nobody.read("case", project=project, ids=["c3", "c1"])
    pd.testing.assert_frame_equal(by_name(frame), by_name(whole), check_flags=False)
    assert list(few["submitter_id"]) == ["c3", "c1"]


@pytest.mark.parametrize("fault", ["truncated", "half-json", "html-in-middle"])
@pytest.mark.parametrize("node", ["aliquot", "diagnosis"])
def test_an_export_without_its_end_is_read_another_way(
    commons: Commons, clinic: str, fault: str, node: str
) -> None:
    whole = commons.read(node, project=clinic)
    for struck in (1, 2):  # the label export; then also the export by ids
        with commons.sandbox.faults as faults:
            faults.add(fault, path=EXPORT, times=struck)
            frame = commons.read(node, project=clinic)
        pd.testing.assert_frame_equal(by_name(frame), by_name(whole), check_flags=False)


def test_no_way_is_an_error_and_no_short_frame(commons: Commons, clinic: str) -> None:
    with commons.sandbox.faults as faults:
        faults.add("half-json", path=EXPORT)
        faults.add("half-json", path="*graphql*", after=1)
        with pytest.raises((IntegrityError, PermissionError)) as caught:
            commons.read("diagnosis", project=clinic)
    assert isinstance(caught.value, IntegrityError)
    assert "could not be read whole" in str(caught.value)
    assert "the export failed" in str(caught.value)


def test_a_count_that_differs_is_never_believed(
    commons: Commons, clinic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = commons.read("diagnosis", project=clinic)
    export = commons.sheepdog.export

    def short(project: Any, node: Any = None, **options: Any) -> Any:
        """An export that ends early, but well."""
        response = export(project, node, **options)
        if node is None:
            return response
        cut = json.dumps({"data": response.json()["data"][:-1]}).encode()
        monkeypatch.setattr(response, "iter_content", lambda size: iter([cut]))
        return response

    monkeypatch.setattr(commons.sheepdog, "export", short)
    frame = commons.read("diagnosis", project=clinic)
    pd.testing.assert_frame_equal(by_name(frame), by_name(whole), check_flags=False)


def test_one_record_exported_as_two_rows_is_one(commons: Commons, project: str) -> None:
    code = project.removeprefix("TEST-")
    dictionary = commons.dictionary
    names = [f"cmc{number}" for number in range(3)]
    records = [
        a_record(dictionary["core_metadata_collection"], name, projects={"code": code}) for name in names
    ]
    records += [
        a_record(
            dictionary["experimental_metadata"],
            f"m{number}",
            file_size=number,
            md5sum=f"{number:032x}",
            experiments=[{"submitter_id": "exp"}],
            core_metadata_collections=[{"submitter_id": name} for name in names[: number + 1]],
        )
        for number in range(3)
    ]
    put(commons, project, records)
    frame = by_name(commons.read("experimental_metadata", project=project))
    assert list(frame["submitter_id"]) == ["m0", "m1", "m2"]
    assert [set(ends) for ends in frame["core_metadata_collections.submitter_id"]] == [
        set(names[: number + 1]) for number in range(3)
    ]
    assert frame["experiments.submitter_id"].tolist() == [["exp"]] * 3


def test_rows_of_one_id_are_united(default: Any) -> None:
    node = default["submitted_aligned_reads"]
    frame = pd.DataFrame(
        {
            "id": ["1", "2", "1", "1"],
            "read_groups.submitter_id": pd.Series([["a"], None, None, ["a", "b"]], dtype=object),
            "core_metadata_collections.submitter_id": pd.Series([None, ["x"], ["y"], ["z"]], dtype=object),
        }
    )
    one = merged(frame, node)
    assert list(one["id"]) == ["1", "2"]
    assert one["read_groups.submitter_id"].tolist() == [["a", "b"], None]
    assert one["core_metadata_collections.submitter_id"].tolist() == [["y", "z"], ["x"]]


def test_projects_with_values_of_other_types_are_put_together(default: Any) -> None:
    node = default["diagnosis"]
    parts = [
        pd.DataFrame(
            {
                "age_at_diagnosis": pd.array([1.5, None], dtype="Float64"),
                "vital_status": pd.Categorical(["a", "b"]),
            }
        ),
        pd.DataFrame(
            {
                "age_at_diagnosis": pd.array(["old", None], dtype="string"),
                "vital_status": pd.Categorical(["c", "b"]),
            }
        ),
    ]
    frame = concat(parts, node, ["age_at_diagnosis", "vital_status"])
    assert frame["age_at_diagnosis"].fillna("-").tolist() == ["1.5", "-", "old", "-"]
    assert frame["vital_status"].tolist() == ["a", "b", "c", "b"]


def test_stored_records_are_as_exported(commons: Commons, clinic: str) -> None:
    node, project = commons.dictionary["aliquot"], commons.project_id(clinic)
    records = {one["submitter_id"]: one for one in stored_records(commons, project, node)}
    assert len(records) == CASES
    one = records["c03-a"]
    assert {end["submitter_id"] for end in one["samples"]} == {"c03-sx", "c03-sy"}
    assert None not in one.values()
    (same,) = stored_records(commons, project, node, [one["id"]])
    assert {**same, "samples": None} == {**one, "samples": None}
    with commons.sandbox.faults as faults:
        faults.add("truncated", path=EXPORT, times=2)
        queried = {one["submitter_id"]: one for one in stored_records(commons, project, node)}
    assert {end["node_id"] for end in queried["c03-a"]["samples"]} == {
        end["node_id"] for end in one["samples"]
    }
