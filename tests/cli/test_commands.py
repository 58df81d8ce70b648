"""What every command has in common: help without weight, exit codes, one message for an error."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from gen3nb import __version__, errors
from gen3nb.cli import main
from gen3nb.cli.app import EXIT_CODES, exit_code

HEAVY = {"pandas", "numpy", "pyarrow", "gen3", "ipywidgets", "jsonschema", "requests", "graphql"}


@pytest.mark.parametrize(
    "command", [[], ["sandbox", "start"], ["dictionary", "show"], ["demo"], ["lab"], ["auth"]]
)
def test_help_loads_nothing_heavy(command: list[str]) -> None:
    code = (
        "import sys; from gen3nb.cli import main; "
        f"code = main({[*command, '--help']!r}); print('LOADED', *sys.modules); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    shown, _, loaded = done.stdout.partition("LOADED")
    assert "Usage: gen3nb" in shown
    assert not HEAVY & set(loaded.split())


def test_help_names_every_command_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for word in ("demo", "sandbox", "lab", "dictionary", "auth", "version", "Exit codes", "130 interrupted"):
        assert word in shown


@pytest.mark.parametrize(
    "arguments", [["nope"], ["dictionary", "show"], ["demo", "--nope"], ["sandbox", "nope"]]
)
def test_wrong_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "Usage: gen3nb" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"gen3nb {__version__}\n"
    assert main(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["gen3nb"] == __version__
    assert main(["version"]) == 0
    assert "pandas" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.Gen3Error("x"), 1),
        (errors.ServiceError("x"), 1),
        (errors.ProfileError("x"), 3),
        (errors.KeyExpired("x"), 3),
        (errors.NotConnected("x"), 3),
        (errors.PermissionDenied("x"), 4),
        (errors.NotFound("x"), 5),
        (errors.DictionaryError("x"), 5),
        (errors.TimedOut("x"), 6),
        (errors.RateLimited("x"), 6),
        (errors.MissingExtra("x"), 7),
    ],
)
def test_exit_codes(error: errors.Gen3Error, code: int) -> None:
    assert exit_code(error) == code
    assert exit_code(pickle.loads(pickle.dumps(error))) == code


def test_every_error_has_an_exit_code_and_the_table_says_it() -> None:
    import gen3nb.cli

    assert EXIT_CODES[-1] == (errors.Gen3Error, 1)
    for _, code in EXIT_CODES:
        assert f"\n{code}  " in (gen3nb.cli.__doc__ or "")


def test_nothing_to_sign_in_with_is_one_message(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "gen3nb.cli", "auth"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_words_that_look_like_markup_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dictionary", "show", "[bold]case[/bold]", "--dictionary", "default"]) == 5
    assert "'[bold]case[/bold]'" in capsys.readouterr().err


def test_a_key_of_another_commons_is_refused_before_any_request(commons, capsys) -> None:
    key = str(commons.sandbox.credentials("reader"))
    assert main(["auth", "--apiendpoint", "http://127.0.0.1:9", "--cred", key]) == 3
    said = capsys.readouterr()
    assert "was issued by" in said.err
    assert said.out == ""


def test_auth(commons, project: str, capsys: pytest.CaptureFixture[str]) -> None:
    key = str(commons.sandbox.credentials("reader"))
    assert main(["auth", "--cred", key, "--all"]) == 0
    shown = capsys.readouterr().out
    assert "reader" in shown
    assert commons.endpoint in shown
    assert project.partition("-")[2] in shown
    assert main(["auth", "--cred", key, "--all", "--json"]) == 0
    said = capsys.readouterr().out
    me = json.loads(said)
    assert me["username"].startswith("reader")
    assert me["endpoint"] == commons.endpoint
    assert "read" in me["projects"][project]
    assert json.loads(Path(key).read_text("utf-8"))["api_key"] not in said


def test_the_demo_needs_the_right_to_write(commons, tmp_path: Path, capsys) -> None:
    """On a commons that one names it goes as the one who is signed in, and says which right is missing."""
    key = str(commons.sandbox.credentials("reader"))
    assert main(["demo", "--cred", key, "--output", str(tmp_path / "out")]) == 4
    said = capsys.readouterr()
    assert "686 patients" in said.out
    assert "Error: " in said.err
    assert "Traceback" not in said.err
    assert not (tmp_path / "out" / "survival.png").exists()
