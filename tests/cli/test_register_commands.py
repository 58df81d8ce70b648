"""``gen3nb register``, ``unmapped``, ``map``, ``manifest`` and ``upload --node``, as a person runs them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

import gen3nb
from gen3nb.cli import main

AUTHZ = "/programs/DEMO/projects/alpha"
PROJECT = "DEMO-alpha"
NODE = "submitted_aligned_reads"
PROPERTIES = [
    "--property=data_category=Sequencing Data",
    "--property=data_type=Aligned Reads",
    "--property=data_format=BAM",
    "--property=experimental_strategy=WGS",
]


@pytest.fixture(scope="module")
def commons() -> Iterator[gen3nb.Commons]:
    with gen3nb.sandbox() as commons:
        commons.create_program("DEMO")
        commons.create_project(PROJECT)
        yield commons


@dataclass
class Done:
    """How a command line ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(commons, tmp_path, monkeypatch, capsys) -> Callable[..., Done]:
    """Run a command line in a folder and a home of its own."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)

    def go(*words: str, user: str | None = "admin") -> Done:
        signed = ["--cred", str(commons.sandbox.credentials(user))] if user else []
        code = main([*words, *signed])
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return Done(code, told.out, told.err)

    return go


def entry(**facts) -> dict:
    name = uuid.uuid4().hex
    return {
        "file_name": f"{name}.bam",
        "size": 12,
        "md5": name,
        "urls": f"s3://commons-data/there/{name}.bam",
        **facts,
    }


def written(path: Path, *entries: dict) -> Path:
    pd.DataFrame(entries).to_csv(path, sep="\t", index=False)
    return path


def there(commons: gen3nb.Commons, *names: str) -> list[dict]:
    records = commons.indexd.records(authz=[AUTHZ])
    return [record for record in records if record["file_name"] in names]


def test_what_cannot_be_understood_stops_its_row_alone(run, commons, tmp_path):
    good, size, guid = entry(), entry(size="many"), entry(guid="...")
    written(tmp_path / "m.tsv", good, size, guid)
    done = run("register", "m.tsv", f"--project={PROJECT}", "--yes")
    assert done.returncode == 1
    assert "its size is no number of bytes: 'many'" in done.stdout
    assert "'...' is no GUID" in done.stdout
    assert len(there(commons, *(one["file_name"] for one in (good, size, guid)))) == 1
    table = pd.read_csv(tmp_path / "m-to-repair.tsv", sep="\t", dtype=str)
    assert table["size"].tolist() == ["many", "12"]
    table.assign(size="12", guid=None).to_csv(tmp_path / "m-to-repair.tsv", sep="\t", index=False)
    assert run("register", "m-to-repair.tsv", f"--project={PROJECT}", "--yes").returncode == 0
    assert len(there(commons, *(one["file_name"] for one in (good, size, guid)))) == 3
    # a list that is to be written or downloaded by names the row
    made = run("manifest", "make", "m.tsv", "-o", "out.json", user=None)
    assert made.returncode == 1
    assert "Line 3 of m.tsv: its size is no number of bytes: 'many'" in made.stderr
    assert not (tmp_path / "out.json").exists()
    checked = run("manifest", "check", "m.tsv", user=None)
    assert checked.returncode == 1
    assert "its size is no number of bytes: 'many'" in checked.stdout + checked.stderr


def test_a_manifest_is_checked_then_registered_and_what_is_wrong_is_repaired(run, commons, tmp_path):
    good, bad = entry(), entry(md5="wrong", subject="S-1")
    written(tmp_path / "m.tsv", good, bad)
    dry = run("register", "m.tsv", f"--project={PROJECT}", "--dry-run")
    assert dry.returncode == 1
    assert "its md5 'wrong' is no such hash" in dry.stdout
    assert "dry run, nothing registered: 1 to register, 1 failed" in dry.stdout.lower()
    repair = tmp_path / "m-to-repair.tsv"
    assert str(repair.name) in dry.stderr
    # nothing of what was given is lost
    table = pd.read_csv(repair, sep="\t")
    assert table[["md5", "subject", "file_name"]].values.tolist() == [["wrong", "S-1", bad["file_name"]]]
    unasked = run("register", "m.tsv", f"--project={PROJECT}")
    assert unasked.returncode == 1
    assert "give --yes to go on without asking" in unasked.stderr
    strict = run("register", "m.tsv", f"--project={PROJECT}", "--strict", "--yes")
    assert strict.returncode == 1
    assert "Nothing was registered, since not every entry is right" in strict.stderr
    assert there(commons, good["file_name"], bad["file_name"]) == []
    done = run("register", "m.tsv", f"--project={PROJECT}", "--yes", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["counts"]) == (1, {"registered": 1, "failed": 1})
    assert told["repair"] == repair.name
    (record,) = there(commons, good["file_name"])
    assert (record["authz"], record["urls"]) == ([AUTHZ], [good["urls"]])
    # the same problems leave one file, however often they are found
    assert sorted(path.name for path in tmp_path.glob("*repair*")) == [repair.name]
    table.assign(md5="c" * 32).to_csv(repair, sep="\t", index=False)
    again = run("register", repair.name, "-y", f"--project={PROJECT}")
    assert again.returncode == 0, again.stderr
    assert "1 files registered" in again.stdout
    assert repair.exists()
    nothing = run("register", repair.name, "-y", f"--project={PROJECT}")
    assert nothing.returncode == 0
    assert "0 registered, 1 already there, 0 failed" in nothing.stdout
    assert "dry run" not in nothing.stdout.lower()  # nobody asked for one


def test_a_person_is_asked(run, commons, tmp_path):
    one = entry()
    written(tmp_path / "m.tsv", one)
    for answer, code in (("n", 1), ("y", 0)):
        leader, follower = pty.openpty()
        os.write(leader, f"{answer}\n".encode())
        command = [sys.executable, "-m", "gen3nb.cli", "register", "m.tsv", f"--project={PROJECT}"]
        command += ["--cred", str(commons.sandbox.credentials("admin"))]
        environment = {**os.environ, "HOME": str(tmp_path / "home")}
        done = subprocess.run(
            command, stdin=follower, stderr=follower, stdout=subprocess.PIPE, cwd=tmp_path, env=environment
        )
        shown = os.read(leader, 100_000).decode()
        assert "Register? (y/N)" in shown
        assert done.returncode == code, shown
        assert bool(there(commons, one["file_name"])) == (code == 0)
        os.close(leader)
        os.close(follower)


def test_a_presigned_url_is_refused_and_goes_nowhere(run, commons, tmp_path):
    secret = "https://b.s3.amazonaws.com/k.bam?X-Amz-Signature=0123456789abcdef"
    written(tmp_path / "m.tsv", {**entry(urls=secret), "file_name": None})
    done = run("register", "m.tsv", f"--project={PROJECT}", "--yes", "--json")
    assert done.returncode == 1
    repair = (tmp_path / "m-to-repair.tsv").read_text()
    assert "https://b.s3.amazonaws.com/k.bam" in repair
    for text in (done.stdout, done.stderr, repair):
        assert "0123456789abcdef" not in text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("<!DOCTYPE html><html>Sign in</html>", "is a web page, not a manifest"),
        ("", "is empty"),
        (None, "there is no such file"),
    ],
)
def test_what_is_no_manifest(run, tmp_path, content, words):
    if content is not None:
        (tmp_path / "m.json").write_text(content)
    for command in (["register"], ["manifest", "check"]):
        done = run(*command, "m.json")
        assert done.returncode == 1
        assert words in done.stderr


def test_who_may_not_is_told_what_to_ask_for(run, tmp_path):
    written(tmp_path / "m.tsv", entry())
    done = run("register", "m.tsv", f"--project={PROJECT}", "--yes", user="reader")
    assert done.returncode == 4
    assert f"'create' on {AUTHZ}" in done.stderr


def test_files_without_a_record_get_one(run, commons, tmp_path):
    one = entry()
    written(tmp_path / "m.tsv", one)
    assert run("register", "m.tsv", f"--project={PROJECT}", "--yes").returncode == 0
    (record,) = there(commons, one["file_name"])
    listed = run("unmapped", f"--project={PROJECT}", "--json")
    assert record["did"] in [each["object_id"] for each in json.loads(listed.stdout)]
    for ending in ("tsv", "json"):
        saved = run("unmapped", f"--project={PROJECT}", "-o", f"left.{ending}")
        assert saved.returncode == 0
        assert f"written to left.{ending}" in saved.stderr
        mapped = ["map", f"left.{ending}", f"--node={NODE}", f"--project={PROJECT}"]
        poor = run(*mapped)
        assert poor.returncode == 1
        assert "`data_format`" in poor.stderr
        assert "--property NAME=VALUE" in poor.stderr
        dry = run(*mapped, *PROPERTIES, "--dry-run", "--json")
        assert (dry.returncode, json.loads(dry.stdout)["dry_run"]) == (0, True)
    assert record["did"] in set(commons.files.unmapped(PROJECT)["object_id"])
    done = run(*mapped, *PROPERTIES, "--property=core_metadata_collections.submitter_id=mine")
    assert done.returncode == 0, done.stderr
    assert commons.files.unmapped(PROJECT).empty
    records = commons.read(NODE, project=PROJECT, progress=False)
    assert record["did"] in set(records["object_id"])
    twice = run(*mapped, *PROPERTIES, "--property=data_format=BAI")
    assert "the property data_format is given twice" in twice.stderr


def test_upload_and_records_in_one_call(run, commons, tmp_path):
    names = [f"{uuid.uuid4().hex}.bam" for _ in range(2)]
    for name in names:
        (tmp_path / name).write_bytes(os.urandom(64))
    poor = run("upload", *names, f"--node={NODE}", f"--project={PROJECT}")
    assert poor.returncode == 1
    assert "`data_format`: 2 rows" in poor.stderr
    assert there(commons, *names) == []
    table = pd.DataFrame(
        {
            "path": names,
            "submitter_id": ["r-1", "r-2"],
            "data_category": "Sequencing Data",
            "data_type": "Aligned Reads",
            "data_format": "BAM",
            "experimental_strategy": "WGS",
        }
    )
    table.to_csv(tmp_path / "files.tsv", sep="\t", index=False)
    done = run("upload", "files.tsv", f"--node={NODE}", f"--project={PROJECT}", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["submission"]["ok"]
    records = commons.read(NODE, project=PROJECT, progress=False).set_index("submitter_id")
    guids = {Path(one["name"]).name: one["guid"] for one in told["files"]}
    assert [records.loc[key, "object_id"] for key in ("r-1", "r-2")] == [guids[name] for name in names]
    assert run("upload", "files.tsv", f"--node={NODE}").returncode == 2
    assert run("upload", "files.tsv", "--property=a=b", f"--project={PROJECT}").returncode == 2


def test_manifests_are_made_checked_split_and_joined(run, commons, tmp_path):
    for name in ("x.bin", "y.bin"):
        (tmp_path / name).write_bytes(os.urandom(64))
    report = commons.files.upload([tmp_path / "x.bin", tmp_path / "y.bin"], project=PROJECT, progress=False)
    guids = report.to_frame()["guid"].tolist()
    done = run("manifest", "make", *guids, "-o", "m.json", "--complete")
    assert done.returncode == 0, done.stderr
    made = json.loads((tmp_path / "m.json").read_text())
    assert [(one["object_id"], one["file_size"]) for one in made] == [(guid, 64) for guid in guids]
    assert run("manifest", "check", "m.json", "--in-commons").returncode == 0
    split = run("manifest", "split", "m.json", "3", "--json", user=None)
    parts = [one["file"] for one in json.loads(split.stdout)]
    assert len(parts) == 3
    assert (
        run("manifest", "join", *parts, "m.json", "-o", "all.tsv", "--form=gen3", user=None).returncode == 0
    )
    assert sorted(pd.read_csv(tmp_path / "all.tsv", sep="\t")["guid"]) == sorted(guids)
    nowhere = str(uuid.uuid4())
    lies = [{**made[0], "file_size": 65}, made[1], {**made[1], "md5sum": "a" * 32}, {"object_id": nowhere}]
    (tmp_path / "m.json").write_text(json.dumps(lies))
    checked = run("manifest", "check", "m.json", "--in-commons", "--json")
    assert checked.returncode == 1
    found = {one["row"]: one["problem"] for one in json.loads(checked.stdout)["problems"]}
    assert found == {
        1: "its size in the index is 64 bytes, not 65",
        3: "the GUID stands in row 2 too, and says otherwise",
        4: "the index has no such GUID, or you may not see it",
    }
    unknown = run("manifest", "make", nowhere, "-o", "n.json", "--complete")
    assert nowhere in unknown.stderr
    assert not (tmp_path / "n.json").exists()
    assert run("manifest", "make", "-o", "n.json").returncode == 2


def test_a_manifest_of_records(run, commons, tmp_path):
    done = run("manifest", "make", f"--node={NODE}", f"--project={PROJECT}", "-o", "records.tsv")
    assert done.returncode == 0, done.stderr
    records = commons.read(NODE, project=PROJECT, progress=False)
    assert set(pd.read_csv(tmp_path / "records.tsv", sep="\t")["object_id"]) == set(records["object_id"])
    assert "case describes no files" in run("manifest", "make", "--node=case", "-o", "c.json").stderr


def test_an_empty_list_is_an_error_and_an_empty_shard_is_none(run, commons, tmp_path):
    (tmp_path / "e.json").write_text("[]")
    done = run("download-multiple", "--manifest=e.json")
    assert done.returncode == 1
    assert "e.json lists no files" in done.stderr
    assert run("download-multiple", "--manifest=e.json", "--shard=1/2").returncode == 0
    assert run("manifest", "check", "e.json", user=None).returncode == 0


def test_what_is_refused_names_its_cause(run, commons, tmp_path):
    (tmp_path / "one.bin").write_bytes(os.urandom(9))
    done = run("upload", "one.bin", f"--project={PROJECT}", "--bucket=nowhere")
    assert done.returncode == 4
    assert "the commons takes no files into the bucket 'nowhere'" in done.stderr
    assert "you need" not in done.stderr
    nowhere = str(uuid.uuid4())
    gone = run("delete", "--guid", nowhere, "--yes")
    assert gone.returncode == 1
    assert f"the commons has no file {nowhere}: check the GUID" in gone.stdout
    assert run("delete", "--guid", "", "--yes").returncode == 2
    single = run("upload-single", "--guid", nowhere, "--file=one.bin")
    assert single.returncode == 1
    assert "Uploading 1 file for whom their records name" in single.stderr
    assert f"no record {nowhere}" in single.stdout
