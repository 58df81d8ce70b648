"""Frames to and from TSV and CSV files, cell by cell what they were."""

from __future__ import annotations

import csv
import io
import json
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import pandas as pd

from gen3nb.dictionary import Dictionary, Node
from gen3nb.errors import DictionaryError, ValidationError
from gen3nb.frames.casting import cast
from gen3nb.frames.codec import link_column, plain_column, plain_columns
from gen3nb.frames.origin import ROWS_OF_A_FILE, tag_as

__all__ = ["cell_text", "node_of_cells", "read_tsv", "rows_index", "titles_of", "to_tsv", "tsv_text"]

# At each of these the service's TSV reader ends the line, also within quotes.
_SERVICE_CUTS_AT = "\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_LONGEST_CELL = 2**31 - 1


def read_tsv(
    path: str | Path | IO[str] | IO[bytes],
    node: str | None = None,
    dictionary: Dictionary | None = None,
) -> pd.DataFrame:
    """Read a TSV or CSV file of records; every cell as it is written there.

    ``"NA"``, ``"None"``, ``"1e5"`` and leading zeros stay text; an empty cell is missing. Cells may hold
    tabs and line breaks within quotes. Names of columns lose their stars; a byte order mark, and UTF-16 as
    spreadsheets save it, are understood. No service is asked.

    Parameters
    ----------
    path : str, Path or file
        Tabs, commas or semicolons separate the cells; the header tells.
    node : str, optional
        The node whose records they are; default: the one named in the column ``type``.
    dictionary : Dictionary, optional
        Types the columns, as far as all their cells read as their type. Without it all are text.

    Returns
    -------
    pandas.DataFrame
        It remembers the row number of each record in the file, also after a filter.

    Raises
    ------
    ValidationError
        The file is no such table: not UTF-8, empty, two columns of one name, a row with more cells than the
        header, a quotation mark that is not closed.
    DictionaryError
        There is no such node.
    FileNotFoundError
        There is no such file.
    """
    text, name = _text_of(path)
    delimiter = _delimiter(text, name)
    rows = _rows(text, delimiter, name)
    header = titles_of(next(rows, (0, []))[1], name)
    labels: list[int] = []
    cells: list[list[str | None]] = []
    for number, row in rows:
        if len(row) > len(header):
            if any(cell.strip() for cell in row[len(header) :]):
                raise ValidationError(
                    f"{name}, row {number}: {len(row)} cells under a header of {len(header)}. "
                    "Is there a separator within a cell? Put quotation marks around the cell.",
                    row=number,
                )
            row = row[: len(header)]
        filled: list[str | None] = [cell if cell != "" else None for cell in row]
        cells.append(filled + [None] * (len(header) - len(filled)))
        labels.append(number - 2)
    columns = list(zip(*cells, strict=True)) if cells else [()] * len(header)
    frame = pd.DataFrame(
        {
            title: pd.array(list(column), dtype=pd.StringDtype())
            for title, column in zip(header, columns, strict=True)
        },
        index=rows_index(labels),
    )
    found = node or node_of_cells(frame)
    facts = {"node": found, "rows": ROWS_OF_A_FILE, "cells": "csv" if delimiter != "\t" else "tsv"}
    tag_as(frame, facts)
    if dictionary is None:
        return frame
    if found is None:
        raise DictionaryError(f"{name} does not say of which node its records are: give node=….")
    separator = "#" if delimiter != "\t" else ","
    return tag_as(cast(frame, dictionary[found], separator=separator), {"dictionary": dictionary.digest})


def rows_index(labels: list[int]) -> pd.Index[Any]:
    """Give the index that tells rows of a file: row 2, under the header, is 0.

    Parameters
    ----------
    labels : list of int

    Returns
    -------
    pandas.Index
    """
    if labels == list(range(len(labels))):
        return pd.RangeIndex(len(labels))
    return pd.Index(labels, dtype="int64")


def _text_of(path: str | Path | IO[str] | IO[bytes]) -> tuple[str, str]:
    if isinstance(path, str | Path):
        name = Path(path).name
        raw: str | bytes = Path(path).expanduser().read_bytes()
    else:
        name = Path(str(getattr(path, "name", "the file"))).name
        raw = path.read()
    if isinstance(raw, str):
        return raw.removeprefix("\ufeff"), name
    if raw.startswith(b"PK\x03\x04"):
        raise ValidationError(
            f"{name} is a workbook, not text: let its name end in .xlsx "
            "(in Python, gen3nb.read_workbook reads it)."
        )
    encoding = "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return raw.decode(encoding), name
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ValidationError(
            f"{name}, row {line}: this is not UTF-8 text (byte {raw[error.start]:#04x}). "
            "Save the file as UTF-8 and read it again.",
            row=line,
        ) from None


def _delimiter(text: str, name: str) -> str:
    header = next((line for line in text.splitlines() if line.strip()), "")
    if "\t" in header or name.lower().endswith((".tsv", ".tab")):
        return "\t"
    return ";" if header.count(";") > header.count(",") else ","


def _rows(text: str, delimiter: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Give each row that is not blank with its number, as a spreadsheet counts."""
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    width, number, line = 0, 0, 1
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise ValidationError(
                f"{name}, row {number + 1} (line {line}): a cell that begins with a quotation mark does not "
                f'end with one ({error}). Write "" for each mark within the cell, and one around it.',
                row=number + 1,
            ) from None
        if row is None:
            return
        number += 1
        width = width or len(row)
        swallowed = next((cell for cell in row if "\n" in cell and cell.count(delimiter) >= width > 1), None)
        if swallowed is not None:
            raise ValidationError(
                f"{name}, row {number} (line {line}): a quotation mark opens here and closes "
                f"{swallowed.count(chr(10))} lines further down, over whole rows. If it is meant as a mark, "
                'write the cell with quotation marks around it and "" for the mark itself.',
                row=number,
            )
        line = reader.line_num + 1
        if any(cell.strip() for cell in row):
            yield number, row


def titles_of(first: Sequence[str], name: str) -> list[str]:
    """Give the names of the columns, without stars and outer spaces.

    Parameters
    ----------
    first : sequence of str
        The cells of the header; none if there is none.
    name : str
        What the header stands in, for messages.

    Returns
    -------
    list of str

    Raises
    ------
    ValidationError
        There is no header, a column has no name, or two have one.
    """
    if not first:
        raise ValidationError(f"{name} is empty: there is not even a header.")
    titles = [title.strip().strip("*").strip() for title in first]
    while titles and not titles[-1]:
        titles.pop()
    unnamed = [number for number, title in enumerate(titles, 1) if not title]
    if unnamed:
        raise ValidationError(f"{name}: column {unnamed[0]} has no name in the header.")
    twice = next((title for title in titles if titles.count(title) > 1), None)
    if twice is not None:
        raise ValidationError(f"{name} has two columns named {twice!r}: rename or remove one.", column=twice)
    return titles


def node_of_cells(frame: pd.DataFrame) -> str | None:
    """Say of which node a frame's records are, if all cells of its column ``type`` name one.

    Parameters
    ----------
    frame : pandas.DataFrame

    Returns
    -------
    str or None
    """
    if "type" not in frame:
        return None
    found = frame["type"].dropna().str.strip().unique()
    return str(found[0]) if len(found) == 1 else None


def to_tsv(frame: pd.DataFrame, path: str | Path, node: Node) -> Path:
    """Write a frame as a TSV that the service's upload and spreadsheets read (CSV for a ``.csv`` path).

    The columns are those of a submission, in the frame's order, with ``type`` first; ``id``, ``state`` and
    dates are left out. Cells with tabs, line breaks or quotation marks are quoted. A missing cell and an
    empty text are both an empty cell: TSV has no other.

    Parameters
    ----------
    frame : pandas.DataFrame
    path : str or Path
    node : Node

    Returns
    -------
    Path
        Where it is.

    Raises
    ------
    ValidationError
        A cell cannot be written: an item with a comma in a list, or two columns of one name.

    Warns
    -----
    UserWarning
        A cell holds a line break at which the service's reader would cut it. ``read_tsv`` reads it well.
    """
    target = Path(path).expanduser()
    is_csv = target.suffix.lower() == ".csv"
    titles, columns = _cells(frame, node, is_csv=is_csv, ids=False)
    with target.open("w", encoding="utf-8", newline="") as file:
        _put(file, titles, columns, is_csv=is_csv)
    return target


def tsv_text(frame: pd.DataFrame, node: Node) -> str:
    """Give what :func:`to_tsv` writes, and the column ``id`` for those who look records up by it.

    Parameters
    ----------
    frame : pandas.DataFrame
    node : Node

    Returns
    -------
    str
        Lines end in CR LF.
    """
    held = io.StringIO(newline="")
    _put(held, *_cells(frame, node, is_csv=False, ids=True), is_csv=False)
    return held.getvalue()


def _cells(frame: pd.DataFrame, node: Node, *, is_csv: bool, ids: bool) -> tuple[list[str], list[list[str]]]:
    """Give the header and the cells of each column, as text."""
    unsent = (set(node.system_properties) - {"project_id"}) | {"id", "state", "type"}
    if ids:
        unsent -= {"id"}
    titles, columns = ["type"], [[node.name] * len(frame)]
    for position, title in enumerate(plain_columns(frame)):
        if title in unsent:
            continue
        link, _ = link_column(node, title)
        separator = "#" if is_csv and link is not None else ","
        values = plain_column(frame.iloc[:, position], node.properties.get(title))
        titles.append(title)
        columns.append([cell_text(value, separator, title, row) for row, value in enumerate(values)])
    _warn_of_cuts(titles, columns)
    return titles, columns


def _put(file: IO[str], titles: list[str], columns: list[list[str]], *, is_csv: bool) -> None:
    # CR LF, as the service's templates have it: so that csv quotes a cell with either of them
    writer = csv.writer(file, delimiter="," if is_csv else "\t", lineterminator="\r\n")
    writer.writerow(titles)
    writer.writerows(zip(*columns, strict=True))


def cell_text(value: Any, separator: str, column: str, row: int) -> str:
    """Write a plain value as the text of a cell.

    Parameters
    ----------
    value : Any
    separator : str
        Stands between the items of a list.
    column : str
    row : int
        The position of the row from 0; both are for messages.

    Returns
    -------
    str

    Raises
    ------
    ValidationError
        An item holds the separator, or begins or ends with a space.
    """
    if value is None:
        return ""
    if isinstance(value, list):
        items = [cell_text(item, separator, column, row) for item in value]
        bad = next((item for item in items if separator in item or item != item.strip()), None)
        if bad is not None:
            raise ValidationError(
                f"Row {row + 2}, {column}: the item {bad!r} cannot be written in a list here, since "
                f"{separator!r} separates the items. Submit the frame itself instead of a file.",
                row=row + 2,
                column=column,
            )
        return separator.join(items)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value)


def _warn_of_cuts(titles: list[str], columns: list[list[str]]) -> None:
    for title, column in zip(titles, columns, strict=True):
        for row, cell in enumerate(column):
            if not cell.isprintable() and any(mark in cell for mark in _SERVICE_CUTS_AT):
                warnings.warn(
                    f"Row {row + 2}, {title}: {cell!r} holds a line break at which the service would cut a "
                    "TSV cell. Submit the frame itself; read_tsv reads this file well.",
                    stacklevel=4,
                )
                return
