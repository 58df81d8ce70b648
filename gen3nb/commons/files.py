"""The files of a commons, as users hold them: ``commons.files``. Every verb is a function of another room."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from gen3nb.frames.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from gen3nb.client.project import ProjectLike
    from gen3nb.frames.submission import SubmissionReport
    from gen3nb.transfer.manifest import Manifest, Source
    from gen3nb.transfer.manifest_checking import ManifestCheck
    from gen3nb.transfer.manifest_writing import Form
    from gen3nb.transfer.names import NameFormat
    from gen3nb.transfer.plan import Plan
    from gen3nb.transfer.register_report import RegisterReport
    from gen3nb.transfer.report import TransferReport
    from gen3nb.transfer.sources import Given
    from gen3nb.transfer.upload import UploadConnection
    from gen3nb.transfer.upload_loop import UploadLog
    from gen3nb.transfer.upload_report import UploadReport

__all__ = ["Files"]


class Files:
    """Moves files between this machine and the object stores of a commons.

    Parameters
    ----------
    connection : UploadConnection
        The commons.
    """

    def __init__(self, connection: UploadConnection) -> None:
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

    def upload(
        self,
        files: Given,
        *,
        authz: str | Sequence[str] | None = None,
        project: ProjectLike | None = None,
        bucket: str | None = None,
        include_subdirname: bool | None = None,
        path_column: str | None = None,
        parallel: int = 16,
        multipart: bool | None = None,
        metadata: bool | Mapping[str, Mapping[str, Any]] = False,
        again: bool = False,
        wait: float = 60.0,
        executor: Executor | None = None,
        progress: Progress = True,
        stop: threading.Event | None = None,
        log: UploadLog | None = None,
        node: str | None = None,
        properties: Mapping[str, Any] | None = None,
        collection: str | None = None,
    ) -> UploadReport:
        """Upload files, each once, verified and resumable: :func:`gen3nb.transfer.upload.upload`."""
        from gen3nb.transfer.upload import upload

        return upload(
            files,
            connection=self._connection,
            authz=authz,
            project=project,
            bucket=bucket,
            include_subdirname=include_subdirname,
            path_column=path_column,
            parallel=parallel,
            multipart=multipart,
            metadata=metadata,
            again=again,
            wait=wait,
            executor=executor,
            progress=progress,
            stop=stop,
            log=log,
            node=node,
            properties=properties,
            collection=collection,
        )

    def register(
        self,
        manifest: Source,
        *,
        authz: str | Sequence[str] | None = None,
        project: ProjectLike | None = None,
        dry_run: bool = False,
        parallel: int = 8,
        progress: Progress = True,
        stop: threading.Event | None = None,
    ) -> RegisterReport:
        """Register files that lie in a bucket: :func:`gen3nb.transfer.register.register`."""
        from gen3nb.transfer.register import register

        return register(
            manifest,
            connection=self._connection,
            authz=authz,
            project=project,
            dry_run=dry_run,
            parallel=parallel,
            progress=progress,
            stop=stop,
        )

    def delete(self, guids: str | Iterable[str]) -> TransferReport:
        """Delete files, bytes and all: :func:`gen3nb.transfer.deleting.delete_files`."""
        from gen3nb.transfer.deleting import delete_files

        return delete_files(guids, connection=self._connection)

    def unmapped(self, project: ProjectLike | None = None) -> pd.DataFrame:
        """Give the files that no record describes: :func:`gen3nb.transfer.mapping.unmapped`."""
        from gen3nb.transfer.mapping import unmapped

        return unmapped(connection=self._connection, project=project)

    def map(
        self,
        frame: pd.DataFrame,
        *,
        node: str,
        project: ProjectLike,
        properties: Mapping[str, Any] | None = None,
        collection: str | None = None,
        dry_run: bool = False,
        progress: Progress = True,
    ) -> SubmissionReport:
        """Make the records that describe files: :func:`gen3nb.transfer.mapping.map_files`."""
        from gen3nb.transfer.mapping import map_files

        return map_files(
            frame,
            connection=self._connection,
            node=node,
            project=project,
            properties=properties,
            collection=collection,
            dry_run=dry_run,
            progress=progress,
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
        from gen3nb.transfer.manifest import read_manifest
        from gen3nb.transfer.manifest_writing import write_manifest

        manifest = read_manifest(files)
        if path is not None:
            write_manifest(manifest, path, form)
            return read_manifest(os.fspath(path))
        return manifest

    def check_manifest(self, files: Source) -> ManifestCheck:
        """Look at a list of files: :func:`gen3nb.transfer.manifest_checking.check_manifest`."""
        from gen3nb.transfer.manifest_checking import check_manifest

        return check_manifest(files, self._connection.indexd)
