"""Many files and many workers: memory that does not grow with the manifest, and a real Dask cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import requests

import gen3nb

AUTHZ = "/programs/DEMO/projects/alpha"

# In a process of its own, so that its memory is its own. The index is a stub: a million records in a practice
# commons would be a test of that. Names, sizes and hashes are made from the GUID.
PLAN = """
import hashlib, resource, sys
from pathlib import Path
from gen3nb.transfer import download as room
from gen3nb.transfer.journal import Done, opened
from gen3nb.transfer.manifest import Manifest
from gen3nb.transfer.entries import Entry

class Index:
    def bulk(self, guids):
        return {
            guid: {"did": guid, "file_name": f"{guid[:3]}/{guid}", "size": 0, "urls": ["s3://b/" + guid],
                   "hashes": {"md5": hashlib.md5(guid.encode()).hexdigest()}}
            for guid in guids
        }

class Connection:
    endpoint, indexd, fence = "https://commons.test", Index(), None

def entries(count):
    return Manifest(lambda: (Entry(f"{n:09d}") for n in range(count)), "many")

def peak():
    with open("/proc/self/status") as text:
        return next(int(line.split()[1]) for line in text if line.startswith("VmHWM"))

folder, count = Path(sys.argv[1]), int(sys.argv[2])
room.download(entries(1000), folder, connection=Connection(), dry_run=True, progress=False)
before = peak()
report = room.download(entries(count), folder, connection=Connection(), dry_run=True, progress=False)
for one in report:
    pass
assert report.counts == {"downloaded": count}, report
print((peak() - before) // 1024)
"""

# The same of a manifest to register: half of its entries name GUIDs, a third of all are to be repaired.
REGISTER = """
import hashlib, sys
from pathlib import Path
from gen3nb.transfer.register import register

class Index:
    def bulk(self, guids): return {}
    def records(self, **facts): return iter(())
    def prefix(self): return "dg.T/"

class Auth:
    username = "me"

class Connection:
    endpoint, indexd, auth = "https://commons.test", Index(), Auth()

def written(count):
    path = Path(sys.argv[1]) / f"{count}.tsv"
    with open(path, "w") as file:
        file.write("guid\\tfile_name\\tsize\\tmd5\\turls\\n")
        for n in range(count):
            guid = f"dg.T/{n:08x}-0000-0000-0000-000000000000" if n % 2 else ""
            md5 = hashlib.md5(str(n).encode()).hexdigest() if n % 3 else "wrong"
            file.write(f"{guid}\\tf{n}\\t{n}\\t{md5}\\ts3://b/{n}\\n")
    return path

def peak():
    with open("/proc/self/status") as text:
        return next(int(line.split()[1]) for line in text if line.startswith("VmHWM"))

def checked(count):
    options = {"authz": "/programs/P/projects/Q", "dry_run": True, "progress": False}
    report = register(written(count), connection=Connection(), **options)
    assert report.to_manifest(Path(sys.argv[1]) / "repair.tsv") == report.counts["failed"] == -(-count // 3)

checked(2000)
before = peak()
checked(int(sys.argv[2]))
print((peak() - before) // 1024)
"""

# The same of what the index has already, which an upload lists to send no file twice.
PRESENT = """
import hashlib, sys
from gen3nb.transfer.present import Present

def digest(n): return hashlib.md5(str(n).encode()).hexdigest()

class Index:
    def __init__(self, count): self.count = count
    def records(self, **facts):
        for n in range(self.count):
            yield {"did": f"g{n}", "size": n % 7, "urls": [f"s3://b/g{n}"], "authz": ["/programs/P"],
                   "hashes": {"md5": digest(n), "sha256": digest(n) * 2}}

def peak():
    with open("/proc/self/status") as text:
        return next(int(line.split()[1]) for line in text if line.startswith("VmHWM"))

def listed(count):
    present = Present(Index(count), ["/programs/P"], "", count)
    for n in range(0, count, 997):
        assert present.find(n % 7, {"md5": digest(n)})["did"] == f"g{n}"
        assert present.find(n % 7, {"sha256": digest(n + count) * 2}) is None
    assert not present.has_size(7)

listed(2000)
before = peak()
listed(int(sys.argv[2]))
print((peak() - before) // 1024)
"""


@pytest.fixture(scope="module")
def commons() -> Iterable[gen3nb.Commons]:
    with gen3nb.sandbox() as commons:
        yield commons


def grown(folder: Path, count: int, program: str = PLAN) -> int:
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder), str(count)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_the_memory_of_a_plan_does_not_grow_with_it(tmp_path):
    # a list of this many entries alone would take more
    assert grown(tmp_path, 100_000) < 30


def test_the_memory_of_a_registration_does_not_grow_with_it(tmp_path):
    # its GUIDs, contents and what is to be repaired took 49 MiB when they were held in memory
    assert grown(tmp_path, 100_000, REGISTER) < 32


def test_the_memory_of_an_upload_does_not_grow_with_what_the_index_has(tmp_path):
    # it took 119 MiB when it was held in memory
    assert grown(tmp_path, 100_000, PRESENT) < 16


def test_a_dask_cluster_fetches_and_no_key_leaves_this_process(commons, tmp_path):
    distributed = pytest.importorskip("distributed")
    contents = {f"{number}.bin": os.urandom(1000) for number in range(6)} | {"big.bin": os.urandom(70 << 20)}
    guids = []
    for name, content in contents.items():
        made = commons.fence.start_upload(name, authz=[AUTHZ])
        assert requests.put(str(made.url), data=content, timeout=60).ok
        guids.append(made.guid)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        report = commons.files.download(guids, tmp_path, executor=client.get_executor(), progress=False)
        assert report.ok, report.failed
        held = client.run(lambda: (os.getpid(), "gen3.auth" in sys.modules, "gen3nb.transfer" in sys.modules))
    assert len(held) == 2
    assert os.getpid() not in {pid for pid, _, _ in held.values()}
    assert all(worked and not signs for _, signs, worked in held.values())
    for name, content in contents.items():
        assert (tmp_path / name).read_bytes() == content


def test_a_dask_cluster_sends_and_no_key_leaves_this_process(commons, tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    contents = {f"{number}.bin": os.urandom(1000) for number in range(6)} | {"big.bin": os.urandom(70 << 20)}
    (tmp_path / "up").mkdir()
    for name, content in contents.items():
        (tmp_path / "up" / name).write_bytes(content)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        executor = client.get_executor()
        report = commons.files.upload(tmp_path / "up", authz=AUTHZ, executor=executor, progress=False)
        assert report.ok, report.failed
        held = client.run(lambda: (os.getpid(), "gen3.auth" in sys.modules, "gen3nb.transfer" in sys.modules))
    assert os.getpid() not in {pid for pid, _, _ in held.values()}
    assert all(worked and not signs for _, signs, worked in held.values())
    for one in report:
        content = contents[os.path.basename(one.name)]
        assert requests.get(str(commons.fence.download_url(one.guid).url), timeout=60).content == content
    (tmp_path / "up" / "more.bin").write_bytes(os.urandom(100))
    with pytest.raises(gen3nb.errors.TransferError, match="the executor takes no more work"):
        commons.files.upload(tmp_path / "up", authz=AUTHZ, executor=executor, progress=False)
    assert commons.files.upload(tmp_path / "up", authz=AUTHZ, progress=False).ok


def test_a_dask_worker_that_is_killed_costs_no_file(commons, tmp_path, monkeypatch):
    """The cluster gives what it had to another worker."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "up").mkdir()
    for number in range(4):
        (tmp_path / "up" / f"{number}.bin").write_bytes(os.urandom(1000 + number))
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):

        def killing(working: Callable[[], Any]) -> Any:
            """Kill a worker as soon as the store has begun to answer it, which takes a while."""
            ours = client.run(os.getpid)
            victim = next(iter(ours.values()))
            commons.sandbox.faults.add("storage-latency", seconds=0.7)

            def kill() -> None:
                deadline = time.monotonic() + 60
                while not client.processing().get(next(iter(ours))) and time.monotonic() < deadline:
                    time.sleep(0.02)
                os.kill(victim, signal.SIGKILL)

            thread = threading.Thread(target=kill)
            thread.start()
            try:
                report = working()
            finally:
                thread.join()
                commons.sandbox.faults.clear()
            assert victim not in client.run(os.getpid).values()
            return report

        executor = client.get_executor()
        sent = killing(
            lambda: commons.files.upload(tmp_path / "up", authz=AUTHZ, executor=executor, progress=False)
        )
        assert sent.counts == {"uploaded": 4}, sent.failed
        guids = [one.guid for one in sent]
        came = killing(
            lambda: commons.files.download(guids, tmp_path / "down", executor=executor, progress=False)
        )
        assert came.counts == {"downloaded": 4}, came.failed
    for number in range(4):
        name = f"{number}.bin"
        assert (tmp_path / "down" / name).read_bytes() == (tmp_path / "up" / name).read_bytes()
