"""What a command writes: tables or JSON on standard output, messages on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AsJson", "failed", "note", "show", "show_frame", "show_json", "show_rows"]

AsJson = Annotated[bool, typer.Option("--json", help="JSON for a program in place of a table.")]

# Into a file or a pipe nothing is cut at the width of a window that is not there.
_WIDE = 10_000


def _console(*, stderr: bool = False) -> Console:
    console = Console(stderr=stderr, highlight=False, emoji=False)
    if not console.is_terminal:
        console = Console(stderr=stderr, highlight=False, emoji=False, width=_WIDE)
    return console


def failed(message: str) -> None:
    """Show an error as one red message on standard error."""
    _console(stderr=True).print(Text.assemble(("Error: ", "bold red"), (message, "red")), soft_wrap=True)


def note(message: str) -> None:
    """Show a remark on standard error."""
    _console(stderr=True).print(Text(message, "dim"), soft_wrap=True)


def show(text: Any) -> None:
    """Show a text or a DataFrame on standard output."""
    if hasattr(text, "columns"):
        show_frame(text)
    else:
        _console().print(Text(str(text)), soft_wrap=True)


def show_json(value: Any) -> None:
    """Write JSON to standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")
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
    table = Table(box=None, pad_edge=False, show_header=heads, header_style="bold", padding=(0, 2, 0, 0))
    for place, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=place == 0)
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    console = _console()
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as written:
        console.print(table)
    # no blanks at the ends of lines in a file
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in written.get().splitlines()))
    sys.stdout.flush()


def show_frame(frame: pd.DataFrame, *, as_json: bool = False) -> None:
    """Show a DataFrame as a table, or as a JSON list of rows."""
    if as_json:
        show_json(json.loads(frame.to_json(orient="records", date_format="iso")))
        return
    rows = [dict(zip(frame.columns, row, strict=True)) for row in frame.itertuples(index=False, name=None)]
    show_rows(rows, [str(column) for column in frame.columns])


def _cell(value: Any) -> Text:
    if value is True or value is False:
        return Text("yes" if value else "no")
    if value is None or value != value:
        return Text("")
    return Text(f"{value:,}" if isinstance(value, int) else str(value))
