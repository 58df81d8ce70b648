"""Files of records: every cell as it is, every row by its number."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import TEXT

from gen3nb.dictionary import Dictionary
from gen3nb.errors import DictionaryError, ValidationError
from gen3nb.frames.casting import cast, typed_by_origin
from gen3nb.frames.codec import to_records
from gen3nb.frames.origin import origin_of, row_numbers
from gen3nb.frames.tsv import read_tsv, to_tsv


def written(tmp_path: Path, text: str | bytes, name: str = "diagnosis.tsv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_cells_stay_as_they_are_written(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '\ufeff*type\t *submitter_id\tage\r\ncase\t007\tNA\r\ncase\t"a\tb\n""c"""\t\r\ncase\tNone\t1e5\r\n',
    )
    frame = read_tsv(path)
    assert list(frame.columns) == ["type", "submitter_id", "age"]
    assert list(frame["submitter_id"]) == ["007", 'a\tb\n"c"', "None"]
    assert frame["age"].fillna("-").tolist() == ["NA", "-", "1e5"]
    assert set(map(str, frame.dtypes)) == {"string"}
    assert origin_of(frame).node == "case"


def test_rows_are_numbered_as_in_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "submitter_id\tage\n\na\t1\nb\t2\n\t\nc\t3\n")
    frame = read_tsv(path, node="case")
    assert row_numbers(frame) == [3, 4, 6]
    assert row_numbers(frame[frame["submitter_id"] != "a"].sort_values("age", ascending=False)) == [6, 4]
    plain = read_tsv(io.StringIO("a\n1\n2\n"))
    assert isinstance(plain.index, pd.RangeIndex)
    assert list(row_numbers(plain.tail(1))) == [3]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("submitter_id,age\na,1\n", "x.csv"),
        ("submitter_id;age\na;1\n", "x.csv"),
        ("submitter_id\tage\na\t1", "x.txt"),
        ("submitter_id\tage\r\na\t1\r\n".encode("utf-16"), "x.txt"),
    ],
)
def test_separators_and_encodings(tmp_path: Path, text: str | bytes, name: str) -> None:
    frame = read_tsv(written(tmp_path, text, name))
    assert frame.to_dict("list") == {"submitter_id": ["a"], "age": ["1"]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("a\ta\n1\t2\n", "two columns named 'a'"),
        ("a\t\tb\n1\t2\t3\n", "column 2 has no name"),
        ("a\tb\n1\t2\t3\n", "row 2: 3 cells under a header of 2"),
        ('a\tb\n1\t"x\n2\ty\n', "row 2 .*quotation mark"),
        ('a\tb\n1\t"x\n2\ty\n3\tz"\n', "row 2 .*closes 2 lines"),
        ("a\tb\n1\tMüller\n".encode("latin-1"), "row 2: this is not UTF-8"),
        (b"PK\x03\x04....", "workbook"),
    ],
)
def test_what_is_no_table_is_named(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        read_tsv(written(tmp_path, text))


def test_a_dictionary_types_what_reads_as_its_type(tmp_path: Path, default: Dictionary) -> None:
    text = (
        "type\tsubmitter_id\tage_at_diagnosis\tlymph_nodes_positive\tvital_status\tcases.submitter_id\n"
        "diagnosis\t1\t3.5\t007\tdead\tc1\ndiagnosis\t2\tunknown\t\tDead\tc2\n"
    )
    frame = read_tsv(written(tmp_path, text), dictionary=default)
    assert frame["lymph_nodes_positive"].dtype == "Int64"
    assert frame["lymph_nodes_positive"].tolist() == [7, pd.NA]
    assert frame["age_at_diagnosis"].tolist() == [3.5, "unknown"]
    assert list(frame["vital_status"]) == ["dead", "Dead"]
    assert frame["submitter_id"].tolist() == ["1", "2"]
    assert origin_of(frame).dictionary == default.digest
    with pytest.raises(DictionaryError, match="give node="):
        read_tsv(io.StringIO("submitter_id\nx\n"), dictionary=default)


def test_text_is_read_by_the_rules_of_the_service(garden: Dictionary, default: Dictionary) -> None:
    node = garden["plant"]
    frame = pd.DataFrame({"petal_counts": ["3, 4", None], "height": ["40.5", "tall"], "age": ["5", "old"]})
    typed = cast(frame, node)
    assert typed["petal_counts"].tolist() == [[3, 4], None]
    assert typed["height"].tolist() == [40.5, "tall"]
    assert typed["age"].tolist() == ["5", "old"]  # alternatives are never read as numbers
    truth = next(
        (node, prop)
        for node in default.values()
        for prop in node.properties.values()
        if prop.kind == "boolean" and not prop.system
    )
    read = cast(pd.DataFrame({truth[1].name: ["TRUE", "false", "yes"]}), truth[0])
    assert read[truth[1].name].tolist() == [True, False, "yes"]
    whole = cast(pd.DataFrame({"lymph_nodes_positive": ["3.0", "1_000", "1,000"]}), default["diagnosis"])
    assert whole["lymph_nodes_positive"].tolist() == ["3.0", 1000, "1,000"]


def test_text_of_a_file_is_cast_once_and_the_frame_stays(default: Dictionary) -> None:
    frame = read_tsv(io.StringIO("submitter_id\tsamples.submitter_id\na\ts1,s2\n"), node="aliquot")
    before = frame.copy(deep=True)
    typed = typed_by_origin(frame, default["aliquot"])
    assert typed["samples.submitter_id"].tolist() == [["s1", "s2"]]
    assert typed_by_origin(typed, default["aliquot"]) is typed
    pd.testing.assert_frame_equal(frame, before)
    assert frame.attrs == before.attrs
    csv_frame = read_tsv(io.StringIO("submitter_id,samples.submitter_id\na,s1#s2\n"), node="aliquot")
    assert typed_by_origin(csv_frame, default["aliquot"])["samples.submitter_id"].tolist() == [["s1", "s2"]]


@given(cells=st.lists(st.tuples(TEXT, TEXT), max_size=5))
@pytest.mark.filterwarnings("ignore:Row .* holds a line break")
def test_any_text_survives_a_file(
    tmp_path_factory: pytest.TempPathFactory, default: Dictionary, cells: list[Any]
) -> None:
    path = tmp_path_factory.mktemp("tsv") / "x.tsv"
    frame = pd.DataFrame(
        {
            "submitter_id": pd.array([f"d{number}" for number in range(len(cells))], dtype="string"),
            "morphology": pd.array([cell for cell, _ in cells], dtype="string"),
            "tumor_grade": pd.array([cell for _, cell in cells], dtype="string"),
        }
    )
    back = read_tsv(to_tsv(frame, path, default["diagnosis"]), dictionary=default, node="diagnosis")
    assert list(back["submitter_id"]) == list(frame["submitter_id"])
    for name in ("morphology", "tumor_grade"):  # an empty text and a missing cell are one to a TSV
        assert list(back[name].fillna("")) == list(frame[name])


def test_a_file_is_what_the_service_reads(tmp_path: Path, default: Dictionary) -> None:
    node = default["case"]
    frame = pd.DataFrame(
        {
            "id": ["1", "2"],
            "submitter_id": ["a", "b"],
            "consent_codes": [["X", "Y"], None],
            "experiments.submitter_id": ["e", "e"],
            "state": ["released", "released"],
        }
    )
    path = to_tsv(frame, tmp_path / "case.tsv", node)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    assert rows == [
        ["type", "submitter_id", "consent_codes", "experiments.submitter_id"],
        ["case", "a", "X,Y", "e"],
        ["case", "b", "", "e"],
    ]
    back = read_tsv(path, dictionary=default)
    assert to_records(back, node) == to_records(frame, node)


def test_numbers_and_truth_in_files(tmp_path: Path, default: Dictionary) -> None:
    frame = pd.DataFrame(
        {
            "submitter_id": ["d"],
            "age_at_diagnosis": pd.array([1000.0], dtype="Float64"),
            "lymph_nodes_positive": [2.0],
        }
    )
    text = to_tsv(frame, tmp_path / "d.tsv", default["diagnosis"]).read_text()
    assert text.splitlines()[1] == "diagnosis\td\t1000\t2"


def test_a_list_item_with_the_separator_is_refused(tmp_path: Path, default: Dictionary) -> None:
    frame = pd.DataFrame({"submitter_id": ["a", "b"], "samples.submitter_id": [["s"], ["s,1", "t"]]})
    with pytest.raises(ValidationError, match=r"Row 3, samples\.submitter_id: the item 's,1'"):
        to_tsv(frame, tmp_path / "x.tsv", default["aliquot"])
    assert "s,1#t" in to_tsv(frame, tmp_path / "x.csv", default["aliquot"]).read_text()


def test_line_breaks_that_the_service_cuts_at_are_named(tmp_path: Path, default: Dictionary) -> None:
    frame = pd.DataFrame({"submitter_id": ["a"], "morphology": ["x\u2028y"]})
    with pytest.warns(UserWarning, match="Row 2, morphology"):
        path = to_tsv(frame, tmp_path / "x.tsv", default["diagnosis"])
    assert read_tsv(path)["morphology"].tolist() == ["x\u2028y"]
