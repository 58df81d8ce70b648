"""Tests touch no network other than loopback: here is the proof, in this process and in its children."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

# Addresses and names that are reserved for documentation: even without the hook nobody would answer there.
ELSEWHERE = "192.0.2.1"


@pytest.fixture
def unlogged(tmp_path, monkeypatch):
    """Let the refusals of this file not count as the run's own."""
    monkeypatch.setenv("GEN3NB_TEST_NETWORK_LOG", str(tmp_path / "network.log"))
    return tmp_path / "network.log"


def test_this_process_cannot_leave(unlogged):
    with socket.socket() as plug, pytest.raises(RuntimeError, match="stay on loopback"):
        plug.connect((ELSEWHERE, 443))
    with pytest.raises(RuntimeError, match="stay on loopback"):
        socket.getaddrinfo("data.example.org", 443)
    assert ELSEWHERE in unlogged.read_text()


def test_a_child_process_cannot_leave(unlogged):
    code = f"import socket; socket.create_connection(({ELSEWHERE!r}, 443), timeout=1)"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)
    assert child.returncode != 0
    assert "NetworkForbidden" in child.stderr
    assert ELSEWHERE in unlogged.read_text()


def test_loopback_is_open():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with socket.create_connection(server.getsockname(), timeout=5):
            pass
