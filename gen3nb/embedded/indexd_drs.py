"""DRS, the GA4GH view of the index."""

from __future__ import annotations

import json
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from .indexd_rules import NotJson, document
from .indexd_search import Malformed, Search
from .indexd_store import IndexRefused
from .state import State
from .web import Json, error_page, route

BULK = 100
_CLOUDS = {"s3": "aws", "gs": "gcp", "az": "azure"}


def cloud_of(url: str) -> str | None:
    """Give the cloud that a URL leads to."""
    return _CLOUDS.get(url.partition("://")[0])


def routes(state: State, base: str = "") -> list[BaseRoute]:
    """Give the routes of DRS: ``base`` is ``/ga4gh`` where the index itself has them."""
    table = [
        ("GET", "/service-info", DrsHandlers(state).info),
        ("GET", "/objects", DrsHandlers(state).listed),
        ("POST", "/objects", DrsHandlers(state).bulk),
        ("OPTIONS", "/objects/{did:did}", DrsHandlers(state).options),
        ("GET", "/objects/{did:did}", DrsHandlers(state).one),
    ]
    return [route(methods, f"{base}/drs/v1{path}", handler) for methods, path, handler in table]


def uri(state: State, did: str) -> str:
    """Give the compact DRS id of a document or bundle; without a prefix there is none."""
    prefix = state.index.prefix
    return f"drs://{prefix.replace('/', '', 1)}:{did.removeprefix(prefix)}" if prefix else f"drs://{did}"


def checksums(record: dict[str, Any]) -> list[dict[str, str]]:
    """Give the hashes of a document, or the checksum of a bundle, as DRS has them."""
    if "checksum" in record:
        found: list[dict[str, str]] = json.loads(record["checksum"])
        return found
    return [{"checksum": value, "type": kind} for kind, value in record["hashes"].items()]


def drs_bundle(state: State, bundle: dict[str, Any], *, expand: bool = False) -> dict[str, Any]:
    """Give a bundle as DRS has it: what lies in it, and with ``expand`` what lies in that."""
    contents = [
        part if expand else {name: value for name, value in part.items() if name != "contents"}
        for part in bundle.get("bundle_data", [])
    ]
    return {
        "aliases": json.loads(bundle["aliases"]),
        "checksums": checksums(bundle),
        "contents": contents,
        "created_time": "",
        "description": bundle["description"],
        "form": "bundle",
        "id": bundle["id"],
        "index_created_time": bundle["created_time"],
        "index_updated_time": bundle["updated_time"],
        "mime_type": "application/json",
        "name": bundle["name"],
        "self_uri": uri(state, bundle["id"]),
        "size": bundle["size"],
        "updated_time": "",
        "version": bundle["version"],
    }


def drs_object(state: State, record: dict[str, Any]) -> dict[str, Any]:
    """Give a document as DRS has it."""
    did = record["did"]
    methods = []
    for url in record["urls"]:
        kind = url.partition("://")[0]
        methods.append(
            {
                "access_id": kind,
                "access_url": {"url": url},
                "authorizations": _authorizations(did),
                "available": True,
                "cloud": cloud_of(url),
                "region": "",
                "type": kind,
            }
        )
    return {
        "access_methods": methods,
        "aliases": state.index.aliases(did),
        "checksums": checksums(record),
        "created_time": record["content_created_date"],
        "description": record["description"],
        "form": record["form"],
        "id": did,
        "index_created_time": record["created_date"],
        "index_updated_time": record["updated_date"],
        "mime_type": "application/json",
        "name": record["file_name"],
        "self_uri": uri(state, did),
        "size": record["size"],
        "updated_time": record["content_updated_date"],
        "version": record["version"],
    }


def _authorizations(did: str) -> dict[str, Any]:
    return {
        "bearer_auth_issuers": [],
        "drs_object_id": did,
        "passport_auth_issuers": [],
        "supported_types": [],
    }


def _failure(status: int, words: str) -> Response:
    return Json({"msg": words, "status_code": status}, status)


class DrsHandlers:
    """The handlers."""

    def __init__(self, state: State) -> None:
        self.state = state

    def one(self, request: Request, body: bytes) -> Response:
        """Give one object."""
        record = self.state.index.get(request.path_params["did"])
        if record is not None:
            return Json(drs_object(self.state, record))
        bundle = self.state.index.bundle(request.path_params["did"])
        if bundle is None:
            return _failure(404, "no record found")
        expand = request.query_params.get("expand") == "true"
        return Json(drs_bundle(self.state, bundle, expand=expand))

    def options(self, request: Request, body: bytes) -> Response:
        """Say how an object can be asked for."""
        record = self.state.index.get(request.path_params["did"])
        if record is None:
            return _failure(404, "no record found")
        return Json(_authorizations(record["did"]))

    def listed(self, request: Request, body: bytes) -> Response:
        """Give a page of all objects, by did."""
        given = request.query_params
        query = QueryParams(
            {name: given[name] for name in ("limit", "page", "start", "form") if name in given}
        )
        try:
            search = Search(query, form="all")
            if search.form not in ("object", "bundle"):
                search.form = "all"
            records = search.records(self.state.index)
        except (IndexRefused, Malformed) as refused:
            return _failure(400, str(refused))
        return Json({"drs_objects": [self._either(record) for record in records]})

    def _either(self, record: dict[str, Any]) -> dict[str, Any]:
        if "did" in record:
            return drs_object(self.state, record)
        return drs_bundle(self.state, self.state.index.bundle(record["id"]) or record, expand=True)

    def bulk(self, request: Request, body: bytes) -> Response:
        """Give many objects."""
        try:
            content = document(request, body)
        except NotJson as error:
            return error_page(error.status)
        dids = content.get("bulk_object_ids") if isinstance(content, dict) else None
        if not isinstance(dids, list):
            return _failure(400, "Request is malformed. Missing bulk object ids.")
        resolved, unresolved = [], set()
        for did in dict.fromkeys(str(did) for did in dids):
            record = self.state.index.get(did) or self.state.index.bundle(did)
            if record is None:
                unresolved.add(did)
            else:
                resolved.append(self._either(record))
        missing = [{"error_code": 404, "object_ids": sorted(unresolved)}] if unresolved else []
        summary = {"requested": len(dids), "resolved": len(resolved), "unresolved": len(unresolved)}
        return Json({"resolved_drs_objects": resolved, "summary": summary, "unresolved_drs_objects": missing})

    def info(self, request: Request, body: bytes) -> Response:
        """Describe the service."""
        number, size = self.state.index.totals()
        return Json(
            {
                "drs": {"maxBulkRequestLength": BULK, "objectCount": number, "totalObjectSize": size},
                "id": "test.commons",
                "maxBulkRequestLength": BULK,
                "name": "DRS System",
                "organization": {"name": "CTDS", "url": "https://commons.test"},
                "type": {"artifact": "drs", "group": "org.ga4gh", "version": "1.5.0"},
                "version": "1.5.0",
            }
        )


__all__ = ["IndexRefused", "checksums", "cloud_of", "drs_bundle", "drs_object", "routes", "uri"]
