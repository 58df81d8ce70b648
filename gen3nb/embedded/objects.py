"""The objects of an object store, on disk: named by a hash, so that no key reaches a path."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

SMALLEST_PART = 5 << 20  # S3 takes no smaller part, but for the last one
_BLOCK = 1 << 20


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Give so many bytes, or fewer at the end."""
        ...


class NoSuchUpload(Exception):
    """There is no multipart upload of this id and key, or not with these parts; the message says it."""


@dataclass(frozen=True)
class Stored:
    """What is known of one object.

    Attributes
    ----------
    key : str
    size : int
        Bytes.
    etag : str
        MD5 of the content, or of the parts' MD5s with their number behind it.
    modified : float
        Seconds since 1970.
    hashes : dict of str to str
        ``md5`` and ``sha256`` of the content, in hexadecimal.
    """

    key: str
    size: int
    etag: str
    modified: float
    hashes: dict[str, str]


class Objects:
    """The objects of one bucket.

    Parameters
    ----------
    folder : Path
        Made if it is not there, for its owner alone.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._folder = os.path.join(folder, "")
        self._uploads = folder / "uploads"
        self._uploads.mkdir(mode=0o700, parents=True, exist_ok=True)

    def find(self, key: str) -> Stored | None:
        """Say what is known of an object; ``None`` where there is none."""
        with suppress(FileNotFoundError), open(f"{self._place(key)}.json", "rb", buffering=0) as notes:
            return Stored(**json.loads(notes.read()))
        return None

    def open(self, key: str) -> BinaryIO:
        """Open an object for reading."""
        return open(self._place(key), "rb", buffering=0)

    def put(self, key: str, source: Readable, length: int) -> Stored:
        """Store so many bytes of a stream as an object, whole or not at all.

        Raises
        ------
        EOFError
            The stream ended before.
        """
        path = self._path(key)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        temporary, hashes = self._receive(source, length, ("md5", "sha256"))
        return self._settle(key, temporary, length, hashes["md5"], hashes)

    def keep(self, written: Path, key: str) -> Stored:
        """Make a file that was written elsewhere an object."""
        with written.open("rb") as source:
            return self.put(key, source, written.stat().st_size)

    def delete(self, key: str) -> None:
        """Take an object away."""
        for path in (self._path(key).with_suffix(".json"), self._path(key)):
            path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Take all objects and uploads away."""
        for path in self.folder.iterdir():
            shutil.rmtree(path, ignore_errors=True)
        self._uploads.mkdir(mode=0o700, exist_ok=True)

    # -- multipart -----------------------------------------------------------------------------------------

    def start(self, key: str) -> str:
        """Begin a multipart upload, and give its id."""
        upload = secrets.token_urlsafe(40)
        folder = self._uploads / upload
        folder.mkdir(mode=0o700)
        (folder / "key.json").write_text(json.dumps(key))
        return upload

    def put_part(self, upload: str, key: str, number: int, source: Readable, length: int) -> str:
        """Store one part of a multipart upload; it replaces an earlier one. Gives its ETag.

        Raises
        ------
        NoSuchUpload
            There is no such upload of this key.
        EOFError
            The stream ended before.
        """
        folder = self._upload(upload, key)
        temporary, hashes = self._receive(source, length, ("md5",))
        os.replace(temporary, folder / f"{number}-{hashes['md5']}")
        for other in folder.glob(f"{number}-*"):
            if other.name != f"{number}-{hashes['md5']}":
                other.unlink(missing_ok=True)
        return hashes["md5"]

    def complete(self, upload: str, key: str, parts: Sequence[Mapping[str, Any]]) -> Stored:
        """Put the parts together to an object.

        Parameters
        ----------
        upload, key : str
        parts : sequence of Mapping
            ``PartNumber`` and ``ETag``, in ascending order.

        Raises
        ------
        NoSuchUpload
            There is no such upload, or not with these parts.
        """
        done = self._upload(upload, key) / "done.json"
        with suppress(FileNotFoundError):
            return Stored(**json.loads(done.read_bytes()))  # asked again: the same answer
        files = list(self._parts(upload, key, parts))
        path = self._path(key)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        temporary, hashes = self._joined(files)
        size = sum(file.stat().st_size for file in files)
        of_parts = hashlib.md5(usedforsecurity=False)
        for file in files:
            of_parts.update(bytes.fromhex(file.name.partition("-")[2]))
        stored = self._settle(key, temporary, size, f"{of_parts.hexdigest()}-{len(files)}", hashes)
        done.write_text(json.dumps(asdict(stored)))
        for file in files:
            file.unlink(missing_ok=True)
        return stored

    def _parts(self, upload: str, key: str, parts: Iterable[Mapping[str, Any]]) -> Iterable[Path]:
        """Find the parts, and refuse what S3 refuses."""
        folder, before, small = self._upload(upload, key), 0, False
        for part in parts:
            number, etag = int(part["PartNumber"]), str(part["ETag"]).strip('"')
            file = folder / f"{number}-{etag}"
            if "/" in etag or not file.is_file():
                raise NoSuchUpload("One or more of the specified parts could not be found. (InvalidPart)")
            if number <= before:
                raise NoSuchUpload("The list of parts was not in ascending order. (InvalidPartOrder)")
            if small:
                raise NoSuchUpload(
                    "Your proposed upload is smaller than the minimum allowed size (EntityTooSmall)"
                )
            small, before = file.stat().st_size < SMALLEST_PART, number
            yield file
        if not before:
            raise NoSuchUpload("You must specify at least one part (MalformedXML)")

    def _upload(self, upload: str, key: str) -> Path:
        folder = self._uploads / upload
        if not upload or "/" in upload or upload.startswith("."):
            raise NoSuchUpload("The specified upload does not exist. (NoSuchUpload)")
        with suppress(FileNotFoundError, NotADirectoryError):
            if json.loads((folder / "key.json").read_text()) == key:
                return folder
        raise NoSuchUpload("The specified upload does not exist. (NoSuchUpload)")

    # -- files ---------------------------------------------------------------------------------------------

    def _path(self, key: str) -> Path:
        return Path(self._place(key))

    def _place(self, key: str) -> str:
        name = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
        return f"{self._folder}{name[:2]}/{name}"

    def _receive(self, source: Readable, length: int, names: Iterable[str]) -> tuple[str, dict[str, str]]:
        """Write so many bytes to a temporary file; give it and its hashes."""
        sums = {name: hashlib.new(name, usedforsecurity=False) for name in names}
        handle, temporary = tempfile.mkstemp(dir=self._uploads)
        try:
            with os.fdopen(handle, "wb") as target:
                left = length
                while left:
                    block = source.read(min(_BLOCK, left))
                    if not block:
                        raise EOFError(f"{left} bytes are missing")
                    target.write(block)
                    left -= len(block)
                    for one in sums.values():
                        one.update(block)
        except BaseException:
            os.unlink(temporary)
            raise
        return temporary, {name: one.hexdigest() for name, one in sums.items()}

    def _joined(self, files: Sequence[Path]) -> tuple[str, dict[str, str]]:
        """Join files to a temporary one; give it and its hashes, each taken by a thread of its own."""
        names = ("md5", "sha256")
        handle, temporary = tempfile.mkstemp(dir=self._uploads)
        try:
            with ThreadPoolExecutor(len(names)) as threads, os.fdopen(handle, "wb", buffering=0) as target:
                sums = [threads.submit(_hash_of, name, files) for name in names]
                for file in files:
                    _append(file, target)
                return temporary, {name: one.result() for name, one in zip(names, sums, strict=True)}
        except OSError:
            os.unlink(temporary)
            raise

    def _settle(self, key: str, temporary: str, size: int, etag: str, hashes: Mapping[str, str]) -> Stored:
        """Give a temporary file its place, and write down what is known of it."""
        path = self._path(key)
        stored = Stored(key, size, etag, time.time(), dict(hashes))
        notes = f"{temporary}.json"
        Path(notes).write_text(json.dumps(asdict(stored)))
        os.replace(temporary, path)
        os.replace(notes, path.with_suffix(".json"))
        return stored


def _hash_of(name: str, files: Iterable[Path]) -> str:
    """Give the hash of the contents of files, one after the other."""
    total, room = hashlib.new(name, usedforsecurity=False), memoryview(bytearray(_BLOCK))
    for file in files:
        with file.open("rb", buffering=0) as source:
            while count := source.readinto(room):
                total.update(room[:count])
    return total.hexdigest()


def _append(file: Path, target: BinaryIO) -> None:
    """Append a file's content, by the system alone where it can."""
    with file.open("rb", buffering=0) as source:
        if hasattr(os, "copy_file_range"):
            with suppress(OSError):  # not every file system knows how; the rest is copied below
                while os.copy_file_range(source.fileno(), target.fileno(), 1 << 30):
                    pass
        shutil.copyfileobj(source, target, _BLOCK)
