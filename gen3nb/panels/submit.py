"""Check rows and submit them; the face of ``commons.submit``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from ipywidgets import ToggleButtons, VBox

from gen3nb.errors import Gen3Error
from gen3nb.frames.casting import cast
from gen3nb.frames.origin import row_numbers
from gen3nb.panels.base import host
from gen3nb.panels.code import Name, call
from gen3nb.panels.grid import Grid
from gen3nb.panels.jobs import Job
from gen3nb.panels.keep import Keep
from gen3nb.panels.problems import Problems, flags_of
from gen3nb.panels.style import button, code, counted, escape, gap, number, row, table, text
from gen3nb.panels.submit_form import SubmitForm, step

if TYPE_CHECKING:
    from gen3nb.commons import Commons
    from gen3nb.frames.outcomes import SubmissionReport
    from gen3nb.frames.reports import ValidationReport

__all__ = ["Submit"]

_STATUSES = ("created", "updated", "unchanged", "rejected", "not sent", "unknown")
_CHANGES_SHOWN = 20


class Submit(SubmitForm):
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

    def __init__(
        self,
        commons: Commons | None = None,
        frame: pd.DataFrame | None = None,
        *,
        project: str | None = None,
        node: str | None = None,
    ) -> None:
        super().__init__(commons, frame, project=project, node=node)
        self.grid: Grid | None = None
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
        self.when(self.statuses, "value", self._show_status)
        self.begin()

    @property
    def validation(self) -> ValidationReport | None:
        """What the last check found wrong."""
        report = self.report if self.report is not None else self.check_report
        return report.validation.get(self.node.value) if report is not None else None

    def _check(self) -> None:
        commons, frame, project, node = self._ready()
        self.start(
            "Checking",
            lambda job: commons.submit({node: frame}, project=project, dry_run=True, progress=job.progress),
            lambda report: self._checked(report, frame),
        )

    def _checked(self, report: SubmissionReport, frame: pd.DataFrame) -> None:
        if self.frame is not frame:  # corrected meanwhile: what was found no longer concerns these rows
            self._check()
            return
        self.check_report = report
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
        """Check the rows as they are now, corrections from the grid included, and repair those."""
        commons, frame, project, node = self._ready()
        self.start(
            "Fixing",
            lambda job: commons.validate(frame, node, project=project, progress=job.progress),
            lambda found: self._repaired(found, frame),
        )

    def _repaired(self, found: ValidationReport, frame: pd.DataFrame) -> None:
        if self.frame is not frame:
            self._check()
            return
        self._fixed += len(found.fixes)
        name = self.source.name
        asked = call("commons.validate", Name(name), self.node.value, project=self.project.value)
        self._corrections.append(f"{name} = {asked}.fixed()")
        self.frame = found.fixed()
        self._check()

    def _undo(self) -> None:
        """Take the fixes back; what was corrected by hand stays."""
        edits = self._edits
        self._mapped()
        for (position, place), value in edits.items():
            self._set(position, place, value)
        self._check()

    def _edited(self, positions: list[int], at: int, column: str, value: Any) -> None:
        """Take a correction from the grid; the rows are checked again when the user asks."""
        if self.frame is None:
            return
        place = list(map(str, self.frame.columns)).index(column)
        self._set(positions[at], place, value)
        self.submit.disabled = True
        self._to.value = "changed: check again before you submit"

    def _set(self, position: int, place: int, value: Any) -> None:
        """Set a cell of the rows, and note it."""
        assert self.frame is not None  # noqa: S101 - only called with rows
        changed = self.frame.copy()
        column = str(changed.columns[place])
        self._edits[position, place] = value
        series = changed.iloc[:, place].astype(object)
        if isinstance(value, str):  # "1953" in a column of numbers is a number
            one = cast(
                pd.DataFrame({column: pd.array([value], dtype="string")}), self._nodes[self.node.value]
            )
            value = one[column].iloc[0]
        series.iloc[position] = value
        changed.isetitem(place, _narrowed(series, self.frame.iloc[:, place].dtype))
        self.frame = changed
        self._correct(position, place, column, value)

    def _submit(self) -> None:
        commons, frame, project, node = self._ready()

        def work(job: Job) -> SubmissionReport:
            job.keeps = True
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
        looked = "Nothing was stored."
        if stored:
            looked = f"Looked up afterwards: {counted(stored, 'record')} stored."
        elif report.ok:
            looked = "The commons holds all of it already."
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

    def _found(self) -> list[Any]:
        """Draw steps 4 and 5: what is wrong, and what would change."""
        report, found = self.check_report, self.validation
        assert report is not None  # noqa: S101 - only called with one
        counts = report.counts
        parts: list[Any] = []
        if found is None or found.ok:
            words = "none" + (f", {number(self._fixed)} values fixed" if self._fixed else "")
            none = step(4, "Problems", words, done=True)
            parts.append(row([none, self.undo], "g3-steprow") if self._fixed else none)
        else:
            parts.append(row([step(4, "Problems", _bad(found)), *self._repairs(found)], "g3-steprow"))
            parts.append(Problems(found, self._show_rows).box)
            self._rows_box = VBox()
            parts.append(self._rows_box)
            self._show_rows(None)
        parts.append(step(5, "What will change", "nothing has been sent yet"))
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
        hint = text(
            "Double-click a cell to correct it, or press Enter on it; Esc leaves it as it was. "
            "Your file stays as it is.",
            "g3-sub",
        )
        self.grid = Grid(
            part,
            rows=True,
            heads=False,
            visible=6,
            editable=columns,
            flags=flags_of(found, chosen),
            note=f"<b>Rows with problems</b> {number(len(chosen))} of {number(len(frame))}",
            on_edit=lambda at, column, value: self._edited(chosen, at, column, value),
            on_focus=lambda at, column: self._tell(hint, numbers[chosen[at]], wrong[chosen[at]], column),
        )
        self._rows_box.children = (
            self.grid,
            row([hint, gap(), self.only]) if positions is not None else hint,
        )

    @staticmethod
    def _tell(line: Any, number_of_row: int, problems: list[str], column: str) -> None:
        """Say under the grid what is wrong in the row whose cell was entered, that cell first."""
        ordered = sorted(problems, key=lambda said: not said.startswith(f"{column}: "))
        line.value = f"<span role='status'><b>Row {number_of_row}</b> {escape('; '.join(ordered))}</span>"

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
