"""Any GraphQL, and a word wherever it was cut."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest
from made_up import CASES

from gen3nb.errors import QueryError
from gen3nb.frames.queries import CutAtDefaultLimit, cut_levels

if TYPE_CHECKING:
    from gen3nb import Commons


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("query ($p: [String]) { case(project_id: $p) { id } }", "^case came back with exactly 10"),
        ("query ($p: [String]) { few: case(project_id: $p) { id } }", "^few: case came back"),
        (
            "query ($p: [String]) { experiment(project_id: $p, first: 5) { cases { id } } }",
            r"^experiment\.cases came back.*to 'cases'",
        ),
        ("query ($p: [String]) { ...all } fragment all on Root { case(project_id: $p) { id } }", "^case"),
        ("query ($p: [String], $n: Int) { case(project_id: $p, first: $n) { id } }", "^case came"),
    ],
)
def test_a_cut_level_is_named(commons: Commons, clinic: str, text: str, level: str) -> None:
    with pytest.warns(CutAtDefaultLimit, match=level):
        commons.query(text, {"p": [clinic]})


@pytest.mark.parametrize(
    "text",
    [
        "query ($p: [String]) { case(project_id: $p, first: 10) { id } }",
        "query ($p: [String]) { case(first: 0, project_id: $p) { consent_codes } _case_count }",
        "query ($p: [String]) { treatment(project_id: $p) { id } }",
    ],
)
def test_what_is_not_cut_is_not_spoken_of(commons: Commons, clinic: str, text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = commons.query(text, {"p": [clinic]})
    assert data.get("_case_count", CASES) >= CASES


def test_lists_are_counted_and_plain_lists_are_not(default: object) -> None:
    ten = [{"id": str(number), "consent_codes": ["x"] * 10} for number in range(10)]
    data = {"experiment": [{"cases": ten}, {"cases": ten}, {"cases": ten[:3]}]}
    text = "{ experiment(first: 0) { cases { id consent_codes ... on case { id } } } }"
    assert cut_levels(text, data, {}) == {"experiment.cases": 2}
    assert cut_levels("{ this is no { graphql", data, {}) == {}
    # two aliases of one field are two levels, and a variable's own value is one
    both = {"a": ten, "b": ten[:3], "c": ten}
    text = "query ($n: Int = 10) { a: case { id } b: case { id } c: case(first: $n) { id } }"
    assert cut_levels(text, both, {}) == {"a: case": 1}


def test_the_services_words_with_line_and_column(commons: Commons) -> None:
    with pytest.raises(QueryError, match="Cannot query field") as caught:
        commons.query("{\n  kase { id }\n}")
    assert caught.value.errors
    with pytest.raises(QueryError) as broken:
        commons.query("{ case { id }")
    assert (broken.value.line, broken.value.column) == (1, 14)
