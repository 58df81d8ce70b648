"""A DataFrame as a grid: sorted, searched and paged in Python, one page at a time in the browser."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import ipyaggrid
import pandas as pd
from ipywidgets import Text, VBox

from gen3nb.errors import Gen3Error
from gen3nb.frames.origin import row_numbers
from gen3nb.panels.arranging import matching, ordered
from gen3nb.panels.cells import head, shown, typed
from gen3nb.panels.editing import changed_cells, changed_frame, same
from gen3nb.panels.style import button, counted, escape, gap, number, row, says, static, style, text

__all__ = ["LARGEST_PAGE", "Grid", "grid"]

LARGEST_PAGE = 2_000
_LARGEST_COLUMNS = 300


class Grid(VBox):  # type: ignore[misc] # ipywidgets has no types
    """A DataFrame in the notebook, to look at, sort, search and edit.

    The frame stays in Python and stays as it is. The browser gets one page at a time, by a message, so rows
    are never part of a saved notebook; edits come back as changed cells of the column's type.

    Parameters
    ----------
    frame : pandas.DataFrame
        Any index, any column labels.
    page : int
        Rows of a page, at most 2,000.
    visible : int
        Rows seen at once; the rest of the page scrolls.
    editable : bool or iterable of str
        Which columns can be edited.
    heads : bool
        Whether the heads show type, spread and what is missing.
    rows : bool
        Whether a first column gives each row's number in the file it came from.
    flags : Mapping of (int, str) to str, optional
        What is wrong with a cell, by position and column: it is marked, the words are its tooltip.
    find : bool
        Whether there is a field to search all rows.
    note : str
        HTML for the line above (escaped already), in place of “171 rows × 6 columns”.
    on_edit : callable, optional
        Called with position, column and value after an edit.
    on_focus : callable, optional
        Called with position and column when a cell is entered.

    Attributes
    ----------
    frame : pandas.DataFrame
        As given.
    edits : pandas.DataFrame
        One row per changed cell: ``position``, ``row``, ``column``, ``old``, ``new``.

    Examples
    --------
    >>> grid = Grid(cases, editable=["consent_type"])  # doctest: +SKIP
    >>> grid.sort("submitter_id", descending=True).search("0012")  # doctest: +SKIP
    >>> grid.edited()  # doctest: +SKIP
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        *,
        page: int = 200,
        visible: int = 10,
        editable: bool | Iterable[str] = False,
        heads: bool = True,
        rows: bool = False,
        flags: Mapping[tuple[int, str], str] | None = None,
        find: bool = True,
        note: str = "",
        on_edit: Callable[[int, str, Any], None] | None = None,
        on_focus: Callable[[int, str], None] | None = None,
    ) -> None:
        if not 1 <= page <= LARGEST_PAGE:
            raise Gen3Error(f"a page has 1 to {LARGEST_PAGE:,} rows, not {page:,}")
        self._page_size, self._visible = page, visible
        self._editable, self._heads, self._rows = editable, heads, rows
        self._note, self._on_edit, self._on_focus = note, on_edit, on_focus
        self._status = text()
        self._range = text()
        self._said = text()
        self.find = Text(
            description="Find in all rows", placeholder="Find in all rows", continuous_update=False
        )
        self.find.add_class("g3-unlabelled")
        if not find:
            self.find.add_class("g3-none")
        self.previous = button("‹", "g3-sm", tooltip="previous page")
        self.next = button("›", "g3-sm", tooltip="next page")
        self._widget = _bare()
        self._widget.on_msg(self._received)
        self.previous.on_click(lambda _: self._guard(lambda: self.turn(-1)))
        self.next.on_click(lambda _: self._guard(lambda: self.turn(1)))
        self.find.observe(lambda _: self._guard(self._arrange), "value")
        bar = row([self._status, gap(), self.find, self._range, self.previous, self.next], "g3-gbar")
        super().__init__([style(), bar, self._widget, self._said])
        self.add_class("g3")
        self.add_class("g3-grid")
        self.show(frame, flags=flags)

    def __repr__(self) -> str:
        return f"<panels.Grid: {len(self.frame):,} rows × {self.frame.shape[1]:,} columns>"

    # what it shows

    def show(
        self,
        frame: pd.DataFrame,
        *,
        flags: Mapping[tuple[int, str], str] | None = None,
        note: str | None = None,
    ) -> Grid:
        """Show another frame; sorting and edits start anew."""
        self.frame = frame
        self._flags = dict(flags or {})
        if note is not None:
            self._note = note
        self._names = [_label(name) for name in frame.columns][:_LARGEST_COLUMNS]
        self._changes: dict[tuple[int, int], Any] = {}
        self._sort: tuple[int, bool] | None = None
        self._number = 0
        self._numbers = row_numbers(frame) if self._rows else []
        self._columns = self._describe()
        self._send_columns()
        self._arrange()
        return self

    def sort(self, column: str | None, *, descending: bool = False) -> Grid:
        """Sort all rows by a column, missing values last; ``None`` goes back to the frame's own order."""
        self._sort = None if column is None else (self._at(column), descending)
        self._arrange()
        return self

    def search(self, words: str) -> Grid:
        """Show only rows in which a cell contains the words, in any case."""
        self.find.value = words
        return self

    def turn(self, pages: int) -> Grid:
        """Go on or back by so many pages."""
        last = max(0, (len(self._order) - 1) // self._page_size)
        self._number = min(max(0, self._number + pages), last)
        self._send_rows()
        return self

    @property
    def page(self) -> pd.DataFrame:
        """The rows of the page that is shown, edits included."""
        return self.edited().iloc[self._positions()]

    @property
    def found(self) -> int:
        """How many rows the search leaves."""
        return len(self._order)

    # edits

    @property
    def edits(self) -> pd.DataFrame:
        """The changed cells: ``position``, ``row`` (as in the file), ``column``, ``old``, ``new``."""
        return changed_cells(self.frame, self._changes)

    def edited(self) -> pd.DataFrame:
        """Give a copy of the frame with the edits, every column of the type it had."""
        return changed_frame(self.frame, self._changes)

    def edit(self, position: int, column: str, value: Any) -> Grid:
        """Change one cell, as a person at the grid does.

        Parameters
        ----------
        position : int
            The row's place in the frame, from 0.
        column : str
            Its name.
        value : Any
            The new value; ``None`` for missing.

        Raises
        ------
        ValidationError
            The column cannot hold the value.
        """
        at = self._at(column)
        new = typed(value, self.frame.iloc[:, at], self._names[at])
        self._said.value = ""
        old = self.frame.iat[position, at]
        if same(old, new):
            self._changes.pop((position, at), None)
        else:
            self._changes[position, at] = new
        self._send_cell(position)
        if self._on_edit is not None:
            self._on_edit(position, self._names[at], new)
        return self

    def undo(self) -> Grid:
        """Take all edits back."""
        self._changes.clear()
        self._send_rows()
        return self

    # between here and the browser

    def _at(self, column: str) -> int:
        try:
            return self._names.index(str(column))
        except ValueError:
            some = ", ".join(self._names[:6]) + (", …" if len(self._names) > 6 else "")
            raise Gen3Error(f"the frame has no column {column!r}: it has {some}", column=column) from None

    def _describe(self) -> list[dict[str, Any]]:
        allowed = (
            self._editable if isinstance(self._editable, bool) else {str(name) for name in self._editable}
        )
        columns = []
        for at, name in enumerate(self._names):
            editable = allowed if isinstance(allowed, bool) else name in allowed
            facts = {"editable": editable, "sortable": True}
            columns.append(head(self.frame.iloc[:, at], name, facts, full=self._heads))
        if self._rows:
            first = {
                "name": "row",
                "right": True,
                "lines": [],
                "editable": False,
                "sortable": False,
                "width": 64,
            }
            columns.insert(0, first)
        if columns and sum(column["width"] for column in columns) < 900:
            for column in columns[1 if self._rows else 0 :]:
                column["flex"] = column["width"]
        return columns

    def _arrange(self) -> None:
        """Search and sort all rows, then show the first page."""
        self._order = matching(self.frame, self.find.value)
        if self._sort is not None:
            column, descending = self._sort
            self._order = self._order[ordered(self.frame.iloc[self._order, column], descending)]
        self._number = 0
        self._send_rows()

    def _positions(self) -> list[int]:
        start = self._number * self._page_size
        return [int(position) for position in self._order[start : start + self._page_size]]

    def _send_columns(self) -> None:
        tall = max(
            [len(column["lines"]) * 14 + 12 * ("bars" in column["lines"]) for column in self._columns] or [0]
        )
        wrapped = 32 if any(len(name) > 16 for name in self._names) else 18
        message = {
            "kind": "columns",
            "columns": self._columns,
            "visible": self._visible,
            "head": tall + wrapped + 10,
        }
        self._widget.send(message)

    def _send_rows(self) -> None:
        positions = self._positions()
        sort = ""
        if self._sort is not None:
            sort = f"c{self._sort[0] + (1 if self._rows else 0)} {'desc' if self._sort[1] else 'asc'}"
        self._widget.send({"kind": "rows", "rows": self._records(positions), "sort": sort})
        total, start = len(self._order), self._number * self._page_size
        self._range.value = (
            f"{number(start + 1)}–{number(start + len(positions))} of {number(total)}" if total else "0 rows"
        )
        self.previous.disabled = start == 0
        self.next.disabled = start + len(positions) >= total
        size = f"<b>{counted(len(self.frame), 'row')} × {counted(self.frame.shape[1], 'column')}</b>"
        if self.frame.shape[1] > _LARGEST_COLUMNS:
            size += f" · the first {_LARGEST_COLUMNS} shown"
        if total != len(self.frame):
            size += f" · {number(total)} found"
        self._status.value = f"<span role='status'>{self._note or size}</span>"

    def _send_cell(self, position: int) -> None:
        (record,) = self._records([position])
        self._widget.send({"kind": "cell", "key": position, "data": record})

    def _records(self, positions: list[int]) -> list[dict[str, Any]]:
        """Give rows as the browser gets them: k is the row's key, f its flags, e its changed cells."""
        shift = 1 if self._rows else 0
        names = [f"c{at + shift}" for at in range(len(self._names))]
        columns = [shown(self.frame.iloc[positions, at]) for at in range(len(self._names))]
        records = []
        for line, position in enumerate(positions):
            record: dict[str, Any] = {"k": position}
            record.update((name, cells[line]) for name, cells in zip(names, columns, strict=True))
            if self._rows:
                record["c0"] = self._numbers[position]
            changed = [at for at in range(len(self._names)) if (position, at) in self._changes]
            for at in changed:
                (record[names[at]],) = shown(pd.Series([self._changes[position, at]], dtype=object))
            record["e"] = [names[at] for at in changed]
            record["f"] = {
                names[at]: self._flags[position, name]
                for at, name in enumerate(self._names)
                if (position, name) in self._flags and at not in changed
            }
            records.append(record)
        return records

    def _received(self, _: Any, content: Any, buffers: Any) -> None:
        self._guard(lambda: self._take(content))

    def _take(self, content: Any) -> None:
        """Take a message from the browser; what does not fit the frame is left alone."""
        if not isinstance(content, Mapping):
            return
        kind, column = content.get("kind"), self._column(content.get("column"))
        if kind == "ready":
            self._send_columns()
            self._send_rows()
        elif kind == "sort":
            self._sort = None if column is None else (column, bool(content.get("descending")))
            self._arrange()
        elif kind in ("edit", "focus") and column is not None:
            position = content.get("key")
            if not isinstance(position, int) or not 0 <= position < len(self.frame):
                return
            if kind == "edit" and self._columns[column + (1 if self._rows else 0)]["editable"]:
                self.edit(position, self._names[column], content.get("value"))
            elif kind == "focus" and self._on_focus is not None:
                self._on_focus(position, self._names[column])

    def _column(self, name: Any) -> int | None:
        """Find the column that a safe name like ``c3`` stands for."""
        if not isinstance(name, str) or not name.startswith("c") or not name[1:].isdigit():
            return None
        at = int(name[1:]) - (1 if self._rows else 0)
        return at if 0 <= at < len(self._names) else None

    def _guard(self, function: Callable[[], Any]) -> None:
        """Run a handler; ipywidgets would hide its errors, so they stand under the grid."""
        try:
            function()
        except Gen3Error as error:
            self._said.value = says("e", f"<b>Not changed.</b> {escape(error.message)}")
        except Exception as error:  # nobody else would see it
            self._said.value = says("e", f"<b>{escape(type(error).__name__)}.</b> {escape(error)}")


def grid(frame: pd.DataFrame, **options: Any) -> Grid:
    """Show a frame in a grid; the options are those of :class:`Grid`."""
    return Grid(frame, **options)


def _bare() -> Any:
    """Make ipyaggrid's widget, empty: what it gets of ours at the start is fixed text."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return ipyaggrid.Grid(
            grid_data=[],
            grid_options={"columnDefs": []},
            columns_fit="",
            theme="ag-theme-balham",
            license="community",
            quick_filter=False,
            export_mode="disabled",
            sync_on_edit=False,
            sync_grid=False,
            compress_data=False,
            height=120,
            js_pre_grid=[static("grid.js")],
            js_post_grid=[static("grid_ready.js")],
        )


def _label(name: object) -> str:
    return ".".join(str(part) for part in name) if isinstance(name, tuple) else str(name)
