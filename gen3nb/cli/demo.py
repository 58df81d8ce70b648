"""``gen3nb demo``: real patients into a commons and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gen3nb.cli.output import show
from gen3nb.cli.target import Credentials, Endpoint, Profile, connected

__all__ = ["demo"]


def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the figure and the tables go.")
    ] = Path("demo-output"),
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
) -> None:
    """Load 686 patients of a published breast-cancer trial, read them back, draw survival curves.

    Without further options it uses a practice commons on this machine: no account, no internet. With
    `--profile`, `--apiendpoint` or `--cred` it writes to that commons, into its project DEMO-GBSG2.
    """
    from gen3nb import demo as trial

    if profile is None and endpoint is None and cred is None:
        trial.run(output, say=show)
        return
    with connected(profile, endpoint, cred) as commons:
        trial.run(output, commons=commons, say=show)
