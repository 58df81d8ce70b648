"""The Gen3 SDK's tools for files work on a practice commons unchanged, each in its own way."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from gen3.auth import Gen3Auth
from gen3.file import Gen3File
from gen3.index import Gen3Index

from gen3nb.launch import Sandbox, start_server

AUTHZ = "/programs/DEMO/projects/alpha"
USERS = {"submitter": {AUTHZ: ["create", "read", "update", "delete"], "/data_file": ["file_upload"]}}
PASSWORDS = {"gdcapi": "practice-password"}


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with start_server(users=USERS, passwords=PASSWORDS, prefix="dg.XYZ1/") as server:
        yield server


@pytest.fixture(autouse=True)
def empty(server: Sandbox) -> Iterator[None]:
    yield
    server.reset()


@pytest.fixture
def admin(server: Sandbox) -> Gen3Auth:
    return Gen3Auth(refresh_file=str(server.credentials("admin")))


@pytest.fixture
def submitter(server: Sandbox) -> Gen3Auth:
    return Gen3Auth(refresh_file=str(server.credentials("submitter")))


@pytest.fixture
def index(server: Sandbox) -> Gen3Index:
    """Give the index as a service account writes to it."""
    return Gen3Index(server.endpoint, auth_provider=("gdcapi", PASSWORDS["gdcapi"]))


def manifest(path: Path, count: int, **more: str) -> list[dict[str, str]]:
    rows = [
        {
            "guid": f"dg.XYZ1/{number:08d}-0000-4000-8000-000000000000",
            "md5": hashlib.md5(str(number).encode()).hexdigest(),
            "size": str(number),
            "authz": AUTHZ,
            "acl": "",
            "urls": f"s3://commons-data/{number}.bin",
            "file_name": f"{number}.bin",
            **more,
        }
        for number in range(1, count + 1)
    ]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)
    return rows


def uploaded(auth: Gen3Auth, content: bytes, name: str) -> str:
    place = Gen3File(auth).upload_file(name, authz=[AUTHZ])
    assert requests.put(place["url"], data=content, timeout=30).ok
    return str(place["guid"])


@pytest.mark.parametrize("who", ["service account", "token"])
def test_a_manifest_is_indexed_read_and_verified(server, admin, index, tmp_path, monkeypatch, who):
    from gen3.tools import indexing

    monkeypatch.chdir(tmp_path)
    rows = manifest(tmp_path / "in.tsv", 5)
    auth = admin if who == "token" else ("gdcapi", PASSWORDS["gdcapi"])
    files, _ = indexing.index_object_manifest(
        server.endpoint, str(tmp_path / "in.tsv"), 2, auth=auth, output_filename="indexed.csv"
    )
    assert len(files) == 5
    assert index.get_stats() == {"fileCount": 5, "totalFileSize": 15}
    for row in rows:
        record = index.get_record(row["guid"])
        assert (record["size"], record["hashes"]["md5"]) == (int(row["size"]), row["md5"])
        assert (record["authz"], record["urls"]) == ([AUTHZ], [row["urls"]])
    done = indexing.async_download_object_manifest(
        server.endpoint, output_filename="out.csv", num_processes=1, python_subprocess_command=sys.executable
    )
    asyncio.run(done)
    with open("out.csv", newline="") as file:
        found = {row["guid"]: row["md5"] for row in csv.DictReader(file)}
    assert found == {row["guid"]: row["md5"] for row in rows}
    lie = [{**row, "size": "999"} if row is rows[0] else row for row in rows]
    for number, content in enumerate((rows, lie)):
        path = tmp_path / f"check{number}.tsv"
        with path.open("w", newline="") as file:
            names = ["guid", "md5", "size", "authz", "urls"]
            writer = csv.DictWriter(file, names, extrasaction="ignore", delimiter="\t")
            writer.writeheader()
            writer.writerows(content)
        asyncio.run(
            indexing.async_verify_object_manifest(
                server.endpoint, str(path), output_filename=str(path.with_suffix(".log"))
            )
        )
        said = path.with_suffix(".log").read_text()
        assert ("file_size" in said) == bool(number), said


def test_two_manifests_become_one(tmp_path, monkeypatch):
    from gen3.tools.indexing.merge_manifests import merge_bucket_manifests

    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts").mkdir()
    manifest(tmp_path / "parts" / "a.tsv", 2)
    manifest(tmp_path / "parts" / "b.tsv", 3)
    merge_bucket_manifests("parts", output_manifest="whole.tsv")
    assert len((tmp_path / "whole.tsv").read_text().splitlines()) == 4


def test_the_index_gives_guids_of_the_prefix_that_was_chosen(index):
    assert index.get_guids_prefix() == "dg.XYZ1/"
    guids = index.get_valid_guids(2)
    assert len(set(guids)) == 2
    assert all(guid.startswith("dg.XYZ1/") for guid in guids)
    made = index.create_record({"md5": "0" * 32}, 1, urls=["s3://b/k"], authz=[AUTHZ])
    assert made["did"].startswith("dg.XYZ1/")
    assert index.get_record(made["did"].removeprefix("dg.XYZ1/"))["did"] == made["did"]
    assert len(list(index.get_all_records(paginate=True))) == 1
    assert index.query_urls("s3://b/") == [{"did": made["did"], "urls": ["s3://b/k"]}]
    assert index.query_urls("s3://c/") == []
    index.delete_record(made["did"])
    assert index.get_stats()["fileCount"] == 0


def test_a_wrong_password(server):
    index = Gen3Index(server.endpoint, auth_provider=("gdcapi", "wrong"))
    with pytest.raises(requests.HTTPError, match="403"):
        index.create_record({"md5": "0" * 32}, 1, urls=[], authz=[AUTHZ])


def test_files_up_down_and_away(submitter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = Gen3File(submitter)
    guid = uploaded(submitter, b"content", "a.txt")
    assert guid.startswith("dg.XYZ1/")
    assert requests.get(file.get_presigned_url(guid)["url"], timeout=30).content == b"content"
    assert file.download_single(guid, str(tmp_path / "down"))
    (found,) = [path for path in (tmp_path / "down").rglob("*") if path.is_file()]
    assert found.read_bytes() == b"content"
    again = file.upload_file_to_guid(guid, "b.txt")
    assert requests.put(again["url"], data=b"more", timeout=30).ok
    assert file.delete_file_locations(guid).status_code == 204
