"""The official Gen3 SDK runs jobs, signs in as a client and through a linked commons, unchanged."""

from __future__ import annotations

import asyncio
import json
import time

import gen3.auth
import pytest
from gen3.auth import Gen3Auth, Gen3AuthError
from gen3.jobs import Gen3Jobs

from gen3nb.launch import start_server


@pytest.fixture(scope="module")
def other():
    """Give a second commons."""
    with start_server() as server:
        yield server


@pytest.fixture(scope="module")
def server(other):
    """Give a commons to which the second one is linked."""
    with start_server(external={"other": other}) as server:
        yield server


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Keep the SDK's files, among them its cache of tokens, out of the real home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_jobs(server, name):
    key = server.api_key("reader")
    endpoint = server.endpoint.replace("127.0.0.1", name)
    auth = (
        Gen3Auth(refresh_token=key)
        if name == "127.0.0.1"
        else Gen3Auth(access_token=server.token("reader"), endpoint=endpoint)
    )
    jobs = Gen3Jobs(auth_provider=auth)
    assert jobs.is_healthy()
    made = jobs.create_job("fail", {"message": "as asked"})
    until = time.monotonic() + 60
    while jobs.get_status(made["uid"])["status"] != "Failed" and time.monotonic() < until:
        time.sleep(0.2)
    assert jobs.get_output(made["uid"]) == {"output": "ERROR: as asked"}
    assert made["uid"] in [job["uid"] for job in jobs.list_jobs()]
    assert jobs.create_job("no-such-action", {}) is None


def test_a_job_that_is_waited_for(server, other):
    server.settings(job_delay=0)
    jobs = Gen3Jobs(auth_provider=Gen3Auth(refresh_token=server.api_key("reader")))
    with pytest.raises(Exception, match="Job status not complete: Failed"):
        asyncio.run(jobs.async_run_job_and_wait("count", {"project_id": "P-none"}))


def test_a_client_signs_in(server):
    facts = json.loads(server.client_credentials().read_text())
    pair = facts["client_id"], facts["client_secret"]
    auth = Gen3Auth(endpoint=server.endpoint, client_credentials=pair)
    assert "/programs" in auth.curl("/authz/mapping").json()
    with pytest.raises(Gen3AuthError, match="invalid_client"):
        Gen3Auth(endpoint=server.endpoint, client_credentials=(pair[0], "guess"))


def test_a_key_of_one_commons_opens_the_linked_one(server, other, tmp_path, monkeypatch):
    # the SDK asks the cluster first, whose name nobody resolves here: the address is all that is replaced
    monkeypatch.setattr(gen3.auth, "get_wts_endpoint", lambda namespace=None: "http://127.0.0.1:9")
    path = server.credentials("reader")
    auth = Gen3Auth(endpoint=other.endpoint, refresh_file=str(path))
    user = auth.curl("/user/user").json()
    assert user["username"] == "reader@commons.test"
    assert auth.endpoint == other.endpoint
    with pytest.raises(Gen3AuthError, match="doesn't have a refresh token"):
        Gen3Auth(idp="elsewhere", refresh_file=str(path))


def test_in_a_workspace_no_key_is_needed(server, other, monkeypatch):
    url = server.workspace("submitter")
    monkeypatch.setattr(gen3.auth, "get_wts_endpoint", lambda namespace=None: url)
    monkeypatch.setenv("GEN3_API_KEY", "there-is-none")
    try:
        assert Gen3Auth().curl("/user/user").json()["username"] == "submitter@commons.test"
        assert Gen3Auth(idp="other").endpoint == other.endpoint
    finally:
        server.workspace(None)
