"""Peregrine, the query service: GraphQL over the graph, its schema, and counts by project."""

from __future__ import annotations

import json
import threading
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from .peregrine_execution import Execution
from .peregrine_introspection import SCHEMA_QUERY, Schema
from .peregrine_model import Model
from .peregrine_parser import parse
from .peregrine_resolvers import Context, GraphResolvers
from .peregrine_schema import Builder
from .peregrine_syntax import GraphQLFault
from .peregrine_validation import validate
from .state import State
from .web import Json, route

#: Further properties of a project that the list of projects has, where the dictionary knows them.
_ABOUT_PROJECTS = ("description", "image_url")


class Peregrine:
    """The service of one practice commons.

    Parameters
    ----------
    state
        What the services share.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self._lock = threading.Lock()
        self._built: tuple[Model, Schema] | None = None
        self._published: bytes | None = None

    def built(self) -> tuple[Model, Schema]:
        """Give the schema, which the first query builds."""
        with self._lock:
            if self._built is None:
                model = Model(self.state.schemas)
                self._built = model, Builder(model, GraphResolvers(model)).schema()
            return self._built

    def readable(self, authorization: str | None) -> list[str]:
        """Ids of the projects whose records a user may see: those granted, and the open ones.

        Raises
        ------
        Refused
            Without a good token.
        """
        access = self.state.access
        user = access.user_of(authorization)
        found = []
        for project in self.state.graph.projects():
            resource = f"/programs/{project['program']}/projects/{project['code']}"
            if project.get("availability_type") == "Open" or access.allowed(user, "read", resource):
                found.append(f"{project['program']}-{project['code']}")
        return found

    def execute(
        self, text: Any, variables: Any, projects: list[str], *, by_name: bool = True
    ) -> tuple[dict[str, Any] | None, list[str]]:
        """Run a query: its data, and messages of what went wrong."""
        model, schema = self.built()
        if not isinstance(text, str):
            return None, ["The query must be a string"]
        try:
            document = parse(text)
            if faults := validate(schema, document):
                return None, faults
            context = Context(self.state.graph, schema, model, projects)
            execution = Execution(schema, document, variables, context, by_name=by_name)
            return execution.run(), execution.errors
        except (GraphQLFault, RecursionError) as fault:
            return None, [str(fault)]

    # -- routes ----------------------------------------------------------------------------------------------

    def graphql(self, request: Request, body: bytes) -> Response:
        """Answer a query."""
        projects = self.readable(request.headers.get("authorization"))
        try:
            payload = _payload(body)
        except ValueError as error:
            return Json({"message": str(error)}, status_code=400)
        if not isinstance(payload, dict):
            return Json({"message": "internal server error"}, status_code=500)
        variables = payload.get("variables")
        if not isinstance(variables, dict):
            try:
                variables = json.loads(variables) if variables else {}
            except (ValueError, TypeError) as error:
                return Json(
                    {"data": None, "errors": ["Unable to parse variables", str(error)]}, status_code=400
                )
        return _answer(*self.execute(payload.get("query"), variables, projects))

    def getschema(self, _request: Request, _body: bytes) -> Response:
        """Publish the schema, to everyone."""
        if self._published is None:
            data, _errors = self.execute(SCHEMA_QUERY, {}, [], by_name=False)
            self._published = json.dumps({"data": data}).encode()
        headers = {"content-disposition": "inline; filename=schema.json"}
        return Response(self._published, media_type="application/json", headers=headers)

    def datasets(self, request: Request, _body: bytes) -> Response:
        """Count records by project and type."""
        nodes = request.query_params.get("nodes", "")
        if not nodes:
            return Json({"message": "Need to provide target nodes in query param"}, status_code=400)
        projects = self.readable(request.headers.get("authorization"))
        if not projects:
            return Json({})
        counts = " ".join(
            f'i{number}_{node}: _{node}_count(project_id: "{project}")'
            for number, project in enumerate(projects)
            for node in nodes.split(",")
        )
        data, errors = self.execute(f"{{{counts} }}", {}, projects)
        if errors or data is None:
            return _answer(data, errors)
        found: dict[str, dict[str, int]] = {project: {} for project in sorted(projects)}
        for name, value in data.items():
            number, _, node = name[1:].partition("_")
            found[projects[int(number)]][node] = value
        return Json(found)

    def projects(self, request: Request, _body: bytes) -> Response:
        """List the projects."""
        projects = self.readable(request.headers.get("authorization"))
        if not projects:
            return Json({"projects": []})
        known = self.state.schemas.nodes.get("project", {}).get("properties") or {}
        fields = ["name", "code", "dbgap_accession_number", *(one for one in _ABOUT_PROJECTS if one in known)]
        data, errors = self.execute(f"{{project (first: 0) {{ {' '.join(fields)} }}}}", {}, projects)
        if errors or data is None:
            return _answer(data, errors)
        return Json({"projects": data["project"]})


def _payload(body: bytes) -> Any:
    """Read a request's JSON.

    Raises
    ------
    ValueError
        With the service's words.
    """
    try:
        payload = json.loads(body, object_pairs_hook=_object)
    except ValueError as error:
        raise ValueError(f"Unable to parse json: {error}") from None
    if not isinstance(payload, dict | list):
        raise ValueError(f"JSON parsed from request is an invalid type: {type(payload).__name__}")
    return payload


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        double = dict.fromkeys(name for name in names if names.count(name) > 1)
        raise ValueError(f"The document contains duplicate keys: {','.join(double)}")
    return found


def _answer(data: dict[str, Any] | None, errors: list[str]) -> Response:
    if errors:
        return Json({"data": data, "errors": errors}, status_code=400)
    return Json({"data": data})


def routes(state: State) -> list[BaseRoute]:
    """Give the service's routes."""
    service = Peregrine(state)
    return [
        route("POST", "/v0/submission/graphql", service.graphql),
        route("GET", "/v0/submission/getschema", service.getschema),
        route("GET", "/v0/datasets", service.datasets),
        route("GET", "/v0/datasets/projects", service.projects),
    ]
