"""Plain ``requests``, as the Gen3 API guide teaches it, works on a practice commons."""

from __future__ import annotations

import json

import jwt
import pytest
import requests

PROJECT = {
    "type": "project",
    "code": "one",
    "name": "One",
    "dbgap_accession_number": "phs000002",
    "investigator_name": "A. Person",
}
TSV = "type\tsubmitter_id\texperiments.submitter_id\ncase\tt1\texp\ncase\tt2\texp\n"


@pytest.fixture(scope="module")
def headers(practice):
    """Exchange the whole key file for a token, and make a project."""
    with open(practice.credentials("admin")) as file:
        key = json.load(file)
    answer = requests.post(f"{practice.endpoint}/user/credentials/cdis/access_token", json=key, timeout=30)
    token = answer.json()["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 30 * 60
    headers = {"Authorization": f"bearer {token}"}
    api = f"{practice.endpoint}/api/v0/submission/"
    program = {"type": "program", "name": "PLAIN", "dbgap_accession_number": "phs000001"}
    assert requests.post(api, json=program, headers=headers, timeout=30).status_code == 200
    assert requests.put(f"{api}PLAIN", json=PROJECT, headers=headers, timeout=30).status_code == 200
    experiment = {"type": "experiment", "submitter_id": "exp", "projects": {"code": "one"}}
    answer = requests.put(f"{api}PLAIN/one", json=experiment, headers=headers, timeout=30)
    assert answer.status_code == 200
    return headers


@pytest.fixture(scope="module")
def cases(practice, headers):
    """Put two cases as the text of a TSV."""
    answer = requests.put(
        f"{practice.endpoint}/api/v0/submission/PLAIN/one",
        data=TSV,
        headers={**headers, "Content-Type": "text/tab-separated-values"},
        timeout=30,
    )
    assert answer.status_code == 200
    entities = answer.json()["entities"]
    return {one["unique_keys"][0]["submitter_id"]: one["id"] for one in entities}


def test_a_query(practice, headers, cases):
    query = {
        "query": '{ case(first: 0, project_id: "PLAIN-one", order_by_asc: "submitter_id") { submitter_id } }'
    }
    for slash in ("/", ""):
        url = f"{practice.endpoint}/api/v0/submission/graphql{slash}"
        answer = requests.post(url, json=query, headers=headers, timeout=30)
        assert answer.status_code == 200
        assert [one["submitter_id"] for one in answer.json()["data"]["case"]] == ["t1", "t2"]


@pytest.mark.parametrize("slash", ["/", ""])
@pytest.mark.parametrize("form", ["json", "tsv"])
def test_an_export_of_a_node(practice, headers, cases, form, slash):
    url = f"{practice.endpoint}/api/v0/submission/PLAIN/one/export{slash}?node_label=case&format={form}"
    answer = requests.get(url, headers=headers, timeout=30)
    assert answer.status_code == 200
    if form == "json":
        assert {one["submitter_id"] for one in answer.json()["data"]} == {"t1", "t2"}
    else:
        header, *rows = (line.split("\t") for line in answer.text.splitlines())
        assert {row[header.index("submitter_id")] for row in rows} == {"t1", "t2"}


@pytest.mark.parametrize("form", ["json", "tsv"])
def test_an_export_by_ids(practice, headers, cases, form):
    url = (
        f"{practice.endpoint}/api/v0/submission/PLAIN/one/export?ids={','.join(cases.values())}&format={form}"
    )
    answer = requests.get(url, headers=headers, timeout=30)
    assert answer.status_code == 200
    if form == "json":
        assert {one["submitter_id"] for one in answer.json()} == {"t1", "t2"}
    else:
        assert len(answer.text.strip().splitlines()) == 3


def test_without_a_token(practice, cases):
    url = f"{practice.endpoint}/api/v0/submission/graphql/"
    answer = requests.post(url, json={"query": "{ case { id } }"}, timeout=30)
    assert answer.status_code == 401
    assert answer.json() == {"message": "Authentication Error: no authorization header provided"}


def test_with_a_token_that_has_run_out(practice, cases):
    header = {"Authorization": f"bearer {practice.token('reader', expires_in=-60)}"}
    url = f"{practice.endpoint}/api/v0/submission/"
    answer = requests.get(url, headers=header, timeout=30)
    assert answer.status_code == 401
    assert answer.json() == {"message": "Authentication Error: Signature has expired"}
    answer = requests.put(f"{url}PLAIN/one", json={}, headers=header, timeout=30)
    assert answer.status_code == 401
    assert answer.json() == {
        "code": 401,
        "error": "request to arborist failed: could not verify token: Signature has expired",
    }


def test_what_each_user_may(practice, cases):
    url = f"{practice.endpoint}/api/v0/submission/PLAIN/one"
    record = {"type": "case", "submitter_id": "t1", "experiments": {"submitter_id": "exp"}}

    def status(method: str, user: str, path: str = "", **kwargs: object) -> int:
        header = {"Authorization": f"bearer {practice.token(user)}"}
        return requests.request(method, url + path, headers=header, timeout=30, **kwargs).status_code

    assert status("PUT", "submitter", json=record) == 200
    assert status("PUT", "reader", json=record) == 403
    assert status("PUT", "nobody", json=record) == 403
    export = "/export?node_label=case&format=json"
    assert [status("GET", user, export) for user in ("submitter", "reader", "nobody")] == [200, 200, 403]


def test_a_request_line_that_is_too_long(practice, headers, cases):
    url = f"{practice.endpoint}/api/v0/submission/PLAIN/one/entities/{','.join(['x' * 36] * 120)}"
    answer = requests.get(url, headers=headers, timeout=30)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "Request Line is too large" in answer.text
