"""What an earlier call left is used only as far as the disk, the store and the index agree."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from test_download import AUTHZ, UNIT, big, fetched, files_in, hurry, small, uploaded

import gen3nb
from gen3nb.errors import TransferError
from gen3nb.transfer import download as download_room
from gen3nb.transfer import fetching, journal
from gen3nb.transfer import turns as turns_room
from gen3nb.transfer.downloader import Downloader
from gen3nb.transfer.fetching import Result
from gen3nb.transfer.journal import Part
from gen3nb.transfer.large import Follower, LargeFile
from gen3nb.transfer.names import part_name
from gen3nb.transfer.plan import Planned
from gen3nb.transfer.turns import Turns

ALL = ((0, 4 * UNIT),)


@pytest.fixture(scope="module")
def commons() -> Iterator[gen3nb.Commons]:
    with gen3nb.sandbox() as commons:
        yield commons


@pytest.fixture(autouse=True)
def quick(commons, monkeypatch, tmp_path) -> Iterator[None]:
    """Small ranges, short pauses, notes of its own, no faults left behind."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    hurry(monkeypatch)
    yield
    commons.sandbox.faults.clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def without_hash(commons: gen3nb.Commons, guid: str, **facts: object) -> str:
    """Register the bytes of a file once more, with a hash that nobody can check."""
    record = commons.indexd.get(guid)
    given = {name: record[name] for name in ("size", "urls", "authz", "file_name")}
    return str(commons.indexd.create(**{**given, "hashes": {"crc": "00000000"}, **facts})["did"])


def etag_of(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


# --- parts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "size"),
    [
        ({"etag": '"of another object"'}, 0),
        ({"etag": ""}, 0),
        ({"size": 5 * UNIT}, 0),
        ({"name": "other.bin"}, 0),
        ({}, -1),
        ({}, 1),
    ],
    ids=["another etag", "no etag", "another size", "another name", "part too short", "part too long"],
)
def test_no_byte_of_another_object_is_kept_where_no_hash_would_tell(commons, folder, facts, size):
    guid, content = big(commons)
    guid = without_hash(commons, guid)
    (folder / part_name("big.bin", guid)).write_bytes(bytes(len(content) + size))
    note = replace(Part(guid, "big.bin", len(content), etag_of(content), ALL), **facts)
    with journal.opened(folder, commons.endpoint) as notes:
        notes.note_part(note)
    report = fetched(commons, guid, folder)
    assert report.ok
    assert (folder / "big.bin").read_bytes() == content
    assert report.bytes >= len(content)


def test_what_fits_is_used_also_where_no_hash_would_tell(commons, folder):
    guid, content = big(commons)
    guid = without_hash(commons, guid)
    (folder / part_name("big.bin", guid)).write_bytes(content[: 4 * UNIT].ljust(len(content), b"\0"))
    with journal.opened(folder, commons.endpoint) as notes:
        notes.note_part(Part(guid, "big.bin", len(content), etag_of(content), ALL))
    report = fetched(commons, guid, folder)
    assert (report.ok, report.bytes) == (True, len(content) - 4 * UNIT)
    assert "only its size was checked" in report.to_frame()["why"].item()
    assert "went on after" in report.to_frame()["why"].item()
    assert (folder / "big.bin").read_bytes() == content


def test_after_a_power_cut_parts_that_no_hash_checks_are_fetched_again(commons, folder, monkeypatch):
    guid, content = big(commons)
    plain = without_hash(commons, guid)
    boot = journal._boot()
    with monkeypatch.context() as before:
        before.setattr(journal, "_boot", lambda: boot - 5_000)
        for one in (guid, plain):
            (folder / part_name("big.bin", one)).write_bytes(bytes(len(content)))
            with journal.opened(folder, commons.endpoint) as notes:
                notes.note_part(Part(one, "big.bin", len(content), etag_of(content), ALL))
    assert fetched(commons, plain, folder).ok
    assert (folder / "big.bin").read_bytes() == content


def test_a_part_that_begins_anew_is_no_longer_noted(commons, folder):
    """Else the next call would take for there what a killed one had only begun."""
    with journal.opened(folder, commons.endpoint) as notes:
        notes.note_part(Part("g", "big.bin", 5 * UNIT, '"e"', ALL))
        path = str(folder / "big.bin")
        job = fetching.Job("g", "", path, f"{path}.part", size=5 * UNIT)
        LargeFile(Planned(0, "g", "big.bin", 5 * UNIT), job, notes)
        assert notes.part("g", checked=True) is None


def test_a_link_in_the_place_of_a_large_part_is_not_written_through(commons, folder, tmp_path):
    guid, content = big(commons)
    (tmp_path / "precious").write_bytes(b"precious")
    (folder / part_name("big.bin", guid)).symlink_to(tmp_path / "precious")
    assert fetched(commons, guid, folder).ok
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert (folder / "big.bin").read_bytes() == content


def test_an_object_that_is_replaced_again_and_again_leaves_nothing(commons, folder):
    guid, content = big(commons)
    guid = without_hash(commons, guid)
    # every second range is of another object
    for after in range(1, 60, 2):
        commons.sandbox.faults.add("storage-other-etag", after=after, times=1)
    report = fetched(commons, guid, folder, parallel=1)
    assert (
        "the object was replaced while it was downloaded; nothing of it was kept"
        in report.failed["why"].item()
    )
    assert files_in(folder) == []
    with journal.opened(folder, commons.endpoint) as notes:
        assert notes.part(guid, checked=True) is None
    commons.sandbox.faults.clear()
    assert fetched(commons, guid, folder).ok
    assert (folder / "big.bin").read_bytes() == content


@pytest.mark.parametrize(("parallel", "after"), [(1, 2), (4, 1)])
def test_an_object_that_was_replaced_in_mid_transfer_is_no_mixture(commons, folder, parallel, after):
    guid, content = big(commons)
    guid = without_hash(commons, guid)
    commons.sandbox.faults.add("storage-other-etag", after=after, times=1)
    report = fetched(commons, guid, folder, parallel=parallel)
    assert report.ok
    assert report.bytes > len(content)  # begun anew
    assert (folder / "big.bin").read_bytes() == content


@contextmanager
def large_file(commons: gen3nb.Commons, folder: Path) -> Iterator[LargeFile]:
    """Begin a file of nine ranges, of which none is fetched."""
    path = str(folder / "big.bin")
    job = fetching.Job("g", "", path, f"{path}.part", size=9 * UNIT)
    with journal.opened(folder, commons.endpoint) as notes:
        yield LargeFile(Planned(0, "g", "big.bin", 9 * UNIT), job, notes)


def test_two_ranges_that_were_asked_for_at_once_and_are_of_two_objects(commons, folder):
    guid, content = big(commons)
    guid = without_hash(commons, guid)
    # the second of the first two is of another object, and comes later
    commons.sandbox.faults.add("storage-other-etag", after=1, times=1)
    commons.sandbox.faults.add("storage-slow-start", after=1, times=1, seconds=0.5)
    report = fetched(commons, guid, folder, parallel=2)
    assert report.ok
    assert report.bytes > len(content)  # begun anew
    assert (folder / "big.bin").read_bytes() == content


@pytest.mark.parametrize(("etag", "more"), [('"e"', True), ("", False)])
def test_ranges_go_side_by_side_only_where_an_etag_says_of_which_object_they_are(commons, folder, etag, more):
    came = Result(fetching.DONE, bytes=UNIT, seconds=0.1, etag=etag)
    with large_file(commons, folder) as large:
        first, second = large.next(), large.next()
        assert large.next() is None
        large.running -= 1
        large.came(first, came)
        assert (large.next() is not None) == more
        large.running -= 1
        large.came(second, came)
        if more:
            return
        assert large.next() is not None
        assert large.next() is None


def test_a_file_that_is_begun_anew_before_anything_came_is_begun_with_one_range(commons, folder):
    with large_file(commons, folder) as large:
        large.restart()
        assert large.next() is not None
        assert large.next() is None


def test_what_came_of_a_range_of_another_object_is_not_gone_on_with(commons, folder):
    with large_file(commons, folder) as large:
        first, second = large.next(), large.next()
        large.came(first, Result(fetching.DONE, bytes=UNIT, seconds=0.1, etag='"e"'))
        large.again(second, Result(fetching.EXPIRED, bytes=5, etag='"other"'))
        assert large.next().first == second.first
        large.again(second, Result(fetching.EXPIRED, bytes=5, etag='"e"'))
        assert large.next().first == second.first + 5


def test_a_store_without_ranges_and_a_part_of_an_earlier_call(commons, folder):
    guid, content = big(commons)
    commons.sandbox.faults.add("storage-drop", after=3)
    assert not fetched(commons, guid, folder, parallel=1).ok
    commons.sandbox.faults.clear()
    commons.sandbox.faults.add("storage-no-range")
    assert fetched(commons, guid, folder).ok
    assert (folder / "big.bin").read_bytes() == content
    assert files_in(folder) == ["big.bin"]


def test_ranges_of_a_file_wait_for_their_turns(monkeypatch):
    turns, order, both = Turns(), [], threading.Barrier(2)

    def read(name: str) -> None:
        with turns.turn():
            order.append(name)
            if name != "third":
                both.wait(20)

    with ThreadPoolExecutor(3) as pool, turns.turn():
        waiting = [pool.submit(read, name) for name in ("first", "second")]
        time.sleep(0.2)
        assert order == []
        turns.widen(3)  # room for two beside this one
        wait(waiting, 20)
        assert sorted(order) == ["first", "second"]
        turns.widen(1)
        monkeypatch.setattr(turns_room, "PATIENCE", 0.1)
        pool.submit(read, "third").result(20)  # nobody makes room, and it has waited long enough


def test_a_part_that_shrinks_while_it_is_read_is_not_taken_for_whole(folder):
    (folder / "part").write_bytes(bytes(50))
    follower = Follower(str(folder / "part"), "md5", 100)
    follower.grown(0, 100)
    with pytest.raises(OSError, match="is shorter than it was"):
        follower.hash()


def test_the_whole_in_place_of_a_range_is_kept(commons, folder):
    guid, content = big(commons)
    commons.sandbox.faults.add("storage-no-range")
    report = fetched(commons, guid, folder)
    assert (report.ok, report.bytes) == (True, len(content))
    assert (folder / "big.bin").read_bytes() == content
    (fault,) = commons.sandbox.faults.list()
    assert fault["struck"] <= 2  # the first range, and the one that was asked for before its turn


@pytest.mark.parametrize("hashed", [True, False])
def test_what_came_by_processes_is_read_again_where_there_is_a_hash(commons, folder, hashed):
    guid, _ = big(commons)
    if not hashed:
        guid = without_hash(commons, guid)
    commons.sandbox.faults.add("storage-corrupt")
    with ProcessPoolExecutor(1) as executor:
        report = fetched(commons, guid, folder, executor=executor)
    if hashed:
        assert "its sha256 is" in report.failed["why"].item()
        assert files_in(folder) == []
    else:
        assert "only its size was checked" in report.to_frame()["why"].item()


# --- files ------------------------------------------------------------------------------------------------


def another(commons: gen3nb.Commons, name: str, content: bytes) -> dict[str, object]:
    """Upload another content, and give what its record says."""
    record = commons.indexd.get(uploaded(commons, content, name))
    return {name: record[name] for name in ("size", "hashes", "urls")}


@pytest.mark.parametrize("length", [1000, 2000], ids=["another hash", "another size"])
def test_a_record_that_says_otherwise_by_now(commons, folder, monkeypatch, length):
    guid, _ = small(commons)
    fetched(commons, guid, folder)
    content = os.urandom(length)
    # no index lets one change them, but one that was repaired by its keepers says another thing
    facts = another(commons, "a.bin", content)
    real = commons.indexd.bulk
    monkeypatch.setattr(
        commons.indexd, "bulk", lambda guids: {one: {**held, **facts} for one, held in real(guids).items()}
    )
    report = fetched(commons, guid, folder)
    assert "another file of this name is there" in report.failed["why"].item()
    target = commons.indexd.create(authz=[AUTHZ], file_name="a.bin", **facts)["did"]
    monkeypatch.undo()
    monkeypatch.setenv("XDG_STATE_HOME", str(folder.parent / "state"))
    assert fetched(commons, target, folder, overwrite=True).counts == {"downloaded": 1}
    assert (folder / "a.bin").read_bytes() == content


def test_the_notes_of_another_guid_are_not_believed(commons, folder):
    """Two files of one size and one name: what was checked was the other one."""
    first, content = small(commons)
    first = without_hash(commons, first)
    assert fetched(commons, first, folder).ok
    assert fetched(commons, first, folder).counts == {"already there": 1}
    path = folder / "a.bin"
    second = without_hash(commons, uploaded(commons, os.urandom(1000)))
    report = fetched(commons, second, folder)
    assert "another file of this name is there" in report.failed["why"].item()
    assert path.read_bytes() == content


def test_notes_of_another_commons_are_not_believed(commons, folder):
    guid = without_hash(commons, small(commons)[0])
    fetched(commons, guid, folder)
    with (
        journal.opened(folder, commons.endpoint) as ours,
        journal.opened(folder, "https://other.org") as theirs,
    ):
        assert ours.done(["a.bin"])
        assert not theirs.done(["a.bin"])


def test_shards_have_notes_and_parts_of_their_own(folder):
    with journal.opened(folder, "e", "1of2"), journal.opened(folder, "e", "2of2"):
        assert part_name("a", "g", "1of2") != part_name("a", "g", "2of2")
    assert part_name("a", "g") != part_name("a", "h")


def test_a_damaged_journal_only_costs_work(commons, folder):
    guid, _ = small(commons)
    fetched(commons, guid, folder)
    (notes,) = (journal.user_state_path("gen3nb", appauthor=False) / "downloads").glob("*.sqlite")
    notes.write_bytes(b"no database at all" * 1000)
    assert fetched(commons, guid, folder).counts == {"already there": 1}


def test_notes_that_cannot_be_kept_say_so(commons, folder, monkeypatch):
    guid, content = small(commons)
    (folder.parent / "occupied").write_text("x")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder.parent / "occupied"))
    with pytest.raises(TransferError, match=r"cannot be kept in .*XDG_STATE_HOME"):
        fetched(commons, guid, folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(folder.parent / "state"))

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(journal.Journal, "note_done", full)
    with pytest.raises(TransferError, match=r"database or disk is full.*same call again goes on"):
        fetched(commons, guid, folder)
    monkeypatch.undo()
    monkeypatch.setenv("XDG_STATE_HOME", str(folder.parent / "state"))
    assert fetched(commons, guid, folder).counts == {"already there": 1}
    assert (folder / "a.bin").read_bytes() == content


# --- stopped and begun again ------------------------------------------------------------------------------


def test_ctrl_c_in_every_phase(commons, folder, monkeypatch):
    guids = [small(commons, f"{number}.bin")[0] for number in range(3)] + [big(commons)[0]]

    def interrupted(room: object, name: str) -> None:
        """Press Ctrl-C as soon as this is called."""
        real = getattr(room, name)
        pressed = threading.Event()

        def press(*given: object, **options: object) -> object:
            if not pressed.is_set():
                pressed.set()
                os.kill(os.getpid(), 2)
            return real(*given, **options)

        with monkeypatch.context() as patch:
            patch.setattr(room, name, press)
            with pytest.raises(TransferError, match="Interrupted") as caught:
                fetched(commons, guids, folder)
        assert caught.value.facts["interrupted"]
        report = caught.value.facts.get("report")
        if report is not None:
            assert len(report) == len(guids)
            assert set(report.to_frame()["status"]) <= {"downloaded", "already there", "not started"}
            assert set(report.failed["why"]) <= {"interrupted"}
            for one in report:
                assert (folder / one.name).exists() == (one.status != "not started")

    interrupted(download_room, "opened")  # opening the notes
    interrupted(commons.indexd, "bulk")  # planning
    assert files_in(folder) == []
    interrupted(commons.fence, "download_urls")  # presigning
    interrupted(Downloader, "settle")  # transferring
    interrupted(Downloader, "complete")  # verifying
    assert fetched(commons, guids, folder).ok
    assert files_in(folder) == ["0.bin", "1.bin", "2.bin", "big.bin"]
    for path in folder.iterdir():
        os.utime(path)  # each has to be read again
    interrupted(fetching, "check")  # reading what is there
    assert fetched(commons, guids, folder).counts == {"already there": 4}


STOPPED = """
import sys, threading, time
import gen3nb
endpoint, credentials, folder, guid = sys.argv[1:]
with gen3nb.connect(endpoint, credentials=credentials) as commons:
    commons.whoami()
    stop = threading.Event()
    threading.Timer(2, stop.set).start()
    print(commons.files.download(guid, folder, progress=False, stop=stop), flush=True)
"""


def test_a_script_that_was_stopped_does_not_wait_for_urls_at_its_end(commons, folder, tmp_path):
    guid, _ = small(commons)
    commons.sandbox.faults.add("latency", path="/user/data/download*", seconds=60)
    key = str(commons.sandbox.credentials("admin"))
    done = subprocess.run(
        [sys.executable, "-c", STOPPED, commons.endpoint, key, str(folder), guid],
        capture_output=True,
        text=True,
        timeout=40,  # it would wait for the answer
    )
    assert "1 not started" in done.stdout, done.stdout + done.stderr
    assert (done.returncode, done.stderr) == (0, "")


def test_to_stop_does_not_wait_for_the_commons(commons, folder, monkeypatch):
    guids = [small(commons, f"{number}.bin")[0] for number in range(3)]
    stop, answer, answered = threading.Event(), threading.Event(), []
    real = commons.fence.download_urls

    def slow(*given: object, **more: object) -> object:
        threading.Timer(0.5, stop.set).start()  # it is waited for by then
        answer.wait(20)
        answered.append(given)
        return real(*given, **more)

    monkeypatch.setattr(commons.fence, "download_urls", slow)
    report = fetched(commons, guids, folder, stop=stop)
    assert (report.counts, answered) == ({"not started": 3}, [])
    answer.set()
