"""The table for users of the Go clients, walked through: each command and flag does what the table says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from gen3nb.cli import main
from gen3nb.cli.app import app

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "from-data-client.md"
ROW = re.compile(r"^\| `([a-z -]+)` \| (?:`(--[A-Za-z-]+)`)? ?\| (.+) \|$", re.MULTILINE)
ROWS = [(command.split(), flag, here) for command, flag, here in ROW.findall(PAGE.read_text("utf-8"))]
# what the Go clients have, of every command; `delete` is told in words
COMMANDS = {
    "configure",
    "auth",
    "collaborator",
    "generate-tsv",
    "upload",
    "upload-single",
    "upload-multiple",
    "upload-multipart",
    "retry-upload",
    "download-single",
    "download-multiple",
}


def command_of(words: list[str]):
    """Find a command of ours."""
    found = typer.main.get_command(app)
    context = found.make_context("gen3nb", [], resilient_parsing=True)
    for word in words:
        found = found.get_command(context, word)
        assert found is not None, words
        context = found.make_context(word, [], parent=context, resilient_parsing=True)
    return found, context


def test_every_command_is_in_the_table() -> None:
    assert {words[0] for words, _, _ in ROWS} == COMMANDS
    assert len(ROWS) > 50


@pytest.mark.parametrize(("words", "flag", "here"), ROWS, ids=lambda part: str(part)[:40])
def test_row(words: list[str], flag: str, here: str) -> None:
    found, context = command_of(words)
    spelled = {name for param in found.get_params(context) for name in param.opts}
    if flag:
        assert flag in spelled
        for short in re.findall(r"also `(-\w)`", here):
            assert short in spelled
    if words == ["generate-tsv"]:
        assert main(words) == 0
    assert "--profile" in spelled or words == ["generate-tsv"]


def test_both_names_of_collaborator(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("collaborator", "collaborators"):
        assert main([name, "--help"]) == 0
        assert "bulk-add" in capsys.readouterr().out


def test_the_reference_is_current() -> None:
    import subprocess
    import sys

    script = PAGE.parents[2] / "scripts" / "cli_reference.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
