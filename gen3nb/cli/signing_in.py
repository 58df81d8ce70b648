"""Sign in for commands that need neither pandas nor the gen3 SDK, nor a parser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gen3nb.client.credentials import Credential
    from gen3nb.client.signing import SignIn
    from gen3nb.client.transport import Transport

__all__ = ["signed_in"]


def signed_in(
    profile: str | None, endpoint: str | None, credentials: Path | None
) -> tuple[SignIn, Transport, Credential]:
    """Sign in as ``gen3nb.connect`` does, for commands that need neither pandas nor the gen3 SDK.

    Raises
    ------
    Gen3Error
        Nothing to sign in with was found, or it does not fit the commons.
    """
    from gen3nb.client.opening import sign_in
    from gen3nb.client.signing import SignIn

    key = str(credentials) if credentials is not None else None
    return sign_in(endpoint, credentials=key, profile=profile, kind=SignIn)
