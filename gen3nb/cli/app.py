"""All commands together, and what becomes of errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from gen3nb import __version__
from gen3nb.cli import auth, demo, dictionary, doctor, lab, sandbox, version
from gen3nb.cli.output import failed
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
INTERRUPTED = 130

app = typer.Typer(
    name="gen3nb",
    help="Gen3 data commons in pandas and notebook panels. Start with `gen3nb demo`: no account needed.",
    epilog="Exit codes: 0 done, 1 not done, 2 wrong usage, 3 not signed in, 4 no permission, 5 not found, "
    "6 no usable answer, 7 a package is missing, 130 interrupted.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    # a traceback with local variables could show a key
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.add_typer(sandbox.app, name="sandbox")
app.command("lab")(lab.lab)
app.add_typer(dictionary.app, name="dictionary")
app.command("auth")(auth.auth)
app.command("doctor")(doctor.doctor)
app.command("version")(version.version)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gen3nb {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def exit_code(error: Gen3Error) -> int:
    """Give the exit code of an error, as the table in :mod:`gen3nb.cli` says."""
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; errors become one message on standard error and an exit code."""
    try:
        app(args=list(arguments) if arguments is not None else None, prog_name="gen3nb")
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else int(done.code is not None)
        if code == INTERRUPTED:
            failed("Interrupted.")
        return code
    except Gen3Error as error:
        failed(str(error))
        return exit_code(error)
    except OSError as error:
        failed(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
        return 1
    return 0
