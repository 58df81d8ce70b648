"""workspace-token-service: access tokens for who works in a workspace of the commons.

Behind the proxy a caller shows an access token, and gets tokens of the further commons that the caller has
linked. In the cluster it knows the caller by the address of the workspace: here a control request says who
works on this machine (``Access.at_work``), and who shows no token is that user.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import jwt
import requests
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from .access import KEY_LIFETIME, Refused, User
from .state import State
from .web import Handler, Json, Service, error_page, route

IDP = "practice"
DEFAULT = "default"
UNLINKED = "elsewhere"


class Failure(Exception):
    """An error, in the service's words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Provider:
    """A commons that a workspace can sign in to.

    Attributes
    ----------
    idp, name, base_url : str
        How the service calls it, how people do, and where it is.
    keys : Mapping[str, str]
        API keys there by user here, in place of the refresh tokens of the real service; they are nobody
        else's.
    ours : bool
        Whether it is this commons itself, to which everybody is linked.
    """

    idp: str
    name: str
    base_url: str
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    ours: bool = False

    def expires(self, user: User | None, now: float) -> float | None:
        """Give when a user's link runs out, or ran out; ``None`` if there is none."""
        if user is None:
            return None
        if self.ours:
            return now + KEY_LIFETIME
        key = self.keys.get(user.name)
        if key is None:
            return None
        claims: dict[str, Any] = jwt.decode(key, options={"verify_signature": False})
        return float(claims["exp"])


def refuse(refused: Refused) -> Response:
    """Answer a token that is not good."""
    return Json({"message": refused.message}, refused.status)


def service(state: State) -> Service:
    """Give the workspace token service."""
    return Service(routes(state), error_page)


def routes(state: State) -> list[BaseRoute]:
    """Give the routes of the workspace token service, with the paths that it has itself."""
    workspace = WorkspaceTokens(state)
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/", workspace.about),
        ("GET", "/token", workspace.token),
        ("GET", "/external_oidc", workspace.providers),
        ("GET", "/oauth2/connected", workspace.connected),
        ("GET", "/oauth2/authorization_url", workspace.authorization_url),
        ("GET", "/_status", workspace.status),
        ("GET", "/_version", workspace.version),
    ]
    return [route(methods, path, _answered(handler), refuse) for methods, path, handler in table]


def _answered(handler: Handler) -> Handler:
    def inner(request: Request, body: bytes) -> Response:
        try:
            return handler(request, body)
        except Failure as failure:
            return Json({"message": failure.message}, failure.status)

    return inner


def _known(state: State) -> dict[str, Provider]:
    """Give the commons that the service is set up for, by IdP."""
    endpoint = state.settings.endpoint
    local = endpoint.replace("127.0.0.1", "localhost")
    found = {
        IDP: Provider(IDP, "Practice commons", endpoint, ours=True),
        f"{IDP}-localhost": Provider(f"{IDP}-localhost", "Practice commons", local, ours=True),
        UNLINKED: Provider(UNLINKED, "A commons elsewhere", "https://commons.example.org"),
    }
    for facts in state.settings.external:
        found[facts["idp"]] = Provider(**facts)
    return found


class WorkspaceTokens:
    """The handlers."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.access = state.access
        self.known = _known(state)

    def about(self, request: Request, body: bytes) -> Response:
        """Say what there is."""
        paths = {"/external_oidc": "list available identity providers", "/oauth2": "oauth2 resources"}
        return Json({**paths, "/token": "get temporary token"})

    def token(self, request: Request, body: bytes) -> Response:
        """Give an access token: of this commons to a workspace, of a linked one to its user anywhere."""
        idp = request.query_params.get("idp", DEFAULT)
        user = self._user(request, with_token=idp != DEFAULT)
        expires = request.query_params.get("expires")
        if expires and not expires.lstrip("-").isdecimal():
            return Json({"error": "expires has to be an integer"}, 400)
        if idp == DEFAULT:
            return Json({"token": self.access.access_token(user)})
        provider = self._provider(idp)
        now = self.access.clock.now()
        ends = provider.expires(user, now)
        if ends is None:
            raise Failure(403, "You don't have access to this data: User doesn't have a refresh token")
        if ends <= now:
            words = "your refresh token is expired, please login again"
            raise Failure(403, f"You don't have access to this data: {words}")
        if provider.ours:
            issuer = f"{provider.base_url}/user"
            return Json({"token": self.access.access_token(user, issuer=issuer)})
        return Json({"token": _exchanged(provider, provider.keys[user.name])})

    def _user(self, request: Request, *, with_token: bool) -> User:
        """Say who asks: by a token, or because they work in the workspace."""
        authorization = request.headers.get("authorization")
        if authorization and with_token:
            return self.access.user_of(authorization)
        at_work = self.access.named(self.access.at_work) if self.access.at_work else None
        if at_work is None or authorization:
            words = "You need to be authenticated to use this resource"
            raise Failure(403, f"You don't have access to this data: {words}")
        return at_work

    def _provider(self, idp: str) -> Provider:
        if idp not in self.known:
            raise Failure(400, f'Requested IDP "{idp}" is not configured')
        return self.known[idp]

    def providers(self, request: Request, body: bytes) -> Response:
        """List the commons, and for who shows a token until when each is linked."""
        try:
            user = self._user(request, with_token=True)
        except (Refused, Failure):
            user = None
        only = request.query_params.get("unexpired", "false").lower() == "true"
        now = self.access.clock.now()
        entries = []
        for one in self.known.values():
            ends = one.expires(user, now)
            left = _human(ends - now) if ends is not None else None
            url = f"{self.state.settings.endpoint}/wts/oauth2/authorization_url?idp={one.idp}"
            if left or not only:
                entries.append(
                    {
                        "base_url": one.base_url,
                        "idp": one.idp,
                        "name": one.name,
                        "refresh_token_expiration": left,
                        "urls": [{"name": one.name, "url": url}],
                    }
                )
        return Json({"providers": entries})

    def connected(self, request: Request, body: bytes) -> Response:
        """Say whether the caller is linked to a commons: an empty page if so."""
        idp = request.query_params.get("idp", DEFAULT)
        provider = self._provider(IDP if idp == DEFAULT else idp)
        try:
            user = self.access.user_of(request.headers.get("authorization"))
        except Refused:
            raise Failure(401, "Authentication Error: user is not logged in") from None
        now = self.access.clock.now()
        ends = provider.expires(user, now)
        if ends is None or ends <= now:
            words = "user is not connected with token service or expired"
            raise Failure(403, f"You don't have access to this resource: {words}")
        return HTMLResponse("")

    def authorization_url(self, request: Request, body: bytes) -> Response:
        """Send a browser to where a commons asks whether it may be linked."""
        redirect = request.query_params.get("redirect")
        if redirect and not redirect.startswith("/"):
            raise Failure(400, "only support relative redirect")
        idp = request.query_params.get("idp", DEFAULT)
        provider = self._provider(IDP if idp == DEFAULT else idp)
        query = {
            "response_type": "code",
            "client_id": "workspace-token-service",
            "redirect_uri": f"{self.state.settings.endpoint}/wts/oauth2/authorize",
            "scope": "openid data user",
            "state": secrets.token_urlsafe(16),
        }
        return RedirectResponse(f"{provider.base_url}/user/oauth2/authorize?{urlencode(query)}", 302)

    def status(self, request: Request, body: bytes) -> Response:
        """Say that all is well."""
        return HTMLResponse("Healthy")

    def version(self, request: Request, body: bytes) -> Response:
        """Say which version this is."""
        return Json({"commit": "practice", "version": "practice"})


def _exchanged(provider: Provider, key: str) -> str:
    """Get an access token from another commons."""
    url = f"{provider.base_url}/user/credentials/cdis/access_token"
    with requests.Session() as session:
        session.trust_env = False  # no proxy between this machine and itself
        try:
            answer = session.post(url, json={"api_key": key}, timeout=30, allow_redirects=False)
        except requests.RequestException:
            raise Failure(500, "Internal server error: Fail to reach fence") from None
    if answer.status_code != 200:
        words = f"Fail to get a access token from fence: {answer.text}"
        raise Failure(500, f"Internal server error: {words}")
    return str(answer.json()["access_token"])


def _human(seconds: float) -> str | None:
    """Write a time as the service does, in its largest unit; nothing for what is over."""
    left = int(seconds)
    if left <= 0:
        return None
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if left >= size:
            return f"{left // size} {unit}"
    return f"{left} seconds"
