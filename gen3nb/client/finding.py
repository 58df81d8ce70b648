"""Which commons, and by which credentials: the order in which they are looked for."""

from __future__ import annotations

import os
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gen3nb.client import profiles
from gen3nb.client.addresses import Hosts, check_endpoint, looks_like_address
from gen3nb.client.credentials import (
    Credential,
    from_access_token,
    from_file,
    from_key,
    from_text,
    same_commons,
)
from gen3nb.client.workspace import in_workspace
from gen3nb.errors import Gen3Error, NotConnected, ProfileError

__all__ = ["Found", "find"]


@dataclass(frozen=True)
class Found:
    """What ``connect`` goes by.

    Parameters
    ----------
    endpoint : str
        The commons; empty in a workspace whose commons only its token names.
    credential : Credential
        What to sign in with.
    """

    endpoint: str
    credential: Credential


def find(
    target: str | os.PathLike[str] | None = None,
    *,
    credentials: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    profile: str | None = None,
    access_token: str | None = None,
    allow_http: Container[str] = (),
) -> Found:
    """Find commons and credentials.

    The first of these counts: what is named explicitly; ``GEN3NB_PROFILE``; ``GEN3_API_KEY``; the profile
    ``default`` or the only one; ``~/.gen3/credentials.json``; the workspace. Where an address is named, those
    of another commons are passed over.

    Raises
    ------
    NotConnected
        The address is none, or nothing to sign in with was found.
    ProfileError
        A profile or key file that is named is missing or wrong.
    """
    named = [
        name
        for name, value in (
            ("credentials", credentials),
            ("profile", profile),
            ("access_token", access_token),
        )
        if value is not None
    ]
    if len(named) > 1:
        raise ProfileError(f"one way to sign in at a time: {' and '.join(named)} were given")
    endpoint = ""
    if target is not None:
        text = _text(target)
        if text.startswith("{"):
            raise ProfileError(
                "an API key was given where the commons' address belongs: write "
                "connect(credentials='…'), with the path of the key file"
            )
        if _is_key_file(text):
            raise ProfileError(f"{text!r} is a file: write connect(credentials={text!r})")
        if not looks_like_address(text):
            if named:
                raise ProfileError(
                    f"{text!r} names a profile, which has its own key: leave {named[0]}= away, "
                    "or give the address"
                )
            profile = text
        elif text in _profile_names():
            profile = profile or text
        else:
            endpoint = check_endpoint(text, allow_http)
    explicit = _explicit(credentials, profile, access_token)
    if explicit is not None:
        return _at(explicit, endpoint, allow_http)
    return _looked_for(endpoint, allow_http)


def _explicit(
    credentials: str | os.PathLike[str] | Mapping[str, Any] | None,
    profile: str | None,
    access_token: str | None,
) -> Credential | None:
    """Read what was named."""
    if access_token is not None:
        return from_access_token(access_token)
    if profile is not None:
        return profiles.get(profile).credential()
    if isinstance(credentials, Mapping):
        return from_key(credentials)
    if isinstance(credentials, str | os.PathLike):
        return from_text(os.fspath(credentials), "the API key file")
    if credentials is not None:
        raise ProfileError(
            f"credentials= is the path of an API key file, or its content, not a {type(credentials).__name__}"
        )
    return None


def _text(target: object) -> str:
    """Read what was given as the commons."""
    text = os.fspath(target) if isinstance(target, str | os.PathLike) else None
    if not isinstance(text, str):
        raise NotConnected(
            "a commons is named by its address, 'https://data.example.org', or by a profile's name, "
            f"not by a {type(target).__name__}"
        )
    if not text.strip():
        raise NotConnected("the commons' address is empty: one looks like 'https://data.example.org'")
    return text.strip()


def _at(credential: Credential, endpoint: str, allow_http: Container[str]) -> Found:
    """Join credentials and address, after looking whether they belong together."""
    if (
        endpoint
        and credential.profile
        and credential.endpoint
        and not same_commons(endpoint, credential.endpoint)
    ):
        raise ProfileError(
            f"the profile {credential.profile!r} is for {credential.endpoint}, not for {endpoint}: "
            "leave one away",
            profile=credential.profile,
        )
    if credential.workspace and not (endpoint or credential.endpoint):
        return Found("", credential)
    placed = credential.at(endpoint)
    return Found(check_endpoint(placed.endpoint, Hosts(allow_http, credential.allow_http)), placed)


def _looked_for(endpoint: str, allow_http: Container[str]) -> Found:
    """Try the places in their order; pass over what belongs to another commons."""
    passed: list[str] = []
    for describe, look in (
        ("GEN3NB_PROFILE is not set", _named_profile),
        ("GEN3_API_KEY is not set", _named_key),
        (f"no default or only profile in {profiles.path()}", _default_profile),
        ("no ~/.gen3/credentials.json", _home_key),
    ):
        credential = look()
        if credential is None:
            passed.append(describe)
            continue
        there = credential.endpoint or credential.issuer
        if endpoint and there and not same_commons(endpoint, there):
            passed.append(f"{credential.source} is for {there}")
            continue
        return _at(credential, endpoint, allow_http)
    if endpoint:
        profile = _profile_for(endpoint)
        if profile is not None:
            return _at(profile, endpoint, allow_http)
    if in_workspace():
        return _at(Credential("the workspace", endpoint=endpoint, workspace=True), endpoint, allow_http)
    passed.append("not in a Gen3 workspace")
    where = endpoint or "a commons"
    known = [] if endpoint else profiles.names()
    which = (
        f"name one of the profiles, at a terminal by --profile: {', '.join(known[:10])}; or " if known else ""
    )
    raise NotConnected(
        f"there is nothing to sign in to {where} with ({'; '.join(passed)}): {which}download an API key from "
        "the commons' profile page and write gen3nb.connect('https://…', credentials='credentials.json'), at "
        "a terminal gen3nb configure --profile NAME --cred credentials.json; or practise without an "
        "account: gen3nb.sandbox(), gen3nb sandbox start",
        endpoint=endpoint,
        unsigned=True,
    )


def _named_profile() -> Credential | None:
    name = os.environ.get("GEN3NB_PROFILE", "").strip()
    if not name:
        return None
    return _said_by(profiles.get(name).credential(), "GEN3NB_PROFILE: ")


def _named_key() -> Credential | None:
    text = os.environ.get("GEN3_API_KEY", "").strip()
    return from_text(text, "GEN3_API_KEY:") if text else None


def _default_profile() -> Credential | None:
    name = profiles.default()
    if name is None:
        return None
    kind = "the default profile: " if name.lower() == "default" else "the only profile: "
    return _said_by(profiles.get(name).credential(), kind)


def _home_key() -> Credential | None:
    path = Path("~/.gen3/credentials.json").expanduser()
    return from_file(path) if path.is_file() else None


def _profile_for(endpoint: str) -> Credential | None:
    """Give the one profile for an address."""
    found = [name for name in _profile_names() if same_commons(profiles.get(name).endpoint, endpoint)]
    return profiles.get(found[0]).credential() if len(found) == 1 else None


def _said_by(credential: Credential, how: str) -> Credential:
    """Say how a credential was come by."""
    return replace(credential, source=how + credential.source)


def _profile_names() -> list[str]:
    """Give the names of the profiles; none if the file is broken, which is said where one is needed."""
    names: list[str] = []
    try:
        names = profiles.names()
    except Gen3Error:
        return []
    return names


def _is_key_file(text: str) -> bool:
    """Tell whether someone gave the key file where the commons belongs."""
    return text.endswith(".json") and "://" not in text
