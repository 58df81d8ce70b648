"""Uploads by executors: threads, processes, and whatever else takes jobs; no key leaves this process."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import pickle
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gen3nb import errors
from gen3nb.transfer import carrying, outgoing, upload_journal

AUTHZ = "/programs/DEMO/projects/alpha"
MIB = 1 << 20
SMALL = ("a.bin", "b/b.bin", "c.bin")


@pytest.fixture(autouse=True)
def small_parts(uploads, monkeypatch) -> None:
    monkeypatch.setattr(carrying, "LOOKS", 0.05)
    monkeypatch.setattr(outgoing, "USUAL_PART", 5 * MIB)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Small files, two of one content, and one that goes in parts."""
    folder = tmp_path / "d"
    for name, size in [*((name, 1000) for name in SMALL), ("big.bin", 12 * MIB)]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    (folder / "same.bin").write_bytes((folder / "a.bin").read_bytes())
    return folder


class Elsewhere(Executor):
    """Runs what comes out of a pickle, and keeps the pickles: what a machine elsewhere would get."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self._threads = ThreadPoolExecutor(3)

    def submit(self, function: Any, /, *given: Any, **more: Any) -> Future[Any]:
        self.sent.append(pickle.dumps((function, given, more)))
        return self._threads.submit(_run, self.sent[-1])

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._threads.shutdown(wait, cancel_futures=cancel_futures)


def _run(pickled: bytes) -> Any:
    function, given, more = pickle.loads(pickled)
    return pickle.loads(pickle.dumps(function(*given, **more)))


def die() -> None:
    os._exit(1)


def send(commons, files, **options):
    return commons.files.upload(files, **{"authz": AUTHZ, "progress": False, "multipart": True, **options})


def is_there(commons, report, folder: Path) -> None:
    """See that every file is in the index and in the store as it is on disk, and once."""
    assert report.ok, report.failed
    for one in report:
        content = Path(one.name).read_bytes()
        record = commons.indexd.get(one.guid)
        assert (record["size"], record["hashes"]["md5"]) == (len(content), hashlib.md5(content).hexdigest())
        with commons.transport.storage().get(commons.fence.download_url(one.guid).url) as body:
            assert b"".join(body.blocks()) == content
    contents = {path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert len({one.guid for one in report}) == len(contents)


def records(commons) -> int:
    return len(list(commons.indexd.records()))


@pytest.mark.parametrize("kind", ["threads", "processes", "elsewhere"])
def test_any_executor(practice, folder, kind):
    made = {
        "threads": lambda: ThreadPoolExecutor(2),
        "processes": lambda: ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("forkserver")),
        "elsewhere": Elsewhere,
    }
    before, moved = records(practice), []
    with made[kind]() as executor:
        report = send(practice, folder, executor=executor, progress=lambda done, *_: moved.append(done))
    is_there(practice, report, folder)
    assert records(practice) == before + 4
    assert moved[-1] == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    again = send(practice, folder)
    assert again.counts == {"already there": 5}
    assert [one.guid for one in again] == [one.guid for one in report]


def test_no_key_and_no_token_leaves_this_process(practice, folder):
    (folder / "empty.bin").touch()
    with Elsewhere() as executor:
        is_there(practice, send(practice, folder, executor=executor), folder)
    secrets = [practice.auth.get_access_token()]
    secrets += [Path(practice.sandbox.credentials("admin")).read_text().split('"api_key": "')[1][:40]]
    assert len(executor.sent) > 6
    for pickled in executor.sent:
        for secret in secrets:
            assert secret.encode() not in pickled
        function, given, _ = pickle.loads(pickled)
        assert "Signature" not in repr((function, given))


@pytest.mark.parametrize(
    "fault",
    ["storage-503", "storage-drop", "storage-expired", "storage-lost-part", "storage-truncated"],
)
def test_faults_of_the_store(practice, folder, fault):
    practice.sandbox.faults.add(fault, after=2, times=3, retry_after=0)
    with Elsewhere() as executor:
        report = send(practice, folder, executor=executor, wait=2.0)
        practice.sandbox.faults.clear()
        is_there(practice, report if report.ok else send(practice, folder, executor=executor), folder)


def test_parts_that_differ_from_what_was_read_are_sent_again(practice, tmp_path):
    path = tmp_path / "d" / "big.bin"
    path.parent.mkdir()
    path.write_bytes(os.urandom(21 * MIB))
    practice.sandbox.faults.add("storage-503", after=2, retry_after=0)
    assert not send(practice, path, parallel=1).ok
    practice.sandbox.faults.clear()
    with upload_journal.UploadJournal(practice.endpoint, practice.auth.username) as journal:
        journal._do("update part set etag = ? where number = 1", "0" * 32)
    with Elsewhere() as executor:
        is_there(practice, send(practice, path, executor=executor), path.parent)
    sent = [pickle.loads(pickled)[1][0] for pickled in executor.sent]
    firsts = sorted(one.first for one in sent if isinstance(one, carrying.Load))
    assert firsts == [0, 10 * MIB, 15 * MIB, 20 * MIB]  # the second was stored, and right


def test_a_closed_executor_ends_it_with_a_report(practice, folder):
    before = records(practice)
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(errors.TransferError, match="the executor takes no more work") as caught:
        send(practice, folder, executor=executor)
    assert len(caught.value.report) == 5
    assert not caught.value.report.ok
    is_there(practice, send(practice, folder), folder)
    assert records(practice) == before + 4


def test_what_is_no_executor(practice, folder):
    with pytest.raises(errors.TransferError, match="not a int"):
        send(practice, folder, executor=5)


def test_workers_that_die_end_it_with_a_report(practice, folder):
    before = records(practice)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("forkserver")) as executor:
        executor.submit(die)
        words = "takes no more work, since a worker of it died .*the same call with a new executor goes on"
        with pytest.raises(errors.TransferError, match=words) as caught:
            send(practice, folder, executor=executor)
    assert len(caught.value.report) == 5
    is_there(practice, send(practice, folder), folder)
    assert records(practice) == before + 4


def test_a_worker_that_is_lost_costs_its_file_alone(practice, folder):
    class Cluster(Elsewhere):
        def submit(self, function: Any, /, *given: Any, **more: Any) -> Future[Any]:
            if isinstance(given[0], carrying.Load) and given[0].file.path.endswith("c.bin"):
                lost: Future[Any] = Future()
                lost.set_exception(RuntimeError("as Dask's KilledWorker"))
                return lost
            return super().submit(function, *given, **more)

    with Cluster() as executor:
        report = send(practice, folder, executor=executor)
    assert report.counts == {"uploaded": 3, "already there": 1, "failed": 1}
    words = "it was lost with its worker (RuntimeError); the same call again goes on with it"
    assert report.failed["why"].tolist() == [words]
    is_there(practice, send(practice, folder), folder)


def test_stopped(practice, folder):
    stop = threading.Event()
    practice.sandbox.faults.add("storage-latency", seconds=0.3)
    with Elsewhere() as executor:
        threading.Timer(0.5, stop.set).start()
        report = send(practice, folder, executor=executor, stop=stop, parallel=2)
    assert "not started" in report.counts
    practice.sandbox.faults.clear()
    is_there(practice, send(practice, folder), folder)


def test_what_cannot_be_read_elsewhere_is_one_failure(practice, folder, monkeypatch):
    monkeypatch.setattr(carrying.Carrier, "_seen", lambda self, file: _moved(file))
    with Elsewhere() as executor:
        report = send(practice, folder, executor=executor)
    assert report.counts == {"uploaded": 2, "already there": 1, "failed": 2}
    assert set(report.failed["why"].str.contains("it cannot be read any more")) == {True}
    assert not report.ok


def _moved(file: outgoing.Snapshot) -> outgoing.Snapshot:
    """Give a file whose folder is not there on the other machine."""
    from dataclasses import replace

    return replace(file, path=file.path.replace("/b/", "/nowhere/").replace("big", "none"), inode=0)
