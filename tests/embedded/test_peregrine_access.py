"""Who may ask the query service, and what each may see."""

from __future__ import annotations

import pytest
import requests
from asking import GRAPHQL, Ask
from submitting import Hand


@pytest.fixture
def ask(practice):
    with requests.Session() as session:
        session.trust_env = False
        yield Ask(practice, session)


@pytest.fixture
def hand(practice):
    with requests.Session() as session:
        session.trust_env = False
        hand = Hand(practice, session)
        hand.put({"type": "experiment", "submitter_id": "e", "projects": {"code": hand.code}})
        yield hand


def test_tokens(ask, practice):
    body = '{"query": "{_case_count}"}'
    assert ask.raw(body, user=None).status_code == 401
    assert ask.raw(body, user=None).json() == {
        "message": "Authentication Error: no authorization header provided"
    }
    old = {"Authorization": f"bearer {practice.token('admin', expires_in=-60)}"}
    answer = ask.session.post(practice.endpoint + GRAPHQL, data=body, headers=old, timeout=60)
    assert answer.status_code == 401
    assert answer.json() == {"message": "Authentication Error: Signature has expired"}
    assert ask.get("/datasets", user=None, nodes="case").status_code == 401
    assert ask.get("/submission/graphql").status_code == 405


def test_with_and_without_a_slash(ask):
    for path in (GRAPHQL, GRAPHQL + "/"):
        assert ask.raw({"query": "{__typename}"}, path=path).json() == {"data": {"__typename": "Root"}}


@pytest.mark.parametrize(
    ("body", "status", "answer"),
    [
        ("{}", 400, {"data": None, "errors": ["The query must be a string"]}),
        ('{"query": null}', 400, {"data": None, "errors": ["The query must be a string"]}),
        ('{"query": 3}', 400, {"data": None, "errors": ["The query must be a string"]}),
        ('[{"query": "{__typename}"}]', 500, {"message": "internal server error"}),
        ("3", 400, {"message": "JSON parsed from request is an invalid type: int"}),
        ("", 400, {"message": "Unable to parse json: Expecting value: line 1 column 1 (char 0)"}),
        (
            '{"query": "a", "query": "b"}',
            400,
            {"message": "Unable to parse json: The document contains duplicate keys: query"},
        ),
        (
            '{"query": "{__typename}", "variables": "{"}',
            400,
            {
                "data": None,
                "errors": [
                    "Unable to parse variables",
                    "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
                ],
            },
        ),
        (
            '{"query": "query($a:Int){case(first:$a){id}}", "variables": "3"}',
            400,
            {"data": None, "errors": ["'int' object has no attribute 'get'"]},
        ),
        (
            '{"query": "{viewer{__typename}}", "variables": "3"}',
            200,
            {"data": {"viewer": {"__typename": "viewer"}}},
        ),
        ('{"query": "{__typename}", "variables": ""}', 200, {"data": {"__typename": "Root"}}),
        (
            '{"query": "{__typename}", "variables": "{}", "operationName": "x"}',
            200,
            {"data": {"__typename": "Root"}},
        ),
    ],
)
def test_bodies(ask, body, status, answer):
    got = ask.raw(body)
    assert (got.status_code, got.json()) == (status, answer)


def test_what_one_may_not_read_is_absent(ask, hand):
    where = f'project_id:"{hand.project_id}"'
    text = (
        f"{{project({where}){{code}} experiment({where}){{id}} _experiment_count({where}) node({where}){{id}}"
        f" transaction_log({where}){{id}} _transaction_log_count({where}) _project_count({where})}}"
    )
    nothing = {
        "project": [],
        "experiment": [],
        "_experiment_count": 0,
        "node": [],
        "transaction_log": [],
        "_transaction_log_count": 0,
        "_project_count": 0,
    }
    assert ask(text, user="nobody") == nothing
    assert hand.project_id not in ask.get("/datasets", user="nobody", nodes="case").json()
    seen = ask(text, user="reader")
    assert len(seen["experiment"]) == seen["_experiment_count"] == len(seen["node"]) == 1
    assert seen["project"] == [{"code": hand.code}]
    # programs belong to nobody; their projects do
    below = '{program(name:"P"){projects(first:0){project_id}}}'
    assert ask(below, user="nobody")["program"] == [{"projects": []}]
    assert {"project_id": hand.project_id} in ask(below, user="reader")["program"][0]["projects"]


def test_open_projects_are_open_to_every_token(ask, hand):
    project = {"type": "project", "code": hand.code, "name": "T", "dbgap_accession_number": hand.code}
    assert hand.call("PUT", "/P", json={**project, "availability_type": "Open"}).status_code == 200
    text = f'{{experiment(project_id:"{hand.project_id}"){{submitter_id projects{{availability_type}}}}}}'
    assert ask(text, user="nobody")["experiment"] == [
        {"submitter_id": "e", "projects": [{"availability_type": "Open"}]}
    ]
    assert hand.project_id in ask.get("/datasets", user="nobody", nodes="case").json()


def test_the_schema_is_public(ask):
    answer = ask.get("/submission/getschema", user=None)
    assert answer.headers["content-disposition"] == "inline; filename=schema.json"
    schema = answer.json()["data"]["__schema"]
    assert schema["queryType"] == {"name": "Root"}
    assert schema["mutationType"] is schema["subscriptionType"] is None
    root = schema["types"][0]
    names = [one["name"] for one in root["fields"]]
    assert names[:5] == ["transaction_log", "_transaction_log_count", "node", "root", "_root_count"]
    assert set(names[-3:]) == {"datanode", "_node_type", "viewer"}
    assert {"case", "_case_count"} <= set(names)
    assert "_node_count" not in names
