"""What can go wrong between a client and a commons, on demand."""

from __future__ import annotations

import time

import pytest
import requests

from gen3nb.errors import Gen3Error

KEYS = "/user/credentials/api"


@pytest.fixture
def faults(practice):
    with practice.faults as faults:
        yield faults
    assert practice.faults.list() == []


@pytest.fixture
def make(practice, call):
    """Make an API key, a change of the commons' state; and count the keys."""

    def number() -> int:
        return len(call("GET", KEYS, user="submitter").json()["jtis"])

    def post() -> requests.Response:
        return call("POST", KEYS, user="submitter", json={})

    post.number = number
    return post


@pytest.mark.parametrize("kind", ["401-html", "429", "500", "502", "503", "504", "html"])
def test_answers_in_place_of_the_work(faults, make, kind):
    before = make.number()
    faults.add(kind, path=KEYS, method="POST", times=1, retry_after=7)
    answer = make()
    assert answer.status_code == (200 if kind == "html" else int(kind[:3]))
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers.get("Retry-After") == ("7" if kind in ("429", "503") else None)
    assert make.number() == before
    assert make().json()["key_id"]  # struck once


@pytest.mark.parametrize("kind", ["504-after-commit", "html-after"])
def test_answers_in_place_of_what_was_done(faults, make, kind):
    before = make.number()
    faults.add(kind, path=KEYS, method="POST", times=1)
    answer = make()
    assert answer.status_code == (504 if kind.startswith("504") else 200)
    assert answer.headers["Content-Type"].startswith("text/html")
    assert make.number() == before + 1


@pytest.mark.parametrize(("kind", "done"), [("drop-before", 0), ("drop-after", 1)])
def test_cut_connections(faults, make, kind, done):
    before = make.number()
    faults.add(kind, path=KEYS, method="POST", times=1)
    with pytest.raises(requests.ConnectionError):
        make()
    assert make.number() == before + done


def test_half_an_answer(faults, call):
    whole = call("GET", "/user/jwt/keys").content
    half = whole[: len(whole) // 2]
    faults.add("half-json", times=1)
    answer = call("GET", "/user/jwt/keys")
    assert (answer.status_code, answer.content) == (200, half)
    faults.add("html-in-middle", times=1)
    content = call("GET", "/user/jwt/keys").content
    assert content.startswith(half)
    assert b"<html>" in content
    faults.add("truncated", times=1)
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        call("GET", "/user/jwt/keys")


def test_latency_and_cost_per_row(faults, call):
    faults.add("latency", path="/user/jwt/*", seconds=0.2, times=1)
    start = time.perf_counter()
    call("GET", "/user/jwt/keys")
    assert time.perf_counter() - start >= 0.2
    faults.add("cost-per-row", seconds=0.05)
    start = time.perf_counter()
    answer = call("POST", "/index/bulk/documents", json=["a", "b", "c", "d"])
    assert answer.json() == []  # the body reached the service
    assert time.perf_counter() - start >= 0.2
    start = time.perf_counter()
    call(
        "POST",
        "/index/nope",
        data="a\tb\n1\t2\n3\t4\n",
        headers={"Content-Type": "text/tab-separated-values"},
    )
    assert time.perf_counter() - start >= 0.1


def test_a_fault_strikes_what_it_names(faults, call):
    number = faults.add("503", path="/user/jwt/*", after=1)
    assert call("GET", "/user/user", user="reader").status_code == 200
    statuses = [call("GET", "/user/jwt/keys").status_code for _ in range(3)]
    assert statuses == [200, 503, 503]
    (listed,) = faults.list()
    assert listed["struck"] == 2
    faults.remove(number)
    assert call("GET", "/user/jwt/keys").status_code == 200


def test_a_fault_that_does_not_exist(faults):
    with pytest.raises(Gen3Error, match=r"no fault 'earthquake'.*504-after-commit"):
        faults.add("earthquake")


def test_control_is_never_struck(faults, practice):
    faults.add("503")
    assert practice.token("reader")
    assert len(faults.list()) == 1


def test_a_submission_that_is_answered_and_lost(faults, practice, call):
    base = "/api/v0/submission"
    project = {"type": "project", "code": "lost", "name": "lost", "dbgap_accession_number": "lost"}
    call("PUT", base, user="admin", json={"type": "program", "name": "F", "dbgap_accession_number": "F"})
    call("PUT", f"{base}/F", user="admin", json=project)
    record = {"type": "experiment", "submitter_id": "e", "projects": {"code": "lost"}}
    here = f"{base}/F/lost"

    def stored() -> int:
        options = {"node_label": "experiment", "format": "json"}
        return len(call("GET", f"{here}/export", user="admin", params=options).json()["data"])

    faults.add("lost-with-200", path=f"{base}/*", times=4)
    for method, status in (("PUT", 200), ("POST", 201)):
        answer = call(method, here, user="admin", json=[record])
        told = answer.json()
        assert (answer.status_code, told["code"], told["message"]) == (
            status,
            status,
            "Transaction successful.",
        )
        assert (told["success"], told["created_entity_count"]) == (True, 1)
        assert told["entities"][0]["action"] == "create"
    bad = call("PUT", here, user="admin", json=[{**record, "colour": "red"}])
    assert (bad.status_code, bad.json()["success"]) == (400, False)  # what is wrong is said as ever
    assert stored() == 0  # and what is no submission is let through
    assert call("PUT", here, user="admin", json=[record]).status_code == 200
    assert stored() == 1
