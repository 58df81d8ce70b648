"""``configure``, ``profiles``, ``auth`` and ``curl``, as a person at a terminal and a script use them."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gen3nb.cli import main

if TYPE_CHECKING:
    from gen3nb import Commons

PROFILES = Path(".gen3/gen3_client_config.ini")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def key(commons: Commons) -> str:
    return str(commons.sandbox.credentials("submitter"))


def configured(key: str, endpoint: str, *more: str) -> int:
    return main(["configure", "--profile=p", f"--cred={key}", f"--apiendpoint={endpoint}", *more])


def test_configure_writes_what_both_go_clients_read(commons, home, key, capsys):
    assert configured(key, commons.endpoint + "/") == 0
    assert capsys.readouterr().out == "Profile 'p' has been configured successfully.\n"
    path = home / PROFILES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    names = [line.partition("=")[0].strip() for line in path.read_text().splitlines() if "=" in line]
    assert names == [
        "key_id",
        "api_key",
        "access_token",
        "api_endpoint",
        "use_shepherd",
        "min_shepherd_version",
    ]
    assert f"api_endpoint         = {commons.endpoint}\n" in path.read_text()


def test_another_profile_and_what_others_wrote_stay(commons, home, key):
    path = home / PROFILES
    path.parent.mkdir(mode=0o700)
    before = "; mine\n[old]\napi_endpoint = https://old.example\naccess_key = a.b.c\nbucket = b\n"
    path.write_text(before)
    path.chmod(0o600)
    assert configured(key, commons.endpoint) == 0
    assert path.read_text().startswith(before)


def test_a_refused_key_leaves_the_file_alone(commons, home, key, tmp_path, capsys):
    assert configured(key, commons.endpoint) == 0
    before = (home / PROFILES).read_bytes()
    deleted = commons.sandbox.credentials("reader", deleted=True)
    assert configured(str(deleted), commons.endpoint) == 3
    assert "has been deleted" in capsys.readouterr().err
    assert (home / PROFILES).read_bytes() == before


def test_no_program_is_made_unreadable_that_is_no_key(home, tmp_path, capsys):
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF\0\0\0")
    program.chmod(0o755)
    assert configured(str(program), "https://commons.example") == 3
    assert "not an API key file" in capsys.readouterr().err
    assert stat.S_IMODE(program.stat().st_mode) == 0o755


def test_a_key_file_that_others_can_read_is_repaired(commons, home, key, tmp_path, capsys):
    mine = tmp_path / "mine.json"
    mine.write_bytes(Path(key).read_bytes())
    mine.chmod(0o644)
    assert configured(str(mine), commons.endpoint) == 0
    assert "readable by you alone" in capsys.readouterr().err
    assert stat.S_IMODE(mine.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (["configure", "--profile=x", "--apiendpoint=https://c.example"], '"cred" not set', 2),
        (["configure", "--cred=k.json"], '"profile" not set', 2),
        (["configure", "--profile=../x", "--cred=KEY", "--apiendpoint=HERE"], "profile", 3),
        (["configure", "--profile=x", "--cred=KEY", "--apiendpoint=HERE/login"], "page of the commons", 3),
        (["configure", "--profile=x", "--cred=KEY", "--apiendpoint=https://o.example"], "was issued by", 3),
        (["configure", "--profile=x", "--cred=none.json", "--apiendpoint=HERE"], "does not exist", 3),
        (["auth", "--profile=pp"], "did you mean 'p'", 3),
        (["profiles", "show", "pp"], "did you mean 'p'", 3),
        (["profiles", "remove", "pp"], "did you mean 'p'", 3),
        (["curl", "--profile=p", "/index/index/nope"], "no record found", 5),
    ],
)
def test_bad_input(commons, home, key, capsys, words, said, code):
    assert configured(key, commons.endpoint) == 0
    before = (home / PROFILES).read_bytes()
    capsys.readouterr()
    named = [word.replace("KEY", key).replace("HERE", commons.endpoint) for word in words]
    assert main(named) == code
    assert said in capsys.readouterr().err
    assert (home / PROFILES).read_bytes() == before


def test_profiles_are_listed_shown_chosen_removed(commons, home, key, capsys):
    assert main(["profiles", "list"]) == 0
    assert "gen3nb configure" in capsys.readouterr().err
    assert configured(key, commons.endpoint) == 0
    capsys.readouterr()
    assert main(["profiles", "list", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["profile"], row["endpoint"], row["default"]) == ("p", commons.endpoint, True)
    assert main(["profiles", "show", "p"]) == 0
    shown = capsys.readouterr().out
    assert "[hidden]" in shown
    assert "eyJ" not in shown
    assert main(["profiles", "show", "p", "--json"]) == 0
    assert "eyJ" not in capsys.readouterr().out
    assert main(["profiles", "default", "p"]) == 0
    assert main(["profiles", "default"]) == 0
    assert capsys.readouterr().out.split() == ["p", "p"]
    assert main(["profiles", "remove", "p"]) == 0
    assert "[p]" not in (home / PROFILES).read_text()


def test_auth_says_who_and_what_in_the_go_clients_lines(commons, home, key, capsys, monkeypatch):
    assert configured(key, commons.endpoint) == 0
    capsys.readouterr()
    for words in (["auth", "--profile=p"], ["--profile=p", "auth"], ["auth"]):
        assert main(words) == 0
        lines = capsys.readouterr().out.splitlines()
        at = lines.index(f"You have access to the following resource(s) at {commons.endpoint}:")
        assert "/programs [create delete read update]" in lines[at + 1 :]
        assert lines[at + 1 :] == sorted(lines[at + 1 :])
    monkeypatch.setenv("GEN3NB_PROFILE", "p")
    assert main(["auth", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["username"] == "submitter@commons.test"
    assert facts["resources"]["/programs"] == ["create", "delete", "read", "update"]
    assert facts["token_expires"]
    assert facts["key_expires"]


def test_auth_of_who_may_do_nothing(commons, home, capsys):
    assert configured(str(commons.sandbox.credentials("nobody")), commons.endpoint) == 0
    capsys.readouterr()
    assert main(["auth"]) == 0
    assert (
        f"You don't currently have access to any resources at {commons.endpoint}" in capsys.readouterr().out
    )


def test_auth_of_a_key_that_ends_soon_says_so(commons, home, capsys):
    key = commons.sandbox.credentials("reader", expires_in=20 * 3600)
    assert main(["auth", f"--cred={key}", f"--apiendpoint={commons.endpoint}"]) == 0
    told = capsys.readouterr()
    assert "API key until" in told.out


def test_curl_signs_and_sends(commons, home, key, tmp_path, capsys):
    assert configured(key, commons.endpoint) == 0
    body = tmp_path / "query.json"
    body.write_text(json.dumps({"query": "{ _case_count }"}))
    capsys.readouterr()
    words = ["curl", "/api/v0/submission/graphql", "--data", f"@{body}", "--profile", "p"]
    done = subprocess.run(
        [sys.executable, "-m", "gen3nb.cli", *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "_case_count" in json.loads(done.stdout)["data"]


def test_a_key_on_the_command_line_is_refused_and_not_repeated(home, key, capsys):
    secret = json.loads(Path(key).read_text())["api_key"]
    for words in (["auth", "--cred", secret], ["curl", f"https://c.example/x?token={secret}"]):
        assert main(words) == 2
        told = capsys.readouterr()
        assert "stands on this command line" in told.err
        assert secret not in told.err + told.out


def test_no_secret_is_in_the_arguments_or_in_verbose_output(commons, home, key):
    assert configured(key, commons.endpoint) == 0
    secret = json.loads(Path(key).read_text())["api_key"]
    words = [sys.executable, "-m", "gen3nb.cli", "auth", "--verbose", "--profile=p"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, env=os.environ)
    assert done.returncode == 0
    assert "GET /user/user" in done.stderr
    assert "eyJ" not in done.stdout + done.stderr
    assert secret not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["auth", "--profile=p", "--json"],
        ["--profile", "p", "auth", "--json"],
        ["auth", "-p", "p"],
        ["auth", "--all", "--json", "--profile=p"],
        ["auth", "--profile=q"],
        ["auth", "--cred=none.json", "--endpoint=https://c.example"],
    ],
)
def test_the_plain_way_and_the_parsers_way_are_one(commons, home, key, capsys, words):
    from gen3nb.cli.app import run
    from gen3nb.cli.quick import plain_auth

    assert configured(key, commons.endpoint) == 0
    assert plain_auth(words) is not None
    told = []
    for way in (main, run):
        capsys.readouterr()
        code = way(words)
        out, err = capsys.readouterr()
        facts = json.loads(out) if out.startswith("{") else out
        told.append((code, facts, err))
    if isinstance(told[0][1], dict):
        for _, facts, _ in told:
            facts.pop("token_expires")
    assert told[0] == told[1]


@pytest.mark.parametrize(
    "words",
    [
        ["auth", "--json=false"],
        ["auth", "--help"],
        ["auth", "--profile"],
        ["auth", "--profile", "--json"],
        ["--json", "auth"],
        ["auth", "auth"],
        ["auth", "--verbose"],
        ["profiles", "show", "auth"],
        ["--profile", "auth"],
    ],
)
def test_what_is_not_plain_goes_to_the_parser(words):
    from gen3nb.cli.quick import plain_auth

    assert plain_auth(words) is None


@pytest.mark.parametrize(
    ("words", "unloaded"),
    [
        (["profiles", "list"], {"pydantic", "pandas", "gen3", "rich", "requests"}),
        (["profiles", "show", "p"], {"pydantic", "pandas", "gen3", "rich", "requests"}),
        (["programs", "--profile=p"], {"pydantic", "pandas", "numpy", "gen3", "rich"}),
        (["projects", "--json", "-p", "p"], {"pydantic", "pandas", "numpy", "gen3", "rich"}),
    ],
)
def test_lists_load_only_what_they_need(commons, home, key, words, unloaded):
    assert configured(key, commons.endpoint) == 0
    code = (
        f"import sys; from gen3nb.cli import main; code = main({words!r}); "
        "print('LOADED', *sys.modules); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not unloaded & set(done.stdout.partition("LOADED")[2].split())


def test_auth_loads_no_parser(commons, home, key):
    assert configured(key, commons.endpoint) == 0
    code = (
        "import sys; from gen3nb.cli import main; code = main(['auth']); "
        "print('LOADED', *sys.modules); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.partition("LOADED")[2].split())
    assert not {"typer", "pydantic", "pandas", "gen3", "rich"} & loaded
