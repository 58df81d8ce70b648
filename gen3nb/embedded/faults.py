"""Faults on demand: what goes wrong between a client and a commons, so that a client can be tried.

A fault is a JSON object: ``kind``, and optionally ``path`` (a shell pattern for the path, ``*`` is all),
``method``, ``times`` (how often it strikes; for ever by default), ``after`` (how many requests it lets
through first) and what its kind needs:

================  =====================================================================================
kind              what happens
================  =====================================================================================
latency           the request waits ``seconds`` (1) before the service gets it
cost-per-row      the request waits ``seconds`` (0.005) for each row that it carries
401-html          401 with an HTML page, as fence and the proxies before it answer
404               the proxy's page: the commons has no such route (an older service)
429, 503          with ``Retry-After: <retry_after>`` (1); nothing is done
500               the HTML page of an error in the service; nothing is done
502, 504          an HTML page of the proxy; nothing is done
lost-with-200     a submission is answered as if it had gone well (200, or 201), and nothing is stored,
                  as where the database refuses a whole request at commit; others are let through
504-after-commit  the service does its work, the client gets a 504
drop-before       the connection is cut before the service gets the request
drop-after        the service does its work, the connection is cut
html              200 with an HTML page in place of the answer; nothing is done
html-after        the service does its work, 200 with an HTML page in place of the answer
html-in-middle    the first half of the answer, then an HTML page
half-json         the first half of the answer, as if it were whole
truncated         the first half of the answer, then the connection is cut
================  =====================================================================================

Those whose kind begins with ``storage-`` strike at the object store: see :mod:`.storage_faults`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import quote

from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .fault import Fault
from .storage_faults import KINDS as OF_STORAGE
from .web import PROXY_PAGE, internal_error

LOGIN_PAGE = (
    "<!DOCTYPE html>\n<html>\n<head><title>{0}</title></head>\n"
    "<body><h1>{0}</h1>\n<p>{1}</p>\n</body></html>\n"
)
NAMES = {
    "404": "404 Not Found",
    "429": "429 Too Many Requests",
    "502": "502 Bad Gateway",
    "503": "503 Service Temporarily Unavailable",
    "504": "504 Gateway Time-out",
}
WAITING = ("latency", "cost-per-row")
AFTER = ("504-after-commit", "drop-after", "html-after", "html-in-middle", "half-json", "truncated")
BEFORE = ("401-html", "404", "429", "500", "502", "503", "504", "drop-before", "html")
LOST = "lost-with-200"
KINDS = (*WAITING, *BEFORE, LOST, *AFTER, *OF_STORAGE)
_SUBMISSION = re.compile(r"/(?:api/)?(?:v0/)?submission/[^/_][^/]*/[^/_][^/]*/?")


class UnknownFault(ValueError):
    """There is no such fault, or it lacks something."""


@dataclass
class Faults:
    """The faults that are set; only the event loop touches them."""

    active: list[Fault] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def add(self, facts: Mapping[str, Any]) -> Fault:
        """Set a fault.

        Raises
        ------
        UnknownFault
            For a kind or a fact that does not exist.
        """
        kind = str(facts.get("kind"))
        if kind not in KINDS:
            raise UnknownFault(f"There is no fault {kind!r}. There are: {', '.join(KINDS)}.")
        unknown = set(facts) - {"kind", "path", "method", "times", "after", "seconds", "retry_after"}
        if unknown:
            raise UnknownFault(f"A fault has no {', '.join(sorted(unknown))}.")
        fault = Fault(**{**facts, "id": next(self._numbers)})
        self.active.append(fault)
        return fault

    def clear(self, number: int | None = None) -> None:
        """Take one fault, or all, away."""
        self.active = [] if number is None else [one for one in self.active if one.id != number]

    def striking(self, method: str, path: str) -> list[Fault]:
        """Give the faults that strike a request."""
        if not self.active or path.startswith("/_control/"):
            return []
        ours = [fault for fault in self.active if fault.kind not in OF_STORAGE]
        return [fault for fault in ours if fault.takes(method, path)]

    def of_storage(self) -> list[dict[str, Any]]:
        """Give the faults that strike at the object store, as JSON."""
        return [asdict(fault) for fault in self.active if fault.kind in OF_STORAGE]

    def note_struck(self, struck: Mapping[str, int]) -> None:
        """Note how often faults struck at the object store, by their ids."""
        for fault in self.active:
            fault.struck = struck.get(str(fault.id), fault.struck)

    def listed(self) -> list[dict[str, Any]]:
        """Give the faults as JSON."""
        return [asdict(fault) for fault in self.active]


class FaultMiddleware:
    """Lets the faults strike, outside of everything but the checks on who asks."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self.app = app
        self.faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, well or badly."""
        striking = self.faults.striking(scope["method"], scope["path"]) if scope["type"] == "http" else []
        for fault in striking:
            if fault.kind == "latency":
                await asyncio.sleep(1.0 if fault.seconds is None else fault.seconds)
            elif fault.kind == "cost-per-row":
                body, receive = await _body(receive)
                await asyncio.sleep(_rows(body) * (0.005 if fault.seconds is None else fault.seconds))
        for fault in striking:
            if fault.kind in BEFORE:
                await _body(receive)
                await _instead(fault, scope, receive, send)
                return
        for fault in striking:
            if fault.kind == LOST and _is_submission(scope):
                await _lost(self.app, scope, receive, send)
                return
        for fault in striking:
            if fault.kind in AFTER:
                await _afterwards(fault, self.app, scope, receive, send)
                return
        await self.app(scope, receive, send)


async def _body(receive: Receive) -> tuple[bytes, Receive]:
    """Read the whole body; give it, and a ``receive`` that gives it again."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), bool(message.get("more_body", False))
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return body, again


def _rows(body: bytes) -> int:
    """Count the rows of a submission in JSON, TSV or CSV."""
    try:
        document = json.loads(body)
    except ValueError:
        return max(0, body.strip().count(b"\n"))
    return len(document) if isinstance(document, list) else 1


def _drop(scope: Scope) -> None:
    """Cut the connection, with a reset."""
    scope["gen3nb.transport"]().abort()


async def _instead(fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer without asking the service."""
    if fault.kind == "drop-before":
        _drop(scope)
        return
    response: Response
    if fault.kind == "401-html":
        response = HTMLResponse(LOGIN_PAGE.format("401", "Please login"), 401)
    elif fault.kind == "html":
        response = HTMLResponse(LOGIN_PAGE.format("Data commons", "Please accept the terms of use."))
    elif fault.kind == "500":
        response = internal_error()
    else:
        response = HTMLResponse(PROXY_PAGE.format(NAMES[fault.kind]), int(fault.kind))
        if fault.kind in ("429", "503") and fault.retry_after is not None:
            response.headers["Retry-After"] = str(fault.retry_after)
    await response(scope, receive, send)


def _is_submission(scope: Scope) -> bool:
    return scope["method"] in ("PUT", "POST") and _SUBMISSION.fullmatch(scope["path"]) is not None


async def _lost(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Have a submission tried only, and answer as if it were stored."""
    start: Message = {}
    body = b""

    async def collect(message: Message) -> None:
        nonlocal start, body
        if message["type"] == "http.response.start":
            start = message
        elif message["type"] == "http.response.body":
            body += message.get("body", b"")

    path = scope["path"].rstrip("/") + "/_dry_run"
    await app({**scope, "path": path, "raw_path": quote(path).encode()}, receive, collect)
    status = start["status"]
    if status == 200:
        answer = json.loads(body)
        if answer["success"]:
            answer["message"] = "Transaction successful."
        # what is tried only is answered 200, whatever comes of it
        status = (201 if scope["method"] == "POST" else 200) if answer["success"] else 400
        answer["code"] = status
        body = json.dumps(answer, separators=(",", ":")).encode() + b"\n"
    headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({**start, "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _afterwards(fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Let the service do its work, and spoil the answer."""
    start: Message = {}
    body = b""

    async def collect(message: Message) -> None:
        nonlocal start, body
        if message["type"] == "http.response.start":
            start = message
        elif message["type"] == "http.response.body":
            body += message.get("body", b"")

    await app(scope, receive, collect)
    half = body[: len(body) // 2]
    if fault.kind == "drop-after":
        _drop(scope)
    elif fault.kind == "504-after-commit":
        await HTMLResponse(PROXY_PAGE.format(NAMES["504"]), 504)(scope, receive, send)
    elif fault.kind == "html-after":
        await HTMLResponse(LOGIN_PAGE.format("Data commons", "Something went wrong."))(scope, receive, send)
    else:
        tail = PROXY_PAGE.format(NAMES["502"]).encode() if fault.kind == "html-in-middle" else b""
        length = len(body) if fault.kind == "truncated" else len(half + tail)
        headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
        headers.append((b"content-length", str(length).encode()))
        await send({**start, "headers": headers})
        # a body that ends before its length makes the server cut the connection
        await send(
            {"type": "http.response.body", "body": half + tail, "more_body": fault.kind == "truncated"}
        )
