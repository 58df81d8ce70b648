"""Dictionaries to test with, and records and frames made up from them."""

from __future__ import annotations

import importlib.util
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from made_up import new_project, patients, put

if TYPE_CHECKING:
    from gen3nb import Commons
from hypothesis import HealthCheck, settings

from gen3nb.dictionary import Dictionary

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


@pytest.fixture(scope="session")
def clinic(commons: Commons) -> str:
    """A project that holds :func:`patients`; for reading alone."""
    project = new_project(commons, f"clinic{uuid.uuid4().hex[:8]}")
    experiment, *rest = patients(commons.dictionary)
    put(commons, project, [{**experiment, "projects": {"code": project.removeprefix("TEST-")}}, *rest])
    return project


@pytest.fixture(scope="session")
def gardens() -> Iterator[Commons]:
    """A practice commons with the garden dictionary."""
    import gen3nb

    with gen3nb.sandbox(dictionary=GARDEN) as practice:
        practice.create_program("TEST")
        yield practice
