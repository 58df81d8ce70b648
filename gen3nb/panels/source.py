"""Where rows come from: a DataFrame of the notebook, a file by its path, or a small file from the browser."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from ipywidgets import Dropdown, FileUpload, Text, VBox

from gen3nb.errors import Gen3Error, ValidationError
from gen3nb.frames.tsv import read_tsv
from gen3nb.panels.choices import frames_in_notebook
from gen3nb.panels.style import button, counted, number, row, text

__all__ = ["LARGEST_UPLOAD", "Source"]

#: What comes through the browser is cut off at 10 MiB by the notebook server, without a word.
LARGEST_UPLOAD = 8_000_000
_TABLES = (".tsv", ".csv", ".txt", ".tab")


class Source:
    """The first step of Submit.

    Parameters
    ----------
    chosen : callable
        Called when there are rows.
    guard : callable
        Runs handlers and shows their errors; the panel's.

    Attributes
    ----------
    frame : pandas.DataFrame or None
        The rows as they came; never changed.
    name : str
        What to call them in code.
    words : str
        What they are, in a line (plain text).
    file : str
        The file they were read from; empty where they were not.
    table, path, upload : widgets
    box : ipywidgets.VBox
    """

    def __init__(self, chosen: Callable[[], None], guard: Callable[[Callable[[], None]], None]) -> None:
        self.frame: pd.DataFrame | None = None
        self.name, self.words, self.file = "", "", ""
        self._chosen = chosen
        self.table = Dropdown(options=[("none chosen", "")], description="DataFrame in this notebook")
        self.again = button("Look again", "g3-link")
        self.path = Text(
            description="or a TSV or CSV file, by its path",
            placeholder="patients.tsv",
            continuous_update=False,
        )
        self.upload = FileUpload(accept=",".join(_TABLES), description="From this computer…", multiple=False)
        left = VBox([self.table, row([self.again])])
        right = VBox(
            [
                self.path,
                row(
                    [
                        self.upload,
                        text(f"up to {LARGEST_UPLOAD // 1_000_000} MB; a bigger file by its path", "g3-sub"),
                    ]
                ),
            ]
        )
        self.box = VBox([left, right])
        self.box.add_class("g3-cols")
        self.table.observe(lambda _: guard(self._from_notebook), "value")
        self.path.observe(lambda _: guard(self._from_path), "value")
        self.upload.observe(lambda _: guard(self._from_browser), "value")
        self.again.on_click(lambda _: guard(self.look))
        self.look()

    def look(self) -> None:
        """Look which DataFrames the notebook has now."""
        kept = self.table.value
        found = frames_in_notebook()
        options = [("choose…", "")]
        options += [
            (f"{name} · {number(len(frame))} rows × {frame.shape[1]} columns", name)
            for name, frame in found.items()
        ]
        self.table.options = options if found else [("none here yet", "")]
        self.table.value = kept if kept in found else ""

    def take(self, frame: pd.DataFrame, name: str = "rows", words: str = "", file: str = "") -> None:
        """Take rows.

        Raises
        ------
        ValidationError
            There are none, two columns have one name, or columns have several lines of names.
        """
        if not isinstance(frame, pd.DataFrame):
            raise ValidationError(
                f"rows come in a DataFrame, not in {type(frame).__name__!r}: give a file by its path, in "
                "the field below"
            )
        if frame.columns.nlevels > 1:
            raise ValidationError(
                f"{words or name} has {frame.columns.nlevels} lines of column names: give each column one"
            )
        if not len(frame) or not frame.shape[1]:
            raise ValidationError(f"{words or name} has no rows: nothing to submit")
        twice = [str(column) for column in frame.columns[frame.columns.duplicated()]]
        if twice:
            raise ValidationError(f"{words or name} has two columns of the name {twice[0]!r}: rename one")
        self.frame, self.name, self.file = frame, name, file
        size = f"{counted(len(frame), 'row')} × {counted(frame.shape[1], 'column')}"
        self.words = f"{words or name} · {size}"
        self._chosen()

    def _from_notebook(self) -> None:
        name = self.table.value
        if not name:
            return
        found = frames_in_notebook()
        if name not in found:
            raise Gen3Error(f"{name} is no DataFrame of this notebook any more: choose another")
        self.take(found[name], name)

    def _from_path(self) -> None:
        given = self.path.value.strip()
        if not given:
            return
        path = Path(given).expanduser()
        self._refuse_other(path.name)
        if not path.is_file():
            raise ValidationError(f"there is no file {given}: paths start at {Path.cwd()}", path=given)
        self.take(read_tsv(path), "rows", path.name, given)

    def _from_browser(self) -> None:
        """Read the file and empty the widget at once, so that no notebook keeps it."""
        if not self.upload.value:
            return
        given: Any = self.upload.value[0]
        name, content = str(given["name"]), bytes(given["content"])
        self.upload.value = ()
        self._refuse_other(name)
        if len(content) > LARGEST_UPLOAD:
            raise ValidationError(
                f"{name} is bigger than {LARGEST_UPLOAD // 1_000_000} MB: give its path instead"
            )
        self.take(read_tsv(io.BytesIO(content)), "rows", name, name)

    def _refuse_other(self, name: str) -> None:
        if name.lower().endswith((".xlsx", ".xls", ".ods")):
            how = "pandas.read_excel"
            if name.lower().endswith(".xlsx"):
                how = 'rows = gen3nb.read_workbook("…", commons.dictionary)["node"]'
            raise ValidationError(
                f"{name} is a workbook: save its sheet as TSV or CSV, or read it with {how} and choose the "
                "DataFrame here"
            )
