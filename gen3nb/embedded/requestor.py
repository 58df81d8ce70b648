"""requestor: access requests; a signed one grants what its policy says."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .access import Refused, User
from .detailed import Failure, detailed_routes
from .indexd_store import moment
from .state import State
from .web import Handler, Json

FILTERS = ("request_id", "policy_id", "status", "username", "resource_id", "resource_display_name")
TIMES = ("created_time", "updated_time")
_TEXTS = ("policy_id", "resource_path", "username", "status", "resource_id", "resource_display_name")


def routes(state: State) -> list[Route]:
    """Give the routes of requestor, with the paths that it has itself."""
    requestor = Requestor(state)
    state.policies.restore()  # what was signed before, in this folder
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/_status", requestor.status),
        ("GET", "/_version", requestor.version),
        ("GET", "/request", requestor.listed),
        ("POST", "/request", requestor.create),
        ("GET", "/request/user", requestor.own),
        ("POST", "/request/user_resource_paths", requestor.paths),
        ("GET|PUT|DELETE", "/request/{request_id}", requestor.one),
    ]
    return detailed_routes(table)


def _invalid(kind: str, loc: list[Any], words: str, given: Any = None) -> Failure:
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


def _paths(content: dict[str, Any]) -> list[str]:
    """Read the resources of a request: ``resource_paths``, else ``resource_path``."""
    for name in ("resource_paths", "role_ids"):
        given = content.get(name)
        if given is not None and not isinstance(given, list):
            raise _invalid("list_type", ["body", name], "Input should be a valid list", given)
        for place, one in enumerate(given or ()):
            if not isinstance(one, str):
                loc = ["body", name, place]
                raise _invalid("string_type", loc, "Input should be a valid string", one)
    one = content.get("resource_path")
    return content.get("resource_paths") or ([one] if one else [])


def _without_value(request: Request, name: str) -> bool:
    """Read a parameter that is there or not; it may have no value."""
    value = request.query_params.get(name)
    if value:
        raise Failure(400, f"The '{name}' parameter should not be assigned a value. Received '{value}'")
    return value is not None


def _asks(one: dict[str, Any]) -> tuple[str, str, bool]:
    """Say what a request asks for: who may have only one open request for the same."""
    return one["username"], one["policy_id"], one["revoke"]


class Requestor:
    """The handlers."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.access = state.access
        self.documents = state.documents
        self.policies = state.policies
        self.settings = state.settings.requestor
        # ids of requests by what they ask for; those that are gone are left out when they are looked up
        self._asked: dict[tuple[str, str, bool], list[str]] = {}
        for one in self._requests():
            self._asked.setdefault(_asks(one), []).append(one["request_id"])

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

    def _resources(self, policy_id: str) -> list[str]:
        """Give the resources of a policy; one that is no longer there has none."""
        policy = self.policies.find(policy_id)
        return policy.resources if policy else []

    def _signed(self, one: dict[str, Any]) -> None:
        """Grant what a request asks for, or take it away."""
        change = self.policies.take if one["revoke"] else self.policies.grant
        change(one["username"], one["policy_id"])

    # -- requests ----------------------------------------------------------------------------------------

    def _requests(self) -> list[dict[str, Any]]:
        return list(self.documents.all("request").values())

    def status(self, request: Request, body: bytes) -> Response:
        """Say that all is well."""
        return Json({"status": "OK"})

    def version(self, request: Request, body: bytes) -> Response:
        """Say which requestor this behaves like."""
        return Json({"version": "2.0.0"})

    def create(self, request: Request, body: bytes) -> Response:
        """Ask for access."""
        content = _body(body)
        policy_id, paths = content.get("policy_id"), _paths(content)
        roles = content.get("role_ids") or []
        if bool(policy_id) == bool(paths):
            raise Failure(400, "The request must have either resource_path(s) or a policy_id.")
        if policy_id and roles:
            raise Failure(400, "The request cannot have both role_ids and policy_id.")
        if policy_id:
            if self.policies.find(policy_id) is None:
                raise Failure(400, f"Request creation failed. The policy '{policy_id}' does not exist.")
            user = self._authorize(request, "create", self._resources(policy_id))
        else:
            absent = [role for role in roles if role not in self.policies.roles]
            if absent:
                raise Failure(400, f"Request creation failed. The roles {absent} do not exist.")
            user = self._authorize(request, "create", paths)
            policy_id = self.policies.make(paths, roles)
        username = content.get("username") or user.username
        revoke = _without_value(request, "revoke")
        if revoke and content.get("resource_path"):
            words = "The 'revoke' parameter is not compatible with the 'resource_path' body field"
            raise Failure(400, words)
        if revoke and policy_id not in self.policies.held(username):
            words = f"Unable to revoke access: '{username}' does not have access to policy '{policy_id}'"
            raise Failure(400, words)
        with self.documents.lock:
            return self._store(content, username, policy_id, revoke)

    def _store(self, content: dict[str, Any], username: str, policy_id: str, revoke: bool) -> Response:
        """Store a request, unless the same one is open."""
        same = (username, policy_id, revoke)
        before = [self.documents.get("request", ident) for ident in self._asked.get(same, ())]
        found = [one for one in before if one and one["status"] not in self.settings.final_statuses]
        drafts = [one for one in found if one["status"] in self.settings.draft_statuses]
        if found and not drafts:
            words = f"An open access request for username '{username}' and policy_id '{policy_id}' already "
            raise Failure(409, words + "exists. Users can only request access to a resource once.")
        one = drafts[0] if drafts else self._made(content, *same)
        if one["status"] in self.settings.update_access_statuses:
            self._signed(one)
        return Json(one, 201)

    def _made(self, content: dict[str, Any], username: str, policy_id: str, revoke: bool) -> dict[str, Any]:
        """Store a new request; its status is not checked."""
        ident = str(uuid.uuid4())
        one = {
            "request_id": ident,
            "username": username,
            "policy_id": policy_id,
            "revoke": revoke,
            "status": content.get("status") or self.settings.default_initial_status,
            "created_time": moment(),
            "updated_time": moment(),
            "resource_id": content.get("resource_id"),
            "resource_display_name": content.get("resource_display_name"),
        }
        self.documents.put("request", ident, one)
        self._asked.setdefault(_asks(one), []).append(ident)
        return one

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
        self._authorize(request, method, self._resources(found["policy_id"]))
        if request.method == "DELETE":
            self.documents.delete("request", ident)
            return Json({"request_id": ident})
        with self.documents.lock:  # one change at a time of the same request
            return self._change(self.documents.get("request", ident) or found, content["status"])

    def _change(self, one: dict[str, Any], status: str) -> Response:
        """Set the status of a request."""
        if status == one["status"]:
            return Json(one)
        allowed = self.settings.allowed_request_statuses
        if status not in allowed:
            raise Failure(400, f"Status '{status}' is not an allowed request status ({allowed})")
        one.update(status=status, updated_time=moment())
        if status in self.settings.update_access_statuses:
            self._signed(one)
        self.documents.put("request", one["request_id"], one)
        return Json({**one, "updated_time": one["updated_time"] + "Z"})

    def _readable(self, user: User, one: dict[str, Any]) -> bool:
        resources = self._resources(one["policy_id"])
        return bool(resources) and all(self.access.allowed(user, "read", resource) for resource in resources)

    def _filtered(self, request: Request, requests: list[dict[str, Any]]) -> Response:
        for name in request.query_params:
            if name not in (*FILTERS, *TIMES, "active", "revoke"):
                raise Failure(400, f"The parameter '{name}' is invalid")
        if _without_value(request, "active"):
            requests = [one for one in requests if one["status"] not in self.settings.final_statuses]
        wanted = request.query_params.getlist("revoke")
        if wanted:
            truths = [value.lower() == "true" for value in wanted]
            requests = [one for one in requests if one["revoke"] in truths]
        for name in (*FILTERS, *TIMES):
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
        settings = self.settings
        denied = set(settings.final_statuses) - set(settings.update_access_statuses)
        for one in self._requests():
            mine = one["username"] == user.username and not one["revoke"]
            if mine and one["status"] not in {*settings.draft_statuses, *denied}:
                covered += self._resources(one["policy_id"])
        found = {
            path: any(path == place or path.startswith(place.rstrip("/") + "/") for place in covered)
            for path in content["resource_paths"]
        }
        return Json(found)
