"""OIDC clients of fence: programs that sign in by themselves, with an id and a secret."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping

from starlette.responses import Response

from .access import SCOPES, Access
from .web import Json

GRANT = "client_credentials"
OTHER_GRANTS = ("authorization_code", "refresh_token")
_NOT_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def client_token(access: Access, form: Mapping[str, str], authorization: str | None, issuer: str) -> Response:
    """Answer a request for a token, in OAuth2's words.

    Parameters
    ----------
    access : Access
        Knows the client.
    form : Mapping
        What was sent: ``grant_type``, ``scope``, and ``client_id`` and ``client_secret`` where they are not
        in the header.
    authorization : str, optional
        The header, with basic authentication.
    issuer : str
        The ``iss`` of the token.
    """
    kind = form.get("grant_type")
    if kind not in (GRANT, *OTHER_GRANTS):
        return _error(400, "unsupported_grant_type")
    shown = _basic(authorization) or (form.get("client_id", ""), form.get("client_secret", ""))
    known = access.client.client_id, access.client_secret
    if not all(hmac.compare_digest(a.encode(), b.encode()) for a, b in zip(shown, known, strict=True)):
        if authorization is None:
            return _error(400, "invalid_client")
        return _error(401, "invalid_client", {"WWW-Authenticate": 'Basic error="invalid_client"'})
    if kind != GRANT:
        return _error(400, "unauthorized_client")
    scope = form.get("scope", "").split()
    if not set(scope) <= set(SCOPES):
        words = "The requested scope is invalid, unknown, or malformed."
        return Json({"error": "invalid_scope", "error_description": words}, 400)
    token = access.access_token(access.client, issuer=issuer, scope=scope or None)
    answer = {
        "access_token": token,
        "expires_in": access.token_lifetime,
        "scope": " ".join(scope),
        "token_type": "Bearer",
    }
    return _with(Json(answer), _NOT_KEPT)


def _basic(authorization: str | None) -> tuple[str, str] | None:
    """Read id and secret from a header."""
    kind, _, rest = (authorization or "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(rest, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, secret


def _error(status: int, code: str, headers: Mapping[str, str] | None = None) -> Response:
    return _with(Json({"error": code}, status), {**_NOT_KEPT, **(headers or {})})


def _with(answer: Response, headers: Mapping[str, str]) -> Response:
    answer.headers.update(headers)
    return answer
