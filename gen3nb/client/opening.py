"""From what was named, or from nothing at all, to a signed way to a commons."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Container, Mapping
from typing import Any, TypeVar

from gen3nb.client.credentials import Credential, ends_soon
from gen3nb.client.fence import Fence
from gen3nb.client.finding import find
from gen3nb.client.redaction import hide
from gen3nb.client.signing import SignIn
from gen3nb.client.transport import Transport
from gen3nb.errors import NotConnected

__all__ = ["sign_in"]

logger = logging.getLogger("gen3nb.client")

S = TypeVar("S", bound=SignIn)


def sign_in(
    target: str | os.PathLike[str] | None = None,
    *,
    credentials: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    profile: str | None = None,
    access_token: str | None = None,
    allow_http: Container[str] = (),
    kind: Callable[..., S],
    **options: Any,
) -> tuple[S, Transport, Credential]:
    """Find commons and credentials, and sign in.

    Parameters
    ----------
    target, credentials, profile, access_token, allow_http
        As in ``gen3nb.connect``.
    kind : callable
        What signs: :class:`SignIn`, or what the gen3 SDK takes.
    **options : Any
        ``timeout``, ``verify`` and ``proxies``.

    Raises
    ------
    Gen3Error
        What ``gen3nb.connect`` raises.
    """
    credentials, access_token = hide(credentials), hide(access_token)
    nothing: NotConnected | None = None
    try:
        found = find(
            target, credentials=credentials, profile=profile, access_token=access_token, allow_http=allow_http
        )
    except NotConnected as error:
        nothing = error
    if nothing is not None:
        if nothing.facts.get("unsigned") and nothing.facts.get("endpoint"):
            # nothing to sign in with; but if the address is wrong, that is the better answer
            Fence(Transport(str(nothing.facts["endpoint"]), **options)).see()
        raise nothing
    signer = kind(
        credential=found.credential, endpoint=found.endpoint or None, allow_http=allow_http, **options
    )
    signer.get_access_token()
    transport = signer.transport()
    if not signer.renewable:
        Fence(transport).see()  # nothing was asked of the commons yet: see that it takes the token
    soon = ends_soon(found.credential)
    if soon:
        logger.warning("%s", soon)
    return signer, transport, found.credential
