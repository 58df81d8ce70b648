"""Proxies and CA files of the environment: kept away from this machine, and named where they are wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from client_stub import Reply, Stub, make_jwt

import gen3nb
from gen3nb import errors
from gen3nb.client.auth import Auth
from gen3nb.client.transport import Transport
from gen3nb.client.words import words_of
from gen3nb.client.workspace import Workspace

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _clean(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        for spelling in (name, name.upper()):
            monkeypatch.setenv(spelling, "")  # what the code sets is undone as well
            monkeypatch.delenv(spelling)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("known", [{}, {"NO_PROXY": "a.example.org"}, {"no_proxy": "*"}])
def test_the_sdk_does_not_show_a_proxy_the_token_of_this_machine(
    stub: Stub, other: Stub, monkeypatch: pytest.MonkeyPatch, known: dict[str, str]
) -> None:
    monkeypatch.setenv("HTTP_PROXY", other.endpoint)
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    stub.on("/x", {"fine": True})
    auth = Auth(stub.endpoint, access_token=make_jwt(stub.endpoint))
    assert requests.get(stub.endpoint + "/x", auth=auth, timeout=5).json() == {"fine": True}
    assert other.requests == []
    for name, value in known.items():
        assert value in os.environ[name], "what was there stays"


def test_without_a_proxy_the_environment_stays_as_it_is(stub: Stub) -> None:
    before = dict(os.environ)
    Auth(stub.endpoint, access_token=make_jwt(stub.endpoint))
    assert dict(os.environ) == before


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(
    "proxy", ["http://ada:hunter22@127.0.0.1:9", "http://nowhere.invalid:3128", "http://:x"]
)
def test_a_wrong_proxy_is_named(monkeypatch: pytest.MonkeyPatch, name: str, proxy: str) -> None:
    monkeypatch.setenv(name, proxy)
    transport = Transport("https://data.example.org", retries=0)
    with pytest.raises(errors.Unavailable, match=f"proxy on the way .*{name}") as caught:
        transport.request("GET", "/x", service="fence")
    assert "hunter22" not in str(caught.value)


def test_a_wrong_proxy_that_was_given(stub: Stub) -> None:
    transport = Transport("https://data.example.org", proxies={"https": "http://127.0.0.1:9"}, retries=0)
    with pytest.raises(errors.Unavailable, match="proxies="):
        transport.request("GET", "/x", service="fence")


@pytest.mark.parametrize("kind", ["missing", "no PEM"])
@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "verify="])
def test_a_wrong_ca_file_is_named(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, name: str
) -> None:
    path = tmp_path / "ca.pem"
    if kind == "no PEM":
        path.write_text("this is no certificate")
    verify: bool | str = True
    if name == "verify=":
        verify = str(path)
    else:
        monkeypatch.setenv(name, str(path))
    transport = Transport(stub.endpoint.replace("http:", "https:"), verify=verify, retries=0)
    with pytest.raises(errors.Unavailable, match="PEM") as caught:
        transport.request("GET", "/x", service="fence")
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("http://workspace-token-service.default.svc.cluster.local", True),
        ("http://workspace-token-service", True),
        ("http://127.0.0.1:8000", True),
        ("https://data.example.org/wts", True),
        ("http://data.example.org/wts", False),
        ("http://svc.cluster.local.example.org", False),
    ],
)
def test_the_workspace_is_spoken_to_openly_in_the_cluster_only(
    monkeypatch: pytest.MonkeyPatch, url: str, fine: bool
) -> None:
    monkeypatch.setenv("GEN3NB_WORKSPACE_URL", url)
    if fine:
        assert Workspace.in_cluster().transport.endpoint == url
        return
    with pytest.raises(errors.NotConnected, match="without encryption"):
        Workspace.in_cluster()
    assert Workspace.in_cluster(allow_http=[url.split("/")[2]])


def test_linked_commons(commons: gen3nb.Commons) -> None:
    linked = {one["idp"]: one for one in commons.workspace.linked()}
    assert linked["practice"]["linked"]
    assert linked["practice"]["endpoint"] == commons.endpoint
    assert not linked["elsewhere"]["linked"]
    assert "authorization_url" in linked["elsewhere"]["link"]


@pytest.mark.parametrize("kind", ["json", "page"])
def test_what_a_terminal_would_obey_is_not_in_a_message(stub: Stub, kind: str) -> None:
    evil = "no\x1b]0;owned\x07 \x1b[2J\x9b31m \u202egnp.exe &#27;[1m"
    stub.on("/user/user", Reply(400, {"message": evil} if kind == "json" else f"<html><p>{evil}</p></html>"))
    with pytest.raises(errors.ServiceError) as caught:
        Transport(stub.endpoint).json("GET", "/user/user", service="fence")
    said = str(caught.value) + repr(caught.value.facts)
    assert "owned" in said
    for sign in "\x1b\x07\x9b\u202e":
        assert sign not in said
    assert words_of(requests.get(stub.endpoint + "/user/user", timeout=5))[0]


def test_signing_in_needs_neither_pandas_nor_the_sdk() -> None:
    code = "import sys, gen3nb.client.opening; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pandas", "numpy", "gen3", "jsonschema", "pyarrow"} & set(done.stdout.split())
