"""``gen3nb auth``: who am I, and what may I do."""

from __future__ import annotations

from typing import Annotated

import typer

from gen3nb.cli.identity_shown import show_identity
from gen3nb.cli.output import AsJson
from gen3nb.cli.target import Credentials, Endpoint, Profile

__all__ = ["auth"]


def auth(
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Every resource, every project below it, and the linked commons."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show who is signed in, how, until when, and what they may do.

    A grant on a resource covers what lies below it: /programs is every project.
    """
    show_identity(profile, endpoint, cred, everything=everything, as_json=as_json)
