"""The verbs on frames, each of which delegates to the room that does it."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import threading

    import pandas as pd

    from gen3nb.client.peregrine import Peregrine
    from gen3nb.client.project import ProjectId, ProjectLike
    from gen3nb.client.sheepdog import Sheepdog
    from gen3nb.dictionary import Dictionary
    from gen3nb.frames.comparing import Difference
    from gen3nb.frames.joining import How
    from gen3nb.frames.matching import Missing
    from gen3nb.frames.progress import Progress
    from gen3nb.frames.reports import ValidationReport
    from gen3nb.frames.selection import Selection
    from gen3nb.frames.submission import SubmissionReport

__all__ = ["Verbs"]

logger = logging.getLogger("gen3nb")


class Verbs(ABC):
    """What a commons does with frames; :class:`gen3nb.Commons` adds who and where it is."""

    profile: str | None
    sheepdog: Sheepdog
    peregrine: Peregrine

    @property
    @abstractmethod
    def endpoint(self) -> str:
        """The commons' address."""

    @property
    @abstractmethod
    def dictionary(self) -> Dictionary:
        """The commons' data dictionary."""

    @abstractmethod
    def project_id(self, project: ProjectLike) -> ProjectId:
        """Find a project of this commons."""

    @abstractmethod
    def may(self, method: str, project: ProjectLike) -> bool:
        """Tell whether the user has a method on a project."""

    def query(self, text: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run any GraphQL query and give its data (peregrine, ``POST /api/v0/submission/graphql``).

        Warns where a list came back cut at the server's default of 10 rows.

        Raises
        ------
        QueryError
            GraphQL refused it: with line and column.
        """
        from gen3nb.frames.queries import query

        return query(self, text, variables)

    def read(
        self,
        node: str,
        *,
        project: ProjectLike | None = None,
        ids: Iterable[str] | None = None,
        columns: Iterable[str] | None = None,
        where: Mapping[str, Any] | None = None,
        with_: str | Iterable[str] | Mapping[str, Any] | None = None,
        per: str | None = None,
        progress: Progress = True,
    ) -> pd.DataFrame:
        """Read every record of a node, typed by the dictionary (sheepdog, ``GET {P}/{Q}/export``).

        See ``gen3nb.frames.reading.read``, which does it.
        """
        from gen3nb.frames.reading import read

        options = {"ids": ids, "columns": columns, "where": where, "with_": with_, "per": per}
        return read(self, node, project=project, progress=progress, **_given(options))

    def select(
        self,
        node: str,
        *,
        project: ProjectLike | None = None,
        columns: Iterable[str] | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> Selection:
        """Build a query without sending it (peregrine, ``POST /api/v0/submission/graphql`` when it is read).

        See ``gen3nb.frames.selection.Selection``.
        """
        from gen3nb.frames.selection import Selection

        return Selection(self, node, project=project, **_given({"columns": columns, "where": where}))

    def join(
        self,
        left: str | pd.DataFrame,
        right: str | pd.DataFrame,
        *,
        project: ProjectLike | None = None,
        via: str | Iterable[str] | None = None,
        how: How = "left",
        progress: Progress = True,
    ) -> pd.DataFrame:
        """Join two nodes along the dictionary's links, all rows (sheepdog's export of each, merged here).

        See ``gen3nb.frames.joining.join``.
        """
        from gen3nb.frames.joining import join

        return join(self, left, right, project=project, via=via, how=how, progress=progress)

    def validate(
        self,
        frame: pd.DataFrame,
        node: str,
        *,
        project: ProjectLike | None = None,
        others: Mapping[str, pd.DataFrame] | None = None,
        progress: Progress = True,
    ) -> ValidationReport:
        """Check rows against the dictionary; nothing is sent but look-ups of links (peregrine).

        See ``gen3nb.frames.validation.validate``.
        """
        from gen3nb.frames.validation import validate

        return validate(
            frame,
            node,
            dictionary=self.dictionary,
            project=project,
            connection=self,
            others=dict(others or {}),
            progress=progress,
        )

    def diff(
        self,
        frame: pd.DataFrame,
        node: str,
        *,
        project: ProjectLike,
        missing: Missing = "keep",
        progress: Progress = True,
    ) -> Difference:
        """Say what a submission would change (sheepdog, ``GET {P}/{Q}/export``).

        See ``gen3nb.frames.comparing.diff``.
        """
        from gen3nb.frames.comparing import diff

        return diff(frame, node, connection=self, project=project, missing=missing, progress=progress)

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
        )


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what was not given, so that the defaults stand in one place."""
    return {name: value for name, value in options.items() if value is not None}
