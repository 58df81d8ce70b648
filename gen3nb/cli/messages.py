"""What is said on the way: remarks, warnings and errors on standard error; and the two streams themselves.

Nothing that came from a server, a file or a name reaches a terminal with its control characters: they could
move the cursor, rename the window or hide a line. They are shown as ``<1b>`` and the like.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from gen3nb.client.redaction import redact
from gen3nb.errors import Gen3Error

if TYPE_CHECKING:
    from typing import TextIO

__all__ = [
    "CLOSED",
    "CONTROL",
    "Ended",
    "be_verbose",
    "confirmed",
    "failed",
    "is_terminal",
    "is_verbose",
    "note",
    "safe",
    "said",
    "stream",
    "written",
]

#: The exit code where the reader of the output has gone, as ``head`` does: 128 and SIGPIPE.
CLOSED = 141

# control characters but tab and line end, and those that turn the direction of writing
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_LOGGERS = ("gen3nb", "urllib3")
_LEVELS = {"gen3nb": logging.WARNING, "urllib3": logging.ERROR}
_settings = {"verbose": False}


@dataclass
class Ended:
    """How a command line ended."""

    code: int = 0


@contextlib.contextmanager
def stream() -> Iterator[Ended]:
    """Hold the two streams for one command line.

    Messages take our form, and a reader that goes away is no error.

    Yields
    ------
    Ended
        Its ``code`` is for the block to set.
    """
    ended = Ended()
    for one in (sys.stdout, sys.stderr):
        # a character that the terminal's encoding lacks is no reason to stop
        with contextlib.suppress(AttributeError, ValueError):
            one.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    with _heard():
        try:
            yield ended
            sys.stdout.flush()
            sys.stderr.flush()
        except BrokenPipeError:
            ended.code = CLOSED
            _silence()


def _silence() -> None:
    """Send what is still in the streams' buffers nowhere, so that the interpreter's end stays silent."""
    for one in (sys.stdout, sys.stderr):
        try:
            one.flush()
        except OSError:
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, one.fileno())
                os.close(nowhere)


@contextlib.contextmanager
def _heard() -> Iterator[None]:
    """Show warnings and log records as remarks, without code and without secrets."""
    handler = _Remarks()
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [(logger, logger.level) for logger in loggers]
    _settings["verbose"] = False
    with warnings.catch_warnings():
        warnings.showwarning = _warned
        for logger in loggers:
            logger.addHandler(handler)
            logger.setLevel(_LEVELS[logger.name])
        try:
            yield
        finally:
            for logger, level in before:
                logger.removeHandler(handler)
                logger.setLevel(level)


class _Remarks(logging.Handler):
    """Writes log records to standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one."""
        text = record.getMessage()
        if record.levelno >= logging.WARNING:
            _warn(text)
        else:
            note(text)


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    # what a library tells its programmers is of no use to a user
    if issubclass(category, UserWarning) or is_verbose():
        _warn(str(message))


def _warn(text: str) -> None:
    _print(f"Warning: {text}", "yellow")


def be_verbose() -> None:
    """From here on say each request and step, and where an error came from."""
    _settings["verbose"] = True
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.DEBUG)


def is_verbose() -> bool:
    """Tell whether ``--verbose`` was given."""
    return _settings["verbose"]


def is_terminal(one: IO[str]) -> bool:
    """Tell whether a person sees a stream at once."""
    try:
        return one.isatty()
    except (AttributeError, ValueError):
        return False


def safe(text: str) -> str:
    """Give a text whose control characters are shown and not obeyed."""
    return CONTROL.sub(lambda found: f"<{ord(found[0]):02x}>", text)


def written(text: str) -> None:
    """Write data to standard output as it stands; a terminal gets it without control characters."""
    sys.stdout.write(safe(text) if is_terminal(sys.stdout) else text)
    sys.stdout.flush()


def said(text: str, style: str = "") -> None:
    """Write a message to standard error."""
    _print(text, style)


def failed(message: str) -> None:
    """Show an error as one red message on standard error."""
    _print(f"Error: {message}", "red")


def note(message: str) -> None:
    """Show a remark on standard error."""
    _print(message, "dim")


def _print(message: str, style: str) -> None:
    text = safe(redact(message))
    if not style or not is_terminal(sys.stderr):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
        return
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True, highlight=False, emoji=False).print(Text(text, style), soft_wrap=True)


def confirmed(question: str, *, instead: str) -> bool:
    """Ask a person yes or no; anything but yes is no.

    Parameters
    ----------
    question : str
        Without the ``(y/N)``.
    instead : str
        The option that says yes beforehand: ``"--yes"``.

    Raises
    ------
    Gen3Error
        Nobody is there to answer: no terminal, or the end of the input.
    """
    nobody = Gen3Error(f"{question} There is no terminal to ask on: give {instead} to go on without asking.")
    if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        raise nobody
    sys.stderr.write(f"{safe(question)} (y/N) ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        raise nobody
    return answer.strip().lower() in ("y", "yes")
