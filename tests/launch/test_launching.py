"""``gen3nb.sandbox()``: a Commons on a practice commons, whose users and tokens one can choose."""

from __future__ import annotations

import copy
import gc
import json
import os
import pickle
import socket
import stat
import subprocess
import sys
from pathlib import Path

import jwt
import pytest
import requests

import gen3nb
from gen3nb.errors import Gen3Error, PermissionDenied


@pytest.fixture(scope="module")
def practice():
    with gen3nb.sandbox() as commons:
        yield commons


def test_it_is_a_commons_of_its_admin(practice):
    assert isinstance(practice, gen3nb.Commons)
    assert practice.endpoint == practice.sandbox.endpoint
    assert practice.whoami().username == "admin@commons.test"
    assert practice.programs().empty


def test_users(practice):
    assert practice.sandbox.users == ["admin", "submitter", "reader", "nobody"]
    for user in practice.sandbox.users:
        with practice.sandbox.as_user(user) as commons:
            assert commons.whoami().username == f"{user}@commons.test"
    assert practice.sandbox.running  # theirs were connections only
    with pytest.raises(Gen3Error, match=r"no user 'root'.*admin, submitter"):
        practice.sandbox.credentials("root")


def test_key_files(practice):
    path = practice.sandbox.credentials("reader")
    assert isinstance(path, Path)
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(json.loads(path.read_text())) == {"api_key", "key_id"}


def test_tokens_of_any_age(practice):
    claims = jwt.decode(practice.sandbox.token("reader", expires_in=-60), options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 60
    header = {"Authorization": f"bearer {practice.sandbox.token('reader', expires_in=-60)}"}
    assert requests.get(practice.endpoint + "/user/user", headers=header, timeout=30).status_code == 401
    header = {"Authorization": f"bearer {practice.sandbox.token('reader')}"}
    assert requests.get(practice.endpoint + "/user/user", headers=header, timeout=30).status_code == 200


def test_who_may_do_what_is_for_you_to_say():
    users = {"submitter": {"P-Q": ["create", "read", "update"]}, "guest": {"P-R-S": ["read"]}}
    with gen3nb.sandbox(users=users) as commons:
        commons.create_program("P")
        for code in ("Q", "R-S"):
            commons.create_project(("P", code))
        with commons.sandbox.as_user("submitter") as submitter:
            assert submitter.may("create", "P-Q")
            assert not submitter.may("delete", "P-Q")
            assert not submitter.may("create", "P-R-S")
            with pytest.raises(PermissionDenied):
                submitter.sheepdog.delete_project(submitter.project_id("P-Q"))
        with commons.sandbox.as_user("guest") as guest:
            assert guest.may("read", "P-R-S")
            assert not guest.may("read", "P-Q")
        commons.sandbox.grant("guest", {"P-Q": ["read"]})
        with commons.sandbox.as_user("guest") as guest:
            assert guest.may("read", "P-Q")
            assert not guest.may("read", "P-R-S")


def test_reset_empties_it(practice):
    practice.create_program("GONE")
    practice.create_project(("GONE", "one"))
    practice.sandbox.reset()
    assert practice.programs().empty
    practice.create_program("AGAIN")
    assert list(practice.programs()["program"]) == ["AGAIN"]


def test_a_folder_keeps_the_records(tmp_path):
    with gen3nb.sandbox(tmp_path / "practice") as commons:
        commons.create_program("P")
        commons.create_project(("P", "Q"))
    with gen3nb.sandbox(tmp_path / "practice") as commons:
        assert [str(one) for one in commons.sheepdog.all_projects()] == ["P-Q"]


def test_faults_from_the_start():
    faults = [{"kind": "503", "path": "/api/*", "times": 1, "retry_after": 0}]
    with gen3nb.sandbox(faults=faults) as commons:
        (fault,) = commons.sandbox.faults.list()
        assert (fault["kind"], fault["times"]) == ("503", 1)


def test_a_fault_that_does_not_exist_leaves_no_server():
    with pytest.raises(Gen3Error, match="no fault 'earthquake'"):
        gen3nb.sandbox(faults=[{"kind": "earthquake"}])


def test_no_proxy_stands_between_a_machine_and_itself(monkeypatch):
    with socket.socket() as closed:  # what is sent there is lost
        closed.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{closed.getsockname()[1]}"
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        with gen3nb.sandbox() as commons:
            assert commons.programs().empty
            assert commons.sandbox.token("reader")
            with commons.sandbox.as_user("reader") as reader:
                assert reader.whoami().username == "reader@commons.test"


def test_closing_stops_the_server():
    commons = gen3nb.sandbox()
    server = commons.sandbox
    commons.close()
    assert not server.running
    assert not server.folder.exists()


def test_a_connection_as_another_user_keeps_the_server():
    commons = gen3nb.sandbox().sandbox.as_user("reader")
    gc.collect()
    assert commons.whoami().username == "reader@commons.test"
    endpoint = commons.endpoint
    commons.close()
    del commons
    gc.collect()
    with pytest.raises(requests.ConnectionError):
        requests.get(endpoint, timeout=30)


def test_the_end_of_the_process_stops_the_server():
    code = (
        "import gen3nb\ncommons = gen3nb.sandbox()\n"
        "print(commons.sandbox.pid, commons.sandbox.folder, flush=True)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    pid, folder = out.split()
    assert not Path(folder).exists()
    if os.name == "posix":
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


def test_it_starts_from_a_folder_that_holds_other_modules(tmp_path):
    (tmp_path / "json.py").write_text("raise RuntimeError('not this one')")
    (tmp_path / "starlette.py").write_text("raise RuntimeError('not this one')")
    code = "from gen3nb.launch import start_server\nstart_server().close()\n"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, check=True, capture_output=True, env=environment
    )


def test_a_sandbox_stays_in_its_process(practice):
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(practice.sandbox)
    with pytest.raises(TypeError, match="cannot be pickled"):
        copy.copy(practice.sandbox)


def test_no_secret_is_shown(practice):
    secrets = [practice.sandbox.secret, json.loads(practice.sandbox.credentials().read_text())["api_key"]]
    shown = repr(practice.sandbox) + repr(practice.sandbox.faults) + practice.sandbox.log()
    assert not [secret for secret in secrets if secret in shown]


def test_the_log_says_what_went_wrong(practice):
    assert practice.sandbox.log() == ""
