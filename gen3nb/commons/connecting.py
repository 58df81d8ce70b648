"""From an address, a profile or nothing at all to an open commons."""

from __future__ import annotations

import os
from collections.abc import Container, Mapping
from typing import Any

from gen3nb.client.opening import sign_in
from gen3nb.client.redaction import hide
from gen3nb.commons.facade import Commons
from gen3nb.errors import Gen3Error, NotConnected

__all__ = ["connect", "reopen"]


def connect(
    target: str | os.PathLike[str] | None = None,
    *,
    credentials: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    profile: str | None = None,
    access_token: str | None = None,
    timeout: float | tuple[float, float] = (10, 120),
    verify: bool | str | os.PathLike[str] = True,
    proxies: Mapping[str, str] | None = None,
    allow_http: Container[str] = (),
) -> Commons:
    """Connect to a Gen3 commons (fence: ``POST /user/credentials/api/access_token``).

    What is not named is looked for in this order: ``GEN3NB_PROFILE``; ``GEN3_API_KEY``; the profile
    ``default`` or the only one in ``~/.gen3/gen3_client_config.ini``; ``~/.gen3/credentials.json``; the
    workspace. ``commons.whoami()`` says which it was.

    Parameters
    ----------
    target : str, optional
        The commons' address, ``"https://data.example.org"``, or a profile's name.
    credentials : str, path or Mapping, optional
        The API key file from the commons' profile page, or its content.
    profile : str, optional
        A profile's name.
    access_token : str, optional
        A ready access token. It cannot be renewed.
    timeout : float or pair of float
        Seconds to connect, and seconds without a byte of an answer.
    verify : bool or path
        A CA bundle, where the commons' certificate is your institution's own.
    proxies : Mapping of str to str, optional
        As in ``requests``; by default those of the environment.
    allow_http : container of str
        Names of hosts, other than this machine, that may be spoken to without encryption.

    Returns
    -------
    Commons
        Signed in.

    Raises
    ------
    NotConnected
        The address is none, or there is nothing to sign in with.
    ProfileError
        A profile or key file is missing or wrong.
    AuthError
        The commons does not take the key, or it is another commons' key.
    KeyExpired
        The key has run out.
    Unavailable
        There is no answer: no such name, no connection, no valid certificate.
    """
    # from here on, tracebacks that show local variables show no key
    credentials, access_token = hide(credentials), hide(access_token)
    _check_options(timeout, verify, proxies)
    options: dict[str, Any] = {"timeout": timeout, "verify": verify, "proxies": proxies}
    from gen3nb.client.auth import Auth

    auth, transport, credential = sign_in(
        target,
        credentials=credentials,
        profile=profile,
        access_token=access_token,
        allow_http=allow_http,
        kind=Auth,
        **options,
    )
    return Commons(auth, transport, profile=credential.profile)


def _check_options(timeout: object, verify: object, proxies: object) -> None:
    """Refuse what ``requests`` would stumble over in the middle of a request."""
    seconds = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    if len(seconds) != 2 or not all(isinstance(one, int | float) and one > 0 for one in seconds):
        raise NotConnected(
            f"timeout={timeout!r}: it is a number of seconds, more than 0, or a pair of them "
            "(to connect, to wait for an answer)"
        )
    if not isinstance(verify, bool | str | os.PathLike):
        raise NotConnected(f"verify={verify!r}: it is True, or the path of a CA bundle")
    if proxies is not None and not isinstance(proxies, Mapping):
        raise NotConnected("proxies= are given by scheme: {'https': 'http://proxy.example.org:3128'}")


def reopen(endpoint: str, profile: str | None) -> Commons:
    """Open a commons that comes out of a pickle, by its profile."""
    if profile is None:
        raise NotConnected(
            f"a Commons of {endpoint} came out of a pickle, which holds no key: connect again with "
            f"gen3nb.connect({endpoint!r}), or open it by a profile, which pickles can name",
            endpoint=endpoint,
        )
    reason = ""
    try:
        commons = connect(endpoint, profile=profile)
    except Gen3Error as error:
        reason = error.message
    if reason:
        raise NotConnected(
            f"a Commons of {endpoint} came out of a pickle and could not be opened again: {reason}"
        )
    return commons
