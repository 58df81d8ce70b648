"""What reports of files that were written have in common."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from gen3nb.frames.reports import refuse_bool

__all__ = ["Written", "sum_of"]


class Written:
    """Files of records that were written, whole.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per file: node, file, records, bytes, sha256.
    """

    table: pd.DataFrame

    @property
    def ok(self) -> bool:
        """Always so: what is not whole raises, and leaves nothing behind."""
        return True

    @property
    def records(self) -> int:
        """How many records all files hold."""
        return int(self.table["records"].sum())

    def to_frame(self) -> pd.DataFrame:
        """Give node, file, records, bytes and sha256, one row per file."""
        return self.table.copy()

    def __bool__(self) -> bool:
        return refuse_bool(self)


def sum_of(file: Path) -> str:
    """Give the SHA-256 sum of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
