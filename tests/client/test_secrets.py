"""No key and no token in anything that people read or store."""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
import pprint
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from client_stub import Reply, Stub, make_jwt

import gen3nb
from gen3nb import errors
from gen3nb.client import profiles
from gen3nb.client.auth import Auth
from gen3nb.client.redaction import Secret, SecretBytes, hide, redact

TOKEN = "/user/credentials/api/access_token"


class Secrets:
    """The key and the tokens of a test, and a search for any part of them that says something."""

    def __init__(self, stub: Stub) -> None:
        self.key = make_jwt(stub.endpoint, lifetime=30 * 86400, pur="api_key", jti="key-of-ada")
        self.token = make_jwt(stub.endpoint, jti="token-of-ada")
        self.document = {"api_key": self.key, "key_id": "k-1"}

    def absent_from(self, text: str) -> None:
        for name, secret in (("key", self.key), ("token", self.token)):
            header, claims, signature = secret.split(".")
            for part in (f"{header}.", claims[:40], claims, signature):
                assert part not in text, f"a part of the {name} is in: {text[:2000]}"


@pytest.fixture
def secrets(stub: Stub) -> Secrets:
    return Secrets(stub)


def rendered(error: BaseException) -> str:
    """Give everything that a traceback printer may show: local variables, causes, contexts, facts."""
    lines = traceback.TracebackException.from_exception(error, capture_locals=True, compact=False).format()
    shown = io.StringIO()
    from rich.console import Console
    from rich.traceback import Traceback

    # every frame counts but those of the test itself
    Console(file=shown, width=400, color_system=None).print(
        Traceback.from_exception(type(error), error, error.__traceback__, show_locals=True)
    )
    facts = repr(getattr(error, "facts", "")) + repr(error) + str(error)
    return "".join(lines) + shown.getvalue() + facts


PACKAGE = str(Path(gen3nb.__file__).parent)


def failing(secrets: Secrets) -> dict[str, tuple[dict[str, Any], Callable[[gen3nb.Commons], Any]]]:
    fine = {"access_token": secrets.token}
    echo = {"message": f"bearer {secrets.token} is not good, nor is {secrets.key}"}
    return {
        "token route breaks off": ({TOKEN: Reply(body=fine, cut=200)}, lambda commons: None),
        "token is half a JSON": (
            {TOKEN: Reply(body=json.dumps(fine)[:-1].encode())},
            lambda commons: None,
        ),
        "token is none": ({TOKEN: {"access_token": secrets.token.rpartition(".")[0]}}, lambda commons: None),
        "key is refused": ({TOKEN: Reply(401, echo)}, lambda commons: None),
        "service echoes": (
            {TOKEN: fine, "/user/user": Reply(400, echo)},
            lambda commons: commons.fence.user(),
        ),
        "page echoes": (
            {TOKEN: fine, "/user/user": Reply(500, f"<html><title>{echo['message']}</title></html>")},
            lambda commons: commons.fence.user(),
        ),
        "query breaks off": (
            {TOKEN: fine, "/api/v0/submission/graphql": Reply(body={"data": {}}, cut=3)},
            lambda commons: commons.peregrine.query("{a}"),
        ),
        "made key is unreadable": (
            {TOKEN: fine, "/user/credentials/api": Reply(body=json.dumps(secrets.document)[:-2].encode())},
            lambda commons: commons.fence.create_api_key(),
        ),
    }


@pytest.mark.parametrize(
    "case",
    [
        "token route breaks off",
        "token is half a JSON",
        "token is none",
        "key is refused",
        "service echoes",
        "page echoes",
        "query breaks off",
        "made key is unreadable",
    ],
)
def test_nothing_in_a_failure(
    stub: Stub,
    secrets: Secrets,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    case: str,
) -> None:
    monkeypatch.setattr("gen3nb.client.transport.sleep", lambda seconds: None)
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "key.json"
    path.write_text(json.dumps(secrets.document))
    replies, act = failing(secrets)[case]
    for route, reply in replies.items():
        stub.on(route, reply)
    with pytest.raises(errors.Gen3Error) as caught:
        act(gen3nb.connect(stub.endpoint, credentials=path))
    error = caught.value
    # the frames of this test hold the secrets themselves: leave those out
    trace = error.__traceback__
    while trace is not None and not trace.tb_frame.f_code.co_filename.startswith(PACKAGE):
        trace = trace.tb_next
    assert trace is not None
    shown = rendered(error.with_traceback(trace))
    assert "transport" in shown or "sources" in shown, "locals were rendered"
    secrets.absent_from(shown)
    secrets.absent_from(caplog.text)
    secrets.absent_from(pickle.dumps(error).decode("latin-1"))


def test_nothing_in_a_failure_without_an_answer(
    stub: Stub, secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = Auth("http://127.0.0.1:9", access_token=make_jwt("http://127.0.0.1:9", jti="token-of-ada"))
    from gen3nb.client.transport import Transport

    with pytest.raises(errors.Unavailable) as caught:
        Transport("http://127.0.0.1:9", auth=auth).request("POST", "/x", service="fence", json={"a": 1})
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    trace = caught.value.__traceback__
    assert trace is not None
    shown = rendered(caught.value.with_traceback(trace.tb_next))
    assert not [part for part in auth.get_access_token().split(".") if part in shown]


def test_nothing_in_what_can_be_looked_at(stub: Stub, secrets: Secrets, tmp_path: Path) -> None:
    stub.on(TOKEN, {"access_token": secrets.token})
    stub.on("/user/user", {"username": "ada"})
    stub.on("/authz/mapping", {})
    stub.on("/api/v0/submission/", {"links": []})
    commons = gen3nb.connect(stub.endpoint, credentials=secrets.document)
    auth = commons.auth
    seen: list[Any] = [commons, auth, auth._keeper, auth._credential, auth._keeper.token, commons.transport]
    seen += [commons.fence, commons.sheepdog, commons.peregrine, commons.arborist, commons.whoami()]
    for thing in seen:
        secrets.absent_from(repr(thing) + str(thing) + pprint.pformat(getattr(thing, "__dict__", None)))
        secrets.absent_from(getattr(thing, "_repr_html_", str)())
    secrets.absent_from(repr(auth._access_token) + repr(auth._refresh_token) + repr(auth.get_access_token()))
    secrets.absent_from(pickle.dumps(commons).decode("latin-1"))
    secrets.absent_from(pickle.dumps(commons.whoami()).decode("latin-1"))
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(auth)
    with pytest.raises(TypeError, match="not pickled"):
        copy.deepcopy(auth)


def test_nothing_in_the_debug_log_of_a_session(
    stub: Stub, secrets: Secrets, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    stub.on(TOKEN, {"access_token": secrets.token})
    stub.on("*", {"links": []})
    commons = gen3nb.connect(stub.endpoint, credentials=secrets.document)
    commons.sheepdog.programs()
    requests.get(stub.endpoint + "/x", auth=commons.auth, timeout=5)
    assert "urllib3" in {record.name.partition(".")[0] for record in caplog.records}
    assert "gen3nb" in {record.name.partition(".")[0] for record in caplog.records}
    secrets.absent_from(caplog.text)


def test_nothing_in_a_wrong_key_file(stub: Stub, secrets: Secrets, tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    for content in (
        {"key": secrets.key},
        [secrets.key],
        {"api_key": secrets.key.rpartition(".")[0]},
        {secrets.key: "api_key"},
        secrets.key[:-30] + ".",
    ):
        path.write_text(json.dumps(content))
        with pytest.raises(errors.ProfileError) as caught:
            gen3nb.connect(stub.endpoint, credentials=path)
        error = caught.value
        trace = error.__traceback__
        assert trace is not None
        secrets.absent_from(rendered(error.with_traceback(trace.tb_next)))


def test_nothing_where_the_arguments_are_wrong(stub: Stub, secrets: Secrets) -> None:
    for options in (
        {"credentials": secrets.document, "access_token": secrets.token},
        {"credentials": {"key": secrets.key}},
        {"access_token": secrets.token + ".x"},
        {"access_token": secrets.key},
        {"credentials": {"api_key": secrets.token.replace(".", "", 1)}},
    ):
        with pytest.raises(errors.Gen3Error) as caught:
            gen3nb.connect("http://127.0.0.1:9", **options)
        trace = caught.value.__traceback__
        assert trace is not None
        secrets.absent_from(rendered(caught.value.with_traceback(trace.tb_next)))


def test_profiles_hide_theirs(home: Path, secrets: Secrets) -> None:
    file = home / ".gen3" / "gen3_client_config.ini"
    file.write_text(
        f"[a]\napi_key = {secrets.key}\naccess_token={secrets.token}\napi_endpoint=http://127.0.0.1:9\n"
    )
    file.chmod(0o600)
    profile = profiles.get("a")
    secrets.absent_from(repr(profile) + repr(vars(profile)) + repr(profile.credential()))
    with pytest.raises(pickle.PicklingError):
        pickle.dumps(profile)


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: bearer {token}",
        "Basic dXNlcjpwYXNzd29yZA==",
        'body {{"api_key": "{token}"}}',
        "https://b.s3.amazonaws.com/k?X-Amz-Credential=AKIA&X-Amz-Signature=deadbeef01&x=1",
        "https://s/k?Signature=deadbeef01&Expires=1",
        "https://ada:hunter22@proxy.example.org/",
        "api_key = supersecretvalue",
    ],
)
def test_redaction(text: str) -> None:
    token = make_jwt()
    whole = text.format(token=token)
    shown = redact(whole)
    assert shown != whole
    for secret in (token.split(".")[1], "deadbeef01", "hunter22", "supersecretvalue", "dXNlcjpwYX"):
        assert secret not in shown


@pytest.mark.parametrize("text", ["key 'api_key' is missing", "no token", "a.b.c", "'key' is required"])
def test_redaction_leaves_words_alone(text: str) -> None:
    assert redact(text) == text


def test_a_secret_is_text_and_nothing_else() -> None:
    secret = Secret("abcdef")
    assert f"{secret}" == secret == "abcdef"
    assert hash(secret) == hash("abcdef")
    assert json.dumps({"k": secret}) == '{"k": "abcdef"}'
    for shown in (
        repr(secret),
        repr([secret]),
        repr(secret[:3]),
        pprint.pformat({"a": secret}),
        f"{secret!r}",
    ):
        assert "abc" not in shown
    assert "abc" not in repr(SecretBytes(b"abc"))
    for thing in (secret, SecretBytes(b"abc")):
        with pytest.raises(pickle.PicklingError):
            pickle.dumps(thing)
    assert "abc" not in repr(hide({"x": ["abcdef", {"y": "abcdef"}], "abcdef": 1}))
    assert copy.deepcopy(secret) == secret


CRASH = """
import faulthandler, sys, traceback
import gen3nb
from gen3nb.client.answers import Adapter

kind, profile = sys.argv[1:3]
if kind == "locals":
    def hook(*error):
        shown = traceback.TracebackException(*error, capture_locals=True, compact=False)
        print("".join(shown.format()), file=sys.stderr)
    sys.excepthook = hook
elif kind == "rich":
    import rich.traceback
    rich.traceback.install(show_locals=True, width=300, locals_max_string=None, max_frames=0)
else:
    faulthandler.enable(all_threads=True)

plain = Adapter.send

def broken(self, request, *arguments, **options):
    if request.path_url == "/user/user":
        if kind.startswith("fault"):
            faulthandler.dump_traceback(all_threads=True)
        raise RuntimeError("an error that nobody expects")
    return plain(self, request, *arguments, **options)

commons = gen3nb.connect(profile)
Adapter.send = broken
commons.fence.user()
"""


@pytest.mark.parametrize("kind", ["locals", "rich", "faulthandler"])
def test_nothing_in_a_crash_report(stub: Stub, secrets: Secrets, home: Path, kind: str) -> None:
    """Whatever prints tracebacks with local variables, of whatever error, in a process of its own."""
    stub.on(TOKEN, {"access_token": secrets.token})
    file = home / ".gen3" / "gen3_client_config.ini"
    file.write_text(f"[a]\napi_key = {secrets.key}\napi_endpoint = {stub.endpoint}\n")
    file.chmod(0o600)
    done = subprocess.run(
        [sys.executable, "-c", CRASH, kind, "a"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "an error that nobody expects" in done.stderr
    if kind != "faulthandler":
        assert "Authorization" in done.stderr, "local variables were shown"
    secrets.absent_from(done.stdout + done.stderr)
