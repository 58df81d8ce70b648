"""fence: who you are, API keys and access tokens. Its errors are HTML pages, whatever ``Accept`` says."""

from __future__ import annotations

import json
import uuid
from html import escape
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from .access import KEY_ID, SCOPES, Refused, User
from .clients import client_token
from .state import State
from .storage import BUCKETS
from .web import Json, Service, route

_PAGE = """<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>{status}</title>
  </head>
  <body>
    <div class="error">
      <h1>{name}</h1>
      <p class="introduction">error_id: {error_id}</p>
      <p class="introduction">{text}</p>
      <a href="/">Go back to the data commons</a>
    </div>
  </body>
</html>
"""
_NAMES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
}
REGION = "us-east-1"
OUTLIVES = (
    "Cannot issue an access token that would expire after the provided API key does. "
    "Please obtain a new API key and try again"
)


class Failure(Exception):
    """An error that fence answers with a page."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def page(status: int, text: str = "") -> Response:
    """Give fence's error page: the status as title, an id, the text."""
    name = _NAMES.get(status, "Internal Server Error")
    content = _PAGE.format(status=status, name=name, error_id=uuid.uuid4(), text=escape(text or name))
    return HTMLResponse(content, status_code=status)


def service(state: State) -> Service:
    """Give fence as a service."""
    return Service(routes(state), missing=page)


def routes(state: State) -> list[BaseRoute]:
    """Give the routes of fence, with the paths that it has itself."""
    fence = Fence(state)
    table = [
        ("GET", "/user", fence.user),
        ("GET", "/jwt/keys", fence.jwt_keys),
        ("GET", "/.well-known/jwks", fence.jwks),
        ("GET", "/.well-known/openid-configuration", fence.openid),
        ("POST", "/credentials/{kind:str}/access_token", fence.access_token),
        ("GET|POST", "/credentials/{kind:str}", fence.keys),
        ("DELETE", "/credentials/{kind:str}/{jti:str}", fence.delete_key),
        ("GET", "/data/buckets", fence.buckets),
        ("GET", "/bucket_info/region", fence.regions),
        ("POST", "/oauth2/token", fence.client_token),
        ("GET", "/logout", fence.logout),
        ("GET", "/_status", fence.status),
        ("GET", "/_version", fence.version),
    ]
    return [route(methods, path, paged(handler), _refuse) for methods, path, handler in table]


def _refuse(refused: Refused) -> Response:
    return page(refused.status, refused.message)


def paged(handler: Any) -> Any:
    """Turn a :class:`Failure` into a page."""

    def inner(request: Request, body: bytes) -> Response:
        try:
            answer: Response = handler(request, body)
        except Failure as failure:
            return page(failure.status, failure.text)
        return answer

    return inner


class Fence:
    """The handlers."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.access = state.access

    def user(self, request: Request, body: bytes) -> Response:
        """Say who the caller is, and what they may do."""
        try:
            user = self.access.user_of(request.headers.get("authorization"))
        except Refused as refused:
            if refused.reason == "missing":
                raise Failure(401, "Please login") from None
            raise Failure(401, f"failed to validate token: [401] - {refused.message}") from None
        if user.client_id:
            raise Failure(401, "Please login")  # a client is nobody
        return Json(_facts(user))

    def keys(self, request: Request, body: bytes) -> Response:
        """List the caller's API keys, or make one."""
        user = self.access.user_of(request.headers.get("authorization"))
        if request.method != "POST":
            keys = [{"exp": exp, "jti": jti} for jti, exp in self.access.keys_of(user).items()]
            return Json({"jtis": keys})
        document = _document(body)
        scope = document.get("scope")
        wanted = _seconds(request)
        lifetime = self.access.key_lifetime if wanted is None else min(wanted, self.access.key_lifetime)
        scopes = scope if isinstance(scope, list) else None
        return Json(self.access.api_key(user, lifetime, scopes, _issuer(request)))

    def delete_key(self, request: Request, body: bytes) -> Response:
        """Put one of the caller's API keys on the denylist."""
        user = self.access.user_of(request.headers.get("authorization"))
        jti = request.path_params["jti"]
        if not self.access.deny_key(user, jti):
            raise Failure(404, f"token not found with JTI {jti} for current user")
        return Response(status_code=204, media_type="application/json")

    def access_token(self, request: Request, body: bytes) -> Response:
        """Give an access token for an API key."""
        key = _document(body).get("api_key")
        if not isinstance(key, str) or not key:
            raise Failure(400, "Please provide an api_key in payload")
        try:
            claims = self.access.claims_of(key, "api_key")
            user = self.access.user_of_claims(claims)
        except Refused as refused:
            raise Failure(401, f"[401] - {refused.detail}") from None
        wanted = _seconds(request)
        lifetime = self.access.token_lifetime if wanted is None else min(wanted, self.access.token_lifetime)
        if self.access.clock.now() + lifetime > claims["exp"]:
            raise Failure(400, OUTLIVES)
        return Json({"access_token": self.access.access_token(user, lifetime, _issuer(request))})

    def client_token(self, request: Request, body: bytes) -> Response:
        """Give an access token to a client that shows its secret, for no user."""
        form = {**request.query_params, **dict(parse_qsl(body.decode(errors="replace")))}
        return client_token(self.access, form, request.headers.get("authorization"), _issuer(request))

    def buckets(self, request: Request, body: bytes) -> Response:
        """List the buckets, where they are and for which programs."""
        programs = [program["name"] for program in self.state.graph.programs()]
        bucket = {"endpoint_url": self.state.storage.origin, "programs": programs, "region": REGION}
        return Json({"GS_BUCKETS": {}, "S3_BUCKETS": dict.fromkeys(BUCKETS, bucket)})

    def regions(self, request: Request, body: bytes) -> Response:
        """List the buckets and their regions."""
        return Json({"GS_BUCKETS": {}, "S3_BUCKETS": {name: {"region": REGION} for name in BUCKETS}})

    def jwt_keys(self, request: Request, body: bytes) -> Response:
        """Publish the key that verifies tokens."""
        return Json({"keys": [[KEY_ID, self.access.public_pem()]]})

    def jwks(self, request: Request, body: bytes) -> Response:
        """Publish the key that verifies tokens, as a JSON Web Key set."""
        return Json({"keys": [self.access.jwk()]})

    def openid(self, request: Request, body: bytes) -> Response:
        """Describe the identity provider."""
        return Json(_openid(_issuer(request)))

    def logout(self, request: Request, body: bytes) -> Response:
        """Send a browser back to the start."""
        return RedirectResponse(_issuer(request), 302)

    def status(self, request: Request, body: bytes) -> Response:
        """Say that all is well."""
        return HTMLResponse("Healthy")

    def version(self, request: Request, body: bytes) -> Response:
        """Say which fence this behaves like."""
        return Json({"commit": "practice", "version": "13.3.0"})


def _document(body: bytes) -> dict[str, Any]:
    """Read a JSON object; what is none counts as empty."""
    try:
        document = json.loads(body) if body else {}
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _seconds(request: Request) -> int | None:
    """Read ``expires_in``."""
    text = request.query_params.get("expires_in")
    if text is None:
        return None
    if not text.isdecimal() or int(text) == 0:
        raise Failure(400, f"expires_in must be a positive integer, got {text}")
    return int(text)


def _issuer(request: Request) -> str:
    """Give the issuer by the name that the caller uses: the SDK goes where it points."""
    return f"http://{request.headers['host'].lower()}/user"


def authz_of(user: User) -> dict[str, list[dict[str, str]]]:
    """Give the grants of a user as arborist maps them."""
    return {
        place: [{"method": method, "service": "*"} for method in sorted(methods)]
        for place, methods in sorted(user.grants.items())
        if methods
    }


def _facts(user: User) -> dict[str, Any]:
    authz = authz_of(user)
    return {
        "active": True,
        "authz": authz,
        "azp": None,
        "certificates_uploaded": [],
        "display_name": None,
        "email": user.username,
        "groups": [],
        "idp": "",
        "is_admin": user.is_admin,
        "message": "",
        "name": user.username,
        "phone_number": None,
        "preferred_username": None,
        "primary_google_service_account": None,
        "project_access": {},
        "resources": list(authz),
        "resources_granted": [],
        "role": "admin" if user.is_admin else "user",
        "sub": str(user.number),
        "user_id": user.number,
        "username": user.username,
    }


def _openid(issuer: str) -> dict[str, Any]:
    return {
        "authorization_endpoint": f"{issuer}/oauth2/authorize",
        "claim_types_supported": ["normal"],
        "claims_locales_supported": ["en"],
        "claims_parameter_supported": False,
        "claims_supported": [
            "aud",
            "sub",
            "iss",
            "exp",
            "jti",
            "auth_time",
            "azp",
            "scope",
            "nonce",
            "context",
        ],
        "display_values_supported": ["page"],
        "grant_types_supported": ["authorization_code", "implicit"],
        "id_token_encryption_alg_values_supported": [],
        "id_token_encryption_enc_values_supported": [],
        "id_token_signing_alg_values_supported": ["RS256"],
        "issuer": issuer,
        "jwks_uri": f"{issuer}/.well-known/jwks",
        "op_policy_url": None,
        "op_tos_uri": None,
        "registration_endpoint": None,
        "request_object_encryption_alg_values_supported": [],
        "request_object_encryption_enc_values_supported": [],
        "request_object_signing_alg_values_supported": [],
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "require_request_uri_registration": False,
        "response_modes_supported": ["query"],
        "response_types_supported": ["code", "id_token", "id_token token"],
        "scopes_supported": SCOPES,
        "service_documentation": None,
        "subject_types_supported": ["public"],
        "token_endpoint": f"{issuer}/oauth2/token",
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "token_endpoint_auth_signing_alg_values_supported": [],
        "ui_locales_supported": ["en"],
        "userinfo_endpoint": f"{issuer}/user",
    }
