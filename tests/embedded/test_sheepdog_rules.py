"""The quick check of records never takes what jsonschema refuses, and takes what people submit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from gen3nb.embedded.schemas import Schemas, load
from gen3nb.embedded.sheepdog_rules import Rules, compiled, format_checker, is_rfc3339

GARDEN = Path(__file__).parents[1] / "dictionary" / "schemas" / "garden"
DICTIONARIES = {"default": load(), "garden": load(GARDEN)}
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-3, 40000)
    | st.floats(-2, 100, allow_nan=False)
    | st.sampled_from(
        ["", "a", "0", "AB-1234", "never", "2020-01-01T00:00:00Z", "1999-12", "x" * 50, "a1", "5"]
    )
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "submitter_id", "code", "other"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def enums(schemas: Schemas, node: str) -> list[Any]:
    """Values that occur in the type's vocabularies."""
    found = []
    for prop in schemas.nodes[node]["properties"].values():
        found += prop.get("enum", [])[:2] if isinstance(prop, dict) else []
    return found or [None]


@pytest.mark.parametrize("name", DICTIONARIES)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_the_quick_check_agrees_with_jsonschema(name, data):
    schemas = DICTIONARIES[name]
    node = data.draw(st.sampled_from(sorted(schemas.nodes)))
    properties = [*schemas.nodes[node]["properties"], "unknown"]
    values = VALUES | st.sampled_from(enums(schemas, node))
    record = data.draw(st.dictionaries(st.sampled_from(properties), values, max_size=8))
    for required in schemas.nodes[node].get("required", []):
        if data.draw(st.booleans()):
            record.setdefault(required, data.draw(values))
    rules = Rules(schemas)
    assert rules.valid(node, record) == (not rules.errors(node, record))


@pytest.mark.parametrize("name", DICTIONARIES)
def test_single_values_agree_with_jsonschema(name):
    checker = format_checker()
    samples = [
        None,
        True,
        0,
        1,
        1.0,
        0.5,
        -1,
        40000,
        "",
        "x",
        "01",
        [],
        [1],
        ["a"],
        [""],
        {},
        {"submitter_id": 1},
    ]
    for node in DICTIONARIES[name].nodes:
        for schema in DICTIONARIES[name].nullable(node)["properties"].values():
            check, referee = compiled(schema, checker), Draft4Validator(schema, format_checker=checker)
            for value in [*samples, *schema.get("enum", [])]:
                assert check(value) == referee.is_valid(value), (node, schema, value)


def test_usual_records_need_no_closer_look():
    rules = Rules(DICTIONARIES["default"])
    links = [{"submitter_id": "x"}, [{"id": "11111111-1111-4111-8111-111111111111"}]]
    for link in links:
        assert rules.valid("case", {"type": "case", "submitter_id": "a", "experiments": link})
    assert not rules.valid("case", {"type": "case", "submitter_id": "a"})


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("2001-01-01T00:00:00Z", True),
        ("2001-01-01t00:00:00.5+01:00", True),
        ("2001-01-01T00:00:00", False),
        ("2001-02-30T00:00:00Z", False),
        ("2000-02-29T23:59:59-23:59", True),
        ("2001-01-01T24:00:00Z", False),
        ("2001-01-01 00:00:00Z", False),
        ("٢٠٠١-01-01T00:00:00Z", False),
        (5, True),
    ],
)
def test_times_have_a_zone(text, good):
    assert is_rfc3339(text) is good
