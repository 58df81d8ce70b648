"""What is in a frame, in numbers."""

from __future__ import annotations

import pandas as pd
import pytest

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
