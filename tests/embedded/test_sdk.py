"""The official Gen3 SDK works on a practice commons unchanged: only the launcher is ours here."""

from __future__ import annotations

import gc
import json

import pandas as pd
import pytest
import requests
from gen3.auth import Gen3Auth
from gen3.index import Gen3Index
from gen3.metadata import Gen3Metadata
from gen3.submission import Gen3Submission

from gen3nb.launch import start_server

PROGRAM = {"type": "program", "name": "SDK", "dbgap_accession_number": "phs000001"}
PROJECT = {
    "type": "project",
    "code": "one",
    "name": "One",
    "dbgap_accession_number": "phs000002",
    "investigator_name": "A. Person",
}
EXPERIMENT = {"type": "experiment", "submitter_id": "exp", "projects": {"code": "one"}}


@pytest.fixture(scope="module", params=["127.0.0.1", "localhost"])
def auth(request, tmp_path_factory):
    """Sign in with a key file, at each of the two names of a commons on this machine."""
    with start_server() as server:
        endpoint = server.endpoint.replace("127.0.0.1", request.param)
        path = tmp_path_factory.mktemp("key") / "credentials.json"
        answer = requests.post(
            f"{endpoint}/user/credentials/api",
            json={},
            headers={"Authorization": f"bearer {server.token('admin')}"},
            timeout=30,
        )
        path.write_text(json.dumps(answer.json()))
        auth = Gen3Auth(refresh_file=str(path))
        assert auth.endpoint == endpoint
        yield auth


@pytest.fixture(scope="module")
def submission(auth):
    """Give a Gen3Submission with a program, a project and an experiment, made with the SDK."""
    submission = Gen3Submission(auth)
    assert submission.create_program(PROGRAM)["name"] == "SDK"
    assert submission.create_project("SDK", PROJECT)["code"] == 200
    assert submission.submit_record("SDK", "one", EXPERIMENT)["created_entity_count"] == 1
    return submission


def case(name: str, **properties: object) -> dict[str, object]:
    return {"type": "case", "submitter_id": name, "experiments": {"submitter_id": "exp"}, **properties}


def test_the_endpoint_is_that_of_the_key(auth):
    user = auth.curl("/user/user").json()
    assert user["username"] == "admin@commons.test"
    assert user["is_admin"]
    assert auth.get_access_token().count(".") == 2


def test_programs_and_projects(submission):
    assert submission.get_programs() == {"links": ["/v0/submission/SDK"]}
    assert submission.get_projects("SDK") == {"links": ["/v0/submission/SDK/one"]}
    assert submission.create_project("SDK", {**PROJECT, "code": "two"})["code"] == 200
    assert submission.get_projects("SDK")["links"] == ["/v0/submission/SDK/one", "/v0/submission/SDK/two"]
    assert submission.delete_project("SDK", "two").status_code == 204
    submission.create_program({**PROGRAM, "name": "GONE"})
    assert submission.delete_program("GONE").status_code == 204
    assert submission.get_programs() == {"links": ["/v0/submission/SDK"]}


def test_the_dictionary(submission):
    everything = submission.get_dictionary_all()
    assert {"case", "_definitions", "program"} <= set(everything)
    assert submission.get_dictionary_node("case")["id"] == "case"
    assert any(
        link.endswith("/_dictionary/case")
        for link in submission.get_project_dictionary("SDK", "one")["links"]
    )
    assert "__schema" in submission.get_graphql_schema()["data"]


def test_records_go_in_come_out_and_go_away(submission, tmp_path, capsys):
    answer = submission.submit_record("SDK", "one", [case("r1"), case("r2", consent_codes=["a", "b"])])
    ids = {one["unique_keys"][0]["submitter_id"]: one["id"] for one in answer["entities"]}
    assert answer["created_entity_count"] == 2
    data = submission.export_node("SDK", "one", "case", "json")["data"]
    assert {one["submitter_id"] for one in data} >= {"r1", "r2"}
    text = submission.export_node("SDK", "one", "case", "tsv")
    assert text.splitlines()[0].startswith("type\tid\tproject_id\tsubmitter_id\t")
    record = submission.export_record("SDK", "one", ids["r2"], "json")
    assert record[0]["consent_codes"] == ["a", "b"]
    submission.export_record("SDK", "one", ids["r1"], "tsv", str(tmp_path / "r1.tsv"))
    assert "r1" in (tmp_path / "r1.tsv").read_text()
    submission.export_node("SDK", "one", "case", "tsv", str(tmp_path / "case.tsv"))
    assert pd.read_csv(tmp_path / "case.tsv", sep="\t")["submitter_id"].isin(["r1", "r2"]).sum() == 2
    submission.delete_record("SDK", "one", ids["r1"])
    submission.delete_records("SDK", "one", [ids["r2"]])
    capsys.readouterr()  # the SDK prints
    found = submission.query('{ case(first: 0, project_id: "SDK-one") { submitter_id } }')["data"]["case"]
    assert not {"r1", "r2"} & {one["submitter_id"] for one in found}


def test_a_query_with_variables(submission):
    submission.submit_record("SDK", "one", [case("q1"), case("q2")])
    text = "query ($id: [String]) { case(submitter_id: $id) { submitter_id experiments { submitter_id } } }"
    answer = submission.query(text, {"id": ["q1"]})
    assert answer["data"]["case"] == [{"submitter_id": "q1", "experiments": [{"submitter_id": "exp"}]}]


# the SDK uses what pandas 3 warns of, and leaves its workbook open
@pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.rename")
@pytest.mark.filterwarnings("ignore:ExcelFile.parse is deprecated")
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".xlsx"])
def test_a_file_of_rows(submission, tmp_path, capsys, suffix):
    rows = pd.DataFrame(
        {
            "type": "case",
            "submitter_id": [f"file{suffix}-{number}" for number in range(70)],
            "experiments.submitter_id": "exp",
        }
    )
    path = tmp_path / f"case{suffix}"
    if suffix == ".xlsx":
        rows.to_excel(path, index=False)
    else:
        rows.to_csv(path, sep="\t" if suffix == ".tsv" else ",", index=False)
    results = submission.submit_file("SDK-one", str(path), chunk_size=30)
    gc.collect()
    capsys.readouterr()  # the SDK prints
    assert len(results["succeeded"]) == 70
    assert results["invalid"] == {}
    count = submission.query(f'{{ _case_count(quick_search: "file{suffix}") }}')["data"]["_case_count"]
    assert count == 70


def test_nodes_are_emptied(submission, capsys):
    submission.submit_record("SDK", "one", [case("d1")])
    submission.submit_record(
        "SDK", "one", {"type": "demographic", "submitter_id": "dem", "cases": {"submitter_id": "d1"}}
    )
    submission.delete_nodes("SDK", "one", ["demographic", "case"])
    capsys.readouterr()  # the SDK prints
    assert submission.query("{ _case_count _demographic_count }")["data"] == {
        "_case_count": 0,
        "_demographic_count": 0,
    }


def test_manifest_and_project_state(submission):
    assert submission.get_project_manifest("SDK", "one") is not None
    with pytest.raises(requests.HTTPError):  # the project is open already
        submission.open_project("SDK", "one")


def test_the_index(auth):
    index = Gen3Index(auth)
    assert index.is_healthy()
    assert index.get_version()["version"]
    made = index.create_record(
        hashes={"md5": "0123456789abcdef0123456789abcdef"},
        size=5,
        urls=["s3://bucket/key"],
        file_name="key",
        authz=["/programs/SDK/projects/one"],
    )
    did = made["did"]
    assert index.get_record(did)["size"] == 5
    assert index.get(did)["file_name"] == "key"
    assert [one["did"] for one in index.get_all_records()] == [did]
    assert index.get_with_params({"hashes": {"md5": "0123456789abcdef0123456789abcdef"}})["did"] == did
    assert [one["did"] for one in index.get_records([did])] == [did]
    assert index.update_record(did, file_name="other")["did"] == did
    assert index.get_record(did)["file_name"] == "other"
    assert index.get_stats()["fileCount"] >= 1
    version = index.create_new_version(
        did, hashes={"md5": "f" * 32}, size=6, authz=["/programs/SDK/projects/one"], urls=["s3://b/k"]
    )
    assert index.get_latest_version(did)["did"] == version["did"]
    assert len(index.get_versions(did)) == 2
    blank = index.create_blank("admin@commons.test", file_name="blank")
    assert (
        index.update_blank(blank["did"], blank["rev"], hashes={"md5": "a" * 32}, size=1)["did"]
        == blank["did"]
    )
    index.delete_record(did)
    assert index.get_record(did) is None


def test_metadata(auth):
    metadata = Gen3Metadata(auth_provider=auth)
    if "localhost" not in auth.endpoint:  # there the SDK leaves out the prefix, and this path is the index's
        assert metadata.is_healthy()
    assert metadata.create("guid-1", {"a": {"b": 1}}) == {"a": {"b": 1}}
    assert metadata.get("guid-1") == {"a": {"b": 1}}
    assert metadata.query("a.b=1") == ["guid-1"]
    assert metadata.update("guid-1", {"c": 2}) == {"c": 2}
    assert metadata.delete("guid-1") == {"c": 2}
