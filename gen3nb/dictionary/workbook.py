"""Forms to fill in: a workbook with one sheet per node, drop-downs, notes and a read-me."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gen3nb.dictionary.elements import Link, Node, Property
from gen3nb.dictionary.sheets import ILLEGAL, MOST_ROWS, TEXT, need_openpyxl, put_text, save
from gen3nb.dictionary.wording import link_words, pattern_words, type_label
from gen3nb.errors import DictionaryError

if TYPE_CHECKING:
    from gen3nb.dictionary.model import Dictionary

__all__ = ["LISTS", "READ_ME", "form", "is_text", "node_of_title", "sheet_title", "write"]

READ_ME, LISTS = "read me", "drop-down values"
_NOT_BY_ROWS = {"program": "commons.create_program(name)", "project": "commons.create_project(project)"}
_LONGEST_TITLE, _SHOWN_VALUES = 31, 12
REQUIRED_FILL, LINK_FILL, OPTIONAL_FILL = "F9CB9C", "BDD7EE", "E7E6E6"
_LEGEND = (
    (REQUIRED_FILL, "Orange: required. Every row needs a value here."),
    (LINK_FILL, "Blue: a link to another record, by its submitter_id. Its note says whether it is needed."),
    (OPTIONAL_FILL, "Grey: may stay empty."),
)
_STEPS = (
    "Each sheet is for records of one kind; each row is one record. Leave out sheets that you do not need.",
    "Fill in the sheets from left to right: a record can only link to one that is there, "
    "in this workbook or in the commons.",
    "Do not rename sheets or columns. Their order does not matter, and columns that you do not need may go.",
    "Point at a column's name to read what belongs there. Cells with an arrow have a list to choose from.",
    "submitter_id is your own name for a record. It must be there once only; capital and small letters "
    "are the same. Use no names or hospital numbers of patients.",
    "Columns type and project_id may stay empty: the sheet and the submission say them.",
    "Leave a cell empty where you do not know; write no NA, none or a dash.",
    "Several values in one cell are separated by commas.",
    "Dates are written as 2026-05-31, dates with a time as 2026-05-31T13:45:00+00:00.",
    "No formulas and no merged cells, please; no notes beside the table. Empty rows are skipped.",
    "Cells for text are formatted as text, so that 007 stays 007. To paste from elsewhere, "
    "paste the values only, or the format is lost.",
)


def sheet_title(name: str) -> str:
    """Give the title of a node's sheet: its name, made safe and short where a sheet could not bear it.

    Parameters
    ----------
    name : str

    Returns
    -------
    str
        At most 31 characters; different for different names, in any case of letters.
    """
    safe = re.sub(r"[\[\]:*?/\\\x00-\x1f]", "_", name).strip("' ")
    if safe == name and len(name) <= _LONGEST_TITLE and name.casefold() != "history":
        return name
    return _marked_title(name)


def _marked_title(name: str) -> str:
    safe = re.sub(r"[\[\]:*?/\\\x00-\x1f]", "_", name).strip("' ")
    return f"{safe[: _LONGEST_TITLE - 5]}~{hashlib.sha256(name.encode()).hexdigest()[:4]}"


def node_of_title(dictionary: Dictionary, title: str) -> str | None:
    """Say which node a sheet is for, by its title; in any case, with spaces or dashes for underlines.

    Parameters
    ----------
    dictionary : Dictionary
    title : str

    Returns
    -------
    str or None
    """
    wanted = title.strip()
    if wanted in dictionary:
        return wanted
    for name in dictionary:
        if wanted in {sheet_title(name), _marked_title(name)}:
            return name
    folded = re.sub(r"[\s\-]+", "_", wanted).casefold()
    alike = [name for name in dictionary if name.casefold() == folded]
    return alike[0] if len(alike) == 1 else None


def write(dictionary: Dictionary, path: str | Path, nodes: Iterable[str] | None = None) -> Path:
    """Write the form (see :meth:`Dictionary.workbook`)."""
    return save(form(dictionary, nodes), path)


def form(dictionary: Dictionary, nodes: Iterable[str] | None = None) -> Any:
    """Make the form, to be filled in or saved.

    Parameters
    ----------
    dictionary : Dictionary
    nodes : iterable of str, optional

    Returns
    -------
    openpyxl.Workbook

    Raises
    ------
    MissingExtra
        openpyxl is not installed.
    DictionaryError
        A node is unknown, is not submitted as rows, or none is named.
    """
    need_openpyxl("A workbook")
    from openpyxl import Workbook

    kinds = _kinds(dictionary, nodes)
    book = Workbook()
    front = book.active
    front.title = READ_ME
    sheets = {kind.name: book.create_sheet(title) for kind, title in _titled(kinds)}
    lists = _Lists(book)
    for kind in kinds:
        _fill_sheet(sheets[kind.name], kind, lists)
    _fill_front(front, dictionary, kinds, sheets)
    lists.close()
    return book


def _kinds(dictionary: Dictionary, nodes: Iterable[str] | None) -> list[Node]:
    if nodes is None:
        kinds = [node for node in dictionary.values() if node.submittable and node.name not in _NOT_BY_ROWS]
    else:
        named = {dictionary[name].name for name in ([nodes] if isinstance(nodes, str) else nodes)}
        kinds = [node for node in dictionary.values() if node.name in named]
    for kind in kinds:
        if kind.name in _NOT_BY_ROWS:
            raise DictionaryError(
                f"{kind.name}s are not submitted as rows: make one with {_NOT_BY_ROWS[kind.name]}.",
                node=kind.name,
            )
    if not kinds:
        raise DictionaryError("No node is named: a workbook needs one at least.")
    return kinds


def _titled(kinds: list[Node]) -> Iterator[tuple[Node, str]]:
    """Give each node its title; spreadsheets take Case and case for one."""
    taken: set[str] = set()
    for kind in kinds:
        title = sheet_title(kind.name)
        if title.casefold() in taken:
            title = _marked_title(kind.name)
        taken.add(title.casefold())
        yield kind, title


class _Lists:
    """The hidden sheet with a column for each vocabulary, and the names that drop-downs use."""

    def __init__(self, book: Any) -> None:
        self.book = book
        self.sheet = book.create_sheet(LISTS)
        self.sheet.sheet_state = "hidden"
        self.names: dict[tuple[str, ...], str] = {}

    def name_of(self, node: Node, prop: Property, values: tuple[str, ...]) -> str:
        """Give the name of a vocabulary's range; equal vocabularies share one."""
        from openpyxl.utils import get_column_letter, quote_sheetname
        from openpyxl.workbook.defined_name import DefinedName

        if values in self.names:
            return self.names[values]
        at = len(self.names) + 1
        # an underline and a number in front: no name of this form is a cell's or another's
        name = f"_{at}_" + re.sub(r"\W", "_", f"{node.name}_{prop.name}", flags=re.ASCII)[:200]
        put_text(self.sheet.cell(row=1, column=at), f"{node.name}.{prop.name}")
        for row, value in enumerate(values, start=2):
            put_text(self.sheet.cell(row=row, column=at), value).number_format = TEXT
        letter = get_column_letter(at)
        span = f"{quote_sheetname(LISTS)}!${letter}$2:${letter}${len(values) + 1}"
        self.book.defined_names[name] = DefinedName(name, attr_text=span)
        self.names[values] = name
        return name

    def close(self) -> None:
        """Drop the sheet if no drop-down needs it."""
        if not self.names:
            self.book.remove(self.sheet)


def is_text(node: Node, column: str) -> bool:
    """Say whether cells of a column are to stay as they are typed: all but plain numbers.

    Parameters
    ----------
    node : Node
    column : str

    Returns
    -------
    bool
    """
    prop = node.properties.get(column)
    return prop is None or prop.kind not in {"integer", "number"}


def _fill_sheet(sheet: Any, node: Node, lists: _Lists) -> None:
    from openpyxl.comments import Comment
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter

    links = {link.column: link for link in node.links}
    grouped = {link.name for link in node.links if not link.required}
    for at, column in enumerate(node.columns, start=1):
        link, prop = links.get(column), node.properties.get(column)
        required = _is_required(node, column, link)
        cell = put_text(sheet.cell(row=1, column=at), column)
        colour = REQUIRED_FILL if required else LINK_FILL if link is not None else OPTIONAL_FILL
        cell.fill = PatternFill("solid", fgColor=colour)
        cell.font = Font(bold=required)
        cell.alignment = Alignment(vertical="top")
        words = _note(node, column, link, prop, required, in_group=link is not None and link.name in grouped)
        note = Comment(ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", words), "dictionary", width=360)
        note.height = min(60 + 18 * (len(words) // 48 + words.count("\n")), 420)
        cell.comment = note
        letter = get_column_letter(at)
        sheet.column_dimensions[letter].width = max(12, min(len(column) + 4, 40))
        if is_text(node, column):
            sheet.column_dimensions[letter].number_format = TEXT
        _add_drop_down(sheet, letter, node, prop, lists)
    sheet.freeze_panes = "A2"


def _is_required(node: Node, column: str, link: Link | None) -> bool:
    if column in {"type", "project_id"}:
        return False
    return (link.name if link is not None else column) in node.required or column == node.key


def _add_drop_down(sheet: Any, letter: str, node: Node, prop: Property | None, lists: _Lists) -> None:
    from openpyxl.worksheet.datavalidation import DataValidation

    if prop is None or prop.name in {"type", "project_id"}:
        return
    if prop.kind == "boolean":
        source = '"true,false"'
    elif prop.kind == "enum" and prop.enum:
        # what the dictionary asks not to use any more is taken, but not proposed
        values = tuple(str(value) for value in prop.enum if value not in prop.deprecated)
        if not values or any(ILLEGAL.search(value) for value in values):
            return
        source = lists.name_of(node, prop, values)
    else:
        return
    choice = DataValidation(type="list", formula1=source, allow_blank=True, showErrorMessage=True)
    choice.errorTitle = "Not in the list"
    choice.error = "Choose one of the values in the list, or leave the cell empty."
    choice.add(f"{letter}2:{letter}{MOST_ROWS + 1}")
    sheet.add_data_validation(choice)


def _note(
    node: Node, column: str, link: Link | None, prop: Property | None, required: bool, *, in_group: bool
) -> str:
    """Say in plain words what belongs into a column."""
    if column == "type":
        return f"May stay empty: all records of this sheet are of the kind {node.name}."
    if column == "project_id":
        return "May stay empty: the project is given when the rows are submitted."
    parts = ["Required." if required else "Optional."]
    if link is not None:
        if in_group and not required and _in_required_group(node, link):
            parts = ["One of the blue columns is required."]
        parts.append(f"Link to {link.target}: its {link.key}; {link_words(link)}.")
        if link.to_many:
            parts.append("Several are separated by commas.")
    elif prop is None:
        parts.append("Addresses of the file, separated by commas." if column == "urls" else "")
    else:
        parts += _property_words(prop)
    return "\n".join(part for part in parts if part)


def _in_required_group(node: Node, link: Link) -> bool:
    groups = [group for group in node.link_groups if not isinstance(group, Link)]
    return any(group.required and link in group.links() for group in groups)


def _property_words(prop: Property) -> list[str]:
    parts = [f"{type_label(prop).capitalize()}."]
    if prop.name == "submitter_id":
        parts.append("Your own name for the record; once only.")
    enum = prop.enum or (prop.items.enum if prop.items is not None else None) or ()
    if enum:
        more = f" … and {len(enum) - _SHOWN_VALUES} more" if len(enum) > _SHOWN_VALUES else ""
        parts.append("Values: " + ", ".join(map(str, enum[:_SHOWN_VALUES])) + more)
    if prop.pattern:
        parts.append(f"It has {pattern_words(prop.pattern)}.")
    if prop.kind == "array":
        parts.append("Several are separated by commas.")
    if prop.description:
        parts.append(prop.description if len(prop.description) < 900 else prop.description[:899] + "…")
    return parts


def _fill_front(front: Any, dictionary: Dictionary, kinds: list[Node], sheets: dict[str, Any]) -> None:
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import quote_sheetname

    wrapped = Alignment(wrap_text=True, vertical="top")
    front.column_dimensions["A"].width, front.column_dimensions["B"].width = 34, 100
    row = 1
    put_text(front.cell(row=row, column=1), "How to fill in this workbook").font = Font(bold=True, size=14)
    for number, step in enumerate(_STEPS, start=1):
        row += 1
        front.cell(row=row, column=1, value=number).alignment = Alignment(horizontal="right", vertical="top")
        put_text(front.cell(row=row, column=2), step).alignment = wrapped
    row += 2
    put_text(front.cell(row=row, column=1), "Colours of the column names").font = Font(bold=True)
    for colour, words in _LEGEND:
        row += 1
        front.cell(row=row, column=1).fill = PatternFill("solid", fgColor=colour)
        put_text(front.cell(row=row, column=2), words).alignment = wrapped
    row += 2
    put_text(front.cell(row=row, column=1), "The sheets").font = Font(bold=True)
    for kind in kinds:
        row += 1
        title = sheets[kind.name].title
        cell = put_text(front.cell(row=row, column=1), kind.name)
        cell.hyperlink = f"#{quote_sheetname(title)}!A1"
        cell.font = Font(color="0563C1", underline="single")
        parents = ", ".join(dict.fromkeys(link.target for link in kind.links))
        words = kind.description or kind.title
        words += f" Links to: {parents}." if parents else ""
        put_text(front.cell(row=row, column=2), ILLEGAL.sub("", words)).alignment = wrapped
    row += 2
    origin = f"Made for the dictionary {dictionary.digest}"
    origin += f" of {dictionary.source}." if dictionary.source else "."
    put_text(front.cell(row=row, column=1), ILLEGAL.sub("", origin)).font = Font(italic=True, color="7F7F7F")
