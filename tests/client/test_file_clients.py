"""The file index and fence's routes for files, on a real practice commons."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Iterator

import pytest
import requests

import gen3nb
from gen3nb import errors
from gen3nb.client.project import ProjectId

AUTHZ = "/programs/DEMO/projects/alpha"


@pytest.fixture(scope="module")
def commons() -> Iterator[gen3nb.Commons]:
    """A commons of its own: its index is counted."""
    users = {
        "submitter": {AUTHZ: ["create", "read", "update", "delete"], "/data_file": ["file_upload"]},
        "reader": {AUTHZ: ["read"]},
    }
    with gen3nb.sandbox(users=users) as commons:
        yield commons


@pytest.fixture(scope="module")
def submitter(commons: gen3nb.Commons) -> Iterator[gen3nb.Commons]:
    with commons.sandbox.as_user("submitter") as submitter:
        yield submitter


@pytest.fixture(autouse=True)
def quiet(commons: gen3nb.Commons) -> Iterator[None]:
    yield
    commons.sandbox.faults.clear()


def registered(commons: gen3nb.Commons, **facts: object) -> str:
    given = {"size": 3, "hashes": {"md5": hashlib.md5(os.urandom(8)).hexdigest()}, "authz": [AUTHZ], **facts}
    return commons.indexd.create(**given)["did"]


def uploaded(commons: gen3nb.Commons, content: bytes, name: str = "a.txt") -> str:
    made = commons.fence.start_upload(name, authz=[AUTHZ])
    assert requests.put(made.url, data=content, timeout=30).ok
    return made.guid


def test_register_look_change_delete(submitter):
    index = submitter.indexd
    made = index.create(size=3, hashes={"md5": "A" * 32}, urls=["s3://b/k"], authz=[AUTHZ], file_name="f")
    record = index.get(made["did"])
    assert (record["size"], record["hashes"], record["file_name"]) == (3, {"md5": "a" * 32}, "f")
    assert index.get(made["did"].removeprefix("dg.TEST/"))["did"] == made["did"]
    changed = index.update(made["did"], {"file_name": "g"})
    assert index.get(made["did"])["file_name"] == "g"
    with pytest.raises(errors.Conflict, match="revision mismatch"):
        index.update(made["did"], {"file_name": "h"}, rev=made["rev"])
    index.delete(made["did"], rev=changed["rev"])
    with pytest.raises(errors.NotFound):
        index.get(made["did"])


def test_many_are_looked_up_at_once(submitter, commons):
    guids = [registered(submitter) for _ in range(5)]
    bare = guids[0].removeprefix("dg.TEST/")
    commons.sandbox.faults.add("500", path="/index/index/*")  # none is asked for singly
    found = submitter.indexd.bulk([bare, *guids[1:], "nope", guids[1]])
    assert set(found) == {bare, *guids[1:]}
    assert found[bare]["did"] == guids[0]
    assert submitter.indexd.bulk([]) == {}


def test_an_older_index_is_asked_singly(submitter, commons):
    guids = [registered(submitter) for _ in range(2)]
    commons.sandbox.faults.add("404", path="/index/bulk/documents")
    assert set(submitter.indexd.bulk([*guids, "nope"])) == set(guids)


def test_all_pages_are_given(submitter, monkeypatch):
    monkeypatch.setattr("gen3nb.client.indexd.LARGEST_PAGE", 3)
    name = "paged.bin"
    guids = sorted(registered(submitter, file_name=name) for _ in range(7))
    assert [one["did"] for one in submitter.indexd.records(file_name=name)] == guids
    assert [one["did"] for one in submitter.indexd.records(file_name=name, limit=4)] == guids[:4]
    assert list(submitter.indexd.records(file_name=name, limit=0)) == []


def test_filters(submitter):
    md5 = hashlib.md5(b"filters").hexdigest()
    guid = registered(submitter, hashes={"md5": md5}, urls=["s3://b/filters"], metadata={"k": "v"})
    index = submitter.indexd
    assert [one["did"] for one in index.by_hash("md5", md5.upper())] == [guid]
    assert [one["did"] for one in index.records(url="s3://b/filters")] == [guid]
    assert [one["did"] for one in index.records(hashes={"md5": md5}, size=4)] == []
    assert guid in {one["did"] for one in index.records(project=ProjectId("DEMO", "alpha"))}
    for one in ({"project": "DEMO-alpha"}, {"authz": "/programs/DEMO/projects/alpha"}):
        assert guid in {found["did"] for found in index.records(**one)}
    assert [one["did"] for one in index.records(metadata={"k": "v"})] == [guid]


def test_versions_and_aliases(submitter):
    index = submitter.indexd
    first = registered(submitter)
    document = {"size": 4, "hashes": {"md5": "b" * 32}, "urls": [], "authz": [AUTHZ]}
    second = index.add_version(first, document)["did"]
    assert [one["did"] for one in index.versions(first)] == [first, second]
    assert index.latest(first)["did"] == second
    index.add_aliases(first, ["my/alias 1"])
    assert index.aliases(first) == ["my/alias 1"]
    assert index.by_alias("my/alias 1")["did"] == first
    index.remove_alias(first, "my/alias 1")
    assert index.aliases(first) == []


def test_the_same_file_is_registered_once(submitter):
    md5 = hashlib.md5(b"once").hexdigest()
    facts = {"size": 9, "hashes": {"md5": md5}, "authz": [AUTHZ]}
    first = submitter.indexd.upsert(**facts, urls=["s3://b/1"])
    second = submitter.indexd.upsert(**facts, urls=["s3://b/2"])
    assert second["did"] == first["did"]
    assert second["urls"] == ["s3://b/1", "s3://b/2"]


def test_who_may_not_register(commons):
    with (
        commons.sandbox.as_user("reader") as reader,
        pytest.raises(errors.PermissionDenied, match="'create' on"),
    ):
        registered(reader)


def test_up_and_down(submitter):
    content = os.urandom(1000)
    guid = uploaded(submitter, content, "folder/ä.bin")
    found = submitter.fence.download_url(guid, expires_in=60)
    assert requests.get(found.url, timeout=30).content == content
    assert 0 < found.seconds <= 60
    submitter.fence.delete_file(guid)
    with pytest.raises(errors.NotFound):
        submitter.fence.download_url(guid)


def test_a_presigned_url_is_in_no_repr_and_no_pickle(submitter):
    found = submitter.fence.download_url(uploaded(submitter, b"abc"))
    assert "Amz" not in repr(found)
    assert "Amz" not in repr([found.url])
    with pytest.raises(pickle.PicklingError):
        pickle.dumps(found)


def test_many_urls_and_why_some_have_none(submitter, commons):
    guids = [uploaded(submitter, bytes([number])) for number in range(3)]
    foreign = registered(commons, authz=["/programs/OTHER"], urls=["s3://commons-data/x"])
    empty = registered(submitter)
    urls, refused = submitter.fence.download_urls([*guids, foreign, empty, "nope", guids[0]])
    assert [requests.get(urls[guid].url, timeout=30).content for guid in guids] == [b"\0", b"\1", b"\2"]
    assert set(urls) == set(guids)
    kinds = {guid: type(error) for guid, error in refused.items()}
    assert kinds == {foreign: errors.PermissionDenied, empty: errors.NotFound, "nope": errors.NotFound}
    assert "file locations" in str(refused[empty])


def test_what_bulk_refuses_is_asked_for_singly(submitter, commons):
    guids = [uploaded(submitter, b"x") for _ in range(3)]
    urls, refused = commons.fence.download_urls(guids)  # the admin's grant is on /, which bulk does not see
    assert (set(urls), refused) == (set(guids), {})
    commons.sandbox.faults.add("404", path="/user/data/download/bulk")
    urls, refused = submitter.fence.download_urls(guids)
    assert (set(urls), refused) == (set(guids), {})


def asked(commons: gen3nb.Commons) -> None:
    """Count requests for URLs from now on, in bulk and singly."""
    faults = commons.sandbox.faults
    faults.add("latency", path="/user/data/download/bulk", seconds=0)
    faults.add("latency", path="/user/data/download/*", method="GET", seconds=0)


def counted(commons: gen3nb.Commons) -> tuple[int, int]:
    bulk, single = (one["struck"] for one in commons.sandbox.faults.list())
    return bulk, single


def test_what_is_refused_both_ways_is_not_asked_for_one_by_one(submitter, commons, monkeypatch):
    monkeypatch.setattr("gen3nb.client.fence_files.AT_ONCE", 20)
    foreign = [
        registered(commons, authz=[f"/programs/OTHER-{number % 3}"], urls=["s3://commons-data/x"])
        for number in range(45)
    ]
    blank = [registered(submitter) for _ in range(45)]
    fine = [uploaded(submitter, b"x") for _ in range(2)]
    submitter.fence._in_bulk = True
    asked(commons)
    urls, refused = submitter.fence.download_urls([*foreign, *blank, *fine])
    assert counted(commons) == (5, 2)
    assert set(urls) == set(fine)
    assert set(refused) == {*foreign, *blank}
    for guids, kind in ((foreign, errors.PermissionDenied), (blank, errors.NotFound)):
        for guid in guids:
            assert type(refused[guid]) is kind
            assert guid in str(refused[guid])
    assert "OTHER-0" not in str(refused[foreign[1]]), "the words were about another file"


def test_guids_without_prefix_are_found_among_unknown_ones(submitter, commons):
    fine = [uploaded(submitter, b"x") for _ in range(3)]
    bare = [guid.removeprefix("dg.TEST/") for guid in fine]
    submitter.fence._in_bulk = True
    urls, refused = submitter.fence.download_urls(["nope", *bare, fine[0]])
    assert set(urls) == {*bare, fine[0]}
    assert set(refused) == {"nope"}
    asked(commons)
    unknown = [f"unknown-{number}" for number in range(100)]
    urls, refused = submitter.fence.download_urls([*unknown, fine[0]])
    assert (set(urls), set(refused)) == ({fine[0]}, set(unknown))
    assert counted(commons) == (1, 16)


def test_who_is_refused_in_bulk_alone_is_not_asked_to_wait_for_it(commons, submitter, monkeypatch):
    monkeypatch.setattr("gen3nb.client.fence_files.AT_ONCE", 2)
    guids = [uploaded(submitter, b"x") for _ in range(6)]
    commons.fence._in_bulk = True
    asked(commons)
    urls, refused = commons.fence.download_urls(guids)  # an admin by a grant on /
    assert (set(urls), refused) == (set(guids), {})
    assert counted(commons) == (1, 6)


def test_parts(submitter):
    parts = [os.urandom(5 << 20), b"end"]
    guid, upload = submitter.fence.start_multipart("big.bin")
    listed = []
    for number, content in enumerate(parts, 1):
        url = submitter.fence.part_url(guid, "big.bin", upload, number).url
        listed.append((number, requests.put(url, data=content, timeout=30).headers["ETag"]))
    submitter.fence.complete_multipart(guid, "big.bin", upload, listed[::-1])
    assert submitter.indexd.get(guid)["size"] == sum(map(len, parts))


def test_who_may_not_upload(commons):
    with commons.sandbox.as_user("reader") as reader:
        with pytest.raises(errors.PermissionDenied, match="'file_upload' on /data_file"):
            reader.fence.start_upload("a.txt")
        with pytest.raises(errors.PermissionDenied, match="'create' and 'write-storage' on /programs/OTHER"):
            reader.fence.start_upload("a.txt", authz=["/programs/OTHER"])


def test_buckets(submitter):
    assert "commons-data" in submitter.fence.buckets()["S3_BUCKETS"]
