"""What an upload promises where a store, a commons or a file is not as usual."""

from __future__ import annotations

import os
import threading
import time
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from test_upload import AUTHZ, MIB, count, is_there, made, records, send

from gen3nb.client.fence_files import FileRoutes, Presigned
from gen3nb.client.storage import Storage
from gen3nb.transfer import naming, outgoing, upload_job, uploader
from gen3nb.transfer.confirming import Confirmer, Waiting
from gen3nb.transfer.outgoing import FileChanged, Snapshot, part_size, read_blocks
from gen3nb.transfer.upload_journal import UploadJournal


@pytest.fixture(autouse=True)
def small_parts(uploads, monkeypatch) -> None:
    monkeypatch.setattr(outgoing, "USUAL_PART", 5 * MIB)


class Pauses(threading.Event):
    """Takes down how long it was waited for, and is not waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout)
        return super().wait(0.001)


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """Give the GUIDs for which another URL was asked for."""
    real, found = FileRoutes.upload_url, []

    def upload_url(self: FileRoutes, guid: str, **more: Any) -> Presigned:
        found.append(guid)
        return real(self, guid, **more)

    monkeypatch.setattr(FileRoutes, "upload_url", upload_url)
    return found


# --- one request ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["storage-503", "storage-429"])
def test_a_store_that_says_when_to_come_again_is_believed(submitter, practice, tmp_path, asked, kind):
    practice.sandbox.faults.add(kind, method="PUT", times=1, retry_after=7)
    stop = Pauses()
    (outcome,) = send(submitter, made(tmp_path, "a.bin", 900), stop=stop)
    assert (outcome.status, asked) == ("uploaded", [])
    assert 7.0 in stop.waited


def test_a_url_that_has_ended_is_replaced_each_time(submitter, practice, tmp_path, asked):
    practice.sandbox.faults.add("storage-expired", method="PUT", times=3)
    (outcome,) = send(submitter, made(tmp_path, "a.bin", 901))
    assert (outcome.status, asked) == ("uploaded", [outcome.guid] * 3)


def test_a_url_that_is_about_to_end_is_not_tried_again(submitter, practice, tmp_path, asked, monkeypatch):
    real = FileRoutes.start_upload
    monkeypatch.setattr(
        FileRoutes,
        "start_upload",
        lambda self, *given, **more: replace(real(self, *given, **more), ends=time.monotonic() + 30),
    )
    practice.sandbox.faults.add("storage-500", method="PUT", times=1)
    (outcome,) = send(submitter, made(tmp_path, "a.bin", 902))
    assert (outcome.status, asked) == ("uploaded", [outcome.guid])


# --- parts ------------------------------------------------------------------------------------------------


def test_a_part_that_the_store_got_otherwise_goes_once_more(submitter, tmp_path, monkeypatch):
    path = made(tmp_path, "big.bin", 11 * MIB)
    real, sent = Storage.put, []

    def put(self: Storage, url: str, content: Any, length: int) -> str:
        etag = real(self, url, content, length)
        sent.append(length)
        return etag if len(sent) > 1 else "0" * 32

    monkeypatch.setattr(Storage, "put", put)
    (outcome,) = send(submitter, path, multipart=True, parallel=1)
    assert (outcome.status, outcome.hash) == ("uploaded", "sha256")
    assert sorted(sent) == [MIB, 5 * MIB, 5 * MIB, 5 * MIB]
    is_there(submitter, outcome.guid, path)


def test_parts_are_compared_with_the_file_before_they_are_believed(submitter, practice, tmp_path):
    """Somebody changed it, and set its time back."""
    path = made(tmp_path, "big.bin", 16 * MIB)
    practice.sandbox.faults.add("storage-503", after=2, retry_after=0, method="PUT")
    (outcome,) = send(submitter, path, multipart=True, parallel=1)
    assert outcome.status == "failed"
    practice.sandbox.faults.clear()
    times = path.stat()
    with path.open("r+b") as file:
        file.write(b"other bytes")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    (again,) = send(submitter, path, multipart=True)
    assert (again.status, again.guid) == ("uploaded", outcome.guid)
    is_there(submitter, again.guid, path)


def test_an_upload_that_the_store_forgot_is_begun_anew_in_parts(submitter, practice, tmp_path, monkeypatch):
    """By one request it would not go: it is too large for that."""
    monkeypatch.setattr(uploader, "LARGEST_WHOLE", 6 * MIB)
    path = made(tmp_path, "big.bin", 11 * MIB)
    practice.sandbox.faults.add("storage-503", after=1, retry_after=0, method="PUT")
    (outcome,) = send(submitter, path, multipart=True, parallel=1)
    assert outcome.status == "failed"
    practice.sandbox.faults.clear()
    real, begun = FileRoutes.start_multipart, []
    monkeypatch.setattr(
        FileRoutes,
        "start_multipart",
        lambda self, *given, **more: begun.append(1) or real(self, *given, **more),
    )
    with UploadJournal(submitter.endpoint, submitter.auth.username) as journal:
        journal._do("update file set upload = 'forgotten'")
    (again,) = send(submitter, path, multipart=True)
    assert (again.status, again.guid, begun) == ("uploaded", outcome.guid, [1])
    is_there(submitter, again.guid, path)


def test_a_commons_too_old_for_parts_of_a_record(submitter, practice, tmp_path, monkeypatch):
    """It makes a record of its own for them: that goes, and the file is sent by one request to the first."""
    real, before = FileRoutes.start_multipart, count(practice)
    monkeypatch.setattr(
        FileRoutes, "start_multipart", lambda self, name, *, guid=None, bucket=None: real(self, name)
    )
    path = made(tmp_path, "big.bin", 6 * MIB)
    (outcome,) = send(submitter, path, multipart=True)
    assert outcome.status == "uploaded"
    is_there(submitter, outcome.guid, path)
    assert count(practice) == before + 1


def test_no_file_has_more_parts_than_a_store_takes():
    for size in (1, 160_000 * MIB, 160_000 * MIB + 1, outgoing.LARGEST):
        assert -(-size // part_size(size)) <= outgoing.MOST_PARTS
        assert part_size(size) >= outgoing.SMALLEST_PART


def test_a_file_that_no_store_takes_is_not_begun(submitter, practice, tmp_path, monkeypatch):
    monkeypatch.setattr(upload_job, "LARGEST", 1000)
    before = count(practice)
    large, fine = made(tmp_path, "large.bin", 1001), made(tmp_path, "fine.bin", 1000)
    report = send(submitter, [large, fine])
    assert [one.status for one in report] == ["failed", "uploaded"]
    assert "an object store takes no more than 1,000 B" in next(iter(report)).why
    assert count(practice) == before + 1


# --- what the index says ----------------------------------------------------------------------------------


def test_a_file_that_was_lost_is_sent_again_also_by_who_may_not_write_its_record(practice, tmp_path):
    lost, fine = made(tmp_path, "a.bin", 500), made(tmp_path, "b.bin", 501)
    practice.sandbox.faults.add("storage-lost-part", times=1)
    with practice.sandbox.as_user("narrow") as narrow:
        report = send(narrow, [lost, fine], wait=0.5, parallel=1)
        assert [one.status for one in report] == ["uploaded", "uploaded"]
        for one, path in zip(report, (lost, fine), strict=True):
            is_there(narrow, one.guid, path)


def test_a_record_that_was_filled_here_and_bytes_that_are_fewer(submitter, practice):
    place = submitter.fence.start_upload("a.bin", authz=[AUTHZ])
    with closing(Storage()) as storage:
        storage.put(place.url, b"abc", 3)
        record = submitter.indexd.get(place.guid)
        hashes = {"md5": "f" * 32}
        guid = submitter.indexd.create(
            size=5, hashes=hashes, urls=record["urls"], authz=[AUTHZ], file_name="a.bin"
        )["did"]
        confirmer = Confirmer(submitter.indexd, submitter.fence, storage, 60, Pauses())
        confirmer.add(Waiting(guid, "a.bin", 5, hashes, True, time.monotonic(), doubtful=True))
        (verdict,) = confirmer.look()
    assert (verdict.status, verdict.why) == ("wrong", "the store has 3 bytes of its 5")


def test_a_file_that_another_one_replaced_is_another_file(tmp_path):
    path = made(tmp_path, "a.bin", b"abc")
    shot = Snapshot.of(str(path), path.stat())
    made(tmp_path, "new.bin", b"abd")
    os.utime(tmp_path / "new.bin", ns=(shot.modified, shot.modified))
    os.replace(tmp_path / "new.bin", path)
    with pytest.raises(FileChanged, match="changed while it was being uploaded"):
        shot.check()
    path.write_bytes(b"a")
    with pytest.raises(FileChanged, match=r"3 bytes, then 1"):
        list(read_blocks(shot, 0, 3, Pauses()))


# --- once -------------------------------------------------------------------------------------------------


def test_many_of_one_name_at_once_have_a_record_each(submitter, practice, tmp_path):
    """Their answers are lost: each finds its own record, and none takes that of another."""
    paths = [made(tmp_path / str(at), "same.bin", 100 + at) for at in range(6)]
    before = count(practice)
    practice.sandbox.faults.add("504-after-commit", path="/user/data/upload", times=3)
    report = send(submitter, paths, include_subdirname=False, parallel=6)
    assert report.ok, report.failed
    for one, path in zip(report, paths, strict=True):
        is_there(submitter, one.guid, path)
    assert count(practice) == before + 6


def test_a_blank_record_of_somebody_else_is_left_alone(submitter, practice, tmp_path):
    """One of the same name, long before: it is not the one whose answer was lost."""
    path = made(tmp_path, "theirs.bin", 321)
    blank = submitter.indexd.create_blank(file_name="theirs.bin", uploader="submitter", authz=[AUTHZ])["did"]
    practice.sandbox.faults.add("503", path="/user/data/upload", times=1, retry_after=0)
    skew, naming.SKEW = naming.SKEW, -1e6
    try:
        (outcome,) = send(submitter, path)
    finally:
        naming.SKEW = skew
    assert (outcome.status, outcome.guid != blank) == ("uploaded", True)
    assert records(practice, file_name="theirs.bin")


def test_content_under_another_authz_is_another_file(submitter, practice, tmp_path):
    content = os.urandom(700)
    first, second = made(tmp_path, "1.bin", content), made(tmp_path, "2.bin", content)
    told = {str(first): {"authz": [f"{AUTHZ}/one"]}, str(second): {"authz": [f"{AUTHZ}/two"]}}
    report = send(practice, [first, second], metadata=told)
    assert [one.status for one in report] == ["uploaded", "uploaded"]
    assert [practice.indexd.get(one.guid)["authz"] for one in report] == [[f"{AUTHZ}/one"], [f"{AUTHZ}/two"]]
