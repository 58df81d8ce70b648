"""A workbook with the bad cells coloured and commented: a copy of the user's own, or the rows anew."""

from __future__ import annotations

import datetime as dt
import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gen3nb.dictionary.sheets import (
    ILLEGAL,
    LONGEST,
    MOST_COLUMNS,
    MOST_ROWS,
    TEXT,
    fits_a_cell,
    need_openpyxl,
    put_text,
    save,
)
from gen3nb.dictionary.workbook import sheet_title
from gen3nb.errors import ValidationError
from gen3nb.frames.cells import RawSheet, open_book, with_masks_kept
from gen3nb.frames.codec import is_missing, plain_columns
from gen3nb.frames.findings import SERVICE, Problem
from gen3nb.frames.origin import ROWS_OF_A_FILE, origin_of, row_numbers
from gen3nb.frames.workbooks import fingerprint

if TYPE_CHECKING:
    from gen3nb.frames.reports import ValidationReport

__all__ = ["write_workbook"]

RED, YELLOW = "F8C9C4", "FCE8B2"
AUTHOR, LIST = "gen3nb", "problems"
#: Parts what stood in a comment from what we say there.
_BELOW = "\n\n[gen3nb] "
_LONGEST_COMMENT = 2_000
#: More rows than this between others are not left out by hiding them.
_MOST_HIDDEN = 20_000


def write_workbook(
    report: ValidationReport, path: str | Path, others: Sequence[ValidationReport] = ()
) -> Path:
    """Write the checked rows, bad cells marked, and a sheet with the list of problems.

    Parameters
    ----------
    report : ValidationReport
    path : str or Path
    others : sequence of ValidationReport
        Of further sheets.

    Returns
    -------
    Path

    Raises
    ------
    MissingExtra
        openpyxl is not installed.
    ValidationError
        There are more rows or columns than a sheet holds, or the path is that of the user's own workbook.
    Gen3Error
        The file cannot be written.

    Warns
    -----
    UserWarning
        The workbook that the rows come from has changed, or is gone: the rows are written anew.
    """
    need_openpyxl("A workbook")
    reports = [report, *others]
    target = Path(path).expanduser()
    own = _own_workbook(reports, target)
    book, marked = _marked_copy(reports, own, target) if own is not None else _new_book(reports)
    _add_list(book, reports, marked)
    for sheet in book.worksheets:
        # two selected tabs would be edited together
        sheet.sheet_view.tabSelected = sheet is marked[0]
    marked[0].sheet_state = "visible"
    book.active = marked[0]
    return save(book, target)


# --- the user's own workbook --------------------------------------------------------------------------


class _Own(NamedTuple):
    """The user's workbook, as it was read."""

    path: Path
    content: bytes
    sheets: list[RawSheet]


def _own_workbook(reports: Sequence[ValidationReport], target: Path) -> _Own | None:
    """Give the workbook that all the rows were read from, if it is still what was read."""
    origins = [origin_of(report.frame) for report in reports]
    paths = {origin.workbook for origin in origins}
    if len(paths) != 1 or origins[0].workbook is None:
        return None
    path = Path(origins[0].workbook)
    if path == target.resolve():
        raise ValidationError(
            f"{target} is the workbook itself: give its marked copy another name.", path=str(target)
        )
    content = path.read_bytes() if path.is_file() else b""
    if any(origin.stamp != fingerprint(content) for origin in origins):
        _tell(f"{path} has changed since it was read, or is gone: the checked rows are written anew.")
        return None
    opened = open_book(content, path.name)
    sheets = [opened.sheet(origin.sheet or "") for origin in origins]
    if not all(_same_rows(report, sheet) for report, sheet in zip(reports, sheets, strict=True)):
        _tell(
            f"The checked rows are no longer those of {path.name} (were they numbered anew, or is it another "
            "submitter_id?): they are written anew."
        )
        return None
    return _Own(path, content, sheets)


def _same_rows(report: ValidationReport, sheet: RawSheet) -> bool:
    """Say whether the rows of a report still are, by number and submitter_id, those of a sheet."""
    if origin_of(report.frame).rows != ROWS_OF_A_FILE or not sheet.rows:
        return False
    titles, stored = _titles(sheet), dict(sheet.rows[1:])
    numbers = row_numbers(report.frame)
    if not all(number in stored for number in numbers):
        return False
    names = plain_columns(report.frame)
    if "submitter_id" not in titles or "submitter_id" not in names:
        return True
    at = titles.index("submitter_id")
    keys = report.frame.iloc[:, names.index("submitter_id")].astype(object).tolist()
    for number, key in zip(numbers, keys, strict=True):
        row = stored[number]
        held = row[at] if len(row) > at else None
        given = None if is_missing(key) else str(key)
        if held is not None and given is not None and held.strip().casefold() != given.strip().casefold():
            return False
    return True


def _titles(sheet: RawSheet) -> list[str]:
    return [str(cell or "").strip().strip("*").strip() for cell in sheet.rows[0][1]]


def _marked_copy(reports: Sequence[ValidationReport], own: _Own, target: Path) -> tuple[Any, list[Any]]:
    from openpyxl import load_workbook

    with warnings.catch_warnings(record=True) as lost:
        warnings.simplefilter("always")
        book = load_workbook(
            io.BytesIO(with_masks_kept(own.content)),
            rich_text=True,
            keep_vba=own.path.suffix.lower() == target.suffix.lower() == ".xlsm",
        )
    if lost:
        what = "; ".join(dict.fromkeys(str(one.message) for one in lost))
        _tell(f"The copy of {own.path.name} has not all that the workbook has ({what}).")
    marked = []
    for report, raw in zip(reports, own.sheets, strict=True):
        sheet = book[raw.title]
        _clean_marks(sheet)
        places: dict[str, int] = {}
        for at, title in enumerate(_titles(raw), start=1):
            places.setdefault(title, at)
        width = len(raw.rows[0][1])
        _mark(sheet, report, row_numbers(report.frame), places, top=raw.rows[0][0], width=width)
        marked.append(sheet)
    return book, marked


def _clean_marks(sheet: Any) -> None:
    """Take away the marks of an earlier check."""
    from openpyxl.comments import Comment
    from openpyxl.styles import PatternFill

    for row in sheet.iter_rows():
        for cell in row:
            said = cell.comment
            if said is None:
                continue
            _sized(said)  # openpyxl does not read how large they were
            if said.author != AUTHOR and _BELOW not in said.text:
                continue
            theirs = "" if said.author == AUTHOR else said.text.partition(_BELOW)[0]
            cell.comment = _sized(Comment(theirs, said.author)) if theirs else None
            if str(cell.fill.fgColor.rgb)[-6:] in {RED, YELLOW}:
                cell.fill = PatternFill()


# --- the rows anew ------------------------------------------------------------------------------------


def _new_book(reports: Sequence[ValidationReport]) -> tuple[Any, list[Any]]:
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    marked = []
    for report in reports:
        frame = report.frame
        if len(frame) > MOST_ROWS or len(frame.columns) > MOST_COLUMNS:
            raise ValidationError(
                f"The frame has {len(frame):,} rows and {len(frame.columns):,} columns; a sheet holds "
                f"{MOST_ROWS:,} and {MOST_COLUMNS:,}. Write the rows with problems only, or a part."
            )
        sheet = book.create_sheet(sheet_title(report.node))
        _write(sheet, report)
        marked.append(sheet)
    return book, marked


def _write(sheet: Any, report: ValidationReport) -> None:
    """Write the rows where they stand in the user's own file; rows that a filter took out are hidden."""
    from openpyxl.styles import Font

    frame, names = report.frame, plain_columns(report.frame)
    rows = row_numbers(frame)
    last = max(rows, default=1)
    if last - 1 - len(rows) > _MOST_HIDDEN or last > MOST_ROWS + 1:
        rows = list(range(2, len(frame) + 2))
    gaps = set(range(2, max(rows, default=1))) - set(rows)
    for at, name in enumerate(names, start=1):
        _put(sheet.cell(row=1, column=at), name).font = Font(bold=True)
        for row, value in zip(rows, frame.iloc[:, at - 1].astype(object).tolist(), strict=True):
            _put(sheet.cell(row=row, column=at), value)
    for row in gaps:
        sheet.row_dimensions[row].hidden = True
    sheet.freeze_panes = "A2"
    _mark(sheet, report, rows, {name: at for at, name in enumerate(names, 1)}, top=1, width=len(names))


# --- marks --------------------------------------------------------------------------------------------


def _mark(
    sheet: Any,
    report: ValidationReport,
    rows: Sequence[int],
    places: Mapping[str, int],
    *,
    top: int,
    width: int,
) -> None:
    """Colour and comment the bad cells; columns that are missing are put at the end."""
    from openpyxl.styles import Font, PatternFill

    fills = {True: PatternFill("solid", fgColor=RED), False: PatternFill("solid", fgColor=YELLOW)}
    placed = dict(places)
    for column in dict.fromkeys(one.column for one in report.found):
        if column not in placed:
            width += 1
            placed[column] = width
            head = _put(sheet.cell(row=top, column=width), column)
            head.font, head.fill = Font(bold=True), fills[True]
            _say(head, "This column was missing.")
    for (position, column), found in _by_cell(report.found).items():
        cell = sheet.cell(row=rows[position], column=placed[column])
        cell.fill = fills[any(one.origin == SERVICE for one in found)]
        _say(cell, "\n".join(_words(one) for one in found))


def _say(cell: Any, words: str) -> None:
    """Comment a cell; what stands there already stays."""
    from openpyxl.comments import Comment

    ours = _clean(words)[:_LONGEST_COMMENT]
    theirs = cell.comment
    if theirs is not None:
        cell.comment = _sized(Comment(f"{theirs.text}{_BELOW}{ours}", theirs.author))
    else:
        cell.comment = _sized(Comment(ours, AUTHOR))


def _sized(comment: Any) -> Any:
    """Make a comment as large as its text needs."""
    comment.width = 320
    comment.height = min(40 + 18 * (len(comment.text) // 44 + comment.text.count("\n")), 420)
    return comment


def _add_list(book: Any, reports: Sequence[ValidationReport], sheets: Sequence[Any]) -> None:
    """Add the sheet that lists the problems, in place of that of an earlier check."""
    from openpyxl.styles import Font

    if LIST in book.sheetnames and all(sheet.title != LIST for sheet in sheets):
        book.remove(book[LIST])
    listed = book.create_sheet(LIST)
    columns = list(reports[0].problems.columns)
    if len(reports) > 1:
        columns.append("sheet")
    for at, name in enumerate(columns, start=1):
        _put(listed.cell(row=1, column=at), name).font = Font(bold=True)
        listed.column_dimensions[listed.cell(row=1, column=at).column_letter].width = (
            60 if name == "message" else 18
        )
    row = 1
    for report, sheet in zip(reports, sheets, strict=True):
        for values in report.problems.itertuples(index=False, name=None):
            row += 1
            for at, value in enumerate([*values, sheet.title][: len(columns)], start=1):
                _put(listed.cell(row=row, column=at), value)
    listed.freeze_panes = "A2"


def _by_cell(problems: list[Problem]) -> dict[tuple[int, str], list[Problem]]:
    cells: dict[tuple[int, str], list[Problem]] = {}
    for one in problems:
        cells.setdefault((one.position, one.column), []).append(one)
    return cells


def _words(problem: Problem) -> str:
    return problem.message if problem.rule != "required" else f"{problem.column} {problem.message}"


def _put(cell: Any, value: Any) -> Any:
    """Write a value as it is; text stays text, also where it begins like a formula."""
    if is_missing(value):
        return cell
    if hasattr(value, "item") and not isinstance(value, list | tuple | set):
        value = value.item() if getattr(value, "size", 1) == 1 else value.tolist()
    if isinstance(value, int | float) and fits_a_cell(value) and abs(value) != float("inf"):
        cell.value = value
    elif isinstance(value, list | tuple | set | frozenset):
        return _put(cell, ", ".join(map(str, value)))
    else:
        written = value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)
        put_text(cell, _clean(written)[:LONGEST]).number_format = TEXT
    return cell


def _clean(text: str) -> str:
    return ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)


def _tell(words: str) -> None:
    # the caller of report.to_excel, above write_workbook and the function that tells
    warnings.warn(words, stacklevel=5)
