"""Check rows and submit them; the face of ``commons.submit``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from ipywidgets import Dropdown, ToggleButtons, VBox

from gen3nb.errors import Gen3Error, NotConnected, ValidationError
from gen3nb.frames.casting import cast
from gen3nb.frames.origin import origin_of, row_numbers
from gen3nb.panels.base import Job, Panel, host
from gen3nb.panels.choices import projects_of
from gen3nb.panels.code import Name, call, literal
from gen3nb.panels.grid import Grid
from gen3nb.panels.keep import Keep
from gen3nb.panels.mapping import Mapping, guess_node
from gen3nb.panels.problems import Problems, flags_of
from gen3nb.panels.source import Source
from gen3nb.panels.style import button, code, counted, escape, gap, icon, number, row, table, text

if TYPE_CHECKING:
    from gen3nb.commons import Commons
    from gen3nb.frames.outcomes import SubmissionReport
    from gen3nb.frames.reports import ValidationReport

__all__ = ["Submit"]

_STATUSES = ("created", "updated", "unchanged", "rejected", "not sent", "unknown")
_CHANGES_SHOWN = 20


class Submit(Panel):
    """Choose rows, check them, see what would change, submit them (``commons.submit``).

    Nothing is sent before the last button; the rows and their file stay as they are.

    Parameters
    ----------
    commons : Commons, optional
        By default the only one that is open.
    frame : pandas.DataFrame, optional
        Rows to start with.
    project, node : str, optional
        Where they go, and what they are.

    Attributes
    ----------
    frame : pandas.DataFrame or None
        The rows as they would be sent: renamed, fixed, edited.
    check_report : SubmissionReport or None
        What the dry run said.
    report : SubmissionReport or None
        What is stored, after submitting.
    source, project, node, mapping : the form
    check, submit, fix, undo : ipywidgets.Button

    Examples
    --------
    >>> gen3nb.panels.Submit(commons, patients, project="DEMO-GBSG2", node="demographic")  # doctest: +SKIP
    """

    heading = "Submit"

    def __init__(
        self,
        commons: Commons | None = None,
        frame: pd.DataFrame | None = None,
        *,
        project: str | None = None,
        node: str | None = None,
    ) -> None:
        super().__init__(commons)
        self.frame: pd.DataFrame | None = None
        self.check_report: SubmissionReport | None = None
        self.report: SubmissionReport | None = None
        self.mapping: Mapping | None = None
        self.grid: Grid | None = None
        self._given = (frame, project, node)
        self._fixed = 0
        self._corrections: list[str] = []
        self._open_step = 1
        self._following = True
        self.source = Source(self._source_chosen, self.guard)
        self.project = Dropdown(description="Project")
        self.node = Dropdown(description="Node")
        self.check = button("Check", primary=True)
        self.submit = button("Submit", primary=True)
        self.again = button("Check again")
        self.fix = button("Fix", "g3-sm")
        self.undo = button("Undo fixes", "g3-link")
        self.only = button("Show all rows with problems", "g3-link")
        self.changes = button("Show what changes", "g3-link")
        self.more = button("Submit something else")
        self.excel = button("Rejected rows as Excel…", primary=True)
        self.statuses = ToggleButtons(description="Show rows")
        self.statuses.add_class("g3-unlabelled")
        self._to = text("", "g3-sub")
        self.keep = Keep("Report as variable ▸", "report", lambda: self.report, self.guard)
        for pressed, function in (
            (self.check, self._check),
            (self.again, self._check),
            (self.submit, self._submit),
            (self.fix, self._fix),
            (self.undo, self._undo),
            (self.changes, self._show_changes),
            (self.more, self._start_over),
            (self.excel, self._write_excel),
            (self.only, lambda: self._show_rows(None)),
        ):
            self.on(pressed, function)
        self.when(self.project, "value", self._target_chosen)
        self.when(self.node, "value", self._target_chosen)
        self.when(self.statuses, "value", self._show_status)
        self.guard(self._build if self.commons is not None else self._not_connected)

    # the form

    def _build(self) -> None:
        commons = self._connected()
        frame, project, node = self._given
        dictionary = commons.dictionary
        self._nodes = {
            name: dictionary[name]
            for name in dictionary.order
            if name not in ("program", "project") and dictionary[name].submittable
        }
        self._following = False
        self.project.options = projects_of(commons)
        self.node.options = [("choose…", ""), *((name, name) for name in self._nodes)]
        if project is not None:
            self.project.value = str(commons.project_id(project))
        if node is not None:
            self.node.value = dictionary[node].name
        self._following = True
        if frame is not None:
            self.source.take(frame, "rows")
        else:
            self._draw()

    def _connected(self) -> Commons:
        if self.commons is None or self.commons.closed:
            raise NotConnected("the commons is not open any more: connect again")
        return self.commons

    def _source_chosen(self) -> None:
        frame = self.source.frame
        if frame is None or self.commons is None:
            return
        origin = origin_of(frame)
        self._following = False
        if self._given[2] is None:
            self.node.value = guess_node(frame, self._nodes, origin.node)
        if self._given[1] is None and origin.project in self.project.options:
            self.project.value = origin.project
        self._following = True
        self._target_chosen()

    def _target_chosen(self) -> None:
        if not self._following:
            return
        self.quiet()
        self._forget()
        if self.source.frame is not None and self.node.value:
            self.mapping = Mapping(
                self.source.frame, self._nodes[self.node.value], lambda: self.guard(self._mapped)
            )
            self._open_step = 3
            self._mapped()
        else:
            self._draw()

    def _mapped(self) -> None:
        self._forget()
        if self.mapping is not None:
            rows = self.mapping.apply()
            # what a file holds is text; typed as far as all cells of a column read as their type
            self.frame = self._typed(rows) if self.source.file else rows
        self._draw()

    def _typed(self, rows: pd.DataFrame) -> pd.DataFrame:
        separator = "#" if self.source.file.lower().endswith(".csv") else ","
        return cast(rows, self._nodes[self.node.value], separator=separator)

    def _forget(self) -> None:
        """Forget what was found out about rows that have changed."""
        self.check_report = self.report = None
        self._fixed = 0
        self._corrections = []

    # checking

    @property
    def validation(self) -> ValidationReport | None:
        """What the last check found wrong."""
        report = self.report if self.report is not None else self.check_report
        return report.validation.get(self.node.value) if report is not None else None

    def _ready(self) -> tuple[Commons, pd.DataFrame, str, str]:
        commons, frame = self._connected(), self.frame
        if frame is None:
            raise Gen3Error("choose the rows first")
        if self.mapping is not None and self.mapping.twice:
            raise ValidationError(f"two columns go to {self.mapping.twice}: choose one of them")
        if not self.project.value or not self.node.value:
            raise Gen3Error("choose a project and a node first")
        return commons, frame, self.project.value, self.node.value

    def _check(self) -> None:
        commons, frame, project, node = self._ready()
        self.start(
            "Checking",
            lambda job: commons.submit({node: frame}, project=project, dry_run=True, progress=job.progress),
            self._checked,
        )

    def _checked(self, report: SubmissionReport) -> None:
        self.check_report = report
        self._open_step = 5
        self.grid = None
        self._draw()
        self._ask_permission()

    def _ask_permission(self) -> None:
        commons, project = self._connected(), self.project.value
        counts = self.check_report.counts if self.check_report is not None else {}
        needed = ["create"] if counts.get("created") else []
        needed += ["update"] if counts.get("updated") else []
        lacking = [method for method in needed if not commons.may(method, project)]
        if lacking:
            self.submit.disabled = True
            self._to.value = f"needs {escape(' and '.join(lacking))}"
            self.say(
                "w",
                f"<b>You may not {escape(' or '.join(lacking))} records in {escape(project)}.</b> Missing: "
                f"{' and '.join(code(method) for method in lacking)} on "
                f"{code(commons.project_id(project).resource)}. "
                "You can check your data here meanwhile; the project's lead gives access.",
                picture="lock",
            )

    def _fix(self) -> None:
        found = self.validation
        if found is None:
            raise Gen3Error("check the rows first")
        self._fixed += len(found.fixes)
        name = self.source.name
        asked = call("commons.validate", Name(name), self.node.value, project=self.project.value)
        self._corrections.append(f"{name} = {asked}.fixed()")
        self.frame = found.fixed()
        self._check()

    def _undo(self) -> None:
        self._mapped()
        self._check()

    def _edited(self, positions: list[int], at: int, column: str, value: Any) -> None:
        """Take a correction from the grid; the rows are checked again when the user asks."""
        if self.frame is None:
            return
        changed = self.frame.copy()
        place = list(map(str, changed.columns)).index(column)
        series = changed.iloc[:, place].astype(object)
        if isinstance(value, str):  # "1953" in a column of numbers is a number
            one = cast(
                pd.DataFrame({column: pd.array([value], dtype="string")}), self._nodes[self.node.value]
            )
            value = one[column].iloc[0]
        series.iloc[positions[at]] = value
        changed.isetitem(place, _narrowed(series, self.frame.iloc[:, place].dtype))
        self.frame = changed
        self._correct(positions[at], place, column, value)
        self.submit.disabled = True
        self._to.value = "changed: check again before you submit"

    def _correct(self, position: int, place: int, column: str, value: Any) -> None:
        """Note the code of a correction; the column may have to hold another kind of value first."""
        name = self.source.name
        freed = f"{name} = {name}.astype({{{literal(column)}: object}})"
        if freed not in self._corrections:
            self._corrections.append(freed)
        plain = None if not isinstance(value, list) and pd.isna(value) else value
        said = literal(plain.item() if plain is not None and hasattr(plain, "item") else plain)
        self._corrections.append(f"{name}.iloc[{position}, {place}] = {said}")
        self._write_code()

    # sending

    def _submit(self) -> None:
        commons, frame, project, node = self._ready()

        def work(job: Job) -> SubmissionReport:
            return commons.submit(
                {node: frame}, project=project, progress=lambda *told: job.tell(*told), stop=job.stop
            )

        self.start("Sending", work, self._sent)
        self.cancel.description = "Stop"

    def _sent(self, report: SubmissionReport) -> None:
        self.report = report
        counts = report.counts
        stored = counts["created"] + counts["updated"]
        names = ("created", "updated", "unchanged", "rejected", "not_sent", "unknown")
        words = [
            f"{number(counts[name])} {name.replace('_', ' ')}"
            for name in names
            if name != "not_sent" or counts[name]
        ]
        kind = "o" if report.ok else "w"
        looked = (
            f"Looked up afterwards: {counted(stored, 'record')} stored." if stored else "Nothing was stored."
        )
        if counts["not_sent"]:
            looked += " Submitting the same rows again goes on from there."
        self.say(kind, f"<b>{', '.join(words)}.</b> {looked}")
        self._draw_done()

    def fail(self, error: BaseException, retry: Callable[[], None] | None = None) -> None:
        """Show an error; what is stored by then is shown too."""
        super().fail(error, retry)
        report = getattr(error, "report", None)
        if report is not None and hasattr(report, "counts"):
            self.report = report
            self._draw_done()

    def _start_over(self) -> None:
        self.quiet()
        self.source.frame = None
        self.source.look()
        self.frame = self.mapping = None
        self._given = (None, None, None)
        self._forget()
        self.body.children = ()
        self._draw()

    # drawing

    def _draw(self) -> None:
        """Draw the steps: those that are settled as one line each."""
        frame, project, node = self.source.frame, self.project.value, self.node.value
        self.title(subtitle=f"{project} · {node}" if frame is not None and node else "")
        parts: list[Any] = []
        if frame is None:
            parts += [_step(1, "Source"), self.source.box]
            self.foot.children = ()
        else:
            parts.append(self._settled("Source", self.source.words, self._start_over))
            target = VBox([self.project, self.node])
            target.add_class("g3-cols")
            parts += [_step(2, "Target"), target]
            if self.mapping is not None:
                folded = not self.mapping.choices
                parts.append(_step(3, "Columns", self.mapping.words, done=folded))
                if not folded:
                    parts.append(self.mapping.box)
            self._write_code()
            if self.check_report is None:
                self.check.description = f"Check {counted(len(frame), 'row')}"
                self.check.disabled = not node or not project
                where = text("nothing is sent yet", "g3-sub")
                self.foot.children = (self.check, where, gap(), self.drawer.button)
            else:
                parts += self._found()
        self.after.children = ()
        self.body.children = tuple(parts)

    def _settled(self, name: str, words: str, change: Callable[[], None]) -> Any:
        pressed = button("Change", "g3-link", tooltip=f"change the {name.lower()}")
        self.on(pressed, change)
        return row([_step(1, name, words, done=True), pressed], "g3-steprow")

    def _found(self) -> list[Any]:
        """Draw steps 4 and 5: what is wrong, and what would change."""
        report, found = self.check_report, self.validation
        assert report is not None  # noqa: S101 - only called with one
        counts = report.counts
        parts: list[Any] = []
        if found is None or found.ok:
            words = "none" + (f", {number(self._fixed)} values fixed" if self._fixed else "")
            step = _step(4, "Problems", words, done=True)
            parts.append(row([step, self.undo], "g3-steprow") if self._fixed else step)
        else:
            parts.append(row([_step(4, "Problems", _bad(found)), *self._repairs(found)], "g3-steprow"))
            parts.append(Problems(found, self._show_rows).box)
            self._rows_box = VBox()
            parts.append(self._rows_box)
            self._show_rows(None)
        parts.append(_step(5, "What will change", "nothing has been sent yet"))
        rejected = counts["rejected"]
        figures = [
            (counts["created"], "new", ""),
            (counts["updated"], "changed", ""),
            (counts["unchanged"], "unchanged, not sent", "g3-z"),
            (rejected, "rejected, not sent", "g3-bad" if rejected else "g3-z"),
        ]
        parts.append(
            text(
                "<div class='g3-sum'>"
                + "".join(
                    f"<div class='{kind}'><b>{number(count)}</b>{words}</div>"
                    for count, words, kind in figures
                )
                + "</div>"
            )
        )
        self._changes_box = VBox([row([self.changes])] if counts["updated"] else [])
        parts.append(self._changes_box)
        amount = counts["created"] + counts["updated"]
        self.submit.description = f"Submit {counted(amount, 'record')}" if amount else "Nothing to submit"
        self.submit.disabled = not amount
        self._to.value = f"to {escape(self.project.value)} on {escape(host(self._connected()))}"
        self.foot.children = (self.submit, self.again, self._to, gap(), self.drawer.button)
        return parts

    def _repairs(self, found: ValidationReport) -> list[Any]:
        fixes = len(found.fixes)
        self.fix.description = f"Fix {counted(fixes, 'value')}"
        actions: list[Any] = [self.fix] if fixes else []
        return [*actions, self.undo] if self._fixed else actions

    def _show_rows(self, positions: list[int] | None) -> None:
        """Show the rows with problems, or some of them, to be corrected in place."""
        found, frame = self.validation, self.frame
        if found is None or frame is None:
            return
        chosen = found.bad_positions if positions is None else positions
        wrong: dict[int, list[str]] = {}
        for one in found.found:
            wrong.setdefault(one.position, []).append(f"{one.column}: {one.message}")
        concerned = list(dict.fromkeys(one.column for one in found.found if one.position in set(chosen)))
        first = [name for name in ("submitter_id",) if name in frame.columns]
        columns = list(dict.fromkeys([*first, *(name for name in concerned if name in frame.columns)]))
        part = frame[columns].iloc[chosen].copy()
        numbers = row_numbers(frame)
        part.index = pd.Index([numbers[position] - 2 for position in chosen])
        part["what is wrong"] = ["; ".join(wrong.get(position, [])) for position in chosen]
        part = part.astype(dict.fromkeys(columns, object))
        self.grid = Grid(
            part,
            rows=True,
            heads=False,
            visible=6,
            editable=columns,
            flags=flags_of(found, chosen),
            note=f"<b>Rows with problems</b> {number(len(chosen))} of {number(len(frame))}",
            on_edit=lambda at, column, value: self._edited(chosen, at, column, value),
        )
        hint = text(
            "Double-click a cell to correct it, or press Enter on it; Esc leaves it as it was. "
            "Your file stays as it is.",
            "g3-sub",
        )
        self._rows_box.children = (
            self.grid,
            row([hint, gap(), self.only]) if positions is not None else hint,
        )

    def _show_changes(self) -> None:
        commons, frame, project, node = self._ready()
        found = self.validation
        good = frame.drop(index=frame.index[found.bad_positions]) if found is not None else frame
        self.start(
            "Comparing",
            lambda job: commons.diff(good, node, project=project, progress=job.progress),
            self._compared,
        )

    def _compared(self, difference: Any) -> None:
        changed = difference.changed
        rows = [
            (
                escape(one["row"]),
                f"<span class='g3-mono'>{escape(one['submitter_id'])}</span>",
                escape(one["column"]),
                f"<s>{_said(one['old'])}</s>",
                _said(one["new"]),
            )
            for one in changed.head(_CHANGES_SHOWN).to_dict("records")
        ]
        heads = ("row", "submitter_id", "property", "in the commons", "will be")
        more = f" of {number(len(changed))}" if len(changed) > _CHANGES_SHOWN else ""
        self._changes_box.children = (
            text(table(heads, rows, right=(0,))),
            text(f"{number(min(len(changed), _CHANGES_SHOWN))}{more} cells", "g3-sub"),
        )

    def _draw_done(self) -> None:
        report = self.report
        assert report is not None  # noqa: S101 - only called with one
        counts = {status: report.counts[status.replace(" ", "_")] for status in _STATUSES}
        total = sum(counts.values())
        options = [(f"All {number(total)}", "")]
        options += [
            (f"{status.capitalize()} {number(count)}", status) for status, count in counts.items() if count
        ]
        self.body.children = ()
        self.statuses.options = options
        worst = next((name for name in ("rejected", "unknown", "not sent") if counts[name]), "")
        self.statuses.value = worst
        self._show_status()
        actions: list[Any] = [self.more]
        if counts["rejected"]:
            self.excel.description = f"{counted(counts['rejected'], 'rejected row')} as Excel…"
            actions.insert(0, self.excel)
        self.after.children = (self.keep.box,)
        self.foot.children = (*actions, gap(), self.drawer.button)

    def _show_status(self) -> None:
        if self.report is None:
            return
        rows = self.report.to_frame()
        if self.statuses.value:
            rows = rows[rows["status"] == self.statuses.value]
        rows = rows[["row", "submitter_id", "status", "reason"]].rename(columns={"reason": "why"})
        self.grid = Grid(rows.reset_index(drop=True), heads=False, visible=8)
        self.body.children = (row([self.statuses]), self.grid)

    def _write_excel(self) -> None:
        found = self.validation
        if found is None:
            raise Gen3Error("there is no list of problems to write")
        path = Path(f"{self.node.value}_problems.xlsx")
        found.to_excel(path)
        self.say(
            "o", f"<b>Written.</b> Bad cells are coloured and say what is wrong: {code(path.absolute())}"
        )

    # code

    def _write_code(self) -> None:
        name, node, project = self.source.name, self.node.value, self.project.value
        lines = []
        if self.source.file:
            typed = call("gen3nb.read_tsv", self.source.file, node, Name("commons.dictionary"))
            lines.append(f"{name} = {typed}")
        if self.mapping is not None:
            if self.mapping.dropped:
                lines.append(f"{name} = {call(f'{name}.drop', columns=self.mapping.dropped)}")
            if self.mapping.renamed:
                renamed = call(f"{name}.rename", columns=self.mapping.renamed)
                if self.source.file:
                    renamed = f'cast({renamed}, commons.dictionary["{node}"])'
                lines.append(f"{name} = {renamed}")
        lines += self._corrections
        lines.append(f"report = {call('commons.submit', {node: Name(name)}, project=project)}")
        start = "import gen3nb\n" if self.source.file else ""
        start += (
            "from gen3nb.frames.casting import cast\n" if any("= cast(" in line for line in lines) else ""
        )
        start += "\n" if start else ""
        self.code = start + "\n".join(lines)


def _step(place: int, name: str, words: str = "", *, done: bool = False) -> Any:
    """Draw the head of a step: its number, or a check when it is settled."""
    mark = (
        f"<span class='g3-n g3-d'>{icon('check', 'settled')}</span>"
        if done
        else f"<span class='g3-n'>{place}</span>"
    )
    return text(
        f"<div class='g3-step'>{mark}{escape(name)} <span class='g3-sub g3-ell'>{escape(words)}</span></div>"
    )


def _bad(found: ValidationReport) -> str:
    rejected = {one.position for one in found.found if one.origin == "service"}
    spoiled = {one.position for one in found.found} - rejected
    words = []
    if rejected:
        words.append(f"{counted(len(rejected), 'row')} would be rejected")
    if spoiled:
        words.append(f"{number(len(spoiled))} would be stored with a flaw")
    return ", ".join(words)


def _said(value: Any) -> str:
    missing = value is None or (not isinstance(value, list | dict) and pd.isna(value))
    return "<span class='g3-mut'>missing</span>" if missing else escape(value)


def _narrowed(series: pd.Series, dtype: Any) -> Any:
    """Give a corrected column its type back, where all its values have it again."""
    try:
        return series.astype(dtype)
    except (TypeError, ValueError):
        return series
