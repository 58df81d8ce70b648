"""The submission service (sheepdog 5.2.4): programs, projects, dictionary, templates, submission, export, deletion.

Paths are the service's own; the newer form ``/v0/submission/…`` and the older ``/submission/…`` are the same.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from html import escape
from typing import TYPE_CHECKING, Any

from jsonschema import Draft4Validator
from starlette.concurrency import iterate_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from . import sheepdog_projects as projects
from .access import User
from .sheepdog_delete import Deletion, delete
from .sheepdog_documents import (
    InternalError,
    UserError,
    decoded,
    format_of,
    parse_document,
    parse_table,
)
from .sheepdog_export import Cut, IdExport, LabelExport, PageError, entities, manifest
from .sheepdog_records import index_keys
from .sheepdog_submission import Submission, Submitter
from .sheepdog_templates import template, templates
from .web import Json, blocking, internal_error

if TYPE_CHECKING:
    from .state import State

Answer = Response | tuple[int, Any] | dict[str, Any]
Handler = Callable[[Request, bytes], Answer]

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
BULK = (
    "Bulk transfers must be an array of JSON objects of format: {\n"
    '    "name": string,\n    "doc_format": string,\n    "doc": string,\n}'
)


class ProgramName(Convertor[str]):
    """A program in a path; the query service has routes of its own beside those of programs."""

    regex = "(?!(?:graphql|getschema)(?:/|$))[^/]+"

    def convert(self, value: str) -> str:
        """Take the name as it stands."""
        return value

    def to_string(self, value: str) -> str:
        """Give the name as it stands."""
        return value


register_url_convertor("program", ProgramName())


def routes(state: State) -> list[BaseRoute]:
    """Return the service's routes."""
    service = Sheepdog(state)
    with state.graph.write() as db:
        index_keys(db, state.schemas)
    found: list[BaseRoute] = []
    for prefix in ("/v0/submission", "/submission"):
        for path, methods in service.table().items():
            for names, handler in methods.items():
                found.append(Route(prefix + path, _endpoint(handler), methods=names.split("|")))
    return found


def _endpoint(handler: Handler) -> Any:
    def call(request: Request, body: bytes) -> Response:
        try:
            answer = handler(request, body)
        except UserError as error:
            return Json({"message": error.message}, error.status)
        except InternalError:
            return Json({"message": "internal server error"}, 500)
        except PageError:
            return internal_error()
        if isinstance(answer, Response):
            return answer
        status, content = answer if isinstance(answer, tuple) else (200, answer)
        return Json(content, status)

    return blocking(call)


class Stream(Response):
    """An answer in pieces, which a :class:`Cut` ends without an end, as if the connection had been lost."""

    def __init__(self, pieces: Iterator[str], headers: dict[str, str]) -> None:
        super().__init__(headers=headers)
        del self.headers["content-length"]
        self.pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            async for piece in self._bytes():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except Cut:
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _bytes(self) -> AsyncIterator[bytes]:
        async for piece in iterate_in_threadpool(self.pieces):
            yield piece.encode()


class Sheepdog:
    """The handlers of one practice commons."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.graph = state.graph
        self.schemas = state.schemas
        self.submitter = Submitter(state)

    def table(self) -> dict[str, dict[str, Handler]]:
        """Return the handlers by path and method."""
        project = "/{program:program}/{project}"
        return {
            "/": {"GET": self.list_programs, "PUT|POST|PATCH": self.create_program},
            "/_dictionary": {"GET": self.dictionary},
            "/_dictionary/{entry}": {"GET": self.dictionary_entry},
            "/template": {"GET": self.templates},
            "/template/{node}": {"GET": self.template},
            "/validation/upload_manifest": {"POST": self.validate_manifest},
            "/{program:program}": {
                "GET": self.list_projects,
                "PUT|POST|PATCH": self.create_project,
                "DELETE": self.delete_program,
            },
            project: {"PUT|POST": self.submit, "DELETE": self.delete_project},
            f"{project}/_dry_run": {"PUT|POST": self.submit},
            f"{project}/bulk": {"PUT|POST": self.bulk},
            f"{project}/bulk/_dry_run": {"PUT|POST": self.bulk},
            f"{project}/_dictionary": {"GET": self.dictionary},
            f"{project}/_dictionary/{{entry}}": {"GET": self.dictionary_entry},
            f"{project}/template": {"GET": self.templates},
            f"{project}/template/{{node}}": {"GET": self.template},
            f"{project}/entities/{{ids}}": {"GET": self.entities, "DELETE": self.delete},
            f"{project}/entities/_dry_run/{{ids}}": {"DELETE": self.delete},
            f"/admin{project}/entities/{{ids}}/to_delete/{{value}}": {"DELETE": self.mark},
            f"{project}/export": {"GET|POST": self.export},
            f"{project}/manifest": {"GET": self.manifest},
            f"{project}/upload_manifest": {"GET": self.manifest},
            f"{project}/files/{{id}}": {"GET|PUT|POST|DELETE": self.file},
            f"{project}/files/{{id}}/_dry_run": {"GET|PUT|POST|DELETE": self.file},
            **{
                f"{project}/{action}{dry}": {"PUT|POST": self.transition}
                for action in ("review", "open", "submit", "release")
                for dry in ("", "/_dry_run")
            },
            f"{project}/transactions/{{number:int}}/close": {"PUT|POST": self.close},
            f"{project}/transactions/{{number:int}}/commit": {"PUT|POST": self.commit},
        }

    # -- who may, and where --------------------------------------------------------------------------------

    def _user(self, request: Request, *methods: str) -> User:
        """Let through who may do all of that in the project of the path."""
        place = f"/programs/{request.path_params['program']}/projects/{request.path_params['project']}"
        header = request.headers.get("authorization")
        for method in methods[:-1]:
            self.state.access.authorize(header, method, place)
        return self.state.access.authorize(header, methods[-1], place)

    def _admin(self, request: Request, kind: str) -> User:
        return self.state.access.authorize_admin(request.headers.get("authorization"), kind)

    def _token(self, request: Request) -> User:
        return self.state.access.user_of(request.headers.get("authorization"))

    def _program(self, request: Request) -> dict[str, Any]:
        name = request.path_params["program"]
        program = self.graph.program(name)
        if program is None:
            raise UserError(f"program {name} not found", 404)
        return program

    def _project(self, request: Request) -> dict[str, Any]:
        program, code = request.path_params["program"], request.path_params["project"]
        if self.graph.program(program) is None:
            raise UserError(f"Program {program} not found", 404)
        project = self.graph.project(program, code)
        if project is None:
            raise UserError(f"Project {code} not found", 404)
        return project

    # -- programs and projects -----------------------------------------------------------------------------

    def list_programs(self, request: Request, body: bytes) -> Answer:
        """List the programs; any valid token will do."""
        self._token(request)
        base = _base(request)
        return {"links": [f"{base}/{program['name']}" for program in self.graph.programs()]}

    def create_program(self, request: Request, body: bytes) -> Answer:
        """Register a program."""
        self._admin(request, "program")
        kind = format_of(request.headers.get("content-type", ""))
        document = projects.single_document(body, kind, self.schemas, "program")
        return projects.create_program(self.state, document)

    def delete_program(self, request: Request, body: bytes) -> Answer:
        """Take an empty program away."""
        self._program(request)
        self._admin(request, "program")
        projects.delete_program(self.graph, request.path_params["program"])
        return Response(status_code=204, media_type="application/json")

    def list_projects(self, request: Request, body: bytes) -> Answer:
        """List the projects of a program; any valid token will do."""
        program = self._program(request)
        self._token(request)
        base = f"{_base(request)}/{program['name']}"
        return {"links": [f"{base}/{project['code']}" for project in self.graph.projects(program["name"])]}

    def create_project(self, request: Request, body: bytes) -> Answer:
        """Register a project."""
        user = self._admin(request, "project")
        program = self._program(request)
        kind = format_of(request.headers.get("content-type", ""))
        document = projects.single_document(body, kind, self.schemas, "project")
        return projects.create_project(self.state, program, document, _path(request), user.username)

    def delete_project(self, request: Request, body: bytes) -> Answer:
        """Take an empty project away."""
        project = self._project(request)
        user = self._admin(request, "project")
        projects.delete_project(self.graph, project, user.username)
        return Response(status_code=204, media_type="application/json")

    # -- dictionary and templates --------------------------------------------------------------------------

    def dictionary(self, request: Request, body: bytes) -> Answer:
        """List the dictionary's entries."""
        if "project" in request.path_params:
            self._project(request)
            self._token(request)
        base = _path(request).rstrip("/")
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
        headers = _attachment(f"submission_{node}_template.{kind}")
        return Response(content, headers={**headers, "content-type": "application/octet-stream"})

    def templates(self, request: Request, body: bytes) -> Answer:
        """Give empty tables of all types."""
        if "project" in request.path_params:
            self._project(request)
        query = request.query_params
        kind = escape(query.get("format", "tsv"))
        content = templates(self.schemas, kind, query.get("categories", ""), query.get("exclude", ""))
        name = f"submission_templates.{'json' if kind == 'json' else 'tar.gz'}"
        return Response(content, headers=_attachment(name), media_type="text/html")

    def validate_manifest(self, request: Request, body: bytes) -> Answer:
        """Check a manifest of files."""
        document = parse_document(body)
        errors = [error.message for error in Draft4Validator(MANIFEST).iter_errors(document)]
        return {"valid": False, "errors": errors} if errors else {"valid": True}

    # -- submission ----------------------------------------------------------------------------------------

    def submit(self, request: Request, body: bytes) -> Answer:
        """Create or update records."""
        project = self._project(request)
        role = "create" if request.method == "POST" else "update"
        user = self._user(request, "create") if role == "create" else self._user(request, "create", "update")
        kind = format_of(request.headers.get("content-type", ""))
        text = decoded(body)
        documents = parse_document(body) if kind == "json" else parse_table(text, kind, self.schemas)
        asynchronous = _flag(request, "async")
        projects.require_state(project, ("open",), _path(request))
        if asynchronous:
            self._leave_pending(project, role, user.username)
            raise InternalError
        job = Submission(
            project,
            role,
            user.username,
            [documents] if isinstance(documents, dict) else documents,
            text,
            kind,
            request.headers.get("x-document-name"),
            _path(request).rstrip("/").endswith("/_dry_run"),
        )
        return self._run(job)

    def _run(self, job: Submission) -> tuple[int, Any]:
        try:
            return self.submitter.submit(job)
        except InternalError:
            raise

    def _leave_pending(self, project: dict[str, Any], role: str, username: str) -> None:
        from .sheepdog_log import Log

        with self.graph.write() as db:
            Log(db, project["program"], project["code"], role, username, dry_run=False)

    def bulk(self, request: Request, body: bytes) -> Answer:
        """Fail, as bulk submission does in this version."""
        project = self._project(request)
        role = "create" if request.method == "POST" else "update"
        user = self._user(request, "create") if role == "create" else self._user(request, "create", "update")
        wrappers = parse_document(body)
        if not isinstance(wrappers, list) or not all(isinstance(wrapper, dict) for wrapper in wrappers):
            raise UserError(BULK)
        projects.require_state(project, ("open",), _path(request))
        self._leave_pending(project, role, user.username)
        raise InternalError

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
            headers = {**_attachment(some.filename), "content-type": mime}
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
        return Stream(stream.chunks(), {**_attachment(f"{node}.{kind}"), "content-type": mime})

    def manifest(self, request: Request, body: bytes) -> Answer:
        """Give a manifest of files."""
        self._user(request, "read")
        ids = request.query_params.get("ids", "").strip()
        if not ids:
            raise UserError("No ids specified. Use query parameter 'ids', e.g. 'ids=id1,id2'.")
        project_id = f"{request.path_params['program']}-{request.path_params['project']}"
        content = manifest(self.graph, self.schemas, project_id, ids.split(","))
        headers = _attachment("submission_manifest.yaml")
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

    # -- deleting ------------------------------------------------------------------------------------------

    def delete(self, request: Request, body: bytes) -> Answer:
        """Delete records."""
        project = self._project(request)
        user = self._user(request, "delete")
        projects.require_state(project, ("open",), _path(request))
        fields = request.query_params.get("fields")
        job = Deletion(
            project,
            user.username,
            request.path_params["ids"].split(","),
            dry_run="/entities/_dry_run/" in _path(request),
            fields=fields.split(",") if fields else [],
        )
        return delete(self.state, job)

    def mark(self, request: Request, body: bytes) -> Answer:
        """Mark records as to be deleted."""
        project = self._project(request)
        user = self._admin(request, "project")
        if request.path_params["value"].lower() not in ("true", "false"):
            raise UserError("to_delete value not true or false")
        projects.require_state(project, ("open",), _path(request))
        ids = request.path_params["ids"].split(",")
        return delete(self.state, Deletion(project, user.username, ids, marking=True))

    # -- states and transactions ---------------------------------------------------------------------------

    def transition(self, request: Request, body: bytes) -> Answer:
        """Move the project to another state."""
        project = self._project(request)
        user = self._user(request, "release")
        path = _path(request)
        steps = path.rstrip("/").split("/")
        dry_run = steps[-1] == "_dry_run"
        action = steps[-2] if dry_run else steps[-1]
        return projects.transition(self.state, project, action, path, user.username, dry_run=dry_run)

    def close(self, request: Request, body: bytes) -> Answer:
        """Keep a dry run from being committed."""
        project = self._project(request)
        self._user(request, "update")
        return projects.close(self.graph, project, request.path_params["number"])

    def commit(self, request: Request, body: bytes) -> Answer:
        """Carry out a dry run for good."""
        project = self._project(request)
        user = self._user(request, "create", "update", "delete", "release")
        entry = projects.committable(self.graph, project, request.path_params["number"])
        path = _path(request)
        role, documents = entry["role"], entry["documents"]
        if role in ("create", "update"):
            projects.require_state(project, ("open",), path)
            status, answer = self._run(
                Submission(project, role, user.username, documents, json.dumps(documents))
            )
        elif role == "delete":
            projects.require_state(project, ("open",), path)
            ids = projects.deleted_in(self.graph, entry["id"])
            status, answer = delete(self.state, Deletion(project, user.username, ids))
        else:
            status, answer = projects.transition(
                self.state, project, role, path, user.username, dry_run=False
            )
        projects.committed(self.graph, entry["id"], answer["transaction_id"])
        return status, answer


def _path(request: Request) -> str:
    """The request's path as the service sees it."""
    return str(request.scope["path"])


def _base(request: Request) -> str:
    return "/v0/submission" if _path(request).startswith("/v0/") else "/submission"


def _attachment(name: str) -> dict[str, str]:
    return {"content-disposition": f"attachment; filename={name}"}


def _flag(request: Request, name: str) -> bool:
    value = request.query_params.get(name, "false").lower()
    if value not in ("true", "false"):
        raise UserError("Boolean value not one of [true, false]")
    return value == "true"


def _sorted(value: Any) -> Any:
    """Sort keys at every level, as the service's JSON has them."""
    return json.loads(json.dumps(value, sort_keys=True, default=str))
