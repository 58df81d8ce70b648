"""Servers that answer what a test tells them to, a key file, and a home without either."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from client_stub import Stub, make_jwt, serve


@pytest.fixture
def stub() -> Iterator[Stub]:
    stub = Stub()
    server = serve(stub)
    yield stub
    server.shutdown()
    server.server_close()


@pytest.fixture
def other() -> Iterator[Stub]:
    """Give another origin."""
    stub = Stub()
    server = serve(stub)
    yield stub
    server.shutdown()
    server.server_close()


@pytest.fixture
def key_file(tmp_path: Path, stub: Stub) -> Path:
    """Give an API key file of the stub's."""
    path = tmp_path / "credentials.json"
    key = make_jwt(stub.endpoint, lifetime=30 * 86400, pur="api_key")
    path.write_text(json.dumps({"api_key": key, "key_id": "k-1"}))
    path.chmod(0o600)
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty home folder, and an environment that names no commons."""
    home = tmp_path / "home"
    (home / ".gen3").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    for name in (
        "GEN3NB_PROFILE",
        "GEN3_API_KEY",
        "GEN3NB_WORKSPACE_URL",
        "KUBERNETES_SERVICE_HOST",
        "NAMESPACE",
        "GEN3_ENDPOINT",
    ):
        monkeypatch.delenv(name, raising=False)
    return home
