"""DRS, the GA4GH view of the index."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from .indexd_rules import NotJson, document
from .indexd_store import PREFIX, IndexRefused
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


def drs_object(state: State, record: dict[str, Any]) -> dict[str, Any]:
    """Give a document as DRS has it."""
    did = record["did"]
    bare = did.removeprefix(PREFIX)
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
        "checksums": [{"checksum": value, "type": kind} for kind, value in record["hashes"].items()],
        "created_time": record["content_created_date"],
        "description": record["description"],
        "form": record["form"],
        "id": did,
        "index_created_time": record["created_date"],
        "index_updated_time": record["updated_date"],
        "mime_type": "application/json",
        "name": record["file_name"],
        "self_uri": f"drs://{PREFIX.rstrip('/')}:{bare}",
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
        if record is None:
            return _failure(404, "no record found")
        return Json(drs_object(self.state, record))

    def options(self, request: Request, body: bytes) -> Response:
        """Say how an object can be asked for."""
        record = self.state.index.get(request.path_params["did"])
        if record is None:
            return _failure(404, "no record found")
        return Json(_authorizations(record["did"]))

    def listed(self, request: Request, body: bytes) -> Response:
        """Give a page of all objects, by did."""
        query = request.query_params
        try:
            limit, page = int(query.get("limit", 100)), int(query.get("page", 0))
        except ValueError:
            return _failure(400, "limit and page must be integers")
        if not 0 <= limit <= 1024:
            return _failure(400, "limit must be between 0 and 1024")
        records = self.state.index.page(limit, page * limit)
        return Json({"drs_objects": [drs_object(self.state, record) for record in records]})

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
            record = self.state.index.get(did)
            if record is None:
                unresolved.add(did)
            else:
                resolved.append(drs_object(self.state, record))
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


__all__ = ["IndexRefused", "cloud_of", "drs_object", "routes"]
