"""What the services share in HTTP: routing as theirs, handlers in threads, error pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from .access import Refused

INTERNAL_ERROR = (
    "<html>\n  <head>\n    <title>Internal Server Error</title>\n  </head>\n  <body>\n"
    "    <h1><p>Internal Server Error</p></h1>\n    \n  </body>\n</html>\n"
)
PROXY_PAGE = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
_PAGE = "<!doctype html>\n<html lang=en>\n<title>{status} {name}</title>\n<h1>{name}</h1>\n<p>{text}</p>\n"
_NAMES = {
    400: ("Bad Request", "The browser (or proxy) sent a request that this server could not understand."),
    403: ("Forbidden", "You don&#39;t have the permission to access the requested resource."),
    404: (
        "Not Found",
        "The requested URL was not found on the server. If you entered the URL manually please check your "
        "spelling and try again.",
    ),
    405: ("Method Not Allowed", "The method is not allowed for the requested URL."),
    415: (
        "Unsupported Media Type",
        "Did not attempt to load JSON data because the request Content-Type was not "
        "&#39;application/json&#39;.",
    ),
    500: (
        "Internal Server Error",
        "The server encountered an internal error and was unable to complete your request. Either the server "
        "is overloaded or there is an error in the application.",
    ),
}
_PROXY_NAMES = {
    401: "Authorization Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Not Allowed",
}


class _Did(Convertor[str]):
    """A name that may hold slashes, but does not end with one."""

    regex = ".*[^/]"

    def convert(self, value: str) -> str:
        """Read it."""
        return value

    def to_string(self, value: str) -> str:
        """Write it."""
        return value


register_url_convertor("did", _Did())


class Handler(Protocol):
    """A blocking handler: the request and its whole body in, a response out."""

    def __call__(self, request: Request, body: bytes, /) -> Response:
        """Answer a request."""
        ...


class Json(Response):
    """A JSON answer, written as Flask does it: keys in order, a line break at the end."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Write the content."""
        return json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def error_page(status: int, text: str | None = None) -> Response:
    """Give the HTML page that Flask answers where a service has no words of its own."""
    name, usual = _NAMES.get(status, (str(status), ""))
    page = _PAGE.format(status=status, name=name, text=usual if text is None else escape(text))
    return HTMLResponse(page, status_code=status)


def proxy_page(status: int) -> Response:
    """Give the page that nginx, in front of the services, answers by itself."""
    return HTMLResponse(PROXY_PAGE.format(f"{status} {_PROXY_NAMES[status]}"), status_code=status)


def internal_error() -> Response:
    """Give the HTML page of an exception that a service did not catch."""
    return HTMLResponse(INTERNAL_ERROR, status_code=500)


def refusal(refused: Refused) -> Response:
    """Answer as sheepdog and peregrine refuse."""
    return Json(refused.json(), status_code=refused.status)


def blocking(handler: Handler, refuse: Callable[[Refused], Response] = refusal) -> Any:
    """Make an endpoint of a blocking handler: it runs in a thread, with the body already read.

    A :class:`Refused` that leaves the handler becomes the answer that ``refuse`` makes of it.
    """

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        try:
            return await run_in_threadpool(handler, request, body)
        except Refused as refused:
            return refuse(refused)

    return endpoint


def route(
    methods: str, path: str, handler: Handler, refuse: Callable[[Refused], Response] = refusal
) -> Route:
    """Make a route of a blocking handler; ``methods`` is ``"GET"`` or ``"PUT|POST"``."""
    return Route(path, blocking(handler, refuse), methods=methods.split("|"))


class Service:
    """One service: its routes, matched with and without the slash at the end, and its own 404 and 405.

    Parameters
    ----------
    routes : Sequence[BaseRoute]
        With the paths that the service itself has.
    missing : Callable[[int], Response]
        Makes the answer to an unknown path (404) or method (405).
    """

    def __init__(self, routes: Sequence[BaseRoute], missing: Callable[[int], Response] = error_page) -> None:
        self.routes = tuple(routes)
        self.missing = missing

    def find(self, scope: Scope) -> tuple[BaseRoute | None, Scope, bool]:
        """Find the route for a request: the route, its scope, and whether the path is known at all."""
        path: str = scope["path"]
        other = path[:-1] if path.endswith("/") else path + "/"
        known = False
        for candidate in (path, other) if path != "/" else (path,):
            tried = {**scope, "path": candidate}
            for one in self.routes:
                match, child = one.matches(tried)
                if match is Match.FULL:
                    return one, {**tried, **child}, True
                known = known or match is Match.PARTIAL
        return None, scope, known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        found, inner, known = self.find(scope)
        if found is None:
            await self.missing(405 if known else 404)(scope, receive, send)
        else:
            await found.handle(inner, receive, send)


def below(scope: Scope, prefix: str) -> Scope | None:
    """Give the scope as the service under ``prefix`` sees it, or ``None`` if the path is not below it."""
    path: str = scope["path"]
    if path != prefix and not path.startswith(prefix + "/"):
        return None
    return {**scope, "path": path[len(prefix) :] or "/", "root_path": "", "prefix": prefix}


def _certain(found: BaseRoute | None) -> bool:
    """Say whether a route was found that does not simply take everything."""
    return found is not None and getattr(found, "path", None) != "/{did:did}"


class Mounts:
    """Services by prefix, as a commons' reverse proxy has them.

    Parameters
    ----------
    services : Iterable[tuple[str, Service]]
        Prefix and service.
    bare : Sequence[Service]
        Services that answer on the name ``localhost`` without a prefix too: the SDK leaves it out there.
    missing : ASGIApp
        Answers everything else.
    """

    def __init__(
        self, services: Iterable[tuple[str, Service]], bare: Sequence[Service], missing: ASGIApp
    ) -> None:
        self.services = dict(services)
        self.bare = bare
        self.missing = missing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to its service."""
        under: tuple[Service, Scope] | None = None
        for prefix, service in self.services.items():
            inner = below(scope, prefix)
            if inner is not None:
                under = service, inner
                break
        if scope.get("bare") and not (under is not None and _certain(under[0].find(under[1])[0])):
            for service in self.bare:
                if service.find(scope)[0] is not None:
                    await service(scope, receive, send)
                    return
        if under is None:
            await self.missing(scope, receive, send)
        else:
            await under[0](under[1], receive, send)
