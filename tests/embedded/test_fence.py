"""fence: who you are, keys and tokens, in the words of the real one."""

from __future__ import annotations

import json
import re
import time

import jwt
import pytest
import requests

from gen3nb.launch import Sandbox

JOBS = {"/sower": [{"method": "access", "service": "*"}]}
BOTH_ROUTES = pytest.mark.parametrize("kind", ["cdis", "api"])


def words(answer: requests.Response) -> str:
    """Read the text of fence's error page."""
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f"<title>{answer.status_code}</title>" in answer.text
    found = re.findall(r'<p class="introduction">(.*?)</p>', answer.text)
    assert len(found) == 2
    return found[1]


def key_file(practice: Sandbox, user: str = "reader") -> dict[str, str]:
    return json.loads(practice.credentials(user).read_text())


def test_a_key_file_is_as_a_profile_page_gives_it(practice):
    key = key_file(practice)
    assert set(key) == {"api_key", "key_id"}
    claims = jwt.decode(key["api_key"], options={"verify_signature": False})
    assert claims["iss"] == practice.endpoint + "/user"
    assert claims["pur"] == "api_key"
    assert claims["jti"] == key["key_id"]
    assert claims["exp"] - claims["iat"] == 30 * 86400


@BOTH_ROUTES
@pytest.mark.parametrize("whole", [True, False])
def test_a_key_gives_a_token_on_both_routes(practice, call, kind, whole):
    key = key_file(practice)
    body = key if whole else {"api_key": key["api_key"]}
    answer = call("POST", f"/user/credentials/{kind}/access_token", json=body)
    assert answer.status_code == 200
    token = answer.json()["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 1800
    assert claims["pur"] == "access"
    assert claims["context"]["user"]["name"] == "reader@commons.test"
    user = call("GET", "/user/user", headers={"Authorization": f"bearer {token}"}).json()
    assert user["username"] == "reader@commons.test"
    assert user["authz"] == {"/programs": [{"method": "read", "service": "*"}], **JOBS}


def test_a_shorter_life_is_honoured_and_a_longer_one_is_not(practice, call):
    key = key_file(practice)
    lives = []
    for wanted in (60, 999_999):
        answer = call("POST", f"/user/credentials/api/access_token?expires_in={wanted}", json=key)
        claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
        lives.append(claims["exp"] - claims["iat"])
    assert lives == [60, 1800]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"api_key": "abc"}, 401, "[401] - Not enough segments"),
        ({}, 400, "Please provide an api_key in payload"),
        ([], 400, "Please provide an api_key in payload"),
    ],
)
def test_what_is_no_key(call, body, status, said):
    answer = call("POST", "/user/credentials/cdis/access_token", json=body)
    assert (answer.status_code, words(answer)) == (status, said)


def test_an_access_token_is_no_key(practice, call):
    answer = call("POST", "/user/credentials/cdis/access_token", json={"api_key": practice.token("reader")})
    assert answer.status_code == 401
    assert words(answer) == "[401] - claims have incorrect purpose: expected api_key, got access"


def test_a_key_is_no_access_token(practice, call):
    key = key_file(practice)["api_key"]
    answer = call("GET", "/user/user", headers={"Authorization": f"bearer {key}"})
    assert answer.status_code == 401


def test_a_token_may_not_outlive_its_key(practice, call):
    key = practice.api_key("reader", expires_in=600)
    answer = call("POST", "/user/credentials/api/access_token", json=key)
    assert answer.status_code == 400
    assert words(answer).startswith("Cannot issue an access token that would expire after the provided API")
    answer = call("POST", "/user/credentials/api/access_token?expires_in=300", json=key)
    assert answer.status_code == 200


def test_an_expired_key(practice, call):
    key = practice.api_key("reader", expires_in=-60)
    answer = call("POST", "/user/credentials/cdis/access_token", json=key)
    assert (answer.status_code, words(answer)) == (401, "[401] - Signature has expired")


def test_keys_are_made_listed_and_deleted(practice, call):
    key = call("POST", "/user/credentials/api?expires_in=3600", user="submitter", json={}).json()
    listed = {
        one["jti"]: one["exp"]
        for one in call("GET", "/user/credentials/api", user="submitter").json()["jtis"]
    }
    claims = jwt.decode(key["api_key"], options={"verify_signature": False})
    assert listed[key["key_id"]] == claims["exp"]
    path = f"/user/credentials/api/{key['key_id']}"
    assert call("DELETE", path, user="reader").status_code == 404  # another's
    assert call("DELETE", path, user="submitter").status_code == 204
    again = call("DELETE", path, user="submitter")
    assert words(again) == f"token not found with JTI {key['key_id']} for current user"
    answer = call("POST", "/user/credentials/cdis/access_token", json=key)
    assert (answer.status_code, words(answer)) == (401, "[401] - token is denylisted")


def test_tokens_really_expire(practice, call):
    key = key_file(practice)
    answer = call("POST", "/user/credentials/api/access_token?expires_in=4", json=key)
    header = {"Authorization": f"bearer {answer.json()['access_token']}"}
    assert call("GET", "/user/user", headers=header).status_code == 200
    deadline = time.monotonic() + 30
    while (answer := call("GET", "/user/user", headers=header)).status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert words(answer) == "failed to validate token: [401] - Authentication Error: Signature has expired"


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({}, "Please login"),
        ({"Authorization": "Bearer"}, "could not parse authorization header"),
        ({"Authorization": "bearer a.b.c"}, "Invalid header padding"),
    ],
)
def test_no_good_token(call, header, said):
    answer = call("GET", "/user/user/", headers={**header, "Accept": "application/json"})
    assert answer.status_code == 401
    assert words(answer).endswith(said)


def test_a_token_signed_by_another_is_refused(practice, call):
    from cryptography.hazmat.primitives.asymmetric import rsa

    mine = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    claims = jwt.decode(practice.token("admin"), options={"verify_signature": False})
    header = {"Authorization": f"bearer {jwt.encode(claims, mine, algorithm='RS256')}"}
    assert call("GET", "/user/user", headers=header).status_code == 401
    header = {"Authorization": f"bearer {jwt.encode(claims, None, algorithm='none')}"}
    assert call("GET", "/user/user", headers=header).status_code == 401


def test_the_published_keys_verify_a_token(practice, call):
    (name, pem), *_ = call("GET", "/user/jwt/keys").json()["keys"]
    claims = jwt.decode(
        practice.token("reader"), pem, algorithms=["RS256"], audience=practice.endpoint + "/user"
    )
    assert claims["sub"] == "3"
    jwks = call("GET", "/user/.well-known/jwks").json()["keys"]
    assert [one["kid"] for one in jwks] == [name]
    key = jwt.PyJWK(jwks[0]).key
    jwt.decode(practice.token("reader"), key, algorithms=["RS256"], audience=practice.endpoint + "/user")
    openid = call("GET", "/user/.well-known/openid-configuration").json()
    assert openid["issuer"] == practice.endpoint + "/user"


def test_the_servers_clock_can_be_wrong(practice, call):
    try:
        practice.settings(clock_offset=600, token_lifetime=120)
        claims = jwt.decode(practice.token("reader"), options={"verify_signature": False})
        assert claims["iat"] > time.time() + 300
        assert claims["exp"] - claims["iat"] == 120
        assert call("GET", "/user/user", user="reader").status_code == 200
    finally:
        practice.settings(clock_offset=0, token_lifetime=1800)


def test_the_mapping_of_each_user(call):
    everything = {"/": [{"method": "*", "service": "*"}]}
    assert call("GET", "/authz/mapping", user="admin").json() == everything
    methods = [{"method": name, "service": "*"} for name in ("create", "delete", "read", "update")]
    assert call("GET", "/authz/mapping", user="submitter").json() == {
        "/programs": methods,
        "/data_file": [{"method": "file_upload", "service": "*"}],
        **JOBS,
    }
    assert call("GET", "/authz/mapping", user="nobody").json() == {}
    assert call("GET", "/authz/mapping").json() == {}
    assert call("GET", "/authz/resources", user="reader").json() == {"resources": ["/programs", "/sower"]}
    assert call("GET", "/authz/resources").status_code == 401


def test_nobody_asks_for_the_mapping_of_others(call):
    own = call("GET", "/authz/mapping", user="reader").json()
    assert call("GET", "/authz/mapping?username=admin@commons.test", user="reader").json() == own
    # the proxy of a commons lets neither through, whoever asks
    body = {"username": "admin@commons.test"}
    assert call("POST", "/authz/mapping", user="admin", json=body).status_code == 403
    for path in ("/authz/auth/mapping", "/authz/auth/request", "/authz/user/admin@commons.test"):
        page = call("GET", path, user="admin")
        assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_arborist_decides(call):
    def ask(user: str | None, method: str, resource: str) -> int:
        params = {"resource": resource, "method": method, "service": "sheepdog"}
        return int(call("GET", "/authz", user=user, params=params).status_code)

    assert ask("reader", "read", "/programs/P/projects/Q") == 200
    assert ask("reader", "update", "/programs/P/projects/Q") == 403
    assert ask("reader", "read", "/programsP") == 403
    assert ask("admin", "anything", "/anywhere") == 200
    assert ask(None, "read", "/programs") == 401
    assert call("GET", "/authz?resource=/programs", user="reader").status_code == 400


def test_policies_are_for_who_may_read_them(call):
    assert call("GET", "/authz/policy", user="submitter").status_code == 403
    assert call("GET", "/authz/policy").status_code == 401
    assert isinstance(call("GET", "/authz/policy", user="admin").json()["policies"], list)


def test_pages_of_the_portal(call):
    page = call("GET", "/")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    lost = call("GET", "/no/such/page")
    assert (lost.status_code, lost.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert call("GET", "/user/no/such").status_code == 404
