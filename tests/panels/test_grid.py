"""The grid: any frame in, pages and typed edits out, the frame itself left alone."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen3nb.errors import Gen3Error, ValidationError
from gen3nb.panels import Grid
from gen3nb.panels.grid import LARGEST_PAGE


@pytest.fixture
def frame() -> pd.DataFrame:
    n = 25
    return pd.DataFrame(
        {
            "cases.submitter_id": pd.array([f"c{i:02}" for i in range(n)], dtype="string"),
            "year": pd.array([None if i == 3 else 1990 - i for i in range(n)], dtype="Int64"),
            "dose": pd.array([i / 4 for i in range(n)], dtype="Float64"),
            "grade": pd.Categorical(["G1", "G2", None, "G3", "G2"] * 5, categories=["G1", "G2", "G3", "G4"]),
            "alive": pd.array([True, False, None, True, False] * 5, dtype="boolean"),
            "tags": [["a", "b"], [], None, ["x"], ["y"]] * 5,
            "seen": pd.to_datetime(
                ["2020-01-02", "2020-01-02 03:04:05", None, "2021-01-01", "2022-01-01"] * 5, format="ISO8601"
            ),
        }
    )


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Record what any widget sends to the browser."""
    from ipywidgets import Widget

    messages: list[dict[str, Any]] = []
    monkeypatch.setattr(Widget, "send", lambda self, content, buffers=None: messages.append(content))
    return messages


def rows(sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the rows that were sent last."""
    return next(message["rows"] for message in reversed(sent) if message["kind"] == "rows")


def browser_says(grid: Grid, **content: Any) -> None:
    grid._received(grid, content, [])


def test_edits_keep_the_column_type(frame: pd.DataFrame) -> None:
    before = frame.copy(deep=True)
    grid = Grid(frame, editable=True)
    grid.edit(0, "year", "2001").edit(1, "year", None).edit(2, "dose", "1.25").edit(3, "grade", "G4")
    grid.edit(4, "alive", "true").edit(0, "tags", '["z"]').edit(5, "cases.submitter_id", "c99")
    changed = grid.edited()
    assert changed.dtypes.to_dict() == frame.dtypes.to_dict()
    assert changed["year"].iloc[0] == 2001
    assert changed["year"].iloc[1] is pd.NA
    assert changed["tags"].iloc[0] == ["z"]
    assert changed["grade"].iloc[3] == "G4"
    assert list(grid.edits["column"]) == [
        "year",
        "tags",
        "year",
        "dose",
        "grade",
        "alive",
        "cases.submitter_id",
    ]
    assert list(grid.edits["row"]) == [2, 2, 3, 4, 5, 6, 7]
    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_frame_equal(grid.undo().edited(), before)


def test_an_edit_back_is_no_edit(frame: pd.DataFrame) -> None:
    grid = Grid(frame, editable=True)
    grid.edit(0, "year", "2001").edit(0, "year", "1990").edit(3, "year", "")
    assert grid.edits.empty


@pytest.mark.parametrize(
    ("column", "value"), [("year", "19?3"), ("dose", "much"), ("grade", "G9"), ("alive", "maybe"),
     ("tags", "a, b"), ("seen", "soon")]
)  # fmt: skip
def test_what_a_column_cannot_hold_is_refused(frame: pd.DataFrame, column: str, value: str) -> None:
    grid = Grid(frame, editable=True)
    with pytest.raises(ValidationError, match=column):
        grid.edit(0, column, value)
    browser_says(grid, kind="edit", key=0, column=f"c{list(frame.columns).index(column)}", value=value)
    assert "role='alert'" in grid._said.value
    assert grid.edits.empty


def test_browser_gets_safe_names_and_plain_cells(frame: pd.DataFrame, sent: list[dict[str, Any]]) -> None:
    grid = Grid(frame)
    browser_says(grid, kind="ready")
    records = rows(sent)
    json.dumps(sent, allow_nan=False)
    assert set(records[0]) == {"k", "e", "f", *(f"c{i}" for i in range(7))}
    assert records[0]["c5"] == '["a", "b"]'
    assert records[3]["c1"] is None
    assert [record["c6"] for record in records[:3]] == ["2020-01-02", "2020-01-02 03:04:05", None]


def test_sorts_and_finds_over_all_pages(frame: pd.DataFrame, sent: list[dict[str, Any]]) -> None:
    grid = Grid(frame, page=10)
    browser_says(grid, kind="sort", column="c1", descending=False)
    assert [record["k"] for record in rows(sent)] == list(range(24, 14, -1))
    grid.turn(2)
    assert [record["k"] for record in rows(sent)][-1] == 3  # missing last
    grid.sort(None).search("C1")
    assert grid.found == 10
    assert [record["c0"] for record in rows(sent)] == [f"c{i}" for i in range(10, 20)]
    grid.sort("tags")  # lists can be sorted too
    assert grid.find.value == "C1"
    assert len(grid.page) == 10


def test_only_editable_columns_take_edits(frame: pd.DataFrame) -> None:
    grid = Grid(frame, editable=["dose"])
    browser_says(grid, kind="edit", key=0, column="c1", value="1")
    browser_says(grid, kind="edit", key=0, column="c2", value="7")
    assert list(grid.edits["column"]) == ["dose"]


@pytest.mark.parametrize(
    "content",
    [
        None, [], "x", {}, {"kind": "edit"}, {"kind": "edit", "key": "0", "column": "c0", "value": 1},
        {"kind": "edit", "key": 10**9, "column": "c0"}, {"kind": "edit", "key": -1, "column": "c0"},
        {"kind": "sort", "column": "c999"}, {"kind": "sort", "column": "__proto__"},
        {"kind": "nothing", "key": 1},
    ],
)  # fmt: skip
def test_odd_messages_do_nothing(frame: pd.DataFrame, content: Any) -> None:
    grid = Grid(frame, editable=True)
    grid._received(grid, content, [])
    assert grid.edits.empty
    assert grid._said.value == ""


def test_row_numbers_are_those_of_the_file(frame: pd.DataFrame, sent: list[dict[str, Any]]) -> None:
    grid = Grid(frame[frame["year"] < 1980], rows=True, editable=True)
    assert rows(sent)[0]["c0"] == 13
    browser_says(grid, kind="edit", key=0, column="c2", value="5")  # c1 is the frame's first column
    assert grid.edits.iloc[0][["row", "column"]].tolist() == [13, "year"]


def test_flags_go_with_their_cells(frame: pd.DataFrame, sent: list[dict[str, Any]]) -> None:
    Grid(frame, flags={(1, "grade"): "<b>not in the list</b>"})
    assert rows(sent)[1]["f"] == {"c3": "<b>not in the list</b>"}


def test_any_labels_and_no_rows() -> None:
    odd = pd.DataFrame([[1, 2], [3, 4]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)]))
    assert "a.1" in Grid(odd)._names
    assert (
        Grid(pd.DataFrame([[1, 2]], columns=["x", "x"]), editable=True).edit(0, "x", "5").edited().iat[0, 0]
        == 5
    )
    assert Grid(pd.DataFrame({"a": pd.Series(dtype="string")})).found == 0
    assert Grid(pd.DataFrame(index=range(3))).found == 3


def test_pages_are_small_whatever_the_frame(sent: list[dict[str, Any]]) -> None:
    big = pd.DataFrame({"n": np.arange(200_000), "s": pd.array(["abc", "def"] * 100_000, dtype="string")})
    grid = Grid(big, page=LARGEST_PAGE)
    grid.sort("n", descending=True)
    assert len(rows(sent)) == LARGEST_PAGE
    assert rows(sent)[0]["c0"] == 199_999
    with pytest.raises(Gen3Error, match="2,000"):
        Grid(big, page=LARGEST_PAGE + 1)


def test_rows_are_in_no_state_of_a_widget(frame: pd.DataFrame) -> None:
    secret = frame.assign(note="canary-in-the-data")
    grid = Grid(secret, editable=True)
    held = [widget.get_state() for widget in (grid, grid._widget, grid.find)]
    assert "canary-in-the-data" not in repr(held)


CELLS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text(), max_size=2),
    st.dictionaries(st.text(), st.integers(), max_size=2), st.dates(), st.binary(),
)  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(CELLS, CELLS), max_size=6), st.text(max_size=3))
def test_any_frame_is_shown(cells: list[tuple[Any, Any]], words: str) -> None:
    frame = pd.DataFrame(cells, columns=["first", "second.<b>"], dtype=object)
    grid = Grid(frame, editable=True)
    grid.sort("first").sort("second.<b>", descending=True).search(words)
    json.dumps(grid._records(grid._positions()), allow_nan=False)
    json.dumps(grid._columns, allow_nan=False)
