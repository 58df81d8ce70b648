"""Which commons an address means, and what lies there, as ``fsspec`` describes it."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from time import monotonic
from typing import Any

from gen3nb.client.storage import Storage
from gen3nb.commons import Commons
from gen3nb.commons.file_trees import Listing, project_files, readable
from gen3nb.commons.named import named
from gen3nb.errors import Gen3Error, MissingExtra, NoSuchFile, NotFound
from gen3nb.filesystem.described import Info, file_info, folder, moment
from gen3nb.transfer.reading import RangeReader

try:
    from fsspec.spec import AbstractFileSystem
except ImportError:
    raise MissingExtra.named("fsspec", "Opening files by their addresses") from None

__all__ = ["Looking"]

INFOS = 20_000  # descriptions that are kept
EXPIRES = 15.0  # seconds that listings are believed: what is uploaded is to be seen soon


class Looking(AbstractFileSystem):  # type: ignore[misc] # fsspec has no types
    """Which commons an address means, and what lies there."""

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
        self._infos: OrderedDict[str, tuple[float, Info]] = OrderedDict()
        self._readers: OrderedDict[str, RangeReader] = OrderedDict()  # of files that were opened
        self._trees: dict[str, tuple[float, Listing, Commons]] = {}

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
            at, known = self._infos.get(path, (0.0, None))
        if known is not None and monotonic() - at <= self._expires:
            return dict(known)
        prefix, commons, rest = self._split(path)
        found = self._found(prefix, commons, rest.strip("/"))
        if found["type"] == "file" and found["size"] is not None:
            with self._lock:
                self._infos[path] = (monotonic(), found)
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
        key = f"{id(commons)}/{project}"  # of one commons several people may be signed in
        at, listing, _ = self._trees.get(key, (0.0, None, commons))
        if listing is None or monotonic() - at > self._expires:
            listing = project_files(commons, project)
            self._trees[key] = (monotonic(), listing, commons)
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


def _again(kind: type[Looking], options: Mapping[str, Any]) -> Looking:
    return kind(**options)


def _entry(name: str, record: Mapping[str, Any] | None) -> Info:
    return folder(name) if record is None else file_info(name, record)


def _unless_missing(error: BaseException) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
