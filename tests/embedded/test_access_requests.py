"""Access requests: only a signed one grants, and a granted one outlives a restart in the same folder."""

from __future__ import annotations

import json

import pytest
import requests

from gen3nb.errors import Gen3Error
from gen3nb.launch import start_server

PATH = "/programs/P/projects/Q"
USERS = {"steward": {"P-Q": ["*"]}, "nobody": {}}


@pytest.fixture
def server(tmp_path):
    with start_server(tmp_path / "practice", users=USERS) as server:
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


def grants(server, user):
    header = {"Authorization": f"bearer {server.token(user)}"}
    return requests.get(f"{server.endpoint}/user/user", headers=header, timeout=30).json()["authz"]


def test_who_was_never_here_comes_in_by_a_request_and_is_sent_away_by_one(server):
    """What the collaborator commands send: roles on a project, signed; then the same to revoke."""
    body = {"resource_paths": [PATH], "username": "new@colleague.org"}
    made = [
        ask(server, "POST", "", json={**body, "role_ids": [role]}).json() for role in ("reader", "writer")
    ]
    assert [one["policy_id"] for one in made] == [
        "programs.P.projects.Q_reader",
        "programs.P.projects.Q_writer",
    ]
    for one in made:
        assert ask(server, "PUT", f"/{one['request_id']}", json={"status": "SIGNED"}).status_code == 200
    # every service decides at once, and the colleague has a key file
    methods = {one["method"] for one in grants(server, "new@colleague.org")[PATH]}
    assert methods == {"create", "read", "read-storage", "update", "delete", "write-storage"}
    key = json.loads(server.credentials("new@colleague.org").read_text())
    url = f"{server.endpoint}/user/credentials/cdis/access_token"
    token = requests.post(url, json=key, timeout=30).json()["access_token"]
    header = {"Authorization": f"bearer {token}"}
    project = f"{server.endpoint}/api/v0/submission/P/Q/"
    admin = {"Authorization": f"bearer {server.token('admin')}"}
    facts = {"dbgap_accession_number": "phs1", "name": "P", "type": "program"}
    requests.post(f"{server.endpoint}/api/v0/submission/", json=facts, headers=admin, timeout=30)
    facts = {"code": "Q", "dbgap_accession_number": "phs2", "name": "Q", "type": "project"}
    assert requests.post(project.removesuffix("Q/"), json=facts, headers=admin, timeout=30).status_code == 200
    record = {"type": "experiment", "submitter_id": "e", "projects": {"code": "Q"}}
    assert requests.put(project, json=record, headers=header, timeout=30).status_code == 200
    # one policy after the other goes, and each takes what it gave and nothing else
    for role, left in (("writer", {"read", "read-storage"}), ("reader", set())):
        revoke = {**body, "role_ids": [role], "status": "SIGNED"}
        assert ask(server, "POST", "?revoke", json=revoke).status_code == 201
        now = grants(server, "new@colleague.org")
        assert {one["method"] for one in now.get(PATH, [])} == left
        assert requests.put(project, json=record, headers=header, timeout=30).status_code == 403
        again = ask(server, "POST", "?revoke", json=revoke)
        assert again.status_code == 400
        assert "does not have access to policy" in again.json()["detail"]


def test_who_lacks_rights_on_one_of_the_paths_cannot_ask(server):
    body = {"resource_paths": [PATH, "/guppy_admin"], "role_ids": ["guppy_admin_user"], "username": "x@y.org"}
    assert ask(server, "POST", "", user="steward", json={**body, "resource_paths": [PATH]}).status_code == 201
    assert ask(server, "POST", "", user="steward", json=body).status_code == 403
    ident = ask(server, "POST", "", json=body).json()["request_id"]
    assert ask(server, "GET", f"/{ident}", user="steward").status_code == 404
    assert (
        ask(server, "GET", "?username=x%40y.org", user="steward")
        .json()[0]["policy_id"]
        .startswith("programs.P")
    )
    assert ask(server, "PUT", f"/{ident}", user="steward", json={"status": "SIGNED"}).status_code == 403


def test_filters(server):
    for name in ("a+b@y.org", "c@y.org"):
        for role in ("reader", "writer"):
            body = {"policy_id": f"P-Q_{role}", "username": name}
            ident = ask(server, "POST", "", json=body).json()["request_id"]
    ask(server, "PUT", f"/{ident}", json={"status": "REJECTED"})

    def count(query):
        return len(ask(server, "GET", query).json())

    assert (count(""), count("?active"), count("?username=a%2Bb%40y.org"), count("?username=a+b@y.org")) == (
        4,
        3,
        2,
        0,
    )
    assert count("?policy_id=P-Q_reader&policy_id=P-Q_writer&status=DRAFT") == 3
    assert (count("?revoke=true"), count("?revoke=false")) == (0, 4)
    assert ask(server, "GET", "?active=true").status_code == 400


def test_revoking_takes_no_resource_path(server):
    body = {"resource_path": PATH, "username": "x@y.org"}
    answer = ask(server, "POST", "?revoke", json=body)
    assert answer.status_code == 400
    assert "not compatible with the 'resource_path'" in answer.json()["detail"]


def test_statuses_roles_and_policies_are_a_deployments_own():
    settings = {
        "allowed_request_statuses": ["new", "asked", "granted", "refused"],
        "default_initial_status": "new",
        "draft_statuses": ["new"],
        "update_access_statuses": ["granted"],
        "final_statuses": ["granted", "refused"],
        "roles": {"viewer": ["read"]},
        "policies": {"everything": {"resource_paths": [PATH, "/programs/R"], "role_ids": ["viewer"]}},
    }
    with start_server(users=USERS, requestor=settings) as server:
        made = ask(server, "POST", "", json={"policy_id": "everything", "username": "x@y.org"}).json()
        assert made["status"] == "new"
        answer = ask(server, "PUT", f"/{made['request_id']}", json={"status": "SIGNED"})
        assert answer.status_code == 400
        assert "['new', 'asked', 'granted', 'refused']" in answer.json()["detail"]
        assert ask(server, "PUT", f"/{made['request_id']}", json={"status": "granted"}).status_code == 200
        read = [{"method": "read", "service": "*"}]
        assert {place: grants(server, "x@y.org")[place] for place in (PATH, "/programs/R")} == {
            PATH: read,
            "/programs/R": read,
        }
        header = {"Authorization": f"bearer {server.token('admin')}"}
        listed = requests.get(f"{server.endpoint}/authz/policy?expand", headers=header, timeout=30).json()
        mine = next(one for one in listed["policies"] if one["id"] == "everything")
        assert mine["roles"][0]["permissions"][0]["action"] == {"service": "*", "method": "read"}
        # whoever empties the commons, or sets what a user may do, takes what was granted
        server.reset()
        assert grants(server, "x@y.org") == {}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"statuses": []}, "requestor has no setting statuses"),
        ({"draft_statuses": ["OPEN"]}, "draft_statuses is ..OPEN..: statuses have to be among"),
        ({"policies": {"p": {"resource_paths": ["/a"], "role_ids": ["nope"]}}}, "policy 'p' needs"),
    ],
)
def test_settings_that_cannot_be_meant(settings, said):
    with pytest.raises(Gen3Error, match=said):
        start_server(requestor=settings)
