"""Which commons and which credentials `connect` takes, and what it says of wrong ones."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from client_stub import Reply, Stub, make_jwt

import gen3nb
from gen3nb import errors
from gen3nb.client import profiles

TOKEN = "/user/credentials/api/access_token"
Key = Callable[..., dict[str, str]]


@pytest.fixture
def gen3(stub: Stub) -> Stub:
    """Give a stub that signs in."""
    stub.on(TOKEN, {"access_token": make_jwt(stub.endpoint)})
    stub.on("/user/user", {"username": "ada"})
    stub.on("/authz/mapping", {})
    stub.on("/api/v0/submission/", {"links": []})
    return stub


def key_of(stub: Stub, **claims: Any) -> dict[str, str]:
    claims = {"lifetime": 30 * 86400, "pur": "api_key", **claims}
    return {"api_key": make_jwt(stub.endpoint, **claims), "key_id": "k"}


def write_profiles(home: Path, **sections: dict[str, str]) -> Path:
    lines = []
    for name, keys in sections.items():
        lines += [f"[{name}]", *(f"{key:<20} = {value}" for key, value in keys.items()), ""]
    file = home / ".gen3" / "gen3_client_config.ini"
    file.write_text("\n".join(lines))
    file.chmod(0o600)
    return file


def profile_of(stub: Stub, **more: str) -> dict[str, str]:
    key = key_of(stub)
    six = {"access_token": "", "api_endpoint": stub.endpoint, "use_shepherd": "", "min_shepherd_version": ""}
    return {**key, **six, **more}


# the order


def test_the_order(gen3: Stub, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the winner, one after the other."""
    write_profiles(home, default=profile_of(gen3), other=profile_of(gen3), third=profile_of(gen3))
    (home / ".gen3" / "credentials.json").write_text(json.dumps(key_of(gen3)))
    (home / ".gen3" / "mine.json").write_text(json.dumps(key_of(gen3)))
    monkeypatch.setenv("GEN3NB_PROFILE", "third")
    monkeypatch.setenv("GEN3_API_KEY", "mine")
    monkeypatch.setenv("GEN3NB_WORKSPACE_URL", gen3.endpoint + "/wts")
    gen3.on("/wts/token/", {"token": make_jwt(gen3.endpoint)})
    gen3.on("/wts/external_oidc/", {"providers": []})

    def source(*target: str, **options: Any) -> str:
        with gen3nb.connect(*target, **options) as commons:
            assert commons.endpoint == gen3.endpoint
            assert commons.whoami().source == commons.auth.source
            assert commons.auth.source in str(commons.whoami())
            return commons.auth.source

    assert source(gen3.endpoint, access_token=make_jwt(gen3.endpoint)) == "the access token given"
    assert source("other") == "the profile 'other'"
    assert source(profile="other") == "the profile 'other'"
    assert source(credentials=key_of(gen3)) == "the API key given"
    for target in ((), (gen3.endpoint,), (gen3.endpoint + "/",)):
        assert source(*target) == "GEN3NB_PROFILE: the profile 'third'"
    monkeypatch.delenv("GEN3NB_PROFILE")
    assert source() == f"GEN3_API_KEY: {home}/.gen3/mine.json"
    monkeypatch.delenv("GEN3_API_KEY")
    assert source() == "the default profile: the profile 'default'"
    write_profiles(home, only=profile_of(gen3))
    assert source() == "the only profile: the profile 'only'"
    write_profiles(home, a=profile_of(gen3), b=profile_of(gen3))
    assert source() == f"the API key file {home}/.gen3/credentials.json"
    (home / ".gen3" / "credentials.json").unlink()
    assert source() == "the workspace"
    monkeypatch.delenv("GEN3NB_WORKSPACE_URL")
    with pytest.raises(errors.NotConnected, match="nothing to sign in") as caught:
        source()
    for place in ("GEN3NB_PROFILE", "GEN3_API_KEY", "profile", "credentials.json", "workspace", "sandbox()"):
        assert place in str(caught.value)
    assert "name one of the profiles, at a terminal by --profile: a, b" in str(caught.value)
    assert "gen3nb configure --profile NAME --cred" in str(caught.value)


def test_a_named_address_passes_over_the_keys_of_others(
    gen3: Stub, other: Stub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_profiles(home, a=profile_of(other), b=profile_of(gen3))
    monkeypatch.setenv("GEN3NB_PROFILE", "a")
    (home / ".gen3" / "credentials.json").write_text(json.dumps(key_of(other)))
    with gen3nb.connect(gen3.endpoint) as commons:
        assert commons.profile == "b"
    assert other.requests == []
    write_profiles(home, a=profile_of(other))
    gen3.on("/user/jwt/keys", {"keys": []})
    with pytest.raises(errors.NotConnected, match=f"profile 'a' is for {other.endpoint}"):
        gen3nb.connect(gen3.endpoint)


def test_names_of_this_machine_are_one(gen3: Stub, home: Path) -> None:
    address = gen3.endpoint.replace("127.0.0.1", "localhost")
    with gen3nb.connect(address, credentials=key_of(gen3)) as commons:
        assert commons.endpoint == address
        assert commons.fence.user()


# addresses


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("data.example.org/login", "connect to 'https://data.example.org'"),
        ("https://data.example.org/identity", "connect to 'https://data.example.org'"),
        ("https://data.example.org/explorer", "is a page of the commons"),
        ("https://data.example.org/?x=1", "is a page of the commons"),
        ("https://data.example.org/#login", "is a page of the commons"),
        ("ftp://data.example.org", "not the address of a commons"),
        ("https://", "not the address of a commons"),
        ("http://data.example.org", "allow_http"),
        ("http://10.0.0.7", "allow_http"),
        ("https://ada:secret@data.example.org", "credentials="),
        ("https://data.example.org:port", "not the address of a commons"),
    ],
)
def test_wrong_addresses(home: Path, address: str, says: str) -> None:
    with pytest.raises(errors.NotConnected) as caught:
        gen3nb.connect(address, access_token=make_jwt())
    assert says in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("data.example.org", "https://data.example.org"),
        (" data.example.org/ ", "https://data.example.org"),
        ("localhost:8000", "http://localhost:8000"),
    ],
)
def test_an_address_without_a_scheme_is_tried_and_that_is_said(
    written: str, meant: str, caplog: pytest.LogCaptureFixture
) -> None:
    from gen3nb.client.addresses import check_endpoint

    assert check_endpoint(written) == meant
    assert f"has no scheme: trying {meant}" in caplog.text
    caplog.clear()
    assert check_endpoint(meant) == meant
    assert caplog.text == ""


def test_a_stub_is_reached_without_a_scheme(gen3: Stub, home: Path) -> None:
    with gen3nb.connect(gen3.endpoint.removeprefix("http://"), credentials=key_of(gen3)) as commons:
        assert commons.endpoint == gen3.endpoint


@pytest.mark.parametrize(("hours", "told"), [(20, True), (24 * 20, False)])
def test_a_key_that_ends_tomorrow_is_noted(
    gen3: Stub, home: Path, caplog: pytest.LogCaptureFixture, hours: int, told: bool
) -> None:
    gen3nb.connect(credentials=key_of(gen3, lifetime=hours * 3600)).close()
    assert ("make a new one on the profile page" in caplog.text) == told


def test_http_is_allowed_by_name_only(home: Path) -> None:
    from gen3nb.client.addresses import check_endpoint

    assert check_endpoint("http://inside.test", ["inside.test"]) == "http://inside.test"
    with pytest.raises(errors.NotConnected):
        check_endpoint("http://inside.test", ["other.test"])


def test_no_such_machine(home: Path) -> None:
    for options in ({}, {"access_token": make_jwt("https://nowhere.invalid")}):
        with pytest.raises(errors.Unavailable, match="no machine of the name"):
            gen3nb.connect("https://nowhere.invalid", **options)


def test_tls(stub: Stub, home: Path) -> None:
    address = stub.endpoint.replace("http:", "https:")
    with pytest.raises(errors.Unavailable, match="HTTPS"):
        gen3nb.connect(address, access_token=make_jwt(address))


@pytest.mark.parametrize("status", [200, 404, 405])
def test_a_portal(stub: Stub, home: Path, status: int) -> None:
    page = "<!DOCTYPE html><html><head><title>Our portal</title></head><body><p>Hi</p></body></html>"
    stub.on("*", Reply(status, page))
    for options in ({}, {"credentials": key_of(stub)}, {"access_token": make_jwt(stub.endpoint)}):
        with pytest.raises(errors.Gen3Error, match="address") as caught:
            gen3nb.connect(stub.endpoint, **options)
        assert "<" not in str(caught.value)
        assert stub.endpoint in str(caught.value)


# keys


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"%PDF-1.7\n\x00\x01", "is a PDF"),
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"\x00\x01\x02", "is something else"),
        (b"x" * 200_000, "is something else"),
        (b"{'api_key': 1}", "is not JSON"),
        (b"[]", "JSON list"),
        (b"null", "JSON null"),
        (b"7", "JSON number"),
        (b'"text"', "is broken"),
        (b"{}", "it has nothing"),
        (b'{"apikey": "x"}', "it has 'apikey'"),
        (b'{"api_key": 7}', "no 'api_key'"),
        (b'{"api_key": ""}', "no 'api_key'"),
        (b'{"api_key": "abc"}', "is broken"),
        (b'{"api_key": "a.b.c"}', "is broken"),
        ("{}".encode("utf-16"), "something else"),
    ],
)
def test_key_files_of_the_wrong_shape(
    gen3: Stub, home: Path, tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "credentials.json"
    path.write_bytes(content)
    with pytest.raises(errors.ProfileError) as caught:
        gen3nb.connect(gen3.endpoint, credentials=path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert gen3.requests == []


def test_key_files_of_the_right_shape(gen3: Stub, home: Path, tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    key = key_of(gen3)
    for content in (
        json.dumps(key).encode(),
        b"\xef\xbb\xbf" + json.dumps({**key, "extra": 1}).encode(),
        key["api_key"].encode() + b"\n",
    ):
        path.write_bytes(content)
        gen3nb.connect(gen3.endpoint, credentials=path).close()
        gen3nb.connect(credentials=str(path)).close()


def test_a_key_file_that_is_not_there_or_cannot_be_read(gen3: Stub, home: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.ProfileError, match="does not exist"):
        gen3nb.connect(gen3.endpoint, credentials=tmp_path / "none.json")
    with pytest.raises(errors.ProfileError, match="is a folder"):
        gen3nb.connect(gen3.endpoint, credentials=tmp_path)
    with pytest.raises(errors.ProfileError, match=r"connect\(credentials="):
        gen3nb.connect("credentials.json")


def test_an_expired_key_is_not_sent(gen3: Stub, home: Path, tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps(key_of(gen3, age=40 * 86400)))
    with pytest.raises(errors.KeyExpired, match=r"was valid until \d{4}-\d\d-\d\d") as caught:
        gen3nb.connect(gen3.endpoint, credentials=path)
    assert str(path) in str(caught.value)
    assert "profile page" in str(caught.value)
    assert gen3.requests == []


def test_a_key_that_has_just_expired(gen3: Stub, home: Path) -> None:
    """By a minute: the commons' clock decides."""
    page = "<p class='introduction'>id</p><p class='introduction'>[401] - Signature has expired</p>"
    gen3.on(TOKEN, Reply(401, f"<html><title>401</title>{page}</html>"))
    with pytest.raises(errors.KeyExpired, match="was valid until"):
        gen3nb.connect(gen3.endpoint, credentials=key_of(gen3, age=61, lifetime=1))


def test_another_commons_key_is_not_sent(gen3: Stub, other: Stub, home: Path) -> None:
    for options in ({"credentials": key_of(other)}, {"access_token": make_jwt(other.endpoint)}):
        with pytest.raises(errors.AuthError, match="was issued by") as caught:
            gen3nb.connect(gen3.endpoint, **options)
        assert other.endpoint in str(caught.value)
        assert gen3.endpoint in str(caught.value)
    assert gen3.requests == other.requests == []


def test_another_commons_key_where_the_profile_says_workspace(gen3: Stub, other: Stub, home: Path) -> None:
    other.on(TOKEN, {"access_token": make_jwt(other.endpoint, n="mine")})
    other.on("/wts/external_oidc/", {"providers": [{"base_url": gen3.endpoint, "idp": "far"}]})
    theirs = make_jwt(gen3.endpoint, n="theirs")
    other.on("/wts/token/", {"token": theirs})
    write_profiles(home, far={**profile_of(other), "api_endpoint": gen3.endpoint})
    with pytest.raises(errors.AuthError, match="was issued by"):
        gen3nb.connect("far")
    write_profiles(
        home, far={**profile_of(other), "api_endpoint": gen3.endpoint, "token_service": "workspace"}
    )
    with gen3nb.connect("far") as commons:
        commons.fence.user()
    assert [r.path for r in other.requests] == [TOKEN, "/wts/external_oidc/", "/wts/token/?idp=far"]
    assert gen3.sent("/user/user")[0].headers["Authorization"] == f"bearer {theirs}"


@pytest.mark.parametrize(
    ("said", "error", "says"),
    [
        ("token is denylisted", errors.AuthError, "has been deleted"),
        ("[401] - Not enough segments", errors.AuthError, "does not take this API key"),
        ("claims have incorrect purpose: expected api_key, got access", errors.AuthError, "access_token="),
    ],
)
def test_keys_that_the_commons_refuses(
    gen3: Stub, home: Path, said: str, error: type[Exception], says: str
) -> None:
    page = f"<p class='introduction'>e-77</p><p class='introduction'>{said}</p>"
    gen3.on(TOKEN, Reply(401, f"<html><title>Unauthorized</title><body>{page}</body></html>"))
    with pytest.raises(error, match=says) as caught:
        gen3nb.connect(gen3.endpoint, credentials=key_of(gen3))
    assert caught.value.facts["request_id"] == "e-77"
    assert "<" not in str(caught.value)


def test_a_token_and_a_key_are_told_apart(gen3: Stub, home: Path) -> None:
    with pytest.raises(errors.ProfileError, match="access_token="):
        gen3nb.connect(gen3.endpoint, credentials={"api_key": make_jwt(gen3.endpoint, pur="access")})
    with pytest.raises(errors.ProfileError, match="credentials="):
        gen3nb.connect(gen3.endpoint, access_token=key_of(gen3)["api_key"])


def test_an_expired_token(gen3: Stub, home: Path) -> None:
    gen3.on("/user/user", Reply(401, {"message": "Authentication Error: Signature has expired"}))
    with pytest.raises(errors.TokenExpired, match=r"valid until \d{4}-"):
        gen3nb.connect(gen3.endpoint, access_token=make_jwt(gen3.endpoint, age=7200))


def test_one_way_at_a_time(gen3: Stub, home: Path) -> None:
    with pytest.raises(errors.ProfileError, match="credentials and access_token"):
        gen3nb.connect(gen3.endpoint, credentials=key_of(gen3), access_token="x")
    write_profiles(home, mine=profile_of(gen3))
    with pytest.raises(errors.ProfileError, match="has its own key"):
        gen3nb.connect("mine", credentials=key_of(gen3))


def test_what_gen3_api_key_may_hold(gen3: Stub, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEN3_API_KEY", "accesstoken:///" + make_jwt(gen3.endpoint))
    gen3nb.connect(gen3.endpoint).close()
    monkeypatch.setenv("GEN3_API_KEY", "none-such")
    with pytest.raises(errors.ProfileError, match=r"GEN3_API_KEY.*none-such does not exist"):
        gen3nb.connect()


# profiles


def test_profiles_are_read_as_their_writers_mean_them(gen3: Stub, home: Path) -> None:
    file = home / ".gen3" / "gen3_client_config.ini"
    key = key_of(gen3)["api_key"]
    file.write_bytes(
        b"\xef\xbb\xbf; a comment\r\n[DEFAULT]\r\n"
        + f"key_id=%(x)s\r\napi_key = {key}\r\napi_endpoint={gen3.endpoint}/\r\n".encode()
        + b"[sdk]\r\naccess_key = 50%\r\nAPI_Endpoint = https://x.test\r\n"
    )
    file.chmod(0o600)
    assert profiles.names() == ["DEFAULT", "sdk"]
    assert profiles.default() == "DEFAULT"
    assert profiles.get("DEFAULT").endpoint == gen3.endpoint
    assert profiles.get("DEFAULT").settings["key_id"] == "%(x)s"
    assert profiles.get("sdk").access_token == "50%"
    assert profiles.get("sdk").endpoint == "https://x.test"
    before = file.read_bytes()
    with gen3nb.connect() as commons:
        assert commons.profile == "DEFAULT"
    assert file.read_bytes() == before


def test_profiles_that_are_none(gen3: Stub, home: Path) -> None:
    with pytest.raises(errors.ProfileError, match="no profiles on this machine yet"):
        gen3nb.connect("mine")
    write_profiles(
        home, mycommons=profile_of(gen3), b=profile_of(gen3), empty={"api_endpoint": gen3.endpoint}
    )
    with pytest.raises(errors.ProfileError, match="did you mean 'mycommons'"):
        gen3nb.connect("mycomons")
    with pytest.raises(errors.ProfileError, match="'mycommons', 'b'"):
        gen3nb.connect(profile="zzz")
    with pytest.raises(errors.ProfileError, match="neither api_key nor access_token"):
        gen3nb.connect("empty")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"api_key = x\n", "line 1 stands before"),
        (b"[a]\n= 1\n", "line 2 is not"),
        (b"[a]\nk = 1\nwords\n", "line 3 is not"),
        (b"[a\nk = 1\n", "line 1 begins with"),
        (b"[a]\nk = 1\n\xff\xfe", "line 3 is not text"),
    ],
)
def test_a_broken_profile_file(gen3: Stub, home: Path, content: bytes, says: str) -> None:
    file = home / ".gen3" / "gen3_client_config.ini"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(errors.ProfileError, match=says):
        gen3nb.connect("a")
    gen3nb.connect(gen3.endpoint, credentials=key_of(gen3)).close()


def test_a_profile_file_that_others_can_read_is_closed_to_them(
    gen3: Stub, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = write_profiles(home, mine=profile_of(gen3))
    file.chmod(0o644)
    gen3nb.connect("mine").close()
    assert "chmod 600" in caplog.text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
