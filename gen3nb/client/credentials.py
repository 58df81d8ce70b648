"""What a person signs in with, and where it was found."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gen3nb.client.addresses import is_loopback, origin
from gen3nb.client.private_files import close_to_others
from gen3nb.client.redaction import Secret, hide, redact
from gen3nb.client.tokens import claims_of, endpoint_of_issuer, when
from gen3nb.errors import AuthError, KeyExpired, ProfileError

__all__ = [
    "Credential",
    "ends_soon",
    "from_access_token",
    "from_file",
    "from_key",
    "from_text",
    "same_commons",
    "stated_endpoint",
]

DOUBTFUL = 900.0  # seconds by which the clocks of two machines may well differ
SOON = 2 * 86400.0
LARGEST_KEY_FILE = 100_000
IDP = "idp://wts/"
ACCESS_TOKEN = "accesstoken:///"  # noqa: S105 - a prefix, no token


@dataclass(frozen=True)
class Credential:
    """One way to sign in to one commons.

    Parameters
    ----------
    source : str
        Where it was found, in words: ``"the API key file keys/mine.json"``.
    endpoint : str
        The commons it is for.
    api_key, access_token : Secret, optional
        The secrets; a repr does not show them.
    key_id : str
        The key's public id.
    workspace : bool
        Whether tokens come from the workspace token service.
    idp : str
        Which of the workspace's commons; ``"local"`` is its own.
    client : pair, optional
        Id and secret of an OIDC client.
    scopes : str
        What such a client asks for.
    profile : str, optional
        The profile that it stands in.
    allow_http : tuple of str
        Host names that this profile says may be spoken to without encryption.
    """

    source: str
    endpoint: str = ""
    api_key: Secret | None = None
    access_token: Secret | None = None
    key_id: str = ""
    workspace: bool = False
    idp: str = "local"
    client: tuple[str, Secret] | None = None
    scopes: str = "user data openid"
    profile: str | None = None
    allow_http: tuple[str, ...] = ()

    @property
    def issuer(self) -> str:
        """The commons that issued the key or the token."""
        secret = self.api_key or self.access_token
        return endpoint_of_issuer(claims_of(secret)) if secret else ""

    @property
    def key_expires(self) -> float | None:
        """When the API key ends, in seconds since 1970."""
        if self.api_key is None:
            return None
        exp = claims_of(self.api_key).get("exp")
        return float(exp) if isinstance(exp, int | float) else None

    def at(self, endpoint: str) -> Credential:
        """Give the same for an endpoint, after looking whether it belongs there.

        Raises
        ------
        AuthError
            The key or token was issued by another commons.
        KeyExpired
            The key ran out so long ago that no two clocks differ by as much.
        """
        where = endpoint or self.endpoint or self.issuer
        if not where:
            raise AuthError(
                f"{self.source} does not say which commons it is for: give the commons' address too"
            )
        if not self.workspace and self.issuer and not same_commons(self.issuer, where):
            raise AuthError(
                f"{self.source} was issued by {self.issuer}, not by {where}: a key is only sent to its own "
                f"commons; connect to {self.issuer!r}, or get a key from the profile page of {where}",
                issuer=self.issuer,
                endpoint=where,
            )
        expires = self.key_expires
        if expires is not None and expires < time.time() - DOUBTFUL:
            raise key_expired(self, where)
        return replace(self, endpoint=where.rstrip("/"))


def key_expired(credential: Credential, endpoint: str) -> KeyExpired:
    """Say until when a key was valid, and what to do."""
    return KeyExpired(
        f"{credential.source} holds an API key that was valid until {when(credential.key_expires)}: "
        f"make a new one on the profile page of {endpoint} and save it in its place",
        expired=credential.key_expires,
        endpoint=endpoint,
        source=credential.source,
    )


def ends_soon(credential: Credential) -> str:
    """Say when a key ends, if that is within two days; else nothing."""
    expires = credential.key_expires
    if expires is None or expires > time.time() + SOON:
        return ""
    return (
        f"the API key of {credential.source} ends at {when(expires)}: make a new one on the profile page of "
        f"{credential.endpoint or credential.issuer} before that"
    )


def same_commons(one: str, other: str) -> bool:
    """Compare two addresses; the names of this machine are one."""
    scheme_a, host_a, port_a = origin(one)
    scheme_b, host_b, port_b = origin(other)
    hosts = host_a == host_b or (is_loopback(host_a) and is_loopback(host_b))
    return hosts and (scheme_a, port_a) == (scheme_b, port_b)


def from_key(key: Mapping[str, Any] | str, source: str = "the API key given") -> Credential:
    """Read an API key as the commons' profile page gives it: ``{"api_key": …, "key_id": …}``.

    Raises
    ------
    ProfileError
        It has another shape.
    """
    document = key = hide({"api_key": key} if isinstance(key, str) else key)
    if not isinstance(document, Mapping):
        raise ProfileError(f"{source} holds a JSON {_kind(document)}, not an API key: {_WANTED}")
    secret = document.get("api_key")
    if "api_key" in document and (not isinstance(secret, str) or not secret.strip()):
        raise ProfileError(f"{source} holds no 'api_key' that is text: {_WANTED}")
    if not isinstance(secret, str):
        has = ", ".join(redact(f"'{str(name)[:40]}'") for name in list(document)[:6]) or "nothing"
        raise ProfileError(f"{source} holds no 'api_key' (it has {has}): {_WANTED}")
    api_key = Secret(secret.strip())
    claims = _claims(api_key)
    if claims is None:
        raise ProfileError(f"the 'api_key' in {source} is broken: it is not a Gen3 key; {_WANTED}")
    if claims.get("pur") == "access":
        raise ProfileError(
            f"{source} holds an access token where an API key belongs: pass it as access_token="
        )
    return Credential(source, api_key=api_key, key_id=str(document.get("key_id") or ""))


_WANTED = "download a fresh one from the commons' profile page (“Create API key”, “Download json”)"


def from_access_token(token: str, source: str = "the access token given") -> Credential:
    """Take an access token.

    Raises
    ------
    ProfileError
        It is none.
    """
    token = value = Secret(token.strip().removeprefix("bearer ").removeprefix("Bearer "))
    claims = _claims(value)
    if claims is None:
        raise ProfileError(f"{source} is not a Gen3 access token: one has three parts, joined by dots")
    if claims.get("pur") == "api_key":
        raise ProfileError(f"{source} is an API key: pass its file as credentials=")
    return Credential(source, access_token=value)


def from_file(path: str | os.PathLike[str], source: str = "") -> Credential:
    """Read an API key file.

    Raises
    ------
    ProfileError
        It is missing, unreadable or not an API key file.
    """
    file = Path(path).expanduser()
    name = source or f"the API key file {file}"
    problem = ""
    content = b""
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_KEY_FILE + 1)
    except FileNotFoundError:
        problem = f"{name} does not exist"
    except IsADirectoryError:
        problem = f"{name} is a folder: give the file in it"
    except OSError as error:
        problem = f"{name} cannot be read ({error.strerror or type(error).__name__})"
    if problem:
        raise ProfileError(problem, path=str(file))
    if not content.strip():
        raise ProfileError(f"{name} is empty: {_WANTED}", path=str(file))
    if len(content) > LARGEST_KEY_FILE or b"\0" in content[:1000] or content.startswith(b"%PDF"):
        kind = "a PDF" if content.startswith(b"%PDF") else "something else"
        raise ProfileError(f"{name} is {kind}, not an API key file: {_WANTED}", path=str(file))
    text = Secret(content.decode("utf-8-sig", "replace").strip())
    content = b""
    document: Any = {"api_key": text} if text.count(".") == 2 and len(text.split()) == 1 else ...
    with contextlib.suppress(ValueError, RecursionError):
        document = hide(json.loads(text))
    if document is ...:
        raise ProfileError(f"{name} is not JSON, so it is no API key file: {_WANTED}", path=str(file))
    credential = from_key(document, name)
    close_to_others(
        file, "your API key"
    )  # not before it is sure that this is a key file, and not some program
    return credential


def stated_endpoint(credentials: object) -> str:
    """Give the commons that a key file or its content names, as some clients write it; else empty."""
    document: Any = credentials
    if isinstance(credentials, str | os.PathLike):
        with contextlib.suppress(OSError, ValueError, RecursionError):
            document = hide(json.loads(_place(os.fspath(credentials)).read_bytes()))
    stated = document.get("api_endpoint") if isinstance(document, Mapping) else None
    return str(stated).strip() if isinstance(stated, str) else ""


def from_text(text: str, source: str) -> Credential:
    """Read what the SDK takes as ``refresh_file`` and in ``GEN3_API_KEY``.

    A path, the name of a file in ``~/.gen3/``, ``idp://wts/<idp>`` or ``accesstoken:///<token>``.
    """
    if text.startswith(IDP):
        return Credential(source, workspace=True, idp=text.removeprefix(IDP) or "local")
    if text.startswith(ACCESS_TOKEN):
        return from_access_token(text.removeprefix(ACCESS_TOKEN), source)
    if _is_key(text):
        raise ProfileError(
            f"{source} is given by its path, but this is the key itself: save it in a file, for a key that "
            "stands in code or in a notebook is soon in other hands"
        )
    path = _place(text)
    return from_file(path, f"{source} {path}")


def _place(text: str) -> Path:
    """Find a key file by its path, or by its name in ``~/.gen3``."""
    text = str(text)  # a path is no secret; pathlib wants it plain
    path = Path(text).expanduser()
    if not path.is_file() and "/" not in text and "\\" not in text:
        home = Path("~/.gen3").expanduser() / text
        path = next((p for p in (home, home.with_name(text + ".json")) if p.is_file()), path)
    return path


def _is_key(text: str) -> bool:
    """Tell a key, or the content of its file, from a path."""
    return text.lstrip()[:1] in ("{", "[") or "\n" in text or "\0" in text or redact(text) != text


def _claims(token: str) -> dict[str, Any] | None:
    """Read a JWT; None if it is none."""
    with contextlib.suppress(AuthError):
        return claims_of(token)
    return None


def _kind(value: object) -> str:
    """Name a JSON value."""
    return {list: "list", str: "text", bool: "true/false", type(None): "null"}.get(type(value), "number")
