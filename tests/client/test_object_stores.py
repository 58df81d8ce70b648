"""The client of object stores: against the practice commons' own, and a small one with TLS."""

from __future__ import annotations

import io
import os
import pickle
import ssl
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from client_stub import Reply, Stub, self_signed, serve

import gen3nb
from gen3nb import errors
from gen3nb.client.redaction import Secret
from gen3nb.client.storage import Body, Storage

AUTHZ = "/programs/DEMO/projects/alpha"
CONTENT = bytes(range(256)) * 2000
SIGNATURE = "0123456789abcdef" * 4
OBJECT = "/bucket/key"


@pytest.fixture(scope="module")
def practice() -> Iterator[gen3nb.Commons]:
    users = {"submitter": {AUTHZ: ["create", "read", "update", "delete"], "/data_file": ["file_upload"]}}
    with gen3nb.sandbox(users=users) as practice:
        yield practice


@pytest.fixture(scope="module")
def submitter(practice: gen3nb.Commons) -> Iterator[gen3nb.Commons]:
    with practice.sandbox.as_user("submitter") as submitter:
        yield submitter


@pytest.fixture
def faults(practice: gen3nb.Commons) -> Iterator[gen3nb.launch.Faults]:
    with practice.sandbox.faults as faults:
        yield faults


@pytest.fixture
def storage() -> Iterator[Storage]:
    storage = Storage(timeout=(5, 5))
    yield storage
    storage.close()


@pytest.fixture
def url(submitter: gen3nb.Commons, storage: Storage) -> str:
    """Give a URL of a file that is there."""
    return submitter.fence.download_url(stored(submitter, storage, CONTENT)).url


def stored(submitter: gen3nb.Commons, storage: Storage, content: bytes) -> str:
    made = submitter.fence.start_upload("whole.bin", authz=[AUTHZ])
    storage.put(made.url, content, len(content))
    return made.guid


def signed(endpoint: str, path: str = OBJECT) -> Secret:
    return Secret(f"{endpoint}{path}?X-Amz-Expires=60&X-Amz-Signature={SIGNATURE}")


def whole(body: Body) -> bytes:
    with body:
        return b"".join(body.blocks(70_000))


# -- bytes ---------------------------------------------------------------------------------------------------


def test_the_whole_and_what_is_known_of_it(storage, url):
    with storage.get(url) as body:
        assert (body.first, body.length, body.size) == (0, len(CONTENT), len(CONTENT))
        assert body.etag.strip('"')
        assert b"".join(body.blocks()) == CONTENT


@pytest.mark.parametrize(
    ("first", "last", "length"),
    [(10, 19, 10), (len(CONTENT) - 5, None, 5), (0, 0, 1), (0, 10**9, len(CONTENT))],
)
def test_ranges(storage, url, first, last, length):
    body = storage.get(url, first=first, last=last)
    assert (body.first, body.length, body.size) == (first, length, len(CONTENT))
    assert whole(body) == CONTENT[first : first + length]


def test_a_store_that_ignores_ranges_says_so_by_first(storage, url, faults):
    faults.add("storage-no-range")
    body = storage.get(url, first=10, last=19)
    assert (body.first, body.length, body.size) == (0, len(CONTENT), len(CONTENT))
    assert whole(body) == CONTENT


def test_a_range_that_does_not_exist_means_another_object(storage, url):
    with pytest.raises(errors.IntegrityError, match="has changed"):
        storage.get(url, first=len(CONTENT))


def test_a_part_of_unknown_size_and_a_part_of_nothing_said(storage, stub):
    stub.on(OBJECT, Reply(206, b"abc", {"Content-Range": "bytes 3-5/*"}), Reply(206, b"abc"))
    body = storage.get(signed(stub.endpoint), first=3, last=5)
    assert (body.first, body.size, whole(body)) == (3, None, b"abc")
    with pytest.raises(errors.ServiceError, match="without saying which"):
        storage.get(signed(stub.endpoint), first=3, last=5)


def test_an_empty_file(storage, submitter):
    guid = stored(submitter, storage, b"")
    assert whole(storage.get(submitter.fence.download_url(guid).url)) == b""


@pytest.mark.parametrize("ranged", [False, True])
def test_what_breaks_off_is_no_shorter_file(storage, url, faults, ranged):
    faults.add("storage-truncated")
    with (
        pytest.raises(errors.Unavailable, match="broke off after") as caught,
        storage.get(url, first=1 if ranged else 0) as body,
    ):
        list(body.blocks(10_000))
    assert 0 < caught.value.got < len(CONTENT)


def test_a_connection_left_before_the_end_is_not_used_again(storage, url):
    for _ in range(3):
        with storage.get(url) as body:
            next(body.blocks(100))
        assert whole(storage.get(url, first=5, last=9)) == CONTENT[5:10]


def test_connections_are_kept(storage, stub):
    stub.on(OBJECT, b"abc")
    for _ in range(5):
        assert whole(storage.get(signed(stub.endpoint))) == b"abc"
    assert len({request.port for request in stub.requests}) == 1


def test_a_connection_that_the_store_closed_is_not_used_again(storage, stub):
    stub.on(OBJECT, Reply(body=b"abc", cut=3), Reply(body=b"abc", headers={"Connection": "close"}), b"abc")
    for _ in range(3):
        assert whole(storage.get(signed(stub.endpoint))) == b"abc"
        time.sleep(0.1)  # until the store has closed it
    assert len({request.port for request in stub.requests}) == 3


def test_more_bytes_than_announced_are_not_taken_for_the_next_answer(storage, stub):
    part = {"Content-Range": "bytes 0-2/9"}
    stub.on(
        OBJECT,
        Reply(206, b"abcHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", part),
        Reply(206, b"abc", part),
    )
    with storage.get(signed(stub.endpoint), last=2) as body:
        assert b"".join(body.blocks(3)).startswith(b"abcHTTP")
    assert whole(storage.get(signed(stub.endpoint), last=2)) == b"abc"


def test_a_plain_url_is_sent_as_it_was_signed_any_other_is_encoded(storage, stub):
    stub.on("*", b"abc")
    for query, sent in [
        ("a=b%2Fc+d&e=~'()", "a=b%2Fc+d&e=~'()"),
        ("a=b%2fc", "a=b%2Fc"),
        ("a={b}|ü", "a=%7Bb%7D%7C%C3%BC"),
    ]:
        assert whole(storage.get(Secret(f"{stub.endpoint}/x?{query}"))) == b"abc"
        assert stub.requests[-1].path == f"/x?{sent}"


# -- refusals ------------------------------------------------------------------------------------------------


def test_a_url_whose_time_is_over(storage, submitter, practice):
    guid = stored(submitter, storage, b"abc")
    url = submitter.fence.download_url(guid, expires_in=60).url
    practice.sandbox.settings(clock_offset=61)
    try:
        with pytest.raises(errors.ServiceError, match="expired") as caught:
            storage.get(url)
    finally:
        practice.sandbox.settings(clock_offset=0)
    assert (caught.value.expired, caught.value.status) == (True, 403)


def test_a_url_that_is_not_good_at_all(storage, url):
    with pytest.raises(errors.ServiceError) as caught:
        storage.get(Secret(str(url)[:-4] + "0000"))
    assert (caught.value.expired, caught.value.code) == (False, "SignatureDoesNotMatch")


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("storage-429", errors.RateLimited),
        ("storage-503", errors.Unavailable),
        ("storage-500", errors.Unavailable),
        ("storage-drop", errors.Unavailable),
    ],
)
@pytest.mark.parametrize("method", ["get", "put"])
def test_for_now(storage, submitter, faults, kind, error, method):
    place = submitter.fence.start_upload("a.bin", authz=[AUTHZ]).url
    guid = stored(submitter, storage, b"abc")
    faults.add(kind, retry_after=7, times=1)
    acts = {
        "put": lambda: storage.put(place, b"abc", 3),
        "get": lambda: storage.get(submitter.fence.download_url(guid).url),
    }
    with pytest.raises(error) as caught:
        acts[method]()
    if kind in ("storage-429", "storage-503"):
        assert caught.value.retry_after == 7
    assert storage.put(place, b"abc", 3)


def test_gone(storage, submitter):
    guid = stored(submitter, storage, b"abc")
    url = submitter.fence.download_url(guid).url
    submitter.fence.delete_file(guid)
    with pytest.raises(errors.NotFound, match="not in the storage"):
        storage.get(url)


def test_no_byte_in_time(url, faults):
    faults.add("storage-slow-start", seconds=3, times=1)
    storage = Storage(timeout=(5, 0.3))
    with pytest.raises(errors.Unavailable), storage.get(url) as body:
        list(body.blocks())
    faults.add("storage-latency", seconds=3, times=1)
    with pytest.raises(errors.TimedOut, match="the object store"):
        storage.get(url)


# -- up ------------------------------------------------------------------------------------------------------


def test_a_part_of_a_file_is_sent_from_where_it_stands(storage, submitter):
    made = submitter.fence.start_upload("part.bin", authz=[AUTHZ])
    file = io.BytesIO(CONTENT)
    file.seek(1000)
    etag = storage.put(made.url, file, 300)
    assert file.tell() == 1300
    record = submitter.indexd.get(made.guid)
    assert (record["size"], record["hashes"]["md5"]) == (300, etag)
    assert whole(storage.get(submitter.fence.download_url(made.guid).url)) == CONTENT[1000:1300]


def test_a_redirected_part_is_sent_again_from_its_start(storage, stub, other):
    stub.on(OBJECT, Reply(307, b"", {"Location": signed(other.endpoint)}))
    other.on(OBJECT, Reply(200, b"", {"ETag": '"e"'}))
    file = io.BytesIO(b"0123456789")
    file.seek(4)
    assert storage.put(signed(stub.endpoint), file, 3) == "e"
    assert other.sent(OBJECT)[0].body == b"456"


# -- nothing says who is asking ------------------------------------------------------------------------------


def test_no_token_no_cookie_no_password(storage, stub, other, home, monkeypatch):
    machine = urlsplit(stub.endpoint).hostname
    (home / ".netrc").write_text(f"machine {machine} login ada password hunter22\n")
    (home / ".netrc").chmod(0o600)
    monkeypatch.delenv("NETRC", raising=False)
    cookie = {"Set-Cookie": "session=1; Path=/"}
    stub.on(
        OBJECT, Reply(200, b"abc", cookie), Reply(302, b"", {**cookie, "Location": signed(other.endpoint)})
    )
    other.on(OBJECT, b"abc")
    for _ in range(2):
        assert whole(storage.get(signed(stub.endpoint))) == b"abc"
    for request in [*stub.requests, *other.requests]:
        names = {name.lower() for name in request.headers}
        assert names <= {"host", "user-agent", "accept-encoding"}, names


def failures(stub: Stub) -> dict[str, Callable[[Storage], object]]:
    url = signed(stub.endpoint)
    stub.on("/404", Reply(404, b""))
    stub.on("/echo", Reply(403, f"<Code>x</Code><Message>{url}</Message>".encode()))
    stub.on("/half", Reply(200, b"abcdef", cut=2))
    stub.on("/round", Reply(302, b"", {"Location": signed(stub.endpoint, "/round")}))
    stub.on("/plain", Reply(206, b"abc"))
    stub.on("/slow", Reply(200, b"", delay=1))
    return {
        "not found": lambda storage: storage.get(signed(stub.endpoint, "/404")),
        "echoed": lambda storage: storage.get(signed(stub.endpoint, "/echo")),
        "echoed put": lambda storage: storage.put(signed(stub.endpoint, "/echo"), b"abc", 3),
        "broke off": lambda storage: whole(storage.get(signed(stub.endpoint, "/half"))),
        "round and round": lambda storage: storage.get(signed(stub.endpoint, "/round")),
        "no range": lambda storage: storage.get(signed(stub.endpoint, "/plain"), first=1),
        "slow": lambda storage: Storage(timeout=(1, 0.2)).get(signed(stub.endpoint, "/slow")),
        "nobody there": lambda storage: storage.get(signed("http://127.0.0.1:9")),
        "no such name": lambda storage: storage.get(signed("https://nowhere.invalid")),
        "no TLS": lambda storage: storage.get(signed(stub.endpoint.replace("http:", "https:"))),
        "no URL": lambda storage: storage.get(signed("nonsense")),
        "bad port": lambda storage: storage.get(signed("http://127.0.0.1:99999999")),
        "no proxy": lambda storage: Storage(proxies={"https": "http://127.0.0.1:9"}).get(
            signed("https://store.test")
        ),
    }


@pytest.mark.parametrize("name", sorted(failures(Stub(endpoint="http://127.0.0.1:1"))))
def test_no_url_in_a_failure(storage, stub, name):
    with pytest.raises(errors.Gen3Error) as caught:
        failures(stub)[name](storage)
    error = caught.value
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next  # this test's own variables hold URLs
    assert trace is not None
    shown = "".join(
        traceback.TracebackException(
            type(error), error.with_traceback(trace), trace, capture_locals=True, compact=False
        ).format()
    )
    again = pickle.loads(pickle.dumps(error))
    for text in (shown, repr(error), str(error), repr(error.facts), repr(again.facts), str(again)):
        assert SIGNATURE not in text
    assert SIGNATURE.encode() not in pickle.dumps(error)
    assert error.__cause__ is None
    assert error.__context__ is None


def test_its_pickle_holds_settings_alone(storage, url):
    whole(storage.get(url))
    shown = pickle.dumps(storage)
    assert b"Amz" not in shown
    assert whole(pickle.loads(shown).get(url, first=1, last=3)) == CONTENT[1:4]


# -- the way there -------------------------------------------------------------------------------------------


def test_no_proxy_on_the_way_to_this_machine(stub, monkeypatch):
    stub.on(OBJECT, b"abc")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert whole(Storage().get(signed(stub.endpoint))) == b"abc"


@pytest.mark.parametrize("by", ["argument", "environment", "without a scheme"])
def test_a_proxy_gets_what_it_needs(stub, monkeypatch, by):
    stub.on("*", b"abc")
    host = urlsplit(stub.endpoint).netloc
    proxy = {"argument": f"http://ada:hunter22@{host}", "environment": stub.endpoint}.get(by, host)
    if by == "argument":
        storage = Storage(proxies={"http": proxy})
    else:
        monkeypatch.setenv("http_proxy", proxy)
        storage = Storage()
    assert whole(storage.get(signed("http://store.test"))) == b"abc"
    (request,) = stub.requests
    names = {name.lower() for name in request.headers}
    assert request.path.startswith("http://store.test/bucket/key?")
    assert ("proxy-authorization" in names) == (by == "argument")
    assert "authorization" not in names


@pytest.fixture
def secure(stub: Stub, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Give a store with a certificate of its own making."""
    certificate = self_signed(tmp_path)
    answering = Stub()
    server = serve(answering)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *facts: None  # who does not trust it hangs up
    answering.on(OBJECT, b"abc")
    yield answering.endpoint.replace("http:", "https:"), certificate
    server.shutdown()
    server.server_close()


def test_a_private_certificate(secure, monkeypatch):
    endpoint, certificate = secure
    with pytest.raises(errors.Unavailable, match="not signed by anyone this machine trusts"):
        Storage().get(signed(endpoint))
    assert whole(Storage(verify=str(certificate)).get(signed(endpoint))) == b"abc"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert whole(Storage().get(signed(endpoint))) == b"abc"
    with pytest.raises(errors.Unavailable, match="not signed"):
        Storage(verify=str(_another(certificate.parent))).get(signed(endpoint))


def _another(folder: Path) -> Path:
    inner = folder / "another"
    inner.mkdir()
    return self_signed(inner)


def test_a_ca_file_that_is_not_there(secure, tmp_path):
    endpoint, _ = secure
    with pytest.raises(errors.Unavailable, match="verify= names no file"):
        Storage(verify=str(tmp_path / "none.pem")).get(signed(endpoint))


def test_never_from_tls_to_none(secure, stub, tmp_path):
    certificate = self_signed(tmp_path)
    answering = Stub()
    server = serve(answering)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    answering.on(OBJECT, Reply(302, b"", {"Location": signed(stub.endpoint)}))
    try:
        with pytest.raises(errors.ServiceError, match="without TLS"):
            Storage(verify=str(certificate)).get(signed(answering.endpoint.replace("http:", "https:")))
    finally:
        server.shutdown()
        server.server_close()
    assert stub.requests == []


def test_a_fork_shares_no_connection(storage, url):
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this system")
    whole(storage.get(url))
    before = storage._pools
    storage._process = -1  # as in a child
    assert whole(storage.get(url, first=1, last=2)) == CONTENT[1:3]
    assert storage._pools is not before


def test_names_with_signs_of_their_own(storage, stub):
    path = "/bucket/" + quote("a b%ü#?.bin")
    stub.on(path, b"abc")
    assert whole(storage.get(signed(stub.endpoint, path))) == b"abc"
    assert stub.requests[0].path.partition("?")[0] == path
