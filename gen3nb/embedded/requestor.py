"""requestor: access requests; a signed one grants what its policy says."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from .access import Refused, User, resource_of
from .indexd_store import moment
from .state import State
from .web import Json, route

ROLES: dict[str, list[str]] = {
    "reader": ["read", "read-storage"],
    "writer": ["create", "update", "delete", "write-storage"],
    "creator": ["create"],
    "updater": ["update"],
    "deleter": ["delete"],
    "storage_reader": ["read-storage"],
    "storage_writer": ["write-storage"],
}
STATUSES = ["DRAFT", "SUBMITTED", "APPROVED", "SIGNED", "REJECTED"]
FINAL = ("SIGNED", "REJECTED")
FILTERS = ("policy_id", "status", "username", "resource_id", "resource_display_name")
_TEXTS = ("policy_id", "resource_path", "username", "status", "resource_id", "resource_display_name")


class Failure(Exception):
    """An error, in the service's words."""

    def __init__(self, status: int, detail: Any) -> None:
        super().__init__(str(detail))
        self.status = status
        self.detail = detail


def routes(state: State) -> list[BaseRoute]:
    """Give the routes of requestor, with the paths that it has itself."""
    requestor = Requestor(state)
    for username, policies in state.documents.all("policies of").items():  # signed before, in this folder
        for policy_id in policies:
            requestor.grant(username, policy_id)
    table: list[tuple[str, str, Callable[[Request, bytes], Response]]] = [
        ("GET", "/_status", requestor.status),
        ("GET", "/request", requestor.listed),
        ("POST", "/request", requestor.create),
        ("GET", "/request/user", requestor.own),
        ("POST", "/request/user_resource_paths", requestor.paths),
        ("GET|PUT|DELETE", "/request/{request_id}", requestor.one),
    ]
    return [route(methods, path, _answered(handler)) for methods, path, handler in table]


def _answered(handler: Callable[[Request, bytes], Response]) -> Callable[[Request, bytes], Response]:
    def inner(request: Request, body: bytes) -> Response:
        try:
            return handler(request, body)
        except Failure as failure:
            return Json({"detail": failure.detail}, failure.status)

    return inner


def _invalid(kind: str, loc: list[str], words: str, given: Any = None) -> Failure:
    return Failure(422, [{"type": kind, "loc": loc, "msg": words, "input": given}])


def _body(body: bytes, *required: str) -> dict[str, Any]:
    if not body:
        raise _invalid("missing", ["body"], "Field required")
    try:
        content = json.loads(body)
    except ValueError:
        raise _invalid("json_invalid", ["body", "0"], "JSON decode error", {}) from None
    if not isinstance(content, dict):
        words = "Input should be a valid dictionary or object to extract fields from"
        raise _invalid("model_attributes_type", ["body"], words, content)
    for name in required:
        if name not in content:
            raise _invalid("missing", ["body", name], "Field required")
    for name in _TEXTS:
        if content.get(name) is not None and not isinstance(content[name], str):
            raise _invalid("string_type", ["body", name], "Input should be a valid string", content[name])
    return content


def _without_value(request: Request, name: str) -> bool:
    """Read a parameter that is there or not; it may have no value."""
    value = request.query_params.get(name)
    if value:
        raise Failure(400, f"The '{name}' parameter should not be assigned a value. Received '{value}'")
    return value is not None


class Requestor:
    """The handlers."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.access = state.access
        self.documents = state.documents

    # -- who ---------------------------------------------------------------------------------------------

    def _caller(self, request: Request) -> User:
        try:
            return self.access.user_of(request.headers.get("authorization"))
        except Refused as refused:
            if refused.reason in ("missing", "unparsable"):
                raise Failure(401, "Must provide an access token.") from None
            words = "Could not verify, parse, and/or validate scope from provided access token."
            raise Failure(401, words) from None

    def _authorize(self, request: Request, method: str, resources: Iterable[str]) -> User:
        try:
            user = self._caller(request)
        except Failure:
            raise Failure(403, "Permission denied") from None
        if not all(self.access.allowed(user, method, resource) for resource in resources):
            raise Failure(403, "Permission denied")
        return user

    # -- policies ----------------------------------------------------------------------------------------

    def _policy(self, policy_id: str) -> tuple[list[str], list[str]]:
        """Give the resources and the roles of a policy: one made here, or ``PROGRAM-PROJECT_role``."""
        made = self.documents.get("policy", policy_id)
        if made is not None:
            return made["resources"], made["roles"]
        for role in sorted(ROLES, key=len, reverse=True):
            place = policy_id.removesuffix(f"_{role}")
            if place not in (policy_id, ""):
                path = "/" + place.replace(".", "/") if place.startswith("programs.") else resource_of(place)
                return [path], [role]
        raise Failure(400, f"Request creation failed. The policy '{policy_id}' does not exist.")

    def _make_policy(self, resources: list[str], roles: list[str]) -> str:
        unknown = [role for role in roles if role not in ROLES]
        if unknown:
            raise Failure(400, f"Request creation failed. The roles {unknown} do not exist.")
        places = "_".join(resource.strip("/").replace("/", ".") for resource in resources)
        policy_id = f"{places}_{'_'.join(roles) or 'accessor'}"
        self.documents.put("policy", policy_id, {"resources": resources, "roles": roles})
        return policy_id

    def _methods(self, roles: list[str]) -> set[str]:
        return {method for role in roles for method in ROLES[role]}

    def grant(self, username: str, policy_id: str) -> None:
        """Let a user, who need not have signed in before, do what a policy says."""
        resources, roles = self._policy(policy_id)
        user = self.access.named(username) or self.access.grant(username, {})
        for resource in resources:
            self.access.add_grant(user, resource, self._methods(roles))

    def _take(self, username: str, policy_id: str) -> None:
        """Take back from a user what a policy says."""
        resources, roles = self._policy(policy_id)
        user = self.access.named(username)
        if user is not None:
            left = {place: set(methods) for place, methods in user.grants.items()}
            for resource in resources:
                left[resource] = left.get(resource, set()) - self._methods(roles)
            self.access.grant(user.name, left)

    def _signed(self, one: dict[str, Any]) -> None:
        """Grant what a signed request asks for, or take it back; remember it."""
        username, policy_id = one["username"], one["policy_id"]
        policies = set(self.documents.get("policies of", username) or ())
        if one["revoke"]:
            self._take(username, policy_id)
            policies.discard(policy_id)
        else:
            self.grant(username, policy_id)
            policies.add(policy_id)
        self.documents.put("policies of", username, sorted(policies))

    # -- requests ----------------------------------------------------------------------------------------

    def _requests(self) -> list[dict[str, Any]]:
        return list(self.documents.all("request").values())

    def status(self, request: Request, body: bytes) -> Response:
        """Say that all is well."""
        return Json({"status": "OK"})

    def create(self, request: Request, body: bytes) -> Response:
        """Ask for access."""
        content = _body(body)
        revoke = _without_value(request, "revoke")
        paths = content.get("resource_paths") or []
        if content.get("resource_path"):
            paths = [content["resource_path"]]
        policy_id, roles = content.get("policy_id"), content.get("role_ids")
        if policy_id and roles:
            raise Failure(400, "The request cannot have both role_ids and policy_id.")
        if bool(policy_id) == bool(paths):
            raise Failure(400, "The request must have either resource_path(s) or a policy_id.")
        if revoke and not policy_id:
            raise Failure(400, "The 'revoke' parameter can only be used with a policy_id.")
        if policy_id:
            resources, _ = self._policy(policy_id)
            user = self._authorize(request, "create", resources)
        else:
            user = self._authorize(request, "create", paths)
            policy_id = self._make_policy(paths, roles or [])
        username = content.get("username") or user.username
        if revoke and policy_id not in (self.documents.get("policies of", username) or ()):
            words = f"Unable to revoke access: '{username}' does not have access to policy '{policy_id}'"
            raise Failure(400, words)
        with self.documents.lock:
            return self._store(content, username, policy_id, revoke)

    def _store(self, content: dict[str, Any], username: str, policy_id: str, revoke: bool) -> Response:
        """Store a request, unless the same one is open."""
        for one in self._requests():
            same = (one["username"], one["policy_id"], one["revoke"]) == (username, policy_id, revoke)
            if same and one["status"] == "DRAFT":
                return Json(one, 201)
            if same and one["status"] not in FINAL:
                words = (
                    f"An open access request for username '{username}' and policy_id '{policy_id}' already "
                )
                raise Failure(409, words + "exists. Users can only request access to a resource once.")
        one = {
            "request_id": str(uuid.uuid4()),
            "username": username,
            "policy_id": policy_id,
            "revoke": revoke,
            "status": content.get("status") or "DRAFT",
            "created_time": moment(),
            "updated_time": moment(),
            "resource_id": content.get("resource_id"),
            "resource_display_name": content.get("resource_display_name"),
        }
        self.documents.put("request", one["request_id"], one)
        if one["status"] == "SIGNED":
            self._signed(one)
        return Json(one, 201)

    def one(self, request: Request, body: bytes) -> Response:
        """Give, change or take away one request."""
        ident = request.path_params["request_id"]
        if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", ident):
            words = "Input should be a valid UUID"
            raise _invalid("uuid_parsing", ["path", "request_id"], words, ident)
        content = _body(body, "status") if request.method == "PUT" else {}
        found = self.documents.get("request", ident)
        if request.method == "GET":
            user = self._caller(request)
            if found is None or not self._readable(user, found):
                raise Failure(404, "Not found")
            return Json(found)
        if found is None:
            raise Failure(404, "Not found")
        method = {"PUT": "update", "DELETE": "delete"}[request.method]
        self._authorize(request, method, self._policy(found["policy_id"])[0])
        if request.method == "DELETE":
            self.documents.delete("request", ident)
            return Json({"request_id": ident})
        return self._change(found, content["status"])

    def _change(self, one: dict[str, Any], status: str) -> Response:
        """Set the status of a request."""
        if status not in STATUSES:
            raise Failure(400, f"Status '{status}' is not an allowed request status ({STATUSES})")
        if status == one["status"]:
            return Json(one)
        one.update(status=status, updated_time=moment())
        if status == "SIGNED":
            self._signed(one)
        self.documents.put("request", one["request_id"], one)
        return Json({**one, "updated_time": one["updated_time"] + "Z"})

    def _readable(self, user: User, one: dict[str, Any]) -> bool:
        resources, _ = self._policy(one["policy_id"])
        return all(self.access.allowed(user, "read", resource) for resource in resources)

    def _filtered(self, request: Request, requests: list[dict[str, Any]]) -> Response:
        for name in request.query_params:
            if name not in (*FILTERS, "active", "revoke"):
                raise Failure(400, f"The parameter '{name}' is invalid")
        if _without_value(request, "active"):
            requests = [one for one in requests if one["status"] not in FINAL]
        if _without_value(request, "revoke"):
            requests = [one for one in requests if one["revoke"]]
        for name in FILTERS:
            wanted = request.query_params.getlist(name)
            if wanted:
                requests = [one for one in requests if one[name] in wanted]
        return Json(requests)

    def listed(self, request: Request, body: bytes) -> Response:
        """List the requests that the caller may read."""
        user = self._caller(request)
        return self._filtered(request, [one for one in self._requests() if self._readable(user, one)])

    def own(self, request: Request, body: bytes) -> Response:
        """List the caller's requests."""
        user = self._caller(request)
        return self._filtered(request, [one for one in self._requests() if one["username"] == user.username])

    def paths(self, request: Request, body: bytes) -> Response:
        """Say for which resources the caller has asked already, or was granted access."""
        user = self._caller(request)
        content = _body(body, "resource_paths")
        covered: list[str] = []
        for one in self._requests():
            if one["username"] == user.username and one["status"] not in ("DRAFT", "REJECTED"):
                covered += self._policy(one["policy_id"])[0]
        found = {
            path: any(path == place or path.startswith(place.rstrip("/") + "/") for place in covered)
            for path in content["resource_paths"]
        }
        return Json(found)
