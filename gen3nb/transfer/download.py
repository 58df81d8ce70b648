"""Files of a commons into a folder: planned, fetched in parallel, verified, resumed where they stopped."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Protocol

from gen3nb.client.indexd import Indexd
from gen3nb.client.transport import Transport
from gen3nb.errors import Gen3Error, TransferError
from gen3nb.frames.interrupts import before, noted
from gen3nb.frames.progress import Progress
from gen3nb.frames.progress import report as showing
from gen3nb.transfer.deciding import Maker, made
from gen3nb.transfer.downloader import Downloader
from gen3nb.transfer.journal import opened
from gen3nb.transfer.manifest import Source, read_manifest
from gen3nb.transfer.names import NameFormat
from gen3nb.transfer.plan import CHECK, REFUSED, THERE, WANTED, Plan, check_room
from gen3nb.transfer.presigning import Signs
from gen3nb.transfer.report import TransferReport
from gen3nb.transfer.spool import Outcome, Spool

__all__ = ["PARALLEL", "FilesConnection", "download"]

#: Requests at a time.
PARALLEL = 16
FORMATS = ("original", "guid", "combined")


class FilesConnection(Protocol):
    """An open commons, as far as files care: ``gen3nb.Commons`` is one."""

    @property
    def endpoint(self) -> str:
        """The commons' address."""

    @property
    def transport(self) -> Transport:
        """How the commons is reached, and object stores."""

    @property
    def indexd(self) -> Indexd:
        """The file index."""

    @property
    def fence(self) -> Signs:
        """What presigns."""


def download(
    files: Source,
    folder: str | os.PathLike[str] = ".",
    *,
    connection: FilesConnection,
    parallel: int = PARALLEL,
    filename_format: NameFormat = "original",
    rename: bool = False,
    overwrite: bool = False,
    skip_completed: bool = False,
    protocol: str | None = None,
    shard: tuple[int, int] | None = None,
    executor: Executor | None = None,
    dry_run: bool = False,
    confirm: Callable[[Plan], bool] | None = None,
    progress: Progress = True,
    stop: threading.Event | None = None,
) -> TransferReport:
    """Download files into a folder, each checked by the strongest hash that the index has of it.

    A file has its own name only once it is whole and right; until then it is ``NAME.….part``. The same call
    again goes on where one stopped: what is there is not fetched, what was checked is not read again.

    Sizes, hashes and names come from indexd (``POST /index/bulk/documents``), URLs from fence (``POST
    /user/data/download/bulk``), the bytes from the object store.

    Parameters
    ----------
    files : str, path, DataFrame, Selection or iterable
        A GUID, a manifest, a frame or selection of file records, or GUIDs.
    folder : str or path
        Is made if it is not there.
    connection : FilesConnection
    parallel : int
        How many requests at a time.
    filename_format : {"original", "guid", "combined"}
        What files are called: as in the commons, by GUID, or ``GUID_name``.
    rename : bool
        Number a file whose name is taken (``reads_2.bam``), rather than refuse it.
    overwrite : bool
        Replace files of other content. A file is replaced only by one that is whole and right.
    skip_completed : bool
        Where the index has no hash, take a file of the right size for the right one.
    protocol : str, optional
        ``"s3"``, ``"gs"`` …: from which of its places.
    shard : (int, int), optional
        Only one part of so many, counted from 1: ``(3, 16)``.
    executor : concurrent.futures.Executor, optional
        Who does the work: by default threads; also processes, or a Dask cluster's
        (``Client.get_executor()``) that sees the same folder. No key reaches it, only presigned URLs.
    dry_run : bool
        Only plan.
    confirm : callable, optional
        Gets the plan before anything is fetched; nothing is unless it answers true.
    progress : bool or callable
        A bar; or a function (done, total, label), in bytes.
    stop : threading.Event, optional
        Set it to stop.

    Returns
    -------
    TransferReport
        One row per file, those that failed among them: look at ``.ok`` or ``.failed``.

    Raises
    ------
    TransferError
        The manifest is none, the folder cannot be written or has too little room, another download into it
        is under way; or it ended early, by Ctrl-C too: then ``report`` says what is there by now.
    """
    if filename_format not in FORMATS:
        raise TransferError(f"filename_format is one of {', '.join(FORMATS)}, not {filename_format!r}.")
    if not isinstance(parallel, int) or not 1 <= parallel <= 1_000:
        raise TransferError(f"parallel is how many requests go at a time, 1 to 1,000, not {parallel!r}.")
    if executor is not None and not hasattr(executor, "submit"):
        raise TransferError(f"executor is one of concurrent.futures, not a {type(executor).__name__}.")
    with before(TransferError, "Interrupted before any file was fetched; nothing was downloaded.") as begin:
        manifest = read_manifest(files)
        tag = ""
        if shard is not None:
            manifest = manifest.shard(*_which_part(shard))
            tag = f"{shard[0]}of{shard[1]}"
        target = _folder(folder, make=not dry_run)
        started = time.monotonic()
        spool = Spool()

        def reported(plan: Plan) -> TransferReport:
            return TransferReport(
                spool,
                verb="downloaded",
                where=str(target),
                seconds=time.monotonic() - started,
                notes=plan.notes,
                dry_run=dry_run,
            )

        with opened(target, connection.endpoint, tag) as journal:
            plan = Plan(target)
            try:
                maker = Maker(
                    plan,
                    journal,
                    form=filename_format,
                    rename=rename,
                    overwrite=overwrite,
                    by_size=skip_completed,
                    protocol=protocol,
                    shard=tag,
                )
                made(manifest, connection.indexd, maker)
                if dry_run:
                    _as_planned(plan, spool)
                    return reported(plan)
                check_room(plan)
                if confirm is not None and not confirm(plan):
                    raise TransferError("Nothing was downloaded.", declined=True)
                if progress is True and confirm is None:
                    _announce(plan, connection.endpoint)
                with showing(
                    progress, plan.bytes or None, f"Downloading from {connection.endpoint}", unit="B"
                ) as meter:
                    worker = Downloader(
                        plan,
                        maker,
                        spool,
                        connection.fence,
                        connection.transport.storage(),
                        parallel=parallel,
                        protocol=protocol,
                        executor=executor,
                        stop=stop or threading.Event(),
                        told=meter.advance,
                    )
                    with noted(worker.interrupt):
                        begin()
                        worker.run()
                report = reported(plan)
            finally:
                plan.close()
    return _finished(report, worker)


def _which_part(shard: Any) -> tuple[int, int]:
    if not isinstance(shard, tuple | list) or [type(one) for one in shard] != [int, int]:
        raise TransferError(f"shard is which part of how many, such as (3, 16), not {shard!r}.")
    return shard[0], shard[1]


def _folder(given: str | os.PathLike[str], *, make: bool) -> Path:
    """Give the folder, made and writable."""
    try:
        folder = Path(given).expanduser()
        taken = folder.exists() and not folder.is_dir()
    except (TypeError, ValueError, RuntimeError, OSError) as error:
        raise TransferError(f"Files cannot be downloaded into {given!r:.200}: {_words(error)}.") from error
    if taken:
        raise TransferError(f"{folder} is a file; files are downloaded into a folder.")
    if not make:
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        words = "it is a link to where nothing is" if os.path.islink(folder) else _words(error)
        raise TransferError(f"The folder {folder} cannot be made: {words}.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise TransferError(
            f"You may not write into {folder}. Nothing was downloaded; choose another folder."
        )
    return folder


def _words(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error)


def _announce(plan: Plan, endpoint: str) -> None:
    from tqdm.auto import tqdm

    tqdm.write(f"{plan} (from {endpoint})", file=sys.stderr)


def _as_planned(plan: Plan, spool: Spool) -> None:
    """Say what would become of each file."""
    statuses = {WANTED: "downloaded", THERE: "already there", CHECK: "already there", REFUSED: "failed"}
    for file in plan.files(*statuses):
        why = "" if file.state != CHECK else "it has the right size; its hash is to be checked"
        size = (file.size or 0) if file.state == WANTED else 0
        outcome = Outcome(file.guid, file.name, size, 0.0, file.kind, statuses[file.state], file.why or why)
        spool.put([(file.position, outcome)])


def _finished(report: TransferReport, worker: Downloader) -> TransferReport:
    """Give the report, or raise with it what ended the download early."""
    if worker.interrupted:
        raise TransferError(
            f"Interrupted: {report}. The same call again goes on where this one stopped.",
            report=report,
            interrupted=True,
        )
    if worker.fatal is not None:
        words = str(worker.fatal).rstrip(". ")
        cause = worker.fatal if isinstance(worker.fatal, Gen3Error) else None
        raise TransferError(
            f"The download ended early: {words}. So far: {report}. The same call again goes on from here.",
            report=report,
        ) from cause
    return report
