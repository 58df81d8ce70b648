"""metadata-service: any JSON object by GUID.

It answers at ``/mds``, with a password for writes, and at ``/mds-admin``, where the gateway of a commons
lets an admin's token in.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .access import Refused
from .detailed import Failure, detailed_routes
from .indexd_rules import basic
from .state import State
from .web import Handler, Json, error_page

PAGE, MOST = 10, 2000


def routes(state: State, *, gateway: bool = False) -> list[Route]:
    """Give the routes of the metadata service, with the paths that it has itself."""
    mds = Metadata(state, gateway)
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/_status", mds.status),
        ("GET", "/version", mds.version),
        ("GET", "/metadata", mds.listed),
        ("POST", "/metadata", mds.create_many),
        ("GET|POST|PUT|DELETE", "/metadata/{guid:did}/aliases", mds.aliases),
        ("DELETE", "/metadata/{guid:did}/aliases/{alias:did}", mds.delete_alias),
        ("GET", "/metadata/{guid:did}", mds.get),
        ("POST", "/metadata/{guid:did}", mds.create),
        ("PUT", "/metadata/{guid:did}", mds.update),
        ("DELETE", "/metadata/{guid:did}", mds.delete),
    ]
    return detailed_routes(table, lambda _: error_page(403))


def json_of(body: bytes) -> Any:
    """Read a body."""
    try:
        return json.loads(body)
    except ValueError as error:
        detail = {"type": "json_invalid", "loc": ["body", 0], "msg": "JSON decode error", "input": {}}
        raise Failure(422, [{**detail, "ctx": {"error": str(error)}}]) from None


def _flag(request: Request, name: str, usual: bool) -> bool:
    text = request.query_params.get(name)
    return usual if text is None else text.lower() in ("true", "1", "yes", "on", "t", "y")


def _number(request: Request, name: str, usual: int) -> int:
    text = request.query_params.get(name, str(usual))
    try:
        return int(text)
    except ValueError:
        detail = {"type": "int_parsing", "loc": ["query", name], "input": text}
        words = "Input should be a valid integer, unable to parse string as an integer"
        raise Failure(422, [{**detail, "msg": words}]) from None


def _matches(content: Any, path: str, wanted: list[str]) -> bool:
    """Say whether what stands at a dotted path is one of the wanted, or is there at all (``*``)."""
    for part in path.split("."):
        if not isinstance(content, dict) or part not in content:
            return False
        content = content[part]
    found = content if isinstance(content, list) else [content]
    texts = {one if isinstance(one, str) else json.dumps(one) for one in found}
    return "*" in wanted or not texts.isdisjoint(wanted)


class Metadata:
    """The handlers."""

    def __init__(self, state: State, gateway: bool) -> None:
        self.state = state
        self.documents = state.documents
        self.gateway = gateway

    def _authorize(self, request: Request) -> None:
        authorization = request.headers.get("authorization", "")
        if self.gateway:
            user = self.state.access.user_of(authorization)
            if not self.state.access.allowed(user, "access", "/mds_gateway"):
                raise Refused(403, "forbidden", reason="forbidden")
            return
        kind, _, rest = authorization.partition(" ")
        if kind.lower() == "bearer":
            raise Failure(500, None)
        if kind.lower() != "basic" or not basic(self.state, rest):
            raise Failure(403, "Forbidden")

    def _guid(self, request: Request) -> str:
        """Give the GUID that the path names, by itself or by an alias."""
        name = str(request.path_params["guid"])
        if self.documents.get("metadata", name) is not None:
            return name
        owner = self.documents.get("metadata alias", name)
        if owner is None:
            raise Failure(404, f"Not found: {name}")
        return str(owner)

    def status(self, request: Request, body: bytes) -> Response:
        """Say that all is well."""
        return Json({"status": "OK", "timestamp": None})

    def version(self, request: Request, body: bytes) -> Response:
        """Say which metadata service this behaves like."""
        return Json("4.3.0")

    def listed(self, request: Request, body: bytes) -> Response:
        """List GUIDs, or objects with ``data=true``."""
        limit = min(_number(request, "limit", PAGE), MOST)
        offset = _number(request, "offset", 0)
        filters = {
            name: request.query_params.getlist(name)
            for name in request.query_params
            if name not in ("limit", "offset", "data")
        }
        found = {
            guid: content
            for guid, content in self.documents.all("metadata", by="key").items()
            if all(_matches(content, path, wanted) for path, wanted in filters.items())
        }
        page = dict(list(found.items())[offset : offset + limit])
        return Json(page if _flag(request, "data", False) else list(page))

    def get(self, request: Request, body: bytes) -> Response:
        """Give one object."""
        return Json(self.documents.get("metadata", self._guid(request)))

    def create(self, request: Request, body: bytes) -> Response:
        """Add an object."""
        self._authorize(request)
        guid, content = request.path_params["guid"], json_of(body)
        with self.documents.lock:
            known = self.documents.get("metadata", guid) is not None
            if known and not _flag(request, "overwrite", False):
                raise Failure(409, f"Conflict: {guid}")
            self.documents.put("metadata", guid, content)
        return Json(content, 200 if known else 201)

    def create_many(self, request: Request, body: bytes) -> Response:
        """Add objects."""
        self._authorize(request)
        done: dict[str, list[str]] = {"created": [], "updated": [], "conflict": [], "bad_input": []}
        overwrite = _flag(request, "overwrite", True)
        with self.documents.lock:
            for one in json_of(body):
                guid, content = one["guid"], one["data"]
                known = self.documents.get("metadata", guid) is not None
                if known and not overwrite:
                    done["conflict"].append(guid)
                    continue
                self.documents.put("metadata", guid, content)
                done["updated" if known else "created"].append(guid)
        return Json(done, 201)

    def update(self, request: Request, body: bytes) -> Response:
        """Replace an object, or merge into it with ``merge=true``."""
        self._authorize(request)
        content = json_of(body)
        with self.documents.lock:
            guid = self._guid(request)
            if _flag(request, "merge", False):
                content = {**self.documents.get("metadata", guid), **content}
            self.documents.put("metadata", guid, content)
        return Json(content)

    def delete(self, request: Request, body: bytes) -> Response:
        """Take an object out."""
        self._authorize(request)
        with self.documents.lock:
            guid = self._guid(request)
            content = self.documents.get("metadata", guid)
            self.documents.delete("metadata", guid)
            for alias in self._aliases(guid):
                self.documents.delete("metadata alias", alias)
        return Json(content)

    def _aliases(self, guid: str) -> list[str]:
        return [alias for alias, owner in self.documents.all("metadata alias").items() if owner == guid]

    def aliases(self, request: Request, body: bytes) -> Response:
        """List, add, replace or take away other names of an object."""
        if request.method == "GET":
            guid = self._guid(request)
            return Json({"guid": guid, "aliases": self._aliases(guid)})
        self._authorize(request)
        with self.documents.lock:
            guid = request.path_params["guid"]
            wanted = list(json_of(body)["aliases"]) if request.method != "DELETE" else []
            taken = [a for a in wanted if self.documents.get("metadata alias", a) not in (None, guid)]
            if taken:
                raise Failure(409, f"Conflict: alias {taken[0]} already exists")
            if request.method != "POST":
                for alias in self._aliases(guid):
                    self.documents.delete("metadata alias", alias)
            for alias in wanted:
                self.documents.put("metadata alias", alias, guid)
            status = 201 if request.method == "POST" else 200
            return Json({"guid": guid, "aliases": sorted(self._aliases(guid))}, status)

    def delete_alias(self, request: Request, body: bytes) -> Response:
        """Take one other name of an object away."""
        self._authorize(request)
        with self.documents.lock:
            guid, alias = self._guid(request), str(request.path_params["alias"])
            if alias not in self._aliases(guid):
                raise Failure(404, f"Alias not found: {alias}")
            self.documents.delete("metadata alias", alias)
        return Json(None)
