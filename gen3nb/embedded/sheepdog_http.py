"""What the handlers of the submission service share: answers, errors, who may, and where."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .access import User
from .sheepdog_documents import InternalError, UserError
from .sheepdog_export import Cut, PageError
from .sheepdog_submission import Submitter
from .web import Json, blocking, internal_error

if TYPE_CHECKING:
    from .state import State

Answer = Response | tuple[int, Any] | dict[str, Any]
Handler = Callable[[Request, bytes], Answer]


def endpoint(handler: Handler) -> Any:
    """Make an endpoint of a handler; its errors become answers."""

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


class Handlers:
    """Handlers of one practice commons: what they all know."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.graph = state.graph
        self.schemas = state.schemas
        self.submitter = Submitter(state)

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


def path_of(request: Request) -> str:
    """Return the request's path as the service sees it."""
    return str(request.scope["path"])


def base_of(request: Request) -> str:
    """Return the start of the request's path, in the newer or the older form."""
    return "/v0/submission" if path_of(request).startswith("/v0/") else "/submission"


def attachment(name: str) -> dict[str, str]:
    """Return the header that names a file.

    Raises
    ------
    PageError
        If a header cannot hold the name.
    """
    if not name.isprintable() or not all(ord(letter) < 256 for letter in name):
        raise PageError
    return {"content-disposition": f"attachment; filename={name}"}


def flag(request: Request, name: str) -> bool:
    """Tell whether a parameter is true."""
    value = request.query_params.get(name, "false").lower()
    if value not in ("true", "false"):
        raise UserError("Boolean value not one of [true, false]")
    return value == "true"
