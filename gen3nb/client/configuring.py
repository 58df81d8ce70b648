"""Making, changing and removing profiles."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable, Mapping
from typing import Any

from gen3nb.client.addresses import check_endpoint, origin
from gen3nb.client.credentials import Credential, from_access_token, from_key, from_text, stated_endpoint
from gen3nb.client.ini import Ini
from gen3nb.client.profile_file import change, path, read
from gen3nb.client.profiles import DEFAULT, KEYS, Profile, get, home_of, is_default, names
from gen3nb.client.redaction import Secret, hide
from gen3nb.errors import ProfileError

__all__ = ["check_name", "configure", "remove", "set_default"]

# the name is part of the names of log files, and of INI headers that three programs read
_NAME = re.compile(r"\w(?:[\w .@+~=,()-]*[\w@+~=()-])?")
LONGEST = 100


def configure(
    name: str,
    credentials: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    endpoint: str | None = None,
    *,
    access_token: str | None = None,
    use_shepherd: str | bool | None = None,
    min_shepherd_version: str | None = None,
    timeout: float | tuple[float, float] = (10, 120),
    verify: bool | str | os.PathLike[str] = True,
    proxies: Mapping[str, str] | None = None,
    allow_http: Iterable[str] = (),
) -> Profile:
    """Make a profile, or give one another key (fence, ``POST /user/credentials/api/access_token``).

    Address and key are tried at the commons first; if they are not good, nothing is written. The file works
    for ``gen3-client`` and ``data-client`` too. Other profiles, further keys and comments stay as they are.

    Parameters
    ----------
    name : str
        The profile's name: letters, digits, blanks and ``. @ + ~ = , ( ) - _``.
    credentials : str, path or Mapping
        The API key file from the commons' profile page, or its content.
    endpoint : str, optional
        The commons' address; by default the one that issued the key.
    access_token : str, optional
        A ready access token in place of the key. It cannot be renewed.
    use_shepherd : bool or str, optional
        For ``gen3-client`` and ``data-client``: whether uploads go by Shepherd; by default as it was.
    min_shepherd_version : str, optional
        The same: from which version of Shepherd on.
    timeout, verify, proxies
        As in :func:`gen3nb.connect`.
    allow_http : iterable of str
        Host names that may be spoken to without encryption. The profile keeps them (``allow_http``, which the
        Go clients pass over), so that whoever names the profile later need not say it again.

    Returns
    -------
    Profile

    Raises
    ------
    ProfileError
        The name, the key file or the profile file is wrong.
    NotConnected, Unavailable
        The address is none, or nothing answers there.
    AuthError, KeyExpired
        The commons does not take the key, or it is another commons' key.
    """
    credentials, access_token = hide(credentials), hide(access_token)
    check_name(name)
    read(path())  # a broken file is said before anything is asked
    credential = _given(credentials, access_token)
    address = endpoint or stated_endpoint(credentials) or credential.issuer
    allowed = _hosts(name, allow_http)
    placed = credential.at(check_endpoint(address, allowed) if address else "")
    options = {"timeout": timeout, "verify": verify, "proxies": proxies}
    token = _tried(placed, allowed, options)
    values: dict[str, str | None] = {
        "key_id": placed.key_id,
        "api_key": placed.api_key or "",
        "access_token": token,
        "access_key": token,  # the SDK's spelling, where it stands already
        "api_endpoint": placed.endpoint,
        "use_shepherd": _said(use_shepherd),
        "min_shepherd_version": min_shepherd_version,
        "allow_http": " ".join(allowed) or None,
    }
    change(path(), lambda ini: _written(ini, name, values))
    return get(name)


def remove(name: str) -> None:
    """Remove a profile; its key stays valid until it ends or you delete it on the commons' profile page.

    Raises
    ------
    ProfileError
        There is none of this name, or the file is broken.
    """
    file = home_of(name)
    change(file, lambda ini: ini.without(name))
    if name in names():
        change(home_of(name), lambda ini: ini.without(name))


def set_default(name: str) -> None:
    """Make a profile the one that counts when none is named: the key ``default = true`` in its section.

    Raises
    ------
    ProfileError
        There is none of this name, or the file is broken.
    """
    file = home_of(name)
    for other in names():
        place = home_of(other)
        if other != name and is_default(read(place).values(other)):
            change(place, lambda ini, other=other: ini.without_key(other, DEFAULT))  # type: ignore[misc]
    change(file, lambda ini: ini.with_values(name, {DEFAULT: "true"}))


def check_name(name: str) -> str:
    """Give a name that a profile may have.

    Raises
    ------
    ProfileError
        It would not survive in an INI header, or in the name of a log file.
    """
    if not isinstance(name, str) or len(name) > LONGEST or _NAME.fullmatch(name) is None:
        shown = ascii(name[:40]) if isinstance(name, str) else f"a {type(name).__name__}"
        raise ProfileError(
            f"{shown} cannot be a profile's name: it begins with a letter or digit; letters, digits, blanks "
            f"and . @ + ~ = , ( ) - _ may follow, {LONGEST} in all"
        )
    return name


def _given(
    credentials: str | os.PathLike[str] | Mapping[str, Any] | None, access_token: str | None
) -> Credential:
    """Read what shall be stored."""
    if credentials is not None and access_token is not None:
        raise ProfileError("one way to sign in at a time: credentials and access_token were given")
    if access_token is not None:
        return from_access_token(access_token)
    if isinstance(credentials, Mapping):
        return from_key(credentials)
    if credentials is None:
        raise ProfileError(
            "a profile holds an API key: give its file (“Create API key” on the commons' profile page)"
        )
    found = from_text(os.fspath(credentials), "the API key file")
    if found.workspace or found.api_key is None:
        raise ProfileError("a profile is made of an API key file, or of access_token=")
    return found


def _tried(credential: Credential, allow_http: Container[str], options: Mapping[str, Any]) -> Secret:
    """Sign in once, and give the access token."""
    # what speaks HTTP takes longest to load, and whoever only looks at profiles needs none of it
    from gen3nb.client.fence import Fence
    from gen3nb.client.signing import SignIn

    signer = SignIn(credential, allow_http=allow_http, **options)
    transport = signer.transport()
    try:
        token = Secret(signer.get_access_token())
        if not signer.renewable:  # nothing was asked of the commons yet: see that it takes the token
            Fence(transport).see()
    finally:
        transport.close()
    return token


def _hosts(name: str, given: Iterable[str]) -> list[str]:
    """Give the hosts that a profile may speak to without encryption: those it has already, and new ones."""
    named = [given] if isinstance(given, str) else list(given)
    kept = get(name).allow_http if name in names() else ()
    hosts = [origin(host if "://" in host else f"http://{host}")[1] for host in named]
    return list(dict.fromkeys([*kept, *hosts]))


def _said(value: str | bool | None) -> str | None:
    """Write a setting as the Go clients do."""
    return str(value).lower() if isinstance(value, bool) else value


def _written(ini: Ini, name: str, values: Mapping[str, str | None]) -> str:
    """Give the file with the profile in it: all six keys, and what was not said as it was."""
    known = ini.values(name)
    new: dict[str, str] = {}
    for key in (*KEYS, "access_key", "allow_http"):
        value = values[key]
        if (key == "access_key" and key not in known) or (key == "allow_http" and value is None):
            continue
        if value is None:
            value = known.get(key, Secret(""))
        if any(sign in value for sign in "\r\n#;`\"'\\") or value != value.strip():
            raise ProfileError(f"the value of {key} cannot stand in a profile file")
        new[key] = value
    return ini.with_values(name, new)
