"""The cells of a workbook's sheet as text, and what in them no table can be made of."""

from __future__ import annotations

import datetime as dt
import io
import posixpath
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gen3nb.dictionary.sheets import decoded, fits_a_cell
from gen3nb.errors import ValidationError

__all__ = ["Book", "Fault", "RawSheet", "open_book", "with_masks_kept"]

_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?ref=\"([A-Z0-9:]+)\"")
_ZEROS = re.compile("0{2,}")
_MASK = re.compile(rb"_?x005F_")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Fault:
    """A cell that cannot be read: its place (``"C5"``) and what is wrong."""

    place: str
    what: str


@dataclass
class RawSheet:
    """A sheet as it stands.

    Attributes
    ----------
    title : str
    hidden : bool
    rows : list of (int, list of str or None)
        The rows that are not blank, by their numbers; the first is the header.
    faults : list of Fault
    formulas : list of str
        Places whose value is the result of a formula.
    dates, long : dict of int to list of str
        Column (from 0) to the places of dates, and of numbers with more digits than a spreadsheet keeps.
    """

    title: str
    hidden: bool
    rows: list[tuple[int, list[str | None]]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    formulas: list[str] = field(default_factory=list)
    dates: dict[int, list[str]] = field(default_factory=dict)
    long: dict[int, list[str]] = field(default_factory=dict)


class Book:
    """A workbook, open for reading.

    Parameters
    ----------
    content : bytes
    name : str
        For messages.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self.name = name
        self._content = with_masks_kept(content)
        self._book = self._load(formulas=True)
        self._results: Any = None
        self._merged = _merged_ranges(content)
        self.titles = [sheet.title for sheet in self._book.worksheets]

    def _load(self, *, formulas: bool) -> Any:
        from openpyxl import load_workbook

        with warnings.catch_warnings():
            # openpyxl tells what it would lose on saving; nothing is saved here
            warnings.simplefilter("ignore")
            return load_workbook(io.BytesIO(self._content), read_only=True, data_only=not formulas)

    def sheet(self, title: str) -> RawSheet:
        """Read one sheet; formulas give the result that was stored with them."""
        sheet = self._book[title]
        raw = RawSheet(title, sheet.sheet_state != "visible")
        formulas = set(self._into(raw, sheet, frozenset()))
        if formulas:
            if self._results is None:
                self._results = self._load(formulas=False)
            raw = RawSheet(title, raw.hidden, formulas=sorted(formulas, key=_order))
            list(self._into(raw, self._results[title], formulas))
        raw.faults += _merged_faults(raw, self._merged.get(title, []))
        return raw

    def _into(self, raw: RawSheet, sheet: Any, formulas: set[str] | frozenset[str]) -> list[str]:
        """Fill in the rows; give the places of formulas found."""
        found: list[str] = []
        sheet.reset_dimensions()
        with warnings.catch_warnings():
            # a date out of range is told as a faulty cell
            warnings.simplefilter("ignore")
            for number, cells in enumerate(sheet.iter_rows(), start=1):
                row = [_text(cell, raw, at, formulas, found) for at, cell in enumerate(cells)]
                while row and row[-1] is None:
                    row.pop()
                if any(text is not None and text.strip() for text in row):
                    raw.rows.append((number, row))
        return found


def open_book(content: bytes, name: str) -> Book:
    """Open a workbook.

    Parameters
    ----------
    content : bytes
    name : str
        The file's name, for messages.

    Returns
    -------
    Book

    Raises
    ------
    ValidationError
        It is no workbook of the kind ``.xlsx``.
    """
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise ValidationError(
            f"{name} is an old .xls workbook, or one with a password: save it as .xlsx without a password."
        )
    if not content.startswith(b"PK"):
        raise ValidationError(
            f"{name} is no .xlsx workbook. If it is TSV or CSV text, let its name end in .tsv or .csv "
            "(in Python, gen3nb.read_tsv reads it)."
        )
    try:
        return Book(content, name)
    except Exception as error:
        # openpyxl raises whatever its XML and ZIP readers do: KeyError, BadZipFile, ParseError, TypeError …
        raise ValidationError(
            f"{name} cannot be read as an .xlsx workbook ({type(error).__name__}): it is damaged or of "
            "another kind. Open it in a spreadsheet program and save it as .xlsx."
        ) from None


def _text(
    cell: Any, raw: RawSheet, at: int, formulas: set[str] | frozenset[str], found: list[str]
) -> str | None:
    """Give a cell as the text that a TSV would have."""
    value, kind = cell.value, cell.data_type
    if value is None:
        # a formula whose result is an empty text is stored as one; one never calculated has no type
        if formulas and kind == "n" and (place := _place(cell)) in formulas:
            raw.faults.append(Fault(place, "holds a formula that was never calculated"))
        return None
    if isinstance(value, str) and kind == "s":
        return decoded(value) or None
    if kind == "f":
        found.append(cell.coordinate)
        return None
    if kind == "e":
        raw.faults.append(Fault(cell.coordinate, f"holds the error {value}"))
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value, cell, raw, at)
    if isinstance(value, dt.date | dt.time | dt.timedelta):
        raw.dates.setdefault(at, []).append(cell.coordinate)
        return _date(value)
    return decoded(str(value)) or None


def _place(cell: Any) -> str:
    return str(getattr(cell, "coordinate", ""))


def _number(value: float, cell: Any, raw: RawSheet, at: int) -> str:
    if not fits_a_cell(value) and float(value).is_integer():
        raw.long.setdefault(at, []).append(cell.coordinate)
    if float(value).is_integer() and abs(value) < 2**53:
        text = str(int(value))
        # the format 000 shows 7 as 007, and that is what its author sees
        shown = cell.number_format
        return text.zfill(len(shown)) if value >= 0 and _ZEROS.fullmatch(shown) else text
    return str(int(value)) if isinstance(value, int) else repr(value)


def _date(value: dt.date | dt.time | dt.timedelta) -> str:
    if isinstance(value, dt.datetime):
        # Excel's clock is a float of days: noon can come out a microsecond early
        value = (value + dt.timedelta(milliseconds=500)).replace(microsecond=0)
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat()
    return str(value) if isinstance(value, dt.timedelta) else value.isoformat()


def _order(place: str) -> tuple[int, str]:
    letters = place.rstrip("0123456789")
    return int(place[len(letters) :]), letters.rjust(3)


def _merged_faults(raw: RawSheet, ranges: Sequence[str]) -> Iterator[Fault]:
    """Name merged cells that touch the table: they have one value where several cells need one."""
    from openpyxl.utils import range_boundaries

    if not raw.rows:
        return
    first, last = raw.rows[0][0], raw.rows[-1][0]
    width = len(raw.rows[0][1])
    for span in ranges:
        left, top, _, bottom = range_boundaries(span)
        if top <= last and bottom >= first and left <= width:
            yield Fault(span, "is merged: unmerge it, and write the value into each of its cells")


def _merged_ranges(content: bytes) -> Mapping[str, list[str]]:
    """Find the merged cells of each sheet, which openpyxl does not give where it reads row by row."""
    from openpyxl.xml.functions import fromstring

    found: dict[str, list[str]] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        top = _targets(archive, "")
        part = next(where for kind, where in top.values() if kind.endswith("/officeDocument"))
        rels = _targets(archive, part)
        for sheet in fromstring(archive.read(part)).iterfind("{*}sheets/{*}sheet"):
            key = next((value for name, value in sheet.items() if name.endswith("}id")), "")
            if key in rels and rels[key][1] in archive.namelist():
                found[str(sheet.get("name"))] = _spans(archive, rels[key][1])
    return found


def _targets(archive: zipfile.ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """Give a part's relations: id to kind and target."""
    from openpyxl.xml.functions import fromstring

    folder, file = posixpath.split(part)
    path = posixpath.join(folder, "_rels", f"{file}.rels")
    return {
        str(one.get("Id")): (
            str(one.get("Type")),
            posixpath.normpath(posixpath.join("/", folder, str(one.get("Target")))).lstrip("/"),
        )
        for one in fromstring(archive.read(path))
    }


def _spans(archive: zipfile.ZipFile, part: str) -> list[str]:
    found: list[str] = []
    rest = b""
    with archive.open(part) as file:
        while chunk := file.read(_CHUNK):
            text = rest + chunk
            end = text.rfind(b">") + 1
            found += [span.decode() for span in _MERGED.findall(text[:end])]
            rest = text[end:]
    return found


def with_masks_kept(content: bytes) -> bytes:
    """Save the masks of texts like ``_x000D_``: openpyxl strips them from a workbook's table of texts.

    Parameters
    ----------
    content : bytes
        A workbook.

    Returns
    -------
    bytes
        The same workbook, to openpyxl.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith("sharedstrings.xml")]
        masked = {name: archive.read(name) for name in names}
        masked = {name: text for name, text in masked.items() if b"x005F_" in text}
        if not masked:
            return content
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as copy:
            for entry in archive.infolist():
                text = masked.get(entry.filename)
                # openpyxl takes every "x005F_" away; in lower case it is the same mask, and stays
                kept = archive.read(entry) if text is None else _MASK.sub(_kept_mask, text)
                copy.writestr(entry, kept)
    return held.getvalue()


def _kept_mask(found: re.Match[bytes]) -> bytes:
    return b"_x005f_" if found[0].startswith(b"_") else b"x_x0030_05F_"
