"""What became of a submission: one status per row."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from gen3nb.frames.keys import batched
from gen3nb.frames.matching import CHANGED, NEW
from gen3nb.frames.planning import NodePlan
from gen3nb.frames.reports import ValidationReport, counted, page, refuse_bool
from gen3nb.frames.rows import STATUSES

__all__ = ["SubmissionReport"]

STEP = 10_000


class SubmissionReport:
    """One status for each row of a submission, as it is stored.

    Made by ``df.gen3.submit()``, ``commons.submit()`` or :func:`gen3nb.frames.submission.submit`.

    Attributes
    ----------
    endpoint, project : str
        Where the rows went.
    dry_run : bool
        Nothing was sent: ``created`` and ``updated`` are what would be.
    counts : dict of str to int
        Rows ``created``, ``updated``, ``unchanged``, ``rejected``, ``not_sent``, ``unknown``.
    validation : dict of str to ValidationReport
        What was found before sending, by node.
    notes : list of str
        What is no problem, but worth to know.
    journal : Path or None
        The submission's journal.
    transactions : list of int
        The commons' own numbers of what was done.
    cleared, kept : int
        Cells that emptied a stored value; empty cells that left one as it is.
    """

    def __init__(
        self,
        plans: Sequence[NodePlan],
        *,
        endpoint: str,
        project: str,
        dry_run: bool,
        journal: Path | None = None,
        transactions: Sequence[int] = (),
    ) -> None:
        self.endpoint, self.project, self.dry_run, self.journal = endpoint, project, dry_run, journal
        self.transactions = list(transactions)
        self.validation: dict[str, ValidationReport] = {one.node.name: one.validation for one in plans}
        self.notes = [
            f"{one.node.name}: {note}"
            for one in plans
            for note in one.validation.notes + one.rows.comparison.notes
        ]
        self.cleared = sum(one.rows.comparison.cleared for one in plans)
        self.kept = sum(one.rows.comparison.kept for one in plans)
        self._plans = list(plans)
        times: Counter[str] = Counter()
        for one in plans:
            times.update(_counts(one, dry_run))
        self.counts = {name.replace(" ", "_"): times.get(name, 0) for name in STATUSES}

    @property
    def ok(self) -> bool:
        """Whether every row is stored as the frame says (in a dry run: would be)."""
        return not (self.counts["rejected"] or self.counts["not_sent"] or self.counts["unknown"])

    def to_frame(self) -> pd.DataFrame:
        """Give one row per submitted row: node, row, submitter_id, status, id, reason.

        ``row`` is that of the user's file, the header being row 1.
        """
        return self._table.copy()

    @cached_property
    def _table(self) -> pd.DataFrame:
        columns = ["node", "row", "submitter_id", "status", "id", "reason"]
        rows = [row for one in self._plans for row in _rows(one, self.dry_run)]
        table = pd.DataFrame(rows, columns=columns, dtype=object)
        table["row"] = table["row"].astype("int64")
        return table

    def __str__(self) -> str:
        names = {"created": "new", "updated": "changed", "not_sent": "not sent"}
        always = ("created", "updated", "rejected", "unknown")
        words = [
            f"{count:,} {names.get(name, name)}"
            for name, count in self.counts.items()
            if count or name in always
        ]
        if not sum(self.counts.values()):
            return "nothing to submit: there are no rows"
        return ("dry run, nothing sent: " if self.dry_run else "") + ", ".join(words)

    def __repr__(self) -> str:
        return f"<SubmissionReport: {self}; {self.project} at {self.endpoint}>"

    def __bool__(self) -> bool:
        return refuse_bool(self)

    def _repr_html_(self) -> str:
        bad: dict[tuple[str, str, str], list[int]] = {}
        for one in self._plans:
            for node, row, _, status, _, reason in _rows(one, self.dry_run, bad=True):
                bad.setdefault((node, status, reason), []).append(row)
        ordered = sorted(bad.items(), key=lambda entry: -len(entry[1]))
        marks = {"rejected": "✗ rejected", "not sent": "– not sent", "unknown": "? unknown"}
        rows = [
            (marks[status], f"{node}, {counted(len(held), 'row')} (row {held[0]}): {reason}")
            for (node, status, reason), held in ordered[:20]
        ]
        more = (
            f"… and {len(ordered) - 20} more kinds: see <code>.to_frame()</code>" if len(ordered) > 20 else ""
        )
        notes = map(html.escape, self.notes)
        return page(f"{self.project} at {self.endpoint}", str(self), rows, [more, *notes])


def _counts(one: NodePlan, dry_run: bool) -> Counter[str]:
    """Count the rows of a frame by status."""
    rows = one.rows
    times: Counter[str] = Counter()
    if dry_run:
        times["created"], times["updated"] = rows.comparison.count(NEW), rows.comparison.count(CHANGED)
    else:
        times.update(rows.counts())
    times["rejected"] += len(one.refused)
    times["unchanged"] += len(one.numbers) - len(one.refused) - len(rows.to_send)
    return times


def _rows(
    one: NodePlan, dry_run: bool, *, bad: bool = False
) -> Iterator[tuple[str, int, str | None, str, str | None, str]]:
    """Give the status of each row of a frame, in its order; or only of those that are not stored."""
    rows, name = one.rows, one.node.name
    sent = np.zeros(len(one.numbers), dtype=bool)
    sent[rows.to_send] = True
    wanted: Iterable[int] = range(len(one.numbers))
    if bad:
        wanted = np.union1d(np.flatnonzero(sent), np.array(list(one.refused), dtype=np.int64)).tolist()
    for part in batched(wanted, STEP):
        for row in rows.take(part):
            position = row.position
            id_ = rows.comparison.ids[position]
            status, reason = "unchanged", ""
            if position in one.refused:
                status, reason = "rejected", one.refused[position]
            elif sent[position] and dry_run:
                status = "created" if row.new else "updated"
            elif sent[position]:
                status, reason, id_ = row.status, row.reason, row.id or id_
            if not bad or status in {"rejected", "not sent", "unknown"}:
                yield name, one.numbers[position], rows.keys[position], status, id_, reason
