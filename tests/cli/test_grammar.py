"""What every command line has in common: the Go clients' booleans, the profile anywhere, streams, Ctrl-C."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pytest
import typer

from gen3nb.cli import commands, main
from gen3nb.cli.grammar import Commands
from gen3nb.transfer.scratch import scratch

if TYPE_CHECKING:
    from gen3nb import Commons


@pytest.fixture
def signed(commons: Commons) -> list[str]:
    return [f"--cred={commons.sandbox.credentials('reader')}", f"--apiendpoint={commons.endpoint}"]


@pytest.mark.parametrize(
    ("flag", "is_json"),
    [
        ("--json", True),
        ("--json=true", True),
        ("--json=1", True),
        ("--json=T", True),
        ("--json=false", False),
        ("--json=0", False),
        ("--json=f", False),
    ],
)
def test_booleans_as_the_go_clients_take_them(signed, capsys, flag, is_json):
    assert main(["auth", *signed, flag]) == 0
    assert (capsys.readouterr().out[0] == "{") is is_json


def test_the_last_of_two_counts_and_nonsense_is_refused(signed, capsys):
    assert main(["auth", *signed, "--json", "--json=false"]) == 0
    assert capsys.readouterr().out[0] != "{"
    assert main(["auth", *signed, "--json=maybe"]) == 2
    assert "neither true nor false" in capsys.readouterr().err


def test_the_profile_before_after_and_from_the_environment(commons, signed, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("one", "two"):
        assert main(["configure", f"--profile={name}", *signed]) == 0
    capsys.readouterr()
    for words in (["--profile", "two", "auth"], ["auth", "--profile=two"], ["auth", "-p", "two"]):
        assert main([*words, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["profile"] == "two"
    monkeypatch.setenv("GEN3NB_PROFILE", "one")
    assert main(["auth", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["profile"] == "one"
    assert main(["auth", "--json", "--profile=two"]) == 0
    assert json.loads(capsys.readouterr().out)["profile"] == "two"


def test_misspelt_commands_and_options_name_the_nearest(capsys):
    for words, near in ((["auht"], "auth"), (["dictionary", "shwo"], "show"), (["auth", "--jsn"], "--json")):
        assert main(words) == 2
        assert near in capsys.readouterr().err


def test_help_in_every_way(capsys):
    overviews = []
    for words in ([], ["--help"], ["-h"], ["help"]):
        assert main(words) == 0
        overviews.append(capsys.readouterr().out)
    assert len(set(overviews)) == 1
    assert main(["help", "auth"]) == 0
    assert "Usage: gen3nb auth" in capsys.readouterr().out


def test_every_command_is_there_and_says_what_its_line_says(capsys):
    for _, entries in commands.SECTIONS:
        for entry in entries:
            for name in (entry.name, *entry.also):
                assert main([name, "--help"]) == 0
                shown = " ".join(capsys.readouterr().out.split())
                if not entry.hidden:
                    assert entry.help.rstrip(".") in shown, name


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion(shell, capsys):
    assert main(["completion", shell]) == 0
    assert "gen3nb" in capsys.readouterr().out


def test_words_are_completed():
    environment = {
        **os.environ,
        "_GEN3NB_COMPLETE": "complete_bash",
        "COMP_WORDS": "gen3nb dic",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", "from gen3nb.cli import main; main()"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["dictionary"]


def test_the_usage_line_names_arguments_as_they_are_typed(capsys):
    assert main(["collaborator", "add", "--help"]) == 0
    assert "Usage: gen3nb collaborator add [OPTIONS] PROJECT_ID EMAIL\n" in capsys.readouterr().out


def test_a_wrong_choice_is_said_in_our_words(capsys):
    assert main(["completion", "nope"]) == 2
    told = capsys.readouterr().err
    assert "'nope' is not one of 'bash'" in told
    assert "Value error" not in told


def test_a_reader_that_goes_away_is_no_error(signed):
    words = [sys.executable, "-m", "gen3nb.cli", "dictionary", "ls", "--dictionary=default"]
    done = subprocess.run(
        ["sh", "-c", '"$@" | head -1; exit 0', "sh", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_verbose_says_each_request_and_no_secret(commons, signed, capsys):
    assert main(["--verbose", "auth", *signed]) == 0
    told = capsys.readouterr()
    assert "GET /user/user" in told.err
    key = json.loads(Path(str(commons.sandbox.credentials("reader"))).read_text())["api_key"]
    assert key not in told.err + told.out
    assert "eyJ" not in told.err + told.out


def test_a_failure_that_should_not_be_is_one_sentence(monkeypatch, capsys):
    def broken(*words: object) -> None:
        raise RuntimeError("oops")

    monkeypatch.setattr("gen3nb.dictionary.Dictionary.default", broken)
    assert main(["dictionary", "ls", "--dictionary=default"]) == 1
    told = capsys.readouterr().err
    assert "Something went wrong that should not: RuntimeError: oops" in told
    assert "Traceback" not in told
    assert main(["dictionary", "ls", "--dictionary=default", "--verbose"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_full_disk_is_said_with_what_to_do(monkeypatch, capsys):
    def broken(*words: object) -> None:
        base = scratch("pragma max_page_count = 3", "create table one (held)")
        base.executemany("insert into one values (?)", [("x" * 5000,)] * 10)

    monkeypatch.setattr("gen3nb.dictionary.Dictionary.default", broken)
    assert main(["dictionary", "ls", "--dictionary=default"]) == 1
    told = capsys.readouterr().err
    assert "The disk is full" in told
    assert "SQLITE_TMPDIR" in told


def _converted(words: list[str], *, plainly: bool) -> dict[str, object]:
    """Give what a command gets, with our reading of plain values or with Typer's own."""
    got: dict[str, object] = {}
    app = Commands("Try.")

    @app.command()
    def take(
        text: Annotated[str | None, typer.Option()] = None,
        number: Annotated[int, typer.Option()] = 3,
        bounded: Annotated[int, typer.Option(min=0, max=9)] = 3,
        path: Annotated[Path | None, typer.Option()] = None,
        there: Annotated[Path | None, typer.Option(exists=True)] = None,
        many: Annotated[list[str] | None, typer.Option()] = None,
        flag: Annotated[bool | None, typer.Option("--flag/--no-flag")] = None,
        rest: Annotated[list[Path] | None, typer.Argument()] = None,
    ) -> None:
        """Take all kinds of values."""
        got.update(locals())
        got.pop("got", None)

    command = typer.main.get_command(app)
    if not plainly:
        for param in command.params:
            param.get_runtime_param()
    try:
        command.main(args=words, prog_name="try", standalone_mode=False)
    except typer.TyperException as error:
        return {"refused": error.format_message()}
    return got


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--text", "a b", "--text", "c"],
        ["--text="],
        ["--number", "7", "--bounded", "9"],
        ["--number", "seven"],
        ["--bounded", "10"],
        ["--path", "no/such", "--many", "a", "--many", "b"],
        ["--path", "."],
        ["--there", "no/such"],
        ["--there", "."],
        ["--flag"],
        ["--no-flag", "one", "two"],
        ["--many", "a", "--flag=false", "é"],
    ],
)
def test_plain_values_are_those_that_typer_gives(words):
    assert _converted(words, plainly=True) == _converted(words, plainly=False)


def test_a_file_that_nobody_may_read_is_refused_as_typer_does(tmp_path, monkeypatch):
    file = tmp_path / "closed"
    file.write_text("")
    monkeypatch.setattr(os, "access", lambda *_: False)
    found = _converted(["--path", str(file)], plainly=True)
    assert found == _converted(["--path", str(file)], plainly=False)
    assert "not readable" in str(found["refused"])


@pytest.mark.parametrize("words", [["auth"], ["programs"], ["read", "program"], ["dictionary", "ls"]])
def test_whoever_read_the_output_has_gone(signed, words):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "gen3nb.cli", *words, *signed],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
