"""``read``, ``query``, ``validate``, ``submit`` and their like, as a person and a cron job run them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pandas as pd
import pytest

from gen3nb.cli import main

if TYPE_CHECKING:
    from gen3nb import Commons


@pytest.fixture
def signed(commons: Commons) -> list[str]:
    return [f"--cred={commons.sandbox.credentials('submitter')}", f"--apiendpoint={commons.endpoint}"]


@pytest.fixture
def march(tmp_path: Path) -> Path:
    """Give a folder with a month's files, one row of which is wrong."""
    folder = tmp_path / "march"
    folder.mkdir()
    (folder / "demographic.csv").write_text("submitter_id,cases.submitter_id,gender\nd1,c1,F\nd2,c2,female\n")
    (folder / "case.tsv").write_text("submitter_id\texperiments.submitter_id\nc1\texp\nc2\texp\n")
    return folder


def test_a_month(commons, project, signed, march, tmp_path, capsys):
    back, log = tmp_path / "back.xlsx", tmp_path / "logs" / "run.jsonl"
    words = ["submit", str(march), f"--project={project}", f"--report={back}", f"--log={log}", *signed]
    assert main(words) == 1
    told = capsys.readouterr()
    assert "3 new, 0 changed, 1 rejected, 0 unknown." in told.out
    assert "did you mean 'female'" in told.out
    assert set(openpyxl.load_workbook(back).sheetnames) >= {"case", "demographic"}
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [events[0]["event"], events[-1]["event"]] == ["start", "end"]
    assert events[0]["rows"] == {"case": 2, "demographic": 2}
    assert {"ok": False, "created": 3, "rejected": 1}.items() <= events[-1].items()
    assert "female" not in log.read_text()
    assert len(commons.read("demographic", project=project, progress=False)) == 1
    (march / "demographic.csv").write_text(
        "submitter_id,cases.submitter_id,gender\nd1,c1,female\nd2,c2,female\n"
    )
    assert main([*words, "--json"]) == 0
    assert {"ok": True, "created": 1, "unchanged": 3}.items() <= json.loads(capsys.readouterr().out).items()
    assert main(words) == 0
    assert "0 new, 0 changed, 4 unchanged, 0 rejected, 0 unknown." in capsys.readouterr().out
    assert len(log.read_text().splitlines()) > len(events), "earlier runs stay in the log"


def test_as_cron_runs_it_no_bar_no_prompt_one_sentence(project, signed, march):
    (march / "demographic.csv").unlink()
    words = [sys.executable, "-m", "gen3nb.cli", "submit", str(march), f"--project={project}", *signed]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "2 new, 0 changed, 0 rejected, 0 unknown.\n"
    assert "\r" not in done.stderr
    assert "%|" not in done.stderr


def test_a_file_of_the_wrong_kind_names_what_helps_at_a_command_line(project, signed, tmp_path, capsys):
    (tmp_path / "case.xlsx").write_text("submitter_id\nc1\n")
    assert main(["validate", str(tmp_path / "case.xlsx"), f"--project={project}", *signed]) == 1
    assert "let its name end in .tsv or .csv" in capsys.readouterr().err
    (tmp_path / "case.tsv").write_bytes(b"PK\x03\x04")
    assert main(["validate", str(tmp_path / "case.tsv"), f"--project={project}", *signed]) == 1
    assert "let its name end in .xlsx" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_made(commons, project, signed, tmp_path, capsys):
    rows = pd.DataFrame({"submitter_id": ["c1"], "experiments.submitter_id": ["exp"]})
    assert rows.gen3.submit("case", project=project, commons=commons, progress=False).ok
    file = tmp_path / "new" / "deep" / "case.tsv"
    assert main(["read", "case", f"--project={project}", "-o", str(file), *signed]) == 0
    assert "c1" in file.read_text()
    out = tmp_path / "also" / "new"
    assert main(["export", str(out), f"--project={project}", *signed]) == 0
    assert any(path.is_file() for path in out.rglob("*"))


def test_records_of_a_json_file_are_counted_from_1(project, signed, tmp_path, capsys):
    records = [
        {"type": "case", "submitter_id": f"c{at}", "experiments": {"submitter_id": "exp"}} for at in range(3)
    ]
    records[2]["nonsense"] = 1
    file = tmp_path / "cases.json"
    file.write_text(json.dumps(records))
    assert main(["validate", str(file), f"--project={project}", "--json", *signed]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert {problem["row"] for problem in shown["case"]["problems"]} == {3}


@pytest.mark.parametrize("command", ["export", "snapshot"])
def test_a_folder_that_was_written_can_be_submitted(commons, project, signed, tmp_path, capsys, command):
    rows = pd.DataFrame({"submitter_id": ["c1"], "experiments.submitter_id": ["exp"]})
    assert rows.gen3.submit("case", project=project, commons=commons, progress=False).ok
    folder = tmp_path / "out"
    assert main([command, str(folder), f"--project={project}", *signed]) == 0
    capsys.readouterr()
    assert main(["submit", str(folder), f"--project={project}", *signed]) == 0
    assert capsys.readouterr().out.startswith("0 new, 0 changed")
    # a node may be called so
    (folder / "manifest.json").write_text('[{"type": "case", "submitter_id": "c2"}]')
    assert main(["validate", str(folder / "manifest.json"), f"--project={project}", *signed]) == 1
    assert "1 of 1 row of case" in capsys.readouterr().out


@pytest.mark.parametrize("log", [False, True])
def test_one_request_that_hangs_is_seen(commons, project, signed, march, tmp_path, log):
    (march / "demographic.csv").unlink()
    words = ["submit", str(march), f"--project={project}", *signed]
    words += [f"--log={tmp_path / 'log.jsonl'}"] if log else []
    with commons.sandbox.faults as faults:
        faults.add("latency", path="*/submission/TEST/*", seconds=2.0)
        done = subprocess.run(
            [sys.executable, "-m", "gen3nb.cli", *words],
            env={**os.environ, "GEN3NB_PROGRESS_SECONDS": "0.1"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "waiting for an answer" in done.stderr
    if log:
        events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
        assert {"start", "waiting", "end"} <= {event["event"] for event in events}


def test_ctrl_c_says_what_is_stored(commons, project, signed, tmp_path):
    rows = "\n".join(f"c{number}\texp" for number in range(600))
    (tmp_path / "case.tsv").write_text(f"submitter_id\texperiments.submitter_id\n{rows}\n")
    log = tmp_path / "log.jsonl"
    words = ["submit", str(tmp_path / "case.tsv"), f"--project={project}", f"--log={log}", *signed]
    with commons.sandbox.faults as faults:
        faults.add("latency", path="*/submission/TEST/*", method="POST", seconds=1.0)
        process = subprocess.Popen(
            [sys.executable, "-m", "gen3nb.cli", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        until = time.monotonic() + 60
        while not (log.exists() and '"progress"' in log.read_text()):
            assert time.monotonic() < until
            time.sleep(0.1)
        time.sleep(0.5)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Interrupted" in err
    assert "Traceback" not in err
    assert json.loads(log.read_text().splitlines()[-1])["event"] == "failed"
    again = subprocess.run(
        [sys.executable, "-m", "gen3nb.cli", *words], capture_output=True, text=True, timeout=120, check=False
    )
    assert again.returncode == 0, again.stderr
    assert len(commons.read("case", project=project, progress=False)) == 600


def test_validate_and_diff_send_nothing(commons, project, signed, march, tmp_path, capsys):
    assert main(["validate", str(march), f"--project={project}", *signed, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["case"]["ok"]
    assert [one["column"] for one in told["demographic"]["problems"]] == ["gender"]
    report = tmp_path / "back.xlsx"
    assert main(["validate", str(march / "demographic.csv"), f"--report={report}", *signed]) == 1
    assert report.exists()
    capsys.readouterr()
    assert main(["diff", str(march / "case.tsv"), f"--project={project}", *signed, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["case"]["counts"]["new"] == 2
    assert commons.read("case", project=project, progress=False).empty
    assert main(["submit", str(march), f"--project={project}", "--dry-run", *signed]) == 1
    assert "dry run, nothing sent" in capsys.readouterr().out.lower()
    assert main(["submit", str(march), f"--project={project}", "--strict", *signed]) == 1
    assert commons.read("case", project=project, progress=False).empty


def test_read_into_files_and_tables(commons, project, signed, march, tmp_path, capsys):
    assert main(["submit", str(march / "case.tsv"), f"--project={project}", *signed]) == 0
    target = tmp_path / "case.parquet"
    capsys.readouterr()
    assert main(["read", "case", "-o", str(target), f"--project={project}", *signed, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["records"] == 2
    frame = pd.read_parquet(target)
    assert sorted(frame["submitter_id"]) == ["c1", "c2"]
    options = ["--columns=submitter_id", "--where=submitter_id=c1"]
    assert main(["read", "case", f"--project={project}", *options, *signed, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"submitter_id": "c1"}]
    wide = tmp_path / "wide.csv"
    words = ["read", "experiment", "--with=case", "-o", str(wide), f"--project={project}", *signed]
    assert main(words) == 0
    assert len(pd.read_csv(wide)) >= 1
    assert main(["counts", f"--project={project}", *signed, "--json"]) == 0
    assert {row["node"]: row["records"] for row in json.loads(capsys.readouterr().out)}["case"] == 2
    assert main(["programs", *signed]) == 0
    assert main(["projects", *signed]) == 0
    assert project in capsys.readouterr().out


def test_query_from_words_a_file_and_standard_input(project, signed, tmp_path, capsys):
    text = "query ($p: [String]) { experiment(first: 0, project_id: $p) { submitter_id } }"
    (tmp_path / "q.graphql").write_text(text)
    (tmp_path / "v.json").write_text(json.dumps({"p": project}))
    wanted = {"experiment": [{"submitter_id": "exp"}]}
    for query, variables in (
        (text, json.dumps({"p": project})),
        (str(tmp_path / "q.graphql"), f"@{tmp_path / 'v.json'}"),
    ):
        assert main(["query", query, "--variables", variables, *signed]) == 0
        assert json.loads(capsys.readouterr().out) == wanted
    done = subprocess.run(
        [sys.executable, "-m", "gen3nb.cli", "query", "-", *signed],
        input="{ _case_count }",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "_case_count" in json.loads(done.stdout)
    assert main(["query", "{ kase { id } }", *signed]) == 1
    assert 'Cannot query field "kase"' in capsys.readouterr().err


def test_export_snapshot_restore_delete(commons, project, signed, march, tmp_path, capsys):
    assert main(["submit", str(march / "case.tsv"), f"--project={project}", *signed]) == 0
    capsys.readouterr()
    out = tmp_path / "out"
    assert main(["export", str(out), f"--project={project}", "--format=json", *signed, "--json"]) == 0
    assert {row["node"]: row["records"] for row in json.loads(capsys.readouterr().out)}["case"] == 2
    assert main(["export", str(out), f"--project={project}", "--format=json", *signed]) == 1
    assert main(["snapshot", str(tmp_path / "snap"), f"--project={project}", *signed]) == 0
    capsys.readouterr()
    gone = ["delete", str(march / "case.tsv"), f"--project={project}", *signed]
    assert main(gone) == 1
    assert "--yes" in capsys.readouterr().err
    assert len(commons.read("case", project=project, progress=False)) == 2
    assert main([*gone, "--dry-run"]) == 0
    assert main([*gone, "--yes"]) == 0
    assert commons.read("case", project=project, progress=False).empty
    assert main(["restore", str(tmp_path / "snap"), *signed]) == 0
    assert len(commons.read("case", project=project, progress=False)) == 2


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (["read", "kase"], "Did you mean 'case'", 5),
        (["read", "case", "--project=TEST-nope"], "no project 'TEST-nope'", 5),
        (["read", "case", "-o", "x.doc"], "'.doc'", 1),
        (["read", "case", "--where=gender"], "is no condition", 1),
        (["submit", "none/", "--project=PROJECT"], "there is no file none", 1),
        (["submit", "kase.tsv", "--project=PROJECT"], "did you mean 'case'", 1),
        (["submit", "case.tsv", "--project=NO-pe"], "no project 'NO-pe'", 5),
        (["submit", "case.tsv"], "--project", 2),
        (["query", "none.graphql"], "cannot be read", 1),
        (["query", "{_case_count}", "--variables=[1]"], "a JSON object", 1),
        (["snapshot", "/proc/nope", "--project=PROJECT"], "/proc/nope", 1),
        (["upload", "case.tsv"], "gen3nb submit case.tsv", 2),
        (["submti"], "Did you mean 'submit'", 2),
    ],
)
def test_bad_input(project, signed, tmp_path, monkeypatch, capsys, words, said, code):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "case.tsv").write_text("submitter_id\na\n")
    (tmp_path / "kase.tsv").write_text("submitter_id\na\n")
    named = [word.replace("PROJECT", project) for word in words]
    files = words[0] in ("upload", "submti")
    assert main([*named, *([] if files else signed)]) == code
    assert said in capsys.readouterr().err


def test_who_may_not_and_what_cannot_be_written(commons, project, march, tmp_path, capsys):
    signed = [f"--cred={commons.sandbox.credentials('nobody')}", f"--apiendpoint={commons.endpoint}"]
    assert main(["submit", str(march), f"--project={project}", *signed]) == 4
    assert "you need the method" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    log = tmp_path / "file" / "log.jsonl"
    assert main(["submit", str(march), f"--project={project}", f"--log={log}", *signed]) == 1
    assert "the log" in capsys.readouterr().err
    report = f"--report={tmp_path / 'file' / 'back.xlsx'}"
    assert main(["submit", str(march), f"--project={project}", report, *signed]) == 1
    assert "the report" in capsys.readouterr().err


def test_strict_sends_nothing_and_still_writes_the_report(commons, project, signed, march, tmp_path, capsys):
    report, log = tmp_path / "back.xlsx", tmp_path / "log.jsonl"
    words = ["submit", str(march), f"--project={project}", "--strict", f"--report={report}", f"--log={log}"]
    assert main([*words, *signed]) == 1
    assert "Nothing was sent" in capsys.readouterr().err
    assert report.exists()
    assert commons.read("case", project=project, progress=False).empty
    last = json.loads(log.read_text().splitlines()[-1])
    assert (last["event"], last["error"]) == ("failed", "ValidationError")
    assert "female" not in log.read_text()


def test_generate_tsv_does_nothing(capsys):
    assert main(["generate-tsv", "--anything"]) == 0
    assert "does nothing any more" in capsys.readouterr().err


def test_what_a_commons_holds_moves_no_cursor(commons, project, signed, capsys):
    evil = "c\x1b]0;owned\x07\x1b[2J"
    frame = pd.DataFrame({"submitter_id": [evil], "experiments.submitter_id": ["exp"]})
    assert frame.gen3.submit("case", project=project, commons=commons, progress=False).ok
    for words in (["--json"], []):
        assert main(["read", "case", f"--project={project}", *signed, *words]) == 0
        shown = capsys.readouterr().out
        assert "\x1b" not in shown
        assert "\x07" not in shown


def test_a_log_that_fails_on_the_way_stops_nothing(
    commons, project, signed, march, tmp_path, monkeypatch, capsys
):
    from gen3nb.cli.runlog import RunLog

    (march / "demographic.csv").unlink()
    log = tmp_path / "log.jsonl"
    write = RunLog.write

    def full(self, event, **facts):
        if event != "start" and log.is_file():
            log.unlink()
            log.mkdir()  # as good as a full disk
        write(self, event, **facts)

    monkeypatch.setattr(RunLog, "write", full)
    assert main(["submit", str(march), f"--project={project}", f"--log={log}", *signed]) == 0
    told = capsys.readouterr()
    assert "2 new" in told.out
    assert told.err.count("the log") == 1
    assert len(commons.read("case", project=project, progress=False)) == 2
