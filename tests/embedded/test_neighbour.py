"""A practice commons is safe as a neighbour: of other users, other servers and other windows."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from gen3nb.errors import Gen3Error, MissingExtra, Unavailable
from gen3nb.launch import start_server

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")

# starts a commons, says which, and waits
PARENT = """
import sys, time
from gen3nb.launch import start_server
server = start_server()
child = 0
{more}
print(server.pid, server.folder, server.endpoint, child, flush=True)
time.sleep(600)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # a process that ended and whom nobody has waited for is no longer alive either
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return True


def eventually(condition: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@contextlib.contextmanager
def parent(more: str = "") -> Iterator[tuple[subprocess.Popen[str], int, Path, str, int]]:
    """Start a process that starts a commons; give it, the server's pid, folder, endpoint, and ``child``."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", PARENT.format(more=more)], stdout=subprocess.PIPE, text=True
    )
    try:
        pid, folder, endpoint, child = process.stdout.readline().split()
        yield process, int(pid), Path(folder), endpoint, int(child)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@posix
def test_it_ends_when_its_parent_is_killed():
    with parent() as (process, pid, folder, endpoint, _):
        assert requests.get(endpoint, timeout=30).status_code == 200
        assert alive(pid)
        process.kill()  # SIGKILL: the parent can do nothing any more
        process.wait()
        assert eventually(lambda: not alive(pid))
        assert eventually(lambda: not folder.exists())


@posix
def test_it_ends_even_if_a_forked_child_keeps_the_pipe_open():
    # the parent alone writes: what two processes print into one pipe can come mixed within a line
    fork = "import os\nchild = os.fork()\nif child == 0:\n    time.sleep(600)\n    os._exit(0)"
    with parent(fork) as (process, pid, folder, _, child):
        try:
            process.kill()
            process.wait()
            assert alive(child)
            assert eventually(lambda: not alive(pid))
            assert eventually(lambda: not folder.exists())
        finally:
            os.kill(child, signal.SIGKILL)


@posix
def test_it_ends_when_the_parent_is_told_to():
    with parent("import signal; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))") as (
        process,
        pid,
        folder,
        _,
        _,
    ):
        process.terminate()
        assert process.wait(30) == 0
        assert not alive(pid)
        assert not folder.exists()


@posix
def test_ctrl_c_is_for_the_notebook_not_for_the_server():
    with start_server() as server:
        os.kill(server.pid, signal.SIGINT)
        assert os.getpgid(server.pid) != os.getpgid(0)
        assert requests.get(server.endpoint, timeout=30).status_code == 200


@posix
def test_ps_shows_no_secret():
    with start_server(passwords={"gdcapi": "a-password"}) as server:
        key = json.loads(server.credentials("admin").read_text())
        client = json.loads(server.client_credentials().read_text())
        secrets = [server.secret, key["api_key"], "a-password", client["client_secret"]]
        shown = subprocess.run(
            ["ps", "ewwww", "-o", "args=", "-p", str(server.pid)], capture_output=True, text=True, check=True
        ).stdout
        assert "gen3nb.embedded" in shown
        for environment in (Path(f"/proc/{server.pid}/environ"), Path(f"/proc/{server.pid}/cmdline")):
            if environment.exists():
                shown += environment.read_bytes().decode()
        assert not [secret for secret in secrets if secret in shown]
        assert not [secret for secret in secrets if secret in repr(server) + repr(vars(server.faults))]


@posix
def test_only_the_owner_reads_the_folder_and_the_keys(tmp_path):
    named = tmp_path / "practice"
    named.mkdir(mode=0o755)
    for server in (start_server(), start_server(named)):
        with server:
            assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700
            keys = [server.credentials(user) for user in server.users]
            keys += [server.client_credentials(), server.credentials("reader", expires_in=60)]
            assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
            assert stat.S_IMODE(keys[0].parent.stat().st_mode) == 0o700
            assert sorted(keys[0].parent.iterdir()) == sorted(keys)  # no half-written file


@pytest.mark.parametrize("host", ["evil.test", "127.0.0.1", "localhost", "127.0.0.1:1", "[::1]:{port}", ""])
def test_a_name_that_is_not_ours_is_refused(practice, host):
    port = practice.endpoint.rsplit(":", 1)[1]
    answer = requests.get(practice.endpoint, headers={"Host": host.format(port=port)}, timeout=30)
    assert answer.status_code == 400


def test_our_two_names_are_let_in(practice):
    port = practice.endpoint.rsplit(":", 1)[1]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}"):
        assert requests.get(practice.endpoint, headers={"Host": host}, timeout=30).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://127.0.0.1:8888", "{own}"])
def test_a_page_in_a_browser_is_refused(practice, origin):
    headers = {"Origin": origin.format(own=practice.endpoint)}
    for method in ("GET", "POST", "OPTIONS"):
        answer = requests.request(
            method, practice.endpoint + "/user/credentials/api/access_token", headers=headers, timeout=30
        )
        assert answer.status_code == 403
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_it_listens_on_loopback_alone(practice):
    port = int(practice.endpoint.rsplit(":", 1)[1])
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        other.bind(("127.0.0.2", 0))  # loopback has more addresses: none of them is ours
        with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
            socket.create_connection(("127.0.0.2", port), timeout=5)


def test_control_needs_the_secret(practice):
    for headers in ({}, {"X-Practice-Secret": "guess"}, {"X-Practice-Secret": ""}):
        for route in ("faults", "token", "key", "users", "settings", "workspace", "reset", "shutdown"):
            answer = requests.post(
                f"{practice.endpoint}/_control/{route}", json={"user": "admin"}, headers=headers, timeout=30
            )
            assert answer.status_code == 403
            assert "token" not in answer.text


def test_two_at_once_do_not_collide():
    with start_server() as one, start_server() as two:
        assert one.endpoint != two.endpoint
        assert one.folder != two.folder
        token = {"Authorization": f"bearer {one.token('admin')}"}
        assert requests.get(one.endpoint + "/user/user", headers=token, timeout=30).status_code == 200
        assert requests.get(two.endpoint + "/user/user", headers=token, timeout=30).status_code == 401


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    for name in ("TMPDIR", "TEMP", "TMP", "HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.chdir(tmp_path)
    with start_server() as server:
        assert server.folder.parent == tmp_path
        answer = requests.post(
            server.endpoint + "/index/index",
            json={"form": "object", "size": 1, "urls": [], "hashes": {"md5": "0" * 32}, "authz": ["/a"]},
            headers={"Authorization": f"bearer {server.token('admin')}"},
            timeout=30,
        )
        assert answer.status_code == 200
    assert list(tmp_path.iterdir()) == []


def test_a_named_folder_keeps_the_data_and_no_key(tmp_path):
    folder = tmp_path / "practice"
    body = {"form": "object", "size": 1, "urls": [], "hashes": {"md5": "0" * 32}, "authz": ["/a"]}
    with start_server(folder) as first:
        token = first.token("admin")
        key = json.loads(first.credentials("admin").read_text())
        answer = requests.post(
            first.endpoint + "/index/index",
            json=body,
            headers={"Authorization": f"bearer {token}"},
            timeout=30,
        )
        did = answer.json()["did"]
        # the write-ahead log, which a network home cannot hold, is not used here
        assert not [path for path in folder.iterdir() if path.name.endswith(("-wal", "-shm"))]
    assert {path.suffix for path in folder.iterdir() if path.name != ".lock"} == {".sqlite"}
    with start_server(folder) as second:
        assert second.credentials("admin").is_file()
        answer = requests.get(f"{second.endpoint}/index/index/{did}", timeout=30)
        assert answer.json()["hashes"] == body["hashes"]
        # keys and tokens of the first start are worth nothing now
        old = requests.post(second.endpoint + "/user/credentials/cdis/access_token", json=key, timeout=30)
        assert old.status_code == 401
        header = {"Authorization": f"bearer {token}"}
        assert requests.get(second.endpoint + "/user/user", headers=header, timeout=30).status_code == 401


def test_a_folder_is_for_one_at_a_time(tmp_path):
    with start_server(tmp_path / "x"), pytest.raises(Gen3Error, match="Another practice commons uses"):
        start_server(tmp_path / "x")
    start_server(tmp_path / "x").close()


def test_why_it_does_not_start_is_said(tmp_path):
    with pytest.raises(Gen3Error, match=r"could not start.*no-such-dictionary"):
        start_server(dictionary=tmp_path / "no-such-dictionary")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "case.yaml").write_text("id: case\n  links: [")
    with pytest.raises(Gen3Error, match=r"could not start.*case\.yaml"):
        start_server(dictionary=tmp_path / "broken")
    (tmp_path / "file").write_text("")
    with pytest.raises(Gen3Error, match=r"folder .*file.* cannot be used"):
        start_server(tmp_path / "file")
    (tmp_path / "broken-data").mkdir()
    (tmp_path / "broken-data" / "graph.sqlite").write_text("this is no database, but long enough " * 100)
    with pytest.raises(Gen3Error, match=r"data in the folder .*broken-data cannot be opened"):
        start_server(tmp_path / "broken-data")
    before = stat.S_IMODE(tmp_path.stat().st_mode)
    with pytest.raises(Gen3Error, match="holds other files"):
        start_server(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == before
    with start_server() as server:
        port = int(server.endpoint.rsplit(":", 1)[1])
        with pytest.raises(Gen3Error, match=rf"Port {port} .*cannot be opened"):
            start_server(port=port)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"users": {"reader": {"P-Q": "read"}}}, "list of methods"),
        ({"users": {"reader": ["read"]}}, "mapping of project ids to methods"),
        ({"token_lifetime": 0}, "token_lifetime is a number of seconds"),
    ],
)
def test_what_cannot_be_meant_is_said(given, said):
    with pytest.raises(Gen3Error, match=said):
        start_server(**given)


def test_names_of_users_are_no_paths():
    users = {name: {"P-Q": ["read"]} for name in ("../up", "a/b", "a_b", "x@y.org", "a b")}
    with start_server(users=users) as server:
        paths = [server.credentials(name) for name in users]
        assert {path.parent for path in paths} == {server.folder / "credentials"}
        assert len({path.read_text() for path in paths}) == len(users)


def test_a_missing_package_is_one_sentence(monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "starlette" else find(name))
    with pytest.raises(MissingExtra, match=r"pip install 'gen3nb\[sandbox\]'"):
        start_server()


def test_a_server_that_is_gone_is_said_to_be_gone():
    server = start_server()
    server.close()
    assert not server.running
    server.close()  # twice is no harm
    with pytest.raises(Unavailable, match="its process has ended"):
        server.token("admin")


def test_it_ends_with_the_last_reference():
    server = start_server()
    process, folder = server._process, server.folder
    del server
    gc.collect()
    assert process.returncode == 0
    assert not folder.exists()


@posix
def test_a_forked_child_leaves_the_server_alone():
    with start_server() as server:
        code = (
            "import os, sys\nfrom gen3nb.launch import start_server\n"
            "server = start_server()\npid = os.fork()\n"
            "if pid == 0:\n    server.close()\n    sys.exit(0)\n"  # and its atexit runs too
            "os.waitpid(pid, 0)\nprint(server.running, flush=True)\n"
        )
        answer = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
        )
        assert answer.stdout.strip() == "True"
        assert server.running


def test_it_can_be_told_to_end(practice):
    with start_server() as server:
        server.control("shutdown")
        assert eventually(lambda: not server.running)
        assert server._process.returncode == 0, server.log()
    assert not server.folder.exists()


def test_the_name_localhost_has_the_bare_services_too(practice):
    bare = practice.endpoint.replace("127.0.0.1", "localhost")
    assert requests.get(bare + "/index/_status", timeout=30).text == "Healthy"
    assert requests.get(bare + "/_status", timeout=30).text == "Healthy"
    assert requests.get(practice.endpoint + "/_status", timeout=30).status_code == 404
    assert requests.get(bare + "/index/nope", timeout=30).json() == {"error": "no record found"}
    header = {"Authorization": f"bearer {practice.token('admin')}"}
    body = {"form": "object", "size": 1, "urls": [], "hashes": {"md5": "1" * 32}, "authz": ["/a"]}
    made = requests.post(bare + "/index/", json=body, headers=header, timeout=30)
    assert made.status_code == 200
    for path in ("/index/", "/index/index/"):
        found = requests.get(bare + path + made.json()["did"], timeout=30)
        assert found.json()["hashes"] == {"md5": "1" * 32}
