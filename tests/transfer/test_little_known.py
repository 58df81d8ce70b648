"""Files of which the index knows little, workers that are lost, and what is said before anything moves."""

from __future__ import annotations

import hashlib
import os
import pickle
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from test_download import AUTHZ, UNIT, fetched, files_in, hurry, small, uploaded

import gen3nb
from gen3nb.client.fence_files import Presigned
from gen3nb.errors import PermissionDenied, TransferError
from gen3nb.transfer import presigning


@pytest.fixture(scope="module")
def commons() -> Iterator[gen3nb.Commons]:
    with gen3nb.sandbox() as commons:
        yield commons


@pytest.fixture(autouse=True)
def quick(commons, monkeypatch, tmp_path) -> Iterator[None]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    hurry(monkeypatch)
    yield
    commons.sandbox.faults.clear()


def unindexed(commons: gen3nb.Commons, content: bytes) -> str:
    """Upload a file at which the commons does not look: its record has neither size nor hash."""
    commons.sandbox.settings(indexing=False)
    try:
        guid = uploaded(commons, content)
    finally:
        commons.sandbox.settings(indexing=True)
    rev = commons.indexd.get(guid)["rev"]
    commons.indexd.update(guid, {"urls": [f"s3://commons-data/{guid}/a.bin"], "authz": [AUTHZ]}, rev)
    return guid


def test_what_the_index_does_not_know_the_manifest_may(commons, tmp_path, monkeypatch):
    content = os.urandom(1000)
    guid = unindexed(commons, content)
    right = {"guid": guid, "md5": hashlib.md5(content).hexdigest(), "size": 1000}
    report = fetched(commons, [{**right, "md5": "0" * 32}], tmp_path / "1")
    assert f"and {'0' * 32} in the file index, twice" in report.failed["why"].item()
    report = fetched(commons, [{**right, "size": 999}], tmp_path / "1")
    assert "999 bytes" in report.failed["why"].item()
    assert not files_in(tmp_path / "1")
    for given in (right, {**right, "size": None}):
        place = tmp_path / str(given["size"])
        assert fetched(commons, [given], place).to_frame()["hash"].tolist() == ["md5"]
        monkeypatch.setenv("XDG_STATE_HOME", str(place / "state"))
        commons.sandbox.faults.add("storage-500")
        again = fetched(commons, [given], place)
        assert again.to_frame()[["status", "hash"]].to_numpy().tolist() == [["already there", "md5"]]
        commons.sandbox.faults.clear()


def test_without_size_and_hash_it_is_said_that_nothing_could_be_checked(commons, tmp_path):
    content = os.urandom(500_000)
    guid = unindexed(commons, content)
    report = fetched(commons, guid, tmp_path)
    assert report.to_frame()["why"].tolist() == ["nothing could be checked: the index has no hash"]
    assert (tmp_path / "a.bin").read_bytes() == content


def test_the_plan_is_shown_before_anything_moves(commons, tmp_path, capsys):
    guid, _ = small(commons)
    fetched(commons, guid, tmp_path, progress=True)
    said = capsys.readouterr().err
    assert f"1 file to download into {tmp_path}, 1,000 B (from {commons.endpoint})" in said


def test_a_path_that_is_too_long_for_the_system(commons, tmp_path):
    deep = tmp_path.joinpath(*["d" * 200] * 18)
    guid = uploaded(commons, b"abc", "/".join(["e" * 200] * 3))
    fine, _ = small(commons)
    report = fetched(commons, [guid, fine], deep)
    assert report.counts == {"failed": 1, "downloaded": 1}
    assert "File name too long" in report.failed["why"].item()


# --- executors --------------------------------------------------------------------------------------------


class Looking(Executor):
    """Does the work at once, as another machine would: from what can be pickled."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def submit(self, function: Any, /, *given: Any, **more: Any) -> Future[Any]:
        self.sent.append(pickle.dumps((function, given, more)))
        done: Future[Any] = Future()
        act, args, options = pickle.loads(self.sent[-1])
        done.set_result(act(*args, **options))
        return done


def test_no_token_and_no_key_is_in_the_work_that_is_handed_out(commons, tmp_path):
    guids = [small(commons, f"{number}.bin")[0] for number in range(3)]
    guids.append(uploaded(commons, os.urandom(500_000)))
    executor = Looking()
    assert fetched(commons, guids, tmp_path, executor=executor).ok
    sent = b"".join(executor.sent)
    assert b"X-Amz-Signature" in sent  # a URL is what it needs
    token = commons.auth.get_access_token()
    assert token.encode() not in sent
    assert token.rpartition(".")[2].encode() not in sent
    assert b"bearer" not in sent.lower()
    assert b"api_key" not in sent


def test_a_worker_that_is_lost_fails_its_files_and_the_same_call_goes_on(commons, tmp_path):
    guids = [small(commons, f"{number}.bin")[0] for number in range(6)]
    commons.sandbox.faults.add("storage-latency", seconds=30)
    with ProcessPoolExecutor(1) as executor:
        executor.submit(os.getpid).result()
        (worker,) = executor._processes

        class Deadly(Executor):
            def submit(self, *given: Any, **more: Any) -> Future[Any]:
                future = executor.submit(*given, **more)
                time.sleep(0.1)
                with suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
                return future

        words = "takes no more work, since a worker of it died .*the same call with a new executor goes on"
        with pytest.raises(TransferError, match=words) as caught:
            fetched(commons, guids, tmp_path, executor=Deadly(), parallel=2)
    report = caught.value.report
    assert len(report) == 6
    lost = "it was lost with its worker (BrokenProcessPool); the same call again goes on with it"
    assert report.failed["why"].tolist()[0] == lost
    commons.sandbox.faults.clear()
    assert fetched(commons, guids, tmp_path).ok
    assert len(files_in(tmp_path)) - len(files_in(tmp_path / "state")) == 6


def test_the_last_file_that_breaks_a_pool_says_so_too(commons, tmp_path):
    class Deadly(Executor):
        def submit(self, *given: Any, **more: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_exception(BrokenProcessPool("it died"))
            return future

    with pytest.raises(TransferError, match="with a new executor goes on") as caught:
        fetched(commons, small(commons)[0], tmp_path, executor=Deadly())
    assert caught.value.report.counts == {"failed": 1}


def test_a_file_that_a_cluster_gave_up_on_fails_alone(commons, tmp_path):
    class KilledWorker(Exception):
        """As Dask raises it for what cost it several workers."""

    class Cluster(Executor):
        def submit(self, function: Any, /, *given: Any, **more: Any) -> Future[Any]:
            future: Future[Any] = Future()
            job = given[0][0] if isinstance(given[0], list) else given[0]
            if "big" in job.path:
                future.set_exception(KilledWorker("it"))
            else:
                future.set_result(function(*given, **more))
            return future

    guids = [small(commons)[0], uploaded(commons, os.urandom(500_000), "big.bin")]
    report = fetched(commons, guids, tmp_path, executor=Cluster())
    assert report.counts == {"downloaded": 1, "failed": 1}
    lost = "it was lost with its worker (KilledWorker); the same call again goes on with it"
    assert report.failed["why"].tolist() == [lost]


@pytest.mark.parametrize(
    "error", [BlockingIOError(11, "Resource temporarily unavailable"), ValueError("odd")]
)
def test_an_executor_that_can_begin_no_process(commons, tmp_path, error):
    class Exhausted(Executor):
        def submit(self, *given: Any, **more: Any) -> Future[Any]:
            raise error

    guids = [small(commons)[0], uploaded(commons, os.urandom(500_000), "big.bin")]
    with pytest.raises(TransferError, match="takes no more work") as caught:
        fetched(commons, guids, tmp_path / "in", executor=Exhausted())
    assert caught.value.report.counts == {"not started": 2}


def test_a_url_that_ends_and_a_commons_that_gives_no_other(commons, tmp_path, monkeypatch):
    """The file fails, and says why."""
    guids = [small(commons, f"{number}.bin")[0] for number in range(2)]
    monkeypatch.setattr(presigning.Presigner, "margin", 1e9)
    real = commons.fence.download_url

    def refused(guid: str, **more: Any) -> Presigned:
        if guid == guids[0]:
            raise PermissionDenied("you may not download it any more")
        return real(guid, **more)

    monkeypatch.setattr(presigning.Presigner, "another", lambda self, file: refused(file.guid))
    report = fetched(commons, guids, tmp_path / "in")
    assert report.counts == {"failed": 1, "downloaded": 1}
    assert report.failed["why"].tolist() == ["you may not download it any more"]


def test_a_commons_that_leaves_a_file_out_of_its_answer(commons, tmp_path, monkeypatch):
    guids = [small(commons, f"{number}.bin")[0] for number in range(2)]
    real = commons.fence.download_urls

    def forgetful(asked: list[str], **more: Any) -> Any:
        urls, refused = real(asked, **more)
        urls.pop(guids[0], None)
        return urls, refused

    monkeypatch.setattr(commons.fence, "download_urls", forgetful)
    report = fetched(commons, guids, tmp_path / "in")
    assert report.failed["why"].tolist() == ["the commons gave no URL for it, and no reason"]


def test_a_part_that_is_there_needs_no_more_room(commons, tmp_path, monkeypatch):
    guid = uploaded(commons, os.urandom(5 * UNIT), "big.bin")
    folder = tmp_path / "in"
    commons.sandbox.faults.add("storage-drop", after=4)
    assert not fetched(commons, guid, folder, parallel=1).ok
    commons.sandbox.faults.clear()
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10))
    assert fetched(commons, guid, folder).ok


def test_a_folder_that_cannot_be_made_fails_its_files_alone(commons, tmp_path, monkeypatch):
    guid, fine = uploaded(commons, b"abc", "sub/a.bin"), small(commons)[0]
    real = os.makedirs

    def refused(path: str, *given: Any, **more: Any) -> None:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", path)
        real(path, *given, **more)

    monkeypatch.setattr(os, "makedirs", refused)  # for root nothing is forbidden
    report = fetched(commons, [guid, fine], tmp_path / "in")
    assert report.counts == {"failed": 1, "downloaded": 1}
    assert "Permission denied" in report.failed["why"].item()
