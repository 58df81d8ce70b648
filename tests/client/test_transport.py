"""What is sent, what is sent again, and what comes of answers that are none."""

from __future__ import annotations

import email.utils
import json
import logging
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from client_stub import Reply, Stub, make_jwt, self_signed

import gen3nb
from gen3nb import errors
from gen3nb.client.transport import Transport


class Signer:
    """Signs with tokens from a list."""

    username = "ada"
    expires_at = None

    def __init__(self, *tokens: str, renews: bool = False) -> None:
        self.tokens = list(tokens)
        self.renews = renews

    def get_access_token(self) -> str:
        return self.tokens[0]

    def run_out(self, token: str, said: str = "") -> bool:
        if self.renews and len(self.tokens) > 1:
            self.tokens.pop(0)
            return True
        return False


@pytest.fixture
def transport(stub: Stub) -> Transport:
    return Transport(stub.endpoint, auth=Signer("token-a"), backoff=0.01)


def test_a_request_says_who_asks_and_by_what(stub: Stub, transport: Transport) -> None:
    stub.on("/x", {"a": 1})
    assert transport.json("GET", "/x", service="sheepdog") == {"a": 1}
    headers = stub.requests[0].headers
    assert headers["Authorization"] == "bearer token-a"
    assert headers["User-Agent"].startswith("gen3nb/0.1.0 ")


def test_an_unsigned_request_is_unsigned_whatever_netrc_says(
    stub: Stub, transport: Transport, home: Path
) -> None:
    (home / ".netrc").write_text("machine 127.0.0.1 login ada password s3cret\n")
    (home / ".netrc").chmod(0o600)
    stub.on("/x", {})
    assert requests.get(stub.endpoint + "/x", timeout=5).ok
    assert "Authorization" in stub.requests[0].headers, "requests itself would send it"
    transport.json("GET", "/x", service="sheepdog", signed=False)
    assert "Authorization" not in stub.requests[1].headers


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_reading_is_tried_again(stub: Stub, transport: Transport, status: int) -> None:
    stub.on("/x", Reply(status), Reply(status), {"fine": True})
    assert transport.json("GET", "/x", service="sheepdog") == {"fine": True}
    assert len(stub.requests) == 3


@pytest.mark.parametrize(("status", "times"), [(429, 2), (502, 1), (503, 1), (504, 1)])
def test_writing_is_tried_again_only_where_nothing_was_done(
    stub: Stub, transport: Transport, status: int, times: int
) -> None:
    stub.on("/x", Reply(status), {"fine": True})
    if times == 2:
        assert transport.json("PUT", "/x", service="sheepdog", json=[]) == {"fine": True}
    else:
        with pytest.raises(errors.Unavailable):
            transport.json("PUT", "/x", service="sheepdog", json=[])
    assert len(stub.requests) == times


def test_retries_end(stub: Stub, transport: Transport) -> None:
    stub.on("/x", Reply(503, "<html><title>Sorry</title><body><h1>Back soon</h1></body></html>"))
    with pytest.raises(errors.Unavailable, match="not available") as caught:
        transport.json("GET", "/x", service="sheepdog")
    assert len(stub.requests) == 4
    assert caught.value.status == 503
    assert "<" not in str(caught.value)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_heeded(
    stub: Stub, transport: Transport, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("gen3nb.client.transport.sleep", slept.append)
    later = email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=7), usegmt=True)
    stub.on("/x", Reply(429, headers={"Retry-After": "7" if form == "seconds" else later}), {})
    transport.json("GET", "/x", service="sheepdog")
    assert slept == [pytest.approx(7, abs=1.5)]


def test_retry_after_is_capped_and_told(
    stub: Stub, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("gen3nb.client.transport.sleep", slept.append)
    stub.on("/x", Reply(429, headers={"Retry-After": "99999"}))
    with pytest.raises(errors.RateLimited) as caught:
        transport.json("GET", "/x", service="sheepdog")
    assert slept == [60.0] * 3
    assert caught.value.retry_after == 60.0


@pytest.mark.parametrize("value", ["soon", "", "nan", "Wed, 99 Foo 2026"])
def test_a_retry_after_that_is_none_is_no_error(stub: Stub, transport: Transport, value: str) -> None:
    stub.on("/x", Reply(503, headers={"Retry-After": value}), {})
    assert transport.json("GET", "/x", service="sheepdog") == {}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "nothing"),
        (b"  \n", "nothing"),
        (b'{"data": [1, 2', "broke off"),
        (b"\xff\xfe\x00", "not readable"),
        ("<!DOCTYPE html><title>Portal</title>", "submission service"),
        (b"<!DOCTYPE html><title>Portal</title>", "not readable"),
    ],
)
def test_answers_that_are_none(stub: Stub, transport: Transport, body: Any, says: str) -> None:
    stub.on("/x", body)
    with pytest.raises(errors.ServiceError, match=says) as caught:
        transport.json("GET", "/x", service="sheepdog")
    assert caught.value.__context__ is None
    assert "<" not in str(caught.value)


def test_a_body_that_breaks_off_is_read_again_and_then_an_error(stub: Stub, transport: Transport) -> None:
    whole = {"data": list(range(1000))}
    stub.on("/x", Reply(body=whole, cut=50), whole)
    assert transport.json("GET", "/x", service="sheepdog") == whole
    stub.on("/x", Reply(body=whole, cut=50))
    with pytest.raises(errors.Unavailable, match="broke off"):
        transport.json("GET", "/x", service="sheepdog")


def test_a_stream_that_breaks_off_ends_in_an_exception_of_ours(stub: Stub, transport: Transport) -> None:
    stub.on("/x", Reply(body=b"x" * 100_000, cut=70_000))
    answer = transport.request("GET", "/x", service="sheepdog", stream=True)
    with answer, pytest.raises(errors.Unavailable, match="broke off"):
        list(answer.iter_content(1000))


def test_a_slow_answer_is_unknown_and_not_asked_for_again(stub: Stub) -> None:
    transport = Transport(stub.endpoint, timeout=(5, 0.1), backoff=0.01)
    stub.on("/x", Reply(delay=1.0))
    with pytest.raises(errors.TimedOut, match="unknown") as caught:
        transport.request("PUT", "/x", service="sheepdog", json=[])
    assert isinstance(caught.value, TimeoutError)
    assert len(stub.requests) == 1


def test_a_504_after_a_write_is_unknown(stub: Stub, transport: Transport) -> None:
    stub.on("/x", Reply(504))
    with pytest.raises(errors.TimedOut, match="unknown"):
        transport.request("POST", "/x", service="sheepdog", json=[])


def test_redirects_within_the_commons_are_followed(stub: Stub, transport: Transport) -> None:
    stub.on("/x", Reply(308, headers={"Location": "/x/"}))
    stub.on("/x/", {"fine": True})
    assert transport.json("POST", "/x", service="sheepdog", json={"a": 1}) == {"fine": True}
    assert stub.requests[1].body == b'{"a": 1}'
    assert stub.requests[1].headers["Authorization"] == "bearer token-a"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_nothing_goes_to_another_host(
    stub: Stub, other: Stub, transport: Transport, status: int, method: str
) -> None:
    stub.on("/x", Reply(status, headers={"Location": other.endpoint + "/login?next=x"}))
    with pytest.raises(errors.ServiceError, match=r"sends this request on to http://127\.0\.0\.1, where"):
        transport.json(method, "/x", service="sheepdog")
    assert other.requests == []


def test_redirects_in_a_circle_end(stub: Stub, transport: Transport) -> None:
    stub.on("/x", Reply(302, headers={"Location": "/x"}))
    with pytest.raises(errors.ServiceError):
        transport.json("GET", "/x", service="sheepdog")
    assert len(stub.requests) == 6


def test_a_path_cannot_change_the_host(other: Stub) -> None:
    host = other.endpoint.removeprefix("http://")
    transport = Transport("http://127.0.0.1:9", auth=Signer("token-a"))
    with pytest.raises(errors.Unavailable):
        transport.request("GET", f"@{host}/x", service="sheepdog")
    assert other.requests == []


def test_a_refused_token_is_replaced_once(stub: Stub) -> None:
    expired = Reply(401, {"message": "Authentication Error: Signature has expired"})
    transport = Transport(stub.endpoint, auth=Signer("old", "new", "newer", renews=True))
    stub.on("/x", expired, {"fine": True})
    assert transport.json("PUT", "/x", service="sheepdog", json=[1]) == {"fine": True}
    assert [r.headers["Authorization"] for r in stub.requests] == ["bearer old", "bearer new"]
    assert stub.requests[1].body == b"[1]"
    stub.on("/x", expired)
    with pytest.raises(errors.TokenExpired):
        transport.json("PUT", "/x", service="sheepdog", json=[1])
    assert len(stub.requests) == 4


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_is_not_repeated(stub: Stub, transport: Transport, status: int) -> None:
    stub.on("/x", Reply(status, {"message": "no"}))
    with pytest.raises(errors.AuthError):
        transport.json("POST", "/x", service="sheepdog", json=[1])
    assert len(stub.requests) == 1


def test_no_such_name() -> None:
    with pytest.raises(errors.Unavailable, match=r"no machine of the name in https://nowhere\.invalid"):
        Transport("https://nowhere.invalid").request("GET", "/", service="fence")


def test_nothing_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(errors.Unavailable, match="nothing takes the connection"):
        Transport(f"http://127.0.0.1:{port}").request("GET", "/", service="fence")


def test_https_where_http_is_spoken(stub: Stub) -> None:
    address = stub.endpoint.replace("http://", "https://")
    with pytest.raises(errors.Unavailable, match="does not speak HTTPS"):
        Transport(address).request("GET", "/", service="fence")


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def take() -> None:
            for _ in range(2):
                raw, _ = listener.accept()
                with raw:
                    try:
                        with context.wrap_socket(raw, server_side=True) as secure:
                            secure.recv(10_000)
                            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                    except (ssl.SSLError, ConnectionError):
                        continue

        server = threading.Thread(target=take, daemon=True)
        server.start()
        address = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(errors.Unavailable, match=r"verify='path/to/ca\.pem'"):
            Transport(address).request("GET", "/", service="fence")
        assert Transport(address, verify=certificate).json("GET", "/", service="fence") == {}
        server.join(5)


def test_a_ca_file_that_is_not_there(tmp_path: Path) -> None:
    transport = Transport("https://127.0.0.1:9", verify=tmp_path / "none.pem")
    with pytest.raises(errors.Unavailable, match="verify= names no file"):
        transport.request("GET", "/", service="fence")


def test_a_proxy_that_is_not_there(stub: Stub) -> None:
    transport = Transport(stub.endpoint, proxies={"http": "http://127.0.0.1:9"})
    with pytest.raises(errors.Unavailable, match="proxy"):
        transport.request("GET", "/", service="fence")


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_no_proxy_of_the_environment_hears_what_stays_on_this_machine(
    stub: Stub, other: Stub, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    _proxy_everywhere(monkeypatch, other)
    stub.on("*", {"a": 1})
    endpoint = stub.endpoint.replace("127.0.0.1", name)
    for proxies in (None, {"no_proxy": "intranet.example.org"}, {"https": other.endpoint}):
        transport = Transport(endpoint, auth=Signer("token-a"), proxies=proxies, retries=0)
        assert transport.json("POST", "/x", json={"api_key": "k"}, service="fence") == {"a": 1}
    assert len(stub.requests) == 3
    assert not other.requests


def test_no_proxy_of_the_environment_hears_an_api_key(
    stub: Stub, other: Stub, key_file: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _proxy_everywhere(monkeypatch, other)
    other.on("*", {"access_token": "stolen"})
    stub.on("/user/credentials/api/access_token", {"access_token": make_jwt(stub.endpoint)})
    stub.on("/user/credentials/cdis/access_token", {"access_token": make_jwt(stub.endpoint)})
    stub.on("/user/user", {"username": "ada"})
    with gen3nb.connect(stub.endpoint, credentials=key_file) as commons:
        assert commons.auth.get_access_token()
        assert commons.whoami().username == "ada"
    assert stub.sent("/user/credentials/")
    assert not other.requests


def test_a_proxy_that_is_given_by_name_is_taken(stub: Stub, other: Stub) -> None:
    other.on("*", {"by": "proxy"})
    transport = Transport(stub.endpoint, proxies={"http": other.endpoint}, retries=0)
    assert transport.json("GET", "/x", service="sheepdog") == {"by": "proxy"}
    assert other.requests[0].path == f"{stub.endpoint}/x"
    assert not stub.requests


def _proxy_everywhere(monkeypatch: pytest.MonkeyPatch, proxy: Stub) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, proxy.endpoint)
        monkeypatch.setenv(name.upper(), proxy.endpoint)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_each_thread_has_a_session_and_close_closes_all(stub: Stub, transport: Transport) -> None:
    stub.on("/x", {})
    sessions: set[int] = set()
    barrier = threading.Barrier(4)

    def ask() -> None:
        transport.json("GET", "/x", service="sheepdog")
        barrier.wait(10)
        sessions.add(id(transport._sender.session()))
        barrier.wait(10)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sessions) == 4
    transport.close()
    with pytest.raises(errors.NotConnected, match="closed"):
        transport.json("GET", "/x", service="sheepdog")


def test_ctrl_c_stays_ctrl_c_and_shows_no_library(
    stub: Stub, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(requests.Session, "send", interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        transport.json("GET", "/x", service="sheepdog")
    assert caught.value.__context__ is None
    assert all("requests" not in str(entry.path) for entry in caught.traceback)


def test_no_exception_of_a_library_comes_out(
    stub: Stub, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = [
        kind
        for kind in vars(requests.exceptions).values()
        if isinstance(kind, type) and issubclass(kind, requests.RequestException)
    ]
    assert len(kinds) > 15
    for kind in [
        *kinds,
        OSError,
        ValueError,
        UnicodeError,
        ssl.SSLError,
        ConnectionResetError,
        socket.timeout,
    ]:
        try:
            error: BaseException = kind("boom")
        except TypeError:
            error = kind("boom", "doc", 0)  # JSONDecodeError

        def fail(*args: object, error: BaseException = error, **options: object) -> None:
            raise error

        monkeypatch.setattr(requests.Session, "send", fail)
        with pytest.raises(errors.Gen3Error) as caught:
            transport.json("PUT", "/x", service="sheepdog", json={})
        assert caught.value.__context__ is None


def test_the_log_holds_no_secret(stub: Stub, caplog: pytest.LogCaptureFixture) -> None:
    token = make_jwt(stub.endpoint)
    caplog.set_level(logging.DEBUG)
    transport = Transport(stub.endpoint, auth=Signer(token), backoff=0.01)
    stub.on("/x", Reply(503), {})
    transport.json("POST", "/x", service="fence:key", json={"api_key": token}, retry=True)
    assert "trying again" in caplog.text
    assert token.split(".")[1] not in caplog.text
    assert token.split(".")[2] not in caplog.text


def test_what_json_cannot_hold_is_an_error_of_ours(stub: Stub, transport: Transport) -> None:
    circle: list[Any] = []
    circle.append(circle)
    for value in (float("nan"), float("inf"), object(), {1, 2}, b"x", circle, {"a": datetime.now(UTC)}):
        with pytest.raises(errors.ServiceError, match="cannot be sent") as caught:
            transport.json("POST", "/x", service="peregrine", json={"variables": value})
        assert caught.value.__context__ is None
    assert stub.requests == []


def test_what_json_holds_arrives(stub: Stub, transport: Transport) -> None:
    import numpy as np

    stub.on("/x", {})
    value = {"a": np.int64(3), "b": np.float64(0.5), "c": np.bool_(True), "d": "é\ud800", "e": (1, None)}
    transport.json("POST", "/x", service="peregrine", json=value)
    sent = json.loads(stub.requests[0].body)
    assert sent == {"a": 3, "b": 0.5, "c": True, "d": "é\ud800", "e": [1, None]}
