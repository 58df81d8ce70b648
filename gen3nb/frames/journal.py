"""The journal of a submission: what was sent and what was answered, for whoever wants to know later.

One file per submission under the user's state folder, readable by the user alone, appended and flushed to
disk line by line. It holds submitter_ids, hashes and statuses, no other cell. What is stored, the commons
alone knows: nothing here is ever believed over it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from gen3nb.errors import SubmissionError

__all__ = ["Journal", "encoded", "fingerprint", "journal_folder"]


def journal_folder() -> Path:
    """Give the folder of the journals: ``gen3nb/submissions`` in the user's state folder."""
    from platformdirs import user_state_path

    return user_state_path("gen3nb", appauthor=False) / "submissions"


_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=str)


def encoded(record: Mapping[str, Any]) -> bytes:
    """Give a record as JSON, its names in order: as it is sent, and as its fingerprint is taken."""
    return _ENCODER.encode(record).encode("utf-8", "surrogatepass")


def fingerprint(text: bytes) -> str:
    """Give a short hash of an encoded record, by which it can be told whether two were the same."""
    return hashlib.sha256(text).hexdigest()[:16]


class Journal:
    """A new journal.

    Parameters
    ----------
    endpoint, project : str
        Where the rows go.

    Raises
    ------
    SubmissionError
        It cannot be written.
    """

    def __init__(self, endpoint: str, project: str) -> None:
        now = dt.datetime.now(dt.UTC)
        name = f"{now:%Y%m%dT%H%M%S}-{re.sub(r'[^A-Za-z0-9_.-]', '_', project)}-{secrets.token_hex(4)}.jsonl"
        folder = journal_folder()
        self.path = folder / name
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except OSError as error:
            raise SubmissionError(
                f"The journal of the submission cannot be made in {folder} ({error.strerror}); nothing was "
                "sent. Make room there, or set XDG_STATE_HOME to another folder."
            ) from error
        self._open = True
        try:
            self.write("start", endpoint=endpoint, project=project)
        except SubmissionError:
            self.close()
            raise

    def write(self, event: str, **facts: Any) -> None:
        """Append an event, on disk when this returns; answers are left to the operating system.

        Raises
        ------
        SubmissionError
            The disk is full, or the like.
        """
        entry = {"at": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"), "event": event, **facts}
        line = json.dumps(entry, ensure_ascii=False, default=str) + "\n"
        try:
            data = line.encode("utf-8", "backslashreplace")
            while data:
                data = data[os.write(self._handle, data) :]
            if event != "answer":
                # what is about to be sent has to be on disk; an answer is looked up anyway
                os.fsync(self._handle)
        except OSError as error:
            raise SubmissionError(
                f"The journal {self.path} cannot be written ({error.strerror}), so no more was sent. Make "
                "room, then run the same call again: what is stored is not sent twice."
            ) from error

    def close(self) -> None:
        """Close the file."""
        if self._open:
            self._open = False
            os.close(self._handle)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
