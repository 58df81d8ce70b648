"""``df.gen3``: the verbs of gen3nb on a frame.

pandas 3 makes a new accessor at each access, so this one holds nothing but the frame; what a frame knows of
itself stands in ``df.attrs["gen3"]``. Loaded with every pandas, so it loads nothing else until it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import pandas as pd

from gen3nb.errors import DictionaryError, NotConnected, NotFound

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from gen3nb.client.project import ProjectLike
    from gen3nb.commons import Commons
    from gen3nb.dictionary import Dictionary, Node
    from gen3nb.frames.comparing import Difference
    from gen3nb.frames.origin import Origin
    from gen3nb.frames.reports import ValidationReport
    from gen3nb.frames.submission import SubmissionReport
    from gen3nb.transfer.report import TransferReport

__all__ = ["Gen3Accessor", "of"]

T = TypeVar("T")


def of(frame: pd.DataFrame) -> Gen3Accessor:
    """Give what ``df.gen3`` gives, in a way that type checkers understand.

    Parameters
    ----------
    frame : pandas.DataFrame

    Returns
    -------
    Gen3Accessor
    """
    if not isinstance(frame, pd.DataFrame):
        raise AttributeError(f"gen3 verbs are for a DataFrame, not for a {type(frame).__name__}")
    return Gen3Accessor(frame)


@pd.api.extensions.register_dataframe_accessor("gen3")
class Gen3Accessor:
    """The verbs of gen3nb on a frame; none changes the frame.

    Every verb takes ``node=``, ``project=`` and ``commons=``. Without them: what the frame remembers
    (:meth:`tag` says it again after a merge). Without a commons, the one that is open; with several open,
    writing needs to be told which.

    Parameters
    ----------
    frame : pandas.DataFrame
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    def __repr__(self) -> str:
        known = {name: value for name, value in vars(self.origin).items() if value is not None}
        return f"<gen3: {len(self._frame):,} rows; {known or 'of unknown origin'}>"

    # --- what it is

    @property
    def origin(self) -> Origin:
        """Where the frame comes from: commons, project, node, dictionary."""
        from gen3nb.frames.origin import origin_of

        return origin_of(self._frame)

    @property
    def node(self) -> str | None:
        """The node whose records the rows are: as the frame remembers, else its one ``type``."""
        return self.origin.node or self._only("type")

    @property
    def project(self) -> str | None:
        """The project: as the frame remembers, else its one ``project_id``."""
        return self.origin.project or self._only("project_id")

    @property
    def rows(self) -> list[int]:
        """Each row's number in the file that the frame was read from: the header is row 1."""
        from gen3nb.frames.origin import row_numbers

        return list(row_numbers(self._frame))

    def _only(self, column: str) -> str | None:
        """Give the value of a column that has one value."""
        if list(self._frame.columns).count(column) != 1:
            return None
        values = self._frame[column].dropna().unique()
        return str(values[0]).strip() if len(values) == 1 else None

    def tag(
        self,
        node: str | None = None,
        project: ProjectLike | None = None,
        commons: Commons | str | None = None,
    ) -> pd.DataFrame:
        """Give a copy of the frame that knows its node, project and commons (again), as after a merge.

        Parameters
        ----------
        node : str, optional
        project : str, pair of str or ProjectId, optional
        commons : Commons or str, optional
            The commons, or its endpoint.

        Returns
        -------
        pandas.DataFrame
        """
        from gen3nb.frames.origin import tag

        return tag(self._frame, node=node, project=project, commons=commons)

    # --- check, compare, submit

    def validate(
        self,
        node: str | None = None,
        *,
        project: ProjectLike | None = None,
        commons: Commons | None = None,
        dictionary: Dictionary | None = None,
        others: Mapping[str, pd.DataFrame] | None = None,
        privacy: bool = True,
        progress: Any = True,
    ) -> ValidationReport:
        """Check the rows; nothing is sent but look-ups of links (peregrine).

        Parameters
        ----------
        node : str, optional
        project : str, pair of str or ProjectId, optional
            Where the rows are to go; without it only the dictionary's rules are checked.
        commons : Commons, optional
        dictionary : Dictionary, optional
            Instead of a commons: check by the rules alone.
        others : Mapping of str to DataFrame, optional
            Frames of other nodes that the rows may link to.
        privacy : bool
            Note columns that look like names, record numbers, birth dates or ages over 89.
        progress : bool or callable

        Returns
        -------
        ValidationReport

        Raises
        ------
        NotConnected
            No commons is open, and no dictionary is given.
        DictionaryError
            The node is not known.
        """
        from gen3nb.frames.validation import validate

        chosen = None if dictionary is not None and commons is None else self._commons(commons)
        rules = dictionary if dictionary is not None else self._connected(chosen).dictionary
        kind = rules[self._node(node)]
        target = project if project is not None else self.project
        return validate(
            self._frame,
            kind.name,
            dictionary=rules,
            project=target if chosen is not None else None,
            connection=chosen,
            others=dict(others or {}),
            privacy=privacy,
            progress=progress,
        )

    def diff(
        self,
        node: str | None = None,
        *,
        project: ProjectLike | None = None,
        commons: Commons | None = None,
        missing: Literal["keep", "clear"] = "keep",
        progress: Any = True,
    ) -> Difference:
        """Say what a submission of the rows would change (sheepdog, ``GET {P}/{Q}/export``).

        Parameters
        ----------
        node : str, optional
        project : str, pair of str or ProjectId, optional
        commons : Commons, optional
        missing : {"keep", "clear"}
            Whether a missing cell keeps what is stored, or clears it.
        progress : bool or callable

        Returns
        -------
        Difference
        """
        from gen3nb.frames.comparing import diff

        chosen = self._commons(commons)
        kind = chosen.dictionary[self._node(node)]
        return diff(
            self._frame,
            kind.name,
            connection=chosen,
            project=self._project(project),
            missing=missing,
            progress=progress,
        )

    def submit(
        self,
        node: str | None = None,
        *,
        project: ProjectLike | None = None,
        commons: Commons | None = None,
        **options: Any,
    ) -> SubmissionReport:
        """Submit what is new or changed, and look up afterwards what is stored (sheepdog, ``{P}/{Q}``).

        Parameters
        ----------
        node : str, optional
        project : str, pair of str or ProjectId, optional
        commons : Commons, optional
            Needed where several are open and the frame does not know its own.
        **options : Any
            ``missing``, ``dry_run``, ``verify``, ``chunk``, ``progress``, ``stop``, ``strict``, ``privacy``,
            as in ``commons.submit``.

        Returns
        -------
        SubmissionReport

        Raises
        ------
        NotConnected
            No commons is open, or several are and none is named.
        """
        chosen = self._commons(commons, writing=True)
        kind = chosen.dictionary[self._node(node)]
        return chosen.submit({kind.name: self._frame}, project=self._project(project), **options)

    def download(
        self, folder: str | os.PathLike[str] = ".", *, commons: Commons | None = None, **options: Any
    ) -> TransferReport:
        """Download the files that the records name by ``object_id``, each checked by its hash.

        Sizes and hashes come from indexd, URLs from fence (``POST /user/data/download/bulk``). The same call
        again goes on where one stopped.

        Parameters
        ----------
        folder : str or path
            Is made if it is not there.
        commons : Commons, optional
            By default the one that the frame came from.
        **options : Any
            ``parallel``, ``filename_format``, ``rename``, ``overwrite``, ``skip_completed``, ``protocol``,
            ``shard``, ``executor``, ``dry_run``, ``progress``, ``stop``, as in ``commons.files.download``.

        Returns
        -------
        TransferReport
            One row per file: guid, name, bytes, seconds, hash, status, why.

        Raises
        ------
        TransferError
            The frame names no files, or it ended early: then ``report`` says what is there by now.
        NotConnected
            No commons is open, or several are and none is named.
        """
        return self._commons(commons).files.download(self._frame, folder, **options)

    # --- other forms

    def join(
        self,
        right: str | pd.DataFrame,
        *,
        project: ProjectLike | None = None,
        commons: Commons | None = None,
        via: Any = None,
        how: Literal["left", "right", "inner", "outer"] = "left",
        columns: str | Iterable[str] | None = None,
        way: Literal["export", "query"] | None = None,
        progress: Any = True,
    ) -> pd.DataFrame:
        """Join the rows with the records of another node along links; see ``commons.join``."""
        chosen = self._commons(commons)
        target = project if project is not None else self.project
        return chosen.join(
            self.tag(node=self._node(None)),
            right,
            project=target,
            via=via,
            how=how,
            columns=columns,
            way=way,
            progress=progress,
        )

    def to_tsv(
        self,
        path: str | Path,
        node: str | None = None,
        *,
        commons: Commons | None = None,
        dictionary: Dictionary | None = None,
    ) -> Path:
        """Write a TSV as the service and spreadsheets read it (CSV for a path that ends so).

        Parameters
        ----------
        path : str or Path
        node : str, optional
        commons : Commons, optional
        dictionary : Dictionary, optional
            Instead of a commons.

        Returns
        -------
        Path
        """
        from gen3nb.frames.tsv import to_tsv

        rules = dictionary if dictionary is not None else self._commons(commons).dictionary
        kind = rules[self._node(node)]
        return to_tsv(self._typed(kind), path, kind)

    def grid(self, **options: Any) -> Any:
        """Show the frame in a grid that sorts, filters and edits (``gen3nb.panels``).

        Parameters
        ----------
        **options : Any
            As for ``gen3nb.panels.grid.Grid``.

        Returns
        -------
        Grid
        """
        from gen3nb.panels.grid import grid

        return grid(self._frame, **options)

    def summary(
        self, by: str | None = None, *, node: str | None = None, commons: Commons | None = None
    ) -> pd.DataFrame:
        """Say what is in the frame: per column counts, range or top values; or a "table one" by group.

        Parameters
        ----------
        by : str, optional
            A column to group by.
        node : str, optional
        commons : Commons, optional
            Whose dictionary to compare with, where one is open.

        Returns
        -------
        pandas.DataFrame
        """
        from gen3nb.frames.summary import summary

        named = node or self.node
        try:
            dictionary = self._commons(commons).dictionary if named is not None else {}
        except NotConnected:
            dictionary = {}
        kind = dictionary.get(named) if named is not None else None
        return summary(self._typed(kind) if kind is not None else self._frame, kind, by)

    # --- what was not said ------------------------------------------------------------------------------

    def _typed(self, node: Node) -> pd.DataFrame:
        from gen3nb.frames.casting import typed_by_origin

        return typed_by_origin(self._frame, node)

    def _node(self, node: str | None) -> str:
        found = node if node is not None else self.node
        if found is None:
            raise DictionaryError(
                "The frame does not say of which node its records are: give node='case', or tag it, "
                "df.gen3.tag(node='case')."
            )
        return found

    def _project(self, project: ProjectLike | None) -> ProjectLike:
        found = project if project is not None else self.project
        if found is None:
            raise NotFound(
                "The frame does not say which project its records belong to: give project='PROGRAM-PROJECT', "
                "or tag it, df.gen3.tag(project='PROGRAM-PROJECT')."
            )
        return found

    @staticmethod
    def _connected(commons: Commons | None) -> Commons:
        if commons is None:
            raise NotConnected("No commons is open: commons = gen3nb.connect(…), or gen3nb.sandbox().")
        return commons

    def _commons(self, commons: Commons | None, *, writing: bool = False) -> Commons:
        """Give the commons: the one named, else the frame's own, else the only one that is open."""
        from gen3nb.commons.choosing import chosen

        return chosen(commons, self.origin, writing=writing)
