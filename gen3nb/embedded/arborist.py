"""arborist: which user may do what on which resource, as a commons shows it under ``/authz``.

Only what the proxy of a commons lets through: one's own mapping and resources, a check, and for who may read
them the policies. Nobody asks for others.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from .access import Refused, User
from .fence import authz_of
from .policies import Policy
from .state import State
from .web import Handler, Json, Service, proxy_page, route

POLICIES = "/services/arborist/policy"


def refuse(refused: Refused) -> Response:
    """Answer a token that is not good."""
    return _error(refused.status, refused.detail)


def _error(status: int, message: str) -> Response:
    return Json({"error": {"message": message, "code": status}}, status)


def service(state: State) -> Service:
    """Give arborist as a service."""
    # the proxy forbids methods, and paths that it does not name are not arborist's
    return Service(routes(state), lambda status: proxy_page(403 if status == 405 else status))


def routes(state: State) -> list[BaseRoute]:
    """Give the routes of arborist, with the paths that the proxy has below its prefix."""
    arborist = Arborist(state)
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/", arborist.check),
        ("GET", "/mapping", arborist.mapping),
        ("GET", "/resources", arborist.resources),
        ("GET", "/policy", arborist.policies),
    ]
    return [route(methods, path, handler, refuse) for methods, path, handler in table]


class Arborist:
    """The handlers."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.access = state.access

    def _caller(self, request: Request) -> User | None:
        authorization = request.headers.get("authorization")
        return self.access.user_of(authorization) if authorization else None

    def check(self, request: Request, body: bytes) -> Response:
        """Say whether the caller may do something: 200, 401 or 403, with an empty page if it is 200."""
        user = self._caller(request)
        if user is None:
            return _error(401, "auth header missing")
        for name in ("resource", "service", "method"):
            if not request.query_params.get(name):
                return _error(400, f"invalid request: missing `{name}` argument")
        query = request.query_params
        if self.access.allowed(user, query["method"], query["resource"]):
            return Response(headers={"REMOTE_USER": user.username})
        return _error(403, "Unauthorized: user does not have access to this resource")

    def mapping(self, request: Request, body: bytes) -> Response:
        """Give what the caller may do."""
        user = self._caller(request)
        return Json(authz_of(user) if user else {})

    def resources(self, request: Request, body: bytes) -> Response:
        """Give the resources on which the caller may do anything."""
        user = self._caller(request)
        if user is None:
            return _error(401, "auth header missing")
        return Json({"resources": list(authz_of(user))})

    def policies(self, request: Request, body: bytes) -> Response:
        """Give all policies, to who may read them."""
        user = self.access.user_of(request.headers.get("authorization"))
        if not self.access.allowed(user, "read", POLICIES):
            return proxy_page(403)
        expand = "expand" in request.query_params
        return Json({"policies": [self._shown(one, expand) for one in self.state.policies.all()]})

    def _shown(self, policy: Policy, expand: bool) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": policy.id,
            "description": policy.description,
            "resource_paths": policy.resources,
        }
        if not expand:
            return {**shown, "role_ids": policy.roles}
        roles = {role: self.state.policies.roles[role] for role in policy.roles}
        return {**shown, "roles": [_role(role, methods) for role, methods in roles.items()]}


def _role(role: str, methods: list[str]) -> dict[str, Any]:
    permissions = [
        {"id": f"{role}_{method}", "description": "", "action": {"service": "*", "method": method}}
        for method in methods
    ]
    return {"id": role, "description": "", "permissions": permissions}
