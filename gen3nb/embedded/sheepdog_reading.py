"""Handlers that only read: dictionary, templates, export, entities, manifests."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from jsonschema import Draft4Validator
from starlette.requests import Request
from starlette.responses import Response

from .sheepdog_documents import InternalError, UserError, parse_document
from .sheepdog_export import IdExport, LabelExport, PageError, entities, manifest
from .sheepdog_http import Answer, Handlers, Stream, attachment, path_of
from .sheepdog_templates import template, templates
from .web import Json

UUID_PATTERN = "^[a-fA-F0-9]{8}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{12}$"
MANIFEST = {
    "type": "object",
    "properties": {
        "files": {
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "string", "pattern": UUID_PATTERN},
                    "file_name": {"type": "string"},
                    "local_file_path": {"type": "string"},
                    "file_size": {"type": "integer"},
                    "md5sum": {"type": "string", "pattern": "^[a-f0-9]{32}$"},
                    "type": {"type": "string"},
                    "project_id": {"type": "string"},
                },
                "anyOf": [
                    {"required": ["id", "file_name", "project_id"]},
                    {"required": ["id", "local_file_path", "project_id"]},
                ],
            }
        }
    },
}


class Reading(Handlers):
    """Handlers that only read."""

    # -- dictionary and templates --------------------------------------------------------------------------

    def dictionary(self, request: Request, body: bytes) -> Answer:
        """List the dictionary's entries."""
        if "project" in request.path_params:
            self._project(request)
            self._token(request)
        base = path_of(request).rstrip("/")
        return {"links": [f"{base}/{name}" for name in [*self.schemas.nodes, "_all"]]}

    def dictionary_entry(self, request: Request, body: bytes) -> Answer:
        """Show one entry of the dictionary, or all."""
        if "program" in request.path_params:
            self._program(request)
            self._token(request)
        entry = request.path_params["entry"]
        everything = self.schemas.all
        if entry == "_all":
            return Json(_sorted(everything))
        if entry not in everything:
            raise UserError(f"Entry {entry} not in dictionary", 404)
        return Json(_sorted(everything[entry]))

    def template(self, request: Request, body: bytes) -> Answer:
        """Give an empty table of a type."""
        if "project" in request.path_params:
            self._project(request)
        node, kind = request.path_params["node"], escape(request.query_params.get("format", "tsv"))
        content = template(self.schemas, node, kind)
        headers = attachment(f"submission_{node}_template.{kind}")
        return Response(content, headers={**headers, "content-type": "application/octet-stream"})

    def templates(self, request: Request, body: bytes) -> Answer:
        """Give empty tables of all types."""
        if "project" in request.path_params:
            self._project(request)
        query = request.query_params
        kind = escape(query.get("format", "tsv"))
        content = templates(self.schemas, kind, query.get("categories", ""), query.get("exclude", ""))
        name = f"submission_templates.{'json' if kind == 'json' else 'tar.gz'}"
        return Response(content, headers=attachment(name), media_type="text/html")

    def validate_manifest(self, request: Request, body: bytes) -> Answer:
        """Check a manifest of files."""
        document = parse_document(body)
        errors = [error.message for error in Draft4Validator(MANIFEST).iter_errors(document)]
        return {"valid": False, "errors": errors} if errors else {"valid": True}

    # -- reading -------------------------------------------------------------------------------------------

    def entities(self, request: Request, body: bytes) -> Answer:
        """Show records by id, of whatever project they are."""
        self._program(request)
        self._user(request, "read")
        ids = request.path_params["ids"].split(",")
        return {"entities": entities(self.graph, self.schemas, ids)}

    def export(self, request: Request, body: bytes) -> Answer:
        """Give records as a file: all of a type, or some by id."""
        self._user(request, "read")
        options = dict(request.query_params) if request.method == "GET" else parse_document(body)
        if not isinstance(options, dict):
            raise InternalError
        kind = options.get("format") or options.get("file_format") or "tsv"
        project_id = f"{request.path_params['program']}-{request.path_params['project']}"
        without_id = str(options.get("without_id") or "").lower() not in ("", "false")
        mime = "application/json" if kind == "json" else "application/octet-stream"
        if options.get("ids"):
            children = str(options.get("with_children") or "").lower() not in ("", "false")
            some = IdExport(
                self.graph,
                self.schemas,
                project_id,
                options["ids"],
                kind=kind,
                without_id=without_id,
                with_children=children,
                category=options.get("category"),
            )
            headers = {**attachment(some.filename), "content-type": mime}
            return Response(some.text(), headers=headers)
        node = options.get("node_label")
        if not node:
            raise UserError("expected either `ids` or `node_label` parameter")
        if node not in self.schemas.nodes:
            raise UserError(f"dictionary does not have node with type {node}")
        if self.schemas.nodes[node].get("category") == "internal":
            raise UserError("cannot export node with category `internal`")
        if "project_id" not in self.schemas.stored(node):
            raise PageError
        stream = LabelExport(self.graph, self.schemas, node, project_id, kind, without_id=without_id)
        return Stream(stream.chunks(), {**attachment(f"{node}.{kind}"), "content-type": mime})

    def manifest(self, request: Request, body: bytes) -> Answer:
        """Give a manifest of files."""
        self._user(request, "read")
        ids = request.query_params.get("ids", "").strip()
        if not ids:
            raise UserError("No ids specified. Use query parameter 'ids', e.g. 'ids=id1,id2'.")
        project_id = f"{request.path_params['program']}-{request.path_params['project']}"
        content = manifest(self.graph, self.schemas, project_id, ids.split(","))
        headers = attachment("submission_manifest.yaml")
        return Response(content, headers=headers, media_type="text/html")

    def file(self, request: Request, body: bytes) -> Answer:
        """Refuse to take files, whose records the service looks for in a place that is no more."""
        project = self._project(request)
        self._user(request, "create", "update", "delete", "read")
        id_, project_id = request.path_params["id"], f"{project['program']}-{project['code']}"
        query = "SELECT 1 FROM node WHERE id = ? AND project_id = ?"
        if request.method == "GET" and not request.query_params.get("uploadId"):
            raise UserError("Method GET not allowed on file", 405)
        if not self.graph.query(query, (id_, project_id)):
            raise UserError(f"File {id_} doesn't exist in {project_id}")
        return 500, {"message": f"Internal server error: File record for {id_} doesn't exist"}


def _sorted(value: Any) -> Any:
    """Sort keys at every level, as the service's JSON has them."""
    return json.loads(json.dumps(value, sort_keys=True, default=str))
