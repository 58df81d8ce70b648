"""``gen3nb curl``: any request to a commons."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from gen3nb.cli.output import show
from gen3nb.cli.target import Credentials, Endpoint, Profile, signed_in

__all__ = ["curl"]

CHUNK = 1 << 16


def curl(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="Under the commons' address: /user/user, /index/index.")
    ],
    request: Annotated[
        str | None,
        typer.Option(
            "--request", "-X", metavar="METHOD", help="By default GET, or POST where there is data."
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", "-d", metavar="JSON", help="JSON, @FILE, or @- for standard input."),
    ] = None,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
) -> None:
    """Send a request to a commons, signed with your token, and write the answer.

    The token goes to that commons only. An answer of status 400 or more is an error, in words.
    """
    from gen3nb.client.curling import curl as send

    _, transport, _ = signed_in(profile, endpoint, cred)
    with send(transport, path, request, data, stream=True) as answer:
        if sys.stdout.isatty():
            if answer.content:
                show(answer.text.rstrip("\n"))
            return
        for piece in answer.iter_content(CHUNK):
            sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
