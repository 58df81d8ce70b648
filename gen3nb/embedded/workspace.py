"""workspace-token-service: access tokens for who works in a workspace of the commons."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from .access import Refused
from .state import State
from .web import Json, Service, route

IDP = "practice"


def refuse(refused: Refused) -> Response:
    """Answer a token that is not good."""
    return Json({"error": refused.message}, refused.status)


def missing(status: int) -> Response:
    """Answer an unknown path."""
    return Json({"error": "not found"}, status)


def service(state: State) -> Service:
    """Give the workspace token service."""
    return Service(routes(state), missing)


def routes(state: State) -> list[BaseRoute]:
    """Give the routes of the workspace token service, with the paths that it has itself."""
    endpoint = state.settings.endpoint
    known = [(IDP, endpoint), (f"{IDP}-localhost", endpoint.replace("127.0.0.1", "localhost"))]

    def token(request: Request, body: bytes) -> Response:
        user = state.access.user_of(request.headers.get("authorization"))
        idp = request.query_params.get("idp", "default")
        if idp not in ("default", "local", *(name for name, _ in known)):
            return Json({"error": f"requested idp not configured: {idp}"}, 400)
        return Json({"token": state.access.access_token(user)})

    def providers(request: Request, body: bytes) -> Response:
        entries: list[dict[str, Any]] = [
            {
                "base_url": base,
                "idp": idp,
                "name": "Practice commons",
                "refresh_token_expiration": None,
                "urls": [
                    {"name": "Practice commons", "url": f"{base}/wts/oauth2/authorization_url?idp={idp}"}
                ],
            }
            for idp, base in known
        ]
        return Json({"providers": entries})

    def connected(request: Request, body: bytes) -> Response:
        state.access.user_of(request.headers.get("authorization"))
        return Response(status_code=200)

    def status(request: Request, body: bytes) -> Response:
        return Json("Healthy")

    table = [
        ("GET", "/token", token),
        ("GET", "/external_oidc", providers),
        ("GET", "/oauth2/connected", connected),
        ("GET", "/_status", status),
    ]
    return [route(methods, path, handler, refuse) for methods, path, handler in table]
