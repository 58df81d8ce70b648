"""sower: runs jobs. It answers in plain text, and an unknown path with an empty page."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import unescape
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

from .access import JOBS, Refused, User
from .jobs import Job
from .sower_actions import ACTIONS, Order
from .state import State
from .web import Handler, Service, proxy_page, route

FORMAT = "presigned_url"
_ANY = "GET|POST|PUT|DELETE"


def service(state: State) -> Service:
    """Give sower behind the proxy, which lets through only who may run jobs."""
    anything = route(_ANY, "/{rest:path}", _allowed(state, _nothing), _refuse)
    return Service([*routes(state), *own_routes(state), anything], proxy_page)


def routes(state: State) -> list[BaseRoute]:
    """Give the routes of sower, with the paths that it has itself."""
    sower = Sower(state)
    table: list[tuple[str, Handler]] = [
        ("/dispatch", sower.dispatch),
        ("/status", sower.status),
        ("/output", sower.output),
        ("/list", sower.listed),
    ]
    return [route(_ANY, path, _allowed(state, handler), _refuse) for path, handler in table]


def own_routes(state: State) -> list[BaseRoute]:
    """Give the routes that say how sower is, which other services have too."""
    table: list[tuple[str, Handler]] = [("/_status", _healthy), ("/_version", _version)]
    return [route(_ANY, path, _allowed(state, handler), _refuse) for path, handler in table]


def _refuse(refused: Refused) -> Response:
    return proxy_page(refused.status)


def _allowed(state: State, handler: Handler) -> Handler:
    """Let only who may run jobs reach a handler: the proxy asks arborist."""

    def inner(request: Request, body: bytes) -> Response:
        user = state.access.user_of(request.headers.get("authorization"))
        if not state.access.allowed(user, JOBS[1], JOBS[0]):
            return proxy_page(403)
        return handler(request, body)

    return inner


def _nothing(request: Request, body: bytes) -> Response:
    return PlainTextResponse("")


def _healthy(request: Request, body: bytes) -> Response:
    return PlainTextResponse("Healthy")


def _version(request: Request, body: bytes) -> Response:
    return _written({"commit": "practice", "version": "practice"})


def _written(content: Any) -> Response:
    """Answer JSON as Go writes it where nobody says what it is."""
    return PlainTextResponse(_json(content))


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _error(status: int, words: str) -> Response:
    return PlainTextResponse(f"{words}\n", status, headers={"X-Content-Type-Options": "nosniff"})


def _facts(job: Job) -> dict[str, str]:
    return {"uid": job.uid, "name": job.name, "status": job.status}


def _with_uid(handler: Callable[[Request, str], Response]) -> Handler:
    """Read the UID of a job."""

    def inner(request: Request, body: bytes) -> Response:
        uid = request.query_params.get("UID")
        return handler(request, uid) if uid else _error(300, "Missing UID argument")

    return inner


class Sower:
    """The handlers."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.jobs = state.jobs
        self.status = _with_uid(self._status)
        self.output = _with_uid(self._output)

    def _caller(self, request: Request) -> User:
        return self.state.access.user_of(request.headers.get("authorization"))

    def _owner(self, request: Request) -> str:
        """Give the label of the caller's jobs."""
        return self._caller(request).username.replace("@", "_")

    def dispatch(self, request: Request, body: bytes) -> Response:
        """Start a job; what is no JSON object names no action."""
        if request.method != "POST":
            return _error(404, "Not Found")
        try:
            content = json.loads(body)
        except ValueError:
            content = None
        content = content if isinstance(content, dict) else {}
        name = content.get("action")
        action = ACTIONS.get(name) if isinstance(name, str) else None
        if not isinstance(name, str) or action is None:
            return _written(None)
        given = content.get("input")
        form = content.get("access_format")
        order = Order(
            self._caller(request),
            given if isinstance(given, dict) else None,
            form if isinstance(form, str) and form else FORMAT,
        )
        run = action
        job = self.jobs.start(name, self._owner(request), lambda job: run(self.state, order, job))
        return _written({**_facts(job), "status": "Unknown"})

    def _status(self, request: Request, uid: str) -> Response:
        """Say how a job of anybody's is."""
        job = self.jobs.find(uid)
        return _written(_facts(job)) if job else _error(500, f"job with jobid {uid} not found")

    def _output(self, request: Request, uid: str) -> Response:
        """Give the last line of a log that is output."""
        job = self.jobs.find(uid, self._owner(request))
        if job is None:
            return _error(500, f"job with jobid {uid} not found")
        if job.started is None:
            return _error(500, "Pod not found")
        lines = unescape("\n".join(job.log)).split("\n")
        found = [line.replace("[out] ", "") for line in lines if "[out] " in line]
        return PlainTextResponse(_json({"output": found[-1] if found else ""}) + "\n")

    def listed(self, request: Request, body: bytes) -> Response:
        """List the caller's jobs."""
        owner = self._owner(request)
        return _written([_facts(job) for job in self.jobs.all() if job.owner == owner])
