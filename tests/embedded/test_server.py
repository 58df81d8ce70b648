"""The server itself: its routing, and what it does with a handler that fails."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.responses import PlainTextResponse

from gen3nb.embedded.access import Refused
from gen3nb.embedded.server import Catch
from gen3nb.embedded.web import Mounts, Service, route


def ask(app, path, method="GET", **scope):
    """Call an ASGI application; give the status and the body."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(
        app(
            {"type": "http", "method": method, "path": path, "headers": [], "query_string": b"", **scope},
            receive,
            send,
        )
    )
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


def said(words):
    return lambda request, body: PlainTextResponse(words)


@pytest.fixture
def mounts():
    one = Service([route("GET", "/a", said("a")), route("GET|PUT", "/x/{name:did}", said("one"))])
    two = Service([route("GET", "/b", said("b")), route("GET", "/{did:did}", said("anything"))])
    return Mounts([("/one", one), ("/two", two)], [one], error_404)


async def error_404(scope, receive, send):
    await PlainTextResponse("portal", 404)(scope, receive, send)


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", "/one/a", (200, b"a")),
        ("GET", "/one/a/", (200, b"a")),
        ("HEAD", "/one/a", (200, b"a")),
        ("GET", "/one/x/y/z/", (200, b"one")),
        ("GET", "/two/a", (200, b"anything")),
        ("GET", "/onea", (404, b"portal")),
        ("GET", "/a", (404, b"portal")),
    ],
)
def test_services_by_prefix(mounts, method, path, answer):
    assert ask(mounts, path, method) == answer


def test_unknown_paths_and_methods(mounts):
    assert ask(mounts, "/one/nope")[0] == 404
    assert ask(mounts, "/one/a", "DELETE")[0] == 405


def test_bare_services_have_what_no_prefix_has(mounts):
    assert ask(mounts, "/a", bare=True) == (200, b"a")
    assert ask(mounts, "/two/b", bare=True) == (200, b"b")
    assert ask(mounts, "/nope", bare=True) == (404, b"portal")


def test_a_handler_that_refuses():
    def handler(request, body):
        raise Refused(401, "no", body="error")

    service = Service([route("GET", "/a", handler)])
    assert ask(service, "/a") == (401, b'{"code":401,"error":"no"}\n')


def test_a_handler_that_fails_is_logged_and_answered(caplog):
    def handler(request, body):
        raise ZeroDivisionError("oh")

    status, body = ask(Catch(Service([route("GET", "/a", handler)])), "/a")
    assert (status, b"Internal Server Error" in body) == (500, True)
    assert b"ZeroDivisionError" not in body
    assert "ZeroDivisionError" in caplog.text


def test_many_at_once(practice, call):
    """Requests of many threads are answered, each its own."""
    names = [f"nope-{number}" for number in range(200)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda name: call("GET", f"/mds/metadata/{name}").json(), names))
    assert answers == [{"detail": f"Not found: {name}"} for name in names]
