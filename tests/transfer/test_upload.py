"""Uploads to a real practice commons: whole, in parts, resumed, and through its faults."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
import threading
import time
import tracemalloc
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gen3nb import errors
from gen3nb.client.fence_files import FileRoutes
from gen3nb.transfer import carrying, kept, naming, outgoing, parts, upload_journal
from gen3nb.transfer.confirming import Confirmer, Verdict, place_of
from gen3nb.transfer.existing import Existing
from gen3nb.transfer.present import Present
from gen3nb.transfer.scratch import scratch
from gen3nb.transfer.upload_loop import Run
from gen3nb.transfer.uploader import Uploader

AUTHZ = "/programs/DEMO/projects/alpha"
MIB = 1 << 20


pytestmark = pytest.mark.usefixtures("uploads")


@pytest.fixture
def small_parts(monkeypatch):
    """Parts as small as a store takes them, so that a test needs few bytes."""
    monkeypatch.setattr(outgoing, "USUAL_PART", 5 * MIB)


def made(folder: Path, name: str, content: bytes | int) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(content) if isinstance(content, int) else content)
    return path


def records(commons, **facts) -> list[dict]:
    return list(commons.indexd.records(**facts))


def count(commons) -> int:
    return len(records(commons))


def stored(commons, guid: str) -> bytes:
    import requests

    return requests.get(commons.fence.download_url(guid).url, timeout=60).content


def send(commons, files, **options):
    return commons.files.upload(files, **{"authz": AUTHZ, "progress": False, **options})


def is_there(commons, guid: str, path: Path) -> None:
    """See that the index and the store have a file as it is on disk."""
    content = path.read_bytes()
    record = commons.indexd.get(guid)
    assert record["size"] == len(content)
    assert record["hashes"]["md5"] == hashlib.md5(content).hexdigest()
    assert record["hashes"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert stored(commons, guid) == content


def test_files_of_a_folder(submitter, tmp_path):
    paths = [made(tmp_path / "d", name, 1000 + at) for at, name in enumerate(("a.bam", "x/b.bam"))]
    report = send(submitter, tmp_path / "d", include_subdirname=True)
    assert report.ok
    assert str(report).startswith("2 uploaded, 0 failed")
    for outcome, path, name in zip(report, paths, ("a.bam", "x/b.bam"), strict=True):
        assert (outcome.name, outcome.status, outcome.hash) == (str(path), "uploaded", "sha256")
        is_there(submitter, outcome.guid, path)
        record = submitter.indexd.get(outcome.guid)
        assert (record["file_name"], record["authz"], record["uploader"]) == (name, [AUTHZ], None)
    assert list(report.records().columns) == ["object_id", "file_name", "file_size", "md5sum"]
    assert report.records()["file_size"].tolist() == [1000, 1001]


def test_the_same_call_again_sends_nothing(submitter, tmp_path, practice):
    path = made(tmp_path, "a.bam", 2000)
    first = send(submitter, path).to_frame()
    before = count(submitter)
    practice.sandbox.faults.add("storage-500")
    again = send(submitter, path)
    assert (again.counts, again.to_frame()["guid"].tolist()) == ({"already there": 1}, first["guid"].tolist())
    assert count(submitter) == before


def test_without_a_journal_the_index_is_asked(submitter, tmp_path, monkeypatch):
    path = made(tmp_path, "a.bam", 2000)
    (first,) = send(submitter, path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other"))
    other = made(tmp_path, "b.bam", path.read_bytes())
    (second,) = send(submitter, other)
    assert (second.status, second.guid) == ("already there", first.guid)
    (third,) = send(submitter, other, authz="/programs/DEMO/projects/alpha/sub")
    assert (third.status, third.guid != first.guid) == ("uploaded", True)
    (fourth,) = send(submitter, other, again=True)
    assert (fourth.status, fourth.guid != first.guid) == ("uploaded", True)


@pytest.mark.parametrize("well", [True, False], ids=["stored", "refused"])
def test_a_file_whose_like_is_over_before_it_waits_for_it(submitter, practice, tmp_path, monkeypatch, well):
    """Its thread finds the other on its way, and is back only when that one is settled."""
    content = os.urandom(999)
    made(tmp_path / "d", "a.bin", content)
    made(tmp_path / "d", "b.bin", content)
    practice.sandbox.faults.add("storage-latency", seconds=0.5)
    if not well:
        practice.sandbox.faults.add("storage-expired", times=100)
        monkeypatch.setattr(parts, "RENEWALS", 0)
    settled, waited, before = threading.Event(), [], count(practice)
    work, settle = Uploader.work, Run._settled

    def slowly(self, job):
        done = work(self, job)
        if job.follows and not waited:
            waited.append(settled.wait(20))
            practice.sandbox.faults.clear()
        return done

    def noted(self, job, *what):
        settle(self, job, *what)
        settled.set()

    monkeypatch.setattr(Uploader, "work", slowly)
    monkeypatch.setattr(Run, "_settled", noted)
    report = send(submitter, tmp_path / "d", parallel=2)
    assert waited == [True]
    first = "already there" if well else "failed"
    assert sorted(report.counts) == sorted({first, "uploaded"})
    assert send(submitter, tmp_path / "d").counts == {"already there": 2}
    assert count(practice) == before + 1  # no blank record is left either


def test_no_room_for_what_a_call_keeps_in_mind(submitter, tmp_path, monkeypatch):
    for at in range(30):
        made(tmp_path / "d", f"{at}.bin", os.urandom(333))
    assert send(submitter, tmp_path / "d").counts == {"uploaded": 30}
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other"))
    with monkeypatch.context() as patched:
        patched.setattr(kept, "scratch", lambda *tables: scratch("pragma max_page_count = 4", *tables))
        with pytest.raises(errors.TransferError, match=r"disk is full.*SQLITE_TMPDIR.*goes on") as caught:
            send(submitter, tmp_path / "d")
    assert "uploaded" not in caught.value.facts["report"].counts  # what may be there is not sent again
    assert send(submitter, tmp_path / "d").counts == {"already there": 30}


@pytest.mark.parametrize("first", ["a.bin", "b.bin"])
@pytest.mark.parametrize("size", [999, 12 * MIB], ids=["small", "parts"])
@pytest.mark.parametrize("left", ["a record", "a record nobody heard of", "bytes nobody looked at"])
def test_what_was_begun_and_another_file_of_its_content(
    submitter, practice, tmp_path, small_parts, monkeypatch, left, size, first
):
    """A call that ended early has begun one of two files of the same content; the next is given both."""
    content = os.urandom(size)
    paths = [made(tmp_path, name, content) for name in ("a.bin", "b.bin")]
    before = count(practice)
    with monkeypatch.context() as patched:
        if left == "a record":
            practice.sandbox.faults.add("storage-500")
            patched.setattr(parts, "TRIES", 1)
        elif left == "a record nobody heard of":
            practice.sandbox.faults.add("drop-after", path="/user/data/upload", method="POST")
            patched.setattr(naming, "TRIES", 1)
        else:
            practice.sandbox.settings(indexing=False)
            patched.setattr(Confirmer, "_late", lambda self, one, *_, **__: Verdict(one.guid, "blank"))
        send(submitter, paths[0], multipart=size > MIB, wait=0.1)
    assert count(practice) == before + 1
    practice.sandbox.faults.clear()
    practice.sandbox.settings(indexing=True)
    practice.sandbox.faults.add("storage-latency", seconds=0, method="PUT")
    given = sorted(paths, key=lambda path: path.name != first)
    report = send(submitter, given, multipart=size > MIB, wait=1.0, parallel=1)
    assert report.ok, report.failed["why"].tolist()
    (guid,) = {one.guid for one in report}
    is_there(submitter, guid, paths[0])
    assert count(practice) == before + 1
    if left == "bytes nobody looked at" and first == "a.bin":  # the other waits for it
        (fault,) = practice.sandbox.faults.list()
        assert fault["struck"] == 0


def test_many_files_are_looked_for_in_one_list(submitter, tmp_path, monkeypatch, practice):
    own = uuid.uuid4().hex
    for at in range(120):
        made(tmp_path / "many", f"{at}.txt", f"{own} {at} is a number".encode())
    report = send(submitter, tmp_path / "many")
    assert report.counts == {"uploaded": 120}
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other"))
    assert send(submitter, tmp_path / "many").counts == {"already there": 120}


def test_many_files_of_one_size_are_compared_by_their_hashes(submitter, practice, monkeypatch):
    """Not each with each: the list is looked up by hash."""
    present = Present(submitter.indexd, ["/programs/P"], "", 10_000)
    digests = [hashlib.md5(str(at).encode()).hexdigest() for at in range(5)]
    for at, digest in enumerate(digests):
        practice.indexd.create(size=3, hashes={"md5": digest}, authz=["/programs/P"], file_name=str(at))
    assert present.has_size(3)
    assert not present.has_size(4)
    monkeypatch.setattr(submitter.indexd, "records", None)  # nothing more is asked
    compared = []
    monkeypatch.setattr("gen3nb.transfer.present.agree", lambda *two: compared.append(two) or "md5")
    found = present.find(3, {"md5": digests[4], "sha256": "0" * 64})
    assert found is not None
    assert found["hashes"] == {"md5": digests[4]}
    assert len(compared) == 1


def test_files_of_a_few_sizes_are_asked_for_without_listing_all(submitter, practice, tmp_path, monkeypatch):
    asked = []
    usual = type(submitter.indexd).records
    monkeypatch.setattr(
        type(submitter.indexd), "records", lambda self, **facts: asked.append(facts) or usual(self, **facts)
    )
    for at in range(120):
        made(tmp_path / "many", f"{at}.txt", f"number {at:05}".encode())
    authz = f"/programs/DEMO/projects/alpha/{uuid.uuid4().hex}"
    assert send(submitter, tmp_path / "many", authz=authz).counts == {"uploaded": 120}
    assert [facts["size"] for facts in asked] == [12]
    more = [made(tmp_path / "more", f"{at}.txt", f"another {at:05}"[: at + 8].encode()) for at in range(5)]
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other"))
    files = [tmp_path / "many", *more]
    report = send(submitter, files, authz=authz)
    assert report.counts == {"already there": 120, "uploaded": 5}
    assert len(asked) == 1 + 5  # what there is of a size says all about it
    assert all("size" in facts for facts in asked)


def test_one_content_in_one_call_has_one_guid(submitter, tmp_path):
    small = os.urandom(400)
    paths = [made(tmp_path / "twins", f"{at}.bin", small) for at in range(6)]
    big = os.urandom(5 * MIB)
    paths += [made(tmp_path / "twins", f"big{at}.bin", big) for at in range(3)]
    frame = send(submitter, paths).to_frame()
    assert frame["guid"].nunique() == 2
    assert frame["status"].tolist().count("uploaded") == 2
    assert frame["status"].tolist().count("already there") == 7


def test_many_of_one_content_are_all_reported_again(submitter, tmp_path):
    content = os.urandom(12)
    for at in range(40):
        made(tmp_path / "d", f"{at}.txt", content)
    first = send(submitter, tmp_path / "d")
    assert first.counts == {"uploaded": 1, "already there": 39}
    again = send(submitter, tmp_path / "d")
    assert again.counts == {"already there": 40}
    assert {one.guid for one in again} == {one.guid for one in first}


@pytest.mark.parametrize("again", [False, True], ids=["there", "failing"])
def test_many_of_one_content_that_are_settled_before_the_others_are_heard(
    submitter, tmp_path, monkeypatch, again
):
    """Those that wait for one of them are settled with it once, whoever is heard first."""
    content = os.urandom(14)
    paths = [made(tmp_path / "d", f"{at}.txt", content) for at in range(30)]
    if not again:
        assert send(submitter, paths[0]).ok
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other"))
    else:  # each first one fails at once, and the others are to go on without it
        monkeypatch.setattr(Uploader, "_send", lambda *_: (_ for _ in ()).throw(errors.NotFound("no")))
    real, heard = Existing.over, []

    def over(self: Existing, job: Any) -> Any:
        if not heard:  # the first: nobody else is heard before
            heard.append(job)
            time.sleep(0.5)
        return real(self, job)

    monkeypatch.setattr(Existing, "over", over)
    report = send(submitter, paths)
    assert report.counts == ({"failed": 30} if again else {"already there": 30})
    assert len(report.to_frame()["guid"].unique()) in ((1,) if not again else range(1, 31))


def test_a_changed_file_gets_another_guid(submitter, tmp_path):
    path = made(tmp_path, "a.bam", 2000)
    (first,) = send(submitter, path)
    path.write_bytes(os.urandom(2000))
    (second,) = send(submitter, path)
    assert (second.status, second.guid != first.guid) == ("uploaded", True)
    is_there(submitter, second.guid, path)


@pytest.mark.parametrize("processors", [1, 8])
def test_in_parts(submitter, tmp_path, small_parts, monkeypatch, processors):
    monkeypatch.setattr(outgoing, "_processors", lambda: processors)
    path = made(tmp_path, "big.bin", 12 * MIB + 5)
    (outcome,) = send(submitter, path, multipart=True)
    assert (outcome.status, outcome.hash, outcome.bytes) == ("uploaded", "sha256", 12 * MIB + 5)
    is_there(submitter, outcome.guid, path)
    assert submitter.indexd.get(outcome.guid)["authz"] == [AUTHZ]


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "executor"])
def test_in_parts_where_another_has_its_size(
    submitter, practice, tmp_path, small_parts, monkeypatch, elsewhere
):
    """It is read to see whether it is there already, and not hashed once more as it is sent."""
    size = 12 * MIB + 6 + elsewhere
    send(submitter, made(tmp_path, "other.bin", size))
    path, read = made(tmp_path, "big.bin", size), []
    usual = carrying.read_over
    with ThreadPoolExecutor(2) as pool:
        options = {"multipart": True, "executor": pool if elsewhere else None}
        practice.sandbox.faults.add("storage-503", after=1, retry_after=0)
        with monkeypatch.context() as patched:
            patched.setattr(carrying, "read_over", lambda *given: read.append(given[0].path) or usual(*given))
            patched.setattr(parts, "hash_parts", None)
            (outcome,) = send(submitter, path, parallel=1, **options)
        assert (outcome.status, read) == ("failed", [str(path)])
        practice.sandbox.faults.clear()
        (again,) = send(submitter, path, **options)
    assert (again.status, again.guid, again.hash) == ("uploaded", outcome.guid, "sha256")
    is_there(submitter, again.guid, path)


def test_a_large_file_by_one_request_is_never_held_whole(submitter, tmp_path):
    path = made(tmp_path, "big.bin", 20 * MIB)
    (outcome,) = send(submitter, path)
    is_there(submitter, outcome.guid, path)


def test_empty_and_long_names(submitter, tmp_path):
    empty = made(tmp_path, "empty.txt", b"")
    long = made(tmp_path / "deep", "/".join(["f" * 100] * 2 + ["ü" * 98 + ".x"]), 10)
    (outcome,) = send(submitter, [empty], again=True)  # its content is that of any other
    assert (outcome.status, stored(submitter, outcome.guid)) == ("uploaded", b"")
    (outcome,) = send(submitter, tmp_path / "deep", include_subdirname=True)
    assert outcome.status == "uploaded"
    assert len(submitter.indexd.get(outcome.guid)["file_name"]) > 300
    is_there(submitter, outcome.guid, long)


def test_who_may_only_write_to_the_project(practice, tmp_path, small_parts):
    path = made(tmp_path, "big.bin", 6 * MIB)
    with practice.sandbox.as_user("narrow") as narrow:
        (outcome,) = send(narrow, path, multipart=True)  # parts take another right: it goes by one request
        assert outcome.status == "uploaded"
        is_there(narrow, outcome.guid, path)


def test_who_may_not(practice, tmp_path):
    path = made(tmp_path, "a.bin", 10)
    before = count(practice)
    with (
        practice.sandbox.as_user("reader") as reader,
        pytest.raises(errors.PermissionDenied, match="'create' and 'write-storage' on /programs/DEMO"),
    ):
        send(reader, path)
    assert count(practice) == before


def test_without_authz_only_the_uploader_reads(submitter, practice, tmp_path):
    path = made(tmp_path, "a.bin", 11)
    report = send(submitter, path, authz=None)
    (outcome,) = report
    assert "only you can read" in report.notes[0]
    record = submitter.indexd.get(outcome.guid)
    assert (record["authz"], record["uploader"]) == ([], submitter.auth.username)
    (again,) = send(submitter, made(tmp_path, "b.bin", path.read_bytes()), authz=None)
    assert (again.status, again.guid) == ("already there", outcome.guid)


# --- faults -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "storage-503", "times": 2, "retry_after": 0.01},
        {"kind": "storage-429", "times": 2, "retry_after": 0.01},
        {"kind": "storage-500", "times": 2},
        {"kind": "storage-drop", "times": 2},
        {"kind": "storage-truncated", "times": 1},
        {"kind": "storage-expired", "times": 2},
        {"kind": "storage-lost-part", "times": 1},
    ],
    ids=lambda fault: fault["kind"],
)
@pytest.mark.parametrize("size", [1000, 6 * MIB, 11 * MIB], ids=["small", "whole", "parts"])
def test_faults_of_the_store(submitter, practice, tmp_path, small_parts, fault, size):
    path = made(tmp_path, "a.bin", size)
    before = count(practice)
    practice.sandbox.faults.add(**fault, method="PUT")
    other = made(tmp_path, "b.bin", 500)
    frame = send(submitter, [path, other], multipart=size > 10 * MIB, wait=1, parallel=1).to_frame()
    assert frame["status"].tolist() == ["uploaded", "uploaded"], frame["why"].tolist()
    is_there(submitter, frame["guid"][0], path)
    is_there(submitter, frame["guid"][1], other)
    assert count(practice) == before + 2


@pytest.mark.parametrize(
    "kind", ["drop-before", "drop-after", "503", "504-after-commit", "500", "html-after"]
)
def test_an_answer_that_is_lost_makes_no_second_record(submitter, practice, tmp_path, kind):
    before = count(practice)
    path = made(tmp_path, f"{kind}.bin", 100)
    practice.sandbox.faults.add(kind, path="/user/data/upload", times=1)
    (outcome,) = send(submitter, path)
    assert outcome.status == "uploaded"
    is_there(submitter, outcome.guid, path)
    assert count(practice) == before + 1


def test_the_answer_to_the_last_request_is_lost(submitter, practice, tmp_path, small_parts):
    path = made(tmp_path, "big.bin", 6 * MIB)
    practice.sandbox.faults.add("504-after-commit", path="/user/data/multipart/complete", times=1)
    (outcome,) = send(submitter, path, multipart=True)
    assert outcome.status == "uploaded"
    is_there(submitter, outcome.guid, path)


def test_a_store_that_stays_away_leaves_it_for_the_next_call(submitter, practice, tmp_path):
    path, before = made(tmp_path, "a.bin", 100), count(practice)
    practice.sandbox.faults.add("storage-500")
    report = send(submitter, path)
    assert (report.ok, report.counts) == (False, {"failed": 1})
    assert "not available (500)" in next(iter(report)).why
    practice.sandbox.faults.clear()
    (outcome,) = send(submitter, path)
    assert outcome.status == "uploaded"
    assert count(practice) == before + 1


def test_a_commons_that_does_not_look_at_its_files(submitter, practice, tmp_path):
    practice.sandbox.settings(indexing=False)
    path = made(tmp_path, "a.bin", 100)
    (outcome,) = send(submitter, path, wait=0.2)
    assert (outcome.status, outcome.why) == ("uploaded", "")
    is_there(submitter, outcome.guid, path)
    record = submitter.indexd.get(outcome.guid)
    assert record["urls"] == [f"s3://commons-data/{outcome.guid}/a.bin"]


def test_and_whose_records_may_not_be_written(practice, tmp_path):
    practice.sandbox.settings(indexing=False)
    path = made(tmp_path, "a.bin", 100)
    with practice.sandbox.as_user("narrow") as narrow:
        (outcome,) = send(narrow, path, wait=0.2)
        assert (outcome.status, outcome.hash) == ("uploaded", "md5")
        assert "'update' on /programs/DEMO/projects/alpha" in outcome.why
        practice.sandbox.settings(indexing=True)
        (again,) = send(narrow, path, wait=0.2)
        assert (again.status, again.guid) == ("already there", outcome.guid)


def test_lost_where_nobody_looks(submitter, practice, tmp_path):
    practice.sandbox.settings(indexing=False)
    practice.sandbox.faults.add("storage-lost-part", times=1)
    path = made(tmp_path, "a.bin", 100)
    (outcome,) = send(submitter, path, wait=0.2)
    assert outcome.status == "uploaded"
    is_there(submitter, outcome.guid, path)
    practice.sandbox.faults.add("storage-lost-part")
    lost = made(tmp_path, "lost for ever.bin", 101)
    (outcome,) = send(submitter, lost, wait=0.2)
    assert (outcome.status, outcome.why) == ("failed", "the store does not have its bytes")
    assert records(submitter, file_name=lost.name) == []


def test_lost_and_nobody_can_look(submitter, practice, tmp_path):
    """What could not be seen to be there is looked at by the next call, whatever its record says by then."""
    practice.sandbox.settings(indexing=False)
    practice.sandbox.faults.add("storage-lost-part", times=1)
    practice.sandbox.faults.add("storage-503", method="GET", retry_after=0)
    path = made(tmp_path, "a.bin", 103)
    (outcome,) = send(submitter, path, wait=0.2)
    assert "could not be seen" in outcome.why
    practice.sandbox.faults.clear()
    (outcome,) = send(submitter, path, wait=0.2)
    assert outcome.status == "uploaded"
    is_there(submitter, outcome.guid, path)


def test_a_commons_that_takes_no_authz_with_an_upload(submitter, practice, tmp_path, monkeypatch):
    real = FileRoutes.start_upload
    monkeypatch.setattr(
        FileRoutes, "start_upload", lambda self, name, authz=(), **more: real(self, name, **more)
    )
    path = made(tmp_path, "a.bin", 104)
    (outcome,) = send(practice, path)
    assert outcome.status == "uploaded"
    assert practice.indexd.get(outcome.guid)["authz"] == [AUTHZ]
    path.write_bytes(os.urandom(105))
    (outcome,) = send(submitter, path)
    assert outcome.status == "failed"
    assert "its record has no authz, and it could not be written there" in outcome.why
    practice.indexd.update(outcome.guid, {"authz": [AUTHZ]})
    (again,) = send(submitter, path)
    assert (again.status, again.guid) == ("already there", outcome.guid)


def test_a_commons_without_parts(submitter, practice, tmp_path):
    practice.sandbox.faults.add("404", path="/user/data/multipart/init")
    path = made(tmp_path, "big.bin", 6 * MIB)
    (outcome,) = send(submitter, path, multipart=True)
    assert outcome.status == "uploaded"
    is_there(submitter, outcome.guid, path)


def test_no_part_is_held_in_memory(submitter, tmp_path):
    path = made(tmp_path, "big.bin", 0)
    with path.open("wb") as file:
        for _ in range(70):
            file.write(os.urandom(MIB))
    tracemalloc.start()
    (outcome,) = send(submitter, path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert outcome.status == "uploaded"
    assert submitter.indexd.get(outcome.guid)["size"] == 70 * MIB
    assert peak < 40 * MIB  # 5 parts of 16 MiB, by 8 threads with a block each


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://s3.amazonaws.com/data/g/n%20a.bin?X-Amz-Date=1", "s3://data/g/n a.bin"),
        ("https://data.s3.eu-west-1.amazonaws.com/g/n%20a.bin?X-Amz-Date=1", "s3://data/g/n a.bin"),
        ("https://storage.googleapis.com/gdata/g/n%20a.bin?X-Goog-Date=1", "gs://gdata/g/n a.bin"),
        ("https://other.s3.amazonaws.com/g/n%20a.bin", ""),
        ("https://data.s3.amazonaws.com/prefix/g/n%20a.bin", ""),
    ],
)
def test_the_place_that_a_url_leads_to(url, place):
    assert place_of(url, "g/n a.bin", {"data": "s3", "gdata": "gs"}) == place


# --- files that are not what they should be ---------------------------------------------------------------


@pytest.mark.parametrize("size", [1000, 5 * MIB, 12 * MIB], ids=["small", "whole", "parts"])
def test_a_file_that_changes_is_refused(submitter, practice, tmp_path, small_parts, size):
    path, before = made(tmp_path, "growing.bin", size), count(practice)
    practice.sandbox.faults.add("storage-latency", seconds=0.7)

    def grow() -> None:
        time.sleep(0.4)
        with path.open("ab") as file:
            file.write(b"more")

    writer = threading.Thread(target=grow)
    writer.start()
    (outcome,) = send(submitter, path, multipart=size > 10 * MIB)
    writer.join()
    assert outcome.status == "failed"
    assert "it changed while it was being uploaded" in outcome.why
    assert count(practice) == before
    practice.sandbox.faults.clear()
    (outcome,) = send(submitter, path, multipart=size > 10 * MIB)
    assert outcome.status == "uploaded"
    is_there(submitter, outcome.guid, path)


def test_the_rest_goes_where_some_cannot(submitter, tmp_path):
    good = made(tmp_path / "d", "good.bin", 10)
    os.symlink(tmp_path / "nowhere", tmp_path / "d" / "broken")
    frame = pd.DataFrame({"path": [str(good), str(tmp_path / "d"), str(tmp_path / "gone"), None]})
    report = send(submitter, frame)
    assert [one.status for one in report] == ["uploaded", "failed", "failed", "failed"]
    assert [one.why for one in report][1:] == [
        "it is a folder, not a file: name the folder itself to upload what is in it",
        "there is no such file",
        "row 5 has no path",
    ]
    assert [one.status for one in send(submitter, tmp_path / "d")] == ["failed", "already there"]


def test_records_that_wait_for_their_files(submitter, tmp_path):
    """As sheepdog makes them where the metadata comes first."""
    path = made(tmp_path, "a.bin", 77)
    hashes = {"md5": hashlib.md5(path.read_bytes()).hexdigest()}
    guid = submitter.indexd.create(size=77, hashes=hashes, authz=[AUTHZ])["did"]
    (outcome,) = send(submitter, path, wait=0.2)
    assert (outcome.status, outcome.guid) == ("uploaded", guid)
    assert stored(submitter, guid) == path.read_bytes()


def test_a_guid_that_is_named(submitter, tmp_path):
    blank = submitter.indexd.create_blank(file_name="a.bin", uploader="submitter", authz=[AUTHZ])["did"]
    path = made(tmp_path, "a.bin", 78)
    frame = pd.DataFrame({"path": [str(path)], "guid": [blank]})
    (outcome,) = send(submitter, frame)
    assert (outcome.status, outcome.guid) == ("uploaded", blank)
    is_there(submitter, blank, path)
    assert next(iter(send(submitter, frame))).status == "already there"
    path.write_bytes(os.urandom(79))
    (outcome,) = send(submitter, frame)
    assert (outcome.status, outcome.guid) == ("failed", blank)
    assert "of another file" in outcome.why
    frame["guid"] = "dg.TEST/00000000-0000-0000-0000-000000000000"
    (outcome,) = send(submitter, frame)
    assert "the commons has no record" in outcome.why


def test_a_row_with_a_guid_that_is_none_fails_alone(submitter, tmp_path):
    paths = [str(made(tmp_path / "d", f"{at}.bin", 80 + at)) for at in range(4)]
    guids = ["...", None, "../../user", "a\ud800"]
    facts = {"path": paths, "guid": guids, "size": ["many"] * 4, "md5sum": ["xyz"] * 4}
    report = send(submitter, pd.DataFrame(facts, dtype=object))
    assert [one.status for one in report] == ["failed", "uploaded", "failed", "failed"]
    first, _, third, fourth = report.to_frame()["why"]
    assert (first, third) == tuple(
        f"the commons has no record {one} to upload this file to" for one in guids[::2]
    )
    assert fourth == r"'a\ud800' is no GUID"
    assert report.records()["file_size"].tolist() == [81]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such name")
def test_a_name_that_is_no_text_fails_alone(submitter, tmp_path):
    made(tmp_path / "d", "good.bin", 10)
    (tmp_path / "d" / os.fsdecode(b"\xff.bin")).write_bytes(b"x")
    report = send(submitter, tmp_path / "d")
    assert [one.status for one in report] == ["uploaded", "failed"]
    (failed,) = [one for one in report if one.status == "failed"]
    assert failed.why == "its name is no text (it is not UTF-8): rename it"
    assert failed.name.endswith(r"d/\udcff.bin")


# --- ended and begun again --------------------------------------------------------------------------------


def test_parts_that_are_stored_are_not_sent_again(submitter, practice, tmp_path, small_parts):
    path = made(tmp_path, "big.bin", 21 * MIB)
    practice.sandbox.faults.add("storage-503", after=2, retry_after=0)
    (outcome,) = send(submitter, path, multipart=True, parallel=1)
    assert outcome.status == "failed"
    practice.sandbox.faults.clear()
    practice.sandbox.faults.add("storage-latency", seconds=0, method="PUT")
    (again,) = send(submitter, path, multipart=True, parallel=1)
    assert (again.status, again.guid) == ("uploaded", outcome.guid)
    (fault,) = practice.sandbox.faults.list()
    assert fault["struck"] == 3
    is_there(submitter, again.guid, path)


def test_an_upload_that_the_store_has_forgotten(submitter, practice, tmp_path, small_parts):
    path = made(tmp_path, "big.bin", 11 * MIB)
    practice.sandbox.faults.add("storage-503", after=1, retry_after=0)
    (outcome,) = send(submitter, path, multipart=True, parallel=1)
    practice.sandbox.faults.clear()
    with upload_journal.UploadJournal(submitter.endpoint, submitter.auth.username) as journal:
        journal._do("update file set upload = 'forgotten'")
    (again,) = send(submitter, path, multipart=True)
    assert (again.status, again.guid) == ("uploaded", outcome.guid)
    is_there(submitter, again.guid, path)


SCRIPT = """
import sys
import gen3nb
from gen3nb.transfer import outgoing, upload  # what takes a while to import is there when it begins
outgoing.USUAL_PART = 5 << 20
endpoint, credentials, folder = sys.argv[1:]
with gen3nb.connect(endpoint, credentials=credentials) as commons:
    authz = "/programs/DEMO/projects/alpha"
    print("begins", flush=True)
    report = commons.files.upload(folder, authz=authz, multipart=True, progress=False)
    print(report)
    sys.exit(0 if report.ok else 1)
"""


def started(practice, folder: Path) -> subprocess.Popen:
    key = str(practice.sandbox.credentials("submitter"))
    arguments = [sys.executable, "-c", SCRIPT, practice.endpoint, key, str(folder)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    return process


def test_killed_again_and_again(submitter, practice, tmp_path):
    folder, before = tmp_path / "d", count(practice)
    paths = [made(folder, f"{at}.txt", 100 + at) for at in range(30)] + [made(folder, "big.bin", 23 * MIB)]
    practice.sandbox.faults.add("storage-latency", seconds=0.15)
    for seconds in (0.2, 0.5, 0.9):
        process = started(practice, folder)
        time.sleep(seconds)
        process.kill()
        process.communicate()
    practice.sandbox.faults.clear()
    process = started(practice, folder)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, out + err
    frame = send(submitter, folder).to_frame()
    assert set(frame["status"]) == {"already there"}
    for path, guid in zip(sorted(paths), frame["guid"], strict=True):
        is_there(submitter, guid, path)
    assert count(practice) == before + len(paths)


def test_ctrl_c_ends_it_with_a_report(practice, submitter, tmp_path):
    folder = tmp_path / "d"
    for at in range(40):
        made(folder, f"{at}.txt", 100 + at)
    practice.sandbox.faults.add("storage-latency", seconds=0.5)
    process = started(practice, folder)
    time.sleep(1.2)
    process.send_signal(2)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    assert "TransferError: Interrupted: " in err
    assert "not started" in err
    practice.sandbox.faults.clear()
    report = send(submitter, folder)
    assert report.ok
    assert sum(report.counts.values()) == 40


def test_two_programs_at_one_folder(practice, submitter, tmp_path):
    folder, before = tmp_path / "d", count(practice)
    for at in range(10):
        made(folder, f"{at}.txt", 100 + at)
    practice.sandbox.faults.add("storage-latency", seconds=0.5)
    processes = [started(practice, folder) for _ in range(2)]
    for process in processes:
        process.communicate(timeout=60)
    practice.sandbox.faults.clear()
    assert send(submitter, folder).ok
    assert count(practice) == before + 10


def test_stopped_while_files_are_looked_at(submitter, tmp_path, monkeypatch):
    stop, looked = threading.Event(), []
    usual = Uploader.looked_at

    def look(self: Uploader, job: object) -> bool:
        looked.append(job)
        if len(looked) == 3:
            stop.set()
        return usual(self, job)

    monkeypatch.setattr(Uploader, "looked_at", look)
    for at in range(5):
        made(tmp_path / "d", f"{at}.txt", 10 + at)
    report = send(submitter, tmp_path / "d", stop=stop)
    assert report.counts == {"not started": 5}


def test_stop(submitter, tmp_path):
    stop = threading.Event()
    stop.set()
    report = send(submitter, made(tmp_path, "a.bin", 10), stop=stop)
    assert report.counts == {"not started": 1}


# --- the journal ------------------------------------------------------------------------------------------


def test_the_journal_is_the_users_own_and_holds_no_url(submitter, tmp_path, small_parts):
    report = send(submitter, made(tmp_path, "big.bin", 6 * MIB), multipart=True)
    assert report.ok, report.failed
    (path,) = upload_journal.upload_folder().glob("*.sqlite")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert b"X-Amz" not in path.read_bytes()
    assert b"http" not in path.read_bytes()


def test_a_broken_journal_is_set_aside(submitter, tmp_path):
    path = made(tmp_path, "a.bin", 10)
    (first,) = send(submitter, path)
    (journal,) = upload_journal.upload_folder().glob("*.sqlite")
    journal.write_bytes(b"no database at all" * 1000)
    (again,) = send(submitter, path)
    assert (again.status, again.guid) == ("already there", first.guid)
    assert len(list(upload_journal.upload_folder().glob("*.broken*"))) == 1


FULL = """
import resource, sys
import gen3nb
from gen3nb.transfer import upload_journal
endpoint, credentials, folder = sys.argv[1:]
with gen3nb.connect(endpoint, credentials=credentials) as commons:
    commons.whoami()
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
    try:
        commons.files.upload(folder, authz="/programs/DEMO/projects/alpha", progress=False, parallel=1)
    except gen3nb.errors.TransferError as error:
        print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_full_disk_under_the_journal(practice, submitter, tmp_path):
    folder, before = tmp_path / "d", count(practice)
    for at in range(300):
        made(folder, f"{at}-{'x' * 100}.txt", 100 + at)
    key = str(practice.sandbox.credentials("submitter"))
    done = subprocess.run(
        [sys.executable, "-c", FULL, practice.endpoint, key, str(folder)],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert "The journal of uploads" in done.stdout, done.stdout + done.stderr
    assert "Make room there" in done.stdout
    assert send(submitter, folder).ok
    assert count(practice) <= before + 301  # the record that was made when the room ended


def test_pickled(submitter, tmp_path):
    import pickle

    report = send(submitter, made(tmp_path, "a.bin", 10))
    again = pickle.loads(pickle.dumps(report))
    assert again.to_frame().equals(report.to_frame())
    assert again.records().equals(report.records())
    assert json.loads(again.records().to_json(orient="records"))[0]["file_size"] == 10


def test_killed_before_the_answer_was_written_down(submitter, practice, tmp_path):
    """A record was made, and nobody knew of it then: the next call takes that record."""
    path, before = made(tmp_path, f"{uuid.uuid4()}.bin", 12_347), count(practice)
    practice.sandbox.faults.add("504-after-commit", path="/user/data/upload", times=1)
    practice.sandbox.faults.add("500", path="/index/index/", method="GET", after=1)
    (outcome,) = send(submitter, path)
    practice.sandbox.faults.clear()
    assert (outcome.status, count(practice)) == ("failed", before + 1)
    (outcome,) = send(submitter, path)
    assert (outcome.status, count(practice)) == ("uploaded", before + 1)
    is_there(submitter, outcome.guid, path)


def test_one_authz_that_is_refused_stops_no_other(practice, tmp_path):
    paths = [made(tmp_path / "d", f"{at}.bin", 30 + at) for at in range(3)]
    told = {str(paths[0]): {"authz": ["/programs/OTHER"]}}
    with practice.sandbox.as_user("narrow") as narrow:
        report = send(narrow, tmp_path / "d", metadata=told, parallel=1)
    assert [one.status for one in report] == ["failed", "uploaded", "uploaded"]
    assert "on /programs/OTHER" in next(iter(report)).why
