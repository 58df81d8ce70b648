"""``gen3nb upload…``, as scripts for the Go clients call them."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

import gen3nb
from gen3nb.cli import main

AUTHZ = "/programs/DEMO/projects/alpha"


@pytest.fixture(scope="module")
def commons() -> Iterator[gen3nb.Commons]:
    users = {
        "submitter": {
            AUTHZ: ["create", "read", "update", "delete"],
            "/data_file": ["file_upload"],
            "/mds_gateway": ["access"],
        },
        "reader": {AUTHZ: ["read"]},
    }
    with gen3nb.sandbox(users=users) as commons:
        yield commons


@dataclass
class Done:
    """How a command line ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def home(tmp_path: Path, commons: gen3nb.Commons, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of its own, with the profile p."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    key = commons.sandbox.credentials("submitter")
    assert main(["configure", "--profile=p", f"--cred={key}", f"--apiendpoint={commons.endpoint}"]) == 0
    yield home
    commons.sandbox.faults.clear()


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    capsys.readouterr()

    def go(*words: str) -> Done:
        code = main([*words, "--profile=p"])
        told = capsys.readouterr()
        return Done(code, told.out, told.err)

    return go


def made(folder: Path, name: str, size: int = 100) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(size))
    return path


def log(home: Path, name: str) -> object:
    path = home / ".gen3" / "logs" / name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return json.loads(path.read_text())


def stored(commons: gen3nb.Commons, guid: str) -> bytes:
    return requests.get(commons.fence.download_url(guid).url, timeout=30).content


def test_a_folder_then_again_then_changed(run, home, commons, tmp_path):
    files = [made(tmp_path / "d", name) for name in ("a.bam", "x/b.bam", ".hidden", ".git/c")]
    done = run("upload", "--upload-path", "d", f"--authz={AUTHZ}")
    assert done.returncode == 0, done.stderr
    assert f"Uploading 2 files for {AUTHZ} at {commons.endpoint}" in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("Successfully uploaded file ")]
    guids = {line.split('"')[1]: line.split()[-1].rstrip(".") for line in lines}
    assert set(guids) == {str(files[0]), str(files[1])}
    assert all(stored(commons, guid) == Path(path).read_bytes() for path, guid in guids.items())
    assert commons.indexd.get(guids[str(files[1])])["file_name"] == "x/b.bam"
    table = done.stdout[done.stdout.index("Submission Results") :]
    assert [line.split() for line in table.splitlines()[1:4]] == [
        ["Finished", "with", "0", "retries", "2"],
        ["Failed", "0"],
        ["TOTAL", "2"],
    ]
    assert log(home, "p_succeeded.json") == guids
    assert log(home, "p_succeeded_log.json") == guids
    assert not list((home / ".gen3" / "logs").glob("p_failed_log_*"))
    again = run("upload", "--upload-path=d", f"--authz={AUTHZ}", "--json")
    assert again.returncode == 0
    told = json.loads(again.stdout)
    assert told["counts"] == {"already there": 2}
    assert {one["name"]: one["guid"] for one in told["files"]} == guids
    files[0].write_bytes(b"changed")
    changed = run("upload", "--upload-path=d/*", f"--authz={AUTHZ}", "--batch=false", "--numparallel", "8")
    assert "1 uploaded, 1 already there" in changed.stdout
    assert "Amz" not in done.stdout + done.stderr


def test_names_with_and_without_folders(run, commons, tmp_path):
    for number, (flag, name) in enumerate((("true", "x/c.bam"), ("false", "c.bam"))):
        made(tmp_path / f"n{number}", "x/c.bam")
        done = run(
            "upload", f"--upload-path=n{number}", f"--include-subdirname={flag}", "--bucket=commons-archive"
        )
        assert done.returncode == 0, done.stderr
        guid = done.stderr.split("to GUID ")[1].split()[0].rstrip(".")
        record = commons.indexd.get(guid)
        assert record["file_name"] == name
        assert record["urls"][0].startswith("s3://commons-archive/")


def test_one_file_fails_and_is_tried_again(run, home, commons, tmp_path):
    good, bad = made(tmp_path / "d", "good.bin"), made(tmp_path / "d", "bad.bin")
    before = commons.indexd.stats()["fileCount"]
    commons.sandbox.faults.add("storage-500", path="*bad.bin")
    done = run("upload", "--upload-path=d", f"--authz={AUTHZ}")
    assert done.returncode == 1
    assert f'Failed to upload file "{bad}": the storage' in done.stderr
    assert "TOTAL" in done.stdout
    (path,) = (home / ".gen3" / "logs").glob("p_failed_log_*.json")
    (entry,) = log(home, path.name)
    assert (entry["FilePath"], entry["Filename"], entry["FileMetadata"]["authz"]) == (
        str(bad),
        "bad.bin",
        [AUTHZ],
    )
    assert set(log(home, "p_failed.json")) == {str(bad)}
    assert log(home, "p_failed.json")[str(bad)]["SourcePath"] == str(bad)
    commons.sandbox.faults.clear()
    again = run("retry-upload", f"--failed-log-path={path}")
    assert again.returncode == 0, again.stderr
    assert f'Successfully uploaded file "{bad}" to GUID {entry["GUID"]}.' in again.stderr
    assert commons.indexd.stats()["fileCount"] == before + 2
    assert log(home, "p_failed.json") == {}
    assert set(log(home, "p_succeeded.json")) == {str(good), str(bad)}
    third = run("retry-upload", f"--failed-log-path={path}")
    assert third.returncode == 0
    assert "1 already there" in third.stdout


def test_the_lists_of_the_go_clients(run, home, commons, tmp_path):
    path = made(tmp_path, "left.bin")
    facts = {"authz": [AUTHZ], "aliases": None, "metadata": None}
    blank = commons.indexd.create_blank(file_name="left.bin", uploader="x", authz=[AUTHZ])["did"]
    gone = "dg.TEST/00000000-0000-0000-0000-000000000000"
    one = {"FileMetadata": facts, "RetryCount": 3, "Multipart": False, "Bucket": ""}
    theirs = [
        {str(path): {"SourcePath": str(path), "ObjectKey": "left.bin", "GUID": gone, **one}},
        [{"FilePath": str(path), "Filename": "left.bin", "GUID": blank, **one}],
    ]
    for number, content in enumerate(theirs):
        path.write_bytes(os.urandom(50))
        (tmp_path / f"{number}.json").write_text(json.dumps(content))
        done = run("retry-upload", f"--failed-log-path={number}.json")
        assert done.returncode == 0, done.stderr
        guid = done.stderr.split("to GUID ")[1].split()[0].rstrip(".")
        assert stored(commons, guid) == path.read_bytes()
        assert commons.indexd.get(guid)["authz"] == [AUTHZ]
    assert guid == blank
    (tmp_path / "none.json").write_text("<html>")
    assert run("retry-upload", "--failed-log-path=none.json").returncode == 1


def test_to_the_record_of_a_guid(run, commons, tmp_path):
    path = made(tmp_path, "a.bin")
    guid = commons.indexd.create_blank(file_name="a.bin", uploader="x", authz=[AUTHZ])["did"]
    done = run("upload-single", f"--guid={guid}", "--file=a.bin")
    assert done.returncode == 0, done.stderr
    assert f'Successfully uploaded file "{path}" to GUID {guid}.' in done.stderr
    assert stored(commons, guid) == path.read_bytes()
    missing = run("upload-single", "--guid=dg.TEST/00000000-0000-0000-0000-000000000000", "--file=a.bin")
    assert missing.returncode == 1
    assert "the commons has no record" in missing.stderr


@pytest.mark.parametrize(
    ("guid", "name"), [("object_id", "file_name"), ("object_id", "title"), ("guid", "file_name")]
)
def test_the_files_of_a_manifest(run, commons, tmp_path, guid, name):
    entries = []
    for number in range(3):
        made(tmp_path / "files", f"{number}.bin")
        did = commons.indexd.create_blank(file_name=f"{number}.bin", uploader="x", authz=[AUTHZ])["did"]
        entries.append({guid: did, name: f"{number}.bin"})
    (tmp_path / "m.json").write_text(json.dumps([*entries, {name: "none.bin"}]))
    done = run(
        "upload-multiple", "--manifest=m.json", "--upload-path=files", "--batch=true", "--numparallel=2"
    )
    assert done.returncode == 0, done.stderr
    assert "none.bin) has no GUID" in done.stderr
    for number, entry in enumerate(entries):
        assert stored(commons, entry[guid]) == (tmp_path / "files" / f"{number}.bin").read_bytes()


def test_in_parts(run, commons, tmp_path):
    path = made(tmp_path, "big.bin", 6 << 20)
    done = run("upload-multipart", "--file-path=big.bin", "--bucket=commons-archive", f"--authz={AUTHZ}")
    assert done.returncode == 0, done.stderr
    guid = done.stderr.split("to GUID ")[1].split()[0].rstrip(".")
    assert stored(commons, guid) == path.read_bytes()
    assert commons.indexd.get(guid)["urls"][0].startswith("s3://commons-archive/")
    other = made(tmp_path, "bigger.bin", 6 << 20)
    done = run("upload", "--upload-path=bigger.bin", "--force-multipart", f"--authz={AUTHZ}")
    guid = done.stderr.split("to GUID ")[1].split()[0].rstrip(".")
    assert stored(commons, guid) == other.read_bytes()


def test_metadata(run, commons, tmp_path):
    made(tmp_path / "d", "a.bam")
    made(tmp_path / "d", "b.bam")
    told = {"authz": [AUTHZ], "aliases": [f"alias-{os.getpid()}"], "metadata": {"colour": "blue"}}
    (tmp_path / "d" / "a_metadata.json").write_text(json.dumps(told))
    done = run("upload", "--upload-path=d", "--metadata")
    assert done.returncode == 0, done.stderr
    assert "1 file" in done.stderr
    assert "NAME_metadata.json" in done.stderr
    assert "Without authz only you" in done.stderr  # of the other
    alone = run("upload", "--upload-path=d/a.bam", "--metadata")
    assert "for whom their metadata name" in alone.stderr
    assert "only you" not in alone.stderr
    guids = {
        line.split('"')[1]: line.split()[-1].rstrip(".")
        for line in done.stderr.splitlines()
        if "to GUID" in line
    }
    guid = guids[str(tmp_path / "d" / "a.bam")]
    assert len(guids) == 2
    assert commons.indexd.get(guid)["authz"] == [AUTHZ]
    assert commons.indexd.aliases(guid) == told["aliases"]
    assert commons.metadata.get(guid) == told["metadata"]
    assert "2 already there" in run("upload", "--upload-path=d", "--metadata").stdout
    told["metadata"] = {"colour": "red"}
    (tmp_path / "d" / "a_metadata.json").write_text(json.dumps(told))
    other = run("upload", "--upload-path=d", "--metadata")
    assert other.returncode == 1
    assert "it is there, but its metadata was not stored: the commons has other metadata" in other.stderr
    (tmp_path / "d" / "a_metadata.json").write_text('{"autz": []}')
    wrong = run("upload", "--upload-path=d", "--metadata")
    assert wrong.returncode == 1
    assert "a_metadata.json has autz; it may have authz, aliases, metadata" in wrong.stderr


def test_metadata_that_cannot_be_stored_fails(run, commons, tmp_path):
    made(tmp_path / "d", "a.bam")
    (tmp_path / "d" / "a_metadata.json").write_text('{"metadata": {"colour": "blue"}}')
    commons.sandbox.faults.add("404", path="/mds-admin/*")
    done = run("upload", "--upload-path=d", "--metadata", f"--authz={AUTHZ}")
    assert done.returncode == 1
    assert "its metadata was not stored" in done.stderr


def test_what_is_said_of_a_file_goes_along_when_it_is_tried_again(run, home, commons, tmp_path):
    made(tmp_path, "a.bam")
    beta = "/programs/DEMO/projects/beta"
    told = {"authz": [beta], "aliases": ["again-a"], "metadata": {"colour": "blue"}}
    (tmp_path / "a_metadata.json").write_text(json.dumps(told))
    commons.sandbox.faults.add("404", path="/mds-admin/*")
    with commons.sandbox.as_user("admin") as admin:  # who may write to both projects
        key = commons.sandbox.credentials("admin")
        before = admin.indexd.stats()["fileCount"]
    words = [f"--cred={key}", f"--apiendpoint={commons.endpoint}"]
    done = _with(words, "upload", "--upload-path=a.bam", "--metadata", f"--authz={AUTHZ}")
    assert done == 1
    (path,) = (home / ".gen3" / "logs").glob("gen3nb_failed_log_*.json")
    (entry,) = log(home, path.name)
    assert entry["FileMetadata"] == told
    commons.sandbox.faults.clear()
    assert _with(words, "retry-upload", f"--failed-log-path={path}") == 0
    assert commons.indexd.stats()["fileCount"] == before + 1
    record = commons.indexd.get(entry["GUID"])
    assert record["authz"] == [beta]
    assert commons.metadata.get(entry["GUID"]) == told["metadata"]
    assert commons.indexd.aliases(entry["GUID"]) == told["aliases"]


def test_a_metadata_file_that_is_repaired_is_read_when_it_is_tried_again(run, home, commons, tmp_path):
    made(tmp_path, "a.bam")
    (tmp_path / "a_metadata.json").write_text("{")
    assert run("upload", "--upload-path=a.bam", "--metadata", f"--authz={AUTHZ}").returncode == 1
    (path,) = (home / ".gen3" / "logs").glob("p_failed_log_*.json")
    (tmp_path / "a_metadata.json").write_text('{"metadata": {"colour": "green"}}')
    done = run("retry-upload", f"--failed-log-path={path}")
    assert done.returncode == 0, done.stderr
    guid = done.stderr.split("to GUID ")[1].split()[0].rstrip(".")
    assert commons.metadata.get(guid) == {"colour": "green"}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are texts")
def test_a_name_that_is_no_text_keeps_no_other_file_from_going_again(run, home, commons, tmp_path):
    folder = made(tmp_path / "d", "good.bin").parent
    (folder / os.fsdecode(b"\xff\xfe.bin")).write_bytes(os.urandom(100))
    commons.sandbox.faults.add("storage-500", path="*good.bin")
    assert run("upload", "--upload-path=d", f"--authz={AUTHZ}").returncode == 1
    commons.sandbox.faults.clear()
    (path,) = (home / ".gen3" / "logs").glob("p_failed_log_*.json")
    done = run("retry-upload", f"--failed-log-path={path}")
    assert done.returncode == 1
    assert "1 uploaded, 1 failed" in done.stdout
    assert "its name is no text" in done.stderr


def test_a_guid_that_was_named_is_kept_when_it_is_tried_again(run, home, commons, tmp_path):
    path = made(tmp_path, "named.bin")
    guid = commons.indexd.create_blank(file_name="named.bin", uploader="x", authz=[AUTHZ])["did"]
    before = commons.indexd.stats()["fileCount"]
    commons.sandbox.faults.add("storage-500", path="*named.bin")
    assert run("upload-single", f"--guid={guid}", "--file=named.bin").returncode == 1
    commons.sandbox.faults.clear()
    (failed,) = (home / ".gen3" / "logs").glob("p_failed_log_*.json")
    done = run("retry-upload", f"--failed-log-path={failed}")
    assert done.returncode == 0, done.stderr
    assert f'Successfully uploaded file "{path}" to GUID {guid}.' in done.stderr
    assert stored(commons, guid) == path.read_bytes()
    assert commons.indexd.stats()["fileCount"] == before


def test_what_was_to_go_up_again_gets_one_more_guid_and_not_two(run, home, commons, tmp_path):
    made(tmp_path, "twice.bin")
    assert run("upload", "--upload-path=twice.bin", f"--authz={AUTHZ}").returncode == 0
    before = commons.indexd.stats()["fileCount"]
    commons.sandbox.faults.add("storage-500", path="*twice.bin")
    assert run("upload", "--upload-path=twice.bin", f"--authz={AUTHZ}", "--again").returncode == 1
    commons.sandbox.faults.clear()
    (failed,) = (home / ".gen3" / "logs").glob("p_failed_log_*.json")
    (entry,) = log(home, failed.name)
    done = run("retry-upload", f"--failed-log-path={failed}")
    assert done.returncode == 0, done.stderr
    assert f"to GUID {entry['GUID']}." in done.stderr
    assert commons.indexd.stats()["fileCount"] == before + 1


def test_two_runs_of_one_second_have_a_failed_log_each(run, home, commons, tmp_path, monkeypatch):
    monkeypatch.setattr("gen3nb.transfer.upload_log.time", _StandingClock)
    for name in ("a.bin", "b.bin"):
        made(tmp_path, name)
        commons.sandbox.faults.add("storage-500", path=f"*{name}")
        assert run("upload", f"--upload-path={name}", f"--authz={AUTHZ}").returncode == 1
    logs = sorted((home / ".gen3" / "logs").glob("p_failed_log_*.json"))
    assert [[one["Filename"] for one in log(home, path.name)] for path in logs] == [["a.bin"], ["b.bin"]]


def test_what_goes_to_several_places_is_tried_again_whole(run, commons, tmp_path):
    paths = [made(tmp_path, f"{name}.bin") for name in "ab"]
    nowhere = "/programs/NONE/projects/none"  # nobody but the admin may write there
    entries = [
        {"FilePath": str(path), "Filename": path.name, "FileMetadata": {"authz": [authz]}, "Bucket": bucket}
        for path, authz, bucket in zip(paths, (nowhere, AUTHZ), ("no-such-bucket", ""), strict=True)
    ]
    (tmp_path / "left.json").write_text(json.dumps(entries))
    done = run("retry-upload", "--failed-log-path=left.json", "--json")
    assert done.returncode == 4, done.stderr
    assert "no-such-bucket" in done.stderr
    told = json.loads(done.stdout)
    assert [one["status"] for one in told["files"] if one["name"] == str(paths[1])] == ["uploaded"]


def test_a_table_is_a_file_unless_it_holds_records(run, commons, tmp_path):
    (tmp_path / "counts.csv").write_text(f"gene,count\nA,{os.getpid()}\n")
    (tmp_path / "cases.csv").write_text("type,submitter_id\ncase,c1\n")
    made(tmp_path, "x.bin")
    done = run("upload", "counts.csv", "x.bin", f"--authz={AUTHZ}")
    assert (done.returncode, "2 uploaded" in done.stdout) == (0, True), done.stderr
    assert "1 already there" in run("upload", "count*.csv", f"--authz={AUTHZ}").stdout
    refused = run("upload", "x.bin", "cases.csv", f"--authz={AUTHZ}")
    assert refused.returncode == 2
    assert "cases.csv holds records, which are submitted, not uploaded" in refused.stderr


def test_files_that_were_not_begun_are_counted_and_not_all_named(run, commons, tmp_path):
    for number in range(60):
        made(tmp_path / "d", f"{number}.bin")
    commons.sandbox.faults.add("storage-latency", seconds=1, method="PUT")
    before = commons.indexd.stats()["fileCount"]
    words = ["upload", "--upload-path=d", f"--authz={AUTHZ}", "--numparallel=1", "--profile=p"]
    process = subprocess.Popen(
        [sys.executable, "-m", "gen3nb.cli", *words], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while commons.indexd.stats()["fileCount"] == before and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    shown, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert sum("not started  interrupted" in line for line in shown.splitlines()) == 5
    assert "more that were not started" in shown


class _StandingClock:
    """One second that does not pass."""

    monotonic = staticmethod(time.monotonic)

    @staticmethod
    def strftime(form: str) -> str:
        return time.strftime(form, time.gmtime(0))


def _with(target: list[str], *words: str) -> int:
    """Run a command as whoever has a key file."""
    return main([*words, *target])


def test_killed_then_tried_again(home, run, commons, tmp_path):
    before = commons.indexd.stats()["fileCount"]
    for number in range(20):
        made(tmp_path / "d", f"{number}.bin", 100 + number)
    commons.sandbox.faults.add("storage-latency", seconds=1)
    words = ["upload", "--upload-path=d", f"--authz={AUTHZ}", "--numparallel=2", "--profile=p"]
    process = subprocess.Popen(
        [sys.executable, "-m", "gen3nb.cli", *words],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    )
    logs = home / ".gen3" / "logs"
    deadline = time.monotonic() + 60
    while not list(logs.glob("p_failed_log_*.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    commons.sandbox.faults.clear()
    (path,) = logs.glob("p_failed_log_*.json")
    assert len(json.loads(path.read_text())) == 20
    done = run("retry-upload", f"--failed-log-path={path}")
    assert done.returncode == 0, done.stderr
    assert commons.indexd.stats()["fileCount"] == before + 20


def test_delete(run, commons, tmp_path):
    made(tmp_path, "a.bin")
    done = run("upload", "--upload-path=a.bin", f"--authz={AUTHZ}")
    guid = done.stderr.split("to GUID ")[1].split()[0].rstrip(".")
    assert run("delete", f"--guid={guid}").returncode == 1  # nobody to ask
    assert commons.indexd.get(guid)["did"] == guid
    done = run("delete", f"--guid={guid}", "--guid=nope", "--yes")
    assert done.returncode == 1
    assert "1 deleted, 1 failed" in done.stdout
    with pytest.raises(gen3nb.errors.NotFound):
        commons.indexd.get(guid)


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        (["upload"], "--upload-path", 2),
        (["upload", "case.tsv"], "there is no file case.tsv", 1),
        (["upload", "--upload-path=nowhere"], "there is no file nowhere", 1),
        (["upload-single", "--file=x"], "--guid", 2),
        (["upload-single", "--file=x", "--guid="], "it is empty", 2),
        (["upload-multiple", "--manifest=none.json", "--upload-path=."], "there is no such file", 1),
        (["retry-upload", "--failed-log-path=none.json"], "cannot be read", 1),
        (["delete"], "--guid", 2),
    ],
)
def test_what_is_said_of_wrong_words(run, words, says, code):
    done = run(*words)
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr
