"""arborist: which user may do what on which resource, as a commons shows it under ``/authz``."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from .access import Refused, User
from .fence import authz_of
from .state import State
from .web import Json, Service, route


def missing(status: int) -> Response:
    """Answer an unknown path."""
    return Json({"error": {"message": "not found", "code": status}}, status)


def refuse(refused: Refused) -> Response:
    """Answer a token that is not good."""
    return Json({"error": {"message": refused.detail, "code": refused.status}}, refused.status)


def service(state: State) -> Service:
    """Give arborist as a service."""
    return Service(routes(state), missing)


def routes(state: State) -> list[BaseRoute]:
    """Give the routes of arborist, with the paths that it has behind the proxy and itself."""
    access = state.access

    def caller(request: Request) -> User | None:
        authorization = request.headers.get("authorization")
        return access.user_of(authorization) if authorization else None

    def mapping(request: Request, body: bytes) -> Response:
        if request.method == "POST":
            try:
                named = access.named(json.loads(body)["username"])
            except (ValueError, KeyError, TypeError):
                return Json({"error": {"message": "could not parse request", "code": 400}}, 400)
            asker = caller(request)
            # a deployed commons lets nobody from outside ask for others
            if asker is None or not (asker.is_admin or asker is named):
                return Json({"error": {"message": "unauthorized", "code": 403}}, 403)
            return Json(authz_of(named) if named else {})
        user = caller(request)
        return Json(authz_of(user) if user else {})

    def asked(user: User | None, questions: list[dict[str, Any]]) -> bool:
        return all(
            access.allowed(user, one.get("action", {}).get("method", ""), one.get("resource", ""))
            for one in questions
        )

    def auth_request(request: Request, body: bytes) -> Response:
        try:
            document = json.loads(body)
            token = document["user"]["token"]
            questions = document.get("requests") or [document["request"]]
        except (ValueError, KeyError, TypeError):
            return Json({"error": {"message": "could not parse request", "code": 400}}, 400)
        return Json({"auth": asked(access.user_of(f"Bearer {token}"), questions)})

    def proxy(request: Request, body: bytes) -> Response:
        user = caller(request)
        if user is None:
            return Json({"error": {"message": "auth header missing", "code": 401}}, 401)
        resource, method = request.query_params.get("resource", ""), request.query_params.get("method", "")
        if access.allowed(user, method, resource):
            return Response(status_code=200)
        return Json({"error": {"message": "Unauthorized: user does not have access", "code": 403}}, 403)

    def health(request: Request, body: bytes) -> Response:
        return HTMLResponse("Healthy")

    table = [
        ("GET|POST", "/mapping", mapping),
        ("GET|POST", "/auth/mapping", mapping),
        ("POST", "/auth/request", auth_request),
        ("GET", "/auth/proxy", proxy),
        ("GET", "/health", health),
    ]
    return [route(methods, path, handler, refuse) for methods, path, handler in table]
