"""Kill the submitting process and spoil the answers at random; at the end every row is stored once.

``make drill`` makes more runs than these, and a table of them.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from drill import FAULTS, run

from gen3nb.embedded.faults import KINDS, OF_STORAGE

if TYPE_CHECKING:
    from gen3nb import Commons

SEEDS = int(os.environ.get("GEN3NB_DRILL_SEEDS", "20"))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_row_is_stored_once(commons: Commons, project: str, seed: int, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a refused export is read another way, with a word
        outcome = run(commons, project, seed, tmp_path)
    assert outcome.ok, outcome


def test_the_drill_knows_every_fault() -> None:
    # the admin of a practice commons signs in anew on a 401; a cost per row is for measuring; a route that is
    # not there is no fault of a moment; what strikes at the object store strikes at files
    others = {"401-html", "404", "cost-per-row", *OF_STORAGE}
    assert set(FAULTS) == set(KINDS) - others
