"""Access requests: only a signed one grants, and a granted one outlives a restart in the same folder."""

from __future__ import annotations

import pytest
import requests

from gen3nb.launch import start_server

PATH = "/programs/P/projects/Q"


@pytest.fixture
def server(tmp_path):
    with start_server(tmp_path / "practice") as server:
        yield server


def ask(server, method, path, user="admin", **kwargs):
    header = {"Authorization": f"bearer {server.token(user)}"}
    return requests.request(
        method, f"{server.endpoint}/requestor/request{path}", headers=header, timeout=30, **kwargs
    )


def mapping(server, user="nobody"):
    header = {"Authorization": f"bearer {server.token(user)}"}
    return requests.get(f"{server.endpoint}/authz/mapping", headers=header, timeout=30).json()


def test_a_signed_request_grants(server, tmp_path):
    body = {"resource_paths": [PATH], "role_ids": ["reader"], "username": "nobody@commons.test"}
    assert ask(server, "POST", "", user="nobody", json=body).status_code == 403
    made = ask(server, "POST", "", json=body).json()
    assert (made["status"], made["policy_id"]) == ("DRAFT", "programs.P.projects.Q_reader")
    assert mapping(server) == {}
    ident = made["request_id"]
    for status in ("SUBMITTED", "APPROVED"):
        assert ask(server, "PUT", f"/{ident}", json={"status": status}).status_code == 200
    assert mapping(server) == {}
    assert ask(server, "PUT", f"/{ident}", json={"status": "SIGNED"}).status_code == 200
    assert {one["method"] for one in mapping(server)[PATH]} == {"read", "read-storage"}
    assert [one["request_id"] for one in ask(server, "GET", "/user", user="nobody").json()] == [ident]
    # taking a signed one back grants nothing back; a request to revoke does
    assert ask(server, "PUT", f"/{ident}", json={"status": "REJECTED"}).status_code == 200
    assert PATH in mapping(server)
    server.close()
    with start_server(tmp_path / "practice") as again:
        assert PATH in mapping(again)
        body = {"policy_id": made["policy_id"], "username": "nobody@commons.test", "status": "SIGNED"}
        assert ask(again, "POST", "?revoke", json=body).status_code == 201
        assert mapping(again) == {}


def test_the_same_request_twice(server):
    body = {"policy_id": "P-Q_reader", "username": "x@y.org"}
    first, second = (ask(server, "POST", "", json=body).json() for _ in range(2))
    assert first == second
    ask(server, "PUT", f"/{first['request_id']}", json={"status": "SUBMITTED"})
    answer = ask(server, "POST", "", json=body)
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("An open access request for username 'x@y.org'")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"policy_id": "P-Q_reader", "resource_path": PATH}, 400),
        ({"policy_id": "P-Q_reader", "role_ids": ["reader"]}, 400),
        ({"resource_path": PATH, "role_ids": ["nope"]}, 400),
        ({"policy_id": "nothing"}, 400),
        ({"policy_id": 5}, 422),
    ],
)
def test_what_is_no_request(server, body, status):
    answer = ask(server, "POST", "", json=body)
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_who_sees_what(server):
    ident = ask(server, "POST", "", json={"policy_id": "P-Q_reader"}).json()["request_id"]
    assert ask(server, "GET", "", user="nobody").json() == []
    assert ask(server, "GET", f"/{ident}", user="nobody").status_code == 404
    assert ask(server, "PUT", f"/{ident}", user="nobody", json={"status": "SIGNED"}).status_code == 403
    assert ask(server, "DELETE", f"/{ident}", user="nobody").status_code == 403
    assert ask(server, "GET", "?colour=red").json() == {"detail": "The parameter 'colour' is invalid"}
    assert ask(server, "DELETE", f"/{ident}").json() == {"request_id": ident}
