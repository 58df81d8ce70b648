"""What the services do to records that are read: the plain call loses or alters them, gen3nb does not.

The traps of sending are in ``test_traps.py``.
"""

from __future__ import annotations

import io
import random
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import requests
from made_up import CASES
from making import valid_record
from plainly import address, case, plain, plain_query, problems, sdk

import gen3nb
from gen3nb.errors import NotFound, PermissionDenied, QueryError
from gen3nb.frames.exporting import ReadByQueryWarning
from gen3nb.frames.queries import CutAtDefaultLimit
from gen3nb.frames.saving import export

if TYPE_CHECKING:
    from gen3nb import Commons


def read(commons: Commons, project: str, node: str = "case", **options: Any) -> pd.DataFrame:
    return commons.read(node, project=project, progress=False, **options).sort_values(
        "submitter_id", ignore_index=True
    )


def sample(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "sample", "submitter_id": name, "cases": {"submitter_id": "c"}, **more}


def test_filters_of_queries_regard_case_though_names_do_not(commons: Commons, project: str) -> None:
    assert plain(commons, project, case("kp-1")).ok
    assert plain_query(commons, f'{{ case(project_id: "{project}", submitter_id: "KP-1") {{ id }} }}') == {
        "case": []
    }
    found = problems(
        commons, project, pd.DataFrame({"submitter_id": ["s"], "cases.submitter_id": ["KP-1"]}), "sample"
    )
    assert found.empty
    one = pd.DataFrame({"submitter_id": ["KP-1"]})
    report = commons.delete(one, "case", project=project, dry_run=True, progress=False)
    assert report.counts["deleted"] == 1


def test_tabs_and_line_breaks_break_the_rows_of_a_tsv_export(
    commons: Commons, project: str, tmp_path: Path
) -> None:
    cells = ["a\tb", "a\nb", "plain"]
    assert plain(commons, project, *(case(f"c{n}", disease_type=cell) for n, cell in enumerate(cells))).ok
    text = sdk(commons).export_node("TEST", project[5:], "case", "tsv")
    # rows come in no particular order, and pandas guesses another table, or none, for each
    assert len({line.count("\t") for line in text.splitlines()}) > 1
    table = pd.read_csv(io.StringIO(text), sep="\t", on_bad_lines="skip")
    assert not {"a\tb", "a\nb"} & set(table.to_numpy().ravel())
    frame = read(commons, project)
    assert frame["disease_type"].tolist() == cells
    gen3nb.of(frame).to_tsv(tmp_path / "case.tsv", commons=commons)
    back = gen3nb.read_tsv(tmp_path / "case.tsv", "case")
    assert back["disease_type"].tolist() == cells


@pytest.mark.parametrize("format", ["csv", "xlsx", "TSV"])
def test_other_formats_of_the_export_are_none(
    commons: Commons, project: str, tmp_path: Path, format: Any
) -> None:
    assert plain(commons, project, case("c", consent_codes=["x", "y"])).ok
    options = {"node_label": "case", "format": format}
    if format == "csv":
        answer = requests.get(
            f"{address(commons, project)}/export", params=options, auth=commons.auth, timeout=60
        )
        assert answer.ok
        table = pd.read_csv(io.StringIO(answer.text))
        assert "submitter_id" not in table.columns
    else:
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            requests.get(f"{address(commons, project)}/export", params=options, auth=commons.auth, timeout=60)
    if format == "xlsx":
        export(commons, project, ["case"], "xlsx", tmp_path, progress=False)
        assert pd.read_excel(tmp_path / "case.xlsx", dtype=object)["submitter_id"].tolist() == ["c"]
    elif format == "csv":
        gen3nb.of(read(commons, project)).to_tsv(tmp_path / "case.csv", commons=commons)
        back = gen3nb.read_tsv(tmp_path / "case.csv", "case", commons.dictionary)
        assert back["consent_codes"].tolist() == [["x", "y"]]


def test_the_export_of_an_unknown_project_is_empty(commons: Commons, project: str) -> None:
    assert sdk(commons).export_node("TEST", f"{project[5:]}x", "case", "json") == {"data": []}
    with pytest.raises(NotFound, match=f"did you mean '{project}'"):
        commons.read("case", project=f"{project}x", progress=False)


def test_an_export_by_ids_writes_none_and_lists_as_text(commons: Commons, project: str) -> None:
    answer = plain(commons, project, case("c", consent_codes=["x", "y"]))
    one = answer.body["entities"][0]["id"]
    text = sdk(commons).export_record("TEST", project[5:], one, "tsv")
    table = pd.read_csv(io.StringIO(text), sep="\t", keep_default_na=False)
    assert (table["disease_type"][0], table["consent_codes"][0]) == ("None", "['x', 'y']")
    frame = read(commons, project, ids=["c"])
    assert frame["consent_codes"].tolist() == [["x", "y"]]
    assert frame["disease_type"].isna().all()


def test_lists_of_queries_stop_at_ten_at_every_level(commons: Commons, clinic: str) -> None:
    assert len(plain_query(commons, f'{{ case(project_id: "{clinic}") {{ id }} }}')["case"]) == 10
    text = f'{{ experiment(project_id: "{clinic}") {{ cases {{ submitter_id }} }} }}'
    assert len(plain_query(commons, text)["experiment"][0]["cases"]) == 10
    with pytest.warns(CutAtDefaultLimit, match=r"^experiment\.cases came back with exactly 10"):
        commons.query(text)
    assert len(read(commons, clinic)) == CASES
    columns = ["submitter_id", "cases.submitter_id"]
    below = commons.select("experiment", project=clinic, columns=columns).to_frame(progress=False)
    assert below["cases.submitter_id"].explode().nunique() == CASES
    joined = commons.join("experiment", "case", project=clinic, progress=False)
    assert len(joined) == CASES


def test_pages_in_an_order_that_is_not_unique_repeat_and_lose_rows(commons: Commons, project: str) -> None:
    names = [f"c{number:02}" for number in range(30)]
    assert plain(commons, project, *map(case, names)).ok

    def somebody_updates(name: str) -> None:
        assert plain(commons, project, case(name, disease_type="x")).updated == 1

    seen: list[str] = []
    for start in range(0, 30, 10):
        text = (
            f'{{ case(project_id: "{project}", first: 10, offset: {start}, order_by_asc: "project_id") '
            "{ submitter_id } }"
        )
        seen += [one["submitter_id"] for one in plain_query(commons, text)["case"]]
        somebody_updates(seen[start])  # the row moves, and all after it move up
    assert len(seen) == 30
    assert len(set(seen)) < 30
    ours: list[str] = []
    for page in commons.select("case", project=project, columns=["submitter_id"]).pages(10):
        ours += page["submitter_id"].tolist()
        somebody_updates(ours[-10])
    assert sorted(ours) == names


def test_filters_on_whole_numbers_match_nothing(commons: Commons, project: str) -> None:
    assert plain(commons, project, case("c"), sample("s3", days_to_collection=3), sample("s4")).ok
    text = f'{{ sample(project_id: "{project}", days_to_collection: 3) {{ submitter_id }} }}'
    assert plain_query(commons, text) == {"sample": []}
    assert read(commons, project, "sample", where={"days_to_collection": 3})["submitter_id"].tolist() == [
        "s3"
    ]
    selection = commons.select("sample", project=project, where={"days_to_collection": 3})
    assert selection.count() == 1
    assert selection.local == ["days_to_collection is 3"]


def test_whole_numbers_of_queries_are_floats(commons: Commons, project: str) -> None:
    large = 2**53 + 1
    assert plain(commons, project, case("c"), sample("s", days_to_collection=large)).ok
    text = f'{{ sample(project_id: "{project}") {{ days_to_collection }} }}'
    value = plain_query(commons, text)["sample"][0]["days_to_collection"]
    assert isinstance(value, float)
    assert value != large
    frame = read(commons, project, "sample")
    assert frame["days_to_collection"].dtype == "Int64"
    assert frame["days_to_collection"].tolist() == [large]


def test_an_open_project_is_shown_by_queries_but_not_exported(commons: Commons) -> None:
    code = f"open{uuid.uuid4().hex[:8]}"
    project = str(commons.create_project(("TEST", code), availability_type="Open"))
    experiment = {"type": "experiment", "submitter_id": "exp", "projects": {"code": code}}
    names = [f"c{number:02}" for number in range(12)]
    assert plain(commons, project, experiment, *map(case, names)).ok
    with commons.sandbox.as_user("nobody") as nobody:
        where = f"{address(commons, project)}/export"
        answer = requests.get(where, params={"node_label": "case"}, auth=nobody.auth, timeout=60)
        assert answer.status_code == 403
        with pytest.warns(ReadByQueryWarning, match="12 case records"):
            frame = read(nobody, project)
    assert frame["submitter_id"].tolist() == names


def test_what_may_not_be_read_is_empty(commons: Commons, clinic: str) -> None:
    with commons.sandbox.as_user("nobody") as nobody:
        assert plain_query(nobody, f'{{ case(project_id: "{clinic}") {{ id }} }}') == {"case": []}
        with pytest.raises(PermissionDenied, match="'read' on /programs/TEST"):
            read(nobody, clinic)


def test_errors_of_queries_are_400_with_half_of_the_data(commons: Commons, clinic: str) -> None:
    text = f'{{ case(project_id: "{clinic}", first: 1) {{ id }} sample(order_by_asc: "colour") {{ id }} }}'
    url = f"{commons.endpoint}/api/v0/submission/graphql"
    answer = requests.post(url, json={"query": text}, auth=commons.auth, timeout=60)
    assert answer.status_code == 400
    assert answer.json()["errors"] == ["Cannot order by colour on sample"]
    with pytest.raises(QueryError, match="Cannot order by colour on sample"):
        commons.query(text)


def test_one_record_is_exported_as_two_rows(commons: Commons, project: str) -> None:
    collections = [
        {"type": "core_metadata_collection", "submitter_id": name, "projects": {"code": project[5:]}}
        for name in ("m1", "m2")
    ]
    node = commons.dictionary["experimental_metadata"]
    file = {
        **valid_record(commons.dictionary, node, "f", project[5:], random.Random(1)),
        "md5sum": uuid.uuid4().hex,
        "core_metadata_collections": [{"submitter_id": "m1"}, {"submitter_id": "m2"}],
    }
    assert plain(commons, project, *collections, file).ok
    rows = sdk(commons).export_node("TEST", project[5:], "experimental_metadata", "json")["data"]
    assert len(rows) == 2
    assert rows[0]["id"] == rows[1]["id"]
    frame = read(commons, project, "experimental_metadata")
    assert frame["core_metadata_collections.submitter_id"].tolist() == [["m1", "m2"]]


def test_the_export_breaks_off_at_a_link_within_one_node(gardens: Commons) -> None:
    code = f"x{uuid.uuid4().hex[:8]}"
    project = str(gardens.create_project(("TEST", code)))
    dictionary = gardens.dictionary
    garden = valid_record(dictionary, dictionary["garden"], "g", code, random.Random(1))
    plants = [
        {"type": "plant", "submitter_id": "mother", "species": "rosa", "gardens": {"submitter_id": "g"}},
        {"type": "plant", "submitter_id": "child", "species": "rosa", "plants": {"submitter_id": "mother"}},
    ]
    assert plain(gardens, project, garden, *plants).ok
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        sdk(gardens).export_node("TEST", code, "plant", "json")
    frame = read(gardens, project, "plant")
    assert frame["submitter_id"].tolist() == ["child", "mother"]
    assert frame["plants.submitter_id"].tolist()[0] == "mother"
    assert frame["gardens.submitter_id"].tolist()[1] == "g"


def test_the_page_on_traps_names_each_of_these_tests() -> None:
    here = Path(__file__)
    page = (here.parents[2] / "docs" / "explanation" / "traps.md").read_text(encoding="utf-8")
    tests = [
        name
        for file in (here.with_name("test_traps.py"), here)
        for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert sorted(re.findall(r"`(test_\w+)`", page)) == sorted(set(tests[:-1]))
