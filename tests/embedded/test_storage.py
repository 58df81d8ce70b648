"""Files: presigned by fence, moved to and from the object store on a second origin."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
import requests

from gen3nb.launch import Sandbox, start_server

Call = Callable[..., requests.Response]
AUTHZ = "/programs/DEMO/projects/alpha"
PART = 5 << 20
USERS = {
    "submitter": {AUTHZ: ["create", "read", "update", "delete"], "/data_file": ["file_upload"]},
    "writer": {AUTHZ: ["create", "read"]},
    "reader": {AUTHZ: ["read"]},
    "nobody": {},
}


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with start_server(users=USERS) as started:
        yield started


@pytest.fixture(autouse=True)
def quiet(server: Sandbox) -> Iterator[None]:
    yield
    server.faults.clear()


@pytest.fixture
def ask(server: Sandbox, call: Call) -> Callable[..., requests.Response]:
    """Send a request to this module's commons, as its submitter if nothing else is said."""

    def send(method: str, path: str, user: str | None = "submitter", **options: object) -> requests.Response:
        return call(method, path, user, server=server, **options)

    return send


def uploaded(ask: Call, content: bytes, name: str = "a.txt", user: str = "submitter") -> str:
    answer = ask("POST", "/user/data/upload", user, json={"file_name": name, "authz": [AUTHZ]})
    assert answer.status_code == 201, answer.text
    facts = answer.json()
    assert requests.put(facts["url"], data=content, timeout=30).status_code == 200
    return str(facts["guid"])


def url_of(ask: Call, guid: str, user: str = "reader", **params: object) -> str:
    answer = ask("GET", f"/user/data/download/{guid}", user, params=params)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["url"])


def test_a_file_up_and_down_and_its_record_filled(server, ask):
    content = os.urandom(100_000)
    guid = uploaded(ask, content, "folder/ü b.bin")
    url = url_of(ask, guid)
    assert urlsplit(url).netloc != urlsplit(server.endpoint).netloc
    answer = requests.get(url, timeout=30)
    assert answer.content == content
    assert answer.headers["ETag"] == f'"{hashlib.md5(content).hexdigest()}"'
    record = ask("GET", f"/index/index/{guid}", None).json()
    assert record["size"] == len(content)
    assert record["hashes"]["md5"] == hashlib.md5(content).hexdigest()
    assert record["hashes"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert record["urls"] == [f"s3://commons-data/{guid}/folder/ü b.bin"]
    assert record["authz"] == [AUTHZ]
    assert record["uploader"] is None


@pytest.mark.parametrize(
    ("wanted", "status", "first", "last"),
    [
        ("bytes=0-9", 206, 0, 9),
        ("bytes=95-", 206, 95, 99),
        ("bytes=-5", 206, 95, 99),
        ("bytes=90-1000", 206, 90, 99),
        ("bytes=0-1,5-6", 200, 0, 99),
        ("lines=1-2", 200, 0, 99),
    ],
)
def test_ranges(ask, wanted, status, first, last):
    content = bytes(range(100))
    url = url_of(ask, uploaded(ask, content))
    answer = requests.get(url, headers={"Range": wanted}, timeout=30)
    assert (answer.status_code, answer.content) == (status, content[first : last + 1])
    if status == 206:
        assert answer.headers["Content-Range"] == f"bytes {first}-{last}/100"


def test_a_range_of_nothing_and_an_empty_file(ask):
    url = url_of(ask, uploaded(ask, b"abc"))
    answer = requests.get(url, headers={"Range": "bytes=3-"}, timeout=30)
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == "bytes */3"
    empty = requests.get(url_of(ask, uploaded(ask, b"")), timeout=30)
    assert (empty.status_code, empty.content) == (200, b"")


def test_only_who_holds_a_signed_url_gets_in(server, ask):
    url = url_of(ask, uploaded(ask, b"abc"))
    bare = url.partition("?")[0]
    assert requests.get(bare, timeout=30).status_code == 403
    assert "SignatureDoesNotMatch" in requests.get(url.replace("a.txt", "b.txt"), timeout=30).text
    assert requests.put(url, data=b"x", timeout=30).status_code == 403
    assert requests.head(url, timeout=30).status_code == 403, "as with S3, GET is not signed for HEAD"
    token = {"Authorization": f"bearer {server.token('reader')}"}
    assert "Only one auth mechanism allowed" in requests.get(url, headers=token, timeout=30).text
    page = {"Origin": "https://elsewhere.example"}
    assert requests.get(url, headers=page, timeout=30).status_code == 403
    named = url.replace("127.0.0.1", "localhost")
    assert requests.get(named, timeout=30).status_code == 403, "another name than the one signed for"


def test_a_url_runs_out(server, ask):
    guid = uploaded(ask, b"abc")
    url = url_of(ask, guid, expires_in=60)
    assert "X-Amz-Expires=60" in url
    assert "X-Amz-Expires=3600" in url_of(ask, guid, expires_in=999_999)
    server.settings(clock_offset=61)
    try:
        answer = requests.get(url, timeout=30)
    finally:
        server.settings(clock_offset=0)
    assert answer.status_code == 403
    assert "Request has expired" in answer.text
    assert requests.get(url, timeout=30).content == b"abc"


def test_parts_become_one_file(ask):
    parts = [os.urandom(PART), os.urandom(PART), b"the end"]
    begun = ask("POST", "/user/data/multipart/init", json={"file_name": "big.bin"}).json()
    key, listed = f"{begun['guid']}/big.bin", []
    for number, content in enumerate(parts, 1):
        facts = {"key": key, "uploadId": begun["uploadId"], "partNumber": number}
        url = ask("POST", "/user/data/multipart/upload", json=facts).json()["presigned_url"]
        answer = requests.put(url, data=content, timeout=30)
        listed.append({"PartNumber": number, "ETag": answer.headers["ETag"]})
    facts = {"key": key, "uploadId": begun["uploadId"], "parts": listed}
    early = ask("POST", "/user/data/multipart/complete", json={**facts, "parts": listed[::-1]})
    assert early.status_code == 500
    for _ in range(2):
        done = ask("POST", "/user/data/multipart/complete", json=facts)
        assert (done.status_code, done.json()) == (200, {"message": "OK"})
    whole = b"".join(parts)
    record = ask("GET", f"/index/index/{begun['guid']}", None).json()
    assert (record["size"], record["hashes"]["md5"]) == (len(whole), hashlib.md5(whole).hexdigest())
    answer = requests.get(url_of(ask, begun["guid"], "submitter"), timeout=30)
    assert answer.content == whole
    assert answer.headers["ETag"].endswith('-3"')


def test_small_parts_and_lost_parts_make_no_file(ask):
    begun = ask("POST", "/user/data/multipart/init", json={"file_name": "b"}).json()
    key, listed = f"{begun['guid']}/b", []
    for number in (1, 2):
        facts = {"key": key, "uploadId": begun["uploadId"], "partNumber": number}
        url = ask("POST", "/user/data/multipart/upload", json=facts).json()["presigned_url"]
        listed.append(
            {"PartNumber": number, "ETag": requests.put(url, data=b"x", timeout=30).headers["ETag"]}
        )
    for parts in (listed, [{"PartNumber": 1, "ETag": "0" * 32}], []):
        facts = {"key": key, "uploadId": begun["uploadId"], "parts": parts}
        assert ask("POST", "/user/data/multipart/complete", json=facts).status_code == 500
    assert ask("GET", f"/index/index/{begun['guid']}", None).json()["size"] is None


def test_who_may_upload(ask):
    for user, facts, status in (
        ("nobody", {"file_name": "a"}, 403),
        ("writer", {"file_name": "a"}, 403),
        ("writer", {"file_name": "a", "authz": [AUTHZ]}, 201),
        ("writer", {"file_name": "a", "authz": ["/programs/OTHER"]}, 403),
        ("submitter", {"file_name": "a"}, 201),
        ("submitter", {"file_name": "a", "bucket": "commons-archive"}, 201),
        ("submitter", {"file_name": "a", "bucket": "nope"}, 403),
        ("submitter", {"file_name": "a", "guid": "nope"}, 404),
        ("submitter", {}, 400),
    ):
        assert ask("POST", "/user/data/upload", user, json=facts).status_code == status, (user, facts)


def test_a_file_of_its_uploader_alone(ask):
    answer = ask("POST", "/user/data/upload", json={"file_name": "mine"}).json()
    requests.put(answer["url"], data=b"mine", timeout=30)
    record = ask("GET", f"/index/index/{answer['guid']}", None).json()
    assert (record["authz"], record["uploader"]) == ([], "submitter@commons.test")
    assert requests.get(url_of(ask, answer["guid"], "submitter"), timeout=30).content == b"mine"
    assert ask("GET", f"/user/data/download/{answer['guid']}", "reader").status_code == 401


def test_many_urls_at_once_and_what_has_none(ask):
    guids = [uploaded(ask, str(number).encode()) for number in range(3)]
    body = {"guids": [*guids, "nope", guids[0].removeprefix("dg.TEST/")]}
    facts = ask("POST", "/user/data/download/bulk", "reader", json=body).json()
    assert [one["drs_object_id"] for one in facts["urls"]] == guids
    assert facts["failed_guids"] == [{"error_code": 404, "object_ids": body["guids"][3:]}]
    assert [requests.get(one["url"], timeout=30).text for one in facts["urls"]] == ["0", "1", "2"]
    refused = ask("POST", "/user/data/download/bulk", None, json={"guids": guids}).json()
    assert refused == {"failed_guids": [{"error_code": 401, "object_ids": guids}], "urls": []}
    # a grant on / counts for nothing in bulk
    assert ask("POST", "/user/data/download/bulk", "admin", json={"guids": guids}).json()["urls"] == []


def test_drs_leads_to_the_bytes(ask):
    guid = uploaded(ask, b"abc")
    one = ask("GET", f"/ga4gh/drs/v1/objects/{guid}/access/s3", "reader").json()
    assert requests.get(one["url"], timeout=30).content == b"abc"
    assert ask("GET", f"/ga4gh/drs/v1/objects/{guid}/access/gs", "reader").status_code == 404
    assert ask("GET", f"/ga4gh/drs/v1/objects/{guid}/access", "reader").status_code == 400
    assert ask("GET", f"/ga4gh/drs/v1/objects/{guid}/access/s3", "nobody").status_code == 401
    body = {"bulk_object_access_ids": [{"bulk_object_id": guid, "bulk_access_ids": ["s3"]}]}
    many = ask("POST", "/ga4gh/drs/v1/objects/access", "reader", json=body).json()
    assert many["summary"] == {"requested": 1, "resolved": 1, "unresolved": 0}
    assert requests.get(many["resolved_drs_object_access_urls"][0]["url"], timeout=30).content == b"abc"


def test_deleted_is_gone_bytes_and_record(ask):
    guid = uploaded(ask, b"abc")
    url = url_of(ask, guid)
    assert ask("DELETE", f"/user/data/{guid}", "reader").status_code == 403
    assert ask("DELETE", f"/user/data/{guid}").status_code == 204
    assert ask("DELETE", f"/user/data/{guid}").status_code == 404
    assert requests.get(url, timeout=30).status_code == 404
    assert ask("GET", f"/index/index/{guid}", None).status_code == 404


def test_an_upload_that_breaks_off_stores_nothing(ask):
    facts = ask("POST", "/user/data/upload", json={"file_name": "a", "authz": [AUTHZ]}).json()

    place = urlsplit(facts["url"])
    with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
        target = f"{place.path}?{place.query}"
        head = f"PUT {target} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: 8\r\n\r\n"
        connection.sendall(head.encode() + b"half")
        connection.shutdown(socket.SHUT_WR)
        assert b"IncompleteBody" in connection.makefile("rb").read()
    assert ask("GET", f"/user/data/download/{facts['guid']}", "reader").status_code == 404


@pytest.mark.parametrize(
    ("kind", "status"),
    [("storage-429", 429), ("storage-500", 500), ("storage-503", 503), ("storage-expired", 403)],
)
def test_faults_in_place_of_the_file(server, ask, kind, status):
    url = url_of(ask, uploaded(ask, b"abc"))
    server.faults.add(kind, times=1)
    answer = requests.get(url, timeout=30)
    assert answer.status_code == status
    assert ("Retry-After" in answer.headers) == (status in (429, 503))
    assert requests.get(url, timeout=30).content == b"abc"


def test_faults_that_spoil_the_file(server, ask):
    content = os.urandom(300_000)
    url = url_of(ask, uploaded(ask, content))
    etag = requests.get(url, timeout=30).headers["ETag"]
    server.faults.add("storage-truncated", times=1)
    with pytest.raises(requests.RequestException):
        requests.get(url, timeout=30)
    server.faults.add("storage-corrupt", times=1)
    wrong = requests.get(url, timeout=30).content
    assert sum(a != b for a, b in zip(wrong, content, strict=True)) == 1
    server.faults.add("storage-no-range", times=1)
    whole = requests.get(url, headers={"Range": "bytes=5-9"}, timeout=30)
    assert (whole.status_code, whole.content) == (200, content)
    server.faults.add("storage-drop", times=1)
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=30)
    server.faults.add("storage-other-etag", times=1)
    other = requests.get(url, timeout=30)
    assert (other.headers["ETag"] != etag, other.content) == (True, content)
    struck = {one["kind"]: one["struck"] for one in server.faults.list()}
    assert struck["storage-corrupt"] == struck["storage-drop"] == 1


def test_a_commons_without_indexing_leaves_records_blank(server, ask):
    server.settings(indexing=False)
    try:
        guid = uploaded(ask, b"abc")
    finally:
        server.settings(indexing=True)
    assert ask("GET", f"/index/index/{guid}", None).json()["size"] is None
    assert ask("GET", f"/user/data/download/{guid}", "reader").status_code == 404


def test_files_outlive_the_server_in_a_named_folder(tmp_path):
    with start_server(tmp_path / "commons") as first:
        headers = {"Authorization": f"bearer {first.token('submitter')}"}
        body = {"file_name": "a", "authz": [AUTHZ]}
        facts = requests.post(
            first.endpoint + "/user/data/upload", json=body, headers=headers, timeout=30
        ).json()
        requests.put(facts["url"], data=b"kept", timeout=30)
    with pytest.raises(requests.ConnectionError):
        requests.get(facts["url"], timeout=30)
    with start_server(tmp_path / "commons") as second:
        headers = {"Authorization": f"bearer {second.token('reader')}"}
        path = f"/user/data/download/{facts['guid']}"
        url = requests.get(second.endpoint + path, headers=headers, timeout=30).json()["url"]
        assert requests.get(url, timeout=30).content == b"kept"
