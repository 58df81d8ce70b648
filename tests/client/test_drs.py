"""DRS ids, objects, bundles and bytes, on practice commons and on hosts that a resolver names."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

import pytest
import requests
from client_stub import Reply, Stub

import gen3nb
from gen3nb import errors
from gen3nb.client.drs import Drs
from gen3nb.client.drs_ids import DrsId, parse
from gen3nb.client.transport import Transport

AUTHZ = "/programs/DEMO/projects/alpha"
USERS = {"submitter": {AUTHZ: ["create", "read", "update", "delete"], "/data_file": ["file_upload"]}}
UUID = "00000000-0000-4000-8000-00000000000{}"


@pytest.fixture(scope="module")
def commons() -> Iterator[gen3nb.Commons]:
    with gen3nb.sandbox(users=USERS, prefix="dg.ABCD/") as commons:
        yield commons


@pytest.fixture(scope="module")
def submitter(commons: gen3nb.Commons) -> Iterator[gen3nb.Commons]:
    with commons.sandbox.as_user("submitter") as submitter:
        yield submitter


@pytest.fixture(autouse=True)
def quiet(commons: gen3nb.Commons) -> Iterator[None]:
    yield
    commons.sandbox.reset()


@pytest.fixture
def drs(commons: gen3nb.Commons, stub: Stub) -> Iterator[Drs]:
    """Ask DRS of the commons, with a resolver that knows what a test tells it."""
    drs = Drs(commons.transport, resolver=stub.endpoint)
    yield drs
    drs.close()


def made(commons: gen3nb.Commons, number: int, **more: object) -> str:
    md5 = hashlib.md5(os.urandom(8)).hexdigest()
    given = {"size": number, "hashes": {"md5": md5}, "authz": [AUTHZ], "file_name": f"{number}.bin", **more}
    return commons.indexd.create(**given)["did"]


def bundle(commons: gen3nb.Commons, *parts: str, **more: object) -> str:
    answer = commons.transport.json(
        "POST", "/index/bundle/", service="indexd", json={"name": "b", "bundles": list(parts), **more}
    )
    return str(answer["bundle_id"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("abc", DrsId("abc")),
        (" dg.4503/abc ", DrsId("dg.4503/abc", None, "dg.4503")),
        ("drs://dg.4503:abc", DrsId("dg.4503/abc", None, "dg.4503")),
        ("DRS://dg.4503:dg.4503%2Fabc", DrsId("dg.4503/abc", None, "dg.4503")),
        ("drs://dg.4503/abc", DrsId("dg.4503/abc", None, "dg.4503")),
        ("drs://data.example.org/dg.4503/abc", DrsId("dg.4503/abc", "data.example.org")),
        ("drs://data.example.org/a%20b/", DrsId("a b", "data.example.org")),
        ("drs://127.0.0.1:8080/abc", DrsId("abc", "127.0.0.1:8080")),
        ("drs://n2t/dg.4503:abc", DrsId("dg.4503/abc", None, "dg.4503")),
        ("drs://abc", DrsId("abc")),
    ],
)
def test_ids(text, found):
    assert parse(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "drs://",
        "https://a/b",
        "a b",
        "../../user/user",
        "drs://host/../x",
        "drs://h.org/%2e%2e/x",
        "a//b",
    ],
)
def test_what_is_no_id(text):
    with pytest.raises(errors.Gen3Error, match="is no DRS id"):
        parse(text)


def test_an_object_by_each_of_its_ids(commons, drs, stub):
    guid = made(
        commons, 3, urls=["s3://commons-data/x", "gs://b/x"], hashes={"md5": "a" * 32, "sha256": "b" * 64}
    )
    bare = guid.removeprefix("dg.ABCD/")
    host = commons.endpoint.removeprefix("http://")
    for ident in (guid, bare, f"drs://{guid}", f"drs://dg.ABCD:{bare}", f"drs://{host}/{guid}"):
        found = drs.object(ident)
        assert (found.id, found.size, found.name, found.endpoint) == (guid, 3, "3.bin", commons.endpoint)
    assert found.checksums == {"md5": "a" * 32, "sha256": "b" * 64}
    assert [(way.type, way.access_id, way.cloud) for way in found.access_methods] == [
        ("s3", "s3", "aws"),
        ("gs", "gs", "gcp"),
    ]
    assert found.self_uri == f"drs://dg.ABCD:{bare}"
    assert not found.is_bundle
    assert stub.requests == [], "what is ours is asked of nobody else"
    with pytest.raises(errors.NotFound, match=f"has no object {UUID.format(9)}"):
        drs.object(UUID.format(9))


def test_all_objects_and_all_bundles(commons, drs, monkeypatch):
    monkeypatch.setattr("gen3nb.client.drs.PAGE", 3)
    guids = sorted(made(commons, number) for number in range(1, 8))
    bundles = {bundle(commons, guids[number]) for number in range(4)}
    assert [one.id for one in drs.objects()] == guids
    assert [one.id for one in drs.objects(limit=4)] == guids[:4]
    assert {one.id for one in drs.objects(bundles=True)} == bundles
    assert list(drs.objects(limit=0)) == []


def test_many_at_once(commons, drs):
    guids = [made(commons, number) for number in range(1, 4)]
    commons.sandbox.faults.add("500", path="/ga4gh/drs/v1/objects/dg.ABCD/*")
    found = drs.bulk([*guids, guids[0]])
    assert [found[guid].size for guid in guids] == [1, 2, 3]
    commons.sandbox.faults.clear()
    commons.sandbox.faults.add("404", path="/ga4gh/drs/v1/objects", method="POST")  # an older server
    assert set(drs.bulk([*guids, UUID.format(9)])) == set(guids)


def test_the_files_of_bundles_in_bundles(commons, drs):
    one, two, three = (made(commons, number) for number in range(1, 4))
    inner = bundle(commons, one, two)
    outer = bundle(commons, inner, three, one)
    assert drs.object(outer).is_bundle
    assert [part.name for part in drs.object(outer).contents] == ["b", "3.bin", "1.bin"]
    assert {file.id for file in drs.files(outer)} == {one, two, three}
    assert len(list(drs.files(outer))) == 3
    assert len(list(drs.files(outer, limit=2))) == 2
    assert [file.id for file in drs.files(one)] == [one]
    with pytest.raises(errors.NotFound, match=r"is a bundle of files, not a file: commons\.drs\.files"):
        commons.indexd.get(outer)


def test_a_circle_of_bundles_ends(drs, stub):
    def answer(ident: str, *parts: str) -> dict[str, object]:
        inside = [{"id": part, "name": part} for part in parts]
        return {"id": ident, "form": "bundle", "contents": inside, "checksums": []}

    base = "/ga4gh/drs/v1/objects"
    stub.on(base, Reply(405, {}))
    stub.on(f"{base}/a", answer("a", "b", "c"))
    stub.on(f"{base}/b", answer("b", "a", "c"))
    stub.on(f"{base}/c", {"id": "c", "size": 1, "checksums": [{"type": "SHA-256", "checksum": "AB"}]})
    host = stub.endpoint.removeprefix("http://")
    (found,) = drs.files(f"drs://{host}/a")
    assert (found.id, found.checksums) == ("c", {"sha256": "ab"})
    for number in range(40):
        stub.on(f"{base}/d{number}", answer(f"d{number}", f"d{number + 1}"))
    with pytest.raises(errors.ServiceError, match="more than 32 deep"):
        list(drs.files(f"drs://{host}/d0"))


def test_bytes(commons, submitter):
    place = submitter.fence.start_upload("a.txt", authz=[AUTHZ])
    requests.put(place.url, data=b"abc", timeout=30)
    for ident, kind in ((place.guid, None), (place.guid, "s3"), (f"drs://{place.guid}", None)):
        found = submitter.drs.access_url(ident, kind)
        assert requests.get(found.url, timeout=30).content == b"abc"
        assert found.seconds > 3000
        assert "Amz" not in repr(found)
    with pytest.raises(errors.NotFound, match="cannot be had by 'gs'; there is: s3"):
        submitter.drs.access_url(place.guid, "gs")
    with pytest.raises(errors.NotFound, match="no bytes of"):
        submitter.drs.access_url(made(commons, 1))
    with pytest.raises(errors.NotFound, match="is a bundle"):
        submitter.drs.access_url(bundle(commons, place.guid))
    foreign = made(commons, 1, authz=["/programs/OTHER"], urls=["s3://commons-data/x"])
    with pytest.raises(errors.PermissionDenied, match="read-storage"):
        submitter.drs.access_url(foreign)


@pytest.fixture
def elsewhere(other: Stub) -> str:
    """Let another host know an object that is open, and one that is not."""
    base = "/ga4gh/drs/v1/objects/dg.9999"
    method = {"type": "https", "access_id": "https"}
    shown = {"size": 3, "checksums": [], "access_methods": [method]}
    other.on(f"{base}/open", {"id": "dg.9999/open", **shown})
    other.on(f"{base}/closed", {"id": "dg.9999/closed", **shown})
    other.on(f"{base}/open/access/https", {"url": f"{other.endpoint}/bytes?X-Amz-Expires=60"})
    other.on(f"{base}/closed/access/https", Reply(401, {"msg": "who are you"}))
    return other.endpoint


@pytest.mark.parametrize("by", ["list", "look-up"])
def test_a_foreign_prefix_is_found_and_no_token_goes_there(commons, drs, stub, other, elsewhere, by):
    if by == "list":
        stub.on(
            "/index/_dist", [{"host": f"{elsewhere}/index/", "hints": [".*dg\\.9999.*"], "type": "indexd"}]
        )
    else:
        stub.on("/index/_dist", [])
        stub.on("/index/dg.9999/open", {"from_index_service": {"host": f"{elsewhere}/index/"}})
    for ident in ("dg.9999/open", "drs://dg.9999:open"):
        assert drs.object(ident).endpoint == elsewhere
    found = drs.access_url("dg.9999/open")
    assert found.url.startswith(elsewhere)
    assert 50 < found.seconds <= 60
    with pytest.raises(errors.AuthError, match=r"signed in there: connect to it with gen3nb\.connect"):
        drs.access_url("dg.9999/closed")
    for request in [*stub.requests, *other.requests]:
        assert "Authorization" not in request.headers
    assert len(stub.sent("/index/_dist")) == 1, "a prefix is asked for once"


def test_the_metadata_of_a_commons_names_hosts(stub, elsewhere):
    stub.on("/mds/aggregate/info/dg.9999", {"host": elsewhere})
    drs = Drs(Transport(stub.endpoint), resolver="")
    assert drs.object("dg.9999/open").endpoint == elsewhere
    assert stub.sent("/index/_dist") == []


def test_a_prefix_that_nobody_knows(drs, stub):
    stub.on("/index/_dist", [])
    with pytest.raises(errors.NotFound, match=r"write drs://HOST/dg\.9999/abc") as caught:
        drs.object("dg.9999/abc")
    assert stub.endpoint in str(caught.value)


def test_a_resolver_that_is_away(commons):
    drs = Drs(commons.transport, resolver="https://nowhere.invalid")
    with pytest.raises(errors.NotFound, match=r"no machine of the name in https://nowhere\.invalid"):
        drs.object("dg.9999/abc")


def test_an_index_may_hold_guids_of_others(commons, drs, stub):
    guid = made(commons, 5, guid=f"dg.9999/{UUID.format(1)}")
    assert drs.object(guid).size == 5
    assert drs.object(f"drs://dg.9999:{UUID.format(1)}").size == 5
    assert stub.requests == []


def test_no_other_host_without_encryption(drs):
    with pytest.raises(errors.NotConnected, match="not encrypted"):
        drs.hosts.at("http://data.example.org")


def test_what_is_no_drs_server(drs, stub):
    stub.on("/ga4gh/drs/v1/objects/x", ["no"])
    with pytest.raises(errors.ServiceError, match="gave no DRS object"):
        drs.object(f"drs://{stub.endpoint.removeprefix('http://')}/x")


def test_a_commons_has_it_and_closes_it(commons):
    assert isinstance(commons.drs, Drs)
    with commons.sandbox.as_user("submitter") as user:
        user.drs.hosts.at("https://nowhere.invalid")
    assert user.drs.hosts._others == {}
