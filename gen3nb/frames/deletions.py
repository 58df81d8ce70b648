"""What became of a deletion: one status per row."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import pandas as pd

from gen3nb.frames.dependents import Dependents
from gen3nb.frames.reports import counted, page, refuse_bool

__all__ = ["DeletionReport", "Doomed", "listed"]

Status = Literal["deleted", "not there", "rejected", "not sent", "unknown"]
STATUSES: tuple[Status, ...] = ("deleted", "not there", "rejected", "not sent", "unknown")


@dataclass(slots=True)
class Doomed:
    """A row that names a record which is to go, and what became of it.

    Attributes
    ----------
    node : str
    row : int or None
        Of the user's file; None for what goes along because it hangs on another.
    submitter_id, id : str or None
    status : str
    reason : str
    tries : int
        How often its deletion was asked for.
    """

    node: str
    row: int | None
    submitter_id: str | None
    id: str | None = None
    status: Status = "not sent"
    reason: str = ""
    tries: int = 0


class DeletionReport:
    """One status for each row of a deletion, looked up afterwards.

    Made by ``commons.delete()`` or :func:`gen3nb.frames.deleting.delete`.

    Attributes
    ----------
    endpoint, project : str
    dry_run : bool
        Nothing was sent: ``deleted`` is what would go.
    counts : dict of str to int
        Rows ``deleted``, ``not_there``, ``rejected``, ``not_sent``, ``unknown``.
    notes : list of str
        What is worth to know.
    journal : Path or None
    """

    def __init__(
        self,
        rows: Sequence[Doomed],
        dependents: Dependents,
        *,
        endpoint: str,
        project: str,
        dry_run: bool,
        notes: Sequence[str] = (),
        journal: Path | None = None,
    ) -> None:
        self.endpoint, self.project, self.dry_run, self.journal = endpoint, project, dry_run, journal
        self.notes = list(notes)
        self._rows = list(rows)
        self._dependents = dependents

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have which status."""
        times = Counter(row.status for row in self._rows)
        return {status.replace(" ", "_"): times.get(status, 0) for status in STATUSES}

    @property
    def ok(self) -> bool:
        """Whether every record named is gone (in a dry run: would be)."""
        return not (self.counts["rejected"] or self.counts["not_sent"] or self.counts["unknown"])

    def to_frame(self) -> pd.DataFrame:
        """Give one row per record: node, row, submitter_id, status, id, reason.

        ``row`` is that of the user's file, the header being row 1; empty for records that go along.
        """
        columns = ["node", "row", "submitter_id", "status", "id", "reason"]
        data = [(one.node, one.row, one.submitter_id, one.status, one.id, one.reason) for one in self._rows]
        table = pd.DataFrame(data, columns=columns, dtype=object)
        table["row"] = table["row"].astype("Int64")
        return table

    @cached_property
    def dependents(self) -> pd.DataFrame:
        """The records that could not stay without those that were named: node, submitter_id, id."""
        rows = [(one.node, one.submitter_id, one.id) for one in self._dependents.records]
        return pd.DataFrame(rows, columns=["node", "submitter_id", "id"], dtype=object)

    def __str__(self) -> str:
        if not self._rows:
            return "nothing to delete: there are no rows"
        by_node = Counter(row.node for row in self._rows if row.status == "deleted")
        words = [f"{self.counts['deleted']:,} {'would go' if self.dry_run else 'deleted'}"]
        if by_node:
            words[0] += f" ({listed(by_node)})"
        words += [
            f"{count:,} {name.replace('_', ' ')}"
            for name, count in self.counts.items()
            if count and name != "deleted"
        ]
        return ("dry run, nothing deleted: " if self.dry_run else "") + ", ".join(words)

    def __repr__(self) -> str:
        return f"<DeletionReport: {self}; {self.project} at {self.endpoint}>"

    def __bool__(self) -> bool:
        return refuse_bool(self)

    def _repr_html_(self) -> str:
        bad: dict[tuple[str, str, str], list[Doomed]] = {}
        for one in self._rows:
            if one.status != "deleted":
                bad.setdefault((one.node, one.status, one.reason), []).append(one)
        ordered = sorted(bad.items(), key=lambda entry: -len(entry[1]))
        rows = [
            (status, f"{node}, {counted(len(held), 'row')} (`{held[0].submitter_id}`): {reason}")
            for (node, status, reason), held in ordered[:20]
        ]
        more = (
            f"… and {len(ordered) - 20} more kinds: see <code>.to_frame()</code>" if len(ordered) > 20 else ""
        )
        title = f"Deletion from {self.project} at {self.endpoint}"
        return page(title, str(self), rows, [*map(html.escape, self.notes), more])


def listed(counts: Counter[str]) -> str:
    """Give counts by node in words: ``"24 diagnosis and 12 sample"``."""
    words = [f"{count:,} {node}" for node, count in counts.items()]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
