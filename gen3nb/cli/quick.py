"""``gen3nb auth`` as scripts ask it most, read without the parser, whose import takes longer than the answer.

Whatever is not as plain as this goes to the parser; a test holds both to the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["plain_auth"]

_VALUES = {
    "--profile": "profile",
    "-p": "profile",
    "--apiendpoint": "endpoint",
    "--endpoint": "endpoint",
    "--cred": "cred",
}
_FLAGS = {"--all": "everything", "--json": "as_json"}


def plain_auth(words: Sequence[str]) -> Callable[[], int] | None:
    """Give what ``auth`` is to do, if all words are plain; else None.

    Parameters
    ----------
    words : sequence of str
        The command line, without the program's name.
    """
    values: dict[str, str] = {}
    flags: dict[str, bool] = {}
    rest = iter(words)
    commands = 0
    for word in rest:
        option, equals, value = word.partition("=")
        if word == "auth" and not commands:
            commands += 1
        elif option in _VALUES and (commands or _VALUES[option] == "profile"):
            given = value if equals else next(rest, "")
            if not given or given.startswith("-"):
                return None
            values[_VALUES[option]] = given
        elif word in _FLAGS and commands:
            flags[_FLAGS[word]] = True
        else:
            return None
    if not commands:
        return None

    def act() -> int:
        from gen3nb.cli.identity_shown import show_identity

        cred = values.get("cred")
        show_identity(
            values.get("profile"),
            values.get("endpoint"),
            Path(cred) if cred is not None else None,
            everything=flags.get("everything", False),
            as_json=flags.get("as_json", False),
        )
        return 0

    return act
