"""Profiles: made only where they work, beside those of other programs, by one or by fifty at once."""

from __future__ import annotations

import configparser
import json
import logging
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from client_stub import Reply, Stub, make_jwt

import gen3nb
from gen3nb import errors, profiles
from gen3nb.client.ini import Ini

TOKEN = "/user/credentials/api/access_token"
SIX = ("key_id", "api_key", "access_token", "api_endpoint", "use_shepherd", "min_shepherd_version")


@pytest.fixture
def gen3(stub: Stub) -> Stub:
    """Give a stub that signs in."""
    stub.on(TOKEN, {"access_token": make_jwt(stub.endpoint, jti="fresh")})
    stub.on("/user/user", {"username": "ada"})
    return stub


@pytest.fixture
def file(home: Path) -> Path:
    return home / ".gen3" / "gen3_client_config.ini"


def key_of(stub: Stub, **claims: Any) -> dict[str, str]:
    claims = {"lifetime": 30 * 86400, "pur": "api_key", **claims}
    return {"api_key": make_jwt(stub.endpoint, **claims), "key_id": "k"}


def as_go_reads(file: Path) -> dict[str, dict[str, str]]:
    """Read as the Go clients do, as far as these files go."""
    parser = configparser.ConfigParser(interpolation=None, default_section="\0")
    parser.read_string(file.read_text("utf-8"))
    return {name: dict(parser.items(name)) for name in parser.sections()}


def test_a_profile_is_made_and_used(gen3: Stub, file: Path, key_file: Path) -> None:
    file.parent.rmdir()
    made = profiles.configure("mine", key_file, gen3.endpoint + "/")
    assert made.endpoint == gen3.endpoint
    stored = as_go_reads(file)["mine"]
    assert tuple(stored) == SIX
    assert stored["api_key"] == json.loads(key_file.read_text())["api_key"]
    assert stored["access_token"].startswith("eyJ")
    assert stored["api_endpoint"] == gen3.endpoint
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    with gen3nb.connect("mine") as commons:
        assert commons.profile == "mine"
    assert {path.name for path in file.parent.iterdir()} <= {file.name, f".{file.name}.lock"}


def test_the_issuer_is_the_commons_where_none_is_named(gen3: Stub, file: Path) -> None:
    assert profiles.configure("a", key_of(gen3)).endpoint == gen3.endpoint
    named = {**key_of(gen3), "api_endpoint": gen3.endpoint.replace("127.0.0.1", "localhost")}
    assert profiles.configure("b", named).endpoint == named["api_endpoint"]
    assert profiles.names() == ["a", "b"]


def test_a_host_that_may_be_spoken_to_in_the_open_stays_named(
    gen3: Stub, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from gen3nb.cli import main

    # a way to write this machine that does not count as such
    gen3.endpoint = gen3.endpoint.replace("127.0.0.1", "127.1")
    gen3.on(TOKEN, {"access_token": make_jwt(gen3.endpoint)})
    with pytest.raises(errors.NotConnected, match=r"--allow-http=127\.1"):
        profiles.configure("open", key_of(gen3), gen3.endpoint)
    assert not file.exists()
    made = profiles.configure("open", key_of(gen3), gen3.endpoint, allow_http=[gen3.endpoint])
    assert made.allow_http == ("127.1",)
    assert as_go_reads(file)["open"]["allow_http"] == "127.1"
    assert main(["auth", "--profile=open"]) == 0
    assert main(["profiles", "show", "open"]) == 0
    assert [
        line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("allow_http")
    ] == [["allow_http", "127.1"]]
    with gen3nb.connect("open") as commons:
        assert commons.whoami().username == "ada"
    # another key for the same profile, and another profile
    assert profiles.configure("open", key_of(gen3), gen3.endpoint).allow_http == ("127.1",)
    with pytest.raises(errors.NotConnected, match="not encrypted"):
        profiles.configure("other", key_of(gen3), gen3.endpoint)
    file.write_text(file.read_text("utf-8").replace("allow_http", "#allow_http"), "utf-8")
    assert main(["auth", "--profile=open"]) == 3
    assert "not encrypted" in capsys.readouterr().err


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_all_else_stays_byte_for_byte(gen3: Stub, file: Path, newline: str, mark: bytes) -> None:
    lines = [
        "# of the lab",
        "[first]",
        "key_id               = abc",
        "api_key              = old ; of March",
        "access_token=t",
        "api_endpoint         = https://one.example.org",
        "use_shepherd         = true",
        "min_shepherd_version = 2.0.0",
        "bucket               = b-1",
        "",
        "; the second one",
        "[second]",
        "  api_key: x",
        "api_endpoint = 'https://two.example.org'",
        "unknown = %(y)s",
    ]
    file.write_bytes(mark + newline.join(lines).encode())
    file.chmod(0o600)
    key = key_of(gen3)
    profiles.configure("first", key)
    after = file.read_bytes()
    assert after.startswith(mark)
    assert after.count(b"\xef\xbb\xbf") == bool(mark)
    changed = after.removeprefix(mark).decode().split(newline)
    assert changed[3] == f"api_key              = {key['api_key']} ; of March"
    assert changed[4].startswith("access_token=eyJ")
    assert changed[2] == "key_id               = k"
    assert changed[5] == f"api_endpoint         = {gen3.endpoint}"
    assert [*changed[:2], *changed[6:15]] == [*lines[:2], *lines[6:15]]
    profiles.configure("third", key)
    assert file.read_bytes().startswith(after.rstrip(b"\r\n"))
    again = file.read_bytes()
    assert (b"\r\n" in again) == (newline == "\r\n")
    assert b"\n" not in again.replace(b"\r\n", b"") or newline == "\n"
    assert profiles.names() == ["first", "second", "third"]
    assert profiles.get("second").endpoint == "https://two.example.org"
    assert profiles.get("first").settings["bucket"] == "b-1"
    assert profiles.get("first").settings["use_shepherd"] == "true", "what is not said stays"
    profiles.remove("third")
    assert file.read_bytes().rstrip(b"\r\n") == after.rstrip(b"\r\n")


def test_what_one_says_is_written(gen3: Stub, file: Path) -> None:
    profiles.configure("a", key_of(gen3), use_shepherd=True, min_shepherd_version="2.1.0")
    assert profiles.get("a").settings["use_shepherd"] == "true"
    profiles.configure("a", key_of(gen3), use_shepherd="")
    assert as_go_reads(file)["a"]["use_shepherd"] == ""
    assert as_go_reads(file)["a"]["min_shepherd_version"] == "2.1.0"


def test_the_sdks_own_spelling_and_file(gen3: Stub, home: Path, file: Path) -> None:
    key = key_of(gen3)["api_key"]
    sdk = home / ".gen3" / "config"
    lines = f"key_id=k\napi_key={key}\napi_endpoint={gen3.endpoint}\naccess_key=old\nuse_shepherd=\n\n"
    sdk.write_text(f"[theirs]\n{lines}[both]\n{lines}")
    sdk.chmod(0o644)
    with gen3nb.connect("theirs") as commons:
        assert commons.fence.user()["username"] == "ada"
    assert stat.S_IMODE(sdk.stat().st_mode) == 0o600
    before = sdk.read_bytes()
    profiles.configure("both", key_of(gen3, jti="newer"))
    assert sdk.read_bytes() == before
    assert sorted(profiles.names()) == ["both", "theirs"]
    assert profiles.get("both").api_key != key, "the Go clients' file counts first"
    file.write_text(file.read_text() + f"[mixed]\n{lines}")
    profiles.configure("mixed", key_of(gen3))
    mixed = as_go_reads(file)["mixed"]
    assert mixed["access_key"] == mixed["access_token"] != "old"
    profiles.remove("both")
    profiles.remove("theirs")
    assert profiles.names() == ["mixed"]
    sdk.write_text("nothing of an INI")
    assert profiles.names() == ["mixed"], "a broken file of the SDK's stops nobody"


def refusals(gen3: Stub, tmp_path: Path) -> dict[str, tuple[dict[str, Any], type[Exception], str]]:
    pdf = tmp_path / "key.pdf"
    pdf.write_bytes(b"%PDF-1.7\n")
    key = key_of(gen3)
    return {
        "pdf": ({"credentials": pdf}, errors.ProfileError, "is a PDF"),
        "missing": ({"credentials": tmp_path / "no.json"}, errors.ProfileError, "does not exist"),
        "none": ({}, errors.ProfileError, "its file"),
        "other commons": (
            {"credentials": key, "endpoint": "https://two.example.org"},
            errors.AuthError,
            "was issued by",
        ),
        "expired": (
            {"credentials": key_of(gen3, age=40 * 86400)},
            errors.KeyExpired,
            "valid until",
        ),
        "page": (
            {"credentials": key, "endpoint": gen3.endpoint + "/login"},
            errors.NotConnected,
            "is a page of the commons",
        ),
        "two ways": (
            {"credentials": key, "access_token": key["api_key"]},
            errors.ProfileError,
            "one way",
        ),
        "the key itself": ({"credentials": key["api_key"]}, errors.ProfileError, "the key itself"),
        "workspace": ({"credentials": "idp://wts/x"}, errors.ProfileError, "API key file"),
    }


@pytest.mark.parametrize(
    "case",
    ["pdf", "missing", "none", "other commons", "expired", "page", "two ways", "the key itself", "workspace"],
)
def test_what_does_not_work_is_not_written(gen3: Stub, file: Path, tmp_path: Path, case: str) -> None:
    file.write_text("[a]\napi_key = x\n")
    file.chmod(0o600)
    options, kind, says = refusals(gen3, tmp_path)[case]
    with pytest.raises(kind, match=says):
        profiles.configure("a", **options)
    assert file.read_text() == "[a]\napi_key = x\n"
    assert gen3.requests == []


def test_a_refused_key_leaves_the_file(gen3: Stub, file: Path) -> None:
    gen3.on(TOKEN, Reply(401, "<html><p class='introduction'>token is denylisted</p></html>"))
    with pytest.raises(errors.AuthError, match="has been deleted"):
        profiles.configure("a", key_of(gen3))
    assert not file.exists()


def test_a_ready_token_is_tried_too(gen3: Stub, file: Path) -> None:
    token = make_jwt(gen3.endpoint)
    assert profiles.configure("t", access_token=token).access_token == token
    assert gen3.requests[0].headers["Authorization"] == f"bearer {token}"
    gen3.on("/user/user", Reply(401, {"message": "Signature has expired"}))
    with pytest.raises(errors.TokenExpired):
        profiles.configure("u", access_token=token)
    assert profiles.names() == ["t"]


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a]",
        "a\n[b",
        "../a",
        "a/b",
        "a\\b",
        ".a",
        "a.",
        "a ",
        "-a",
        "[a",
        "a\x1b[31m",
        "a" * 101,
        "a#b",
        "C:",
    ],
)
def test_names_that_would_not_survive(gen3: Stub, file: Path, name: str) -> None:
    with pytest.raises(errors.ProfileError, match="cannot be a profile's name") as caught:
        profiles.configure(name, key_of(gen3))
    assert "\x1b" not in str(caught.value)
    assert not file.exists()
    assert gen3.requests == []


@pytest.mark.parametrize("name", ["a", "my commons", "ada@example.org", "données", "P-1 (test)", "DEFAULT"])
def test_names_that_do(gen3: Stub, file: Path, name: str) -> None:
    profiles.configure(name, key_of(gen3))
    assert profiles.names() == [name]
    assert list(as_go_reads(file)) == [name]


def test_a_broken_file_is_told_with_its_line_and_left(gen3: Stub, file: Path) -> None:
    secret = make_jwt(gen3.endpoint)
    content = f"[a]\napi_key = x\n{secret}\n"
    file.write_text(content)
    file.chmod(0o600)
    for act in (
        lambda: profiles.configure("b", key_of(gen3)),
        lambda: profiles.remove("a"),
        lambda: profiles.set_default("a"),
        profiles.names,
    ):
        with pytest.raises(errors.ProfileError, match="line 3 is not") as caught:
            act()
        assert secret[:20] not in str(caught.value)
    assert file.read_text() == content
    assert gen3.requests == []


def test_the_default(gen3: Stub, file: Path) -> None:
    for name in ("a", "b", "c"):
        profiles.configure(name, key_of(gen3))
    assert profiles.default() is None
    profiles.set_default("b")
    assert profiles.default() == "b"
    profiles.set_default("c")
    assert profiles.default() == "c"
    assert file.read_text().count("= true") == 1
    profiles.configure("c", key_of(gen3))
    assert profiles.default() == "c", "a new key does not change which is the default"
    with gen3nb.connect() as commons:
        assert commons.profile == "c"
    profiles.remove("c")
    assert profiles.default() is None
    with pytest.raises(errors.ProfileError, match="no profile 'c'"):
        profiles.set_default("c")
    with pytest.raises(errors.ProfileError, match="did you mean 'b'"):
        profiles.remove("B")


def test_a_link_of_ones_own_is_followed(gen3: Stub, file: Path, tmp_path: Path) -> None:
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir()
    kept = dotfiles / "gen3.ini"
    kept.write_text("[old]\napi_key = x\n")
    file.symlink_to(kept)
    profiles.configure("new", key_of(gen3))
    assert file.is_symlink()
    assert list(as_go_reads(kept)) == ["old", "new"]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["nowhere", "folder", "pipe"])
def test_a_link_to_something_else_is_not(gen3: Stub, file: Path, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "target"
    if kind == "folder":
        target.mkdir()
    if kind == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to(target)
    with pytest.raises(errors.ProfileError, match=r"profile file|nothing was written"):
        profiles.configure("new", key_of(gen3))
    assert kind != "nowhere" or not target.exists()


def test_a_link_to_another_users_file_is_not(
    gen3: Stub, file: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    target = tmp_path / "theirs.ini"
    target.write_text("")
    file.symlink_to(target)
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    with pytest.raises(errors.ProfileError, match="another user's"):
        profiles.configure("new", key_of(gen3))
    assert target.read_text() == ""


def test_a_full_disk_leaves_the_old_file(gen3: Stub, file: Path, monkeypatch: Any) -> None:
    profiles.configure("old", key_of(gen3))
    before = file.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(errors.ProfileError, match="No space left"):
        profiles.configure("new", key_of(gen3))
    assert file.read_bytes() == before
    assert {path.name for path in file.parent.iterdir()} == {file.name, f".{file.name}.lock"}


def test_a_write_by_a_program_without_a_lock_is_not_lost(gen3: Stub, file: Path, monkeypatch: Any) -> None:
    """A Go client saves between our reading and our writing."""
    file.write_text("[old]\napi_key = x\n")
    file.chmod(0o600)
    plain = Ini.with_values
    calls: list[int] = []

    def slow(self: Ini, *arguments: Any) -> str:
        calls.append(1)
        if len(calls) == 1:
            with file.open("a") as opened:
                opened.write("[of a Go client]\napi_key = y\n")
        return plain(self, *arguments)

    monkeypatch.setattr(Ini, "with_values", slow)
    profiles.configure("new", key_of(gen3))
    assert profiles.names() == ["old", "of a Go client", "new"]


def test_where_there_is_no_flock(gen3: Stub, file: Path, monkeypatch: Any) -> None:
    """As on some network homes: a file beside it is the lock, and goes away again."""
    import filelock

    class Without(filelock.FileLock):  # type: ignore[misc, valid-type]
        def acquire(self, *arguments: Any, **options: Any) -> Any:
            raise OSError(95, "Operation not supported")

    monkeypatch.setattr(filelock, "FileLock", Without)
    profiles.configure("a", key_of(gen3))
    assert profiles.names() == ["a"]
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_lock_that_is_held_is_told(file: Path) -> None:
    from gen3nb.client import private_files

    with (
        private_files.locked(file),
        pytest.raises(errors.ProfileError, match="another program"),
        private_files.locked(file, timeout=0.1),
    ):
        pass


FIFTY = """
import os, sys
from gen3nb import profiles
ready, go = os.pipe()
children = []
for number in range(50):
    child = os.fork()
    if child == 0:
        os.close(go)
        os.read(ready, 1)  # all begin when the parent closes its end
        try:
            profiles.configure(f"p{number}", sys.argv[1], sys.argv[2])
        except BaseException as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    children.append(child)
os.close(go)
sys.exit(sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0 for child in children))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_fifty_processes_at_once_lose_none(commons: gen3nb.Commons, file: Path) -> None:
    file.write_text("# mine\n[old]\napi_key = x\n")
    file.chmod(0o600)
    key = str(commons.sandbox.credentials("reader"))
    done = subprocess.run(
        [sys.executable, "-c", FIFTY, key, commons.endpoint], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(profiles.names()) == sorted(["old", *(f"p{number}" for number in range(50))])
    assert file.read_text().startswith("# mine\n[old]\napi_key = x\n\n[p")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_key_file_that_others_can_read_is_closed_to_them(
    gen3: Stub, file: Path, key_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key_file.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        profiles.configure("a", key_file)
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert "could read your API key" in caplog.text
    caplog.clear()
    profiles.configure("a", key_file)
    assert caplog.text == ""
