"""A project with real patients in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trial_data

if TYPE_CHECKING:
    from gen3nb import Commons


@pytest.fixture(scope="session")
def trial(commons: Commons) -> str:
    """Give a project that holds a part of the trial; only to be read."""
    return trial_data.load(commons)
