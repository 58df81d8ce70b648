"""One table: what a service answers, which exception comes of it, and what that says."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from client_stub import Reply, Stub

from gen3nb import errors
from gen3nb.client.failures import Needs
from gen3nb.client.peregrine import Peregrine, query_error
from gen3nb.client.sheepdog import Sheepdog, Transaction
from gen3nb.client.transport import Transport

FENCE = (
    "<!DOCTYPE html><html><head><title>{title}</title><style>p {{ color: red }}</style></head><body>"
    "<p class='introduction'>err-42</p><p class='introduction'>{said}</p><p>Contact support</p></body></html>"
)
GUNICORN = (
    "<html>\n<head>\n<title>Bad Request</title>\n</head>\n<body>\n<h1><p>Bad Request</p></h1>\n"
    "Request Line is too large (4100 &gt; 4094)\n</body>\n</html>\n"
)
NGINX = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr>nginx</body></html>"


def fence(said: str, title: str = "Error") -> str:
    return FENCE.format(title=title, said=said)


@pytest.mark.parametrize(
    ("service", "status", "body", "error", "says"),
    [
        (
            "sheepdog",
            401,
            {"message": "Authentication Error: Signature has expired"},
            errors.TokenExpired,
            "expired",
        ),
        ("sheepdog", 401, {"code": 401, "error": "Token has expired"}, errors.TokenExpired, "run out"),
        (
            "sheepdog",
            401,
            {"message": "Authentication Error: no authorization header provided"},
            errors.AuthError,
            "no auth",
        ),
        (
            "sheepdog",
            403,
            {"message": "You don't have access to this resource: x"},
            errors.PermissionDenied,
            "lack",
        ),
        ("sheepdog", 404, {"message": "Project beta not found"}, errors.NotFound, "Project beta not found"),
        (
            "sheepdog",
            400,
            {"message": "Project is in state 'review', which prevents /x."},
            errors.Conflict,
            "review",
        ),
        (
            "sheepdog",
            400,
            {"message": "ERROR: Project a already exists in DB"},
            errors.Conflict,
            "already exists",
        ),
        ("sheepdog", 400, {"message": "Unable to parse json: x"}, errors.ServiceError, "Unable to parse"),
        ("sheepdog", 400, GUNICORN, errors.ServiceError, "too large (4100 > 4094)"),
        ("sheepdog", 413, NGINX.format("413 Request Entity Too Large"), errors.ServiceError, "send less"),
        ("sheepdog", 500, {"message": "internal server error"}, errors.ServiceError, "operators"),
        ("sheepdog", 502, NGINX.format("502 Bad Gateway"), errors.Unavailable, "502 Bad Gateway"),
        ("sheepdog", 504, NGINX.format("504 Gateway Time-out"), errors.TimedOut, "unknown"),
        (
            "sheepdog",
            404,
            NGINX.format("404 Not Found"),
            errors.NotFound,
            "does not seem to run the submission",
        ),
        (
            "peregrine",
            404,
            {"message": "program graphql not found"},
            errors.NotFound,
            "does not seem to run the query",
        ),
        ("arborist", 404, "404 page not found", errors.NotFound, "does not seem to run the permissions"),
        ("fence", 401, fence("Please login"), errors.AuthError, "Please login"),
        (
            "fence",
            401,
            fence("failed to validate token: Signature has expired"),
            errors.TokenExpired,
            "run out",
        ),
        (
            "fence",
            401,
            fence("You don&#39;t have read-storage permission on authorization resource"),
            errors.PermissionDenied,
            "You don't have read-storage",
        ),
        (
            "fence",
            403,
            fence("You do not have access to upload data."),
            errors.PermissionDenied,
            "upload data",
        ),
        ("fence", 404, fence("No indexed document found with id x"), errors.NotFound, "No indexed document"),
        ("fence", 500, fence("boom"), errors.ServiceError, "boom"),
        ("indexd", 401, {"error": "Permission denied."}, errors.PermissionDenied, "file index"),
        ("indexd", 404, {"error": "no record found"}, errors.NotFound, "no record found"),
        ("indexd", 409, {"error": "revision mismatch"}, errors.Conflict, "revision mismatch"),
        (
            "requestor",
            422,
            {"detail": [{"msg": "not a UUID", "loc": ["x"]}]},
            errors.ServiceError,
            "not a UUID",
        ),
        ("requestor", 403, {"detail": "Permission denied"}, errors.PermissionDenied, "Permission denied"),
        ("sower", 500, b"job with jobid X not found", errors.ServiceError, "jobid X not found"),
        ("mds", 429, {"detail": "slow"}, errors.RateLimited, "slow down"),
        ("sheepdog", 418, {"message": "tea"}, errors.ServiceError, "tea"),
    ],
)
def test_the_table(
    stub: Stub, service: str, status: int, body: Any, error: type[errors.Gen3Error], says: str
) -> None:
    stub.on("/x", Reply(status, body))
    with pytest.raises(errors.Gen3Error) as caught:
        Transport(stub.endpoint, retries=0).request("PUT", "/x", service=service, json=[])
    raised = caught.value
    assert type(raised) is error
    assert says in str(raised)
    for tag in ("<p", "<html", "</", "color: red", "&#39;"):
        assert tag not in str(raised)
    assert raised.facts["status"] == status
    assert raised.facts["service"] == service
    again = pickle.loads(pickle.dumps(raised))
    assert (type(again), str(again), again.facts) == (type(raised), str(raised), raised.facts)
    if isinstance(body, str) and "err-42" in body:
        assert raised.facts["request_id"] == "err-42"


def test_request_ids_of_headers(stub: Stub) -> None:
    stub.on("/x", Reply(500, {"message": "boom"}, {"X-Request-Id": "r-1"}))
    with pytest.raises(errors.ServiceError) as caught:
        Transport(stub.endpoint).request("GET", "/x", service="sheepdog")
    assert caught.value.request_id == "r-1"


def test_long_words_are_cut(stub: Stub) -> None:
    stub.on("/x", Reply(400, {"error": "no\n\n" * 10_000}))
    with pytest.raises(errors.ServiceError) as caught:
        Transport(stub.endpoint).request("GET", "/x", service="indexd")
    assert len(str(caught.value)) < 800
    assert "\n" not in str(caught.value)


def test_a_missing_permission_names_method_and_resource(stub: Stub) -> None:
    stub.on("/x", Reply(403, {"message": "no"}))
    needs = Needs("read records of P-Q", "/programs/P/projects/Q", ("read",))
    with pytest.raises(errors.PermissionDenied) as caught:
        Transport(stub.endpoint).request("GET", "/x", service="sheepdog", needs=needs)
    assert (caught.value.method, caught.value.resource) == ("read", "/programs/P/projects/Q")
    assert str(caught.value).startswith(
        "to read records of P-Q you need the method 'read' on /programs/P/projects/Q, which your account"
    )
    assert stub.endpoint in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said", "line", "column", "says"),
    [
        (
            "{project{id}",
            "Syntax Error GraphQL (1:13) Expected Name, found EOF\n\n1: {project{id}\n   ^\n",
            1,
            13,
            "line 1, column 13: Syntax Error GraphQL Expected Name, found EOF\n"
            "  {project{id}\n              ^",
        ),
        (
            "{ a\n\tkase { id } }",
            'Cannot query field "kase" on type "Root".',
            2,
            2,
            "\n   kase { id } }\n   ^",
        ),
        ("{ kase { id } b: kase { id } }", 'Cannot query field "kase" on type "Root".', None, None, "kase"),
        (
            '{ case(first: "ten") { id } }',
            'Argument "first" has invalid value "ten".\nExpected type "Int", found "ten".',
            1,
            8,
            'invalid value "ten". Expected type "Int"',
        ),
        ("{ a }", {"message": "oops", "locations": [{"line": 1, "column": 3}]}, 1, 3, "oops"),
        ("", "The query must be a string", None, None, "must be a string"),
    ],
)
def test_where_a_query_is_wrong(
    text: str, said: Any, line: int | None, column: int | None, says: str
) -> None:
    error = query_error(text, [said], None)
    assert (error.line, error.column) == (line, column)
    assert says in str(error)


def test_a_query_with_partial_data(stub: Stub) -> None:
    body = {"data": {"a": None, "b": [1]}, "errors": ["Cannot order by x on a", "another"]}
    stub.on("/api/v0/submission/graphql", Reply(400, body))
    with pytest.raises(errors.QueryError, match=r"Cannot order by x on a \(and 1 more\)") as caught:
        Peregrine(Transport(stub.endpoint)).query("{ a b }")
    assert caught.value.data == {"a": None, "b": [1]}
    assert caught.value.errors == ("Cannot order by x on a", "another")


@pytest.mark.parametrize("body", [[], {"data": None}, {"data": 3}, {}])
def test_graphql_answers_that_are_none(stub: Stub, body: Any) -> None:
    stub.on("/api/v0/submission/graphql", Reply(200, body))
    peregrine = Peregrine(Transport(stub.endpoint))
    if body == []:
        with pytest.raises(errors.ServiceError, match="no GraphQL answer"):
            peregrine.query("{ a }")
    else:
        assert peregrine.query("{ a }") == {}


def test_queries_are_tried_again_and_their_variables_sent(stub: Stub) -> None:
    stub.on("/api/v0/submission/graphql", Reply(503), {"data": {"a": 1}})
    peregrine = Peregrine(Transport(stub.endpoint, backoff=0.01))
    assert peregrine.query("{ a }", {"x": ["ü"]}) == {"a": 1}
    assert stub.requests[1].body.decode() == '{"query": "{ a }", "variables": {"x": ["ü"]}}'


def test_long_lists_of_nodes_are_asked_for_in_parts(stub: Stub) -> None:
    stub.on("/api/v0/datasets", {"P-Q": {"a": 1}}, {"P-Q": {"b": 2}, "P-R": {"b": 3}})
    nodes = [f"node_with_a_long_name_{number}" for number in range(150)]
    counts = Peregrine(Transport(stub.endpoint)).datasets(nodes)
    assert counts == {"P-Q": {"a": 1, "b": 2}, "P-R": {"b": 3}}
    asked = [request.path for request in stub.requests]
    assert max(map(len, asked)) < 4000
    assert sum(path.count("node_with") for path in asked) == 150


@pytest.mark.parametrize("body", [{"links": None}, [], {"links": "x"}, {}])
def test_listings_that_are_none(stub: Stub, body: Any) -> None:
    stub.on("/api/v0/submission/", body)
    with pytest.raises(errors.ServiceError, match="not readable"):
        Sheepdog(Transport(stub.endpoint)).programs()


@pytest.mark.parametrize("body", [{"entities": None}, {"transactional_errors": None}, {}])
def test_transactions_with_holes(body: Any) -> None:
    answer = Transaction.of(body, 200)
    assert not answer.ok
    assert answer.problems() == []


def test_problems_of_every_form() -> None:
    body = {
        "transactional_errors": ["Nothing to submit", {"message": "Entity is not unique"}],
        "entities": [
            {
                "type": "case",
                "unique_keys": [{"project_id": "P-Q", "submitter_id": "c1"}],
                "errors": [{"message": "bad", "keys": ["x"]}],
            },
            {"type": None, "unique_keys": None, "errors": ["worse"]},
        ],
    }
    assert Transaction.of(body, 400).problems() == [
        "Nothing to submit",
        "Entity is not unique",
        "case 'c1': bad",
        "record 2: worse",
    ]
