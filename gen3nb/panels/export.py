"""Write the records of a project to files; the face of ``gen3nb.frames.saving.export``."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ipywidgets import Checkbox, Dropdown, Text, ToggleButtons, VBox

from gen3nb.errors import NotConnected
from gen3nb.frames.saving import ExportReport, export
from gen3nb.panels.base import Panel
from gen3nb.panels.choices import node_items, projects_of, record_counts
from gen3nb.panels.code import CopyButton, Name, call
from gen3nb.panels.keep import Keep
from gen3nb.panels.pick_list import PickList
from gen3nb.panels.style import button, code, counted, escape, gap, number, row, text

if TYPE_CHECKING:
    from gen3nb.commons import Commons

__all__ = ["Export"]

_FORMATS = [("TSV", "tsv"), ("JSON", "json"), ("Parquet", "parquet"), ("XLSX", "xlsx")]
_ABOUT = {
    "tsv": "Opens everywhere. TSV cannot tell empty from missing.",
    "json": "As the commons itself gives it, ids and links included.",
    "parquet": "Keeps types and lists. TSV cannot tell empty from missing.",
    "xlsx": "For Excel: one sheet a file, up to 1\N{THIN SPACE}048\N{THIN SPACE}575 records.",
}


class Export(Panel):
    """Export the records of a project: one ZIP with a file per node, counts and checksums.

    Parameters
    ----------
    commons : Commons, optional
        By default the only one that is open.
    project : str, optional
        The project to start with.

    Attributes
    ----------
    report : ExportReport or None
        What was exported, and where it lies.
    project, nodes, format, path, as_frames : widgets
        ``project.value``, ``nodes.picked``, ``format.value``, ``path.value``, ``as_frames.value``.
    run : ipywidgets.Button

    Examples
    --------
    >>> gen3nb.panels.Export(commons, project="DEMO-GBSG2")  # doctest: +SKIP
    """

    heading = "Export"

    def __init__(self, commons: Commons | None = None, *, project: str | None = None) -> None:
        super().__init__(commons)
        self.report: ExportReport | None = None
        self._counts: dict[str, int] = {}
        self._start_with = project
        self.project = Dropdown(description="Project")
        self.nodes = PickList("Nodes", multiple=True, height="146px")
        self.all = button("All", "g3-link")
        self.none = button("None", "g3-link")
        self.format = ToggleButtons(options=_FORMATS, value="parquet", description="Format")
        self.path = Text(description="Save to", continuous_update=False)
        self.as_frames = Checkbox(description="Also as DataFrames, by node", indent=False)
        self.run = button("Export", primary=True)
        self._ticked = text()
        self._about = text("", "g3-sub", "g3-note")
        self.keep = Keep(
            "As DataFrames ▸", "frames", lambda: self.report.frames if self.report else {}, self.guard
        )
        self.on(self.run, self._run)
        self.on(self.all, lambda: self._pick(everything=True))
        self.on(self.none, lambda: self._pick(everything=False))
        self.when(self.project, "value", self._project_chosen)
        for widget, trait in (
            (self.nodes, "picked"),
            (self.format, "value"),
            (self.path, "value"),
            (self.as_frames, "value"),
        ):
            self.when(widget, trait, self._changed)
        self.begin()

    def _build(self) -> None:
        commons = self._open()
        left = VBox([self.project, row([self._ticked, gap(), self.all, self.none], "g3-nowrap"), self.nodes])
        right = VBox(
            [
                self.format,
                self._about,
                self.path,
                text(
                    "One ZIP with a file per node and a list of counts and checksums; a name without "
                    ".zip makes a "
                    "folder.",
                    "g3-sub",
                    "g3-note",
                ),
                self.as_frames,
            ]
        )
        columns = VBox([left, right])
        columns.add_class("g3-cols")
        self.body.children = (columns,)
        self.foot.children = (self.run, gap(), self.drawer.button)
        names = projects_of(commons)
        wanted = str(commons.project_id(self._start_with)) if self._start_with is not None else None
        if not names:
            self.body.children = (
                text(
                    "<div class='g3-state'><b>There is no project to export</b><div class='g3-mut'>You "
                    "may read "
                    "none of this commons' projects yet: ask a project's lead for <b>read</b>.</div></div>"
                ),
            )
            self.run.disabled = True
            return
        self.project.options = names
        chosen = wanted if wanted in names else names[0]
        if self.project.value == chosen:
            self._project_chosen()
        else:
            self.project.value = chosen

    def _open(self) -> Commons:
        if self.commons is None:
            raise NotConnected("no commons is open")
        return self.commons

    def _project_chosen(self) -> None:
        self.title(subtitle="")
        self._counts = record_counts(self._open(), self.project.value)
        items = node_items(self._open(), self._counts, ticks=True)
        self.nodes.show(items, [item["name"] for item in items if not item.get("disabled")])
        self.path.value = f"exports/{self.project.value}_{date.today().isoformat()}.zip"
        self._changed()

    def _pick(self, *, everything: bool) -> None:
        self.nodes.picked = (
            [name for name in self.nodes.names if self._counts.get(name)] if everything else []
        )

    @property
    def _records(self) -> int:
        return sum(self._counts.get(name, 0) for name in self.nodes.picked)

    def _changed(self) -> None:
        if self.error is not None and not self.running:
            self.quiet()
        filled = sum(1 for name in self.nodes.names if self._counts.get(name))
        amount = f"{len(self.nodes.picked)} of {filled} · {number(self._records)} records"
        self._ticked.value = f"<div class='g3-ph'>Nodes <span class='g3-sub'>{amount}</span></div>"
        self._about.value = _ABOUT[self.format.value]
        self.run.description = (
            f"Export {counted(self._records, 'record')}" if self._records else "Nothing to export"
        )
        self.run.disabled = not self.nodes.picked or not self._records
        self._write_code(replace=False)

    def _write_code(self, *, replace: bool) -> None:
        asked = call(
            "export",
            Name("commons"),
            self.project.value,
            list(self.nodes.picked),
            self.format.value,
            self.path.value,
            replace=replace or None,
            keep_frames=self.as_frames.value or None,
        )
        self.code = f"from gen3nb.frames.saving import export\n\nreport = {asked}"

    def _run(self, *, replace: bool = False) -> None:
        commons, started = self._open(), time.monotonic()
        self._write_code(replace=replace)
        project, nodes, kind = self.project.value, list(self.nodes.picked), self.format.value
        path, keep = self.path.value.strip(), self.as_frames.value
        if not path:
            path = self.path.value = f"exports/{project}.zip"
        title = next(label for label, value in _FORMATS if value == kind)
        self.title(subtitle=f"{project} · {len(nodes)} nodes · {title}")
        total = self._records
        self.start(
            "Exporting",
            lambda job: export(
                commons,
                project,
                nodes,
                kind,
                path,
                replace=replace,
                keep_frames=keep,
                progress=lambda done, _, label: job.progress(done, total, label),
            ),
            lambda report: self._done(report, started),
        )

    def _done(self, report: ExportReport, started: float) -> None:
        self.report = report
        seconds = time.monotonic() - started
        copy = CopyButton(label="Copy path")
        copy.text = str(Path(report.path).absolute())
        files = len(report.table)
        amount = int(report.table["bytes"].sum())
        self.say(
            "o",
            f"<b>{counted(report.records, 'record')} in {counted(files, 'file')}, {_size(amount)}, "
            f"{seconds:.1f} s.</b> Every count equals that of the commons.<br>{code(report.path)}",
            [copy],
        )
        self.after.children = (self.keep.box,) if report.frames else ()

    def fail(self, error: BaseException, retry: Callable[[], None] | None = None) -> None:
        """Show an error; where a file is in the way, offer to replace it."""
        super().fail(error, retry)
        if getattr(error, "exists", False):
            over = button("Replace it")
            self.on(over, lambda: self._run(replace=True))
            self.say("w", f"<b>{escape(error.args[0])}.</b> Nothing was written.", [over])


def _size(count: float) -> str:
    for unit in ("bytes", "kB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} MB"
