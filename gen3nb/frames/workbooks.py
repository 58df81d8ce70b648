"""Frames from workbooks and into them, cell by cell what they were."""

from __future__ import annotations

import hashlib
import sys
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pandas as pd

from gen3nb.dictionary import Dictionary, Node
from gen3nb.dictionary.elements import nearest
from gen3nb.dictionary.sheets import MOST_ROWS, TEXT, fits_a_cell, need_openpyxl, put_text, save, why_no_text
from gen3nb.dictionary.workbook import LISTS, READ_ME, form, is_text, node_of_title
from gen3nb.errors import ValidationError
from gen3nb.frames.casting import cast
from gen3nb.frames.cells import Book, RawSheet, open_book
from gen3nb.frames.codec import NEVER_SENT, plain_column, plain_columns
from gen3nb.frames.findings import COLUMNS as PROBLEMS
from gen3nb.frames.origin import ROWS_OF_A_FILE, tag_as
from gen3nb.frames.tsv import cell_text, node_of_cells, rows_index, titles_of

__all__ = ["fingerprint", "read_workbook", "to_workbook"]

_NAMED = 5


@dataclass(frozen=True)
class _Source:
    """Where the frames come from."""

    book: Book
    name: str
    path: str | None
    stamp: str


def read_workbook(
    path: str | Path | IO[bytes],
    dictionary: Dictionary | None = None,
    nodes: Iterable[str] | Mapping[str, str] | None = None,
) -> dict[str, pd.DataFrame]:
    """Read a workbook of records: a frame for each sheet that holds any.

    Text stays as it is written, ``007`` and ``1E5`` included; an empty cell is missing, a date is ISO text.
    Blank rows are skipped, and the frames remember the row numbers of their sheet. Names of columns lose
    their stars and outer spaces. No service is asked.

    Parameters
    ----------
    path : str, Path or binary file
        An ``.xlsx`` workbook; perhaps one made by ``dictionary.workbook(path)``.
    dictionary : Dictionary, optional
        Types the columns, as far as all their cells read as their type, and tells which sheets are nodes:
        by their titles, else by the column ``type``. Without it all cells are text.
    nodes : iterable of str or Mapping of str to str, optional
        Which nodes to read; or title of a sheet to the node whose records it holds.

    Returns
    -------
    dict of str to pandas.DataFrame
        By node (without a dictionary by the column ``type``, else by title), in submission order. Sheets
        without a record are left out, and so are the read-me and lists that gen3nb writes.

    Raises
    ------
    ValidationError
        It is no such workbook; cells hold errors or formulas without a result, or are merged; a column has
        no name, or two have one; two sheets hold records of one node; a sheet that was asked for is missing.
        Every such cell is named.
    DictionaryError
        There is no such node.
    FileNotFoundError
        There is no such file.
    MissingExtra
        openpyxl is not installed.

    Warns
    -----
    UserWarning
        A sheet is left out since it is no node, or hidden; formulas gave the results stored with them; cells
        of a column for text hold dates; cells of one for text or whole numbers hold numbers of more digits
        than a spreadsheet keeps.
    """
    need_openpyxl("Reading a workbook")
    source = _open(path)
    wanted = _wanted(source, dictionary, nodes)
    tables: dict[str, tuple[RawSheet, pd.DataFrame]] = {}
    faults: list[str] = []
    for title in source.book.titles:
        raw, node = _sheet(source, title, wanted, dictionary)
        if raw is None:
            continue
        frame, found = _table(raw, source)
        faults += found
        if frame is None or (frame.empty and not found):
            continue
        key = node or node_of_cells(frame) or title.strip()
        if key in tables:
            raise ValidationError(
                f"{source.name}: the sheets {tables[key][0].title!r} and {title!r} both hold records of "
                f"{key}. Put them into one sheet, or read one: nodes={{{title!r}: {key!r}}}.",
                sheet=title,
            )
        tables[key] = (raw, frame)
    if faults:
        raise _unreadable(source.name, faults)
    ordered = [name for name in dictionary or tables if name in tables]
    return {name: _finished(*tables[name], name, source, dictionary) for name in ordered}


def fingerprint(content: bytes) -> str:
    """Give a short hash of a file's content."""
    return hashlib.sha256(content).hexdigest()[:16]


def _open(path: str | Path | IO[bytes]) -> _Source:
    if isinstance(path, str | Path):
        file = Path(path).expanduser()
        content, name, place = file.read_bytes(), file.name, str(file.resolve())
    else:
        content, name, place = path.read(), Path(str(getattr(path, "name", "the workbook"))).name, None
    if not isinstance(content, bytes):
        raise ValidationError(f"{name} is open as text: open it with mode 'rb'.")
    return _Source(open_book(content, name), name, place, fingerprint(content))


def _wanted(
    source: _Source, dictionary: Dictionary | None, nodes: Iterable[str] | Mapping[str, str] | None
) -> dict[str, str] | None:
    """Give title to node for the sheets that were asked for; None for all."""
    if nodes is None:
        return None
    titles = source.book.titles
    if isinstance(nodes, Mapping):
        for title, node in nodes.items():
            if title not in titles:
                raise _no_sheet(source, title)
            if dictionary is not None:
                dictionary[node]
        return dict(nodes)
    found: dict[str, str] = {}
    for name in [nodes] if isinstance(nodes, str) else nodes:
        node = dictionary[name].name if dictionary is not None else name
        matching = [title for title in titles if _node_named(title, dictionary) == node]
        if not matching:
            raise _no_sheet(source, node)
        found |= dict.fromkeys(matching, node)
    return found


def _node_named(title: str, dictionary: Dictionary | None) -> str | None:
    return node_of_title(dictionary, title) if dictionary is not None else title.strip()


def _no_sheet(source: _Source, title: str) -> ValidationError:
    close = nearest(title, source.book.titles)
    hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(map(repr, source.book.titles))}."
    return ValidationError(f"{source.name} has no sheet {title!r}; {hint}", sheet=title)


def _sheet(
    source: _Source, title: str, wanted: dict[str, str] | None, dictionary: Dictionary | None
) -> tuple[RawSheet | None, str | None]:
    """Give a sheet that is to be read, and its node if that is known."""
    if wanted is not None:
        return (source.book.sheet(title), wanted[title]) if title in wanted else (None, None)
    if title.strip().casefold() in {READ_ME, LISTS}:
        return None, None
    raw = source.book.sheet(title)
    if not raw.rows or _is_list_of_problems(raw):
        return None, None
    node = _node_named(title, dictionary) or _node_in_cells(raw, dictionary)
    if raw.hidden:
        if node is not None:
            _tell(
                f"{source.name}: the sheet {title!r} is hidden, and left out. Show it, or ask for it: "
                "nodes=…."
            )
        return None, None
    if node is None:
        _tell(
            f"{source.name}: the sheet {title!r} is no node of the dictionary, and left out. If it "
            f"holds records, say of which node: nodes={{{title!r}: …}}."
        )
        return None, None
    return raw, node if dictionary is not None else None


def _is_list_of_problems(raw: RawSheet) -> bool:
    return raw.rows[0][1][: len(PROBLEMS)] == PROBLEMS


def _node_in_cells(raw: RawSheet, dictionary: Dictionary | None) -> str | None:
    names = [str(cell or "").strip().strip("*").strip() for cell in raw.rows[0][1]]
    if dictionary is None or "type" not in names:
        return None
    at = names.index("type")
    found = {str(row[at]).strip() for _, row in raw.rows[1:] if len(row) > at and row[at]}
    node = found.pop() if len(found) == 1 else None
    return node if node in dictionary else None


def _table(raw: RawSheet, source: _Source) -> tuple[pd.DataFrame | None, list[str]]:
    """Make a frame of text of a sheet, and name the cells that it cannot be made of."""
    faults = [f"{raw.title}!{fault.place} {fault.what}" for fault in raw.faults]
    if not raw.rows:
        return None, faults
    if faults:
        return pd.DataFrame(), faults
    name = f"{source.name}, sheet {raw.title!r}"
    top, first = raw.rows[0]
    titles = titles_of([cell or "" for cell in first], name)
    width = len(titles)
    cells: list[list[str | None]] = []
    for number, row in raw.rows[1:]:
        for at in range(width, len(row)):
            if (row[at] or "").strip():
                place = f"{raw.title}!{_letter(at)}{number}"
                faults.append(f"{place} holds {row[at]!r}, but its column has no name in row {top}")
        cells.append(row[:width] + [None] * (width - len(row)))
    columns = list(zip(*cells, strict=True)) if cells else [()] * width
    frame = pd.DataFrame(
        {
            title: pd.array(list(column), dtype=pd.StringDtype())
            for title, column in zip(titles, columns, strict=True)
        },
        index=rows_index([number - 2 for number, _ in raw.rows[1:]]),
    )
    return frame, faults


def _letter(at: int) -> str:
    from openpyxl.utils import get_column_letter

    return str(get_column_letter(at + 1))


def _unreadable(name: str, faults: list[str]) -> ValidationError:
    more = f"; and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
    return ValidationError(
        f"{name} cannot be read as it stands: {'; '.join(faults[:_NAMED])}{more}. Mend this in the workbook, "
        "save it and read it again.",
        cells=tuple(faults),
    )


def _finished(
    raw: RawSheet, frame: pd.DataFrame, node: str, source: _Source, dictionary: Dictionary | None
) -> pd.DataFrame:
    kind = dictionary[node] if dictionary is not None else None
    _tell_of_cells(raw, list(frame.columns), kind, source.name)
    facts = {"node": node, "rows": ROWS_OF_A_FILE, "cells": "tsv"}
    tag_as(frame, {**facts, "workbook": source.path, "sheet": raw.title, "stamp": source.stamp})
    if kind is None or dictionary is None:
        return frame
    return tag_as(cast(frame, kind), {"dictionary": dictionary.digest})


def _tell_of_cells(raw: RawSheet, columns: list[Any], node: Node | None, name: str) -> None:
    if raw.formulas:
        _tell(
            f"{name}, sheet {raw.title!r}: {_places(raw.formulas)} hold formulas; the results stored with "
            "them are taken. If they may be out of date, calculate and save the workbook again."
        )
    for at, places in raw.dates.items():
        if at < len(columns) and not _takes_dates(columns[at], node):
            _tell(
                f"{name}, sheet {raw.title!r}, {columns[at]}: {_places(places)} hold dates. If something "
                "else was typed there, such as 1-2, the spreadsheet program has changed it: format the cells "
                "as text and type it again."
            )
    for at, places in raw.long.items():
        if at < len(columns) and not _measures(columns[at], node):
            _tell(
                f"{name}, sheet {raw.title!r}, {columns[at]}: {_places(places)} hold numbers of more than 15 "
                "digits, and a spreadsheet keeps no more: format the cells as text and type them again."
            )


def _takes_dates(column: str, node: Node | None) -> bool:
    prop = node.properties.get(column) if node is not None else None
    if prop is not None and prop.format in {"date", "date-time", "time"}:
        return True
    if node is not None and prop is None and column in node.columns:
        return False
    is_id = column.rpartition(".")[2] in {"submitter_id", "id", "code"}
    return not is_id and (node is None or any(word in column.casefold() for word in ("date", "time")))


def _measures(column: str, node: Node | None) -> bool:
    """Say whether a column is for measurements: 1e15 is as good a number there as any."""
    prop = node.properties.get(column) if node is not None else None
    return prop is not None and "number" in prop.types


def _places(places: list[str]) -> str:
    more = f" and {len(places) - _NAMED:,} more" if len(places) > _NAMED else ""
    return ", ".join(places[:_NAMED]) + more


def _tell(words: str) -> None:
    # the line of whoever called read_workbook, however deep this is
    depth, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__") == __name__:
        depth, frame = depth + 1, frame.f_back
    warnings.warn(words, stacklevel=depth)


def to_workbook(frames: Mapping[str, pd.DataFrame], path: str | Path, dictionary: Dictionary) -> Path:
    """Write frames into the workbook that ``dictionary.workbook`` makes: drop-downs, notes and the rows.

    Like TSV, a workbook cannot tell an empty text from a missing one. ``id``, ``state`` and dates of the
    commons are left out. Columns that the dictionary does not know are put at the end.

    Parameters
    ----------
    frames : Mapping of str to DataFrame
        Node to rows.
    path : str or Path
    dictionary : Dictionary

    Returns
    -------
    Path

    Raises
    ------
    ValidationError
        A cell cannot be written, and is named: a character that no workbook holds, a text of more than
        32,767 characters, an item with a comma in a list; or there are more rows than a sheet holds.
    DictionaryError
        There is no such node.
    MissingExtra
        openpyxl is not installed.
    """
    book = form(dictionary, frames)
    titles = {node_of_title(dictionary, sheet.title): sheet for sheet in book.worksheets}
    for name, frame in frames.items():
        node = dictionary[name]
        if len(frame) > MOST_ROWS:
            raise ValidationError(f"{node.name} has {len(frame):,} rows, and a sheet holds {MOST_ROWS:,}.")
        _write_rows(titles[node.name], frame, node)
    return save(book, path)


def _write_rows(sheet: Any, frame: pd.DataFrame, node: Node) -> None:
    places = {column: at for at, column in enumerate(node.columns, start=1)}
    unsent = (set(node.system_properties) - {"project_id"}) | NEVER_SENT | {"type"}
    for row in range(2, len(frame) + 2):
        put_text(sheet.cell(row=row, column=1), node.name).number_format = TEXT
    for position, title in enumerate(plain_columns(frame)):
        if title in unsent:
            continue
        if title not in places:
            places[title] = len(places) + 1
            _put(sheet.cell(row=1, column=places[title]), title, title, -1, text=True)
        text = is_text(node, title)
        values = plain_column(frame.iloc[:, position], node.properties.get(title))
        for row, value in enumerate(values):
            if value is not None:
                _put(sheet.cell(row=row + 2, column=places[title]), value, title, row, text=text)


def _put(cell: Any, value: Any, column: str, row: int, *, text: bool) -> None:
    if not text and isinstance(value, int | float) and not isinstance(value, bool) and fits_a_cell(value):
        cell.value = value
        return
    written = cell_text(value, ",", column, row) if not isinstance(value, str) else value
    why = why_no_text(written)
    if why:
        raise ValidationError(
            f"Row {row + 2}, {column}: {why}. Shorten or mend it, or submit the frame itself instead "
            "of a file.",
            row=row + 2,
            column=column,
        )
    put_text(cell, written).number_format = TEXT
