"""indexd: what is known of files, by did."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

from .state import State
from .web import Json, route


def routes(state: State) -> list[BaseRoute]:
    """Give the routes of indexd, with the paths that it has itself."""

    def status(request: Request, body: bytes) -> Response:
        return PlainTextResponse("Healthy", media_type="text/html")

    def get(request: Request, body: bytes) -> Response:
        record = state.index.get(request.path_params["did"])
        return Json({"error": "no record found"}, 404) if record is None else Json(record)

    return [
        route("GET", "/_status", status),
        route("GET", "/index/{did:path}", get),
        route("GET", "/{did:path}", get),
    ]
