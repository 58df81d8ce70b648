"""One file on its way into a commons: what is wished of it, what is known, what became of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gen3nb.errors import TransferError
from gen3nb.transfer.annotating import FileMetadata
from gen3nb.transfer.carrying import Read
from gen3nb.transfer.confirming import Waiting
from gen3nb.transfer.outgoing import LARGEST, Snapshot
from gen3nb.transfer.parts import Sent
from gen3nb.transfer.report import bytes_of
from gen3nb.transfer.sources import LocalFile
from gen3nb.transfer.upload_journal import Begun

__all__ = ["Job", "Wishes", "begun_of", "described", "is_blank", "seconds_of", "shot_of", "too_large"]


@dataclass(frozen=True, slots=True)
class Wishes:
    """How files are to be uploaded.

    Attributes
    ----------
    authz : tuple of str
    bucket : str
        Empty: the commons' own choice.
    multipart : bool or None
        In parts from 5 MiB on; never; or from 64 MiB on.
    again : bool
        Upload also what is there already, under another GUID.
    """

    authz: tuple[str, ...] = ()
    bucket: str = ""
    multipart: bool | None = None
    again: bool = False


@dataclass(eq=False, slots=True)
class Job:
    """A file that is worked on.

    Attributes
    ----------
    at : int
        Its place in the order.
    file : LocalFile
    authz : tuple of str
        Of this file.
    status, why, hash : str
        What became of it, once that is known.
    """

    at: int
    file: LocalFile
    authz: tuple[str, ...]
    said: FileMetadata = field(default_factory=FileMetadata)  # what else is to be known of it
    begun: Begun | None = None
    shot: Snapshot | None = None
    read: Read | None = None  # what was read of it before it goes in parts
    sent: Sent | None = None
    made: bool = False  # whether its record was made for it, so that it goes where the file is refused
    claimed: bool = False  # ahead of the work
    from_journal: bool = False
    resent: bool = False
    follows: bool = False  # another file of the same content is on its way
    key: tuple[int, str, tuple[str, ...]] | None = None  # by which others of its content find it
    started: float = field(default_factory=time.monotonic)
    status: str = ""
    why: str = ""
    hash: str = ""
    moved: int = 0
    followers: list[Job] = field(default_factory=list)

    @property
    def guid(self) -> str:
        """Empty as long as it has none."""
        return self.begun.guid if self.begun is not None else self.file.guid

    def settle(self, status: str, why: str = "", hash_: str = "") -> None:
        """Say what became of it."""
        self.status, self.why, self.hash = status, why, hash_ or self.hash

    def waiting(self) -> Waiting:
        """Give what the index has to know of it."""
        begun, shot = self.begun, self.shot
        if begun is None or shot is None:
            raise TransferError(f"{self.file.path} was not sent")
        agreed = self.sent is not None and self.sent.agreed
        doubtful = self.resent or (self.from_journal and begun.state == "stored")
        now, authz = time.monotonic(), () if self.file.guid else self.authz
        return Waiting(
            begun.guid, begun.name, shot.size, begun.hashes, agreed, now, self.resent, doubtful, authz
        )


def shot_of(job: Job) -> Snapshot:
    """Give the file as it was when its upload began."""
    if job.shot is None:
        raise TransferError(f"{job.file.path} was not looked at")
    return job.shot


def begun_of(job: Job) -> Begun:
    """Give what the journal has of it."""
    if job.begun is None:
        raise TransferError(f"{job.file.path} was not begun")
    return job.begun


def is_blank(record: Mapping[str, Any] | None) -> bool:
    """Say whether a record still waits for its file."""
    return record is None or record["size"] is None or not record["hashes"]


def described(record: Mapping[str, Any]) -> str:
    """Say what a record is of."""
    return f"{record['file_name'] or 'a file'} of {record['size']:,} bytes"


def too_large(size: int) -> str:
    """Say why a file of so many bytes cannot go."""
    if size <= LARGEST:
        return ""
    return f"it has {bytes_of(size)}, and an object store takes no more than {bytes_of(LARGEST)}"


def seconds_of(date: Any) -> float:
    """Read a date of the index, which names no zone and means UTC."""
    try:
        read = datetime.fromisoformat(str(date))
    except ValueError:
        return 0.0
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
