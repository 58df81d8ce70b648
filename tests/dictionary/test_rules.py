"""Checking a column: the verdict is jsonschema's, the words are ours."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dictionaries import SCHEMAS, default_folder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from gen3nb.dictionary import Dictionary, Property
from gen3nb.dictionary.properties import parse_property
from gen3nb.dictionary.referee import as_json
from gen3nb.dictionary.rules import check_column, check_value


def _distinct_properties(*folders: Path) -> list[Property]:
    """Give the properties of these dictionaries, each schema once."""
    found: dict[str, Property] = {}
    for folder in folders:
        for node in Dictionary.from_folder(folder).values():
            for prop in node.properties.values():
                found.setdefault(json.dumps(prop.schema, sort_keys=True, default=str), prop)
    return list(found.values())


# Schemas that neither dictionary has, and that a commons may.
EXTRA = [
    parse_property("odd", schema)
    for schema in (
        {},
        {"description": "says nothing"},
        {"minimum": 3},
        {"enum": [1, True, "1", 1.5, None]},
        {"enum": [0, False]},
        {"type": "integer", "enum": [1, 2, 3]},
        {"type": "string", "enum": ["a", 5]},
        {"type": ["integer", "boolean"], "maximum": 5},
        {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
        {"type": "array"},
        {"type": "array", "items": [{"type": "string"}, {"type": "integer"}], "additionalItems": False},
        {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
        {"type": "array", "uniqueItems": True, "items": {"enum": ["a", "b"]}},
        {"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 5}]},
        {"anyOf": [{"type": "string", "maxLength": 2}, {"type": "integer", "maximum": 5}, {"type": "null"}]},
        {"allOf": [{"type": "number"}, {"minimum": 2}, {"not": {"enum": [3]}}]},
        {"type": "string", "not": {"pattern": "^x"}},
        {"type": "string", "format": "uuid"},
        {"type": "string", "minLength": 1, "maxLength": 3, "pattern": "a"},
        {"type": "number", "multipleOf": 0.25},
        {"type": "integer", "minimum": 2**53 + 1, "maximum": 2**53 + 3},
    )
]
PROPERTIES = _distinct_properties(default_folder(), SCHEMAS / "garden") + EXTRA

AWKWARD = [
    *(
        "",
        " ",
        "a",
        "abc",
        "1",
        "1.0",
        "0",
        "true",
        "Yes",
        "é",
        "x" * 50,
        "AB-1234",
        "a\n",
        "2024-05",
        "never",
    ),
    *("d41d8cd98f00b204e9800998ecf8427e", "1b2f0c54-6a2e-4b8e-9d6c-0f1e2d3c4b5a"),
    *(0, 1, -1, 2, 3, 5, 13, 14, 2**31, 2**53, 2**53 + 1, 2**63, 1.0, 0.5, -0.0, 1e300, 14.0, float("inf")),
    *(True, False, [], ["a"], [1], [1.0], [1, 2, 3, 4], [0.5] * 4, ["Mon", "Mon"], [[1.0]], [True], [None]),
    *({}, {"a": 1}, {"a": "x"}, ["a", 1], [1, "a"], [0.5, "a"], ["Mon", "x"], [1, 0.5], [0, -1]),
]


def refused(prop: Property, values: list[object]) -> set[int]:
    """Give what jsonschema refuses, on the schema as it is published."""
    return {place for place, value in enumerate(values) if not passes(prop, value)}


def passes(prop: Property, value: object) -> bool:
    try:
        return Draft4Validator(prop.schema).is_valid(as_json(prop, value))
    except OverflowError:  # infinity, where a multiple is asked for
        return False


def found(prop: Property, column: pd.Series) -> set[int]:
    return {finding.position for finding in check_column(prop, column) if finding.rule != "format"}


def objects(values: list[object]) -> pd.Series:
    column = pd.Series([None] * len(values), dtype=object)
    for place, value in enumerate(values):
        column.iat[place] = value
    return column


@pytest.mark.parametrize("prop", PROPERTIES, ids=lambda prop: prop.name)
def test_every_property_is_judged_as_jsonschema_judges_it(prop: Property) -> None:
    near = [value for value in (prop.enum or ())[:5] if value is not None]
    near += [str(value).upper() for value in near]
    for bound in (prop.minimum, prop.maximum):
        near += [bound, bound - 1, bound + 1, bound + 0.5] if bound is not None else []
    values = AWKWARD + near
    assert found(prop, objects(values)) == refused(prop, values)


json_values = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)


@st.composite
def columns(draw: st.DrawFn) -> tuple[Property, list[object]]:
    """Give a property and values of which many are near what it takes."""
    prop = draw(st.sampled_from(PROPERTIES))
    kinds = [json_values]
    if prop.enum:
        kinds.append(st.sampled_from([value for value in prop.enum if value is not None] or ["a"]))
    if prop.pattern:
        kinds.append(st.from_regex(prop.pattern))
    if {"integer", "number"} & set(prop.types):
        low = prop.minimum if prop.minimum is not None else -5
        kinds.append(st.floats(float(low) - 1, float(low) + 20) | st.integers(int(low) - 1, int(low) + 20))
    if prop.items is not None:
        kinds.append(
            st.lists(st.sampled_from([*(prop.items.enum or ()), 1, 0.5, "a", "a1", True]), max_size=6)
        )
    return prop, draw(st.lists(st.one_of(kinds), max_size=8))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(columns())
def test_generated_values_are_judged_as_jsonschema_judges_them(drawn: tuple[Property, list[object]]) -> None:
    prop, values = drawn
    assert found(prop, objects(values)) == refused(prop, values)


DTYPES = [
    "int64",
    "int8",
    "uint16",
    "float64",
    "float32",
    "Int64",
    "Float64",
    "boolean",
    "bool",
    "string",
    "category",
]


NUMERIC = [prop for prop in PROPERTIES if {"integer", "number"} & set(prop.types)]


@pytest.mark.parametrize("prop", NUMERIC, ids=lambda prop: prop.name)
@pytest.mark.parametrize("dtype", ["int64", "float64", "float32", "Int64", "Float64", "boolean", "category"])
def test_numbers_at_and_beyond_the_limits_are_judged_in_every_dtype(prop: Property, dtype: str) -> None:
    bounds = [bound for bound in (prop.minimum, prop.maximum) if bound is not None] or [0]
    near = [bound + step for bound in bounds for step in (-1, -0.5, 0, 0.5, 1)]
    far = [2**53, 2**53 + 1, 2**53 + 3, 2**53 + 4, float("inf"), float("-inf")]
    for values in (near, near + far, far[-1:]):
        if dtype in {"int64", "Int64"}:
            values = [int(value) for value in values if abs(value) < 2**60]
        column = pd.Series([0, 1, None] if dtype == "boolean" else values, dtype=dtype)
        cells = {place: value for place, value in enumerate(column.astype(object)) if not pd.isna(value)}
        assert found(prop, column) == {place for place, value in cells.items() if not passes(prop, value)}


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(columns(), st.sampled_from(DTYPES), st.booleans())
def test_a_typed_column_is_judged_like_its_values(
    drawn: tuple[Property, list[object]], dtype: str, with_gap: bool
) -> None:
    prop, values = drawn
    flat = [value for value in values if not isinstance(value, list | dict)]
    try:
        with np.errstate(all="ignore"):
            column = pd.Series(flat + [None] * with_gap, dtype=dtype)
    except (ValueError, TypeError, OverflowError):
        return  # these values do not go into such a column
    cells = {place: value for place, value in enumerate(column.astype(object)) if not pd.isna(value)}
    expected = {place for place, value in cells.items() if not passes(prop, value)}
    assert found(prop, column) == expected


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(columns())
def test_a_suggestion_always_passes(drawn: tuple[Property, list[object]]) -> None:
    prop, values = drawn
    for finding in check_column(prop, objects(values)):
        if finding.suggestion is not None:
            assert not check_value(prop, finding.suggestion)
            assert repr(finding.suggestion)[:20] in finding.message


def test_missing_cells_are_not_judged(default: Dictionary) -> None:
    gender = default["demographic"].properties["gender"]
    for missing in (None, np.nan, pd.NA, pd.NaT):
        assert check_column(gender, objects([missing])) == []
    assert check_column(gender, pd.Series([None, "female"], dtype="category")) == []
    assert check_column(gender, pd.Series([], dtype=object)) == []


@pytest.mark.parametrize(
    ("node", "name", "value", "rule", "message", "suggestion"),
    [
        ("demographic", "gender", "femal", "enum", "'femal' is not one of: female, male", "female"),
        ("demographic", "gender", " FEMALE", "enum", "did you mean 'female'?", "female"),
        ("demographic", "gender", "M", "enum", "did you mean 'male'?", "male"),
        ("demographic", "gender", 1, "enum", "1 is not one of", None),
        ("demographic", "year_of_birth", "1970", "type", "is text, but a number is expected", 1970),
        ("diagnosis", "age_at_diagnosis", 40_000, "range", "40000 is above the maximum of 32872", None),
        ("diagnosis", "age_at_diagnosis", -1, "range", "-1 is below the minimum of 0", None),
        ("diagnosis", "age_at_diagnosis", "45,5", "type", "did you mean 45.5?", 45.5),
        ("sample", "is_ffpe", "yes", "type", "true or false is expected", True),
        ("sample", "days_to_collection", 3.5, "type", "a whole number is expected", None),
        ("case", "consent_codes", "a, b", "type", "is text, but a list is expected", ["a", "b"]),
        ("case", "consent_codes", ["a", 1], "items", "item 2: 1 is a whole number", ["a", "1"]),
        ("submitted_methylation", "md5sum", "A" * 32, "pattern", "32 characters", "a" * 32),
        ("case", "created_datetime", "yesterday", "format", "is not a date and time", None),
    ],
)
def test_a_finding_says_what_is_wrong_and_what_is_meant(
    default: Dictionary, node: str, name: str, value: object, rule: str, message: str, suggestion: object
) -> None:
    (finding,) = check_value(default[node].properties[name], value)
    assert finding.rule == rule
    assert message in finding.message
    assert finding.suggestion == suggestion
    assert type(finding.suggestion) is type(suggestion)


@pytest.mark.parametrize(
    ("node", "name", "value", "rule", "message"),
    [
        ("seed_lot", "supplier", "x", "length", "has 1 characters, fewer than 2"),
        ("seed_lot", "supplier", "x" * 41, "length", "has 41 characters, more than 40"),
        ("seed_lot", "seed_count", 0, "range", "0 is below the minimum of 1"),
        ("seed_lot", "best_before", "soon", "pattern", "does not have the form ^[0-9]{4}-[0-9]{2}$"),
        ("garden", "soil_pH", 14, "range", "is the maximum itself, which is not allowed"),
        ("garden", "open_on", ["Mon", "Mon"], "items", "holds an item twice"),
        ("garden", "open_on", ["Mo"], "items", "item 1: 'Mo' is not one of: Mon, Tue"),
        ("plant", "petal_counts", [], "length", "the list has 0 items, fewer than 1"),
        ("plant", "petal_counts", [1.5], "items", "item 1: 1.5 is a number with decimals"),
        ("plant", "height", True, "type", "but a number or text is expected"),
        ("plant", "rating", 6, "enum", "6 is not one of: 1, 2, 3, 4, 5"),
        ("bouquet", "price", 0.7, "range", "0.7 is not a multiple of 0.5"),
        ("flowerShow", "Held_On", "31.5.2024", "format", "is not a date as in 2024-05-31"),
    ],
)
def test_each_rule_has_words(
    garden: Dictionary, node: str, name: str, value: object, rule: str, message: str
) -> None:
    findings = check_value(garden[node].properties[name], value)
    assert rule in {finding.rule for finding in findings}
    assert any(message in finding.message for finding in findings), findings


def test_a_value_that_should_not_be_used_any_more_passes_and_is_not_suggested(garden: Dictionary) -> None:
    colour = garden["plant"].properties["colour"]
    assert check_value(colour, "colourful") == []
    assert check_value(colour, "colourfull")[0].suggestion is None


def test_cells_stand_for_json_values(default: Dictionary, garden: Dictionary) -> None:
    days = default["sample"].properties["days_to_collection"]
    weight = default["sample"].properties["initial_weight"]
    counts = garden["plant"].properties["petal_counts"]
    assert (as_json(days, 3.0), type(as_json(days, 3.0))) == (3, int)
    assert type(as_json(weight, 3.0)) is float
    assert type(as_json(days, np.int8(3))) is int
    assert type(as_json(days, decimal.Decimal("3"))) is int
    assert as_json(days, decimal.Decimal("Infinity")) == float("inf")
    assert as_json(days, decimal.Decimal("3.5")) == 3.5
    assert type(as_json(days, 2.0**53)) is float  # no longer exact: which number was meant?
    assert as_json(counts, np.array([1.0, 2.0])) == [1, 2]
    assert as_json(counts, (1, 2)) == [1, 2]
    day = dt.datetime(2024, 5, 31, 13, 45)
    assert as_json(days, day) == as_json(days, pd.Timestamp(day)) == "2024-05-31T13:45:00"
    assert as_json(days, pd.Timestamp("2024-05-31")) == as_json(days, day.date()) == "2024-05-31"


def test_a_schema_that_draft_4_cannot_read_still_lets_the_rest_be_judged() -> None:
    broken = {"type": ["string", "strange"], "pattern": "(", "minimum": "0", "required": True, "maxLength": 3}
    prop = parse_property("x", {**broken, "items": "none", "anyOf": []})
    assert check_value(prop, "abc") == []
    assert [finding.rule for finding in check_value(prop, "abcd")] == ["length"]
    assert [finding.rule for finding in check_value(prop, 5)] == ["type"]


def test_positions_are_places_not_labels(default: Dictionary) -> None:
    gender = default["demographic"].properties["gender"]
    column = pd.Series(["female", "x", "male", "x"], index=["b", "b", None, 7])
    assert [finding.position for finding in check_column(gender, column)] == [1, 3]
