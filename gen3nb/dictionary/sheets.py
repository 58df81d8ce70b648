"""Cells of spreadsheets: what they hold, what they alter, and how a text stays the text that it is."""

from __future__ import annotations

import importlib.util
import re
import uuid
from pathlib import Path
from typing import Any

from gen3nb.errors import Gen3Error, MissingExtra

__all__ = [
    "ILLEGAL",
    "LONGEST",
    "MOST_COLUMNS",
    "MOST_ROWS",
    "TEXT",
    "decoded",
    "encoded",
    "fits_a_cell",
    "need_openpyxl",
    "put_text",
    "save",
    "why_no_text",
]

#: A sheet holds this many rows under its header, this many columns, and a cell this many UTF-16 units.
MOST_ROWS, MOST_COLUMNS, LONGEST = 1_048_575, 16_384, 32_767
#: The number format of cells that a spreadsheet leaves as they were typed.
TEXT = "@"
#: What XML, and so a workbook, cannot hold.
ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Office Open XML writes a character that XML would lose as _x000D_, and so has to mask what looks like that.
_LOOKS_ENCODED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_ENCODED = re.compile("_x([0-9A-Fa-f]{4})_")


def need_openpyxl(purpose: str) -> None:
    """Say what to install where openpyxl is missing.

    Parameters
    ----------
    purpose : str
        What needs it, as the start of a sentence.

    Raises
    ------
    MissingExtra
        It is not installed.
    """
    if importlib.util.find_spec("openpyxl") is None:
        raise MissingExtra.named("excel", purpose)


def why_no_text(text: str) -> str:
    """Say why a cell cannot hold a text; empty where it can.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        The end of a sentence: ``"has 40,000 characters, and a cell of a sheet holds 32,767"``.
    """
    found = ILLEGAL.search(text)
    if found is not None:
        return f"holds the character {found.group()!r}, which no workbook can hold"
    written = encoded(text)
    units = len(written) if written.isascii() else len(written.encode("utf-16-le")) // 2
    return f"has {units:,} characters, and a cell of a sheet holds {LONGEST:,}" if units > LONGEST else ""


def encoded(text: str) -> str:
    """Write a text as a workbook's XML keeps it: a carriage return as ``_x000D_``."""
    if "_x" in text:
        text = _LOOKS_ENCODED.sub("_x005F_", text)
    return text.replace("\r", "_x000D_")


def decoded(text: str) -> str:
    """Read a text of a workbook's XML; the reverse of :func:`encoded`."""
    return _ENCODED.sub(_character, text) if "_x" in text else text


def _character(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return found[0] if 0xD800 <= code < 0xE000 else chr(code)


def put_text(cell: Any, text: str) -> Any:
    """Write a text into a cell; it stays text, also where it begins like a formula.

    Parameters
    ----------
    cell : openpyxl.cell.Cell
    text : str
        One that a cell can hold (see :func:`why_no_text`).

    Returns
    -------
    openpyxl.cell.Cell
        The same.
    """
    cell.value = encoded(text)
    cell.data_type = "s"
    return cell


def fits_a_cell(number: float) -> bool:
    """Say whether a spreadsheet holds a number as it is: with 15 digits."""
    if isinstance(number, int):
        return abs(number) < 10**15
    return float(f"{number:.15g}") == number


def save(book: Any, path: str | Path) -> Path:
    """Write a workbook to a file beside, then move it: no one ever finds half of one.

    Parameters
    ----------
    book : openpyxl.Workbook
    path : str or Path
        Missing folders are made.

    Returns
    -------
    Path

    Raises
    ------
    Gen3Error
        It cannot be written there.
    """
    target = Path(path).expanduser()
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            book.save(part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise Gen3Error(
            f"The workbook could not be written to {target}: {error.strerror or type(error).__name__}. "
            "Close it if it is open in a spreadsheet program, or choose another place.",
            path=str(target),
        ) from None
    return target
