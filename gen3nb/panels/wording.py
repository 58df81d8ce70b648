"""Errors in words, as HTML: what happened, why, what was kept."""

from __future__ import annotations

import traceback

from gen3nb.client.redaction import redact
from gen3nb.errors import Conflict, Gen3Error, ServiceError, TimedOut
from gen3nb.panels.style import escape

__all__ = ["sentence"]


def sentence(error: BaseException) -> str:
    """Say an error as HTML: what happened in bold, then the rest; details only for what nobody expected."""
    if not isinstance(error, Gen3Error):
        details = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        what = str(error) or "no reason was given"
        return (
            f"<b>Something went wrong in gen3nb: {escape(type(error).__name__)}.</b> {escape(redact(what))} "
            "Your choices are kept."
            f"<details><summary>Details</summary><pre>{escape(redact(details))}</pre></details>"
        )
    message = redact(error.message)
    first, rest = _parted(message)
    rest, _, where = rest.partition("\n")  # a place in a query: its line, and a mark below it
    said = f"<b>{escape(first)}</b>{escape(rest)}"
    said += f"<pre>{escape(where)}</pre>" if where else ""
    if isinstance(error, TimedOut):
        said += _full_stop(message) + " Your choices are kept; look before you do it again."
    elif isinstance(error, ServiceError) and not isinstance(error, Conflict):
        said += _full_stop(message) + " Your choices are kept."
    return said


def _full_stop(message: str) -> str:
    return "" if message.rstrip().endswith((".", "?", "!", "^")) else "."


def _parted(message: str) -> tuple[str, str]:
    """Part a message after its first clause, so that what happened stands out."""
    cut = min(
        (at for at in (message.find(mark) for mark in (": ", "; ", ". ", " (")) if at > 15),
        default=len(message),
    )
    first, rest = message[:cut], message[cut:]
    opening = first.split(" ", 1)[0]
    if opening.isalpha():  # not the name of a file or a property
        first = first[:1].upper() + first[1:]
    if rest.startswith(": "):
        return first + ":", rest[1:]
    return first, rest
