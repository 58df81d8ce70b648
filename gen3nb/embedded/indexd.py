"""indexd: what is known of files, by did.

Reads need no token; writes need a service's password or a permission.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from . import indexd_drs
from .indexd_bundles import Bundles
from .indexd_rules import ALIASES, BLANK_FILL, CREATE, UPDATE, NotJson, authorize, document
from .indexd_search import Malformed, Search
from .indexd_store import IndexRefused
from .state import State
from .web import Json, error_page, internal_error, route


def routes(state: State) -> list[BaseRoute]:
    """Give the routes of indexd, with the paths that it has itself."""
    records, names, rest, bundles = Records(state), Names(state), Rest(state), Bundles(state)
    table: list[tuple[str, str, Callable[[Request, bytes], Response]]] = [
        ("GET", "/_status", rest.status),
        ("GET", "/_version", rest.version),
        ("GET", "/_stats", rest.stats),
        ("GET", "/_dist", rest.dist),
        ("GET", "/guid/mint", rest.mint),
        ("GET", "/guid/prefix", rest.prefix),
        ("GET", "/urls", rest.urls),
        ("GET", "/_query/urls/q", rest.query_urls),
        ("POST", "/bulk/documents", records.bulk),
        ("GET", "/bundle", bundles.listed),
        ("POST", "/bundle", bundles.create),
        ("GET", "/bundle/{did:did}", bundles.get),
        ("DELETE", "/bundle/{did:did}", bundles.delete),
        ("GET", "/index", records.listed),
        ("POST", "/index", records.create),
        ("POST", "/index/blank", records.create_blank),
        ("PUT", "/index/blank/{did:did}", records.fill_blank),
        ("GET|POST|PUT|DELETE", "/index/{did:did}/aliases", names.aliases),
        ("DELETE", "/index/{did:did}/aliases/{alias:did}", names.delete_alias),
        ("GET", "/index/{did:did}/versions", records.versions),
        ("GET", "/index/{did:did}/latest", records.latest),
        ("GET", "/index/{did:did}", records.get),
        ("PUT", "/index/{did:did}", records.update),
        ("DELETE", "/index/{did:did}", records.delete),
        ("POST", "/index/{did:did}", records.add_version),
    ]
    plain: list[BaseRoute] = [route(methods, path, _answered(handler)) for methods, path, handler in table]
    root = route("GET", "/{did:did}", _answered(names.anywhere))
    return [*plain, *indexd_drs.routes(state, "/ga4gh"), root]


def _answered(handler: Callable[[Request, bytes], Response]) -> Callable[[Request, bytes], Response]:
    """Turn what the index refuses into its answers."""

    def inner(request: Request, body: bytes) -> Response:
        try:
            return handler(request, body)
        except IndexRefused as refused:
            return Json({"error": refused.message}, refused.status)
        except NotJson as error:
            return error_page(error.status)
        except Malformed:
            return internal_error()

    return inner


def _short(record: dict[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in ("baseid", "did", "rev")}


def shown(record: dict[str, Any]) -> dict[str, Any]:
    """Give a document as lists show it: each URL has an entry in ``urls_metadata``."""
    facts = {url: record["urls_metadata"].get(url, {}) for url in record["urls"]}
    return {**record, "urls_metadata": facts}


class Handlers:
    """What all handlers need."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.index = state.index

    def record(self, request: Request) -> dict[str, Any]:
        """Find the document that the path names."""
        record = self.index.get(request.path_params["did"])
        if record is None:
            raise IndexRefused(404, "no record found")
        return record


class Records(Handlers):
    """Documents."""

    def listed(self, request: Request, body: bytes) -> Response:
        """Give a page of the documents that the filters let through."""
        search = Search(request.query_params)
        found = search.records(self.index)
        return Json(search.answer([shown(one) if "did" in one else one for one in found]))

    def create(self, request: Request, body: bytes) -> Response:
        """Add a document."""
        content = document(request, body, CREATE)
        authorize(self.state, request, "create", content.get("authz", []))
        return Json(_short(self.index.create(content)))

    def get(self, request: Request, body: bytes) -> Response:
        """Give one document, with what is known of its storage; or a bundle."""
        bundle = self.index.bundle(request.path_params["did"])
        if bundle is not None:
            return Json(bundle)
        record = shown(self.record(request))
        for url, facts in record["urls_metadata"].items():
            cloud = indexd_drs.cloud_of(url)
            if cloud is not None:
                record["urls_metadata"][url] = {**facts, "available": True, "cloud": cloud}
        return Json(record)

    def bulk(self, request: Request, body: bytes) -> Response:
        """Give many documents; those that do not exist are left out."""
        dids = document(request, body)
        if not isinstance(dids, list) or not dids:
            return internal_error()
        return Json([shown(record) for record in self.index.every(str(did) for did in dids)])

    def update(self, request: Request, body: bytes) -> Response:
        """Change a document, if the revision is the present one."""
        changes = document(request, body, UPDATE)
        record = self.record(request)
        authorize(self.state, request, "update", record["authz"])
        if changes.get("authz"):
            authorize(self.state, request, "update", changes["authz"])
        return Json(_short(self.index.update(record["did"], request.query_params.get("rev"), changes)))

    def delete(self, request: Request, body: bytes) -> Response:
        """Take a document out, if the revision is the present one."""
        rev = request.query_params.get("rev")
        if rev is None:
            raise IndexRefused(400, "no revision specified")
        record = self.record(request)
        authorize(self.state, request, "delete", record["authz"])
        self.index.delete(record["did"], rev)
        return HTMLResponse("")

    def create_blank(self, request: Request, body: bytes) -> Response:
        """Add a document of which only the name and the uploader are known."""
        content = document(request, body)
        if not isinstance(content, dict):
            raise IndexRefused(400, "the document is no object")
        authorize(self.state, request, "create", content.get("authz") or [])
        known = {name: content.get(name) for name in ("uploader", "file_name", "authz") if content.get(name)}
        return Json(_short(self.index.create(known)), 201)

    def fill_blank(self, request: Request, body: bytes) -> Response:
        """Add size and hashes to a document that has none."""
        content = document(request, body, BLANK_FILL)
        record = self.record(request)
        authorize(self.state, request, "update", content.get("authz") or record["authz"])
        if record["size"] is not None or record["hashes"]:
            raise IndexRefused(400, "update api is not supported for non-empty record!")
        return Json(_short(self.index.update(record["did"], request.query_params.get("rev"), content)))

    def add_version(self, request: Request, body: bytes) -> Response:
        """Add a document as the next version of another."""
        content = document(request, body, CREATE)
        record = self.record(request)
        authorize(self.state, request, "update", record["authz"])
        return Json(_short(self.index.create({**content, "baseid": record["baseid"]})))

    def versions(self, request: Request, body: bytes) -> Response:
        """Give all versions of a document, by number."""
        found = self.index.versions(self.record(request)["baseid"])
        return Json({str(number): shown(record) for number, record in enumerate(found)})

    def latest(self, request: Request, body: bytes) -> Response:
        """Give the last version of a document."""
        found = self.index.versions(self.record(request)["baseid"])
        if request.query_params.get("has_version", "").lower() == "true":
            found = [record for record in found if record["version"] is not None]
        if not found:
            raise IndexRefused(404, "no record found")
        return Json(shown(found[-1]))


class Names(Handlers):
    """Other names of documents."""

    def anywhere(self, request: Request, body: bytes) -> Response:
        """Give one document by did or alias, as the root path does."""
        name = request.path_params["did"]
        record = self.index.get(name) or self.index.by_alias(name)
        if record is not None:
            return Json(shown(record))
        bundle = self.index.bundle(name)
        if bundle is None:
            raise IndexRefused(404, "no record found")
        return Json(bundle)

    def aliases(self, request: Request, body: bytes) -> Response:
        """List, add, replace or take away the aliases of a document."""
        if request.method in ("POST", "PUT"):
            content = document(request, body, ALIASES)
            record = self.record(request)
            authorize(self.state, request, "update", record["authz"])
            values = [one["value"] for one in content.get("aliases", []) if "value" in one]
            self.index.add_aliases(record["did"], values, replace=request.method == "PUT")
        else:
            record = self.record(request)
            if request.method == "DELETE":
                authorize(self.state, request, "update", record["authz"])
                self.index.remove_alias(record["did"])
                return Json("Aliases deleted successfully")
        return Json({"aliases": [{"value": name} for name in self.index.aliases(record["did"])]})

    def delete_alias(self, request: Request, body: bytes) -> Response:
        """Take one alias away."""
        record = self.record(request)
        authorize(self.state, request, "update", record["authz"])
        self.index.remove_alias(record["did"], request.path_params["alias"])
        return Json("Aliases deleted successfully")


class Rest(Handlers):
    """Everything else."""

    def status(self, request: Request, body: bytes) -> Response:
        """Say that all is well."""
        return HTMLResponse("Healthy")

    def version(self, request: Request, body: bytes) -> Response:
        """Say which indexd this behaves like."""
        return Json({"commit": "practice", "version": "6.3.0"})

    def stats(self, request: Request, body: bytes) -> Response:
        """Count files and bytes."""
        number, size = self.index.totals()
        return Json({"fileCount": number, "totalFileSize": size})

    def dist(self, request: Request, body: bytes) -> Response:
        """List the other indexes that this one asks: none."""
        return Json([])

    def mint(self, request: Request, body: bytes) -> Response:
        """Make GUIDs."""
        text = request.query_params.get("count", "1")
        if not text.isdecimal() or not 0 < int(text) <= 10_000:
            raise IndexRefused(400, "You can only request between 1 and 10,000 GUIDs.")
        return Json({"guids": [self.index.new_did() for _ in range(int(text))]})

    def prefix(self, request: Request, body: bytes) -> Response:
        """Give the prefix of GUIDs."""
        return Json({"prefix": self.index.prefix})

    def urls(self, request: Request, body: bytes) -> Response:
        """List URLs of documents."""
        search = Search(request.query_params)
        found: dict[str, Any] = {}
        for record in self.index.page(-1, 0, by="created"):
            hashes_agree = all(record["hashes"].get(kind) == v for kind, v in search.hashes.items())
            if hashes_agree and search.size in (None, record["size"]):
                for url in record["urls"]:
                    found.setdefault(url, {})
        urls = [{"metadata": facts, "url": url} for url, facts in found.items()][: search.limit]
        return Json(
            {"hashes": search.hashes, "limit": search.limit, "size": search.size, "start": 0, "urls": urls}
        )

    def query_urls(self, request: Request, body: bytes) -> Response:
        """List documents by what stands in their URLs (``include``) or does not (``exclude``)."""
        given = request.query_params
        try:
            limit, offset = int(given.get("limit", 1000)), int(given.get("offset", 0))
        except ValueError:
            raise IndexRefused(400, "limit and offset must be integers") from None
        fields = given.get("fields", "did,urls").split(",")
        found = []
        for record in self.index.page(-1, 0):
            urls = ",".join(record["urls"])
            wanted = given.get("include", "") in urls and (given.get("exclude") or "\0") not in urls
            if wanted and given.get("versioned") in (None, str(record["version"] is not None).lower()):
                found.append({name: record[name] for name in ("did", "urls", "rev") if name in fields})
        return Json(found[offset : offset + limit])
