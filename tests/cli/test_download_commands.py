"""``gen3nb download…`` as processes, as scripts for the Go clients call them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

import gen3nb

AUTHZ = "/programs/DEMO/projects/alpha"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def commons() -> Iterator[gen3nb.Commons]:
    users = {
        "submitter": {AUTHZ: ["create", "read", "update", "delete"], "/data_file": ["file_upload"]},
        "reader": {AUTHZ: ["read"]},
    }
    with gen3nb.sandbox(users=users) as commons:
        yield commons


@pytest.fixture(autouse=True)
def quiet(commons: gen3nb.Commons) -> Iterator[None]:
    yield
    commons.sandbox.faults.clear()


@pytest.fixture(scope="module")
def guids(commons: gen3nb.Commons) -> dict[str, str]:
    found = {}
    for number in range(4):
        made = commons.fence.start_upload(f"file{number}.txt", authz=[AUTHZ])
        assert requests.put(str(made.url), data=f"content {number}\n" * 100, timeout=30).ok
        found[f"file{number}.txt"] = made.guid
    return found


@pytest.fixture
def words(commons: gen3nb.Commons) -> Callable[..., list[str]]:
    def build(*words: str, user: str = "reader") -> list[str]:
        key = commons.sandbox.credentials(user)
        return [
            sys.executable,
            "-m",
            "gen3nb.cli",
            *words,
            f"--cred={key}",
            f"--apiendpoint={commons.endpoint}",
        ]

    return build


@pytest.fixture
def run(words: Callable[..., list[str]], tmp_path: Path) -> Run:
    def go(*given: str, user: str = "reader", **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words(*given, user=user), capture_output=True, text=True, cwd=tmp_path, timeout=120, **options
        )

    return go


@pytest.fixture
def manifest(guids: dict[str, str], tmp_path: Path) -> Path:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps([{"object_id": guid, "file_name": name} for name, guid in guids.items()]))
    return path


def test_one_file(run, guids, tmp_path):
    done = run("download-single", f"--guid={guids['file1.txt']}", "--download-path=data", "--no-prompt")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "1 files downloaded."), done.stderr
    assert (tmp_path / "data" / "file1.txt").read_text() == "content 1\n" * 100
    again = run("download-single", f"--guid={guids['file1.txt']}", "--download-path=data", "--no-prompt")
    assert again.returncode == 0
    assert "1 already there" in again.stdout


def test_a_manifest_with_the_flags_of_the_go_clients(run, manifest, guids, tmp_path):
    done = run(
        "download-multiple",
        f"--manifest={manifest}",
        "--download-path",
        "data",
        "--filename-format=combined",
        "--rename=false",
        "--no-prompt=true",
        "--numparallel=4",
        "--skip-completed=true",
        "--protocol=s3",
    )
    assert done.returncode == 0, done.stderr
    assert "4 files downloaded." in done.stdout
    for name, guid in guids.items():
        assert (tmp_path / "data" / f"{guid}_{name}").exists()


def test_a_partly_failed_download_says_which_and_ends_with_1(run, commons, manifest, guids, tmp_path):
    listed = json.loads(manifest.read_text())
    manifest.write_text(json.dumps([*listed, {"object_id": "nope"}]))
    commons.sandbox.faults.add("storage-corrupt", path=f"*{guids['file2.txt']}*")
    done = run("download", f"--manifest={manifest}", "--download-path=data", "--no-prompt", "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["counts"] == {"downloaded": 3, "failed": 2}
    assert not told["ok"]
    assert [row["guid"] for row in told["failed"]] == [guids["file2.txt"], "nope"]
    assert "Amz" not in done.stdout + done.stderr
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [
        "file0.txt",
        "file1.txt",
        "file3.txt",
    ]


def test_nothing_of_the_users_is_replaced_without_being_asked(run, guids, tmp_path):
    (tmp_path / "file0.txt").write_text("mine")
    done = run("download-single", f"--guid={guids['file0.txt']}", stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert "There is no terminal to ask on: give --no-prompt" in done.stderr
    assert (tmp_path / "file0.txt").read_text() == "mine"
    done = run("download-single", f"--guid={guids['file0.txt']}", "--rename", stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "file0.txt").read_text() == "mine"
    assert (tmp_path / "file0_2.txt").exists()
    done = run("download-single", f"--guid={guids['file0.txt']}", "--no-prompt")
    assert done.returncode == 0
    assert (tmp_path / "file0.txt").read_text() == "content 0\n" * 100


def test_guids_shards_and_a_dry_run(run, manifest, guids, tmp_path):
    given = [f"--guid={guid}" for guid in guids.values()]
    done = run("download", *given, "--dry-run", "--download-path=data")
    assert done.returncode == 0
    assert "dry run" in done.stdout.lower()
    assert not (tmp_path / "data").exists()
    for number in (1, 2):
        shard = run("download", f"--manifest={manifest}", f"--shard={number}/2", "--download-path=data")
        assert shard.returncode == 0, shard.stderr
    assert len(list((tmp_path / "data").iterdir())) == 4


@pytest.mark.parametrize(
    ("given", "said", "code"),
    [
        (["download"], "give --guid, or --manifest", 2),
        (["download", "--guid=a", "--manifest=b"], "give --guid, or --manifest", 2),
        (["download-multiple", "--manifest=nope"], "there is no such file", 1),
        (["download-multiple"], "--manifest", 2),
        (["download-multiple", "--manifest=page.json"], "is a web page, not a manifest", 1),
        (["download", "--guid=a", "--shard=three"], "is not as 3/16", 2),
        (["download", "--guid=a", "--shard=4/3"], "1/3 to 3/3, not 4/3", 1),
        (["download", "--guid=a", "--shard=1/0"], "such as 3/16, not 1/0", 1),
        (["download-single", "--guid=nope", "--no-prompt"], "no file of this GUID", 1),
        (["download-single", "--guid=a", "--filename-format=short"], "short", 2),
        (["download-single", "--guid=a", "--download-path=page.json"], "is a file; files are downloaded", 1),
    ],
)
def test_bad_input_of_downloads(run, tmp_path, given, said, code):
    (tmp_path / "page.json").write_text("<html>sign in</html>")
    done = run(*given)
    assert said in done.stdout + done.stderr
    assert done.returncode == code


def test_no_permission_says_what_to_ask_for(run, guids):
    done = run("download-single", f"--guid={guids['file0.txt']}", "--no-prompt", user="nobody")
    assert done.returncode == 1
    assert "read-storage" in done.stdout


def test_ctrl_c_leaves_what_the_same_command_finishes(words, commons, manifest, tmp_path):
    commons.sandbox.faults.add("storage-slow-start", seconds=3.0, after=2)
    command = words("download-multiple", f"--manifest={manifest}", "--download-path=data", "--no-prompt")
    process = subprocess.Popen(
        [*command, "--numparallel=1"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "data").exists() or len(list((tmp_path / "data").glob("*.txt"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "The same call again goes on where this one stopped" in err
    assert "not started" in out
    commons.sandbox.faults.clear()
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert again.returncode == 0, again.stderr
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [f"file{n}.txt" for n in range(4)]
