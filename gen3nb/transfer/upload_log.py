"""The logs that the Go clients keep of uploads, in ``~/.gen3/logs``: what succeeded, and what to try again.

``data-client`` has one file of each kind for ever, ``gen3-client`` a new list of failures for each run;
scripts read both. Every file stands among the failures before it is sent, so that a run that is killed can be
tried again; a file that turns out to be there by then is not sent twice.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gen3nb.client.private_files import locked, write
from gen3nb.errors import TransferError
from gen3nb.transfer.annotating import FileMetadata, Given, facts_of
from gen3nb.transfer.sources import LocalFile
from gen3nb.transfer.spool import Outcome

__all__ = ["Failure", "FileLog", "log_folder", "read_failures"]

EVERY = 10.0  # seconds between two times that it is written


def log_folder() -> Path:
    """Give the folder of the logs."""
    return Path("~/.gen3/logs").expanduser()


@dataclass(frozen=True, slots=True)
class Failure:
    """A file to try again.

    Attributes
    ----------
    path, name : str
        Where it is, and what the commons calls it.
    guid : str
        Of the record that was made for it; empty where there is none.
    authz : tuple of str
    metadata : Mapping
        ``aliases`` and ``metadata``.
    bucket : str
    multipart : bool
    retries : int
        How often it was tried again.
    sidecar : bool
        What is said of it stands in the file beside it, ``a_metadata.json`` for ``a.bam``.
    """

    path: str
    name: str
    guid: str = ""
    authz: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    bucket: str = ""
    multipart: bool = False
    retries: int = 0
    sidecar: bool = False

    def with_facts(self, facts: FileMetadata) -> Failure:
        """Give it with what is said of the file: its own authz goes before that of the call."""
        told = {"aliases": list(facts.aliases), "metadata": dict(facts.metadata)}
        return replace(self, authz=facts.authz or self.authz, metadata=told)

    def entry(self, path: str, name: str) -> dict[str, Any]:
        """Give it as a client writes it, with its names for path and name."""
        told = {
            "authz": list(self.authz),
            "aliases": list(self.metadata.get("aliases") or ()),
            "metadata": dict(self.metadata.get("metadata") or {}),
        }
        return {
            path: self.path,
            name: self.name,
            "FileMetadata": told,
            "GUID": self.guid,
            "RetryCount": self.retries,
            "Multipart": self.multipart,
            "Bucket": self.bucket,
            # the Go clients pass over names that they do not know
            **({"MetadataFile": True} if self.sidecar else {}),
        }


class FileLog:
    """The logs of one run.

    Parameters
    ----------
    profile : str
        They are named after it.
    folder : Path, optional
        By default ``~/.gen3/logs``.
    retries : int
        How often the files were tried again.
    """

    def __init__(self, profile: str, folder: Path | None = None, *, retries: int = 0) -> None:
        self.folder = folder or log_folder()
        self.succeeded = [self.folder / f"{profile}_succeeded{end}.json" for end in ("", "_log")]
        stamp = re.sub(r"[^A-Za-z0-9+-]", "", time.strftime("%Y%m%d%H%M%S%Z"))
        self.failed_for_ever = self.folder / f"{profile}_failed.json"
        self.failed = self.folder / f"{profile}_failed_log_{stamp}.json"
        self._retries = retries
        self._left: dict[str, Failure] = {}
        self._done: dict[str, str] = {}
        self._fresh: dict[str, str] = {}
        self._written = 0.0

    def begin(
        self,
        files: Sequence[LocalFile],
        authz: Sequence[str],
        *,
        bucket: str,
        multipart: bool,
        metadata: Given = False,
    ) -> None:
        """List all files as failed, before any is sent.

        Raises
        ------
        TransferError
            The logs cannot be written; nothing was sent.
        """
        self._left = {
            one.path: Failure(
                one.path,
                one.name,
                one.guid,
                tuple(authz),
                bucket=bucket,
                multipart=multipart,
                retries=self._retries,
                sidecar=metadata is True,
            )
            for one in files
            if one.path
        }
        if isinstance(metadata, Mapping):
            for one in files:
                self._tell(one, metadata)
        problem = ""
        try:
            self._reserve()
            self._write()
        except OSError as error:
            problem = error.strerror or type(error).__name__
        if problem:
            raise TransferError(
                f"The logs in {self.folder} cannot be written ({problem}); nothing was sent. Make room "
                "there, or set HOME to another folder."
            )

    def settle(self, file: LocalFile, outcome: Outcome) -> None:
        """Take in what became of a file."""
        if outcome.status in ("uploaded", "already there"):
            self._left.pop(file.path, None)
            self._fresh[file.path] = outcome.guid
        elif file.path in self._left:
            known = self._left[file.path]
            self._left[file.path] = replace(known, guid=outcome.guid or known.guid)
            if known.sidecar and outcome.status == "failed":
                self._tell(file, True)
        if time.monotonic() - self._written > EVERY:
            with suppress(OSError):
                self._write()

    def _tell(self, file: LocalFile, metadata: Given) -> None:
        """Note what is said of a file, so that it is not lost when the file is tried again."""
        with suppress(TransferError):  # of facts that are not right the upload itself tells
            facts = facts_of(file, metadata)
            if facts is not None and file.path in self._left:
                self._left[file.path] = self._left[file.path].with_facts(facts)

    def end(self) -> None:
        """Write the last of it; without failures their list goes."""
        with suppress(OSError):
            self._write()
            if not self._left:
                self.failed.unlink(missing_ok=True)

    def _reserve(self) -> None:
        """Take a name that no other run has: several may begin within one second."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        number, first = 1, self.failed
        while True:
            try:
                os.close(os.open(self.failed, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
                return
            except FileExistsError:
                number += 1
                self.failed = first.with_name(f"{first.stem}_{number}.json")

    def _write(self) -> None:
        self._written = time.monotonic()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        left = list(self._left.values())
        with locked(self.failed_for_ever):
            if self._fresh:
                for path in self.succeeded:
                    _put(path, {**_read(path), **self._fresh})
            known = _read(self.failed_for_ever)
            kept = {path: entry for path, entry in known.items() if path not in self._fresh}
            kept |= {one.path: one.entry("SourcePath", "ObjectKey") for one in left}
            if kept or known:
                _put(self.failed_for_ever, kept)
        _put(self.failed, [one.entry("FilePath", "Filename") for one in left])
        self._done |= self._fresh
        self._fresh = {}


def _put(path: Path, content: Any) -> None:
    write(path, json.dumps(content, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace"))


def _read(path: Path) -> dict[str, Any]:
    """Read one of the files that stay; a broken one begins anew."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def read_failures(path: str | os.PathLike[str]) -> list[Failure]:
    """Read a list of failures, of either client or ours.

    Raises
    ------
    TransferError
        It is none.
    """
    problem = ""
    try:
        content = json.loads(Path(path).expanduser().read_bytes())
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except ValueError:
        problem = "is no list of failed uploads: it is not JSON"
    if problem:
        raise TransferError(f"{path} {problem}.")
    entries = list(content.values()) if isinstance(content, dict) else content
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise TransferError(f"{path} is no list of failed uploads.")
    return [_failure(one, number, path) for number, one in enumerate(entries, start=1)]


def _failure(entry: Mapping[str, Any], number: int, path: Any) -> Failure:
    where = entry.get("SourcePath") or entry.get("FilePath")
    if not isinstance(where, str) or not where:
        raise TransferError(
            f"{path} is no list of failed uploads: entry {number} has no SourcePath, and no FilePath."
        )
    told = entry.get("FileMetadata")
    facts = told if isinstance(told, dict) else {}
    return Failure(
        path=where,
        name=str(entry.get("ObjectKey") or entry.get("Filename") or os.path.basename(where)),
        guid=str(entry.get("GUID") or ""),
        authz=tuple(str(one) for one in facts.get("authz") or ()),
        metadata={name: facts.get(name) for name in ("aliases", "metadata")},
        bucket=str(entry.get("Bucket") or ""),
        multipart=bool(entry.get("Multipart")),
        retries=int(entry.get("RetryCount") or 0),
        sidecar=entry.get("MetadataFile") is True,
    )
