"""Workbooks of records: every cell as it is, every row by its number, every oddity named."""

from __future__ import annotations

import datetime as dt
import io
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up import NASTY, frames_of

import gen3nb
from gen3nb.dictionary import Dictionary
from gen3nb.dictionary.sheets import why_no_text
from gen3nb.errors import DictionaryError, MissingExtra, ValidationError
from gen3nb.frames.codec import plain_column
from gen3nb.frames.origin import origin_of, row_numbers
from gen3nb.frames.validation import validate
from gen3nb.frames.workbooks import read_workbook, to_workbook

openpyxl = pytest.importorskip("openpyxl")

ODD = [
    *(text for text in NASTY if not why_no_text(text)),
    "=SUM(1)",
    "+1",
    "-1",
    "@x",
    "'quoted",
    "#N/A",
    "1-2",
    "2024-01-02",
    "a\r\nb",
    " outer ",
    "_x000D_",
    "_x005F_x0041_",
    "x005F_",
    "\N{GRINNING FACE}",
    "x" * 32_767,
    "\n" * 300,
]
CELL = st.one_of(
    st.sampled_from(ODD),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")),
    st.text("_x0059F\r\n\t =+'\"", max_size=20),
)


def book_of(
    path: Path, rows: list[list[Any]], title: str = "demographic", edit: Callable[[Any, Any], Any] = id
) -> Path:
    """A workbook as a person types it."""
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    if edit is not id:
        edit(book, book.active)
    book.save(path)
    return path


HEADER = ["submitter_id", "cases.submitter_id", "gender", "year_of_birth"]
ROW = ["d1", "c1", "male", 1950]


# --- there and back ------------------------------------------------------------------------------------


def held(values: Any) -> list[Any]:
    """Cells as a workbook can tell them: an empty text or list is an empty cell."""
    return [None if value in ("", []) else value for value in values]


@given(cells=st.lists(CELL, min_size=1, max_size=8))
@settings(max_examples=120)
def test_text_cells_come_back_as_they_were(default: Dictionary, cells: list[str]) -> None:
    count = len(cells)
    frame = pd.DataFrame(
        {
            "submitter_id": pd.array([f"{n:03}" for n in range(count)], dtype="string"),
            "cases.submitter_id": pd.array(cells, dtype="string"),
            "disease_type": pd.array(cells[::-1], dtype="string"),
        }
    )
    frame = frame.rename(columns={"cases.submitter_id": "experiments.submitter_id"})
    held_in = io.BytesIO()
    there(default, {"case": frame}, held_in)
    back = read_workbook(held_in, default)["case"]
    assert back["submitter_id"].tolist() == frame["submitter_id"].tolist()
    for column in ("experiments.submitter_id", "disease_type"):
        assert back[column].dtype == "string"
        assert held(plain_column(back[column], None)) == held(frame[column].tolist())


def there(dictionary: Dictionary, frames: dict[str, pd.DataFrame], where: io.BytesIO) -> None:
    """Write a workbook into memory, by way of a file."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        where.write(to_workbook(frames, Path(folder) / "w.xlsx", dictionary).read_bytes())
    where.seek(0)


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_typed_frames_come_back(dictionary: Dictionary, data: st.DataObject) -> None:
    nodes = [n for n in dictionary.values() if n.name not in {"program", "project"}]
    node = data.draw(st.sampled_from(nodes))
    frame = data.draw(frames_of(node))
    where = io.BytesIO()
    try:
        there(dictionary, {node.name: frame}, where)
    except ValidationError as error:
        assert "no workbook can hold" in str(error) or "the item" in str(error)  # noqa: PT017
        return
    read = read_workbook(where, dictionary)
    if frame.empty:
        assert read == {}
        return
    back = read[node.name]
    assert set(frame.columns) <= set(back.columns)
    assert list(row_numbers(back)) == list(range(2, len(frame) + 2))
    for column in frame:
        prop = node.properties.get(column)
        chosen = prop is not None and {"oneOf", "anyOf"} & set(prop.schema)
        if prop is not None and (chosen or prop.kind in {"mixed", "object", "array"}):
            continue  # text of a cell can be read as several types; the rules are those of the service's TSV
        expected = held(plain_column(frame[column], prop))
        assert held(plain_column(back[column], prop)) == expected, column
        if prop is not None and prop.kind in {"integer", "number", "boolean", "enum"}:
            assert back[column].dtype == prop.dtype


def test_numbers_keep_their_last_bit(default: Dictionary, tmp_path: Path) -> None:
    values = [0.1 + 0.2, 1 / 3, 1e300, 5e-324, 2.0**53, -0.5, None]
    frame = pd.DataFrame(
        {"submitter_id": [f"d{n}" for n in range(7)], "age_at_diagnosis": pd.array(values, dtype="Float64")}
    )
    back = read_workbook(to_workbook({"diagnosis": frame}, tmp_path / "n.xlsx", default), default)
    assert back["diagnosis"]["age_at_diagnosis"].tolist() == frame["age_at_diagnosis"].tolist()


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("a\x0bb", r"Row 3, disease_type: holds the character '\\x0b'"),
        ("a\ud800", "which no workbook can hold"),
        ("a\uffff", "which no workbook can hold"),
        ("x" * 32_768, "has 32,768 characters, and a cell of a sheet holds 32,767"),
        ("\N{GRINNING FACE}" * 16_384, "has 32,768 characters"),
        ("\r" * 5_000, "has 35,000 characters"),
    ],
)
def test_what_no_cell_can_hold_is_named(default: Dictionary, tmp_path: Path, cell: str, says: str) -> None:
    frame = pd.DataFrame({"submitter_id": ["a", "b"], "disease_type": pd.Series(["x", cell], dtype=object)})
    with pytest.raises(ValidationError, match=says) as caught:
        to_workbook({"case": frame}, tmp_path / "x.xlsx", default)
    assert (caught.value.row, caught.value.column) == (3, "disease_type")
    assert not list(tmp_path.iterdir())


# --- what people hand in -------------------------------------------------------------------------------


def test_a_messy_workbook(default: Dictionary, tmp_path: Path) -> None:
    def edit(book: Any, sheet: Any) -> None:
        sheet.insert_rows(1)  # the header stands in row 2
        book.create_sheet("empty")
        book.create_sheet("case").append(["submitter_id"])
        sheet["B3"].number_format = "000"

    rows = [[" * submitter_id ", "cases.submitter_id *", "gender", "year_of_birth", None]]
    rows += [["d1", 7, "male", 1950], [None, "  ", None, None], ["d2", "c2", True, "unknown"]]
    path = book_of(tmp_path / "messy.xlsx", rows, " Demographic ", edit)
    frames = gen3nb.read_workbook(path, default)
    assert list(frames) == ["demographic"]
    frame = frames["demographic"]
    assert frame.columns.tolist() == HEADER
    assert row_numbers(frame) == [3, 5]
    assert row_numbers(frame[frame["submitter_id"] == "d2"]) == [5]
    assert frame["cases.submitter_id"].tolist() == ["007", "c2"]
    assert frame["year_of_birth"].tolist() == [1950, "unknown"]
    assert list(frame["gender"]) == ["male", "true"]
    origin = origin_of(frame)
    assert (origin.node, origin.workbook, origin.sheet) == ("demographic", str(path), " Demographic ")
    assert origin.dictionary == default.digest


def test_without_a_dictionary_all_is_text(default: Dictionary, tmp_path: Path) -> None:
    path = book_of(tmp_path / "a.xlsx", [HEADER, [7, "c1", "male", 1950.5]], "Sheet1")
    frame = read_workbook(path)["Sheet1"]
    assert set(map(str, frame.dtypes)) == {"string"}
    assert frame.iloc[0].tolist() == ["7", "c1", "male", "1950.5"]
    report = validate(frame, "demographic", dictionary=default, progress=False)
    assert report.ok  # 1950.5 is a number here, and no text


def test_sheets_are_found_by_the_column_type_or_by_name(default: Dictionary, tmp_path: Path) -> None:
    def edit(book: Any, _: Any) -> None:
        book.create_sheet("Tabelle2").append(["type", "submitter_id"])
        book["Tabelle2"].append(["case", "c1"])
        book.create_sheet("notes").append(["do not forget"])

    path = book_of(tmp_path / "a.xlsx", [HEADER, ROW], "Tabelle1", edit)
    with pytest.warns(UserWarning, match="left out") as told:
        frames = read_workbook(path, default)
    assert list(frames) == ["case"]
    assert ["'Tabelle1' is no node" in str(told[0].message), "'notes'" in str(told[1].message)] == [True] * 2
    assert told[0].filename == __file__
    frames = read_workbook(path, default, nodes={"Tabelle1": "demographic", "Tabelle2": "case"})
    assert list(frames) == ["case", "demographic"]
    with pytest.raises(ValidationError, match="no sheet 'Tabele1'; did you mean 'Tabelle1'"):
        read_workbook(path, default, nodes={"Tabele1": "demographic"})
    with pytest.raises(ValidationError, match="no sheet 'sample'"):
        read_workbook(path, default, nodes=["sample"])
    with pytest.raises(DictionaryError, match="no node 'demografic'"):
        read_workbook(path, default, nodes={"Tabelle1": "demografic"})
    with pytest.raises(ValidationError, match="'Tabelle1' and 'Tabelle2' both hold records of case"):
        read_workbook(path, default, nodes={"Tabelle1": "case", "Tabelle2": "case"})


def test_a_hidden_sheet_is_told(default: Dictionary, tmp_path: Path) -> None:
    def edit(book: Any, sheet: Any) -> None:
        book.create_sheet("front")
        sheet.sheet_state = "hidden"

    path = book_of(tmp_path / "a.xlsx", [HEADER, ROW], edit=edit)
    with pytest.warns(UserWarning, match="'demographic' is hidden"):
        assert read_workbook(path, default) == {}
    assert list(read_workbook(path, default, nodes="demographic")) == ["demographic"]


def test_errors_formulas_and_merged_cells_are_named_together(default: Dictionary, tmp_path: Path) -> None:
    def edit(_: Any, sheet: Any) -> None:
        sheet["C2"] = "#REF!"
        sheet["D3"] = "=1900+50"
        sheet.merge_cells("B3:B4")

    path = book_of(tmp_path / "a.xlsx", [HEADER, ROW, ["d2", "c2"], ["d3"]], edit=edit)
    with pytest.raises(ValidationError) as caught:
        read_workbook(path, default)
    assert caught.value.cells == (
        "demographic!C2 holds the error #REF!",
        "demographic!D3 holds a formula that was never calculated",
        "demographic!B3:B4 is merged: unmerge it, and write the value into each of its cells",
    )
    assert "a.xlsx cannot be read as it stands" in str(caught.value)


def test_cells_beside_the_table_are_named(default: Dictionary, tmp_path: Path) -> None:
    path = book_of(tmp_path / "a.xlsx", [HEADER, [*ROW, None, "ask Anna"]])
    with pytest.raises(ValidationError, match=r"demographic!F2 holds 'ask Anna', but its column has no name"):
        read_workbook(path, default)


def test_dates_are_iso_text_and_told_where_no_date_belongs(default: Dictionary, tmp_path: Path) -> None:
    rows = [
        ["submitter_id", "date_of_visit", "cases.submitter_id"],
        ["d1", dt.datetime(2024, 5, 31), dt.datetime(2026, 2, 1)],
        ["d2", dt.datetime(2024, 5, 31, 13, 45), "c2"],
        ["d3", dt.time(13, 45), "c3"],
    ]
    with pytest.warns(UserWarning, match=r"cases.submitter_id: C2 hold dates.*such as 1-2") as told:
        frame = read_workbook(book_of(tmp_path / "a.xlsx", rows), default)["demographic"]
    assert len(told) == 1
    assert frame["date_of_visit"].tolist() == ["2024-05-31", "2024-05-31T13:45:00", "13:45:00"]
    assert frame["cases.submitter_id"].tolist() == ["2026-02-01", "c2", "c3"]


def test_large_measurements_are_not_taken_for_rounded_numbers(default: Dictionary, tmp_path: Path) -> None:
    values = [1e15, -1.5e15, 1e16, 1e22]
    frame = pd.DataFrame({"submitter_id": list("abcd"), "age_at_diagnosis": pd.array(values, "Float64")})
    path = to_workbook({"diagnosis": frame}, tmp_path / "n.xlsx", default)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        back = read_workbook(path, default)["diagnosis"]
    assert back["age_at_diagnosis"].tolist() == values


def test_numbers_that_a_spreadsheet_rounds_are_told(default: Dictionary, tmp_path: Path) -> None:
    path = book_of(tmp_path / "a.xlsx", [HEADER, [1234567890123456789, "c1"]])
    with pytest.warns(UserWarning, match="submitter_id: A2 hold numbers of more than 15 digits"):
        read_workbook(path, default)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([["a", "a"], [1, 2]], "two columns named 'a'"),
        ([["a", None, "b"], [1, 2, 3]], "column 2 has no name"),
    ],
)
def test_a_header_that_is_none_is_named(
    default: Dictionary, tmp_path: Path, rows: list[list[Any]], says: str
) -> None:
    with pytest.raises(ValidationError, match=f"a.xlsx, sheet 'case'.*{says}"):
        read_workbook(book_of(tmp_path / "a.xlsx", rows, "case"), default)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"submitter_id\tgender\n", "read_tsv"),
        (b"\xd0\xcf\x11\xe0rest", "old .xls workbook, or one with a password"),
        (b"PK\x03\x04rest", r"damaged or of another kind"),
        (b"", "no .xlsx workbook"),
    ],
)
def test_what_is_no_workbook_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "a.xlsx").write_bytes(content)
    with pytest.raises(ValidationError, match=says):
        read_workbook(tmp_path / "a.xlsx")


def test_a_damaged_workbook_is_named(default: Dictionary, tmp_path: Path) -> None:
    whole = default.workbook(tmp_path / "w.xlsx", ["case"]).read_bytes()
    for end in (100, len(whole) // 2, len(whole) - 5):
        with pytest.raises(ValidationError, match="damaged"):
            read_workbook(io.BytesIO(whole[:end]))


def test_a_stray_cell_far_below_costs_nothing(default: Dictionary, tmp_path: Path) -> None:
    def edit(_: Any, sheet: Any) -> None:
        sheet["A1048576"] = "  "

    frame = read_workbook(book_of(tmp_path / "a.xlsx", [HEADER, ROW], edit=edit), default)["demographic"]
    assert len(frame) == 1


def test_an_empty_form_has_no_records(default: Dictionary, tmp_path: Path) -> None:
    assert read_workbook(default.workbook(tmp_path / "w.xlsx"), default) == {}
    assert read_workbook(tmp_path / "w.xlsx") == {}


def test_without_openpyxl_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingExtra, match=r"gen3nb\[excel\]"):
        read_workbook("a.xlsx")


# --- the marked copy -----------------------------------------------------------------------------------


def handed_in(path: Path) -> Path:
    """A workbook with a title of its own, notes, colours, a second sheet, and mistakes in rows 4 and 6."""

    def edit(book: Any, sheet: Any) -> None:
        sheet.insert_rows(1)
        sheet["C4"].comment = openpyxl.comments.Comment("from the letter", "Anna")
        sheet["A3"].fill = openpyxl.styles.PatternFill("solid", fgColor="00FF00")
        sheet.column_dimensions["A"].width = 33
        book.create_sheet("notes").append(["ask Anna"])

    rows = [
        HEADER,
        ["d1", "c1", "male", 1950],
        ["d2", "c2", "F", 1951],
        [],
        ["d3", "c3", "female", "old"],
    ]
    return book_of(path, rows, edit=edit)


def read_quietly(path: Path, dictionary: Dictionary) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_workbook(path, dictionary)["demographic"]


def test_the_users_own_workbook_is_marked(default: Dictionary, tmp_path: Path) -> None:
    path = handed_in(tmp_path / "site.xlsx")
    before = path.read_bytes()
    frame = read_quietly(path, default)
    frame = frame[frame["submitter_id"] != "d1"].sort_values("submitter_id", ascending=False)
    report = validate(frame, "demographic", dictionary=default, progress=False)
    assert set(report.problems["row"]) == {4, 6}
    book = openpyxl.load_workbook(report.to_excel(tmp_path / "out" / "marked.xlsx"))
    sheet = book["demographic"]
    assert path.read_bytes() == before
    assert book.sheetnames == ["demographic", "notes", "problems"]
    assert [cell.value for cell in sheet[4]][:3] == ["d2", "c2", "F"]
    assert sheet["C4"].fill.fgColor.rgb.endswith("F8C9C4")
    assert sheet["C4"].comment.text.startswith("from the letter")
    assert "female" in sheet["C4"].comment.text
    assert sheet["D6"].comment is not None
    assert sheet["D3"].comment is None
    assert sheet["A3"].fill.fgColor.rgb.endswith("00FF00")
    assert sheet.column_dimensions["A"].width == 33
    listed = [row[0].value for row in book["problems"].iter_rows(min_row=2)]
    assert sorted(listed) == sorted(report.problems["row"])
    with pytest.raises(ValidationError, match="the workbook itself"):
        report.to_excel(path)


def test_a_second_check_cleans_the_marks_of_the_first(default: Dictionary, tmp_path: Path) -> None:
    report = validate(
        read_quietly(handed_in(tmp_path / "site.xlsx"), default), "demographic", dictionary=default
    )
    marked = report.to_excel(tmp_path / "marked.xlsx")
    book = openpyxl.load_workbook(marked)
    book["demographic"]["C4"] = "female"
    book.save(marked)
    report = validate(read_quietly(marked, default), "demographic", dictionary=default, progress=False)
    assert list(report.problems["row"]) == [6]
    book = openpyxl.load_workbook(report.to_excel(tmp_path / "again.xlsx"))
    assert book.sheetnames == ["demographic", "notes", "problems"]
    assert book["demographic"]["C4"].comment.text == "from the letter"
    assert book["demographic"]["C4"].fill.fill_type is None
    assert book["demographic"]["D6"].comment is not None
    assert book["problems"].max_row == 2


def test_several_sheets_are_marked_in_one_copy(default: Dictionary, tmp_path: Path) -> None:
    frames = {
        "demographic": pd.DataFrame(
            {"submitter_id": ["d1"], "cases.submitter_id": ["c1"], "gender": ["woman"]}
        ),
        "case": pd.DataFrame({"submitter_id": ["c1"]}),
    }
    read = read_workbook(to_workbook(frames, tmp_path / "two.xlsx", default), default)
    one, two = (validate(frame, node, dictionary=default, progress=False) for node, frame in read.items())
    book = openpyxl.load_workbook(one.to_excel(tmp_path / "marked.xlsx", others=[two]))
    assert book["case"]["D2"].comment is not None
    assert book["demographic"]["F2"].comment is not None
    assert book["demographic"].data_validations.dataValidation
    sheets = [row[-1].value for row in book["problems"].iter_rows(min_row=2)]
    assert set(sheets) == {"case", "demographic"}


def test_rows_that_are_no_longer_the_workbooks_are_written_anew(default: Dictionary, tmp_path: Path) -> None:
    path = handed_in(tmp_path / "site.xlsx")
    frame = read_quietly(path, default)
    moved = frame.iloc[::-1].reset_index(drop=True)
    report = validate(moved, "demographic", dictionary=default, progress=False)
    with pytest.warns(UserWarning, match="no longer those of site.xlsx") as told:
        report.to_excel(tmp_path / "marked.xlsx")
    assert told[0].filename == __file__
    report = validate(frame, "demographic", dictionary=default, progress=False)
    path.unlink()
    with pytest.warns(UserWarning, match="has changed since it was read, or is gone"):
        book = openpyxl.load_workbook(report.to_excel(tmp_path / "marked.xlsx"))
    sheet = book["demographic"]
    # in the rows of the user's file, those between hidden
    assert [sheet.cell(row=number, column=1).value for number in (3, 4, 6)] == ["d1", "d2", "d3"]
    assert [sheet.row_dimensions[number].hidden for number in (2, 3, 5)] == [True, False, True]
    assert sheet["C4"].comment is not None
    assert list(read_quietly(tmp_path / "marked.xlsx", default).index) == list(frame.index)


def test_missing_cells_of_any_kind_stay_empty(default: Dictionary, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "submitter_id": pd.array(["d1", None], dtype="string"),
            "gender": pd.Series(["F", None], dtype=object),
            "year_of_birth": pd.array([1950, None], dtype="Float64"),
            "year_of_death": [float("nan"), 2000.0],
        }
    )
    report = validate(frame, "demographic", dictionary=default, progress=False)
    sheet = openpyxl.load_workbook(report.to_excel(tmp_path / "m.xlsx"))["demographic"]
    rows = [[cell.value for cell in row][:4] for row in sheet.iter_rows(min_row=2)]
    assert rows == [["d1", "F", 1950, None], [None, None, None, 2000]]


# --- through LibreOffice -------------------------------------------------------------------------------


@pytest.fixture
def through_libreoffice(tmp_path: Path) -> Callable[[Path], Path]:
    """Open a workbook in LibreOffice and save it again."""
    office = shutil.which("soffice") or shutil.which("libreoffice")
    if office is None:
        pytest.skip("LibreOffice is not installed (Debian: libreoffice-calc-nogui)")

    def trip(path: Path) -> Path:
        out = tmp_path / "saved"
        profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
        done = subprocess.run(
            [office, "--headless", profile, "--convert-to", "xlsx", "--outdir", str(out), str(path)],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert (out / path.name).is_file(), done.stdout + done.stderr
        return out / path.name

    return trip


@pytest.mark.slow
def test_values_and_drop_downs_survive_libreoffice(
    default: Dictionary, tmp_path: Path, through_libreoffice: Callable[[Path], Path]
) -> None:
    # LibreOffice has one kind of line break, and takes no text of underlines and codes for itself
    texts = [text for text in ODD if "\r" not in text and "_x005F_" not in text and text]
    count = len(texts)
    frame = pd.DataFrame(
        {
            "submitter_id": pd.array([f"{number:03}" for number in range(count)], dtype="string"),
            "cases.submitter_id": pd.array(texts, dtype="string"),
            "biospecimen_anatomic_site": pd.Categorical.from_codes(
                range(count), dtype=default["sample"].properties["biospecimen_anatomic_site"].dtype
            ),
            "current_weight": pd.array([0.1 * n / 3 for n in range(count)], dtype="Float64"),
        }
    )
    path = to_workbook({"sample": frame, "demographic": frame[:0]}, tmp_path / "trip.xlsx", default)
    saved = through_libreoffice(path)
    back = read_workbook(saved, default)
    assert list(back) == ["sample"]
    for column in frame:
        assert list(back["sample"][column]) == list(frame[column]), column
        assert back["sample"][column].dtype == frame[column].dtype
    book = openpyxl.load_workbook(saved)
    assert [sheet.title for sheet in book.worksheets if sheet.sheet_state == "hidden"] == ["drop-down values"]
    sheet = book["sample"]
    header = [cell.value for cell in sheet[1]]
    assert header == default["sample"].columns
    assert all(cell.comment is not None for cell in sheet[1])
    at = sheet.cell(row=900, column=header.index("biospecimen_anatomic_site") + 1).coordinate
    (choice,) = [one for one in sheet.data_validations.dataValidation if at in one.sqref]
    ((title, span),) = list(book.defined_names[choice.formula1].destinations)
    offered = [row[0].value for row in book[title][span]]
    assert offered == list(default["sample"].properties["biospecimen_anatomic_site"].enum or ())
    ids = sheet.column_dimensions["C"]
    assert ids.number_format == "@"


@pytest.mark.slow
def test_formulas_that_libreoffice_calculated_give_their_results(
    default: Dictionary, tmp_path: Path, through_libreoffice: Callable[[Path], Path]
) -> None:
    def edit(_: Any, sheet: Any) -> None:
        sheet["D2"] = "=1900+50"
        sheet["C2"] = '=IF(A2="d1","male","")'
        sheet["C3"] = '=IF(A3="d1","male","")'

    rows = [HEADER, ["d1", "c1", None, None], ["d2", "c2", None, 1951]]
    saved = through_libreoffice(book_of(tmp_path / "formulas.xlsx", rows, edit=edit))
    with pytest.warns(UserWarning, match="C2, D2, C3 hold formulas"):
        frame = read_workbook(saved, default)["demographic"]
    assert frame["year_of_birth"].tolist() == [1950, 1951]
    assert plain_column(frame["gender"], None) == ["male", None]


@pytest.mark.slow
def test_a_marked_copy_survives_libreoffice(
    default: Dictionary, tmp_path: Path, through_libreoffice: Callable[[Path], Path]
) -> None:
    path = handed_in(tmp_path / "site.xlsx")
    report = validate(read_quietly(path, default), "demographic", dictionary=default, progress=False)
    saved = through_libreoffice(report.to_excel(tmp_path / "marked.xlsx"))
    sheet = openpyxl.load_workbook(saved)["demographic"]
    assert "female" in sheet["C4"].comment.text
    assert sheet["C4"].fill.fgColor.rgb.endswith("F8C9C4")
    again = validate(read_quietly(saved, default), "demographic", dictionary=default, progress=False)
    assert again.problems["row"].tolist() == report.problems["row"].tolist()
