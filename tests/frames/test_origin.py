"""What a frame remembers, and what it never takes along."""

from __future__ import annotations

import copy
import json
import pickle

import pandas as pd
import pytest

from gen3nb.frames.origin import Origin, origin_of, row_numbers, tag
from gen3nb.frames.progress import report


def test_a_tag_is_a_few_strings_on_a_copy() -> None:
    frame = pd.DataFrame({"a": [1]})
    tagged = tag(frame, node="case", project=("P", "Q-r"), commons="https://data.example.org")
    assert frame.attrs == {}
    assert origin_of(tagged) == Origin(commons="https://data.example.org", project="P-Q-r", node="case")
    assert json.loads(json.dumps(tagged.attrs)) == tagged.attrs
    assert origin_of(tag(tagged, project="P-S")) == Origin(
        commons="https://data.example.org", project="P-S", node="case"
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame[frame["a"] > 1],
        lambda frame: frame.assign(b=2).sort_values("a").head(1),
        lambda frame: pickle.loads(pickle.dumps(frame)),
        copy.deepcopy,
    ],
)
def test_it_survives_what_people_do(change) -> None:  # type: ignore[no-untyped-def]
    frame = tag(pd.DataFrame({"a": [1, 2]}), node="case")
    assert origin_of(change(frame)).node == "case"


def test_a_merge_forgets_and_foreign_attrs_do_no_harm() -> None:
    frame = tag(pd.DataFrame({"a": [1]}), node="case")
    assert origin_of(frame.merge(pd.DataFrame({"a": [1]}), on="a")).node is None
    odd = pd.DataFrame({"a": [1]})
    odd.attrs["gen3"] = ["something else"]
    assert origin_of(odd) == Origin()
    odd.attrs["gen3"] = {"node": 5, "project": "P-Q"}
    assert origin_of(odd) == Origin(project="P-Q")
    assert origin_of(tag(odd, node="case")) == Origin(project="P-Q", node="case")


@pytest.mark.parametrize(
    ("frame", "rows"),
    [
        (pd.DataFrame({"a": range(3)}), [2, 3, 4]),
        (pd.DataFrame({"a": range(3)}).iloc[[2, 0]], [4, 2]),
        (pd.DataFrame({"a": [1, 2]}, index=["x", "y"]), [2, 3]),
        (pd.DataFrame({"a": [1, 2]}, index=[7, 7]), [2, 3]),
        (pd.DataFrame({"a": [1, 2]}, index=[-1, 0]), [2, 3]),
        (pd.DataFrame({"a": [1, 2]}, index=[0.5, 1.5]), [2, 3]),
        (pd.DataFrame({"a": [1]}, index=pd.MultiIndex.from_tuples([(1, 2)])), [2]),
        (pd.DataFrame({"a": []}), []),
    ],
)
def test_row_numbers(frame: pd.DataFrame, rows: list[int]) -> None:
    assert list(row_numbers(frame)) == rows


def test_progress_tells_a_function_and_counts() -> None:
    told: list[tuple[int, int | None, str]] = []
    with report(lambda *now: told.append(now), 5, "Reading") as meter:
        meter.advance(2)
        meter.advance(3)
    assert told == [(0, 5, "Reading"), (2, 5, "Reading"), (5, 5, "Reading")]
    for quiet in (True, False):
        with report(quiet, None, "Reading") as meter:
            meter.expect(3)
            meter.advance(3)
        assert (meter.done, meter.total) == (3, 3)
