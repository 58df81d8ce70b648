"""Dictionaries to test with: the default one, and small ones of our own."""

from __future__ import annotations

import pytest
from dictionaries import SCHEMAS, default_folder

from gen3nb.dictionary import Dictionary


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
