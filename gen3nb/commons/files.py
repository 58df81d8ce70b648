"""The files of a commons: what users hold as ``commons.files``. Every verb is a function of ``gen3nb.transfer``."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from gen3nb.frames.progress import Progress

if TYPE_CHECKING:
    from gen3nb.transfer.download import FilesConnection
    from gen3nb.transfer.manifest import Form, Manifest, Source
    from gen3nb.transfer.names import NameFormat
    from gen3nb.transfer.plan import Plan
    from gen3nb.transfer.report import TransferReport

__all__ = ["Files"]


class Files:
    """Moves files between this machine and the object stores of a commons.

    Parameters
    ----------
    connection : FilesConnection
        The commons.
    """

    def __init__(self, connection: FilesConnection) -> None:
        self._connection = connection

    def __repr__(self) -> str:
        return f"<Files of {self._connection.endpoint}>"

    def download(
        self,
        files: Source,
        folder: str | os.PathLike[str] = ".",
        *,
        parallel: int = 16,
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
        """Download files into a folder, verified and resumable: :func:`gen3nb.transfer.download.download`."""
        from gen3nb.transfer.download import download

        return download(
            files,
            folder,
            connection=self._connection,
            parallel=parallel,
            filename_format=filename_format,
            rename=rename,
            overwrite=overwrite,
            skip_completed=skip_completed,
            protocol=protocol,
            shard=shard,
            executor=executor,
            dry_run=dry_run,
            confirm=confirm,
            progress=progress,
            stop=stop,
        )

    def manifest(
        self, files: Source, path: str | os.PathLike[str] | None = None, *, form: Form = "portal"
    ) -> Manifest:
        """Read a list of files, or make one of a frame or a selection; write it where a path is given.

        Parameters
        ----------
        files : str, path, DataFrame, Selection or iterable
            As for :meth:`download`.
        path : str or path, optional
            ``.json``, or ``.tsv`` for a table.
        form : {"portal", "data-client", "gen3"}
            Whose names to use.
        """
        from gen3nb.transfer.manifest import read_manifest, write_manifest

        manifest = read_manifest(files)
        if path is not None:
            write_manifest(manifest, path, form)
            return read_manifest(os.fspath(path))
        return manifest
