"""Bundles of documents, as indexd keeps them: a GUID, and what lies under it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from .indexd_drs import checksums, uri
from .indexd_rules import BUNDLE, authorize, document
from .indexd_search import Search
from .indexd_store import IndexRefused, moment
from .state import State
from .web import Json

RESOURCE = "/services/indexd/bundles"


class Bundles:
    """The handlers."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.index = state.index

    def create(self, request: Request, body: bytes) -> Response:
        """Put documents and bundles together under one GUID."""
        authorize(self.state, request, "create", [RESOURCE])
        content = document(request, body, BUNDLE)
        parts = list(content["bundles"])
        if not parts:
            raise IndexRefused(400, "Bundle data required.")
        if len(set(parts)) != len(parts):
            raise IndexRefused(400, "Duplicate GUID in bundles.")
        if content.get("bundle_id") in parts:
            raise IndexRefused(400, "Bundle refers to itself.")
        records = [self._found(did) for did in parts]
        sums = sorted(_checksum(record) for record in records)
        digest = hashlib.md5("".join(sums).encode(), usedforsecurity=False).hexdigest()
        now, ident = moment(), content.get("bundle_id") or self.index.new_did()
        inside = [self._content(record) for record in records]
        self.index.add_bundle(
            {
                "aliases": json.dumps(content.get("aliases") or []),
                "bundle_data": inside,
                "checksum": json.dumps(content.get("checksums") or [{"checksum": digest, "type": "md5"}]),
                "created_time": now,
                "description": content.get("description") or "",
                "form": "bundle",
                "id": ident,
                "name": content.get("name") or ident,
                "size": content.get("size") or sum(record["size"] or 0 for record in records),
                "updated_time": now,
                "version": content.get("version") or "",
            }
        )
        shown = {"bundle_id": ident, "contents": json.dumps(inside), "name": content.get("name") or ident}
        return Json(shown)

    def listed(self, request: Request, body: bytes) -> Response:
        """List the bundles."""
        search = Search(request.query_params, form="bundle")
        return Json(search.answer(search.records(self.index)))

    def get(self, request: Request, body: bytes) -> Response:
        """Give one bundle, or a document in the shape of one."""
        record = self._found(request.path_params["did"])
        one = self._content(record)
        if request.query_params.get("expand") != "true":
            one["contents"] = [_flat(part) for part in one["contents"]]
        aliases = json.loads(record["aliases"]) if "aliases" in record else []
        one |= {"aliases": aliases, "checksums": checksums(record)}
        one |= {name: record.get(name) or "" for name in ("description", "version")}
        return Json({**one, **_times(record), "size": record["size"]})

    def delete(self, request: Request, body: bytes) -> Response:
        """Take a bundle out; what lay under it stays."""
        authorize(self.state, request, "delete", [RESOURCE])
        self.index.delete_bundle(request.path_params["did"])
        return HTMLResponse("")

    def _found(self, did: str) -> dict[str, Any]:
        record = self.index.get(did) or self.index.bundle(did)
        if record is None:
            raise IndexRefused(404, "no record found")
        return record

    def _content(self, record: dict[str, Any]) -> dict[str, Any]:
        """Give a document or bundle as it lies in a bundle."""
        did = record.get("did") or record["id"]
        return {
            "contents": record.get("bundle_data", []),
            "drs_uri": uri(self.state, did),
            "id": did,
            "name": record["file_name"] if "file_name" in record else record["name"],
        }


def _flat(part: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name != "contents"}


def _checksum(record: dict[str, Any]) -> str:
    """Give the one hash that stands for a document in the checksum of a bundle."""
    known = {one["type"]: one["checksum"] for one in checksums(record)}
    return known.get("md5") or next(iter(known.values()), "")


def _times(record: dict[str, Any]) -> dict[str, Any]:
    created = record.get("created_date") or record.get("created_time")
    return {
        "created_time": created,
        "updated_time": record.get("updated_date") or record.get("updated_time"),
    }
