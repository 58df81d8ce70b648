"""``gen3://``: the files of a commons by GUID, and by project and name.

``gen3://PROFILE/GUID`` is one file. ``gen3://PROFILE/programs/P/projects/Q/NAME`` is the same file by its
project and its name, so that ``*`` and folders work. PROFILE is a profile, or the host of a commons.

Sources: indexd (``GET /index/index/{guid}``, ``GET /index/index/?authz=``), fence
(``GET /user/data/download/{guid}``), the object stores.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from time import monotonic
from typing import Any, NoReturn

from gen3nb.client.fence_files import Presigned
from gen3nb.client.storage import Storage
from gen3nb.commons import Commons
from gen3nb.commons.file_trees import Listing, project_files, readable
from gen3nb.commons.named import named
from gen3nb.errors import Gen3Error, IntegrityError, MissingExtra, NoSuchFile, NotFound, ReadOnly
from gen3nb.filesystem.described import Info, file_info, folder, moment
from gen3nb.transfer.hashing import hasher, strongest
from gen3nb.transfer.reading import RangeReader

try:
    from fsspec.callbacks import DEFAULT_CALLBACK
    from fsspec.spec import AbstractBufferedFile, AbstractFileSystem
    from fsspec.utils import isfilelike
except ImportError:
    raise MissingExtra.named("fsspec", "Opening files by their addresses") from None

__all__ = ["Gen3File", "Gen3FileSystem"]

BLOCK = 5 << 20  # bytes
RANGES = 8  # asked for at a time
READERS = 256  # files whose URLs are kept
INFOS = 20_000
EXPIRES = 15.0  # seconds that listings are believed: what is uploaded is to be seen soon


class Gen3FileSystem(AbstractFileSystem):  # type: ignore[misc] # fsspec has no types
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
    root_marker = ""

    def __init__(
        self,
        commons: Commons | None = None,
        *,
        profile: str | None = None,
        endpoint: str | None = None,
        credentials: str | os.PathLike[str] | None = None,
        user: str | None = None,
        via: str | None = None,
        verify: bool | str = True,
        listings_expiry_time: float = EXPIRES,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if isinstance(credentials, Mapping) or str(credentials or "").lstrip().startswith(("{", "ey")):
            raise Gen3Error("credentials= is the path of a key file here: a key would be in every pickle")
        self._commons = commons
        self._named = profile or endpoint
        self._user = user
        self._credentials = os.fspath(credentials) if credentials is not None else None
        self._via = via
        self._verify = verify
        self._expires = float(listings_expiry_time)
        self._storage = Storage(verify=verify)
        self._lock = threading.Lock()
        self._infos: OrderedDict[str, Info] = OrderedDict()
        self._readers: OrderedDict[str, RangeReader] = OrderedDict()
        self._trees: dict[str, tuple[float, Listing]] = {}

    # -- which commons, and what in it ---------------------------------------------------------------------

    @property
    def commons(self) -> Commons:
        """The commons of an address that names none (``gen3nb.connect()`` where no option does either)."""
        return self._opened(self._named)

    def _opened(self, name: str | None) -> Commons:
        given = self._commons
        if given is not None and not given.closed:
            return given
        user = self._user
        if given is not None:  # instances are shared by what their options look like
            name, user = given.profile or given.endpoint, given.auth.username or None
        verify = None if self._verify is True else self._verify
        return named(name, user=user, credentials=self._credentials, verify=verify)

    def __reduce__(self) -> tuple[Any, ...]:
        options = {**self.storage_options}
        options.pop("commons", None)
        if self._commons is not None:  # named instead, so that it is opened where it is first used
            profile = self._commons.profile
            options |= {"profile": profile} if profile else {"endpoint": self._commons.endpoint}
            options |= {"user": self._commons.auth.username} if self._commons.auth.username else {}
        return (_again, (type(self), options))

    def _split(self, path: str) -> tuple[str, Commons, str]:
        """Part an address: its PROFILE with a slash, if it has one, the commons, and what is asked of it."""
        first, _, rest = path.partition("/")
        if self._commons is not None or self._named is not None:
            commons = self.commons
            host = commons.endpoint.partition("://")[2]
            if first and first in (commons.profile, self._named, host):
                return f"{first}/", commons, rest
            return "", commons, path
        return f"{first}/", self._opened(first or None), rest

    # -- looking -------------------------------------------------------------------------------------------

    def info(self, path: str, **options: Any) -> Info:
        """Give what the index knows of a file: size, name, hashes, times (``GET /index/index/{guid}``).

        Parameters
        ----------
        path : str
        **options : Any
            Not used.

        Returns
        -------
        dict
            ``name``, ``type``, ``size`` in bytes (``None`` where the index does not know), ``guid``,
            ``file_name``, ``hashes``, ``created``, ``modified``.

        Raises
        ------
        NoSuchFile
        """
        path = self._strip_protocol(path)
        with self._lock:
            if path in self._infos:
                return dict(self._infos[path])
        prefix, commons, rest = self._split(path)
        found = self._found(prefix, commons, rest.strip("/"))
        if found["type"] == "file":
            with self._lock:
                self._infos[path] = found
                while len(self._infos) > INFOS:
                    self._infos.popitem(last=False)
        return dict(found)

    def _found(self, prefix: str, commons: Commons, rest: str) -> Info:
        if rest in ("", "programs") or rest == commons.indexd.prefix().strip("/:"):
            return folder(f"{prefix}{rest}".rstrip("/"))
        if rest.startswith("programs/"):
            listing, inner = self._listing(commons, rest)
            record = listing.files.get(inner)
            if record is not None:
                return file_info(f"{prefix}{rest}", record)
            if inner in listing.folders:
                return folder(f"{prefix}{rest}")
            raise NoSuchFile(listing.missing(inner, rest), service="indexd")
        missing: NoSuchFile | None = None
        try:
            return file_info(f"{prefix}{rest}", commons.indexd.get(rest))
        except NotFound as error:
            is_bundle = "is a bundle" in error.message
            words = error.message if is_bundle else f"{commons.endpoint} has no file {rest}: check the GUID"
            missing = NoSuchFile(words, **{**error.facts, "said": None})
        raise missing

    def ls(self, path: str, detail: bool = True, refresh: bool = False, **options: Any) -> list[Any]:
        """List a folder (``GET /index/index/``, page by page).

        Folders are those of a project (``PROFILE/programs/P/projects/Q``) by the names of its files, and, of
        what you may read, the GUIDs of the commons' prefix (``PROFILE/dg.ABCD``). A name that several files
        have is listed once for each, with its GUID behind it.

        Parameters
        ----------
        path : str
        detail : bool
            Dicts as of :meth:`info`, instead of names.
        refresh : bool
            Ask again, also if it was listed lately.
        **options : Any
            Not used.
        """
        path = self._strip_protocol(path)
        if refresh:
            self.invalidate_cache(path)
        prefix, commons, rest = self._split(path)
        found = self._listed(prefix, commons, rest.strip("/"))
        return found if detail else [one["name"] for one in found]

    def _listed(self, prefix: str, commons: Commons, rest: str) -> list[Info]:
        guids = commons.indexd.prefix()
        if rest.startswith("programs"):
            listing, inner = self._listing(commons, rest)
            if inner in listing.folders:
                return [
                    folder(f"{prefix}{rest}/{name}")
                    if record is None
                    else file_info(f"{prefix}{rest}/{name}", record)
                    for name, record in listing.inside(inner)
                ]
        elif not rest and guids:
            return [folder(f"{prefix}{guids.strip('/:')}"), folder(f"{prefix}programs")]
        elif not rest or rest == guids.strip("/:"):
            start = [] if guids else [folder(f"{prefix}programs")]
            return [*start, *(file_info(prefix + one["did"], one) for one in readable(commons, guids))]
        return [self._found(prefix, commons, rest)]

    def _listing(self, commons: Commons, rest: str) -> tuple[Listing, str]:
        """Give the files of a project by name, and the place in it that an address means."""
        parts = rest.split("/")
        project = "/".join(parts[:4]) if len(parts) >= 4 and parts[2] == "projects" else ""
        key = f"{commons.endpoint}/{project}"
        at, listing = self._trees.get(key, (0.0, None))
        if listing is None or monotonic() - at > self._expires:
            listing = project_files(commons, project)
            self._trees[key] = (monotonic(), listing)
        return listing, "/".join(parts[4:]) if project else rest

    def exists(self, path: str, **options: Any) -> bool:
        """Tell whether there is such a file or folder; that nobody answers is an error, no "no"."""
        try:
            self.info(path)
        except FileNotFoundError:
            return False
        return True

    def walk(self, path: str, maxdepth: int | None = None, **options: Any) -> Iterator[Any]:
        """Walk through folders; a folder that cannot be listed is an error, no empty folder."""
        options.setdefault("on_error", _unless_missing)
        yield from super().walk(path, maxdepth=maxdepth, **options)

    def created(self, path: str) -> datetime | None:
        """Say when the file was registered."""
        return moment(self.info(path).get("created"))

    def modified(self, path: str) -> datetime | None:
        """Say when the file's record was changed last."""
        return moment(self.info(path).get("modified"))

    def ukey(self, path: str) -> str:
        """Give a text that is another one where the content is: caches of ``fsspec`` ask for it."""
        one = self.info(path)
        facts = (one.get("guid"), one["size"], sorted((one.get("hashes") or {}).items()))
        return sha256(repr(facts).encode()).hexdigest()

    def invalidate_cache(self, path: str | None = None) -> None:
        """Forget what was listed and looked up."""
        with self._lock:
            self._infos.clear()
            self._readers.clear()
            self._trees.clear()
        super().invalidate_cache(path)

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
        with self._lock:
            held = self._readers.get(path)
            if held is not None:
                self._readers.move_to_end(path)
                return held
        commons = self._split(path)[1]
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
            self._readers[path] = made
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
        block = block_size if isinstance(block_size, int) else BLOCK
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


def _again(kind: type[Gen3FileSystem], options: Mapping[str, Any]) -> Gen3FileSystem:
    return kind(**options)


def _reopened(fs: Gen3FileSystem, path: str, block_size: int, at: int) -> Gen3File:
    file: Gen3File = fs.open(path, "rb", block_size=block_size)
    file.seek(at)
    return file


def _entry(name: str, record: Mapping[str, Any] | None) -> Info:
    return folder(name) if record is None else file_info(name, record)


def _unless_missing(error: BaseException) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
