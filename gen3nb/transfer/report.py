"""What became of the files of one call, for people and for programs."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import pandas as pd

from gen3nb.frames.reports import counted, page, refuse_bool
from gen3nb.transfer.spool import Outcome, Spool

__all__ = ["TransferReport", "bytes_of"]

COLUMNS = list(Outcome.__dataclass_fields__)
BAD = ("failed", "not started")
_SHOWN = 20


class TransferReport:
    """One status for each file.

    Made by ``df.gen3.download()``, ``commons.files.download()`` and ``commons.files.upload()``.

    Parameters
    ----------
    spool : Spool
    verb : str
        ``"downloaded"``, ``"uploaded"`` or ``"registered"``.
    where : str
        The folder, or the commons, that the files went to.
    seconds : float
        How long it all took.
    notes : sequence of str
        What is no failure, but worth to know.
    dry_run : bool
        Nothing was moved: the statuses are what would be.

    Attributes
    ----------
    counts : dict of str to int
        Files by status.
    bytes : int
        How many were moved, or would be.
    seconds : float
    where : str
    notes : list of str
    """

    def __init__(
        self,
        spool: Spool,
        *,
        verb: str,
        where: str,
        seconds: float = 0.0,
        notes: Sequence[str] = (),
        dry_run: bool = False,
    ) -> None:
        self._spool = spool
        self.verb = verb
        self.where = where
        self.seconds = seconds
        self.notes = list(notes)
        self.dry_run = dry_run

    @property
    def counts(self) -> dict[str, int]:
        """Files by status."""
        return dict(self._spool.counts)

    @property
    def bytes(self) -> int:
        """How many bytes were moved."""
        return self._spool.bytes

    @property
    def ok(self) -> bool:
        """Whether every file is where it should be, and whole."""
        return not any(self._spool.counts[status] for status in BAD)

    def __len__(self) -> int:
        return len(self._spool)

    def __iter__(self) -> Iterator[Outcome]:
        """Give one outcome after the other, without holding them all."""
        return iter(self._spool)

    def to_frame(self) -> pd.DataFrame:
        """Give one row per file.

        Returns
        -------
        pandas.DataFrame
            guid, name, bytes (moved this time, or to be), seconds, hash (which was checked), status, why.
        """
        return _frame(self._spool)

    @property
    def failed(self) -> pd.DataFrame:
        """The rows of the files that are not there: failed, or not started."""
        return _frame(self._spool.with_status(*BAD))

    def __str__(self) -> str:
        if not len(self):
            return "no files: there is nothing to do"
        counts = self._spool.counts
        always = (self.verb, "failed")
        order = dict.fromkeys((self.verb, "already there", *counts, "failed", "not started"))
        said = {self.verb: f"would be {self.verb}"} if self.dry_run else {}
        words = [
            f"{counts[name]:,} {said.get(name, name)}" for name in order if counts[name] or name in always
        ]
        speed = f", {bytes_of(self.bytes)}" if self.bytes else ""
        if self.bytes and self.seconds > 1 and not self.dry_run:
            speed += f" in {self.seconds:.0f} s ({bytes_of(self.bytes / self.seconds)}/s)"
        return ("dry run, nothing moved: " if self.dry_run else "") + ", ".join(words) + speed

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}; {self.where}>"

    def __bool__(self) -> bool:
        return refuse_bool(self)

    def __reduce__(self) -> tuple[Callable[..., TransferReport], tuple[Any, ...]]:
        facts = {
            "verb": self.verb,
            "where": self.where,
            "seconds": self.seconds,
            "notes": self.notes,
            "dry_run": self.dry_run,
        }
        return (_again, (list(self._spool), facts))

    def _repr_html_(self) -> str:
        kinds: dict[tuple[str, str], list[str]] = {}
        bad = self._spool.with_status(*BAD)
        for one in islice(bad, 10_000):
            kinds.setdefault((one.status, one.why), []).append(one.name or one.guid)
        ordered = sorted(kinds.items(), key=lambda kind: -len(kind[1]))
        marks = {"failed": "✗ failed", "not started": "– not started"}
        rows = [
            (marks[status], f"{counted(len(names), 'file')} (`{names[0]}`): {why or 'no reason was given'}")
            for (status, why), names in ordered[:_SHOWN]
        ]
        left = len(ordered) - _SHOWN
        more = f"… and {left} more kinds: see <code>.failed</code>" if left > 0 else ""
        return page(self.where, str(self), rows, [more, *map(html.escape, self.notes)])


def _again(outcomes: list[Outcome], facts: dict[str, Any]) -> TransferReport:
    return TransferReport(Spool(outcomes), **facts)


def _frame(outcomes: Spool | Iterator[Outcome]) -> pd.DataFrame:
    """Collect outcomes column by column."""
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for one in outcomes:
        for name, values in columns.items():
            values.append(getattr(one, name))
    table = pd.DataFrame(columns, dtype=object)
    return table.astype({"bytes": "int64", "seconds": "float64", "status": "category"})


def bytes_of(count: float) -> str:
    """Give a number of bytes as people write it: ``"12.3 GiB"``."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024 or unit == "TiB":
            break
        size /= 1024
    return f"{size:,.0f} {unit}" if unit == "B" or size >= 100 else f"{size:,.1f} {unit}"
