"""Tables for people or JSON for programs, on standard output. Loads no parser."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gen3nb.cli.messages import CONTROL, confirmed, failed, is_terminal, note, safe, said, written

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "confirmed",
    "failed",
    "note",
    "said",
    "show",
    "show_frame",
    "show_json",
    "show_rows",
    "written",
]


def show(text: Any) -> None:
    """Show a text or a DataFrame on standard output."""
    if hasattr(text, "columns"):
        show_frame(text)
        return
    sys.stdout.write(f"{safe(str(text))}\n")
    sys.stdout.flush()


def show_json(value: Any) -> None:
    """Write JSON to standard output."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    # within JSON a control character has a spelling of its own
    sys.stdout.write(CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")
    sys.stdout.flush()


def show_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, heads: bool = True) -> None:
    """Show rows as a table.

    Parameters
    ----------
    rows : iterable of Mapping
    columns : sequence of str
        Which keys, in this order; also the heads.
    heads : bool
        Show the heads?
    """
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    names = [_cell(column) for column in columns]
    if is_terminal(sys.stdout):
        _show_table(cells, names, heads=heads)
        return
    cells = [[" ".join(text.splitlines()) for text in line] for line in cells]
    # into a file or a pipe nothing is cut at the width of a window that is not there
    lines = [names, *cells] if heads else cells
    widths = [max((_width(line[at]) for line in lines), default=0) for at in range(len(names))]
    for line in lines:
        padded = (
            text.replace("\n", " ") + " " * (width - _width(text))
            for text, width in zip(line, widths, strict=True)
        )
        sys.stdout.write("  ".join(padded).rstrip() + "\n")
    sys.stdout.flush()


def _show_table(cells: Sequence[Sequence[str]], names: Sequence[str], *, heads: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=heads, header_style="bold", padding=(0, 2, 0, 0))
    for place, name in enumerate(names):
        table.add_column(Text(name), overflow="fold", no_wrap=place == 0)
    for line in cells:
        table.add_row(*(Text(text) for text in line))
    Console(highlight=False, emoji=False).print(table)


def show_frame(frame: pd.DataFrame, *, as_json: bool = False) -> None:
    """Show a DataFrame as a table, or as a JSON list of rows."""
    if as_json:
        show_json(json.loads(frame.to_json(orient="records", date_format="iso")))
        return
    rows = [dict(zip(frame.columns, row, strict=True)) for row in frame.itertuples(index=False, name=None)]
    show_rows(rows, [str(column) for column in frame.columns])


def _cell(value: Any) -> str:
    if value is True or value is False:
        return "yes" if value else "no"
    # pandas is not loaded here for the sake of its missing values
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(value, float) and value != value:
        return ""
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    return f"{value:,}" if isinstance(value, int) else safe(str(value))


def _width(text: str) -> int:
    """Give how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )
