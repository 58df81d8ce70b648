"""Which commons a command speaks to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gen3nb.cli.signing_in import signed_in

if TYPE_CHECKING:
    from gen3nb.commons import Commons

__all__ = ["Credentials", "Endpoint", "Profile", "connected", "signed_in"]

Profile = Annotated[
    str | None,
    typer.Option("--profile", "-p", metavar="NAME", help="A profile of ~/.gen3/gen3_client_config.ini."),
]
Endpoint = Annotated[
    str | None, typer.Option("--apiendpoint", "--endpoint", metavar="URL", help="The commons' address.")
]
Credentials = Annotated[
    Path | None,
    typer.Option("--cred", metavar="FILE", help="An API key file, from the commons' profile page."),
]


def connected(profile: str | None, endpoint: str | None, credentials: Path | None) -> Commons:
    """Connect as the options say; without any, as ``gen3nb.connect()`` does.

    Raises
    ------
    Gen3Error
        Nothing to sign in with was found, or it does not fit the commons.
    """
    import gen3nb

    key = str(credentials) if credentials is not None else None
    return gen3nb.connect(endpoint, credentials=key, profile=profile)
