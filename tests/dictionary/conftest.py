"""Dictionaries to test with: the default one, and small ones of our own."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from gen3nb.dictionary import Dictionary

SCHEMAS = Path(__file__).parent / "schemas"


def default_folder() -> Path:
    """Give the folder of the default dictionary's schemas (package gen3dictionary), without importing it."""
    spec = importlib.util.find_spec("gdcdictionary")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "schemas"


@pytest.fixture(scope="session")
def default() -> Dictionary:
    return Dictionary.from_folder(default_folder())


@pytest.fixture(scope="session")
def garden() -> Dictionary:
    return Dictionary.from_folder(SCHEMAS / "garden")


@pytest.fixture(scope="session", params=["default", "garden"])
def dictionary(request: pytest.FixtureRequest) -> Dictionary:
    """Each of the dictionaries in turn."""
    return request.getfixturevalue(request.param)
