"""The verbs on frames, each of which delegates to the room that does it."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from gen3nb.client.peregrine import Peregrine
    from gen3nb.client.project import ProjectId, ProjectLike
    from gen3nb.client.sheepdog import Sheepdog
    from gen3nb.dictionary import Dictionary
    from gen3nb.frames.comparing import Difference
    from gen3nb.frames.selection import Selection
    from gen3nb.frames.submission import SubmissionReport
    from gen3nb.frames.validation import ValidationReport

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
        with_: Iterable[str] | None = None,
        per: str | None = None,
        progress: Any = True,
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
        via: Any = None,
        how: str = "left",
        progress: Any = True,
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
        progress: Any = True,
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
        missing: str = "keep",
        progress: Any = True,
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
        progress: Any = True,
        **options: Any,
    ) -> SubmissionReport:
        """Submit the rows of several nodes, in link order (sheepdog, ``PUT`` and ``POST {P}/{Q}``).

        Only what is new or changed is sent, and it is looked up afterwards.

        Parameters
        ----------
        frames : Mapping of str to DataFrame
            Rows by node.
        project : str, pair or ProjectId
            Where they go.
        progress : bool or callable
            Whether to show progress.
        **options : Any
            ``missing``, ``dry_run``, ``verify``, ``chunk``, ``stop``, ``strict``: see
            ``gen3nb.frames.submission.submit``.
        """
        from gen3nb.frames.submission import submit

        target = self.project_id(project)
        logger.info("submit to %s on %s", target, self.endpoint)
        return submit(frames, connection=self, project=target, progress=progress, **options)


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what was not given, so that the defaults stand in one place."""
    return {name: value for name, value in options.items() if value is not None}
