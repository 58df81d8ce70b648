"""Handlers that change something: programs, projects, submission, deletion, states, transactions."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from . import sheepdog_projects as projects
from .sheepdog_delete import Deletion, delete
from .sheepdog_documents import InternalError, UserError, decoded, format_of, parse_document, parse_table
from .sheepdog_http import Answer, Handlers, base_of, flag, path_of
from .sheepdog_log import Log
from .sheepdog_submission import Submission

BULK = (
    "Bulk transfers must be an array of JSON objects of format: {\n"
    '    "name": string,\n    "doc_format": string,\n    "doc": string,\n}'
)


class Writing(Handlers):
    """Handlers that change something."""

    # -- programs and projects -----------------------------------------------------------------------------

    def list_programs(self, request: Request, body: bytes) -> Answer:
        """List the programs; any valid token will do."""
        self._token(request)
        base = base_of(request)
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
        base = f"{base_of(request)}/{program['name']}"
        return {"links": [f"{base}/{project['code']}" for project in self.graph.projects(program["name"])]}

    def create_project(self, request: Request, body: bytes) -> Answer:
        """Register a project."""
        user = self._admin(request, "project")
        program = self._program(request)
        kind = format_of(request.headers.get("content-type", ""))
        document = projects.single_document(body, kind, self.schemas, "project")
        return projects.create_project(self.state, program, document, path_of(request), user.username)

    def delete_project(self, request: Request, body: bytes) -> Answer:
        """Take an empty project away."""
        project = self._project(request)
        user = self._admin(request, "project")
        projects.delete_project(self.graph, project, user.username)
        return Response(status_code=204, media_type="application/json")

    # -- submission ----------------------------------------------------------------------------------------

    def submit(self, request: Request, body: bytes) -> Answer:
        """Create or update records."""
        project = self._project(request)
        role = "create" if request.method == "POST" else "update"
        user = self._user(request, "create") if role == "create" else self._user(request, "create", "update")
        kind = format_of(request.headers.get("content-type", ""))
        text = decoded(body)
        documents = parse_document(body) if kind == "json" else parse_table(text, kind, self.schemas)
        asynchronous = flag(request, "async")
        projects.require_state(project, ("open",), path_of(request))
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
            path_of(request).rstrip("/").endswith("/_dry_run"),
        )
        return self.submitter.submit(job)

    def _leave_pending(self, project: dict[str, Any], role: str, username: str) -> None:
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
        projects.require_state(project, ("open",), path_of(request))
        self._leave_pending(project, role, user.username)
        raise InternalError

    # -- deleting ------------------------------------------------------------------------------------------

    def delete(self, request: Request, body: bytes) -> Answer:
        """Delete records."""
        project = self._project(request)
        user = self._user(request, "delete")
        projects.require_state(project, ("open",), path_of(request))
        fields = request.query_params.get("fields")
        job = Deletion(
            project,
            user.username,
            request.path_params["ids"].split(","),
            dry_run="/entities/_dry_run/" in path_of(request),
            fields=fields.split(",") if fields else [],
        )
        return delete(self.state, job)

    def mark(self, request: Request, body: bytes) -> Answer:
        """Mark records as to be deleted."""
        project = self._project(request)
        user = self._admin(request, "project")
        if request.path_params["value"].lower() not in ("true", "false"):
            raise UserError("to_delete value not true or false")
        projects.require_state(project, ("open",), path_of(request))
        ids = request.path_params["ids"].split(",")
        return delete(self.state, Deletion(project, user.username, ids, marking=True))

    # -- states and transactions ---------------------------------------------------------------------------

    def transition(self, request: Request, body: bytes) -> Answer:
        """Move the project to another state."""
        project = self._project(request)
        user = self._user(request, "release")
        path = path_of(request)
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
        path = path_of(request)
        role, documents = entry["role"], entry["documents"]
        if role in ("create", "update"):
            projects.require_state(project, ("open",), path)
            status, answer = self.submitter.submit(
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
