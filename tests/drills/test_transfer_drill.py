"""Kill uploads and downloads and spoil what comes, at random; at the end every file is whole, and once.

``make drill`` makes more runs than these, and a table of them.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from transfer_drill import FAULTS, run

import gen3nb
from gen3nb.embedded.faults import OF_STORAGE

SEEDS = int(os.environ.get("GEN3NB_DRILL_SEEDS", "20"))


@pytest.fixture(scope="module")
def files_commons() -> Iterator[gen3nb.Commons]:
    with gen3nb.sandbox() as commons:
        yield commons


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_file_is_whole_and_once(files_commons: gen3nb.Commons, seed: int, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcome = run(files_commons, seed, tmp_path)
    assert outcome.ok, outcome


def test_the_transfer_drill_knows_every_fault_of_storage() -> None:
    assert set(OF_STORAGE) <= set(FAULTS)
