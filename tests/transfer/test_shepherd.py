"""Uploads through Shepherd, where a profile asks for it: and what happens without it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

import gen3nb
from gen3nb import profiles
from gen3nb.client.shepherd import is_at_least

AUTHZ = "/programs/DEMO/projects/alpha"
# no right on the metadata service, as people who submit have none
USERS = {"submitter": {AUTHZ: ["create", "read", "update", "delete"]}, "reader": {AUTHZ: ["read"]}}


@pytest.fixture(scope="module")
def practice() -> Iterator[gen3nb.Commons]:
    with gen3nb.sandbox(users=USERS) as practice:
        yield practice


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch, practice) -> Iterator[Path]:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "home").mkdir()
    yield tmp_path
    practice.sandbox.faults.clear()


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "a.bam"
    path.write_bytes(tmp_path.name.encode() * 9)
    said = {"authz": [AUTHZ], "aliases": [f"alias-{tmp_path.name}"], "metadata": {"instrument": "X"}}
    (tmp_path / "a_metadata.json").write_text(json.dumps(said))
    return path


def opened(practice: gen3nb.Commons, *, use: str = "true", oldest: str = "") -> gen3nb.Commons:
    key = practice.sandbox.credentials("submitter")
    profiles.configure("p", str(key), practice.endpoint, use_shepherd=use, min_shepherd_version=oldest)
    return gen3nb.connect(profile="p")


def records(commons: gen3nb.Commons, file: Path) -> list[dict]:
    md5 = hashlib.md5(file.read_bytes()).hexdigest()
    return list(commons.indexd.records(hashes={"md5": md5}))


def test_metadata_goes_with_the_file_without_a_right_on_the_service(practice, file):
    with opened(practice) as commons:
        report = commons.files.upload(file, metadata=True, progress=False)
        assert report.ok, report.failed["why"].tolist()
        guid = report.to_frame()["guid"][0]
        record = commons.indexd.get(guid)
        assert (record["authz"], record["file_name"], record["size"]) == (
            [AUTHZ],
            "a.bam",
            file.stat().st_size,
        )
        kept = commons.metadata.get(guid)
        # Shepherd's own facts show who asked it
        assert kept["instrument"] == "X"
        assert (kept["_resource_paths"], kept["_upload_status"]) == ([AUTHZ], "not_uploaded")
        assert commons.indexd.aliases(guid) == [f"alias-{file.parent.name}"]
        assert requests.get(commons.fence.download_url(guid).url, timeout=30).content == file.read_bytes()
        again = commons.files.upload(file, metadata=True, progress=False)
        assert (again.ok, again.counts) == (True, {"already there": 1})
        assert len(records(commons, file)) == 1


@pytest.mark.parametrize(("use", "oldest"), [("true", "99.0"), ("false", ""), ("", "")])
def test_without_shepherd_the_metadata_service_needs_a_right(practice, file, use, oldest):
    with opened(practice, use=use, oldest=oldest) as commons:
        report = commons.files.upload(file, metadata=True, progress=False)
        assert not report.ok
        (why,) = report.failed["why"]
        assert "its metadata was not stored" in why
        assert "'access' on /mds_gateway" in why
        told = [text for text in report.notes if "Shepherd 99.0 or newer" in text]
        assert bool(told) == bool(oldest)


def test_a_commons_that_does_not_run_it(file):
    with (
        gen3nb.sandbox(users=USERS, without=["shepherd"]) as practice,
        opened(practice) as commons,
    ):
        # its metadata service tells a version all the same
        report = commons.files.upload(file, authz=AUTHZ, progress=False)
        assert report.ok
        assert sum("which does not answer" in text for text in report.notes) == 1
    with gen3nb.sandbox(users=USERS, without=["metadata"]) as practice, opened(practice) as commons:
        report = commons.files.upload(file, authz=AUTHZ, progress=False)
        assert report.ok
        assert any("does not run" in text for text in report.notes)


def test_a_bucket_is_fences(practice, file):
    with opened(practice) as commons:
        report = commons.files.upload(file, authz=AUTHZ, bucket="commons-archive", progress=False)
        assert report.ok
        assert any("Shepherd takes no bucket" in text for text in report.notes)
        (url,) = commons.indexd.get(report.to_frame()["guid"][0])["urls"]
        assert url.startswith("s3://commons-archive/")


def test_an_answer_that_is_lost_makes_no_second_record(practice, file, monkeypatch):
    monkeypatch.setattr("gen3nb.transfer.naming.PAUSE", 0.01)
    practice.sandbox.faults.add("drop-after", path="/mds/objects*", method="POST", times=1)
    with opened(practice) as commons:
        report = commons.files.upload(file, metadata=True, progress=False)
        assert report.ok, report.failed["why"].tolist()
        assert len(records(commons, file)) == 1
        assert not [one for one in commons.indexd.records(authz=[AUTHZ]) if one["size"] is None]


def test_its_routes(practice):
    url = f"{practice.endpoint}/mds/objects"
    body = {"file_name": "x", "authz": {"version": "0", "resource_paths": [AUTHZ]}, "aliases": ["one-x"]}

    def asked(user: str | None, content: object, path: str = "", method: str = "POST") -> requests.Response:
        headers = {"Authorization": f"bearer {practice.sandbox.token(user)}"} if user else {}
        return requests.request(method, url + path, json=content, headers=headers, timeout=30)

    assert asked(None, body).status_code == 401
    assert asked("reader", body).status_code == 403
    assert asked("submitter", {**body, "authz": {"version": "1", "resource_paths": []}}).status_code == 400
    assert asked("submitter", {**body, "authz": {"version": "0"}}).status_code == 400
    assert asked("submitter", {"file_name": "x"}).status_code == 422
    made = asked("submitter", body)
    assert made.status_code == 201
    facts = made.json()
    assert set(facts) == {"guid", "aliases", "metadata", "upload_url"}
    assert asked("submitter", body).status_code == 409  # the alias is taken
    requests.put(facts["upload_url"], data=b"abc", timeout=30).raise_for_status()
    path = f"/{facts['guid']}"
    held = asked(None, None, path, "GET").json()
    assert (held["record"]["file_name"], held["metadata"]["_resource_paths"]) == ("x", [AUTHZ])
    assert asked(None, None, f"{path}/download", "GET").status_code == 403
    link = asked("reader", None, f"{path}/download", "GET").json()["url"]
    assert requests.get(link, timeout=30).content == b"abc"
    assert asked("reader", None, path, "DELETE").status_code == 403
    assert asked("submitter", None, path, "DELETE").status_code == 204
    assert asked(None, None, path, "GET").status_code == 404


@pytest.mark.parametrize(
    ("version", "oldest", "fits"),
    [
        ("2.0.0", "2.0.0", True),
        ("v3.1", "2.0.0", True),
        ("10.0", "9.9.9", True),
        ("2.0", "2.0.1", False),
        ("2.0.0-rc1", "2", True),
        ("nightly", "2.0.0", False),
        ("3.0.0", "new", False),
    ],
)
def test_versions(version, oldest, fits):
    assert is_at_least(version, oldest) is fits
