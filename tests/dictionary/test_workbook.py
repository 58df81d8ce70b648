"""The workbook to fill in: sheets, columns, notes, drop-downs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from gen3nb.dictionary import Dictionary
from gen3nb.dictionary.workbook import (
    LISTS,
    OPTIONAL_FILL,
    READ_ME,
    REQUIRED_FILL,
    node_of_title,
    sheet_title,
)
from gen3nb.errors import DictionaryError, Gen3Error, MissingExtra

openpyxl = pytest.importorskip("openpyxl")


def opened(path: Path) -> Any:
    return openpyxl.load_workbook(path)


def drop_down(book: Any, sheet: str, column: str) -> list[str]:
    """What a cell of a column lets one choose from."""
    header = [cell.value for cell in book[sheet][1]]
    cell = book[sheet].cell(row=500, column=header.index(column) + 1).coordinate
    (choice,) = [one for one in book[sheet].data_validations.dataValidation if cell in one.sqref]
    assert choice.type == "list"
    if choice.formula1.startswith('"'):
        return str(choice.formula1.strip('"')).split(",")
    ((title, span),) = list(book.defined_names[choice.formula1].destinations)
    return [row[0].value for row in book[title][span]]


def wide_dictionary(values: list[str]) -> Dictionary:
    """A dictionary with a vocabulary of any size, a node of a long name, and two that differ in case."""
    properties = {
        "type": {"type": "string"},
        "submitter_id": {"type": "string"},
        "code": {"enum": values},
        "flag": {"type": "boolean"},
        "score": {"type": "number", "minimum": 0, "maximum": 9.5},
        "count": {"type": "integer"},
        "when": {"type": "string", "format": "date-time"},
    }
    schema = {
        "category": "clinical",
        "description": "Some.",
        "links": [],
        "properties": properties,
        "required": ["submitter_id", "code"],
        "systemProperties": [],
        "uniqueKeys": [["submitter_id"]],
        "submittable": True,
    }
    names = ["visit", "Visit", "a_node_whose_name_is_longer_than_a_sheet_takes"]
    return Dictionary.from_json({name: {**schema, "id": name, "title": name} for name in names})


def test_each_node_has_a_sheet_with_the_columns_of_its_template(
    dictionary: Dictionary, tmp_path: Path
) -> None:
    book = opened(dictionary.workbook(tmp_path / "all.xlsx"))
    nodes = [n.name for n in dictionary.values() if n.submittable and n.name not in {"program", "project"}]
    sheets = [sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible"]
    assert sheets == [READ_ME, *nodes]  # in submission order
    for name in nodes:
        assert [cell.value for cell in book[name][1]] == dictionary[name].columns
        assert book[name].freeze_panes == "A2"
        assert all(cell.comment.text for cell in book[name][1])
        assert book[name].max_row == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "all.xlsx"]


def test_the_header_says_what_belongs_there(default: Dictionary, tmp_path: Path) -> None:
    book = opened(default.workbook(tmp_path / "one.xlsx", "diagnosis"))
    sheet = book["diagnosis"]
    header = {cell.value: cell for cell in sheet[1]}
    assert header["submitter_id"].fill.fgColor.rgb.endswith(REQUIRED_FILL)
    assert header["cases.submitter_id"].fill.fgColor.rgb.endswith(REQUIRED_FILL)
    assert header["project_id"].fill.fgColor.rgb.endswith(OPTIONAL_FILL)
    assert "Link to case" in header["cases.submitter_id"].comment.text
    note = header["age_at_diagnosis"].comment.text
    assert default["diagnosis"].properties["age_at_diagnosis"].description[:40] in note
    assert "Number, 0 to 32872" in note
    legend = " ".join(str(cell.value) for row in book[READ_ME] for cell in row if cell.value)
    assert "Orange: required" in legend
    assert default.digest in legend
    assert any(cell.hyperlink for row in book[READ_ME] for cell in row)


def test_enumerations_and_booleans_are_drop_downs(default: Dictionary, tmp_path: Path) -> None:
    book = opened(default.workbook(tmp_path / "two.xlsx", ["sample", "demographic"]))
    assert drop_down(book, "demographic", "gender") == list(
        default["demographic"].properties["gender"].enum or ()
    )
    assert len(drop_down(book, "sample", "biospecimen_anatomic_site")) == 281
    assert book[LISTS].sheet_state == "hidden"


def test_vocabularies_of_thousands_and_of_odd_texts(tmp_path: Path) -> None:
    values = [f"C{number:05}, of, many" for number in range(4000)] + ["=1+1", "007", "a\nb", ' "x" ']
    dictionary = wide_dictionary(values)
    book = opened(dictionary.workbook(tmp_path / "wide.xlsx"))
    assert drop_down(book, "Visit", "code") == values
    assert drop_down(book, "Visit", "flag") == ["true", "false"]
    # the three nodes share one list
    assert book[LISTS].max_column == 1


def test_cells_for_text_are_formatted_as_text(tmp_path: Path) -> None:
    book = opened(wide_dictionary(["a"]).workbook(tmp_path / "w.xlsx", ["visit"]))
    sheet = book["visit"]
    formats = {cell.value: sheet.column_dimensions[cell.column_letter].number_format for cell in sheet[1]}
    assert {name for name, shown in formats.items() if shown == "@"} == {
        "type",
        "submitter_id",
        "code",
        "flag",
        "when",
    }


def test_titles_are_short_safe_and_unique(tmp_path: Path) -> None:
    dictionary = wide_dictionary(["a"])
    book = opened(dictionary.workbook(tmp_path / "w.xlsx"))
    titles = [sheet.title for sheet in book.worksheets]
    assert len({title.casefold() for title in titles}) == len(titles) == 5
    assert all(len(title) <= 31 for title in titles)
    assert [node_of_title(dictionary, title) for title in titles if title not in {READ_ME, LISTS}] == list(
        dictionary
    )
    assert sheet_title("a/b") != sheet_title("a:b")
    assert node_of_title(dictionary, "nothing") is None


def test_spaces_and_case_of_a_title_do_not_matter(default: Dictionary) -> None:
    assert node_of_title(default, " Read Group ") == "read_group"
    assert node_of_title(default, "read-group") == "read_group"


def test_a_dictionary_without_vocabularies_needs_no_hidden_sheet(default: Dictionary, tmp_path: Path) -> None:
    book = opened(default.workbook(tmp_path / "x.xlsx", ["experiment"]))
    has = any(prop.enum for prop in default["experiment"].properties.values() if not prop.system)
    assert (LISTS in book.sheetnames) == has


@pytest.mark.parametrize(
    ("nodes", "says"),
    [(["nope"], "no node 'nope'"), (["project"], "create_project"), (["program"], "rows"), ([], "No node")],
)
def test_what_has_no_sheet_is_refused(
    default: Dictionary, tmp_path: Path, nodes: list[str], says: str
) -> None:
    with pytest.raises(DictionaryError, match=says):
        default.workbook(tmp_path / "x.xlsx", nodes)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named(default: Dictionary, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Gen3Error, match="could not be written"):
        default.workbook(tmp_path / "file" / "x.xlsx", ["case"])


def test_without_openpyxl_the_extra_is_named(
    default: Dictionary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingExtra, match=r"gen3nb\[excel\]"):
        default.workbook(tmp_path / "x.xlsx")
