"""What the services do that one would not expect: the plain call loses or alters it, gen3nb does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from gen3nb.errors import ValidationError
from gen3nb.frames.comparing import diff
from gen3nb.frames.submission import SubmissionReport, submit
from gen3nb.frames.validation import validate

if TYPE_CHECKING:
    from gen3nb import Commons
    from gen3nb.client.sheepdog import Transaction


def case(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "case", "submitter_id": name, "experiments": {"submitter_id": "exp"}, **more}


def plain(commons: Commons, project: str, *records: dict[str, Any], method: str = "PUT") -> Transaction:
    return commons.sheepdog.submit(commons.project_id(project), list(records), method=method)


def frame(*names: str, **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"submitter_id": list(names), "experiments.submitter_id": "exp", **columns})


def send(
    commons: Commons, project: str, rows: pd.DataFrame, node: str = "case", **options: Any
) -> SubmissionReport:
    return submit({node: rows}, connection=commons, project=project, progress=False, **options)


def problems(commons: Commons, project: str, rows: pd.DataFrame, node: str = "case") -> pd.DataFrame:
    report = validate(
        rows, node, dictionary=commons.dictionary, project=project, connection=commons, progress=False
    )
    return report.problems


def stored(commons: Commons, project: str, node: str = "case") -> dict[str, dict[str, Any]]:
    with commons.sheepdog.export(commons.project_id(project), node) as answer:
        return {record["submitter_id"]: record for record in answer.json()["data"]}


def test_two_spellings_in_one_request_lose_all_of_it(commons: Commons, project: str) -> None:
    answer = plain(commons, project, case("a"), case("A"), case("innocent"))
    assert answer.ok
    assert answer.created == 3
    assert stored(commons, project) == {}
    report = send(commons, project, frame("a", "A", "innocent"))
    assert report.to_frame()["status"].tolist() == ["rejected", "rejected", "created"]
    assert set(stored(commons, project)) == {"innocent"}


def test_an_update_in_another_spelling_renames_the_record(commons: Commons, project: str) -> None:
    plain(commons, project, case("kp-1"), case("kp-2"))
    assert plain(commons, project, case("KP-1")).updated == 1
    assert set(stored(commons, project)) == {"KP-1", "kp-2"}
    found = problems(commons, project, frame("KP-2"))
    assert found[["rule", "suggestion", "origin"]].to_numpy().tolist() == [["spelling", "kp-2", "gen3nb"]]
    assert send(commons, project, frame("KP-2")).counts["rejected"] == 1
    assert set(stored(commons, project)) == {"KP-1", "kp-2"}
    report = validate(
        frame("KP-2"), "case", dictionary=commons.dictionary, project=project, connection=commons
    )
    assert report.fixed()["submitter_id"].tolist() == ["kp-2"]


def test_creating_a_record_that_exists_in_another_spelling_stores_nothing(
    commons: Commons, project: str
) -> None:
    plain(commons, project, case("é"))
    answer = plain(commons, project, case("É", disease_type="x"), method="POST")
    assert answer.ok
    assert answer.created == 1
    assert "disease_type" not in stored(commons, project)["é"]
    assert send(commons, project, frame("É", disease_type="x")).counts["rejected"] == 1


def test_links_are_found_in_any_spelling(commons: Commons, project: str) -> None:
    rows = frame("a").assign(**{"experiments.submitter_id": "EXP"})
    assert problems(commons, project, rows).empty
    assert send(commons, project, rows).ok
    assert send(commons, project, rows).counts["unchanged"] == 1


def test_an_id_under_another_name_stores_nothing(commons: Commons, project: str) -> None:
    plain(commons, project, case("old"))
    held = stored(commons, project)["old"]["id"]
    answer = plain(commons, project, case("renamed", id=held))
    assert answer.ok
    assert answer.created == 1
    assert set(stored(commons, project)) == {"old"}
    found = problems(commons, project, frame("renamed", id=held))
    assert found[["column", "rule", "origin"]].to_numpy().tolist() == [["id", "id", "gen3nb"]]
    assert "'old'" in found["message"][0]
    assert problems(commons, project, frame("old", id=held)).empty


def test_rows_without_a_type_are_dropped(commons: Commons, project: str) -> None:
    target = commons.project_id(project)
    text = "type\tsubmitter_id\texperiments.submitter_id\ncase\ta\texp\n\tb\texp\nkase\tc\texp\n"
    answer = commons.sheepdog.submit_text(target, text)
    assert answer.ok
    assert set(stored(commons, project)) == {"a"}
    report = send(commons, project, frame("a", "b", "c", type=["case", None, "kase"]))
    assert report.to_frame()["status"].tolist() == ["unchanged", "created", "rejected"]


def test_two_columns_of_one_name(commons: Commons, project: str) -> None:
    header = "type\tsubmitter_id\texperiments.submitter_id\tdisease_type\tdisease_type"
    text = f"{header}\ncase\ta\texp\tfirst\tsecond\n"
    assert commons.sheepdog.submit_text(commons.project_id(project), text).ok
    assert stored(commons, project)["a"]["disease_type"] == "second"
    twice = pd.DataFrame([["a", "exp", "1", "2"]])
    twice.columns = pd.Index(["submitter_id", "experiments.submitter_id", "disease_type", "disease_type"])
    with pytest.raises(ValidationError, match="two columns named 'disease_type'"):
        send(commons, project, twice)


def test_links_are_added_never_replaced(commons: Commons, project: str) -> None:
    plain(commons, project, case("c1"))
    collections = [
        {
            "type": "core_metadata_collection",
            "submitter_id": name,
            "projects": {"code": project.partition("-")[2]},
        }
        for name in ("m1", "m2")
    ]
    assert plain(commons, project, *collections).ok
    file = {
        "type": "experimental_metadata",
        "submitter_id": "f",
        "file_name": "f.xml",
        "file_size": 1,
        "md5sum": "0" * 32,
    }
    node = commons.dictionary["experimental_metadata"]
    for name in ("data_category", "data_type", "data_format"):
        prop = node.properties[name]
        file[name] = prop.enum[0] if prop.enum else "x"
    both = {**file, "core_metadata_collections": [{"submitter_id": "m1"}, {"submitter_id": "m2"}]}
    one = {**file, "core_metadata_collections": [{"submitter_id": "m1"}]}
    assert plain(commons, project, both).ok
    assert plain(commons, project, one).ok
    with commons.sheepdog.export(commons.project_id(project), "experimental_metadata") as answer:
        rows_of_one = answer.json()["data"]  # the export parts a record's links over rows
    held = [end for row in rows_of_one for end in row["core_metadata_collections"]]
    assert {end["submitter_id"] for end in held} == {"m1", "m2"}
    values = {name: value for name, value in file.items() if name != "type"}
    rows = pd.DataFrame([values | {"core_metadata_collections.submitter_id": ["m1"]}])
    found = diff(rows, "experimental_metadata", connection=commons, project=project, progress=False)
    assert found.cannot_change["column"].tolist() == ["core_metadata_collections.submitter_id"]
    assert "takes none away" in found.cannot_change["reason"][0]
    report = send(commons, project, rows, node="experimental_metadata")
    assert report.to_frame()["status"].tolist() == ["rejected"]


def test_a_required_link_cannot_be_moved(commons: Commons, project: str) -> None:
    code = project.partition("-")[2]
    plain(
        commons, project, case("c"), {"type": "experiment", "submitter_id": "e2", "projects": {"code": code}}
    )
    moved = frame("c").assign(**{"experiments.submitter_id": "e2"})
    assert not plain(commons, project, case("c", experiments={"submitter_id": "e2"})).ok
    report = send(commons, project, moved)
    assert report.counts["rejected"] == 1
    assert "delete it and create it again" in report.to_frame()["reason"][0]


def test_a_blank_project_id_of_a_template(commons: Commons, project: str) -> None:
    text = "type\tproject_id\tsubmitter_id\texperiments.submitter_id\ncase\t\ta\texp\n"
    assert not commons.sheepdog.submit_text(commons.project_id(project), text).ok
    assert send(commons, project, frame("a", project_id=None)).ok


def test_text_that_is_empty_is_not_missing(commons: Commons, project: str) -> None:
    assert send(commons, project, frame("a", "b", disease_type=["", None])).ok
    held = stored(commons, project)
    assert held["a"]["disease_type"] == ""
    assert "disease_type" not in held["b"]


def test_whole_numbers_with_gaps_are_no_decimals(commons: Commons, project: str) -> None:
    record = {"type": "sample", "submitter_id": "s", "cases": {"submitter_id": "c"}}
    node = commons.dictionary["sample"]
    whole = next(name for name, prop in node.properties.items() if prop.kind == "integer")
    plain(commons, project, case("c"))
    assert not plain(commons, project, {**record, whole: 3.0}).ok
    rows = pd.DataFrame({"submitter_id": ["s", "t"], "cases.submitter_id": "c", whole: [3.0, None]})
    assert send(commons, project, rows, node="sample").ok
    assert stored(commons, project, "sample")["s"][whole] == 3
