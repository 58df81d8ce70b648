"""What one practice commons is made of: settings, data model, graph, index, users, faults."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock, Timeout

from .access import Access
from .documents import Documents
from .faults import Faults
from .graph import Graph
from .indexd_store import PREFIX, IndexStore
from .jobs import Jobs
from .policies import Policies, RequestorSettings
from .schemas import Schemas, load
from .storage import Storage

CREDENTIALS = "credentials"
OBJECTS = "objects"
LOCK = ".lock"
GRAPH = "graph.sqlite"
#: A folder that holds this file holds copies of real records, also at the next start.
PRIVATE = ".private"


class FolderRefused(Exception):
    """The folder cannot be used; the message says why."""


@dataclass(frozen=True)
class Settings:
    """How a practice commons was started.

    Attributes
    ----------
    endpoint : str
        ``http://127.0.0.1:<port>``.
    folder : Path
        Where data and API key files are: the folder that was named, or a temporary one.
    temporary : bool
        Whether the folder goes away at the end.
    secret : str
        What control requests must show.
    dictionary : str or None
        Folder of the data dictionary's schemas; ``None`` for the default dictionary.
    private : bool
        Whether every route needs a token: it holds copies of real records.
    requestor : RequestorSettings
        What a deployment sets for requestor.
    without : tuple[str, ...]
        Services that this commons does not run.
    external : tuple of Mapping
        Further commons of the workspace token service: ``idp``, ``name``, ``base_url``, and ``keys``, API
        keys there by user here.
    """

    endpoint: str
    folder: Path
    temporary: bool
    secret: str
    dictionary: str | None = None
    private: bool = False
    requestor: RequestorSettings = field(default_factory=RequestorSettings)
    without: tuple[str, ...] = ()
    external: tuple[Mapping[str, Any], ...] = ()

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return int(self.endpoint.rsplit(":", 1)[1])


@dataclass
class State:
    """Everything that the services share."""

    settings: Settings
    schemas: Schemas
    graph: Graph
    index: IndexStore
    documents: Documents
    access: Access
    policies: Policies
    storage: Storage
    jobs: Jobs
    lock: BaseFileLock
    passwords: dict[str, str] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    indexing: bool = True  # whether files that come in are looked at, and their records filled

    @property
    def databases(self) -> list[Path]:
        """The SQLite files that hold the data."""
        return sorted(self.settings.folder.glob("*.sqlite"))

    def note_stored(self, bucket: str, key: str, size: int, hashes: Mapping[str, str]) -> None:
        """Fill the blank record of a file that came in, as the commons' indexing job does a little later."""
        guid = self.index.in_key(key)
        record = self.index.get(guid) if guid and self.indexing else None
        if record is None or record["size"] is not None:
            return
        changes = {"size": size, "hashes": dict(hashes), "urls": [f"s3://{bucket}/{key}"], "form": "object"}
        self.index.update(record["did"], record["rev"], changes)

    def reset(self) -> None:
        """Empty the commons: no program, no record, no index entry, no fault."""
        self.faults.clear()
        self.jobs.forget()
        self.storage.set_faults([])
        self.storage.clear()
        self.access.take_all()
        for path in self.databases:
            with sqlite3.connect(path, timeout=30) as connection:
                names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
                for (name,) in names:
                    connection.execute(f'DELETE FROM "{name}"')  # noqa: S608 - a name out of the schema
            connection.close()

    def close(self) -> None:
        """Leave nothing behind but the data, and that only where a folder was named."""
        self.jobs.forget()
        self.storage.close()
        for store in (self.graph, self.index, self.documents):
            store.close()  # Windows takes no file away that is open
        folder = self.settings.folder
        shutil.rmtree(folder if self.settings.temporary else folder / CREDENTIALS, ignore_errors=True)
        self.lock.release()


def make_folder(named: str | None) -> tuple[Path, bool]:
    """Make the commons' folder, which only its owner can read; say whether it is a temporary one.

    Raises
    ------
    FolderRefused
        If it cannot be made, or is not ours alone.
    """
    if named is None:
        return Path(tempfile.mkdtemp(prefix="gen3nb-sandbox-")), True  # mkdtemp makes it 0700
    folder = Path(named).expanduser().absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = {path.name for path in folder.iterdir()} - {LOCK}
        if names and GRAPH not in names:
            raise FolderRefused(f"The folder {folder} holds other files: name one that is new or empty.")
        if os.name == "posix":
            folder.chmod(0o700)
    except OSError as error:
        raise FolderRefused(f"The folder {folder} cannot be used: {error.strerror}.") from None
    return folder, False


def lock_folder(folder: Path) -> BaseFileLock:
    """Take the folder for this server alone.

    Raises
    ------
    FolderRefused
        If another server has it.
    """
    lock = FileLock(folder / LOCK, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise FolderRefused(
            f"Another practice commons uses the folder {folder}: connect to that one, or name another folder."
        ) from None
    except OSError as error:
        raise FolderRefused(f"The folder {folder} cannot be used: {error.strerror}.") from None
    return lock


def build(
    endpoint: str,
    *,
    folder: str | None = None,
    dictionary: str | None = None,
    users: Mapping[str, Mapping[str, Iterable[str]]] | None = None,
    secret: str | None = None,
    passwords: Mapping[str, str] | None = None,
    private: bool = False,
    requestor: Mapping[str, Any] | None = None,
    without: Iterable[str] = (),
    external: Iterable[Mapping[str, Any]] = (),
    prefix: str = PREFIX,
    **lifetimes: Any,
) -> State:
    """Put a practice commons together.

    Parameters
    ----------
    endpoint : str
        ``http://127.0.0.1:<port>``.
    folder : str, optional
        Where the data is kept; by default a temporary folder.
    dictionary : str, optional
        Folder of schemas; by default those of the ``gen3dictionary`` package.
    users : Mapping, optional
        Grants by user, see :class:`Access`.
    secret : str, optional
        What control requests must show; by default a random one, known to nobody.
    passwords : Mapping[str, str], optional
        Passwords of services that write to the index and the metadata with basic authentication; by default
        nobody has one.
    private : bool
        Whether every route needs a token, from now on and whenever this folder is opened again.
    requestor : Mapping, optional
        See :class:`RequestorSettings`.
    without : iterable of str
        Services that are not there.
    external : iterable of Mapping
        See :class:`Settings`.
    prefix : str
        What GUIDs begin with, ``"dg.TEST/"``; may be empty.
    **lifetimes : Any
        ``token_lifetime`` and ``key_lifetime`` in seconds.
    """
    asked = RequestorSettings.read(requestor)
    schemas = load(dictionary)
    place, temporary = make_folder(folder)
    lock = lock_folder(place)
    try:
        if private:
            (place / PRIVATE).touch(mode=0o600)
        private = (place / PRIVATE).exists()
        shown = secret or secrets.token_urlsafe(32)
        settings = Settings(
            endpoint,
            place,
            temporary,
            shown,
            dictionary,
            private,
            requestor=asked,
            without=tuple(without),
            external=tuple(external),
        )
        access = Access(f"{endpoint}/user", users, **lifetimes)
        # a named folder may be on a network home, where SQLite's write-ahead log does not work
        graph = Graph(place / GRAPH, wal=temporary)
        index = IndexStore(place / "index.sqlite", wal=temporary, prefix=prefix)
        documents = Documents(place / "documents.sqlite", wal=temporary)
        state = State(
            settings,
            schemas,
            graph,
            index,
            documents,
            access,
            Policies(access, documents, graph, asked),
            Storage(place / OBJECTS),
            Jobs(),
            lock,
            dict(passwords or {}),
        )
        state.storage.on_stored = state.note_stored
        return state
    except sqlite3.Error as error:
        lock.release()
        raise FolderRefused(f"The data in the folder {place} cannot be opened: {error}.") from None
