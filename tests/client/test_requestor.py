"""Access requests on a real practice commons; other commons' settings on a server that answers as told."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from client_stub import Reply, Stub, make_jwt

import gen3nb
from gen3nb import errors
from gen3nb.client.access_requests import granting, policy_of

Commons = gen3nb.Commons
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def nobody(commons: Commons) -> Iterator[Commons]:
    with commons.sandbox.as_user("nobody") as nobody:
        yield nobody


@pytest.fixture
def user() -> str:
    """Give a user of the test's own, with a plus in the name."""
    return f"a+{uuid.uuid4().hex[:8]}@x.org"


@pytest.fixture
def path(commons: Commons, project: str) -> str:
    return commons.project_id(project).resource


def test_a_request_from_beginning_to_end(commons: Commons, path: str, user: str) -> None:
    made = commons.requestor.create(path, "reader", username=user, resource_display_name="the study")
    assert (made["status"], made["policy_id"]) == ("DRAFT", policy_of(path, "reader"))
    ident = made["request_id"]
    assert commons.requestor.create(path, "reader", username=user)["request_id"] == ident
    assert commons.requestor.request(ident)["resource_display_name"] == "the study"
    assert commons.requestor.update(ident, "SUBMITTED")["status"] == "SUBMITTED"
    with pytest.raises(errors.Conflict, match="already exists"):
        commons.requestor.create(path, "reader", username=user)
    assert commons.requestor.approve(ident)["status"] == "SIGNED"
    with commons.sandbox.as_user(user) as person:
        assert {"read"} <= {grant["method"] for grant in person.arborist.mapping()[path]}
    back = commons.requestor.revoke(made["policy_id"], user, status="SIGNED")
    assert (back["revoke"], back["status"]) == (True, "SIGNED")
    with commons.sandbox.as_user(user) as person:
        assert not person.arborist.mapping().get(path)
    with pytest.raises(errors.Conflict, match="nothing to take back") as caught:
        commons.requestor.revoke(made["policy_id"], user)
    assert caught.value.not_held
    commons.requestor.delete(ident)
    with pytest.raises(errors.NotFound, match=ident):
        commons.requestor.request(ident)


def test_lists_and_filters(commons: Commons, path: str, user: str) -> None:
    ask = commons.requestor
    read = ask.create(path, "reader", username=user)["request_id"]
    write = ask.create(path, "writer", username=user, status="SIGNED")["request_id"]
    table = ask.requests(username=user)  # the plus in the name reaches the service as a plus
    assert table["request_id"].tolist() == [write, read]
    assert table["created_time"].dt.tz is not None
    assert table.dtypes.astype(str).tolist()[:4] == ["string", "string", "string", "boolean"]
    assert ask.requests(username=user, active=True)["request_id"].tolist() == [read]
    assert ask.requests(username=[user, "other@x.org"], status="SIGNED")["request_id"].tolist() == [write]
    assert ask.requests(policy_id=policy_of(path, "writer"))["request_id"].tolist() == [write]
    assert ask.requests(username=user, revoke=True).empty
    assert ask.requests(username="none@x.org").columns.tolist() == table.columns.tolist()
    policies = ask.policies().set_index("policy_id")["requests"]
    assert policies[policy_of(path, "reader")] == 1


def test_my_own(commons: Commons, nobody: Commons, path: str) -> None:
    ident = commons.requestor.create(path, "reader", username="nobody@commons.test")["request_id"]
    mine = nobody.requestor.requests(mine=True)
    assert ident in mine["request_id"].tolist()
    assert set(mine["username"]) == {"nobody@commons.test"}
    assert nobody.requestor.requests().empty
    assert nobody.requestor.asked([path]) == {path: False}
    commons.requestor.update(ident, "SUBMITTED")
    assert nobody.requestor.asked([path]) == {path: True}
    commons.requestor.delete(ident)


def test_statuses_are_the_commons_own(commons: Commons, path: str, user: str) -> None:
    ident = commons.requestor.create(path, "reader", username=user)["request_id"]
    assert commons.requestor.statuses(ident) == ["DRAFT", "SUBMITTED", "APPROVED", "SIGNED", "REJECTED"]
    assert commons.requestor.request(ident)["status"] == "DRAFT"
    with pytest.raises(errors.ServiceError, match=r"no status 'signd', but DRAFT.*did you mean 'SIGNED'"):
        commons.requestor.update(ident, "signd")


def test_an_unknown_status_is_not_stored(commons: Commons, path: str, user: str) -> None:
    """The service itself would store it (its check is in PUT only)."""
    with pytest.raises(errors.ServiceError, match=r"is made, as DRAFT, but .*no status 'MAYBE'") as caught:
        commons.requestor.create(path, "reader", username=user, status="MAYBE")
    (row,) = commons.requestor.rows(username=user)
    assert row["status"] == "DRAFT"
    assert caught.value.request["request_id"] == row["request_id"]


def test_what_there_is_not(commons: Commons, path: str, user: str) -> None:
    commons.requestor.create(path, "reader", username=user)
    with pytest.raises(errors.NotFound, match=r"no role nope; its requests name .*reader"):
        commons.requestor.create(path, "nope", username=user)
    policy = policy_of(path, "reader")
    with pytest.raises(errors.NotFound, match=f"no policy '{policy}x'; did you mean '{policy}'"):
        commons.requestor.create(policy_id=policy + "x", username=user)
    with pytest.raises(errors.NotFound, match="'x' is not the id of an access request"):
        commons.requestor.update("x", "SIGNED")
    with pytest.raises(errors.NotFound, match=f"there is no access request {NOBODY}"):
        commons.requestor.approve(NOBODY)
    with pytest.raises(errors.ServiceError, match="both role_ids and policy_id"):
        commons.requestor.create(role_ids="reader", policy_id=policy)


def test_without_the_right_to(commons: Commons, nobody: Commons, path: str, user: str) -> None:
    ident = commons.requestor.create(path, "reader", username=user)["request_id"]
    with pytest.raises(
        errors.PermissionDenied, match=r"'create' \(service requestor\) on /programs"
    ) as caught:
        nobody.requestor.create(path, "reader")
    assert caught.value.resource == path
    assert "gen3nb request" not in str(caught.value)  # no way round
    with pytest.raises(errors.PermissionDenied, match=f"set the request {ident} to SIGNED .*'update'"):
        nobody.requestor.approve(ident)
    with pytest.raises(errors.PermissionDenied, match="'delete'"):
        nobody.requestor.delete(ident)
    assert not nobody.may("create", path, service="requestor")
    assert commons.may("create", path, service="requestor")


def test_a_refusal_elsewhere_says_how_to_ask(nobody: Commons, project: str, path: str) -> None:
    case = {"type": "case", "submitter_id": "a"}
    with pytest.raises(errors.PermissionDenied) as caught:
        nobody.sheepdog.submit(nobody.project_id(project), [case])
    assert f"commons.requestor.create('{path}')" in str(caught.value)
    assert f"gen3nb request create --resource {path}" in str(caught.value)


# other commons


@pytest.fixture
def other_commons(stub: Stub) -> Iterator[Commons]:
    token = make_jwt(stub.endpoint)
    stub.on("/user/user", {"username": "ada"})
    with gen3nb.connect(stub.endpoint, access_token=token) as commons:
        yield commons


def request(ident: str, status: str, **facts: object) -> dict[str, object]:
    return {"request_id": ident, "username": "a@x.org", "policy_id": "p", "status": status, **facts}


REFUSED = Reply(
    400, {"detail": "Status 'SIGNED' is not an allowed request status (['NEW', 'GRANTED', 'DENIED'])"}
)


def test_the_status_that_grants_is_found(stub: Stub, other_commons: Commons) -> None:
    """A commons whose statuses have other names: the one in which requests have ended well grants."""
    done, new = str(uuid.uuid4()), str(uuid.uuid4())
    every = [request(done, "GRANTED"), request(str(uuid.uuid4()), "DENIED"), request(new, "NEW")]
    stub.on("/requestor/request", every, [request(new, "NEW")])
    stub.on(f"/requestor/request/{new}", REFUSED, Reply(200, request(new, "GRANTED")))
    assert other_commons.requestor.approve(new)["status"] == "GRANTED"
    assert [sent.body for sent in stub.sent(f"/requestor/request/{new}")] == [
        b'{"status": "SIGNED"}',
        b'{"status": "GRANTED"}',
    ]


def test_the_status_that_grants_is_asked_for(stub: Stub, other_commons: Commons) -> None:
    new = str(uuid.uuid4())
    stub.on("/requestor/request", [request(new, "NEW")])
    stub.on(f"/requestor/request/{new}", REFUSED, Reply(200, request(new, "GRANTED")))
    with pytest.raises(errors.ServiceError, match=r"name it \(status=…\). It has NEW, GRANTED, DENIED"):
        other_commons.requestor.approve(new)
    assert other_commons.requestor.approve(new, status="GRANTED")["status"] == "GRANTED"


def test_statuses_that_end_requests() -> None:
    rows = [request("1", "DONE"), request("2", "REJECTED"), request("3", "OPEN")]
    assert granting((), rows, [rows[2]]) == ["DONE"]
    assert granting(["OTHER"], rows, [rows[2]]) == []
    assert granting((), [], []) == []


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404, "<html><title>404</title>nginx</html>"),
        Reply(200, "<!DOCTYPE html><html><title>Data portal</title></html>"),
    ],
)
def test_a_commons_that_runs_none(stub: Stub, other_commons: Commons, reply: Reply) -> None:
    stub.on("/requestor/request", reply)
    stub.on("/requestor/_status", reply)
    with pytest.raises(
        errors.NotFound, match=r"does not seem to run the access request service \(requestor\)"
    ):
        other_commons.requestor.requests()
    assert not other_commons.requestor.there()
    assert other_commons.whoami().username == "ada"  # the rest goes on


def test_an_odd_answer(stub: Stub, other_commons: Commons) -> None:
    stub.on("/requestor/request", {"message": "odd"})
    with pytest.raises(errors.ServiceError, match="no list"):
        other_commons.requestor.requests()
