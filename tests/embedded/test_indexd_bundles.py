"""Bundles: documents under one GUID, in the index and as DRS has them."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
import requests

from gen3nb.launch import start_server

Call = Callable[..., requests.Response]


@pytest.fixture
def did(call: Call) -> Callable[[int], str]:
    """Make a document of so many bytes."""

    def made(size: int) -> str:
        body = {"form": "object", "size": size, "hashes": {"md5": uuid.uuid4().hex}, "urls": []}
        answer = call("POST", "/index/index/", user="admin", json={**body, "file_name": f"{size}.bin"})
        return str(answer.json()["did"])

    return made


def bundle(call: Call, *parts: str, user: str = "admin", **more: object) -> requests.Response:
    return call("POST", "/index/bundle/", user=user, json={"name": "bun", "bundles": list(parts), **more})


def test_a_bundle_in_a_bundle(call, did):
    one, two, three = did(1), did(2), did(3)
    inner = bundle(call, one, two).json()["bundle_id"]
    outer = bundle(call, inner, three, description="both", version="2").json()["bundle_id"]
    plain = call("GET", f"/ga4gh/drs/v1/objects/{outer}").json()
    assert (plain["form"], plain["size"], plain["name"]) == ("bundle", 6, "bun")
    assert [part["id"] for part in plain["contents"]] == [inner, three]
    assert "contents" not in plain["contents"][0]
    assert "access_methods" not in plain
    whole = call("GET", f"/ga4gh/drs/v1/objects/{outer}?expand=true").json()
    assert [part["id"] for part in whole["contents"][0]["contents"]] == [one, two]
    assert whole["self_uri"] == f"drs://{outer.replace('/', ':')}"
    shown = call("GET", f"/index/bundle/{outer.removeprefix('dg.TEST/')}?expand=true").json()
    assert (shown["id"], shown["size"], shown["description"]) == (outer, 6, "both")
    assert shown["contents"] == whole["contents"]
    assert call("GET", f"/index/index/{outer}").json()["form"] == "bundle"
    assert call("GET", f"/index/{outer}").json()["id"] == outer
    alone = call("GET", f"/index/bundle/{one}").json()
    assert (alone["id"], alone["contents"], alone["size"]) == (one, [], 1)


def test_lists_know_forms(call, did):
    one = did(1)
    ident = bundle(call, one).json()["bundle_id"]
    for path, key in (("/index/index", "records"), ("/ga4gh/drs/v1/objects", "drs_objects")):
        found = call("GET", f"{path}?form=bundle&limit=1000").json()[key]
        assert ident in {part["id"] for part in found}
        found = call("GET", f"{path}?form=object&limit=1000").json()[key]
        assert ident not in {part.get("id") for part in found}
    assert ident in {part["id"] for part in call("GET", "/index/bundle").json()["records"]}
    both = call("GET", "/ga4gh/drs/v1/objects?limit=1000").json()["drs_objects"]
    assert {one, ident} <= {part["id"] for part in both}
    answer = call("POST", "/ga4gh/drs/v1/objects", json={"bulk_object_ids": [one, ident, "nope"]}).json()
    assert answer["summary"] == {"requested": 3, "resolved": 2, "unresolved": 1}


def test_what_is_no_bundle(call, did):
    one = did(1)
    assert bundle(call).json() == {"error": "Bundle data required."}
    assert bundle(call, one, one).json() == {"error": "Duplicate GUID in bundles."}
    assert bundle(call, "x", bundle_id="x").json() == {"error": "Bundle refers to itself."}
    assert bundle(call, "nope").status_code == 404
    assert bundle(call, one, user="submitter").status_code == 401
    own = str(uuid.uuid4())
    assert bundle(call, one, bundle_id=own).json()["bundle_id"] == own
    assert bundle(call, one, bundle_id=own).status_code == 409


def test_a_bundle_goes_and_its_files_stay(call, did):
    one = did(1)
    ident = bundle(call, one).json()["bundle_id"]
    assert call("DELETE", f"/index/bundle/{ident}", user="submitter").status_code == 401
    assert call("DELETE", f"/index/bundle/{ident}", user="admin").status_code == 200
    assert call("DELETE", f"/index/bundle/{ident}", user="admin").status_code == 404
    assert call("GET", f"/ga4gh/drs/v1/objects/{ident}").status_code == 404
    assert call("GET", f"/index/index/{one}").status_code == 200


@pytest.mark.parametrize("prefix", ["", "dg.ABCD/"])
def test_guids_of_the_prefix_that_was_chosen(prefix):
    with start_server(prefix=prefix) as server:
        found = requests.get(f"{server.endpoint}/index/guid/prefix", timeout=30).json()
        assert found == {"prefix": prefix}
        (guid,) = requests.get(f"{server.endpoint}/index/guid/mint", timeout=30).json()["guids"]
        assert uuid.UUID(guid.removeprefix(prefix))
        headers = {"Authorization": f"bearer {server.token('admin')}"}
        body = {"form": "object", "size": 1, "hashes": {"md5": "0" * 32}, "urls": []}
        did = requests.post(f"{server.endpoint}/index/index", json=body, headers=headers, timeout=30).json()[
            "did"
        ]
        drs = requests.get(f"{server.endpoint}/ga4gh/drs/v1/objects/{did}", timeout=30).json()
        assert drs["self_uri"] == f"drs://{did.replace('/', ':')}"


def test_a_prefix_that_is_none():
    with pytest.raises(Exception, match=r"looks like 'dg\.ABCD/'"):
        start_server(prefix="../x")
