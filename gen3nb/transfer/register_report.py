"""What became of the entries of a manifest that was registered."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gen3nb.errors import TransferError
from gen3nb.transfer.entries import Entry
from gen3nb.transfer.report import TransferReport
from gen3nb.transfer.spool import Spool

__all__ = ["RegisterReport"]

COLUMNS = ("guid", "file_name", "size", "md5", "sha1", "sha256", "sha512", "urls", "authz", "why")


class RegisterReport(TransferReport):
    """One status for each entry of a manifest.

    Made by ``commons.files.register()``. It has all that a
    :class:`~gen3nb.transfer.report.TransferReport` has.
    """

    def __init__(self, spool: Spool, left: Iterable[tuple[Entry, str]], **options: Any) -> None:
        super().__init__(spool, verb="registered", **options)
        self._left = list(left)

    def to_manifest(self, path: str | os.PathLike[str]) -> int:
        """Write the entries that are not registered, with the reason of each, to be repaired and given again.

        Parameters
        ----------
        path : str or path
            A tab-separated table.

        Returns
        -------
        int
            How many there are. Without any, nothing is written.

        Raises
        ------
        TransferError
            It cannot be written.
        """
        if not self._left:
            return 0
        target = Path(path).expanduser()
        try:
            with open(target, "w", encoding="utf-8", newline="") as file:
                table = csv.writer(file, delimiter="\t", lineterminator="\n")
                table.writerow(COLUMNS)
                for entry, why in self._left:
                    hashes = [entry.hashes.get(kind, "") for kind in ("md5", "sha", "sha256", "sha512")]
                    size = "" if entry.size is None else entry.size
                    lists = [" ".join(entry.urls), " ".join(entry.authz)]
                    table.writerow([entry.guid, entry.file_name or "", size, *hashes, *lists, why])
        except OSError as error:
            raise TransferError(f"The manifest {target} cannot be written: {error.strerror}.") from error
        return len(self._left)

    def __reduce__(self) -> tuple[Any, ...]:
        facts = {"where": self.where, "seconds": self.seconds, "notes": self.notes, "dry_run": self.dry_run}
        return (_again, (list(self), self._left, facts))


def _again(outcomes: list[Any], left: list[tuple[Entry, str]], facts: dict[str, Any]) -> RegisterReport:
    return RegisterReport(Spool(outcomes), left, **facts)
