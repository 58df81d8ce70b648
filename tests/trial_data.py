"""Real patients of a published trial in a project of the practice commons, for the tests of the panels."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from gen3nb import demo

if TYPE_CHECKING:
    import pandas as pd

    from gen3nb import Commons

PATIENTS = 60


def frames() -> dict[str, pd.DataFrame]:
    """Give the trial's frames, of its first patients."""
    return {node: frame.head(PATIENTS) for node, frame in demo.records().items()}


def load(commons: Commons, *, without: str = "") -> str:
    """Put them, but for one node, into a project of their own; give its id."""
    code = f"trial{uuid.uuid4().hex[:6]}"
    commons.create_project(("TEST", code))
    held = {node: frame for node, frame in frames().items() if node != without}
    held["experiment"] = held["experiment"].assign(**{"projects.code": code})
    report = commons.submit(held, project=("TEST", code), progress=False)
    assert report.ok, report.to_frame()
    return f"TEST-{code}"
