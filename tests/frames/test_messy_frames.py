"""Whatever a frame is made of: a report, its repairs and its workbook, and the frame stays as it was."""

from __future__ import annotations

import datetime as dt
import decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gen3nb.dictionary import Dictionary
from gen3nb.frames.reports import ValidationReport
from gen3nb.frames.validation import validate

pa = pytest.importorskip("pyarrow")
pytest.importorskip("openpyxl")


def rows(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(
        {"submitter_id": ["d1", "d2", "d3"], "cases.submitter_id": ["c1", "c2", "c3"], **columns}
    )


def cells(*values: Any, dtype: Any = object) -> pd.Series[Any]:
    return pd.Series(list(values), dtype=dtype)


def arrow(kind: Any, *values: Any) -> pd.Series[Any]:
    return pd.Series(list(values), dtype=pd.ArrowDtype(kind))


def under(index: Any) -> pd.DataFrame:
    return rows(gender="F").set_axis(index)


F, M = "F", "male"
GENDERS: dict[str, pd.Series[Any]] = {
    "objects": cells(F, M, None),
    "str": cells(F, M, None, dtype="str"),
    "string": cells(F, M, None, dtype="string"),
    "python strings": cells(F, M, None, dtype=pd.StringDtype("python")),
    "numpy strings": cells(np.str_(F), np.str_(M), np.nan),
    "arrow strings": arrow(pa.string(), F, M, None),
    "arrow large strings": arrow(pa.large_string(), F, M, None),
    "arrow dictionary": arrow(pa.dictionary(pa.int32(), pa.string()), F, M, None),
    "categories": pd.Series(pd.Categorical([F, M, None])),
    "ordered categories": pd.Series(pd.Categorical([F, M, None], ["zzz", M, F], ordered=True)),
}
#: Frame, and how many of its cells are wrong.
MESSY: dict[str, tuple[pd.DataFrame, int]] = {
    "nothing": (pd.DataFrame(), 0),
    "no columns": (pd.DataFrame(index=[0, 1, 2]), 6),
    "no rows": (rows(gender="F").head(0), 0),
    "one row": (rows(gender="F").head(1), 1),
    "mixed": (rows(gender=cells("F", 1, True), year_of_birth=cells("x", 1950, b"q")), 5),
    "nullable": (rows(year_of_birth=pd.array([1950, None, 3], dtype="Int64")), 0),
    "unsigned": (rows(year_of_birth=pd.array([1, 2, 2**64 - 1], dtype="UInt64")), 1),
    "true or false": (rows(year_of_birth=pd.array([True, None, False], dtype="boolean")), 2),
    "categories of numbers": (rows(year_of_birth=pd.Categorical([1950, 1960, None])), 0),
    "intervals": (rows(year_of_birth=pd.cut([1, 2, 3], 2)), 3),
    "periods": (rows(gender=pd.period_range("2020", periods=3, freq="M")), 3),
    "durations": (rows(gender=pd.to_timedelta([1, 2, 3], unit="D")), 3),
    "moments": (rows(year_of_birth=pd.to_datetime(["2020-01-01", None, "2021-01-01"])), 2),
    "moments in a zone": (rows(race=pd.to_datetime(["2020-01-01", None, None]).tz_localize("UTC")), 1),
    "days": (rows(gender=cells(dt.date(2020, 1, 1), dt.time(3), None)), 2),
    "decimals": (rows(year_of_birth=cells(decimal.Decimal("19.5"), None, None)), 1),
    "complex numbers": (rows(year_of_birth=[1 + 2j, 3, 4]), 3),
    "sparse": (rows(year_of_birth=pd.arrays.SparseArray([1950.0, np.nan, 3.0])), 0),
    "arrow numbers": (rows(year_of_birth=arrow(pa.int64(), 1950, None, 3)), 0),
    "arrow decimals": (rows(year_of_birth=arrow(pa.decimal128(5, 2), decimal.Decimal("1.5"), None, None)), 1),
    "arrays": (rows(gender=cells(np.array(["F"]), pd.Series(["a"]), {"a": 1})), 3),
    "frames": (rows(gender=cells(pd.DataFrame({"a": [1]}), (1, 2), {1, 2})), 3),
    "long text": (rows(gender=cells("x" * 100_000, None, None)), 1),
    "no text": (rows(gender=cells("a\x00", "\ud800", None)), 2),
    "a column that is no text": (
        rows(gender="F").set_axis(
            pd.Index(["submitter_id", "cases.submitter_id", "\ud800"], dtype=object), axis=1
        ),
        3,
    ),
    "columns of all kinds": (
        rows(a="x", b="y", c="z").rename(columns={"a": 3, "b": np.nan, "c": ("p", "q")}),
        9,
    ),
    "columns that are moments": (pd.DataFrame([[1, 2]], columns=pd.to_datetime(["2020", "2021"])), 4),
    "columns that are categories": (
        rows(gender="F").set_axis(
            pd.CategoricalIndex(["submitter_id", "cases.submitter_id", "gender"]), axis=1
        ),
        3,
    ),
    "names that are numbers": (rows().assign(submitter_id=[1.0, 2.0, np.nan]), 3),
    "names that are none": (rows().assign(submitter_id=cells(["a"], {"b": 1}, b"c")), 3),
    "rows twice": (under([0, 0, 0]), 3),
    "rows that are moments": (under(pd.date_range("2020", periods=3)), 3),
    "rows that are missing": (under(pd.Index(pd.array([5, None, 9], dtype="Int64"))), 3),
    "rows of large numbers": (under([0, 10**7, 2**62]), 3),
    "rows by a number of their own": (under(pd.Index([10**6, 10**6 + 1, 7], name="record")), 3),
}


def checked(frame: pd.DataFrame, dictionary: Dictionary, node: str = "demographic") -> ValidationReport:
    return validate(frame, node, dictionary=dictionary, progress=False)


@pytest.mark.parametrize("kind", MESSY)
def test_a_report_of_anything(default: Dictionary, tmp_path: Path, kind: str) -> None:
    frame, wrong = MESSY[kind]
    before = frame.copy(deep=True)
    report = checked(frame, default)
    table = report.to_frame()
    assert len({(one.position, one.column) for one in report.found}) == wrong, table["message"].tolist()
    assert table["message"].map(bool).all()
    assert (str(report.ok) == "True") == (wrong == 0)
    assert [str(report), repr(report), report._repr_html_(), *report.sentences()]
    assert report.summary["rows"].sum() >= wrong
    fixed = report.fixed()
    assert fixed.shape == frame.shape
    assert fixed.index.equals(frame.index)
    assert len(checked(fixed, default).found) == len(report.found) - len(report.fixes)
    if report.fixes.empty:
        pd.testing.assert_frame_equal(fixed, frame)
    assert report.to_excel(tmp_path / "marked.xlsx").stat().st_size
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("kind", GENDERS)
def test_text_of_any_kind_is_checked_repaired_and_marked(
    default: Dictionary, tmp_path: Path, kind: str
) -> None:
    import openpyxl

    report = checked(rows(gender=GENDERS[kind]), default)
    assert report.problems[["row", "column", "value", "suggestion"]].to_numpy().tolist() == [
        [2, "gender", "F", "female"]
    ]
    fixed = report.fixed()
    assert fixed["gender"].tolist()[:2] == ["female", "male"]
    assert fixed["gender"].dtype == default["demographic"].properties["gender"].dtype
    assert checked(fixed, default).ok
    sheet = openpyxl.load_workbook(report.to_excel(tmp_path / "marked.xlsx"))["demographic"]
    assert [sheet.cell(row=number, column=3).value for number in (2, 3, 4)] == ["F", "male", None]
    assert [sheet.cell(row=number, column=3).comment is not None for number in (2, 3)] == [True, False]


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (dt.date(2024, 5, 31), None),
        (pd.Timestamp("2024-05-31"), None),
        (pd.Timestamp("2024-05-31 10:00"), "unclear"),
        ("31.5.2024", "2024-05-31"),
        ("2024/5/31", "2024-05-31"),
        ("5/31/2024", "2024-05-31"),
        ("5/6/2024", "unclear"),
        ("5/5/2024", "2024-05-05"),
        ("31.2.2024", "unclear"),
        ("1.5.24", "unclear"),
        ("31 May 2024", "unclear"),
    ],
)
def test_dates_are_repaired_where_one_only_can_be_meant(
    garden: Dictionary, value: Any, meant: str | None
) -> None:
    frame = pd.DataFrame({"submitter_id": ["s"], "gardens.submitter_id": ["g"], "Held_On": cells(value)})
    report = checked(frame, garden, "flowerShow")
    assert report.ok == (meant is None)
    assert report.fixes["new"].tolist() == ([] if meant in {None, "unclear"} else [meant])


def test_rows_are_numbered_by_the_index_only_where_it_counts_rows(default: Dictionary) -> None:
    numbers = {
        kind: checked(MESSY[kind][0], default).problems["row"].tolist()
        for kind in ("rows that are missing", "rows by a number of their own", "rows twice")
    }
    assert set(map(tuple, numbers.values())) == {(2, 3, 4)}
    frame = rows(gender="F")
    assert checked(frame[frame["submitter_id"] != "d2"], default).problems["row"].tolist() == [2, 4]
