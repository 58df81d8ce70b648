"""The index: documents by did, who may write them, and how they are found again."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from gen3nb.launch import start_server

MD5 = "0123456789abcdef0123456789abcdef"


def document(**more: object) -> dict[str, object]:
    return {
        "form": "object",
        "size": 5,
        "hashes": {"md5": uuid.uuid4().hex},
        "urls": ["s3://bucket/key"],
        "authz": ["/programs/P/projects/Q"],
        **more,
    }


@pytest.fixture
def make(call):
    """Make a document; give it as it is stored."""

    def made(**more: object) -> dict[str, object]:
        answer = call("POST", "/index/index/", user="admin", json=document(**more))
        assert answer.status_code == 200, answer.text
        return call("GET", f"/index/index/{answer.json()['did']}").json()

    return made


def test_a_document_comes_back(make, call):
    record = make(file_name="a.txt", metadata={"k": "v"})
    assert record["did"].startswith("dg.TEST/")
    assert record["size"] == 5
    assert record["urls_metadata"] == {"s3://bucket/key": {"available": True, "cloud": "aws"}}
    bare = record["did"].removeprefix("dg.TEST/")
    assert call("GET", f"/index/index/{bare}").json() == record
    (listed,) = call("GET", f"/index/index/?ids={record['did']}").json()["records"]
    assert listed["urls_metadata"] == {"s3://bucket/key": {}}
    drs = call("GET", f"/ga4gh/drs/v1/objects/{record['did']}").json()
    assert (drs["id"], drs["name"], drs["size"]) == (record["did"], "a.txt", 5)
    assert call("GET", f"/index/ga4gh/drs/v1/objects/{record['did']}").json() == drs


def test_who_may_write(call):
    body = document()
    assert call("POST", "/index/index", json=body).json() == {"error": "Permission denied."}
    assert call("POST", "/index/index", user="reader", json=body).status_code == 401
    assert call("POST", "/index/index", user="submitter", json=body).status_code == 200
    assert call("POST", "/index/index", user="submitter", json=document(authz=["/x"])).status_code == 401
    assert call("POST", "/index/index", user="submitter", json=document(authz=[])).status_code == 401


def test_a_services_password(call):
    with start_server(passwords={"gdcapi": "secret"}) as server:
        for credentials, status in (
            (("gdcapi", "secret"), 200),
            (("gdcapi", "no"), 403),
            (("x", "secret"), 403),
        ):
            answer = call("POST", "/index/index", json=document(), auth=credentials, server=server)
            assert answer.status_code == status
    # none was given here, so none is good, the usual one included
    assert call("POST", "/index/index", json=document(), auth=("gdcapi", "gdcapi")).status_code == 403


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"size": -1}, "-1 is less than the minimum of 0"),
        ({"size": "5"}, "'5' is not of type 'integer'"),
        ({"hashes": {"md5": MD5.upper()}}, "does not match"),
        ({"hashes": {"foo": "x"}}, "'md5' is a required property"),
        ({"colour": "red"}, "Additional properties are not allowed ('colour' was unexpected)"),
        ({"did": "no-uuid"}, "'no-uuid' does not match"),
    ],
)
def test_what_is_no_document(call, change, said):
    answer = call("POST", "/index/index", user="admin", json=document(**change))
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert "Failed validating" in answer.json()["error"]


def test_no_json(call):
    kind = {"Content-Type": "application/json"}
    assert call("POST", "/index/index", user="admin", data="{", headers=kind).status_code == 400
    assert call("POST", "/index/index", user="admin", data="x").status_code == 415


def test_revisions(make, call):
    record = make()
    path = f"/index/index/{record['did']}"
    assert call("PUT", path, user="admin", json={"file_name": "b"}).json() == {"error": "revision mismatch"}
    answer = call("PUT", f"{path}?rev={record['rev']}", user="admin", json={"file_name": "b"})
    assert answer.json()["rev"] != record["rev"]
    assert (
        call("PUT", f"{path}?rev={answer.json()['rev']}", user="admin", json={"size": 1}).status_code == 400
    )
    assert call("DELETE", path, user="admin").json() == {"error": "no revision specified"}
    assert call("DELETE", f"{path}?rev=0", user="admin").status_code == 409
    assert call("DELETE", f"{path}?rev={answer.json()['rev']}", user="admin").status_code == 200
    assert call("GET", path).json() == {"error": "no record found"}


def test_a_did_is_taken_once(make, call):
    did = str(uuid.uuid4())
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: call("POST", "/index/index", user="admin", json=document(did=did)), range(8))
        )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7


def test_filters(make, call):
    tag = uuid.uuid4().hex
    one = make(hashes={"md5": tag}, acl=["a", "b"], metadata={"k": tag}, urls=[f"s3://{tag}/1"])
    two = make(hashes={"md5": tag}, size=6, acl=["a"], metadata={"k": tag}, urls=[f"s3://{tag}/2"])

    def found(**query: object) -> list[str]:
        answer = call("GET", "/index/index", params={"hash": f"md5:{tag}", **query}).json()
        return [record["did"] for record in answer["records"]]

    both = sorted([one["did"], two["did"]])
    assert found() == both
    assert found(size=6) == [two["did"]]
    assert found(acl="a,b") == [one["did"]]
    assert found(url=f"s3://{tag}/1") == [one["did"]]
    assert found(url=f"s3://{tag}") == []
    assert found(metadata=f"k:{tag}") == both
    assert found(limit=1) == both[:1]
    assert found(start=both[0]) == both[1:]
    assert found(page=1, limit=1) == [two["did"]]  # by last change
    assert call("GET", "/index/index?limit=1025").json() == {"error": "limit must be between 0 and 1024"}
    assert call("GET", "/index/index?hash=foo:1").status_code == 400
    assert call("GET", "/index/index?hash=foo").status_code == 500
    assert call("GET", "/index/index?colour=red&limit=0").json()["records"] == []


def test_bulk(make, call):
    one, two = make(), make()
    asked = [two["did"], "nope", one["did"], one["did"], one["did"].removeprefix("dg.TEST/")]
    answer = call("POST", "/index/bulk/documents", json=asked).json()
    assert [record["did"] for record in answer] == [two["did"], one["did"]]
    assert call("POST", "/index/bulk/documents", json=[]).status_code == 500


def test_aliases(make, call):
    record, name = make(), uuid.uuid4().hex
    path = f"/index/index/{record['did']}/aliases"
    body = {"aliases": [{"value": name}]}
    assert call("POST", path + "/", user="admin", json=body).json() == body
    assert call("GET", path).json() == body
    assert call("POST", path, user="admin", json=body).status_code == 409
    assert call("GET", f"/index/{name}").json()["did"] == record["did"]
    assert call("GET", f"/index/index/{name}").status_code == 404
    assert call("DELETE", f"{path}/{name}", user="admin").status_code == 200
    assert call("GET", f"/index/{name}").status_code == 404


def test_versions_and_blanks(make, call):
    first = make(version="1")
    path = f"/index/index/{first['did']}"
    second = call("POST", path, user="admin", json=document()).json()
    assert second["baseid"] == first["baseid"]
    versions = call("GET", f"{path}/versions").json()
    assert [versions[number]["did"] for number in ("0", "1")] == [first["did"], second["did"]]
    assert call("GET", f"{path}/latest").json()["did"] == second["did"]
    assert call("GET", f"{path}/latest?has_version=true").json()["did"] == first["did"]
    blank = call("POST", "/index/index/blank/", user="admin", json={"file_name": "x"})
    assert blank.status_code == 201
    fill = {"size": 1, "hashes": {"md5": MD5}}
    path = f"/index/index/blank/{blank.json()['did']}"
    answer = call("PUT", f"{path}?rev={blank.json()['rev']}", user="admin", json=fill)
    assert answer.status_code == 200
    again = call("PUT", f"{path}?rev={answer.json()['rev']}", user="admin", json=fill)
    assert again.json() == {"error": "update api is not supported for non-empty record!"}
