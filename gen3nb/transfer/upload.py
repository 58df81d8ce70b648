"""Files of this machine into a commons: each once, checked by what the index says of it, and resumed."""

from __future__ import annotations

import os
import sys
import threading
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from gen3nb.client.transport import Transport
from gen3nb.errors import PermissionDenied, TransferError
from gen3nb.frames.connection import Connection
from gen3nb.frames.interrupts import before, noted
from gen3nb.frames.progress import Progress
from gen3nb.frames.progress import report as showing
from gen3nb.frames.reports import counted
from gen3nb.transfer.annotating import Annotations, by_path
from gen3nb.transfer.beginning import Beginnings, shepherd_of
from gen3nb.transfer.carrying import Carrier
from gen3nb.transfer.confirming import Confirmer
from gen3nb.transfer.describing import check_described, describe, file_node, with_properties
from gen3nb.transfer.parts import Sender
from gen3nb.transfer.report import bytes_of
from gen3nb.transfer.sources import Given, LocalFiles, find_files
from gen3nb.transfer.spool import Spool
from gen3nb.transfer.upload_job import Wishes
from gen3nb.transfer.upload_journal import UploadJournal
from gen3nb.transfer.upload_loop import Run, UploadLog
from gen3nb.transfer.upload_report import Facts, UploadReport
from gen3nb.transfer.uploader import Uploader

if TYPE_CHECKING:
    from gen3nb.client.fence import Fence
    from gen3nb.client.indexd import Indexd
    from gen3nb.client.metadata import Metadata
    from gen3nb.client.project import ProjectLike

__all__ = ["PARALLEL", "UploadConnection", "resources_of", "upload"]

#: Files at a time, and as many parts.
PARALLEL = 16
_NO_GUID = "00000000-0000-0000-0000-000000000000"
#: Seconds that the commons has to look at a file that came in.
WAIT = 60.0


class UploadConnection(Connection, Protocol):
    """An open commons, as far as uploading cares: ``gen3nb.Commons`` is one."""

    @property
    def transport(self) -> Transport:
        """How the commons is reached, and object stores."""

    @property
    def indexd(self) -> Indexd:
        """The file index."""

    @property
    def fence(self) -> Fence:
        """What presigns."""

    @property
    def metadata(self) -> Metadata:
        """The metadata service."""

    @property
    def auth(self) -> Any:
        """Who is signed in."""

    @property
    def profile(self) -> str | None:
        """The profile that it was opened with."""


def upload(
    files: Given,
    *,
    connection: UploadConnection,
    authz: str | Sequence[str] | None = None,
    project: ProjectLike | None = None,
    bucket: str | None = None,
    include_subdirname: bool | None = None,
    path_column: str | None = None,
    parallel: int = PARALLEL,
    multipart: bool | None = None,
    metadata: bool | Mapping[str, Mapping[str, Any]] = False,
    again: bool = False,
    wait: float = WAIT,
    executor: Executor | None = None,
    progress: Progress = True,
    stop: threading.Event | None = None,
    log: UploadLog | None = None,
    node: str | None = None,
    properties: Mapping[str, Any] | None = None,
    collection: str | None = None,
) -> UploadReport:
    """Upload files, each under one GUID, and see that the index knows size and hashes of what was sent.

    The same call again goes on where one stopped, part by part, and sends nothing twice: a file whose content
    the commons has already, under the same authz, keeps that GUID.

    GUIDs and URLs come from fence (``POST /user/data/upload``, ``/user/data/multipart/…``), or from Shepherd
    (``POST /mds/objects``) where the profile says so; the bytes go to the object store, and indexd says what
    came in.

    Parameters
    ----------
    files : str, path, DataFrame, or iterable of str and path
        Files, folders, patterns, or a frame with a column of paths; optionally with ``guid`` or ``object_id``
        (of records that are there already) and ``file_name``.
    connection : UploadConnection
    authz : str or sequence of str, optional
        Resources that a reader needs access to: ``"/programs/P/projects/Q"``.
    project : str, pair or ProjectId, optional
        The same, said by its project. With neither, only you can read the files until a record names them.
    bucket : str, optional
        By default the commons' own choice.
    include_subdirname : bool, optional
        Name files by their path below what was given, as by default those of folders and patterns; else by
        their base name, as by default those of a frame.
    path_column : str, optional
        Which column of a frame holds the paths.
    parallel : int
        How many files at a time, and how many parts.
    multipart : bool, optional
        In parts from 5 MiB on (``True``), never (``False``: no file may then exceed 5 GiB), or from 64 MiB.
    metadata : bool or Mapping
        Store what ``a_metadata.json`` says of ``a.bam``: ``{"authz": […], "aliases": […], "metadata": {…}}``;
        or such an object by path. Metadata goes to the metadata service, which shows it to everybody.
    again : bool
        Give a file a GUID of its own also where the commons has its content already.
    wait : float
        Seconds that the commons has to look at a file; then its size and hashes are written into its record
        from here, if you may.
    executor : concurrent.futures.Executor, optional
        Reads, hashes and sends the bytes instead of threads here: a pool of processes, or a Dask cluster
        (``Client.get_executor()``) that sees the same files under the same paths. No key reaches it, only
        presigned URLs; ``parallel`` is how many files, and parts, it is given at a time.
    progress : bool or callable
        A bar; or a function (done, total, label), in bytes.
    stop : threading.Event, optional
        Set it to stop.
    log : UploadLog, optional
        Is told of each file.
    node : str, optional
        Submit a record of this node for each file too, to ``project`` (sheepdog). Its properties and links
        are columns of the frame; that the records are right is seen before any file is sent.
    properties : Mapping, optional
        Those that are the same for all records.
    collection : str, optional
        The submitter_id of the core_metadata_collection that the records belong to, made if need be; by
        default one for project and node, where the dictionary wants one.

    Returns
    -------
    UploadReport
        One row per file, those that failed among them: look at ``.ok`` or ``.failed``.

    Raises
    ------
    TransferError
        There is nothing to upload, or the journal cannot be written; or it ended early, by Ctrl-C too: then
        ``report`` says what is there by now.
    PermissionDenied
        You may not upload; nothing was sent.
    ValidationError
        The records that are to describe the files are not right; nothing was sent.
    """
    if not isinstance(parallel, int) or not 1 <= parallel <= 1_000:
        raise TransferError(f"parallel is how many files go at a time, 1 to 1,000, not {parallel!r}.")
    with before(TransferError, "Interrupted before any file was sent; nothing was uploaded.") as begin:
        resources = resources_of(authz, project, connection)
        found = find_files(
            files, include_subdirname=include_subdirname, path_column=path_column, sidecars=metadata is True
        )
        described = (
            _Described(connection, project, node, properties, collection) if node is not None else None
        )
        if described is not None:
            described.check(found)
        wishes = Wishes(resources, bucket or "", multipart, again)
        sizes = _sizes(found)
        total = sum(size for size in sizes if size > 0)
        where = f"{', '.join(resources) or 'nobody but you'} at {connection.endpoint}"
        if progress is True:
            _announce(f"Uploading {counted(len(found.files), 'file')} ({bytes_of(total)}) for {where}")
        with (
            UploadJournal(connection.endpoint, connection.auth.username or "") as journal,
            ThreadPoolExecutor(parallel, thread_name_prefix="gen3nb-upload") as pool,
            ThreadPoolExecutor(parallel, thread_name_prefix="gen3nb-part") as parts,
            showing(progress, total, f"Uploading to {connection.endpoint}", unit="B") as meter,
        ):
            run = Run(found, wishes, stop or threading.Event(), log, by_path(metadata))
            shepherd, why = shepherd_of(connection.profile, connection.transport)
            run.notes += [why] if why else []
            beginnings = Beginnings(connection.fence, shepherd, wishes.bucket, run.notes.append)
            run.annotations = Annotations(
                connection.indexd, connection.metadata, look_first=beginnings.shepherd is not None
            )
            carrier = Carrier(connection.transport.storage(), executor, run.stop, _locked(meter.advance))
            sender = Sender(connection.fence, carrier, journal, parts, ahead=2 * parallel)
            run.uploader = Uploader(
                connection.fence,
                connection.indexd,
                journal,
                sender,
                wishes,
                connection.auth.username or "",
                Counter(size for size in sizes if size >= 0),
                run.stop,
                run.facts,
                beginnings,
            )
            run.confirmer = Confirmer(connection.indexd, connection.fence, carrier.storage, wait, run.stop)
            if log is not None:
                told: dict[str, Any] = {"multipart": bool(multipart), "metadata": run.metadata}
                log.begin(found.files, resources, bucket=wishes.bucket, **told)
            try:
                with noted(run.interrupt):
                    begin()
                    run.work(pool, 2 * parallel)
            finally:
                if log is not None:
                    log.end()
            report = run.report(where)
    _raise_if_ended_early(report, run)
    if described is not None:
        described.submit(report, progress)
    return report


class _Described:
    """What is to be submitted of the files."""

    def __init__(
        self,
        connection: UploadConnection,
        project: ProjectLike | None,
        node: str,
        properties: Mapping[str, Any] | None,
        collection: str | None,
    ) -> None:
        if project is None:
            raise TransferError(f"Records of {node} go to a project: name it, project=.")
        self.connection = connection
        self.project = connection.project_id(project)
        self.node = file_node(connection.dictionary, node)
        self.properties = properties
        self.collection = collection

    def _options(self) -> dict[str, Any]:
        return {"connection": self.connection, "project": self.project, "collection": self.collection}

    def check(self, found: LocalFiles) -> None:
        """See that the records are right, with made-up GUIDs and hashes."""
        rows = with_properties(_foreseen(found), self.node, self.properties)
        if len(rows):
            check_described(rows, self.node, **self._options())

    def submit(self, report: UploadReport, progress: Progress) -> None:
        """Submit those of the files that are in the commons."""
        with before(
            TransferError,
            f"Interrupted while their records were made; the files are there: {report}. The same call again "
            "goes on where this one stopped.",
        ):
            rows = with_properties(report.records(), self.node, self.properties)
            if len(rows):
                report.submission = describe(rows, self.node, progress=progress, **self._options())


def _foreseen(found: LocalFiles) -> pd.DataFrame:
    """Give the records as they will be, as far as that is known."""
    facts = Facts()
    for at, (one, size) in enumerate(zip(found.files, _sizes(found), strict=True)):
        if size >= 0:
            facts.add(at, _NO_GUID, one.name, size, {"md5": "0" * 32}, one.rows)
    return UploadReport(Spool(), facts, found.frame, where="").records()


def resources_of(
    authz: str | Sequence[str] | None, project: ProjectLike | None, connection: UploadConnection
) -> tuple[str, ...]:
    """Give the resources that files get: as they were named, or those of the project."""
    given = [authz] if isinstance(authz, str) else list(authz or ())
    for one in given:
        if not isinstance(one, str) or not one.startswith("/"):
            raise TransferError(f"authz holds resources such as /programs/P/projects/Q, not {one!r}.")
    if not given and project is not None:
        given = [connection.project_id(project).resource]
    return tuple(dict.fromkeys(given))


def _sizes(found: LocalFiles) -> array[int]:
    """Give the size of each file in bytes, -1 for those that cannot be uploaded."""
    sizes = array("q")
    for one in found.files:
        size = -1
        if not one.why:
            try:
                size = os.stat(one.path).st_size
            except OSError:
                size = -1
        sizes.append(size)
    return sizes


def _announce(text: str) -> None:
    """Say what goes where before anything does."""
    from tqdm.auto import tqdm

    tqdm.write(text, file=sys.stderr)


def _locked(advance: Callable[[int], None]) -> Callable[[int], None]:
    """Let threads share a meter."""
    lock = threading.Lock()

    def moved(count: int) -> None:
        with lock:
            advance(count)

    return moved


def _raise_if_ended_early(report: UploadReport, run: Run) -> None:
    """Raise with the report what ended the upload early, if anything did."""
    if run.interrupted:
        raise TransferError(
            f"Interrupted: {report}. The same call again goes on where this one stopped.",
            report=report,
            interrupted=True,
        )
    if run.fatal is not None:
        if isinstance(run.fatal, PermissionDenied) and not report.bytes:
            raise run.fatal
        raise TransferError(
            f"The upload ended early: {str(run.fatal).rstrip('. ')}. So far: {report}. The same call again "
            "goes on from here.",
            report=report,
        ) from run.fatal
