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
==== =====================================================================================
"""

from __future__ import annotations

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
    from gen3nb.cli.app import run

    return run(arguments)
