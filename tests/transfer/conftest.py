"""What tests of uploads share: a practice commons with users, a journal for each test, and short pauses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import gen3nb
from gen3nb.transfer import naming, parts, patience

AUTHZ = "/programs/DEMO/projects/alpha"


@pytest.fixture(scope="module")
def practice() -> Iterator[gen3nb.Commons]:
    """A commons of the module's own: its index is counted."""
    users = {
        "submitter": {AUTHZ: ["create", "read", "update", "delete"], "/data_file": ["file_upload"]},
        "narrow": {AUTHZ: ["create", "read"]},
        "reader": {AUTHZ: ["read"]},
    }
    with gen3nb.sandbox(users=users) as practice:
        yield practice


@pytest.fixture(scope="module")
def submitter(practice: gen3nb.Commons) -> Iterator[gen3nb.Commons]:
    with practice.sandbox.as_user("submitter") as submitter:
        yield submitter


@pytest.fixture
def uploads(practice: gen3nb.Commons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A journal for each test, short pauses, and no fault that stays."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for room in (parts, patience):
        monkeypatch.setattr(room, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(naming, "PAUSE", 0.01)
    yield
    practice.sandbox.faults.clear()
    practice.sandbox.settings(indexing=True)
