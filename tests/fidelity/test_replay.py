"""The practice commons answers as the recorded services did, exchange by exchange."""

from __future__ import annotations

import json
import os
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
from replay import Ids, judge, send

from gen3nb.launch import start_server

HERE = Path(__file__).parent
USERS = {
    "submitter": {"DEMO-alpha": ["create", "read", "update", "delete"]},
    "reader": {"DEMO-alpha": ["read"]},
    "nobody": {},
}
PASSWORDS = {"gdcapi": "gdcapi", "gateway": "pw"}
NAMES = ("admin", "submitter", "reader", "nobody", "expired")


class Judged(NamedTuple):
    topic: str
    label: str
    verdict: str
    why: str


@pytest.fixture(scope="module")
def target() -> Iterator[tuple[str, dict[str, str]]]:
    """Give endpoint and tokens: of an empty practice commons, or of the server that the environment names."""
    endpoint = os.environ.get("GEN3NB_FIDELITY_ENDPOINT")
    if endpoint:
        yield endpoint, {name: os.environ[f"GEN3NB_FIDELITY_{name.upper()}"] for name in NAMES}
        return
    with start_server(users=USERS, passwords=PASSWORDS) as server:
        tokens = {name: server.token(name) for name in NAMES if name != "expired"}
        yield server.endpoint, {**tokens, "expired": server.token("admin", expires_in=-60)}


@pytest.fixture(scope="module")
def judged(target: tuple[str, dict[str, str]]) -> list[Judged]:
    """Replay all topics in their order, and judge each exchange."""
    endpoint, tokens = target
    ids, found = Ids(), []
    for path in sorted((HERE / "recordings").glob("[0-9]*.json")):
        if path.name.startswith("09"):
            continue
        for exchange in json.loads(path.read_text(encoding="utf-8"))["exchanges"]:
            try:
                answer = send(endpoint, tokens, ids, exchange["request"])
                verdict, why = judge(exchange["response"], answer, ids)
            except requests.RequestException as error:
                verdict, why = "differs", f"no answer: {error}"
            if not exchange.get("setup"):
                found.append(Judged(path.stem, exchange["label"], verdict, why))
    return found


@pytest.fixture(scope="module")
def known() -> dict[tuple[str, str], dict[str, Any]]:
    """Give the differences that are known, with their reasons."""
    listed = tomllib.loads((HERE / "differences.toml").read_text(encoding="utf-8"))["difference"]
    return {(one["topic"], one["label"]): one for one in listed}


def test_every_exchange_is_exact_or_near(judged, known):
    table = Counter((one.topic, one.verdict) for one in judged)
    for topic in dict.fromkeys(one.topic for one in judged):
        exact, near, differs = (table[topic, verdict] for verdict in ("exact", "near", "differs"))
        print(f"{topic:40} {exact:4} exact {near:4} near {differs:4} differ")
    exact = sum(one.verdict == "exact" for one in judged)
    print(f"{exact} of {len(judged)} exact ({exact / len(judged):.1%})")
    differing = [one for one in judged if one.verdict == "differs" and (one.topic, one.label) not in known]
    assert not differing, "\n".join(f"{one.topic}: {one.label}: {one.why}" for one in differing)
    assert exact / len(judged) >= 0.85  # the order of unordered lists is another each time


def test_no_difference_is_listed_that_is_none(judged, known):
    differing = {(one.topic, one.label) for one in judged if one.verdict == "differs"}
    always = {place for place, one in known.items() if not one.get("by_chance")}
    assert always <= differing, f"no longer different: {sorted(always - differing)}"
    assert all(one["reason"].strip() for one in known.values())


def test_the_comparison_sees_other_answers(target):
    endpoint, tokens = target
    request = {"service": "sheepdog", "method": "GET", "path": "/v0/submission/_dictionary/_settings"}
    answer = send(endpoint, tokens, Ids(), request)
    right = {"status": 200, "content_type": "application/json", "json": {"enable_case_cache": False}}
    assert judge(right, answer, Ids())[0] == "exact"
    assert judge({**right, "json": {"enable_case_cache": True}}, answer, Ids())[0] == "near"
    assert judge({**right, "json": {"enable_case_cache": "no"}}, answer, Ids())[0] == "differs"
    assert judge({**right, "status": 201}, answer, Ids())[0] == "differs"
