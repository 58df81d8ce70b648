"""Object stores that keep to HTTP in ways of their own, and what fetching a file makes of their answers."""

from __future__ import annotations

import errno
import hashlib
import os
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from client_stub import Reply, Stub

from gen3nb.client.redaction import Secret
from gen3nb.client.storage import Storage
from gen3nb.errors import ServiceError
from gen3nb.transfer import fetching
from gen3nb.transfer.fetching import Job

CONTENT = bytes(range(250)) * 4
OBJECT = "/bucket/key"
#: A length that is none: the body ends where the connection does.
UNKNOWN = {"Content-Length": "unknown"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "FIRST_PAUSE", 0.01)


@pytest.fixture
def storage() -> Iterator[Storage]:
    storage = Storage(timeout=(5, 5))
    yield storage
    storage.close()


def job(stub: Stub, folder: Path, **facts: Any) -> Job:
    given: dict[str, Any] = {"size": len(CONTENT), "last": len(CONTENT) - 1, **facts}
    url = Secret(f"{stub.endpoint}{OBJECT}?X-Amz-Signature={'f' * 64}")
    return Job("guid", url, str(folder / "a.bin"), str(folder / "a.bin.part"), **given)


def ranges(stub: Stub) -> list[str]:
    return [request.headers.get("Range", "") for request in stub.requests]


def part(first: int, end: int, size: int | str = len(CONTENT), **options: Any) -> Reply:
    shown = {"Content-Range": f"bytes {first}-{end - 1}/{size}", "ETag": '"e"'}
    return Reply(206, CONTENT[first:end], shown, **options)


def test_a_length_that_nobody_said_is_counted(storage, stub, tmp_path):
    stub.on(OBJECT, Reply(200, CONTENT, UNKNOWN, cut=700))
    result = fetching.fetch(job(stub, tmp_path), storage)
    assert (result.state, result.bytes) == (fetching.FAILED, 700)
    assert "1,000 bytes in the file index, and 700 in the storage" in result.why
    assert list(tmp_path.iterdir()) == []


def test_an_object_of_another_size_is_not_fetched(storage, stub, tmp_path):
    stub.on(OBJECT, Reply(200, CONTENT))
    told: list[int] = []
    result = fetching.fetch(job(stub, tmp_path, size=999), storage, None, told.append)
    assert (result.state, result.bytes, told) == (fetching.FAILED, 0, [])
    assert list(tmp_path.iterdir()) == []


def test_a_range_goes_on_with_the_byte_that_is_missing(storage, stub, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(bytes(1000))
    stub.on(OBJECT, part(200, 800, cut=250), part(450, 800))
    told: list[int] = []
    result = fetching.fetch_range(job(stub, tmp_path, first=200, last=799), storage, None, told.append)
    assert (result.state, result.bytes, sum(told)) == (fetching.DONE, 600, 600)
    assert ranges(stub) == ["bytes=200-799", "bytes=450-799"]
    assert (tmp_path / "a.bin.part").read_bytes()[200:800] == CONTENT[200:800]


def test_a_range_that_is_shorter_than_was_asked_for(storage, stub, tmp_path):
    """HTTP lets a store give less; what lacks is asked for."""
    (tmp_path / "a.bin.part").write_bytes(bytes(1000))
    stub.on(OBJECT, part(0, 300), part(300, 1000))
    result = fetching.fetch_range(job(stub, tmp_path), storage)
    assert result.state == fetching.DONE
    assert (tmp_path / "a.bin.part").read_bytes() == CONTENT
    assert ranges(stub) == ["bytes=0-999", "bytes=300-999"]


def test_a_first_range_that_broke_off_and_ranges_that_are_ignored_then(storage, stub, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(bytes(1000))
    stub.on(OBJECT, part(0, 400, cut=150), Reply(200, CONTENT, {"ETag": '"e"'}))
    result = fetching.fetch_range(job(stub, tmp_path, last=399), storage)
    assert (result.state, result.bytes) == (fetching.WHOLE, 1000)
    assert (tmp_path / "a.bin.part").read_bytes() == CONTENT


@pytest.mark.parametrize(("etag", "state"), [("", fetching.FAILED), ('"e"', fetching.CHANGED)])
@pytest.mark.parametrize("shown", [{"Content-Range": "bytes */300"}, {}], ids=["with its size", "without"])
def test_a_range_beyond_the_end(storage, stub, tmp_path, etag, state, shown):
    (tmp_path / "a.bin.part").write_bytes(bytes(1000))
    stub.on(OBJECT, Reply(416, b"<Error><Code>InvalidRange</Code></Error>", shown))
    result = fetching.fetch_range(job(stub, tmp_path, first=400, etag=etag), storage)
    if shown:
        assert result.state == state
        assert "1,000 bytes in the file index, and 300 in the storage" in result.why
    else:
        assert (result.state, "has changed" in result.why) == (fetching.CHANGED, True)
    assert len(stub.requests) == 1


def test_a_later_range_takes_nothing_of_the_whole(storage, stub, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(bytes(1000))
    stub.on(OBJECT, Reply(200, CONTENT, {"ETag": '"e"'}))
    result = fetching.fetch_range(job(stub, tmp_path, first=400), storage)
    assert (result.state, result.why) == (fetching.WHOLE, "the storage knows no ranges")
    assert (tmp_path / "a.bin.part").read_bytes() == bytes(1000)


class Waiting:
    """Takes down how long it was waited, and does not wait."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def is_set(self) -> bool:
        return False

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)


@pytest.mark.parametrize("status", [429, 503])
def test_a_store_that_says_when_to_come_again_is_believed(storage, stub, tmp_path, status):
    stub.on(OBJECT, Reply(status, b"", {"Retry-After": "7"}), Reply(status, b""), Reply(200, CONTENT))
    stop: Any = Waiting()
    assert fetching.fetch(job(stub, tmp_path), storage, stop).state == fetching.DONE
    assert stop.waited[0] == 7.0
    assert 0 < stop.waited[1] < 1


def test_a_file_is_stopped_in_its_middle(storage, stub, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "BLOCK", 100)
    stub.on(OBJECT, Reply(200, CONTENT))
    stop = threading.Event()
    told: list[int] = []
    result = fetching.fetch(
        job(stub, tmp_path), storage, stop, lambda count: told.append(count) or stop.set()
    )
    assert (result.state, told) == (fetching.STOPPED, [100])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
@pytest.mark.parametrize("act", [fetching.fetch, fetching.fetch_range])
def test_a_disk_that_takes_nothing_more_is_told_from_one_file(
    storage, stub, tmp_path, monkeypatch, kind, act
):
    def full(file: int, block: bytes) -> int:
        raise OSError(kind, os.strerror(kind), "x")

    (tmp_path / "a.bin.part").write_bytes(bytes(1000))
    monkeypatch.setattr(fetching, "_written", full)
    stub.on(OBJECT, Reply(200, CONTENT))
    result = act(job(stub, tmp_path), storage)
    assert (result.state, os.strerror(kind) in result.why) == (fetching.FULL, True)


def test_a_file_that_one_may_not_write_is_that_file_alone(storage, stub, tmp_path, monkeypatch):
    def refused(file: int, block: bytes) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "x")

    monkeypatch.setattr(fetching, "_written", refused)
    stub.on(OBJECT, Reply(200, CONTENT))
    assert fetching.fetch(job(stub, tmp_path), storage).state == fetching.FAILED


def test_a_system_that_writes_a_little_at_a_time(storage, stub, tmp_path, monkeypatch):
    real = os.write
    monkeypatch.setattr(fetching.os, "write", lambda file, block: real(file, bytes(block)[:70]))
    stub.on(OBJECT, Reply(200, CONTENT))
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert fetching.fetch(job(stub, tmp_path, kind="sha256", value=digest), storage).state == fetching.DONE
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_what_nobody_thought_of_is_a_failure_of_that_file_and_shows_no_url(
    storage, stub, tmp_path, monkeypatch
):
    where = job(stub, tmp_path)

    def odd(*_: Any, **__: Any) -> None:
        raise LookupError(f"at {where.url}")

    monkeypatch.setattr(storage, "get", odd)
    result = fetching.fetch(where, storage)
    assert (result.state, result.why.startswith("LookupError: ")) == (fetching.FAILED, True)
    assert "f" * 64 not in result.why


def test_a_link_in_the_place_of_the_part_is_not_written_through(storage, stub, tmp_path):
    if not hasattr(os, "O_NOFOLLOW"):
        pytest.skip("this system cannot tell")
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "a.bin.part").symlink_to(tmp_path / "precious")
    stub.on(OBJECT, Reply(200, CONTENT))
    for act in (fetching.fetch_range, fetching.fetch):
        assert act(job(stub, tmp_path), storage).state == fetching.FAILED
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_a_name_that_was_taken_meanwhile_is_left_alone(storage, stub, tmp_path):
    stub.on(OBJECT, Reply(200, CONTENT))
    (tmp_path / "a.bin").write_bytes(b"mine")
    result = fetching.fetch(job(stub, tmp_path), storage)
    assert (result.state, result.why) == (fetching.FAILED, "another file of this name came meanwhile")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"mine"]
    assert fetching.fetch(job(stub, tmp_path, replaces=True), storage).state == fetching.DONE
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_places_that_no_browser_knows_are_refused(storage):
    for url in ("s3://bucket/key?X-Amz-Signature=abc", "ftp://store.test/key", "file:///etc/passwd"):
        with pytest.raises(ServiceError, match="bytes come by https: here, and this URL is"):
            storage.get(Secret(url))


def test_on_another_machine_it_is_set_as_here():
    given = {"timeout": (1.0, 2.0), "verify": "/ca.pem", "proxies": {"https": "http://proxy.test"}}
    again = pickle.loads(pickle.dumps(Storage(**given)))
    assert {name: getattr(again, name) for name in given} == given
