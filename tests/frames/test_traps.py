"""What the services do to records that are sent: the plain call loses or alters them, gen3nb does not.

The traps of reading are in ``test_traps_reading.py``.
"""

from __future__ import annotations

import random
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import requests
from making import valid_record
from plainly import address, case, frame, plain, plain_text, problems, sdk, send, stored

from gen3nb.errors import ValidationError
from gen3nb.frames.comparing import diff
from gen3nb.frames.tsv import read_tsv
from gen3nb.frames.validation import validate

if TYPE_CHECKING:
    from gen3nb import Commons

HEADER = "type\tsubmitter_id\texperiments.submitter_id\tdisease_type\tprimary_site\n"


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
    text = "type\tsubmitter_id\texperiments.submitter_id\ncase\ta\texp\n\tb\texp\nkase\tc\texp\n"
    assert plain_text(commons, project, text).ok
    assert set(stored(commons, project)) == {"a"}
    report = send(commons, project, frame("a", "b", "c", type=["case", None, "kase"]))
    assert report.to_frame()["status"].tolist() == ["unchanged", "created", "rejected"]


def test_two_columns_of_one_name(commons: Commons, project: str) -> None:
    header = "type\tsubmitter_id\texperiments.submitter_id\tdisease_type\tdisease_type"
    text = f"{header}\ncase\ta\texp\tfirst\tsecond\n"
    assert plain_text(commons, project, text).ok
    assert stored(commons, project)["a"]["disease_type"] == "second"
    twice = pd.DataFrame([["a", "exp", "1", "2"]])
    twice.columns = pd.Index(["submitter_id", "experiments.submitter_id", "disease_type", "disease_type"])
    with pytest.raises(ValidationError, match="two columns named 'disease_type'"):
        send(commons, project, twice)


def file_record(commons: Commons, name: str, **more: Any) -> dict[str, Any]:
    """Give a record of a file, without links."""
    record = {"type": "experimental_metadata", "submitter_id": name, "file_name": "f.xml"}
    node = commons.dictionary["experimental_metadata"]
    for column in ("data_category", "data_type", "data_format"):
        prop = node.properties[column]
        record[column] = prop.enum[0] if prop.enum else "x"
    return {**record, "file_size": 11, "md5sum": "0" * 32, **more}


def test_links_are_added_never_replaced(commons: Commons, project: str) -> None:
    code = project.partition("-")[2]
    collections = [
        {"type": "core_metadata_collection", "submitter_id": name, "projects": {"code": code}}
        for name in ("m1", "m2")
    ]
    assert plain(commons, project, *collections).ok
    file = file_record(commons, "f")
    both = {**file, "core_metadata_collections": [{"submitter_id": "m1"}, {"submitter_id": "m2"}]}
    one = {**file, "core_metadata_collections": [{"submitter_id": "m1"}]}
    assert plain(commons, project, both).ok
    assert plain(commons, project, one).ok
    # the export parts a record's links over rows
    rows_of_one = sdk(commons).export_node("TEST", code, "experimental_metadata", "json")["data"]
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
    assert not plain_text(commons, project, text).ok
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


def test_two_spellings_at_one_moment_lose_a_whole_request(commons: Commons, project: str) -> None:
    reports: dict[str, Any] = {}

    def one(*names: str) -> None:
        reports[names[0]] = send(commons, project, frame(*names)).to_frame().set_index("submitter_id")

    threads = [threading.Thread(target=one, args=names) for names in (("same", "left"), ("SAME", "right"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held = stored(commons, project)
    assert {"left", "right"} <= set(held)
    assert len(held) == 3
    for table in reports.values():
        # whoever came second is told so, and its other rows are stored
        for name, status in table["status"].items():
            assert (status in {"created", "unchanged"}) == (name in held), (name, status)


def test_a_lone_quote_in_a_tsv_swallows_the_lines_after_it(
    commons: Commons, project: str, tmp_path: Path
) -> None:
    cells = ['"lone', "middle", 'end"']
    text = HEADER + "".join(f"case\tq{n}\texp\t{cell}\tx\n" for n, cell in enumerate(cells))
    answer = plain_text(commons, project, text)
    assert answer.ok
    assert set(stored(commons, project)) == {"q0"}
    (tmp_path / "case.tsv").write_text(text, encoding="utf-8")
    with pytest.raises(ValidationError, match=r"row 2 .*a quotation mark opens here and closes 2 lines"):
        read_tsv(tmp_path / "case.tsv")
    report = send(commons, project, frame("q0", "q1", "q2", disease_type=cells, primary_site="x"))
    assert report.to_frame()["status"].tolist() == ["updated", "created", "created"]
    assert [one["disease_type"] for _, one in sorted(stored(commons, project).items())] == cells


@pytest.mark.parametrize("mark", "\v\f\x1c\x85\u2028\u2029")
def test_odd_line_breaks_cut_a_tsv_cell(commons: Commons, project: str, mark: str) -> None:
    cell = f"before{mark}after"
    assert plain_text(commons, project, f"{HEADER}case\ta\texp\t{cell}\tx\n").ok
    assert stored(commons, project)["a"]["disease_type"] == "before"
    assert send(commons, project, frame("a", disease_type=cell)).counts["updated"] == 1
    assert stored(commons, project)["a"]["disease_type"] == cell
    back = commons.read("case", project=project, progress=False)
    assert back["disease_type"].tolist() == [cell]


def test_the_last_row_of_a_tsv_keeps_what_others_clear(commons: Commons, project: str) -> None:
    old = [case(name, disease_type="old", primary_site="old") for name in ("a", "b")]
    assert plain(commons, project, *old).ok
    assert plain_text(commons, project, f"{HEADER}case\ta\texp\t\t\ncase\tb\texp\t\t\n").ok
    held = stored(commons, project)
    assert ("disease_type" in held["a"], "disease_type" in held["b"]) == (False, True)
    assert plain(commons, project, *old).ok
    empty = frame("a", "b", disease_type=None, primary_site=None)
    kept = send(commons, project, empty)
    assert (kept.kept, kept.counts["unchanged"]) == (4, 2)
    cleared = send(commons, project, empty, missing="clear")
    assert (cleared.cleared, cleared.counts["updated"]) == (4, 2)
    assert not any(
        "disease_type" in one or "primary_site" in one for one in stored(commons, project).values()
    )


def test_an_empty_cell_of_a_tsv_clears_and_a_missing_column_keeps(commons: Commons, project: str) -> None:
    old = case("a", disease_type="old", primary_site="old")
    assert plain(commons, project, old).ok
    assert plain_text(commons, project, f"{HEADER}case\ta\texp\t\tnew\n").ok
    assert "disease_type" not in stored(commons, project)["a"]
    assert plain(commons, project, old).ok
    rows = frame("a", disease_type=None, primary_site="new")
    found = diff(rows, "case", connection=commons, project=project, progress=False)
    assert (found.counts["changed"], found.counts["kept"], found.counts["cleared"]) == (1, 1, 0)
    assert send(commons, project, rows).counts["updated"] == 1
    held = stored(commons, project)["a"]
    assert (held["disease_type"], held["primary_site"]) == ("old", "new")
    found = diff(rows, "case", connection=commons, project=project, missing="clear", progress=False)
    assert found.counts["cleared"] == 1
    assert found.changed[["column", "old"]].to_numpy().tolist() == [["disease_type", "old"]]


def test_a_link_given_in_two_columns_of_one_name(commons: Commons, project: str) -> None:
    plain(commons, project, case("c"))
    samples = [
        {"type": "sample", "submitter_id": name, "cases": {"submitter_id": "c"}} for name in ("s1", "s2")
    ]
    assert plain(commons, project, *samples).ok
    column = "samples.submitter_id"
    text = f"type\tsubmitter_id\t{column}\t{column}\naliquot\ta\ts1\ts2\n"
    assert plain_text(commons, project, text).ok
    assert [end["submitter_id"] for end in stored(commons, project, "aliquot")["a"]["samples"]] == ["s2"]
    twice = pd.DataFrame([["b", "s1", "s2"]]).set_axis(["submitter_id", column, column], axis=1)
    with pytest.raises(ValidationError, match=r"two columns named 'samples\.submitter_id'"):
        send(commons, project, twice, node="aliquot")
    both = pd.DataFrame({"submitter_id": ["b"], column: [["s1", "s2"]]})
    assert send(commons, project, both, node="aliquot").ok
    ends = stored(commons, project, "aliquot")["b"]["samples"]
    assert {end["submitter_id"] for end in ends} == {"s1", "s2"}


def test_only_null_takes_an_optional_link_away(gardens: Commons) -> None:
    project, *_ = plants(gardens, "m", "f")
    cross = {"type": "cross", "submitter_id": "x", "mothers": {"submitter_id": "m"}}
    answer = plain(gardens, project, {**cross, "fathers": {"submitter_id": "f"}})
    where = f"{address(gardens, project)}/entities/{answer.body['entities'][0]['id']}"

    def fathers() -> list[str]:
        # the export of a node with two links to one other breaks off
        (one,) = requests.get(where, auth=gardens.auth, timeout=60).json()["entities"]
        return [end["submitter_id"] for end in one["properties"].get("fathers", ())]

    assert plain(gardens, project, cross).ok
    assert fathers() == ["f"]
    rows = pd.DataFrame(
        {"submitter_id": ["x"], "mothers.submitter_id": ["m"], "fathers.submitter_id": [None]}
    )
    kept = send(gardens, project, rows, node="cross")
    assert (kept.kept, kept.counts["unchanged"]) == (1, 1)
    cleared = send(gardens, project, rows, node="cross", missing="clear")
    assert (cleared.cleared, cleared.counts["updated"]) == (1, 1)
    assert fathers() == []


def plants(gardens: Commons, *names: str) -> tuple[str, list[dict[str, Any]]]:
    """Make a project with a garden and plants of these names."""
    project = str(gardens.create_project(("TEST", f"t{uuid.uuid4().hex[:8]}")))
    chance, dictionary = random.Random(1), gardens.dictionary
    code = project.partition("-")[2]
    garden = valid_record(dictionary, dictionary["garden"], "g", code, chance)
    records = [
        {"type": "plant", "submitter_id": name, "species": "rosa", "gardens": {"submitter_id": "g"}}
        for name in names
    ]
    assert plain(gardens, project, garden, *records).ok
    return project, records


def test_what_the_database_refuses_is_an_internal_error_in_a_dictionary_of_ones_own(gardens: Commons) -> None:
    project, _ = plants(gardens, "p")
    tools = [
        {"type": "tool", "submitter_id": name, "serial": serial, "gardens": {"submitter_id": "g"}}
        for name, serial in (("t1", "1"), ("t2", "1"), ("t3", "3"))
    ]
    assert plain(gardens, project, tools[0]).ok
    answer = plain(gardens, project, *tools[1:])
    assert answer.status == 500
    assert set(stored(gardens, project, "tool")) == {"t1"}
    rows = pd.DataFrame({"submitter_id": ["t2", "t3"], "serial": ["1", "3"], "gardens.submitter_id": "g"})
    table = send(gardens, project, rows, node="tool").to_frame()
    assert table["status"].tolist() == ["rejected", "created"]
    assert "serial must be unique" in table["reason"][0]
    spellings = [{**tools[0], "submitter_id": name, "serial": name} for name in ("s", "S", "innocent")]
    assert plain(gardens, project, *spellings).status == 500
    rows = pd.DataFrame(
        {"submitter_id": ["s", "S", "innocent"], "serial": list("789"), "gardens.submitter_id": "g"}
    )
    table = send(gardens, project, rows, node="tool").to_frame()
    assert table["status"].tolist() == ["rejected", "rejected", "created"]
    assert set(stored(gardens, project, "tool")) == {"t1", "t3", "innocent"}


def test_an_update_of_a_files_size_does_not_reach_the_index(commons: Commons, project: str) -> None:
    code = project.partition("-")[2]
    collection = {"type": "core_metadata_collection", "submitter_id": "m", "projects": {"code": code}}
    md5 = uuid.uuid4().hex
    file = file_record(commons, "f", md5sum=md5, core_metadata_collections=[{"submitter_id": "m"}])
    assert plain(commons, project, collection, file).ok
    did = stored(commons, project, "experimental_metadata")["f"]["object_id"]
    assert plain(commons, project, {**file, "file_size": 12}).ok
    held = requests.get(f"{commons.endpoint}/index/index/{did}", timeout=60).json()
    assert (stored(commons, project, "experimental_metadata")["f"]["file_size"], held["size"]) == (12, 11)
    values = {
        name: value for name, value in file.items() if name not in {"type", "core_metadata_collections"}
    }
    rows = pd.DataFrame([{**values, "file_size": 13, "core_metadata_collections.submitter_id": "m"}])
    found = diff(rows, "experimental_metadata", connection=commons, project=project, progress=False)
    assert "index keeps the old values" in found.notes[0]
    assert "index keeps the old values" in found._repr_html_()
    report = send(commons, project, rows, node="experimental_metadata")
    assert report.notes == [f"experimental_metadata: {found.notes[0]}"]
    assert send(commons, project, rows, node="experimental_metadata").notes == []


def test_a_deleted_files_index_record_stays(commons: Commons, project: str) -> None:
    code = project.partition("-")[2]
    collection = {"type": "core_metadata_collection", "submitter_id": "m", "projects": {"code": code}}
    file = file_record(
        commons, "f", md5sum=uuid.uuid4().hex, core_metadata_collections=[{"submitter_id": "m"}]
    )
    assert plain(commons, project, collection, file).ok
    held = stored(commons, project, "experimental_metadata")["f"]
    rows = pd.DataFrame({"submitter_id": ["f"]})
    report = commons.delete(rows, "experimental_metadata", project=project, progress=False)
    assert requests.get(f"{commons.endpoint}/index/index/{held['object_id']}", timeout=60).ok
    assert report.ok
    assert any("stay in storage and in the index" in note for note in report.notes)
