"""The verbs that write, and the snapshot they go back to. Each delegates to the room that does it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from gen3nb.commons.foundation import Foundation

if TYPE_CHECKING:
    import os
    import threading

    import pandas as pd

    from gen3nb.client.project import ProjectLike
    from gen3nb.frames.deletions import DeletionReport
    from gen3nb.frames.matching import Missing
    from gen3nb.frames.progress import Progress
    from gen3nb.frames.snapshots import SnapshotReport
    from gen3nb.frames.submission import SubmissionReport

__all__ = ["WritingVerbs"]

logger = logging.getLogger("gen3nb")


class WritingVerbs(Foundation):
    """Submit and delete records; back a project up and bring it back."""

    def submit(
        self,
        frames: Mapping[str, pd.DataFrame],
        *,
        project: ProjectLike,
        missing: Missing = "keep",
        dry_run: bool = False,
        verify: Literal["keys", "values"] = "keys",
        chunk: int = 100,
        progress: Progress = True,
        stop: threading.Event | None = None,
        strict: bool = False,
        privacy: bool = True,
    ) -> SubmissionReport:
        """Submit the rows of several nodes, in link order (sheepdog, ``PUT`` and ``POST {P}/{Q}``).

        Only what is new or changed is sent, and it is looked up afterwards.

        Parameters
        ----------
        frames : Mapping of str to DataFrame
            Rows by node.
        project : str, pair or ProjectId
            Where they go.
        missing : "keep" or "clear"
            What a missing cell does to a stored value.
        dry_run : bool
            Have everything checked and nothing stored.
        verify : "keys" or "values"
            What is looked up afterwards.
        chunk : int
            Records in a request, to begin with.
        progress : bool or callable
            Whether to show progress.
        stop : threading.Event, optional
            Set it to stop after the requests in flight.
        strict : bool
            Send nothing unless every row is valid.
        privacy : bool
            Note columns that look like names, record numbers, birth dates or ages over 89.

        Returns
        -------
        SubmissionReport
            One row for each row given: what is stored now.

        Raises
        ------
        SubmissionError
            It could not be planned or finished; its ``report`` says what is stored.
        PermissionDenied
            The user may not create or update records there.
        """
        from gen3nb.frames.submission import submit

        target = self.project_id(project)
        logger.info("submit to %s on %s", target, self.endpoint)
        return submit(
            frames,
            connection=self,
            project=target,
            missing=missing,
            dry_run=dry_run,
            verify=verify,
            chunk=chunk,
            progress=progress,
            stop=stop,
            strict=strict,
            privacy=privacy,
        )

    def delete(
        self,
        frames: pd.DataFrame | Mapping[str, pd.DataFrame],
        node: str | None = None,
        *,
        project: ProjectLike | None = None,
        dry_run: bool = False,
        with_children: bool = False,
        progress: Progress = True,
        stop: threading.Event | None = None,
    ) -> DeletionReport:
        """Delete the records that rows name, children first (sheepdog, ``DELETE {P}/{Q}/entities/{ids}``).

        If others could not stay without them, nothing is deleted, and the error counts them by node. What
        was deleted is looked up afterwards.

        Parameters
        ----------
        frames : DataFrame or Mapping of str to DataFrame
            Rows of one node, or rows by node; by ``submitter_id``, ``id`` or both.
        node : str, optional
            Of a single frame; by default as the frame remembers.
        project : str, pair or ProjectId, optional
            By default as the frames remember.
        dry_run : bool
            Only say what would go, and what is in the way.
        with_children : bool
            Delete all that hangs on the records too.
        progress : bool or callable
            Whether to show progress.
        stop : threading.Event, optional
            Set it to stop after the request under way.

        Returns
        -------
        DeletionReport
            One row for each row given: whether its record is gone.

        Raises
        ------
        ValidationError
            Other records hang on these; nothing was deleted.
        PermissionDenied
            The user may not delete records there.
        SubmissionError
            It ended early; its ``report`` says what is gone.
        """
        from gen3nb.frames.deleting import delete

        logger.info("delete from %s on %s", project or "the frame's project", self.endpoint)
        return delete(
            frames,
            node,
            connection=self,
            project=project,
            dry_run=dry_run,
            with_children=with_children,
            progress=progress,
            stop=stop,
        )

    def snapshot(
        self,
        project: ProjectLike,
        folder: str | os.PathLike[str],
        *,
        replace: bool = False,
        progress: Progress = True,
    ) -> SnapshotReport:
        """Write all records of a project to a folder (sheepdog, ``GET {P}/{Q}/export``).

        Parquet for each node, the dictionary, and a manifest of counts and checksums: whole or not at all.

        Parameters
        ----------
        project : str, pair or ProjectId
            Which.
        folder : path
            Made if it is not there.
        replace : bool
            Whether an older snapshot in it gives way.
        progress : bool or callable
            Whether to show progress.

        Returns
        -------
        SnapshotReport

        Raises
        ------
        IntegrityError
            The records could not be read whole, or changed meanwhile.
        Gen3Error
            The folder cannot be written.
        """
        from gen3nb.frames.snapshots import snapshot

        return snapshot(self, project, folder, replace=replace, progress=progress)

    def restore(
        self,
        folder: str | os.PathLike[str],
        *,
        project: ProjectLike | None = None,
        missing: Missing = "keep",
        dry_run: bool = False,
        strict: bool = False,
        verify: Literal["keys", "values"] = "values",
        progress: Progress = True,
        stop: threading.Event | None = None,
    ) -> SubmissionReport:
        """Submit a snapshot to its project or another (sheepdog, ``POST`` and ``PUT {P}/{Q}``).

        Checksums are compared first, then every record with this commons' dictionary. The same call again
        sends nothing; records that the project has besides stay.

        Parameters
        ----------
        folder : path
            As :meth:`snapshot` made it.
        project : str, pair or ProjectId, optional
            By default the one of the same name.
        missing : "keep" or "clear"
            What a cell that was empty at the time does to a value stored since.
        dry_run, strict, verify, progress, stop
            As for :meth:`submit`.

        Returns
        -------
        SubmissionReport
            One row for each record.

        Raises
        ------
        IntegrityError
            A file is damaged or missing; nothing was sent.
        DictionaryError
            This commons lacks a node of the snapshot.
        """
        from gen3nb.frames.restoring import restore

        logger.info("restore %s to %s on %s", folder, project or "its project", self.endpoint)
        return restore(
            self,
            folder,
            project=project,
            missing=missing,
            dry_run=dry_run,
            strict=strict,
            verify=verify,
            progress=progress,
            stop=stop,
        )
