"""A workbook with the bad cells coloured and commented."""

from __future__ import annotations

import datetime as dt
import math
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gen3nb.errors import MissingExtra, ValidationError
from gen3nb.frames.codec import plain_columns
from gen3nb.frames.findings import SERVICE, Problem

if TYPE_CHECKING:
    from gen3nb.frames.reports import ValidationReport

__all__ = ["write_workbook"]

RED, YELLOW = "F8C9C4", "FCE8B2"
MOST_ROWS, MOST_COLUMNS, LONGEST = 1_048_575, 16_384, 32_767
#: What XML cannot hold.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def write_workbook(report: ValidationReport, path: Path) -> Path:
    """Write the checked rows, bad cells marked, and a second sheet with the list of problems.

    Parameters
    ----------
    report : ValidationReport
    path : Path

    Returns
    -------
    Path

    Raises
    ------
    MissingExtra
        openpyxl is not installed.
    ValidationError
        There are more rows or columns than a sheet holds.
    """
    try:
        from openpyxl import Workbook
        from openpyxl.comments import Comment
        from openpyxl.styles import Font, PatternFill
    except ImportError:
        raise MissingExtra.named("excel", "A workbook") from None
    frame = report.frame
    if len(frame) > MOST_ROWS or len(frame.columns) > MOST_COLUMNS:
        raise ValidationError(
            f"The frame has {len(frame):,} rows and {len(frame.columns):,} columns; a sheet holds "
            f"{MOST_ROWS:,} and {MOST_COLUMNS:,}. Write the rows with problems only, or a part."
        )
    book = Workbook()
    sheet = book.active
    sheet.title = _title(report.node)
    names = plain_columns(frame)
    missing = list(dict.fromkeys(one.column for one in report.found if one.column not in names))
    headers = [*names, *missing]
    for at, name in enumerate(headers, start=1):
        _put(sheet.cell(row=1, column=at), name).font = Font(bold=True)
    for at in range(len(names)):
        for number, value in enumerate(frame.iloc[:, at].astype(object).tolist(), start=2):
            _put(sheet.cell(row=number, column=at + 1), value)
    sheet.freeze_panes = "A2"
    fills = {True: PatternFill("solid", fgColor=RED), False: PatternFill("solid", fgColor=YELLOW)}
    for (position, column), found in _by_cell(report.found).items():
        cell = sheet.cell(row=position + 2, column=headers.index(column) + 1)
        cell.fill = fills[any(one.origin == SERVICE for one in found)]
        cell.comment = Comment("\n".join(_clean(_words(one)) for one in found)[:2_000], "gen3nb", width=320)
    listed = book.create_sheet("problems")
    table = report.problems
    for at, name in enumerate(table.columns, start=1):
        _put(listed.cell(row=1, column=at), name).font = Font(bold=True)
        for number, value in enumerate(table[name].tolist(), start=2):
            _put(listed.cell(row=number, column=at), value)
    listed.freeze_panes = "A2"
    return _save(book, path)


def _save(book: Any, path: Path) -> Path:
    """Write to a file beside, then move it: no one ever finds half a workbook."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".xlsx")
    os.close(handle)
    try:
        book.save(name)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
    return path


def _by_cell(problems: list[Problem]) -> dict[tuple[int, str], list[Problem]]:
    cells: dict[tuple[int, str], list[Problem]] = {}
    for one in problems:
        cells.setdefault((one.position, one.column), []).append(one)
    return cells


def _words(problem: Problem) -> str:
    return problem.message if problem.rule != "required" else f"{problem.column} {problem.message}"


def _title(name: str) -> str:
    return re.sub(r"[\[\]:*?/\\]", "_", name)[:31]


def _put(cell: Any, value: Any) -> Any:
    """Write a value as it is; text stays text, also where it begins like a formula."""
    if value is None or value != value:
        return cell
    if hasattr(value, "item") and not isinstance(value, list | tuple | set):
        value = value.item() if getattr(value, "size", 1) == 1 else value.tolist()
    if isinstance(value, int | float) and _fits(value):
        cell.value = value
    elif isinstance(value, list | tuple | set | frozenset):
        return _put(cell, ", ".join(map(str, value)))
    else:
        written = value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)
        cell.value = _clean(written)[:LONGEST]
        cell.data_type = "s"
    return cell


def _fits(number: float) -> bool:
    """Say whether a spreadsheet holds a number as it is: it has 15 digits."""
    return math.isfinite(number) and (type(number) is float or abs(number) < 10**15)


def _clean(text: str) -> str:
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)
