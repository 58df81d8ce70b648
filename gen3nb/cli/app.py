"""All commands together, and what becomes of errors."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from gen3nb import __version__
from gen3nb.cli import commands, messages
from gen3nb.cli.grammar import INTERRUPTED, Commands, Root
from gen3nb.errors import (
    AuthError,
    DictionaryError,
    Gen3Error,
    MissingExtra,
    NotConnected,
    NotFound,
    PermissionDenied,
    ProfileError,
    RateLimited,
    Unavailable,
)

__all__ = ["EXIT_CODES", "INTERRUPTED", "app", "exit_code", "run"]

# The first that fits counts.
EXIT_CODES: tuple[tuple[type[Gen3Error], int], ...] = (
    (PermissionDenied, 4),
    (AuthError, 3),
    (NotConnected, 3),
    (ProfileError, 3),
    (NotFound, 5),
    (DictionaryError, 5),
    (Unavailable, 6),
    (RateLimited, 6),
    (MissingExtra, 7),
    (Gen3Error, 1),
)

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


def exit_code(error: Gen3Error) -> int:
    """Give the exit code of an error, as the table in :mod:`gen3nb.cli` says."""
    if error.facts.get("interrupted"):
        return INTERRUPTED
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


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
    try:
        done = app(args=words, prog_name="gen3nb", standalone_mode=False)
        return done if isinstance(done, int) else 0
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except KeyboardInterrupt:
        messages.failed("Interrupted.")
        return INTERRUPTED
    except typer.Abort:
        messages.failed("Aborted.")
        return 1
    except typer.TyperException as error:
        _show_usage(error)
        return int(error.exit_code)
    except Gen3Error as error:
        messages.failed(str(error))
        _show_where()
        return exit_code(error)
    except BrokenPipeError:
        raise
    except OSError as error:
        messages.failed(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
        _show_where()
        return 1
    except MemoryError:
        messages.failed("This machine's memory is not enough for it.")
        return 1
    except Exception as error:
        where = "" if messages.is_verbose() else "; the same with --verbose shows where"
        messages.failed(f"Something went wrong that should not: {type(error).__name__}: {error}{where}")
        _show_where()
        return 1


def _show_usage(error: typer.TyperException) -> None:
    """Say what was wrong in the command line, and how it is used."""
    context = getattr(error, "ctx", None)
    if context is not None:
        messages.said(f"{context.get_usage()}\nTry '{context.command_path} --help' for help.\n")
    messages.failed(error.format_message())


def _show_where() -> None:
    """Show the calls that led to an error, without any values, if that is wanted."""
    if messages.is_verbose():
        messages.note(traceback.format_exc())
