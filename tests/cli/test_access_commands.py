"""``collaborator``, ``request`` and ``job``, as a data-client user types them."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from gen3nb.cli import main

if TYPE_CHECKING:
    from gen3nb import Commons


@pytest.fixture
def signed(commons: Commons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    commons.sandbox.settings(job_delay=0.05)
    return [f"--cred={commons.sandbox.credentials()}", f"--apiendpoint={commons.endpoint}"]


@pytest.fixture
def person() -> str:
    return f"a+{uuid.uuid4().hex[:8]}@x.org"


def outcomes(out: str) -> list[str]:
    return [row["outcome"] for row in json.loads(out)["requests"]]


def test_add_approve_list_remove(commons, project, person, signed, capsys):
    assert main(["collaborator", "add", project, person, "-w", *signed, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert [row["outcome"] for row in made["requests"]] == ["requested", "requested"]
    assert main(["collaborators", "pending", *signed]) == 0
    assert person in capsys.readouterr().out
    ident = made["requests"][0]["request_id"]
    assert main(["collaborator", "approve", ident, *signed, "--json"]) == 0
    assert outcomes(capsys.readouterr().out) == ["granted"]
    assert main(["collaborator", "add", project, person, "-w", "-a", *signed, "--json"]) == 0
    assert outcomes(capsys.readouterr().out) == ["already granted", "granted"]
    with commons.sandbox.as_user(person) as them:
        assert them.may("create", project)
    assert main(["collaborator", "ls", "--username", person, *signed, "--json"]) == 0
    assert {row["status"] for row in json.loads(capsys.readouterr().out)} == {"SIGNED"}
    assert main(["collaborator", "rm", project, person, "--approve=true", *signed]) == 0
    told = capsys.readouterr()
    assert "2 revoked." in told.err
    assert [one["outcome"] for one in yaml.safe_load_all(told.out)] == ["revoked", "revoked"]
    with commons.sandbox.as_user(person) as them:
        assert not them.may("create", project)


def test_into_a_pipe_yaml_documents_as_data_client_writes(project, person, signed, capsys):
    assert main(["collaborator", "add", project, person, *signed]) == 0
    made = list(yaml.safe_load_all(capsys.readouterr().out))
    assert [(one["username"], one["outcome"]) for one in made] == [(person, "requested")]
    assert main(["collaborator", "ls", "--username", person, *signed]) == 0
    text = capsys.readouterr().out
    assert text.startswith("---\n")
    assert f"request_id: {made[0]['request_id']}\n" in text
    assert f"username: {person}\n" in text
    listed = list(yaml.safe_load_all(text))
    assert [one["status"] for one in listed] == ["DRAFT"]
    assert "revoke" not in listed[0]


@pytest.mark.parametrize(
    "value", ["no", "~", "1e5", "0x10", "a: b", "#x", "é\n\x1b[2J", "- a", "2026-01-02", "'", "null", "/a/b"]
)
def test_yaml_gives_back_what_was_written(value):
    from gen3nb.cli.yaml_documents import yaml_documents

    text = yaml_documents([{"key": value, "empty": ""}, {"number": 3}])
    assert list(yaml.safe_load_all(text)) == [{"key": value}, {"number": 3}]
    assert "\x1b" not in text


def test_a_table_of_people(project, person, signed, tmp_path, capsys):
    sheet = tmp_path / "people.csv"
    sheet.write_text(f"project_id,email,write\n{project},{person},yes\n{project},b{person},no\n")
    assert main(["collaborator", "bulk-add", str(sheet), "-a", *signed, "--json"]) == 0
    assert outcomes(capsys.readouterr().out) == ["granted"] * 3
    sheet.write_text(f"project_id,email\n{project},nobody\n")
    assert main(["collaborator", "bulk-add", str(sheet), "-a", *signed]) == 1
    assert "line 2" in capsys.readouterr().err


def test_what_is_partly_done_is_1_and_the_same_again_finishes_it(commons, project, person, signed, capsys):
    with commons.sandbox.faults as faults:
        faults.add("500", path="/requestor/request", method="POST", after=1)
        assert main(["collaborator", "add", project, person, "-w", *signed, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert not told["ok"]
    assert told["requests"][0]["outcome"] == "requested"
    assert told["requests"][1]["reason"]
    assert main(["collaborator", "add", project, person, "-w", *signed, "--json"]) == 0
    assert outcomes(capsys.readouterr().out) == ["already requested", "requested"]


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (["collaborator", "add", "NO-pe", "a@x.org"], "no project 'NO-pe'", 5),
        (["collaborator", "add", "PROJECT", "a.x.org"], "no e-mail address", 1),
        (["collaborator", "approve", str(uuid.uuid4())], "no access request", 5),
        (["request", "show", "x"], "not the id of an access request", 5),
        (["request", "create", "--resource=/programs/TEST", "--role=nope"], "no role nope", 5),
        (["job", "run", "nope"], "no job action 'nope'", 5),
        (["job", "status", str(uuid.uuid4())], "has no job", 5),
        (["job", "run", "count", "--input=none.json"], "none.json cannot be read", 1),
    ],
)
def test_bad_input(project, signed, capsys, words, said, code):
    assert main([word.replace("PROJECT", project) for word in words] + signed) == code
    assert said in capsys.readouterr().err


def test_a_commons_whose_roles_have_other_names(project, person, signed, capsys):
    words = ["collaborator", "add", project, person, "-w", "--role", "write=updater", *signed]
    assert main([*words, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)["requests"]
    assert [row["role"] for row in made] == ["reader", "updater"]
    assert main([*words, "--role", "wrte=x"]) == 2
    assert "KIND is read, write, guppy" in " ".join(capsys.readouterr().err.split())


def test_who_may_not_approve(commons, project, person, capsys):
    signed = [f"--cred={commons.sandbox.credentials('reader')}", f"--apiendpoint={commons.endpoint}"]
    assert main(["collaborator", "add", project, person, *signed]) == 4
    assert "'create' (service requestor)" in capsys.readouterr().err


def test_requests_for_oneself(commons, project, capsys):
    signed = [f"--cred={commons.sandbox.credentials('admin')}", f"--apiendpoint={commons.endpoint}"]
    resource = f"/programs/TEST/projects/{project.partition('-')[2]}"
    assert main(["request", "create", "--resource", resource, "--role", "reader", *signed, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert main(["request", "show", made["request_id"], *signed, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["policy_id"] == made["policy_id"]
    assert main(["request", "ls", "--mine", "--policy", made["policy_id"], *signed, "--json"]) == 0
    assert [row["request_id"] for row in json.loads(capsys.readouterr().out)] == [made["request_id"]]
    assert main(["request", "policies", *signed]) == 0
    assert made["policy_id"] in capsys.readouterr().out
    assert main(["request", "delete", made["request_id"], *signed]) == 0
    assert main(["request", "show", made["request_id"], *signed]) == 5


def test_a_job_as_a_script_runs_it(project, signed):
    words = ["job", "run", "count", "--input", "-", "--wait", "--timeout", "30", *signed]
    done = subprocess.run(
        [sys.executable, "-m", "gen3nb.cli", *words],
        input=json.dumps({"project_id": project}),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["experiment"] == 1
    assert "has started" in done.stderr


def test_jobs_are_listed_looked_at_and_waited_for(project, signed, tmp_path, capsys):
    given = tmp_path / "input.json"
    given.write_text(json.dumps({"project_id": project}))
    assert main(["job", "run", "count", "-i", str(given), *signed, "--json"]) == 0
    uid = json.loads(capsys.readouterr().out)["uid"]
    assert main(["jobs", "wait", uid, *signed]) == 0
    output = capsys.readouterr().out
    assert main(["job", "output", uid, *signed]) == 0
    assert capsys.readouterr().out == output
    assert main(["job", "status", uid, *signed]) == 0
    assert capsys.readouterr().out == f"{uid} Completed\n"
    assert main(["job", "log", uid, *signed]) == 0
    assert main(["job", "ls", *signed, "--json"]) == 0
    assert uid in capsys.readouterr().out
    assert main(["job", "actions", *signed]) == 0
    assert "count" in capsys.readouterr().out
    assert main(["job", "cancel", uid, *signed]) == 1
    given.write_text('{"project_id": \n}')
    assert main(["job", "run", "count", "-i", str(given), *signed]) == 1
    assert "line 2, column 1" in capsys.readouterr().err
    assert main(["job", "run", "fail", "--wait", *signed]) == 1
