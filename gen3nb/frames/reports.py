"""What a validation found, for people and for programs."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from gen3nb.frames.codec import plain_columns
from gen3nb.frames.findings import SERVICE, Findings, Problem, problems_table

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectId
    from gen3nb.dictionary import Node

__all__ = ["ValidationReport", "counted", "page", "refuse_bool", "text_of"]

#: A column and rule with more different values than this is told in one sentence.
SINGLY = 5
SHOWN = 25


class ValidationReport:
    """The problems of a frame's rows: one row per problem.

    Made by ``df.gen3.validate()``, ``commons.validate()`` or :func:`gen3nb.frames.validation.validate`.

    Parameters
    ----------
    frame : pandas.DataFrame
        What was checked; a copy is kept.
    node : Node
    findings : Findings
    rows : sequence of int
        The user's number of each row: of the file it was read from, the header being row 1.
    keys : sequence of str or None
        The submitter_id of each row.
    project : ProjectId, optional

    Attributes
    ----------
    node : str
    project : str or None
    notes : list of str
        What is no problem, but worth to know.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        node: Node,
        findings: Findings,
        rows: Sequence[int],
        keys: Sequence[Any],
        *,
        project: ProjectId | None = None,
    ) -> None:
        self.frame = private(frame)
        self.schema = node
        self.node = node.name
        self.project = str(project) if project is not None else None
        self.notes = list(findings.notes)
        self.found: list[Problem] = findings.ordered(plain_columns(frame))
        self._rows = rows
        self._keys = keys

    @property
    def ok(self) -> bool:
        """Whether there are no problems."""
        return not self.found

    @cached_property
    def problems(self) -> pd.DataFrame:
        """One row per problem.

        Columns: row (in the user's file, the header being row 1), submitter_id, column, value, rule, message,
        suggestion, origin (``"service"``: the commons would reject the row; ``"gen3nb"``: it would take it,
        then lose or alter something).
        """
        return problems_table(self.found, self._rows, self._keys)

    def to_frame(self) -> pd.DataFrame:
        """Give the problems as a frame of your own."""
        return self.problems.copy()

    @property
    def bad_positions(self) -> list[int]:
        """The positions of the rows that have a problem, from 0."""
        return sorted({one.position for one in self.found})

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Problems of one kind together: one row per column, value and rule; the most frequent first.

        Columns: column, value, rule, rows (how many), message, suggestion, first_row, origin.
        """
        groups: dict[tuple[str, str, str, str], list[Problem]] = {}
        for one in self.found:
            groups.setdefault((one.column, repr(one.value), one.rule, one.message), []).append(one)
        ordered = sorted(groups.values(), key=lambda held: -len(held))
        table = pd.DataFrame(
            {
                "column": [held[0].column for held in ordered],
                "value": [held[0].value for held in ordered],
                "rule": [held[0].rule for held in ordered],
                "rows": [len({one.position for one in held}) for held in ordered],
                "message": [held[0].message for held in ordered],
                "suggestion": [held[0].suggestion for held in ordered],
                "first_row": [self._rows[held[0].position] for held in ordered],
                "origin": [held[0].origin for held in ordered],
            },
            dtype=object,  # whatever stands in a column's name or a cell
        )
        return table.astype({"rows": "int64", "first_row": "int64"})

    def sentences(self) -> list[str]:
        """Give the problems in words, those of one kind together, the most frequent first.

        Returns
        -------
        list of str
            As ``"`gender`: 41 rows say `F`, did you mean `female`?"``
        """
        return [text for _, text in self._told()]

    def _told(self) -> list[tuple[str, str]]:
        """Give (origin, sentence), the most frequent first."""
        found: list[tuple[int, str, str]] = []
        kinds: dict[tuple[str, str], list[dict[Any, Any]]] = {}
        for one in self.summary.to_dict("records"):
            kinds.setdefault((one["column"], one["rule"]), []).append(one)
        for (column, _), part in kinds.items():
            rows = sum(one["rows"] for one in part)
            if len(part) > SINGLY:
                first = part[0]
                text = (
                    f"`{column}`: {counted(rows, 'row')} of this kind: {first['message']} "
                    f"(row {first['first_row']}) and {counted(len(part) - 1, 'other value')}"
                )
                found.append((rows, first["origin"], text))
            else:
                for one in part:
                    found.append((one["rows"], one["origin"], _sentence(one)))
        return [(origin, text) for _, origin, text in sorted(found, key=lambda entry: -entry[0])]

    def __str__(self) -> str:
        checked = f"{counted(len(self._rows), 'row')} of {self.node}"
        if self.ok:
            return f"{checked} checked, no problems"
        worst: Counter[str] = Counter()
        for column, rows in zip(self.summary["column"], self.summary["rows"], strict=True):
            worst[column] += rows
        where = ", ".join(f"{column} ({rows:,})" for column, rows in worst.most_common(3))
        more = f" and {counted(len(worst) - 3, 'more column')}" if len(worst) > 3 else ""
        bad = len(self.bad_positions)
        return f"{bad:,} of {checked} {'has' if bad == 1 else 'have'} problems: {where}{more}"

    def __repr__(self) -> str:
        return f"<ValidationReport: {self}>"

    def __bool__(self) -> bool:
        return refuse_bool(self)

    def _repr_html_(self) -> str:
        told = self._told()
        mark: dict[str, str] = {SERVICE: "✗ would be rejected", "gen3nb": "⚠ would be spoiled"}
        body = [(mark[origin], text) for origin, text in told[:SHOWN]]
        more = f"… and {len(told) - SHOWN} more: see <code>.problems</code>" if len(told) > SHOWN else ""
        return page("Validation", str(self), body, [*map(html.escape, self.notes), more])

    # --- what to do about it --------------------------------------------------------------------------

    def fixed(self) -> pd.DataFrame:
        """Give a new frame with the safe repairs: where one thing only can be meant.

        That is: another case, outer spaces, the only value of a vocabulary that begins so, whole numbers
        written as decimals, numbers and true/false written as text, dates that can be read in one way only,
        misspelled column names. Where two values are near, nothing is guessed.

        Returns
        -------
        pandas.DataFrame
            A copy; the checked frame stays as it was. ``report.fixes`` lists what was changed.
        """
        return self._repaired[0].copy()

    @property
    def fixes(self) -> pd.DataFrame:
        """What :meth:`fixed` changes: columns row, submitter_id, column, old, new, rule."""
        return self._repaired[1].copy()

    @cached_property
    def _repaired(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        from gen3nb.frames.fixing import repair

        return repair(self.frame, self.schema, self.found, self._rows, self._keys)

    def to_excel(self, path: str | Path, others: Sequence[ValidationReport] = ()) -> Path:
        """Write a workbook with the bad cells coloured and commented, to be mailed to the site.

        Where the frame was read by ``gen3nb.read_workbook``, that is a copy of the user's own workbook, with
        each mark at its own row and column; else the rows as a sheet, each in the row that it has in the
        user's file. A sheet at the end lists the problems. What an earlier check marked is cleaned first.

        Parameters
        ----------
        path : str or Path
            Of the ``.xlsx`` to write; it appears whole or not at all.
        others : sequence of ValidationReport
            Reports on other sheets of the same workbook, to be marked in the same copy.

        Returns
        -------
        Path

        Raises
        ------
        MissingExtra
            openpyxl is not installed.
        ValidationError
            There are more rows or columns than a sheet holds, or the path is that of the user's workbook.
        Gen3Error
            The file cannot be written.

        Warns
        -----
        UserWarning
            The user's workbook has changed since it was read, or is gone: the rows are written anew. Or it
            has something that a copy cannot keep.
        """
        from gen3nb.frames.marking import write_workbook

        return write_workbook(self, path, others)


def _sentence(one: dict[Any, Any]) -> str:
    rows, value = counted(one["rows"], "row"), one["value"]
    place = f" (row {one['first_row']})" if one["rows"] == 1 else ""
    if one["rule"] == "unknown":
        hint = f", did you mean `{one['suggestion']}`?" if one["suggestion"] is not None else ": drop it"
        return f"`{one['column']}` is no property of this node, and filled in {rows}{hint}"
    says = "says" if one["rows"] == 1 else "say"
    if one["suggestion"] is not None and one["rule"] in {"enum", "type"}:
        meant = text_of(one["suggestion"])
        return f"`{one['column']}`: {rows} {says} `{text_of(value)}`, did you mean `{meant}`?{place}"
    return f"`{one['column']}`: {rows}{place}: {one['message']}"


def text_of(value: Any, longest: int = 80) -> str:
    """Give a value as a person writes it, cut if it is long."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def private(frame: pd.DataFrame) -> pd.DataFrame:
    """Give a copy that stays as it is; where pandas copies on write, it costs nothing.

    Parameters
    ----------
    frame : pandas.DataFrame

    Returns
    -------
    pandas.DataFrame
    """
    return frame.copy(deep=int(pd.__version__.partition(".")[0]) < 3)


def counted(number: int, word: str) -> str:
    """Give a number with its word: ``"1 row"``, ``"1,200 rows"``."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def refuse_bool(report: object) -> bool:
    """Refuse to say whether a report is true, as pandas does with a frame."""
    raise ValueError(f"The truth value of a {type(report).__name__} is ambiguous: ask for .ok.")


def page(title: str, sentence: str, rows: Sequence[tuple[str, str]], notes: Sequence[str]) -> str:
    """Give a report as HTML for a notebook; texts between backticks become code.

    Parameters
    ----------
    title, sentence : str
    rows : sequence of (str, str)
        A mark and a text; both are escaped here.
    notes : sequence of str
        HTML of their own.

    Returns
    -------
    str
    """
    cells = "".join(
        f'<tr><td style="text-align:left;white-space:nowrap">{html.escape(mark)}</td>'
        f'<td style="text-align:left">{_code(text)}</td></tr>'
        for mark, text in rows
    )
    table = f"<table>{cells}</table>" if cells else ""
    small = "".join(f'<div style="opacity:.8">{note}</div>' for note in notes if note)
    head = f"<div><b>{html.escape(title)}</b>: {html.escape(sentence)}</div>"
    return f'<div class="gen3nb-report">{head}{table}{small}</div>'


def _code(text: str) -> str:
    parts = html.escape(text).split("`")
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))
