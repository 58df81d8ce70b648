"""What becomes of errors: one message on standard error, and an exit code. Loads no parser."""

from __future__ import annotations

import traceback
from collections.abc import Callable

from gen3nb.cli import messages
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

__all__ = ["EXIT_CODES", "INTERRUPTED", "caught", "exit_code"]

INTERRUPTED = 130

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


def exit_code(error: Gen3Error) -> int:
    """Give the exit code of an error, as the table in :mod:`gen3nb.cli` says."""
    if error.facts.get("interrupted"):
        return INTERRUPTED
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def caught(act: Callable[[], int]) -> int:
    """Give the exit code of what is done, and show the error if there is one."""
    try:
        return act()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except KeyboardInterrupt:
        messages.failed("Interrupted.")
        return INTERRUPTED
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
        # whatever it is: a person gets a sentence, not a traceback
        where = "" if messages.is_verbose() else "; the same with --verbose shows where"
        messages.failed(f"Something went wrong that should not: {type(error).__name__}: {error}{where}")
        _show_where()
        return 1


def _show_where() -> None:
    """Show the calls that led to an error, without any values, if that is wanted."""
    if messages.is_verbose():
        messages.note(traceback.format_exc())
