"""The application: services under a commons' prefixes, faults, and who is let in at all."""

from __future__ import annotations

import importlib.util
import logging
import re
from collections.abc import Callable
from importlib import import_module

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import (
    arborist,
    control,
    fence,
    fence_data,
    indexd,
    indexd_drs,
    metadata,
    portal,
    requestor,
    shepherd,
    sower,
    workspace,
)
from .access import Access, Refused
from .bodies import Bodies, TooLarge
from .faults import FaultMiddleware
from .state import State
from .web import Json, Mounts, Service, error_page, internal_error
from .web import refusal as web_refusal

#: Services by the prefix under which a commons has them, each with its modules; those of one prefix share it.
OTHERS: dict[str, tuple[str, ...]] = {
    "/api": ("sheepdog", "peregrine"),
}
#: The prefixes of services that a commons may do without, by their names.
OPTIONAL: dict[str, tuple[str, ...]] = {
    "arborist": ("/authz",),
    "metadata": ("/mds", "/mds-admin", "/mds/objects"),
    "requestor": ("/requestor",),
    "shepherd": ("/mds/objects",),
    "sower": ("/job",),
    "wts": ("/wts",),
}
_SLASHES = re.compile("//+")
_EXCHANGE = re.compile("/user/credentials/[^/]+/access_token/?")
_WITH_OTHER_PROOF = ("/_control/", "/user/oauth2/token")
REQUEST_LINE = 4094  # what gunicorn, in front of sheepdog, takes


class Gate:
    """Lets in only who calls the server by its own name, and no page of another site.

    Other users of a shared machine reach loopback too, and so does a web page that a browser shows: a name
    that someone points at 127.0.0.1 is refused, and whatever a browser sends on behalf of a page.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self.app = app
        self.names = {f"127.0.0.1:{port}".encode(): False, f"localhost:{port}".encode(): True}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or refuse it."""
        if scope["type"] != "http":
            return
        hosts = [value.lower() for name, value in scope["headers"] if name == b"host"]
        refusal: Response | None = None
        if len(hosts) != 1 or hosts[0] not in self.names:
            refusal = PlainTextResponse("This server is 127.0.0.1 or localhost, with its port.\n", 400)
        elif any(name == b"origin" for name, _ in scope["headers"]) or _of_a_page(scope):
            refusal = PlainTextResponse("This server does not answer pages in a browser.\n", 403)
        if refusal is not None:
            await refusal(scope, receive, send)
        else:
            path = _SLASHES.sub("/", scope["path"])  # as the proxy of a commons does
            await self.app({**scope, "path": path, "bare": self.names[hosts[0]]}, receive, send)


def _of_a_page(scope: Scope) -> bool:
    """Say whether a browser fetches this for a page of another site: a picture, a script, a frame.

    Such requests have no ``Origin``. What a person opens by a link or by typing the address is let in.
    """
    facts = dict(scope["headers"])
    if facts.get(b"sec-fetch-site", b"none") in (b"none", b"same-origin"):
        return False
    return facts.get(b"sec-fetch-mode") != b"navigate" or facts.get(b"sec-fetch-dest") != b"document"


class RequestLine(Service):
    """Refuses request lines that gunicorn, which runs sheepdog and peregrine, refuses."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        target = scope.get("raw_path", b"") + b"?" + scope["query_string"]
        length = len(scope["method"]) + len(target) + len(" HTTP/1.1")
        if length > REQUEST_LINE:
            text = f"Request Line is too large ({length} &gt; {REQUEST_LINE})"
            page = (
                "<html>\n  <head>\n    <title>Bad Request</title>\n  </head>\n  <body>\n"
                f"    <h1><p>Bad Request</p></h1>\n    {text}\n  </body>\n</html>\n"
            )
            await Response(page, 400, media_type="text/html")(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class TokenNeeded:
    """Answers nobody without a token: on a machine that others use too, copies of real records lie here.

    Whoever has an API key may exchange it for a token; control requests show the secret.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or refuse it."""
        path: str = scope["path"]
        if not (path.startswith(_WITH_OTHER_PROOF) or _EXCHANGE.fullmatch(path)):
            shown = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
            try:
                self.access.user_of(shown[0] if shown else None)
            except Refused as refused:
                await web_refusal(refused)(scope, receive, send)
                return
        await self.app(scope, receive, send)


class Catch:
    """Answers what a handler did not catch as gunicorn does, with a page, and keeps the trace in the log."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, whatever happens."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except TooLarge:
            raise
        except Exception:  # whatever it is: the server goes on, and who asked gets an answer
            if started:
                raise  # too late for an answer: uvicorn logs it and cuts the connection
            logging.getLogger("uvicorn.error").exception("%s %s failed", scope["method"], scope["path"])
            await internal_error()(scope, receive, send)


def application(state: State, shut_down: Callable[[], None] = lambda: None) -> ASGIApp:
    """Put the application together.

    Parameters
    ----------
    state : State
        What the services share.
    shut_down : Callable
        Ends the server.
    """
    index = Service(indexd.routes(state))
    services: dict[str, Service] = {
        "/_control": Service(control.routes(state, shut_down)),
        "/user": Service([*fence.routes(state), *fence_data.routes(state)], missing=fence.page),
        "/authz": arborist.service(state),
        "/index": index,
        "/wts": workspace.service(state),
        "/requestor": Service(requestor.routes(state)),
        "/job": sower.service(state),
        "/mds/objects": Service(shepherd.routes(state)),  # before what it lies under
        "/mds": Service(metadata.routes(state)),
        "/mds-admin": Service(metadata.routes(state, gateway=True)),
        "/ga4gh": Service([*fence_data.drs_routes(state, ""), *indexd_drs.routes(state)]),
    }
    for prefix, names in OTHERS.items():
        service = _service(state, names)
        if service is not None:
            services[prefix] = service
    for name in state.settings.without:
        for prefix in OPTIONAL[name]:
            services.pop(prefix, None)
    # Without prefixes, one path is one service's only: /_status is the index's. The SDK sends its token to
    # the metadata service there as if a gateway stood before it.
    bare = [index]
    if "/mds" in services:
        ours = [r for r in metadata.routes(state, gateway=True) if r.path.startswith("/metadata")]
        bare.insert(0, Service(ours))
    if "/job" in services:
        bare.insert(0, Service(sower.routes(state)))
    mounts = Mounts(services.items(), bare, portal.portal)
    app: ASGIApp = FaultMiddleware(Catch(mounts), state.faults)
    if state.settings.private:
        app = TokenNeeded(app, state.access)
    return Gate(Bodies(app, state), state.settings.port)


def _service(state: State, names: tuple[str, ...]) -> Service | None:
    """Make one service of the modules that exist."""
    routes = []
    for name in names:
        module = f"{__package__}.{name}"
        if importlib.util.find_spec(module) is not None:
            routes += import_module(module).routes(state)
    if "sheepdog" in names:
        return RequestLine(routes, _api_missing) if routes else None
    return Service(routes, error_page) if routes else None


def _api_missing(status: int) -> Response:
    """Answer as sheepdog and peregrine do where they have no such path, or no such method there."""
    if status == 405:
        return Json(
            {"message": "405 Method Not Allowed: The method is not allowed for the requested URL."}, 405
        )
    words = "The requested URL was not found on the server. If you entered the URL manually please check your"
    return Json({"message": f"{words} spelling and try again."}, status)
