"""The verbs that read: nothing in the commons changes. Each delegates to the room that does it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, overload

from gen3nb.commons.foundation import Foundation

if TYPE_CHECKING:
    from pathlib import Path

    import dask.dataframe as dd
    import pandas as pd

    from gen3nb.client.project import ProjectLike
    from gen3nb.frames.comparing import Difference
    from gen3nb.frames.matching import Missing
    from gen3nb.frames.merging import How
    from gen3nb.frames.pace import Way
    from gen3nb.frames.progress import Progress
    from gen3nb.frames.reports import ValidationReport
    from gen3nb.frames.selection import Selection

__all__ = ["ReadingVerbs"]


class ReadingVerbs(Foundation):
    """Query, read, select and join; compare rows with the dictionary and with what is stored."""

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

    @overload
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
    ) -> pd.DataFrame: ...

    @overload
    def read(
        self,
        node: str,
        *,
        project: ProjectLike | None = None,
        columns: Iterable[str] | None = None,
        progress: Progress = True,
        partitions: int,
        folder: str | Path | None = None,
    ) -> dd.DataFrame: ...

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
        partitions: int | None = None,
        folder: str | Path | None = None,
    ) -> pd.DataFrame | dd.DataFrame:
        """Read every record of a node, typed by the dictionary (sheepdog, ``GET {P}/{Q}/export``).

        See ``gen3nb.frames.reading.read``, which does it. With ``partitions=`` the records go to so many
        Parquet files, in ``folder`` or a temporary one, and come back as a Dask DataFrame: see
        ``gen3nb.frames.partitions.read_partitions``.
        """
        from gen3nb.frames.reading import read

        options = _given({"ids": ids, "columns": columns, "where": where, "with_": with_, "per": per})
        if partitions is None and folder is None:
            return read(self, node, project=project, progress=progress, **options)
        from gen3nb.frames.partitions import read_partitions

        return read_partitions(
            self,
            node,
            project=project,
            progress=progress,
            partitions=1 if partitions is None else partitions,
            folder=folder,
            **options,
        )

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
        columns: str | Iterable[str] | None = None,
        where: Mapping[str, Any] | None = None,
        way: Way | None = None,
        progress: Progress = True,
    ) -> pd.DataFrame:
        """Join two nodes along the dictionary's links, all rows, by the faster way.

        By sheepdog's export of each, or one nested query (peregrine).

        See ``gen3nb.frames.joining.join``.
        """
        from gen3nb.frames.joining import join

        return join(
            self,
            left,
            right,
            project=project,
            via=via,
            how=how,
            columns=columns,
            where=where,
            way=way,
            progress=progress,
        )

    def validate(
        self,
        frame: pd.DataFrame,
        node: str,
        *,
        project: ProjectLike | None = None,
        others: Mapping[str, pd.DataFrame] | None = None,
        privacy: bool = True,
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
            privacy=privacy,
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


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what was not given, so that the defaults stand in one place."""
    return {name: value for name, value in options.items() if value is not None}
