"""``gen3://``: the files of a commons by GUID, and by project and name.

``gen3://PROFILE/GUID`` is one file. ``gen3://PROFILE/programs/P/projects/Q/NAME`` is the same file by its
project and its name, so that ``*`` and folders work. PROFILE is a profile, or the host of a commons.

Sources: indexd (``GET /index/index/{guid}``, ``GET /index/index/?authz=``), fence
(``GET /user/data/download/{guid}``), the object stores.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_hex
from typing import Any, NoReturn

from gen3nb.client.fence_files import Presigned
from gen3nb.commons import Commons
from gen3nb.errors import IntegrityError, MissingExtra, NoSuchFile, NotFound, ReadOnly
from gen3nb.filesystem.described import Info
from gen3nb.filesystem.looking import Looking
from gen3nb.transfer.hashing import hasher, strongest
from gen3nb.transfer.reading import RangeReader

try:
    from fsspec.callbacks import DEFAULT_CALLBACK
    from fsspec.spec import AbstractBufferedFile
    from fsspec.utils import isfilelike
except ImportError:
    raise MissingExtra.named("fsspec", "Opening files by their addresses") from None

__all__ = ["Gen3File", "Gen3FileSystem"]

BLOCK = 5 << 20  # bytes
RANGES = 8  # asked for at a time
READERS = 256  # files whose URLs are kept


class Gen3FileSystem(Looking):
    """The files of commons, to be read.

    Its pickle holds its options, no key, token or URL: on another machine the commons is opened again by its
    profile.

    Parameters
    ----------
    commons : Commons, optional
        Which. With this, ``profile`` or ``endpoint`` an address may do without PROFILE.
    profile, endpoint, credentials : str, optional
        As for ``gen3nb.connect``; ``credentials`` is a path.
    user : str, optional
        Of several open connections to one commons, whose.
    via : str, optional
        ``"s3"``, ``"gs"`` …: by which of its places a file is read.
    verify : bool or str
        As in ``requests``, for the commons and the object stores.
    listings_expiry_time : float
        Seconds that listings are believed.
    **options : Any
        Of ``fsspec``.
    """

    protocol: Any = "gen3"

    # -- reading -------------------------------------------------------------------------------------------

    def _signer(self, commons: Commons, one: Info) -> Callable[[], Presigned]:
        """Give what presigns URLs of a file."""
        return lambda: commons.fence.download_url(one["guid"], protocol=self._via)

    def reader(self, path: str) -> RangeReader:
        """Give what reads ranges of a file (``GET /user/data/download/{guid}``, then its object store).

        Raises
        ------
        NoSuchFile
            There is no such file.
        IsADirectoryError
            It is a folder.
        """
        path = self._strip_protocol(path)
        one = self.info(path)
        if one["type"] != "file":
            raise IsADirectoryError(f"{path} is a folder")
        commons = self._split(path)[1]
        # of a name there may be another file later, and another profile may have other rights
        key = repr((id(commons), one.get("host") or commons.endpoint, one["guid"], one["size"]))
        with self._lock:
            held = self._readers.get(key)
            if held is not None:
                self._readers.move_to_end(key)
                return held
        signer = self._signer(commons, one)

        def sign() -> Presigned:
            missing: NoSuchFile | None = None
            try:
                return signer()
            except NotFound as error:
                missing = NoSuchFile(error.message, **error.facts)
            raise missing

        made = RangeReader(sign, self._storage, str(one["guid"]), one["size"])
        with self._lock:
            self._readers[key] = made
            while len(self._readers) > READERS:
                self._readers.popitem(last=False)
        return made

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Gen3File:
        if mode != "rb":
            self._read_only()
        reader = self.reader(path)
        block = block_size if isinstance(block_size, int) and block_size > 0 else BLOCK
        return Gen3File(self, path, reader, block_size=block, cache_options=cache_options, **options)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **options: Any) -> bytes:
        """Give a file's bytes, or a part of them; the whole is checked by the hash in the index.

        Raises
        ------
        IntegrityError
            It is not the file that the index describes.
        """
        reader = self.reader(path)
        if start is None and end is None:
            return b"".join(self._checked(path, reader))
        first, last, _ = slice(start, end).indices(reader.size)
        return reader.read(first, last)

    def cat_ranges(
        self,
        paths: list[str],
        starts: Any,
        ends: Any,
        max_gap: int | None = None,
        on_error: str = "return",
        **options: Any,
    ) -> list[Any]:
        """Give parts of files, several at a time."""
        starts = starts if isinstance(starts, list) else [starts] * len(paths)
        ends = ends if isinstance(ends, list) else [ends] * len(paths)
        if not len(paths) == len(starts) == len(ends):
            raise ValueError("paths, starts and ends are not of one length")

        def one(path: str, start: int | None, end: int | None) -> Any:
            try:
                return (
                    self.cat_file(path, start, end) if (start, end) != (None, None) else self.cat_file(path)
                )
            except Exception as error:
                if on_error == "raise":
                    raise
                return error

        with ThreadPoolExecutor(RANGES, thread_name_prefix="gen3nb-ranges") as pool:
            return list(pool.map(one, paths, starts, ends))

    def get_file(
        self,
        rpath: str,
        lpath: Any = None,
        callback: Any = DEFAULT_CALLBACK,
        outfile: Any = None,
        **options: Any,
    ) -> None:
        """Copy a file to this machine, checked by the hash in the index, whole or not at all.

        For many and large files ``commons.files.download`` is made.
        """
        target = outfile if outfile is not None else lpath
        if isfilelike(target):
            self._copied(rpath, target, callback)
            return
        if self.isdir(rpath):
            os.makedirs(lpath, exist_ok=True)
            return
        path = Path(lpath)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f".{path.name[:50]}-{token_hex(4)}.part"
        try:
            with temporary.open("xb") as file:
                self._copied(rpath, file, callback)
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def _copied(self, path: str, file: Any, callback: Any) -> None:
        reader = self.reader(path)
        callback.set_size(reader.size)
        for block in self._checked(path, reader):
            file.write(block)
            callback.relative_update(len(block))

    def _checked(self, path: str, reader: RangeReader) -> Iterator[bytes]:
        """Give a whole file, and see at its end that it is the one that the index describes."""
        known = strongest(self.info(path).get("hashes") or {})
        total = hasher(known[0]) if known else None
        for block in reader.blocks():
            if total is not None:
                total.update(block)
            yield block
        if known is not None and total is not None and total.hexdigest() != known[1]:
            raise IntegrityError(
                f"the {known[0]} of {reader.name} is {total.hexdigest()}, and {known[1]} in the file index: "
                "it was damaged on its way, or in the storage; try again"
            )

    # -- nothing is written --------------------------------------------------------------------------------

    def _read_only(self, *arguments: Any, **options: Any) -> NoReturn:
        raise ReadOnly(
            "files of a commons are only read by their addresses: commons.files.upload(…) uploads, "
            "commons.fence.delete_file(GUID) deletes"
        )

    mkdir = makedirs = rmdir = _read_only
    rm = rm_file = mv = cp_file = copy = _read_only
    touch = pipe_file = put = put_file = _read_only


class Gen3File(AbstractBufferedFile):  # type: ignore[misc] # fsspec has no types
    """A file of a commons that is open for reading."""

    def __init__(self, fs: Gen3FileSystem, path: str, reader: RangeReader, **options: Any) -> None:
        self.reader = reader
        options.pop("size", None)
        super().__init__(fs, path, "rb", size=reader.size, **options)

    def _fetch_range(self, start: int, end: int) -> bytes:
        return self.reader.read(start, end)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_reopened, (self.fs, self.path, self.blocksize, self.loc))


def _reopened(fs: Gen3FileSystem, path: str, block_size: int, at: int) -> Gen3File:
    file: Gen3File = fs.open(path, "rb", block_size=block_size)
    file.seek(at)
    return file
