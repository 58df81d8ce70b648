"""Uploads whose answers or records come late: nothing is doubled, and what was not written is told."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from test_upload import AUTHZ, count, is_there, made, records, send

from gen3nb import errors
from gen3nb.client.fence_files import FileRoutes
from gen3nb.client.indexd import Indexd
from gen3nb.client.metadata import Metadata
from gen3nb.transfer import naming, upload
from gen3nb.transfer.upload_journal import UploadJournal

WAIT = 0.2  # seconds that the commons has to look at a file
OTHERS = "/programs/DEMO/projects/others"


pytestmark = pytest.mark.usefixtures("uploads")


@pytest.fixture
def path(tmp_path) -> Path:
    return made(tmp_path, f"{os.urandom(6).hex()}.bin", os.urandom(1000))


def noted(commons) -> list[str]:
    """Give what the journal has of files: how far each is."""
    with UploadJournal(commons.endpoint, commons.auth.username) as journal:
        return [state for (state,) in journal._base.execute("select state from file")]


# --- the answer of the request for a GUID -----------------------------------------------------------------


def test_a_record_that_the_index_lists_late_is_found(submitter, practice, path, monkeypatch):
    """Its answer was lost, and the first look did not find it; a second request failed; then it is there."""
    real, looks, asks = Indexd.records, [], []

    def listed(self: Indexd, **facts: Any) -> Iterator[dict[str, Any]]:
        if "file_name" not in facts:
            return real(self, **facts)
        looks.append(facts)
        return iter(()) if len(looks) == 1 else real(self, **facts)

    def asked(self: FileRoutes, *given: Any, **more: Any) -> Any:
        asks.append(given)
        if len(asks) == 2:
            raise errors.Unavailable("not now", service="fence")
        return started(self, *given, **more)

    started = FileRoutes.start_upload
    monkeypatch.setattr(Indexd, "records", listed)
    monkeypatch.setattr(FileRoutes, "start_upload", asked)
    before = count(practice)
    practice.sandbox.faults.add("504-after-commit", path="/user/data/upload", times=1)
    (outcome,) = send(submitter, path)
    assert (outcome.status, len(looks), len(asks)) == ("uploaded", 2, 2)
    assert count(practice) == before + 1
    is_there(submitter, outcome.guid, path)


def test_the_answer_of_the_last_try_is_lost_and_the_next_call_finds_the_record(submitter, practice, path):
    before = count(practice)
    practice.sandbox.faults.add("503", path="/user/data/upload", times=naming.TRIES - 1, retry_after=0)
    practice.sandbox.faults.add("504-after-commit", path="/user/data/upload")
    (outcome,) = send(submitter, path)
    assert outcome.status == "failed"
    practice.sandbox.faults.clear()
    assert (count(practice), noted(submitter)) == (before + 1, ["begun"])
    (outcome,) = send(submitter, path)
    assert (outcome.status, count(practice)) == ("uploaded", before + 1)
    is_there(submitter, outcome.guid, path)


def test_a_record_of_other_readers_is_not_taken_for_the_one_that_was_lost(submitter, practice, path):
    """Somebody makes a record of the same name for another project, between a lost request and the next."""
    other = practice.indexd.create_blank(file_name=path.name, uploader="x", authz=[AUTHZ, OTHERS])["did"]
    practice.sandbox.faults.add("503", path="/user/data/upload", times=1, retry_after=0)
    (outcome,) = send(submitter, path)
    assert (outcome.status, outcome.guid != other) == ("uploaded", True)
    assert practice.indexd.get(other)["size"] is None


def test_a_record_that_waits_for_another_file_is_not_taken_for_the_one_that_was_lost(
    submitter, practice, path
):
    """As sheepdog makes them: size and hashes are known, and no place."""
    other = practice.indexd.create(**facts_of(path, size=5, urls=()), authz=[AUTHZ], file_name=path.name)[
        "did"
    ]
    practice.sandbox.faults.add("503", path="/user/data/upload", times=1, retry_after=0)
    (outcome,) = send(submitter, path)
    assert (outcome.status, outcome.guid != other) == ("uploaded", True)
    assert practice.indexd.get(other)["size"] == 5


def test_the_record_of_another_file_that_failed_is_not_taken_for_the_one_that_was_lost(
    submitter, practice, path
):
    other = made(path.parent / "other", path.name, 500)
    practice.sandbox.faults.add("storage-500")
    (first,) = send(submitter, other)
    practice.sandbox.faults.clear()
    assert (first.status, bool(first.guid)) == ("failed", True)
    practice.sandbox.faults.add("503", path="/user/data/upload", times=1, retry_after=0)
    (second,) = send(submitter, path)
    assert (second.status, second.guid != first.guid) == ("uploaded", True)
    (again,) = send(submitter, other)
    assert (again.status, again.guid) == ("uploaded", first.guid)
    is_there(submitter, second.guid, path)


# --- a record that somebody else writes at this moment ----------------------------------------------------


def facts_of(path: Path, **others: Any) -> dict[str, Any]:
    content = path.read_bytes()
    sums = {kind: hashlib.new(kind, content).hexdigest() for kind in ("md5", "sha256")}
    return {"size": len(content), "hashes": sums, "urls": ["s3://commons-data/k"], **others}


@pytest.mark.parametrize(
    ("theirs", "status", "words"),
    [
        ({}, "uploaded", ""),
        ({"hashes": {"md5": "f" * 32}}, "failed", "the index has other hashes than what was sent"),
        ({"size": 999}, "failed", "the index has 999 bytes, and 1,000 were sent"),
        ({"urls": ()}, "uploaded", "the commons has not looked at it yet"),
    ],
    ids=["as it was sent", "other hashes", "another size", "no place"],
)
def test_somebody_fills_the_record_while_it_is_filled_here(
    submitter, practice, path, monkeypatch, theirs, status, words
):
    real, filled = Indexd._json, []

    def asked(self: Indexd, method: str, address: str, **more: Any) -> Any:
        if "/index/blank/" in address and method == "PUT" and not filled:
            filled.append(address)
            practice.indexd.fill_blank(unquote(address.rpartition("blank/")[2]), **facts_of(path, **theirs))
        return real(self, method, address, **more)  # of an older revision: 409

    monkeypatch.setattr(Indexd, "_json", asked)
    practice.sandbox.settings(indexing=False)
    (outcome,) = send(submitter, path, wait=WAIT)
    assert outcome.status == status, outcome.why
    assert words in outcome.why if words else outcome.why == ""
    if status == "uploaded":
        record = submitter.indexd.get(outcome.guid)
        assert record["urls"] == list(facts_of(path, **theirs)["urls"])
    assert noted(submitter) == ({"": ["done"]}.get(words, ["stored"]) if status == "uploaded" else [])


@pytest.mark.parametrize("theirs", [[AUTHZ], [OTHERS]], ids=["the same", "other readers"])
def test_somebody_says_who_may_read_it_while_it_is_said_here(submitter, practice, path, monkeypatch, theirs):
    real = FileRoutes.start_upload
    monkeypatch.setattr(
        FileRoutes, "start_upload", lambda self, name, authz=(), **more: real(self, name, **more)
    )
    update, written = Indexd.update, []

    def updated(self: Indexd, guid: str, facts: dict[str, Any], rev: str | None = None) -> dict[str, Any]:
        if not written:
            written.append(guid)
            update(practice.indexd, guid, {"authz": theirs})
        return update(self, guid, facts, rev)

    monkeypatch.setattr(Indexd, "update", updated)
    (outcome,) = send(practice, path)
    assert written == [outcome.guid]
    assert practice.indexd.get(outcome.guid)["authz"] == theirs
    assert outcome.status == ("uploaded" if theirs == [AUTHZ] else "failed")
    if theirs == [OTHERS]:
        assert "its record has no authz, and it could not be written there" in outcome.why


# --- what could not be written ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["500", "404"])
def test_size_and_hashes_that_cannot_be_written_are_told_and_tried_again(submitter, practice, path, kind):
    practice.sandbox.settings(indexing=False)
    practice.sandbox.faults.add(kind, path="/index/index/blank/*", method="PUT")
    practice.sandbox.faults.add(kind, path="/index/blank/*", method="PUT")
    (outcome,) = send(submitter, path, wait=WAIT)
    assert outcome.why.startswith(
        "the commons has not looked at it within 0 s, and writing it there failed: "
    )
    assert (outcome.status, noted(submitter)) == ("uploaded", ["stored"])
    assert submitter.indexd.get(outcome.guid)["size"] is None
    practice.sandbox.faults.clear()
    (again,) = send(submitter, path, wait=WAIT)
    assert (again.status, again.why, noted(submitter)) == ("already there", "", ["done"])
    is_there(submitter, again.guid, path)


def test_who_may_read_it_is_written_with_size_and_hashes(practice, path, monkeypatch):
    real = FileRoutes.start_upload
    monkeypatch.setattr(
        FileRoutes, "start_upload", lambda self, name, authz=(), **more: real(self, name, **more)
    )
    practice.sandbox.settings(indexing=False)
    (outcome,) = send(practice, path, wait=WAIT)
    assert (outcome.status, practice.indexd.get(outcome.guid)["authz"]) == ("uploaded", [AUTHZ])


def test_a_place_that_is_not_known_is_not_made_up(submitter, practice, path, monkeypatch):
    monkeypatch.setattr("gen3nb.transfer.confirming.place_of", lambda *_: "")
    practice.sandbox.settings(indexing=False)
    (outcome,) = send(submitter, path, wait=WAIT)
    words = "its size and hashes were written there, but not its place, which is not known"
    assert (outcome.status, outcome.why) == (
        "uploaded",
        f"the commons has not looked at it within 0 s: {words}",
    )
    record = submitter.indexd.get(outcome.guid)
    assert (record["size"], record["urls"], noted(submitter)) == (1000, [], ["stored"])


def test_stopped_while_the_commons_has_not_looked_yet(submitter, practice, path):
    stop = threading.Event()
    practice.sandbox.settings(indexing=False)

    def moved(done: int, *_: object) -> None:
        if done:
            stop.set()

    (outcome,) = send(submitter, path, stop=stop, progress=moved)
    assert (outcome.status, outcome.why) == ("uploaded", "the commons has not looked at it yet")
    assert noted(submitter) == ["stored"]


def test_a_blank_record_that_cannot_be_deleted_is_named_and_used_again(submitter, practice, path):
    practice.sandbox.settings(indexing=False)
    practice.sandbox.faults.add("storage-lost-part")
    practice.sandbox.faults.add("500", path="/user/data/*", method="DELETE")
    (outcome,) = send(submitter, path, wait=WAIT)
    assert outcome.status == "failed"
    assert "the store does not have its bytes; its blank record " in outcome.why
    assert "could not be deleted (" in outcome.why
    (left,) = records(submitter, file_name=path.name)
    assert left["did"] in outcome.why
    practice.sandbox.faults.clear()
    practice.sandbox.settings(indexing=True)


# --- other names and metadata -----------------------------------------------------------------------------


def told(path: Path) -> dict[str, Any]:
    return {str(path): {"aliases": [f"alias-{path.stem}"], "metadata": {"colour": "blue"}}}


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (["/index/index/*/aliases/"], ["its other names were not stored: "]),
        (["/mds-admin/*"], ["its metadata was not stored: "]),
        (
            ["/index/index/*/aliases/", "/mds-admin/*"],
            ["its other names were not stored: ", "; its metadata was not stored: "],
        ),
    ],
    ids=["names", "metadata", "both"],
)
def test_what_could_not_be_stored_of_a_file_fails_it_and_is_tried_again(
    practice, path, monkeypatch, faults, words
):
    for pattern in faults:
        practice.sandbox.faults.add("500", path=pattern, method="POST")
    report = send(practice, [path, made(path.parent, "plain.bin", 10)], metadata=told(path))
    assert report.counts == {"failed": 1, "uploaded": 1}
    assert not report.ok
    first, _ = report
    assert first.why.startswith("it is there, but ")
    assert all(word in first.why for word in words)
    practice.sandbox.faults.clear()
    again = send(practice, path, metadata=told(path))
    assert again.counts == {"already there": 1}
    assert practice.indexd.aliases(first.guid) == [f"alias-{path.stem}"]
    assert practice.metadata.get(first.guid) == {"colour": "blue"}
    # and once more: nothing is stored twice, nothing is in the way
    assert send(practice, path, metadata=told(path)).counts == {"already there": 1}


def test_metadata_that_the_service_does_not_take(practice, path, monkeypatch):
    """Ours takes all that JSON can hold: the answer of one that does not is made up here."""
    monkeypatch.setattr(Metadata, "create_many", lambda self, data, **_: {"bad_input": list(data)})
    (outcome,) = send(practice, path, metadata=told(path))
    assert outcome.status == "failed"
    assert outcome.why == "it is there, but its metadata was not stored: the service does not take it"


def test_other_metadata_that_is_there_stays_and_fails_the_file(practice, path):
    (first,) = send(practice, path)
    practice.metadata.create(first.guid, {"colour": "red"})
    (outcome,) = send(practice, path, metadata=told(path))
    assert (outcome.status, outcome.why) == (
        "failed",
        "it is there, but its metadata was not stored: the commons has other metadata of it, which stays",
    )
    assert practice.metadata.get(first.guid) == {"colour": "red"}
    practice.metadata.update(first.guid, {"colour": "blue", "of its own": 1})
    (outcome,) = send(practice, path, metadata=told(path))
    assert (outcome.status, outcome.why) == ("already there", "")


# --- Ctrl-C before anything went --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place",
    ["find_files", "UploadJournal", "shepherd_of", "by_path"],
    ids=["files", "notes", "Shepherd", "plan"],
)
def test_ctrl_c_before_anything_was_sent(submitter, practice, path, monkeypatch, place):
    before = count(practice)

    def press(*_: object, **__: object) -> None:
        os.kill(os.getpid(), 2)
        time.sleep(1)

    with monkeypatch.context() as patch:
        patch.setattr(upload, place, press)
        with pytest.raises(errors.TransferError, match="nothing was uploaded") as caught:
            send(submitter, path)
    assert (caught.value.facts["interrupted"], count(practice)) == (True, before)
    assert send(submitter, path).counts == {"uploaded": 1}
