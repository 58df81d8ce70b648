"""All commands together, and what becomes of errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from gen3nb import __version__
from gen3nb.cli import commands, messages
from gen3nb.cli.catching import EXIT_CODES, INTERRUPTED, caught, exit_code
from gen3nb.cli.grammar import Commands, Root

__all__ = ["EXIT_CODES", "INTERRUPTED", "app", "exit_code", "run"]

app = Commands(commands.INTRODUCTION, cls=Root, name="gen3nb", epilog=commands.EPILOG, add_completion=True)


def _version(wanted: bool) -> None:
    if wanted:
        messages.written(f"gen3nb {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool, typer.Option("--version", "-v", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def run(arguments: Sequence[str]) -> int:
    """Run a command line; errors become one message on standard error and an exit code."""
    words = list(arguments)
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    with messages.stream() as ended:
        ended.code = _run(words)
    return ended.code


def _run(words: list[str]) -> int:
    """Give the exit code of a command line, and show the error if there is one."""

    def act() -> int:
        try:
            done = app(args=words, prog_name="gen3nb", standalone_mode=False)
        except typer.Abort:
            messages.failed("Aborted.")
            return 1
        except typer.TyperException as error:
            _show_usage(error)
            return int(error.exit_code)
        return done if isinstance(done, int) else 0

    return caught(act)


def _show_usage(error: typer.TyperException) -> None:
    """Say what was wrong in the command line, and how it is used."""
    context = getattr(error, "ctx", None)
    if context is not None:
        messages.said(f"{context.get_usage()}\nTry '{context.command_path} --help' for help.\n")
    # the converter below puts two words of its own before ours
    messages.failed(error.format_message().replace("Value error, ", ""))
