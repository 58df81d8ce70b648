"""Dictionaries to test with, and records and frames made up from them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from gen3nb.dictionary import Dictionary, Node, Property

GARDEN = Path(__file__).parents[1] / "dictionary" / "schemas" / "garden"

settings.register_profile("frames", deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("frames")


def _default() -> Dictionary:
    found = importlib.util.find_spec("gdcdictionary")
    assert found is not None
    assert found.origin is not None
    return Dictionary.from_folder(Path(found.origin).parent / "schemas")


@pytest.fixture(scope="session")
def default() -> Dictionary:
    """The default dictionary."""
    return _default()


@pytest.fixture(scope="session")
def garden() -> Dictionary:
    """A small dictionary with what the default one lacks."""
    return Dictionary.from_folder(GARDEN)


@pytest.fixture(scope="session", params=["default", "garden"])
def dictionary(request: pytest.FixtureRequest) -> Dictionary:
    """Each of the dictionaries in turn."""
    return request.getfixturevalue(request.param)


# --- made-up values ------------------------------------------------------------------------------------

NASTY = [
    "",
    " ",
    "NA",
    "None",
    "null",
    "nan",
    "1e5",
    "007",
    "true",
    "a\tb",
    "a\nb",
    '"',
    "a\u2028b",
    "é",
    "e\u0301",
]
TEXT = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12),
)
WHOLE = st.integers(-(2**63), 2**63 - 1)
NUMBER = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**53), 2**53),
    st.just(2**60),
    st.just(0.1),
)


def values_of(prop: Property) -> st.SearchStrategy[Any]:
    """Values that a property may have, whatever its pattern and range."""
    if prop.kind == "enum":
        return st.sampled_from(list(prop.enum or ()))
    if prop.kind == "array":
        return st.lists(values_of(prop.items) if prop.items is not None else TEXT, max_size=4)
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "integer": WHOLE,
        "number": NUMBER,
        "boolean": st.booleans(),
        "string": TEXT,
        "object": st.dictionaries(st.text("ab", min_size=1), TEXT, max_size=2),
        "array": st.lists(TEXT, max_size=3),
    }
    return st.one_of([kinds[kind] for kind in prop.types] or [TEXT])


def own_properties(node: Node) -> list[Property]:
    """The properties that a person fills in."""
    return [
        node.properties[name]
        for name in node.columns
        if name in node.properties and name not in {"type", "project_id", "id", node.key}
    ]


@st.composite
def frames_of(draw: st.DrawFn, node: Node, most: int = 6) -> pd.DataFrame:
    """A frame of a node with typed columns, some cells missing, links included."""
    count = draw(st.integers(0, most))
    columns: dict[str, pd.Series[Any]] = {
        node.key: pd.Series([f"r{number}" for number in range(count)], dtype="string")
    }
    for prop in own_properties(node):
        cells = draw(st.lists(st.one_of(st.none(), values_of(prop)), min_size=count, max_size=count))
        columns[prop.name] = pd.Series(cells, dtype=prop.dtype)
    for link in node.links:
        if link.to_many:
            targets = st.lists(TEXT.filter(bool), max_size=3, unique=True).map(lambda ends: ends or None)
            cells = draw(st.lists(targets, min_size=count, max_size=count))
            columns[link.column] = pd.Series(cells, dtype=object)
        else:
            cells = draw(st.lists(st.one_of(st.none(), TEXT.filter(bool)), min_size=count, max_size=count))
            columns[link.column] = pd.Series(cells, dtype="string")
    return pd.DataFrame(columns)
