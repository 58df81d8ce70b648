"""Signing in from a panel, and that no key stays anywhere."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ipywidgets import Widget

import gen3nb
from gen3nb.errors import Gen3Error
from gen3nb.panels import Login
from gen3nb.panels.key_input import KeyInput

if TYPE_CHECKING:
    from gen3nb import Commons


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no commons were open in this process."""
    monkeypatch.setattr("gen3nb.panels.base._only_open", lambda: None)


def drop(key: KeyInput, text: str, name: str = "credentials.json") -> None:
    """Do what the browser does when a file is dropped."""
    key._received(key, {"kind": "key", "text": text, "name": name}, [])


def press(login: Login) -> Login:
    login.connect.click()
    login.wait()
    return login


@pytest.mark.usefixtures("alone")
def test_a_dropped_key_connects_and_is_gone(commons: Commons) -> None:
    content = commons.sandbox.credentials("submitter").read_text()
    key = json.loads(content)["api_key"]
    login = Login()
    drop(login.key, content)
    assert 'credentials="credentials.json"' in login.code
    press(login)
    assert login.error is None
    assert login.commons is not None
    assert "submitter" in login._details.value
    assert not login.key.given
    for widget in (login, login.key, login._details, login.profile):
        assert key not in json.dumps(widget.get_state(), default=str)
        assert key not in repr(widget)
    assert key not in repr(vars(login))
    assert key not in repr(vars(login.key))
    login.logout.click()
    assert "Logged out" in login.message
    assert login.commons is None


@pytest.mark.usefixtures("alone")
def test_a_practice_commons_ends_only_when_asked_twice() -> None:
    login = Login()
    login.practice.click()
    login.wait()
    assert login.commons is not None, login.message
    login.logout.click()
    assert not login.commons.closed
    assert "again to end it" in login.message
    held = login.commons
    login.logout.click()
    assert held.closed
    assert login.heading == "Connect"


@pytest.mark.usefixtures("alone")
def test_a_path_connects(commons: Commons) -> None:
    path = commons.sandbox.credentials("reader")
    login = Login()
    login.key._received(login.key, {"kind": "path", "path": str(path)}, [])
    press(login)
    assert login.error is None
    assert login.commons is not None
    login.commons.close()
    space: dict[str, Any] = {}
    exec(login.code, space)
    assert space["commons"].whoami().username == "reader@commons.test"
    space["commons"].close()


@pytest.mark.usefixtures("alone")
def test_a_profile_connects(commons: Commons, home: Path) -> None:
    key = json.loads(commons.sandbox.credentials("reader").read_text())
    file = home / ".gen3" / "gen3_client_config.ini"
    file.parent.mkdir(mode=0o700)
    file.write_text(
        f"[mine]\nkey_id={key['key_id']}\napi_key={key['api_key']}\napi_endpoint={commons.endpoint}\n"
        "[other]\napi_endpoint=https://data.example.org\napi_key=x\n"
    )
    file.chmod(0o600)
    login = Login()
    assert dict(login.profile.options)[f"mine — {commons.endpoint.removeprefix('http://')}"] == "mine"
    login.profile.value = "mine"
    assert "Key valid until" in login._profile_note.value
    assert login.code.endswith('gen3nb.connect("mine")')
    assert key["api_key"] not in repr(login.profile.get_state())
    press(login)
    assert login.error is None
    assert login.commons is not None
    login.commons.close()


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("text", ["{}", "not json", '{"api_key": 5}', "[1]", "", '{"api_key": "a.b.c"}'])
def test_what_is_no_key_gets_a_sentence(text: str) -> None:
    login = Login()
    drop(login.key, text, "<img src=x>.json")
    press(login)
    assert isinstance(login.error, Gen3Error), login.message
    assert "role='alert'" in login.message
    assert "<img" not in login.message
    assert login.commons is None


@pytest.mark.usefixtures("alone")
def test_a_broken_profile_file_is_said(home: Path) -> None:
    file = home / ".gen3" / "gen3_client_config.ini"
    file.parent.mkdir(mode=0o700)
    file.write_text("no section\n")
    file.chmod(0o600)
    login = Login()
    assert "role='alert'" in login.message
    assert "line 1" in login.message


@pytest.mark.usefixtures("alone")
def test_an_error_that_nobody_expected_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl"

    def broken(**_: Any) -> None:
        raise RuntimeError(f"<script>alert(1)</script> {token}")

    monkeypatch.setattr(gen3nb, "connect", broken)
    login = press(Login())
    assert "Something went wrong in gen3nb: RuntimeError" in login.message
    assert "<script>" not in login.message
    assert token not in login.message


def test_importing_gen3nb_loads_no_widgets() -> None:
    import subprocess

    code = (
        "import gen3nb, sys; print([m for m in ('ipywidgets', 'ipyaggrid', 'anywidget') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_widget_holds_the_name_of_a_key() -> None:
    assert issubclass(KeyInput, Widget)
    assert not {"path", "key", "text", "value"} & set(KeyInput.class_trait_names(sync=True))


def test_an_empty_key_file_connects_to_nothing_else(commons: Commons) -> None:
    login = Login(commons)
    login._form()
    drop(login.key, " \n", "credentials.json")
    press(login)
    assert "credentials.json is empty" in login.message
    drop(login.key, "", "credentials.json")
    assert login.key.given
    press(login)
    assert "credentials.json is empty" in login.message
