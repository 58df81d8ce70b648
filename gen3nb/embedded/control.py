"""Control routes under ``/_control``, for who started the commons: faults, tokens of any age, reset, the end.

Each needs the header ``X-Practice-Secret`` with the secret that came by pipe at the start.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from .access import User
from .faults import UnknownFault
from .state import State

HEADER = "x-practice-secret"
LIFETIMES = ("token_lifetime", "key_lifetime")
OF_JOBS = {"job_delay": "delay", "job_duration": "duration", "job_lifetime": "lifetime"}


def routes(state: State, shut_down: Callable[[], None]) -> list[BaseRoute]:
    """Give the control routes; all are coroutines, so that the event loop alone touches the faults."""
    control = Control(state, shut_down)
    table: dict[str, tuple[str, Callable[[Request, dict[str, Any]], Response]]] = {
        "/faults": ("GET|POST|DELETE", control.faults),
        "/token": ("POST", control.token),
        "/key": ("POST", control.key),
        "/users": ("POST", control.users),
        "/settings": ("GET|POST", control.settings),
        "/workspace": ("POST", control.workspace),
        "/reset": ("POST", control.reset),
        "/shutdown": ("POST", control.shutdown),
    }
    return [
        Route(path, _guarded(state, handler), methods=methods.split("|"))
        for path, (methods, handler) in table.items()
    ]


def _guarded(state: State, handler: Callable[[Request, dict[str, Any]], Response]) -> Any:
    """Let only who knows the secret reach a handler."""

    async def endpoint(request: Request) -> Response:
        shown = request.headers.get(HEADER, "").encode()
        if not hmac.compare_digest(shown, state.settings.secret.encode()):
            return JSONResponse({"message": "Only who started this practice commons may control it."}, 403)
        body = await request.body()
        try:
            facts = json.loads(body) if body else {}
            return handler(request, facts)
        except (UnknownFault, KeyError, TypeError, ValueError) as error:
            return JSONResponse({"message": str(error)}, 400)

    return endpoint


class Control:
    """The handlers."""

    def __init__(self, state: State, shut_down: Callable[[], None]) -> None:
        self.state = state
        self.shut_down = shut_down

    def _user(self, facts: dict[str, Any]) -> User:
        user = self.state.access.named(facts["user"])
        if user is None:
            names = ", ".join(self.state.access.users)
            raise ValueError(f"There is no user {facts['user']!r}. There are: {names}.")
        return user

    def faults(self, request: Request, facts: dict[str, Any]) -> Response:
        """Set, list or take away faults."""
        faults = self.state.faults
        added = faults.add(facts).id if request.method == "POST" else None
        if request.method == "DELETE":
            faults.clear(facts.get("id"))
        faults.note_struck(self.state.storage.set_faults(faults.of_storage()))
        return JSONResponse({"faults": faults.listed()} if added is None else {"id": added})

    def token(self, request: Request, facts: dict[str, Any]) -> Response:
        """Sign an access token of any age."""
        token = self.state.access.access_token(self._user(facts), facts.get("expires_in"))
        return JSONResponse({"access_token": token})

    def key(self, request: Request, facts: dict[str, Any]) -> Response:
        """Make an API key of any age, or one that is deleted already."""
        access, user = self.state.access, self._user(facts)
        key = access.api_key(user, facts.get("expires_in"))
        if facts.get("deleted"):
            access.deny_key(user, key["key_id"])
        return JSONResponse(key)

    def users(self, request: Request, facts: dict[str, Any]) -> Response:
        """Set what users may do."""
        for name, grants in facts.items():
            self.state.policies.forget(self.state.access.grant(name, grants).username)
        return JSONResponse({"users": list(self.state.access.users)})

    def settings(self, request: Request, facts: dict[str, Any]) -> Response:
        """Change lifetimes, the server's clock (``clock_offset``) and the times of jobs, all in seconds."""
        access, jobs = self.state.access, self.state.jobs
        unknown = set(facts) - {*LIFETIMES, "clock_offset", "indexing", *OF_JOBS}
        if unknown:
            raise ValueError(f"There is no setting {', '.join(sorted(unknown))}.")
        for name, attribute in OF_JOBS.items():
            setattr(jobs, attribute, float(facts.get(name, getattr(jobs, attribute))))
        for name in LIFETIMES:
            setattr(access, name, int(facts.get(name, getattr(access, name))))
        access.clock.offset = float(facts.get("clock_offset", access.clock.offset))
        self.state.storage.set_clock(access.clock.offset)
        self.state.indexing = bool(facts.get("indexing", self.state.indexing))
        lifetimes = {name: getattr(access, name) for name in LIFETIMES}
        times = {name: getattr(jobs, attribute) for name, attribute in OF_JOBS.items()}
        return JSONResponse(
            {**lifetimes, "clock_offset": access.clock.offset, "indexing": self.state.indexing, **times}
        )

    def workspace(self, request: Request, facts: dict[str, Any]) -> Response:
        """Say in whose workspace this machine is; nobody's if no user is named."""
        user = self._user(facts) if facts.get("user") is not None else None
        self.state.access.at_work = user.name if user else None
        return JSONResponse({"user": self.state.access.at_work})

    def reset(self, request: Request, facts: dict[str, Any]) -> Response:
        """Empty the commons."""
        self.state.reset()
        return JSONResponse({"message": "empty"})

    def shutdown(self, request: Request, facts: dict[str, Any]) -> Response:
        """End the server, after this answer."""
        self.shut_down()
        return JSONResponse({"message": "ending"})
