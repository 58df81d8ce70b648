"""What must not stand on a command line."""

from __future__ import annotations

from collections.abc import Sequence

from gen3nb.client.redaction import redact

__all__ = ["secret_in"]

WHY = (
    "a key, token or password stands on this command line, where every user of this machine can see it (ps) "
    "and from where it goes into the shell's history: nothing was done. Save it in a file that only you can "
    "read and give the file's name; take the line out of the history, and delete that key on the commons' "
    "profile page"
)


def secret_in(words: Sequence[str]) -> str | None:
    """Give the reason to refuse a command line that holds a secret; None if it holds none."""
    return WHY if any(redact(word) != word for word in words) else None
