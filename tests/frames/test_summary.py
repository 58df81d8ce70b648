"""What is in a frame, in numbers."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen3nb.dictionary import Dictionary
from gen3nb.errors import DictionaryError
from gen3nb.frames.summary import summary


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "submitter_id": ["a", "b", "c", "d"],
            "gender": pd.Categorical(["female", "male", "female", None], categories=["male", "female"]),
            "year_of_birth": pd.array([1950, 1960, 1970, None], dtype="Int64"),
            "codes": [["x"], ["x"], ["x", "y"], None],
            "empty": [None] * 4,
        }
    )


def test_each_column(frame: pd.DataFrame, default: Dictionary) -> None:
    table = summary(frame, default["demographic"]).set_index("column")
    assert table.loc["gender", ["n", "missing", "distinct", "values", "unexpected"]].tolist() == [
        3,
        1,
        2,
        "female (2), male (1)",
        "",
    ]
    assert table.loc["gender", "type"].startswith("one of ")
    assert table.loc["year_of_birth", "values"] == "1950 to 1970, median 1960"
    assert table.loc["codes", "values"] == "x (2), x, y (1)"
    assert table.loc["empty", ["n", "values"]].tolist() == [0, ""]
    assert len(summary(frame.iloc[:0])) == 5


def test_values_outside_the_vocabulary(frame: pd.DataFrame, default: Dictionary) -> None:
    odd = frame.assign(gender=["F", "F", "m", "female"])
    assert (
        summary(odd, default["demographic"]).set_index("column").loc["gender", "unexpected"] == "F (2), m (1)"
    )


def test_table_one(frame: pd.DataFrame) -> None:
    table = summary(frame, by="gender").set_index(["column", "value"])
    assert list(table.columns) == ["all", "male", "female", "missing"]
    assert table.loc[("rows", "n")].tolist() == ["4", "1", "2", "1"]
    assert table.loc[("year_of_birth", "median (quartiles)")].tolist() == [
        "1960 (1955 to 1965)",
        "1960 (1960 to 1960)",
        "1960 (1955 to 1965)",
        "",
    ]
    assert table.loc[("codes", "x")].tolist() == ["2 (50 %)", "1 (100 %)", "1 (50 %)", "0 (0 %)"]
    with pytest.raises(DictionaryError, match="Did you mean 'gender'"):
        summary(frame, by="gendr")


# --- against the plain definition ------------------------------------------------------------------------


def said(number: float) -> str:
    return f"{number:.6g}" if abs(number) < 1e6 else f"{number:.0f}"


def missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def words(value: Any) -> str:
    return (
        "missing" if missing(value) else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    )


def in_order(column: pd.Series[Any]) -> list[str]:
    there = {words(value) for value in column}
    if isinstance(column.dtype, pd.CategoricalDtype):
        known = dict.fromkeys([*map(str, column.cat.categories), "missing"])
        return [one for one in known if one in there]
    return sorted(there, key=lambda one: (one == "missing", one))


def plainly(frame: pd.DataFrame, by: str) -> list[list[str]]:
    """Write a table one cell by cell."""
    groups = [range(len(frame))] + [
        [at for at, value in enumerate(frame[by]) if words(value) == name] for name in in_order(frame[by])
    ]
    table = [["rows", "n", *(f"{len(rows):,}" for rows in groups)]]
    for name in frame.columns.drop(by):
        cells = list(frame[name])
        if all(map(missing, cells)):
            continue
        if name == "number":
            row = []
            for rows in groups:
                held = pd.Series([cells[at] for at in rows if not missing(cells[at])], dtype=float)
                low, middle, high = (said(held.quantile(part)) for part in (0.25, 0.5, 0.75))
                row.append(f"{middle} ({low} to {high})" if len(held) else "")
            table.append([name, "median (quartiles)", *row])
            continue
        for level in in_order(frame[name]):
            counts = [sum(words(cells[at]) == level for at in rows) for rows in groups]
            shares = [
                f"{count:,} ({100 * count / len(rows):.0f} %)" if len(rows) else ""
                for count, rows in zip(counts, groups, strict=True)
            ]
            table.append([name, level, *shares])
    return table


def column_of(values: Any, dtype: Any) -> Any:
    return st.lists(st.none() | values, min_size=12, max_size=12).map(
        lambda held: pd.Series(held, dtype=dtype)
    )


TEXTS = st.sampled_from(["b", "a", "missing", "all", "é"])
COLUMNS = {
    "vocabulary": column_of(TEXTS, pd.CategoricalDtype(["é", "missing", "b", "a", "all", "never"])),
    "text": column_of(TEXTS, "string"),
    "yes": column_of(st.booleans(), "boolean"),
    "number": column_of(st.integers(-5, 10_000_000), "Int64")
    | column_of(st.floats(-9, 9), "Float64")
    | column_of(st.floats(-9, 9), float),
    "anything": column_of(st.sampled_from([1, "1", True, 1.0, 1.5, ["a"], ["a", "b"], [], "a"]), object),
}


@settings(max_examples=40)
@given(parts=st.fixed_dictionaries(COLUMNS), rows=st.integers(0, 12), by=st.sampled_from(sorted(COLUMNS)))
def test_the_same_as_cell_by_cell(parts: dict[str, Any], rows: int, by: str) -> None:
    frame = pd.DataFrame(parts).iloc[:rows]
    if by == "number":
        by = "text"
    table = summary(frame, by=by)
    assert table.to_numpy().tolist() == plainly(frame, by)
    assert list(table.columns) == ["column", "value", "all", *in_order(frame[by])]
    whole = summary(frame).set_index("column")
    for name in frame:
        held = [value for value in frame[name] if not missing(value)]
        keys = [words(value) if isinstance(value, list) else value for value in held]
        assert whole.loc[name, ["n", "missing"]].tolist() == [len(held), rows - len(held)]
        assert whole.loc[name, "distinct"] == len(set(keys))
        if name == "number":
            numbers = pd.Series(held, dtype=float)
            ends = map(said, (numbers.min(), numbers.max(), numbers.median()))
            assert whole.loc[name, "values"] == ("{} to {}, median {}".format(*ends) if held else "")
        else:
            most = pd.Series(keys, dtype=object).value_counts()
            top = ", ".join(f"{key} ({count})" for key, count in most.iloc[:3].items())
            more = f" and {len(most) - 3} more" if len(most) > 3 else ""
            assert whole.loc[name, "values"] == top + more
