"""Whoever shares the machine reaches the server, and may send it anything."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from pathlib import Path

import pytest
import requests

from gen3nb.launch import Sandbox

MEGABYTE = b"x" * (1 << 20)


def port_of(practice: Sandbox) -> int:
    return int(practice.endpoint.rsplit(":", 1)[1])


def raw(practice: Sandbox, data: bytes) -> bytes:
    """Send bytes as they are; give the whole answer."""
    found = b""
    with socket.create_connection(("127.0.0.1", port_of(practice)), timeout=30) as connection:
        connection.sendall(data)
        with contextlib.suppress(ConnectionResetError):
            while some := connection.recv(65536):
                found += some
    return found


def request(practice: Sandbox, path: str, *headers: str, method: str = "GET", body: bytes = b"") -> bytes:
    """Write a request by hand."""
    lines = [f"{method} {path} HTTP/1.1", *headers, "Connection: close"]
    if not any(line.lower().startswith("host:") for line in headers):
        lines.append(f"Host: 127.0.0.1:{port_of(practice)}")
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1.nip.io:{port}", "localhost.evil.test:{port}", "localhost.:{port}", "0.0.0.0:{port}",
        "127.1:{port}", "2130706433:{port}", "[::ffff:127.0.0.1]:{port}", "a@127.0.0.1:{port}",
        "127.0.0.1:0{port}",
    ],
)  # fmt: skip
def test_other_names_of_this_machine_are_refused(practice, host):
    host = host.format(port=port_of(practice))
    assert status(raw(practice, request(practice, "/", f"Host: {host}"))) == 400


def test_two_hosts_or_none_are_refused(practice):
    ours = f"Host: 127.0.0.1:{port_of(practice)}"
    assert status(raw(practice, request(practice, "/", ours, "Host: evil.test"))) == 400
    assert status(raw(practice, b"GET / HTTP/1.0\r\n\r\n")) == 400


def test_a_picture_on_another_page_is_not_answered(practice):
    page = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image")
    frame = ("Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe")
    person = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")
    typed = ("Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")
    found = [
        status(raw(practice, request(practice, "/", *headers))) for headers in (page, frame, person, typed)
    ]
    assert found == [403, 403, 200, 200]


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/credentials/admin.json", "/graph.sqlite",
        "/api/../credentials/admin.json", "/index/index/..%2F..%2Fgraph.sqlite",
        "/user/..%5c..%5cgraph.sqlite",
        "/mds/metadata/..%2f..%2f.lock", "/%00", "http://evil.test/graph.sqlite", "/" + "a" * 50_000,
    ],
)  # fmt: skip
def test_no_path_leads_to_a_file(practice, path):
    answer = raw(practice, request(practice, path))
    assert status(answer) in (400, 404)
    assert b"root:" not in answer
    assert b"api_key" not in answer
    assert b"SQLite" not in answer


@pytest.mark.parametrize("path", ["//_control//token", "/_control/%74oken", "/_control/token/"])
def test_no_spelling_of_a_control_path_goes_past_the_secret(practice, path):
    answer = raw(practice, request(practice, path, method="POST", body=b'{"user": "admin"}'))
    assert status(answer) == 403


@pytest.mark.parametrize(
    "headers",
    [
        ("Transfer-Encoding: gzip, chunked",),
        ("Content-Length: -1",),
        ("Content-Length: 5", "Content-Length: 6"),
        ("X: a\x00b",),
    ],
)
def test_requests_in_doubtful_form_are_refused(practice, headers):
    assert status(raw(practice, request(practice, "/user/user", *headers, method="POST"))) == 400


def test_a_request_cannot_hide_another(practice):
    hidden = request(practice, "/user/user")
    both = request(practice, "/index", "Content-Length: 5", "Transfer-Encoding: chunked", method="POST")
    answer = raw(practice, both + b"0\r\n\r\n" + hidden)
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("form", ["tsv%0d%0aX-Evil:%201", "%E2%82%AC", "json%0a"])
def test_no_parameter_becomes_a_header(practice, call, form):
    for path in ("template/case", "P/q/export"):
        query = f"/api/v0/submission/{path}?node_label=case&format={form}"
        answer = call("GET", query, user="admin")
        assert answer.status_code in (400, 500)
        assert "X-Evil" not in answer.headers
        assert "Traceback" not in answer.text


def test_a_stranger_cannot_fill_the_memory(practice):
    path = "/user/credentials/api/access_token"
    announced = request(practice, path, f"Content-Length: {10**12}", method="POST")
    assert status(raw(practice, announced)) == 413
    pieces = b"%x\r\n%s\r\n" % (len(MEGABYTE), MEGABYTE)
    come = request(practice, path, "Transfer-Encoding: chunked", method="POST") + pieces * 3 + b"0\r\n\r\n"
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        assert b" 413 " in raw(practice, come)[:20]
    wrong = request(
        practice, path, "Authorization: bearer a.b.c", f"Content-Length: {2 << 20}", method="POST"
    )
    assert status(raw(practice, wrong)) == 413


def test_a_user_may_send_much(practice, call):
    document = json.dumps({"query": "{ _case_count }", "variables": {"x": "y" * (3 << 20)}})
    headers = {"Content-Type": "application/json"}
    answer = call("POST", "/api/v0/submission/graphql", "admin", data=document, headers=headers)
    assert answer.status_code == 200
    late = {**headers, "Authorization": f"bearer {practice.token('admin', expires_in=-60)}"}
    answer = call("POST", "/api/v0/submission/graphql", data=document, headers=late)
    assert answer.status_code == 401  # and not 413: a client learns that its token has run out


def test_deep_nesting_is_no_end(practice, call):
    deep = "[" * 200_000
    headers = {"Content-Type": "application/json"}
    for path in (
        "/user/credentials/api/access_token",
        "/api/v0/submission/",
        "/index/index",
        "/api/v0/submission/graphql",
    ):
        answer = call("POST", path, "admin", data=deep, headers=headers)
        assert answer.status_code in (400, 500)
        assert "Traceback" not in answer.text
    query = {"query": "{" + "case{samples" * 3000 + "{id}"}
    assert call("POST", "/api/v0/submission/graphql", "admin", json=query).status_code == 400


def test_a_hundred_slow_callers_keep_nobody_waiting(practice):
    half = request(practice, "/index/", "Content-Length: 100", method="POST") + b"x"
    answers: list[int] = []
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", port_of(practice)), timeout=30))
            slow.sendall(half)

        def ask() -> None:
            answers.append(requests.get(practice.endpoint + "/index/_status", timeout=60).status_code)

        threads = [threading.Thread(target=ask) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [200] * 100
    assert practice.running


def test_the_server_holds_no_file_open_to_others(practice):
    if not Path("/proc").is_dir():
        pytest.skip("needs /proc")
    for path in practice.folder.rglob("*"):
        assert path.stat().st_uid == practice.folder.stat().st_uid
    assert practice.folder.stat().st_mode & 0o077 == 0
