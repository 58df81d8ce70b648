"""The workspace token service, keys of all ages, a client of its own, and services that are not there."""

from __future__ import annotations

import json
import stat
import time

import jwt
import pytest
import requests

from gen3nb.errors import Gen3Error
from gen3nb.launch import start_server


@pytest.fixture(scope="module")
def other():
    """Give a second practice commons."""
    with start_server() as server:
        yield server


@pytest.fixture(scope="module")
def linked(other):
    """Give a commons whose workspace token service knows the second one, and no requestor or sower."""
    external = {"other": other, "far": "https://far.example.org/"}
    with start_server(external=external, without=["requestor", "sower"]) as server:
        yield server


def get(server, path, user=None, **params):
    headers = {"Authorization": f"bearer {server.token(user)}"} if user else {}
    return requests.get(
        server.endpoint + path, headers=headers, params=params, timeout=30, allow_redirects=False
    )


def by_idp(server, user=None, **params):
    providers = get(server, "/wts/external_oidc/", user, **params).json()["providers"]
    return {one["idp"]: one for one in providers}


def test_which_commons_are_linked(linked, other):
    found = by_idp(linked, "submitter")
    assert list(found) == ["practice", "practice-localhost", "elsewhere", "other", "far"]
    assert found["other"]["base_url"] == other.endpoint
    assert found["other"]["refresh_token_expiration"] in ("29 days", "30 days")
    assert found["far"]["refresh_token_expiration"] is None
    assert found["far"]["urls"][0]["url"] == f"{linked.endpoint}/wts/oauth2/authorization_url?idp=far"
    assert list(by_idp(linked, "submitter", unexpired="true")) == ["practice", "practice-localhost", "other"]
    # without a token all are listed, as linked to nobody
    assert {one["refresh_token_expiration"] for one in by_idp(linked).values()} == {None}


def test_a_token_of_the_linked_commons(linked, other):
    token = get(linked, "/wts/token/", "submitter", idp="other").json()["token"]
    header = {"Authorization": f"bearer {token}"}
    user = requests.get(other.endpoint + "/user/user", headers=header, timeout=30).json()
    assert user["username"] == "submitter@commons.test"
    assert requests.get(linked.endpoint + "/user/user", headers=header, timeout=30).status_code == 401


@pytest.mark.parametrize(
    ("user", "params", "status", "said"),
    [
        ("submitter", {"idp": "far"}, 403, "User doesn't have a refresh token"),
        ("submitter", {"idp": "nope"}, 400, 'Requested IDP "nope" is not configured'),
        ("submitter", {}, 403, "You need to be authenticated"),  # only inside of the cluster
        (None, {"idp": "other"}, 403, "You need to be authenticated"),
    ],
)
def test_no_token(linked, user, params, status, said):
    answer = get(linked, "/wts/token/", user, **params)
    assert answer.status_code == status
    assert said in answer.json()["message"]


def test_a_link_ends_with_its_key(other):
    with start_server(external={"other": other}) as server:
        assert by_idp(server, "nobody")["other"]["refresh_token_expiration"]
        server.settings(clock_offset=31 * 86400)
        assert by_idp(server, "nobody")["other"]["refresh_token_expiration"] is None
        answer = get(server, "/wts/token/", "nobody", idp="other")
        assert (answer.status_code, "refresh token is expired" in answer.json()["message"]) == (403, True)
        server.settings(clock_offset=0)
        header = {"Authorization": f"bearer {other.token('nobody')}"}
        url = f"{other.endpoint}/user/credentials/api"
        for one in requests.get(url, headers=header, timeout=30).json()["jtis"]:
            if other.credentials("nobody").read_text().find(one["jti"]) < 0:
                requests.delete(f"{url}/{one['jti']}", headers=header, timeout=30)
        answer = get(server, "/wts/token/", "nobody", idp="other")
        assert (answer.status_code, "denylisted" in answer.json()["message"]) == (500, True)


def test_connected_and_where_to_link(linked):
    assert get(linked, "/wts/oauth2/connected", "reader", idp="other").status_code == 200
    assert get(linked, "/wts/oauth2/connected", "reader", idp="far").status_code == 403
    assert get(linked, "/wts/oauth2/connected", idp="other").status_code == 401
    answer = get(linked, "/wts/oauth2/authorization_url", idp="far")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(
        "https://far.example.org/user/oauth2/authorize?response_type=code"
    )
    assert (
        get(linked, "/wts/oauth2/authorization_url", idp="far", redirect="https://evil.test").status_code
        == 400
    )
    assert get(linked, "/wts/_status").text == "Healthy"


def test_a_workspace_needs_no_key(linked):
    url = linked.workspace("reader")
    try:
        token = requests.get(f"{url}/token/", timeout=30).json()["token"]
        claims = jwt.decode(token, options={"verify_signature": False})
        assert claims["context"]["user"]["name"] == "reader@commons.test"
        assert requests.get(f"{url}/token/?idp=other", timeout=30).status_code == 200
    finally:
        linked.workspace(None)
    assert requests.get(f"{url}/token/", timeout=30).status_code == 403


def test_what_is_no_commons_cannot_be_linked():
    for external in ({"x": "commons.example.org"}, {"x": 5}):
        with pytest.raises(Gen3Error, match=r"'x' is a practice commons or an address"):
            start_server(external=external)


def test_services_that_a_commons_does_not_run(linked):
    for path in ("/requestor/request", "/job/list", "/requestor/_status"):
        page = get(linked, path, "admin")
        assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    local = linked.endpoint.replace("127.0.0.1", "localhost")
    header = {"Authorization": f"bearer {linked.token('admin')}"}
    assert requests.get(f"{local}/list", headers=header, timeout=30).status_code == 404
    assert get(linked, "/authz/mapping", "admin").status_code == 200


def test_with_copies_of_real_records_a_presigned_url_and_a_client_need_no_token():
    """And the other services that a commons may lack."""
    with start_server(private=True, without=["arborist", "metadata", "wts"]) as server:
        facts = json.loads(server.client_credentials().read_text())
        form = {"grant_type": "client_credentials", **facts}
        assert requests.post(f"{server.endpoint}/user/oauth2/token", data=form, timeout=30).status_code == 200
        assert get(server, "/user/data/buckets").status_code == 401
        buckets = get(server, "/user/data/buckets", "admin").json()["S3_BUCKETS"]
        origin = buckets["commons-data"]["endpoint_url"]
        assert not origin.startswith(server.endpoint)
        refused = requests.get(f"{origin}/commons-data/some/object", timeout=30)
        assert (refused.status_code, "<Code>AccessDenied</Code>" in refused.text) == (403, True)
        for path in ("/authz/mapping", "/mds/metadata", "/mds-admin/metadata", "/wts/external_oidc/"):
            assert get(server, path).status_code == 401
            page = get(server, path, "admin")
            assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
        local = server.endpoint.replace("127.0.0.1", "localhost")
        header = {"Authorization": f"bearer {server.token('admin')}"}
        assert "metadata" not in requests.get(f"{local}/metadata", headers=header, timeout=30).text.lower()
        assert server.settings()["job_lifetime"] == 1800


def test_it_cannot_do_without_what_is_always_there():
    with pytest.raises(Gen3Error, match="cannot do without fence"):
        start_server(without="fence")


# -- keys and clients --------------------------------------------------------------------------------------


def exchanged(server, path, **params):
    url = f"{server.endpoint}/user/credentials/api/access_token"
    return requests.post(url, json=json.loads(path.read_text()), params=params, timeout=30)


def test_a_key_that_ends_tomorrow_one_that_has_ended_and_one_that_is_deleted(other):
    tomorrow = other.credentials("submitter", expires_in=86400)
    assert stat.S_IMODE(tomorrow.stat().st_mode) == 0o600
    claims = jwt.decode(json.loads(tomorrow.read_text())["api_key"], options={"verify_signature": False})
    assert claims["exp"] - time.time() == pytest.approx(86400, abs=300)
    assert exchanged(other, tomorrow).status_code == 200
    answer = exchanged(other, other.credentials("submitter", expires_in=-60))
    assert (answer.status_code, "Signature has expired" in answer.text) == (401, True)
    answer = exchanged(other, other.credentials("submitter", deleted=True))
    assert (answer.status_code, "token is denylisted" in answer.text) == (401, True)
    assert exchanged(other, other.credentials("submitter")).status_code == 200


def test_a_token_does_not_outlive_its_key(other):
    soon = other.credentials("submitter", expires_in=600)
    answer = exchanged(other, soon)
    assert (answer.status_code, "would expire after the provided API key does" in answer.text) == (400, True)
    assert exchanged(other, soon, expires_in=300).status_code == 200


def test_a_key_of_another_commons(linked, other):
    answer = exchanged(linked, other.credentials("submitter"))
    assert (answer.status_code, "Signature verification failed" in answer.text) == (401, True)


def test_a_client_signs_in_for_nobody(other):
    path = other.client_credentials()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    facts = json.loads(path.read_text())
    url = f"{other.endpoint}/user/oauth2/token"
    asked = {"grant_type": "client_credentials", "scope": "openid user data"}
    pair = facts["client_id"], facts["client_secret"]
    answers = [
        requests.post(url, params=asked, auth=pair, timeout=30),  # as the SDK does
        requests.post(url, data={**asked, **facts}, timeout=30),
    ]
    for answer in answers:
        assert answer.status_code == 200
        assert answer.json()["token_type"] == "Bearer"
        assert answer.headers["Cache-Control"] == "no-store"
    header = {"Authorization": f"bearer {answers[0].json()['access_token']}"}
    mapping = requests.get(f"{other.endpoint}/authz/mapping", headers=header, timeout=30).json()
    assert mapping["/programs"] == [{"method": "read", "service": "*"}]
    assert requests.get(f"{other.endpoint}/user/user", headers=header, timeout=30).status_code == 401
    program = {"type": "program", "name": "X", "dbgap_accession_number": "X"}
    made = requests.post(f"{other.endpoint}/api/v0/submission/", json=program, headers=header, timeout=30)
    assert made.status_code == 403
    for form, auth, status, error in (
        (asked, (pair[0], "guess"), 401, "invalid_client"),
        ({**asked, "client_id": pair[0]}, None, 400, "invalid_client"),
        ({**asked, "scope": "everything"}, pair, 400, "invalid_scope"),
        ({"grant_type": "password"}, pair, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, pair, 400, "unauthorized_client"),
    ):
        answer = requests.post(url, data=form, auth=auth, timeout=30)
        assert (answer.status_code, answer.json()["error"]) == (status, error)
        assert pair[1] not in answer.text


def test_the_buckets(other):
    found = get(other, "/user/data/buckets").json()
    assert found["GS_BUCKETS"] == {}
    assert set(found["S3_BUCKETS"]["commons-data"]) == {"endpoint_url", "programs", "region"}
    region = {"region": "us-east-1"}
    found = get(other, "/user/bucket_info/region").json()["S3_BUCKETS"]
    assert found == {"commons-data": region, "commons-archive": region}
