"""``gen3nb sandbox start`` and ``gen3nb lab``: as a person runs them in a terminal."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import requests

import gen3nb

GARDEN = Path(__file__).parent.parent / "dictionary" / "schemas" / "garden"


@contextlib.contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command in a terminal's manner: a group of its own that signals can be sent to."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gen3nb.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def first_json(process: subprocess.Popen[str]) -> dict:
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if line == "}\n":
            return json.loads("".join(lines))
    raise AssertionError((process.stderr.read() if process.stderr else "") + "".join(lines))


def answering(url: str) -> requests.Response:
    """Give the answer of a server that names its address a moment before it listens."""
    for _ in range(60):
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(url, timeout=30)
        time.sleep(0.25)
    raise AssertionError(f"nothing answers at {url}")


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_runs_until_ctrl_c_and_leaves_nothing(ending: signal.Signals) -> None:
    with started("sandbox", "start", "--json") as process:
        ready = first_json(process)
        assert set(ready["credentials"]) == {"admin", "submitter", "reader", "nobody"}
        with gen3nb.connect(ready["endpoint"], credentials=ready["credentials"]["reader"]) as commons:
            assert commons.whoami().username.startswith("reader")
        os.killpg(process.pid, ending)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0
        assert out == ""
        assert err == "The practice commons has ended.\n"
        assert not Path(ready["folder"]).exists()
        with pytest.raises(requests.ConnectionError):
            requests.get(ready["endpoint"], timeout=5)


def test_a_named_folder_stays_and_another_data_model_is_served(tmp_path: Path) -> None:
    folder = tmp_path / "commons"
    for turn in (1, 2):
        with started(
            "sandbox", "start", "--folder", str(folder), "--dictionary", str(GARDEN), "--json"
        ) as process:
            ready = first_json(process)
            assert ready["folder"] == str(folder)
            with gen3nb.connect(ready["endpoint"], credentials=ready["credentials"]["admin"]) as commons:
                assert "flowerShow" in commons.dictionary
                if turn == 1:
                    commons.create_program("P")
                assert commons.programs()["program"].tolist() == ["P"]
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=60)
        assert folder.is_dir()


def test_a_person_is_told_how_to_connect() -> None:
    with started("sandbox", "start") as process:
        assert process.stdout is not None
        shown = ""
        for line in process.stdout:
            shown += line
            if line.startswith("Ctrl-C ends it"):
                break
        found = re.search(r'gen3nb\.connect\("(.+?)", credentials="(.+?)"\)', shown)
        assert found, shown
        with gen3nb.connect(found[1], credentials=found[2]) as commons:
            assert commons.whoami().username.startswith("submitter")
        assert f"gen3nb configure --profile practice --cred {found[2]}" in shown
        assert "its data goes away" in shown


def test_a_server_that_dies_is_said(tmp_path: Path) -> None:
    with started("sandbox", "start", "--json") as process:
        ready = first_json(process)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if not children.exists():
            pytest.skip("needs /proc to find the server's process")
        for child in children.read_text().split():
            os.kill(int(child), signal.SIGKILL)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "Error: The practice commons has ended by itself." in err
        assert not Path(ready["folder"]).exists()


def test_what_keeps_it_from_starting_is_said(tmp_path: Path) -> None:
    with started("sandbox", "start", "--dictionary", str(tmp_path / "nowhere")) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == ""
    assert err.startswith("Error: ")
    assert "nowhere" in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_lab_opens_a_copy_with_a_token_on_this_machine_only(tmp_path: Path) -> None:
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    (notebooks / "one.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "one.ipynb").write_text("already mine")
    (notebooks / "two.ipynb").write_text((notebooks / "one.ipynb").read_text())
    with started("lab", str(notebooks), "--copy", str(mine), "--no-browser", "--port", "0") as process:
        assert process.stderr is not None
        said, found = "", None
        for line in process.stderr:
            said += line
            found = re.search(r"(http://127\.0\.0\.1:\d+)/lab\?token=(\w+)", line)
            if found:
                break
        assert found, said
        url, token = found[1], found[2]
        assert answering(f"{url}/api/contents").status_code == 403
        answer = requests.get(f"{url}/api/contents", params={"token": token}, timeout=30).json()
        assert {entry["name"] for entry in answer["content"]} == {"one.ipynb", "two.ipynb"}
        assert (mine / "one.ipynb").read_text() == "already mine"
        os.kill(process.pid, signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 0
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=5)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a home of its own, in which nothing runs afterwards."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
    run("sandbox", "stop", "--all")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command, with pipes that it has to let go of."""
    return subprocess.run(
        [sys.executable, "-m", "gen3nb.cli", *words], capture_output=True, text=True, timeout=120, check=False
    )


def test_in_the_background_until_it_is_stopped(home: Path, tmp_path: Path) -> None:
    first = run("sandbox", "start", "--background", "--json")
    assert (first.returncode, first.stderr) == (0, "")
    one = json.loads(first.stdout)
    two = json.loads(run("sandbox", "start", str(tmp_path / "kept"), "--background", "--json").stdout)
    with gen3nb.connect(one["endpoint"], credentials=one["credentials"]["admin"]) as commons:
        assert commons.whoami().admin
    notes = list((home / ".local/state/gen3nb/sandboxes").glob("*.json"))
    assert len(notes) == 2
    assert {stat.S_IMODE(note.stat().st_mode) for note in notes} == {0o600}
    secret = json.loads(notes[0].read_text())["secret"]
    listed = run("sandbox", "status", "--json")
    assert [entry["endpoint"] for entry in json.loads(listed.stdout)] == [one["endpoint"], two["endpoint"]]
    assert secret not in listed.stdout + run("sandbox", "status").stdout
    unclear = run("sandbox", "stop")
    assert unclear.returncode == 1
    assert "say which, or --all" in unclear.stderr
    assert run("sandbox", "stop", "65000").returncode == 1
    assert run("sandbox", "stop", str(tmp_path / "kept")).returncode == 0
    assert (tmp_path / "kept" / "graph.sqlite").exists()
    assert run("sandbox", "stop").returncode == 0
    assert not Path(one["folder"]).exists()
    for entry in (one, two):
        with pytest.raises(requests.ConnectionError):
            requests.get(entry["endpoint"], timeout=5)
    assert "No practice commons is running" in run("sandbox", "status").stdout


def test_guids_users_services_and_tokens_are_chosen_and_it_is_emptied(home: Path, tmp_path: Path) -> None:
    users = tmp_path / "users.json"
    users.write_text(json.dumps({"alice": {"DEMO-alpha": ["create", "read"]}}))
    options = ["--prefix", "dg.ABCD/", f"--users={users}", "--without=requestor", "--token-lifetime=900"]
    options += ["--project=DEMO-alpha", "--project=DEMO-b-c"]
    ready = json.loads(run("sandbox", "start", "--background", "--json", *options).stdout)
    assert "alice" in ready["credentials"]
    with gen3nb.connect(ready["endpoint"], credentials=ready["credentials"]["admin"]) as commons:
        assert commons.indexd.prefix() == "dg.ABCD/"
        assert requests.get(f"{ready['endpoint']}/requestor/_status", timeout=30).status_code == 404
        assert 600 < (commons.whoami().expires - datetime.now(UTC)).total_seconds() <= 900
        assert sorted(commons.projects()["project"]) == ["DEMO-alpha", "DEMO-b-c"]
        unasked = run("sandbox", "reset")
        assert unasked.returncode == 1
        assert "give --yes" in unasked.stderr
        assert commons.programs()["program"].tolist() == ["DEMO"]
        assert run("sandbox", "reset", "--yes").returncode == 0
        assert commons.programs().empty
    users.write_text('["alice"]')
    done = run("sandbox", "start", f"--users={users}")
    assert done.returncode == 1
    assert "it is not of the form" in done.stderr
    assert "'alpha' is not as DEMO-alpha" in run("sandbox", "start", "--project=alpha").stderr
    assert "No practice commons" in run("sandbox", "reset", "65000", "--yes").stderr


def test_what_cannot_start_in_the_background_says_why(home: Path) -> None:
    done = run("sandbox", "start", "/etc", "--background")
    assert (done.returncode, done.stdout) == (1, "")
    assert "holds other files" in done.stderr


def test_none_is_left_running_where_a_project_cannot_be_made(home: Path) -> None:
    done = run("sandbox", "start", "--background", "--project=a/b-c")
    assert done.returncode != 0
    assert "Program a not found" in done.stderr
    assert json.loads(run("sandbox", "status", "--json").stdout) == []


def test_notes_of_the_killed_are_tidied_away(home: Path) -> None:
    ready = json.loads(run("sandbox", "start", "--background", "--json").stdout)
    os.killpg(ready["pid"], signal.SIGKILL)
    until = time.monotonic() + 30
    while "No practice commons" not in run("sandbox", "status").stdout:
        assert time.monotonic() < until
    assert not list((home / ".local/state/gen3nb/sandboxes").glob("*.json"))


def test_a_project_is_cloned_into_a_folder(home: Path, tmp_path: Path, commons: gen3nb.Commons) -> None:
    project = str(commons.create_project(("TEST", f"clone{os.getpid()}")))
    frame = pd.DataFrame({"submitter_id": ["e1", "e2"], "projects.code": project.partition("-")[2]})
    assert frame.gen3.submit("experiment", project=project, commons=commons, progress=False).ok
    signed = (f"--cred={commons.sandbox.credentials()}", f"--apiendpoint={commons.endpoint}")
    done = run("sandbox", "clone", str(tmp_path / "copy"), f"--project={project}", *signed, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["records"] == {project: 2}
    ready = json.loads(run("sandbox", "start", str(tmp_path / "copy"), "--background", "--json").stdout)
    with gen3nb.connect(ready["endpoint"], credentials=ready["credentials"]["reader"]) as copy:
        assert sorted(copy.read("experiment", project=project)["submitter_id"]) == ["e1", "e2"]
    assert requests.get(ready["endpoint"] + "/api/v0/submission/", timeout=30).status_code == 401
    lost = run("sandbox", "clone", str(tmp_path / "other"), "--project=TEST-nope", *signed)
    assert lost.returncode == 5
