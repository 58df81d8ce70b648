"""The commands of ``gen3nb``: thin faces over the rooms below, one module per group.

What a command shows is a table for a person, or with ``--json`` JSON for a program; progress and errors go to
standard error. Exit codes:

==== =====================================================================================
0    all that was asked for is done
1    it could not be done, or only in part
2    wrong usage: an unknown command or option, a missing argument
3    not signed in: no usable profile, key or token
4    a permission is missing
5    there is no such program, project, record, node or property
6    the commons gave no usable answer, or asked to slow down
7    a package is not installed
130  interrupted
141  whoever read the output has closed it
==== =====================================================================================
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of this process.

    Returns
    -------
    int
        The exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if (reason := _secret_in(words)) is not None:
        from gen3nb.cli.messages import failed

        failed(reason)
        return 2
    from gen3nb.cli import commands

    # the two that people and their scripts ask most often need no parser, whose import takes most of the time
    if (text := commands.quick_answer(words)) is not None:
        from gen3nb.cli.messages import stream, written

        with stream() as ended:
            written(text)
        return ended.code
    if "auth" in words:
        from gen3nb.cli.quick import plain_auth

        if (act := plain_auth(words)) is not None:
            from gen3nb.cli.catching import caught
            from gen3nb.cli.messages import stream

            with stream() as ended:
                ended.code = caught(act)
            return ended.code
    from gen3nb.cli.app import run

    return run(words)


def _secret_in(words: Sequence[str]) -> str | None:
    """Give the reason to refuse a command line that holds a secret, or None."""
    if not any("eyJ" in word or "=" in word or ":" in word for word in words):
        return None
    from gen3nb.cli.arguments import secret_in

    return secret_in(words)
