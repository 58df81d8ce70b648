"""Signing in: short tokens, wrong clocks, many threads, the SDK, and where the token may go."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gen3.auth
import pytest
import requests
from client_stub import Reply, Stub, make_jwt
from urllib3.connection import HTTPConnection

import gen3nb
from gen3nb import cli, errors
from gen3nb.client.auth import Auth
from gen3nb.client.tokens import TokenKeeper

TOKEN = "/user/credentials/api/access_token"


def key_of(stub: Stub, **claims: Any) -> dict[str, str]:
    return {"api_key": make_jwt(stub.endpoint, lifetime=30 * 86400, pur="api_key", **claims), "key_id": "k"}


@pytest.fixture(scope="module")
def short() -> Iterator[gen3nb.Commons]:
    """Give a practice commons whose tokens live three seconds."""
    with gen3nb.sandbox(token_lifetime=3) as commons:
        yield commons


def test_it_is_a_gen3auth_that_sends_and_writes_nothing_at_first(
    stub: Stub, key_file: Path, home: Path
) -> None:
    auth = Auth(stub.endpoint, refresh_file=str(key_file))
    assert isinstance(auth, gen3.auth.Gen3Auth)
    assert stub.requests == []
    stub.on(TOKEN, {"access_token": make_jwt(stub.endpoint)})
    auth.get_access_token()
    assert not (home / ".cache").exists()


def test_the_key_alone_is_sent(stub: Stub) -> None:
    key = key_of(stub)
    stub.on(TOKEN, {"access_token": make_jwt(stub.endpoint)})
    Auth(refresh_token=key).get_access_token()
    assert json.loads(stub.requests[0].body) == {"api_key": key["api_key"]}
    assert "Authorization" not in stub.requests[0].headers


def test_the_first_request_goes_on_by_the_connection_of_the_key(
    commons: gen3nb.Commons, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    connect = HTTPConnection.connect
    monkeypatch.setattr(HTTPConnection, "connect", lambda self: (opened.append(self), connect(self)))
    key = str(commons.sandbox.credentials("submitter"))
    with gen3nb.connect(commons.endpoint, credentials=key) as connected:
        assert connected.whoami().username == "submitter@commons.test"
    assert len(opened) == 1
    assert opened[0].sock is None  # and it ends with the commons


def test_an_older_commons_has_the_older_route(stub: Stub) -> None:
    older = "/user/credentials/cdis/access_token"
    stub.on(TOKEN, Reply(404, "<html>no</html>"))
    stub.on(older, {"access_token": make_jwt(stub.endpoint)})
    assert Auth(refresh_token=key_of(stub)).get_access_token()
    assert [r.path for r in stub.requests] == [TOKEN, older]


def test_a_key_that_ends_before_a_token_would(stub: Stub) -> None:
    key = {"api_key": make_jwt(stub.endpoint, lifetime=600, pur="api_key")}
    said = "Cannot issue an access token that would expire after the provided API key does. Use expires_in"
    stub.on(
        TOKEN,
        Reply(400, f"<html><title>400</title><p class='introduction'>{said}</p></html>"),
        {"access_token": make_jwt(stub.endpoint, lifetime=590)},
    )
    Auth(refresh_token=key).get_access_token()
    asked = int(stub.requests[1].path.partition("expires_in=")[2])
    assert 500 < asked < 600


def test_it_renews_before_the_end_by_a_quarter_of_the_lifetime(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("gen3nb.client.tokens.time.monotonic", lambda: now[0])
    monkeypatch.setattr("gen3nb.client.tokens.time.time", lambda: now[0])
    made: list[str] = []

    def fetch() -> str:
        made.append(make_jwt(lifetime=400, n=len(made)))
        return made[-1]

    keeper = TokenKeeper(fetch)
    keeper.current()
    now[0] += 298
    keeper.current()
    assert len(made) == 1
    now[0] += 2
    keeper.current()
    assert len(made) == 2


@pytest.mark.parametrize("off", [-600, 600, 10**6])
def test_a_wrong_clock_does_not_matter(stub: Stub, monkeypatch: pytest.MonkeyPatch, off: float) -> None:
    real = time.time
    stub.on(TOKEN, {"access_token": make_jwt(stub.endpoint, lifetime=60)})
    stub.on("/x", {})
    auth = Auth(refresh_token=key_of(stub))
    monkeypatch.setattr(time, "time", lambda: real() + off)
    for _ in range(5):
        auth.get_access_token()
    assert len(stub.sent(TOKEN)) == 1, "fetched anew for each request"


def test_many_threads_fetch_one_token(stub: Stub) -> None:
    stub.on(TOKEN, Reply(body={"access_token": make_jwt(stub.endpoint)}, delay=0.2))
    auth = Auth(refresh_token=key_of(stub))
    barrier = threading.Barrier(32)

    def get(_: int) -> str:
        barrier.wait(30)
        return auth.get_access_token()

    with ThreadPoolExecutor(32) as pool:
        tokens = set(pool.map(get, range(32)))
    assert len(tokens) == 1
    assert len(stub.sent(TOKEN)) == 1


def test_many_threads_share_one_refusal(stub: Stub) -> None:
    stub.on(TOKEN, Reply(401, "<html><p class='introduction'>token is denylisted</p></html>", delay=0.2))
    auth = Auth(refresh_token=key_of(stub))
    barrier = threading.Barrier(16)

    def get(_: int) -> str:
        barrier.wait(30)
        with pytest.raises(errors.AuthError) as caught:
            auth.get_access_token()
        return caught.value.message

    with ThreadPoolExecutor(16) as pool:
        said = set(pool.map(get, range(16)))
    assert len(said) == 1
    assert len(stub.sent(TOKEN)) < 4


def test_a_token_in_its_last_quarter_serves_while_fence_is_away(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gen3nb.client.transport.sleep", lambda seconds: None)
    stub.on(TOKEN, {"access_token": make_jwt(stub.endpoint, lifetime=100)}, Reply(503))
    auth = Auth(refresh_token=key_of(stub))
    first = auth.get_access_token()
    real = time.monotonic
    monkeypatch.setattr("gen3nb.client.tokens.time.monotonic", lambda: real() + 80)
    assert auth.get_access_token() == first
    monkeypatch.setattr("gen3nb.client.tokens.time.monotonic", lambda: real() + 120)
    with pytest.raises(errors.Unavailable):
        auth.get_access_token()


def test_three_second_tokens_and_32_threads(short: gen3nb.Commons) -> None:
    ends = time.monotonic() + 5
    outcomes: Counter[str] = Counter()

    def work(_: int) -> None:
        while time.monotonic() < ends:
            try:
                short.fence.user()
                outcomes["fine"] += 1
            except errors.Gen3Error as error:
                outcomes[str(error)] += 1

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(work, range(32)))
    assert set(outcomes) == {"fine"}
    assert outcomes["fine"] > 64


def test_three_second_tokens_for_plain_requests_and_the_sdk(short: gen3nb.Commons) -> None:
    ends = time.monotonic() + 5
    while time.monotonic() < ends:
        answer = requests.get(short.endpoint + "/user/user", auth=short.auth, timeout=20)
        assert answer.status_code == 200, answer.text
        answer = requests.post(
            short.endpoint + "/user/credentials/api", json={"scope": []}, auth=short.auth, timeout=20
        )
        assert answer.status_code == 200, answer.text
        time.sleep(0.2)


@pytest.mark.parametrize("off", [-600, 600])
def test_three_second_tokens_on_a_wrong_clock(
    short: gen3nb.Commons, monkeypatch: pytest.MonkeyPatch, off: float
) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + off)
    with short.sandbox.as_user("reader") as reader:
        ends = time.monotonic() + 4
        while time.monotonic() < ends:
            assert reader.fence.user()["username"].startswith("reader")
            time.sleep(0.1)


def test_the_token_goes_to_the_commons_only(stub: Stub, other: Stub) -> None:
    auth = Auth(stub.endpoint, access_token=make_jwt(stub.endpoint))
    stub.on("/x", {})
    stub.on("/away", Reply(302, headers={"Location": other.endpoint + "/there"}))
    other.on("*", {})
    requests.get(stub.endpoint + "/x", auth=auth, timeout=5)
    requests.get(stub.endpoint + "/away", auth=auth, timeout=5)
    requests.get(other.endpoint + "/there", auth=auth, timeout=5)
    assert "Authorization" in stub.requests[0].headers
    assert [r.path for r in other.requests] == ["/there", "/there"]
    assert not any("Authorization" in r.headers for r in other.requests)


@pytest.mark.parametrize("status", [401, 403])
def test_the_sdk_does_not_repeat_what_was_refused(stub: Stub, status: int) -> None:
    stub.on(TOKEN, {"access_token": make_jwt(stub.endpoint)})
    stub.on("/x", Reply(status, {"message": "You don't have access"}))
    auth = Auth(refresh_token=key_of(stub))
    answer = requests.post(stub.endpoint + "/x", json={}, auth=auth, timeout=5)
    assert answer.status_code == status
    assert len(stub.sent("/x")) == 1


def test_the_sdk_repeats_once_what_came_too_late(stub: Stub) -> None:
    expired = Reply(401, {"message": "Authentication Error: Signature has expired"})
    first, second = make_jwt(stub.endpoint, n=1), make_jwt(stub.endpoint, n=2)
    stub.on(TOKEN, {"access_token": first}, {"access_token": second})
    stub.on("/x", expired, {"fine": True})
    auth = Auth(refresh_token=key_of(stub))
    answer = requests.post(stub.endpoint + "/x", json={"a": 1}, auth=auth, timeout=5)
    assert answer.json() == {"fine": True}
    assert [r.headers["Authorization"] for r in stub.sent("/x")] == [f"bearer {first}", f"bearer {second}"]
    assert stub.sent("/x")[1].body == stub.sent("/x")[0].body
    stub.on("/x", expired)
    assert requests.post(stub.endpoint + "/x", json={}, auth=auth, timeout=5).status_code == 401
    assert len(stub.sent("/x")) == 4


def test_a_body_that_cannot_be_sent_again_is_not(stub: Stub) -> None:
    stub.on(TOKEN, {"access_token": make_jwt(stub.endpoint)})
    stub.on("/x", Reply(401, {"message": "Signature has expired"}))
    parts = iter([b"a", b"b"])
    answer = requests.post(stub.endpoint + "/x", data=parts, auth=Auth(refresh_token=key_of(stub)), timeout=5)
    assert answer.status_code == 401
    assert len(stub.sent("/x")) == 1


def test_what_the_sdk_refuses(stub: Stub, key_file: Path) -> None:
    with pytest.raises(ValueError, match="refresh_file"):
        Auth(refresh_file=str(key_file), refresh_token=key_of(stub))
    with pytest.raises(ValueError, match="idp"):
        Auth(endpoint=stub.endpoint, idp="x")
    with pytest.raises(ValueError, match="client_credentials"):
        Auth(endpoint=stub.endpoint, client_scopes="user")
    with pytest.raises(ValueError, match="endpoint"):
        Auth(client_credentials=("a", "b"))


def test_an_oidc_client(stub: Stub) -> None:
    stub.on("/user/oauth2/token", {"access_token": make_jwt(stub.endpoint)})
    auth = Auth(
        endpoint=stub.endpoint, client_credentials=("app", "s3cr3t-of-the-app"), client_scopes="openid"
    )
    assert auth.get_access_token()
    assert stub.requests[0].headers["Authorization"].startswith("Basic ")
    assert stub.requests[0].path == "/user/oauth2/token?grant_type=client_credentials&scope=openid"
    assert "s3cr3t" not in repr(auth) + repr(vars(auth))


@pytest.mark.parametrize("by", ["token", "user"])
def test_a_google_account_that_is_linked_at_fence(stub: Stub, key_file: Path, capsys, by: str) -> None:
    google = {"google": {"proxy_group": None, "linked_google_account": "ada@example.org"}}
    token = {"context": {"user": {"name": "ada", **(google if by == "token" else {})}}}
    stub.on("/user/credentials/api/access_token", {"access_token": make_jwt(stub.endpoint, **token)})
    stub.on("/user/user", {"username": "ada", **(google if by == "user" else {})})
    stub.on("/api/v0/submission/", {"links": []})
    with gen3nb.connect(stub.endpoint, credentials=key_file) as commons:
        assert commons.whoami().google_account == "ada@example.org"
    assert cli.main(["auth", f"--cred={key_file}"]) == 0
    assert "Google account: ada@example.org\n" in capsys.readouterr().out
    stub.on("/user/credentials/api/access_token", {"access_token": make_jwt(stub.endpoint)})
    stub.on("/user/user", {"username": "ada", "google": None})
    assert cli.main(["auth", f"--cred={key_file}"]) == 0
    assert "Google" not in capsys.readouterr().out


def test_in_a_workspace(stub: Stub, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("GEN3NB_WORKSPACE_URL", stub.endpoint + "/wts")
    stub.on("/wts/token/", {"token": make_jwt(stub.endpoint)})
    stub.on("/wts/external_oidc/", {"providers": []})
    auth = Auth()
    assert auth.endpoint == stub.endpoint
    assert "workspace" in auth.source
    assert Auth(idp="far").get_access_token()
    assert stub.requests[-1].path == "/wts/token/?idp=far"
    assert Auth(refresh_file="idp://wts/far").get_access_token()


def test_another_commons_from_a_workspace(
    stub: Stub, other: Stub, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("GEN3NB_WORKSPACE_URL", stub.endpoint)
    stub.on("/external_oidc/", {"providers": [{"base_url": other.endpoint, "idp": "far"}]})
    stub.on("/token/", {"token": make_jwt(other.endpoint)})
    with gen3nb.connect(other.endpoint) as commons:
        assert commons.endpoint == other.endpoint
        assert "workspace" in commons.auth.source
    assert stub.sent("/token/")[0].path == "/token/?idp=far"


def test_a_workspace_that_gives_none(stub: Stub, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("GEN3NB_WORKSPACE_URL", stub.endpoint)
    stub.on("/token/", Reply(400, {"message": "not linked"}))
    with pytest.raises(errors.AuthError, match="link that commons again"):
        Auth().get_access_token()


def test_the_sdks_classes_take_it(commons: gen3nb.Commons) -> None:
    from gen3.index import Gen3Index
    from gen3.metadata import Gen3Metadata
    from gen3.submission import Gen3Submission

    auth = commons.auth
    assert "links" in Gen3Submission(auth).get_programs()
    assert "case" in Gen3Submission(auth).get_dictionary_all()
    index = Gen3Index(auth)
    made = index.create_record(hashes={"md5": "a" * 32}, size=1, urls=["s3://b/k"])
    assert index.get_record(made["did"])["size"] == 1
    metadata = Gen3Metadata(auth)
    metadata.create("gen3nb-test", {"a": 1}, overwrite=True)
    assert metadata.get("gen3nb-test") == {"a": 1}


def test_the_sdks_ways_to_a_token(stub: Stub) -> None:
    stub.on(TOKEN, *({"access_token": make_jwt(stub.endpoint, n=n)} for n in (1, 2)))
    key = key_of(stub)
    auth = Auth(refresh_token=key)
    first = auth.get_access_token()
    assert auth.get_access_token_from_wts() == first
    assert auth._token_info["n"] == 1
    assert auth._get_auth_value() == f"bearer {first}"
    assert auth.refresh_access_token() != first
    assert auth._access_token_info is not None
    assert auth._access_token_info["n"] == 2
    assert auth.get_api_key() == key["api_key"]
    ready = Auth(stub.endpoint, access_token=make_jwt(stub.endpoint))
    assert ready.get_api_key() is None
    with pytest.raises(errors.TokenExpired, match="connect again"):
        ready.refresh_access_token()
    stub.on("/x", {"fine": True})
    assert ready.curl("x").json() == {"fine": True}


def test_without_arguments(stub: Stub, home: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEN3_API_KEY", str(key_file))
    assert Auth().source.startswith("GEN3_API_KEY")
    monkeypatch.delenv("GEN3_API_KEY")
    (home / ".gen3" / "credentials.json").write_bytes(key_file.read_bytes())
    assert Auth().endpoint == stub.endpoint
    assert Auth(refresh_file="credentials").endpoint == stub.endpoint


def test_a_workspace_token_that_names_no_commons(
    stub: Stub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEN3NB_WORKSPACE_URL", stub.endpoint)
    stub.on("/token/", {"token": make_jwt(stub.endpoint, iss="")})
    with pytest.raises(errors.AuthError, match="give its address"):
        gen3nb.connect()
    stub.on("/token/", {"tokens": 1})
    with pytest.raises(errors.AuthError, match="without a token"):
        gen3nb.connect()


@pytest.mark.parametrize(
    "claims", [{"exp": None}, {"exp": "soon"}, {"iat": None}, {"exp": True}, {"exp": 10**30}]
)
def test_tokens_that_do_not_say_when_they_end(stub: Stub, claims: dict[str, Any]) -> None:
    stub.on(TOKEN, {"access_token": make_jwt(stub.endpoint, **claims)})
    auth = Auth(refresh_token=key_of(stub))
    assert auth.get_access_token()
    assert stub.endpoint in repr(auth)


def test_a_key_without_an_issuer(stub: Stub) -> None:
    with pytest.raises(errors.AuthError, match="give the commons' address too"):
        Auth(refresh_token={"api_key": make_jwt(pur="api_key", iss="")})
