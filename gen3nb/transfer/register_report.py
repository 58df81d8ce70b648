"""What became of the entries of a manifest that was registered."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from gen3nb.transfer.entries import Entry
from gen3nb.transfer.kept import KeptEntries
from gen3nb.transfer.manifest_writing import write_table
from gen3nb.transfer.report import TransferReport
from gen3nb.transfer.spool import Spool

__all__ = ["RegisterReport"]


class RegisterReport(TransferReport):
    """One status for each entry of a manifest.

    Made by ``commons.files.register()``. It has all that a
    :class:`~gen3nb.transfer.report.TransferReport` has.
    """

    def __init__(self, spool: Spool, left: KeptEntries, **options: Any) -> None:
        super().__init__(spool, verb="registered", **options)
        self._left = left

    def __str__(self) -> str:
        if not self.dry_run or not len(self):
            return super().__str__()
        counts = self.counts
        words = [f"{counts.get('registered', 0):,} to register"]
        words += [f"{counts[name]:,} {name}" for name in ("already there", "failed") if counts.get(name)]
        return f"dry run, nothing registered: {', '.join(words)}"

    def to_manifest(self, path: str | os.PathLike[str]) -> int:
        """Write the entries that are not registered, with the reason of each, to be repaired and given again.

        Parameters
        ----------
        path : str or path
            A table, with tabs or, where it ends in ``.csv``, commas. It appears whole or not at all.

        Returns
        -------
        int
            How many there are. Without any, nothing is written.

        Raises
        ------
        TransferError
            It cannot be written.
        """
        if not len(self._left):
            return 0
        return write_table(_reasoned(self._left), path, "gen3")

    def __reduce__(self) -> tuple[Any, ...]:
        facts = {"where": self.where, "seconds": self.seconds, "notes": self.notes, "dry_run": self.dry_run}
        return (_again, (list(self), list(self._left), facts))


def _reasoned(left: Iterable[tuple[Entry, str]]) -> Iterator[Entry]:
    """Give entries that say why they are not registered."""
    for entry, why in left:
        more = {name: value for name, value in entry.more.items() if name != "why"}
        yield replace(entry, more={**more, "why": why})


def _again(outcomes: list[Any], left: list[tuple[Entry, str]], facts: dict[str, Any]) -> RegisterReport:
    kept = KeptEntries()
    for entry, why in left:
        kept.add(entry, why)
    return RegisterReport(Spool(outcomes), kept, **facts)
