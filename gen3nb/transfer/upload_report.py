"""What became of the files of an upload, and the records that describe them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from gen3nb.transfer.report import TransferReport
from gen3nb.transfer.scratch import scratch
from gen3nb.transfer.spool import Spool

__all__ = ["Facts", "UploadReport"]

COLUMNS = ("object_id", "file_name", "file_size", "md5sum")
#: Columns of a frame of files that are no properties of a record.
OWN = frozenset({"path", "file_path", "local_path", "filepath", "guid", "authz", "urls", "sha256"})


class Facts:
    """What is known of files that are in the commons, on disk once it is much."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._base = scratch(
            "create table fact (at integer primary key, guid, name, size, md5, sha256, rows, path, authz)",
            "create index by_hash on fact (sha256)",
        )

    def add(
        self,
        at: int,
        guid: str,
        name: str,
        size: int,
        hashes: Mapping[str, str],
        rows: Sequence[int],
        *,
        path: str = "",
        authz: Sequence[str] = (),
    ) -> None:
        """Take one in."""
        md5, sha256 = hashes.get("md5"), hashes.get("sha256")
        values = (at, guid, name, size, md5, sha256, json.dumps(list(rows)), path, json.dumps(sorted(authz)))
        with self._lock:
            self._base.execute("insert or replace into fact values (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    def find(self, size: int, sha256: str, authz: Sequence[str]) -> tuple[str, str] | None:
        """Give GUID and path of a file of this content and authz, if there is one."""
        sql = "select guid, path from fact where sha256 = ? and size = ? and authz = ? limit 1"
        with self._lock:
            return self._base.execute(sql, (sha256, size, json.dumps(sorted(authz)))).fetchone()  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Give (guid, name, size, md5, sha256, rows) in order."""
        sql = "select guid, name, size, md5, sha256, rows from fact order by at"
        for *facts, rows in self._base.execute(sql):
            yield (*facts, json.loads(rows))


class UploadReport(TransferReport):
    """One status for each file of an upload.

    Made by ``commons.files.upload()``. It has all that a :class:`~gen3nb.transfer.report.TransferReport` has.

    Attributes
    ----------
    submission : SubmissionReport or None
        What became of the records that describe the files, where they were submitted too.
    """

    def __init__(self, spool: Spool, facts: Facts, frame: pd.DataFrame | None = None, **options: Any) -> None:
        super().__init__(spool, verb="uploaded", **options)
        self._facts = facts
        self._given = frame
        self.submission: Any = None

    @property
    def ok(self) -> bool:
        """Whether every file is where it should be, and whole, and described if that was asked for."""
        return super().ok and (self.submission is None or bool(self.submission.ok))

    def records(self) -> pd.DataFrame:
        """Give one row for each file that is in the commons, as records of file nodes describe it.

        Returns
        -------
        pandas.DataFrame
            ``object_id`` (the GUID), ``file_name``, ``file_size`` (bytes), ``md5sum``; and the other columns
            of the frame that the paths came from. ``df.gen3.submit`` takes it, with the links and
            properties that the node wants besides.
        """
        facts = list(self._facts)
        if self._given is None:
            rows = [fact[:4] for fact in facts]
            frame = pd.DataFrame(rows, columns=list(COLUMNS))
            return frame.astype({"file_size": "Int64"})
        pairs = sorted((row, fact) for fact in facts for row in fact[5])
        kept = self._given.iloc[[row for row, _ in pairs]].copy()
        kept.attrs = {}
        for at, name in enumerate(COLUMNS):
            kept[name] = [fact[at] for _, fact in pairs]
        gone = [name for name in kept.columns if str(name) in OWN]
        return kept.drop(columns=gone).astype({"file_size": "Int64"})

    def __str__(self) -> str:
        words = super().__str__()
        return f"{words}; records: {self.submission}" if self.submission is not None else words

    def __reduce__(self) -> tuple[Any, ...]:
        facts = {"where": self.where, "seconds": self.seconds, "notes": self.notes}
        return (_again, (list(self), list(enumerate(self._facts)), self._given, facts, self.submission))


def _again(
    outcomes: list[Any], facts: list[Any], frame: Any, options: dict[str, Any], submission: Any
) -> UploadReport:
    kept = Facts()
    for at, (guid, name, size, md5, sha256, rows) in facts:
        kept.add(at, guid, name, size, {"md5": md5, "sha256": sha256}, rows)
    report = UploadReport(Spool(outcomes), kept, frame, **options)
    report.submission = submission
    return report
