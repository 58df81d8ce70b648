"""Gather what a join needs, by exports or by one nested query, and say which and why."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from gen3nb.client.project import ProjectId
from gen3nb.dictionary import Node, Step
from gen3nb.errors import DictionaryError, IntegrityError, NotFound, QueryError, ServiceError
from gen3nb.frames.allowed import check_readable
from gen3nb.frames.codec import plain_column
from gen3nb.frames.connection import Connection
from gen3nb.frames.decoding import column_of, read_columns
from gen3nb.frames.following import Links
from gen3nb.frames.merging import How
from gen3nb.frames.nesting import Asked, TooSlow, ask, counts_of_nodes, links_asked_for, why_not
from gen3nb.frames.origin import origin_of
from gen3nb.frames.pace import Size, Way, pace_of, seconds_words
from gen3nb.frames.progress import Progress
from gen3nb.frames.reading import look_up

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectLike

__all__ = ["Gathered", "Gathering", "Side"]


@dataclass
class Side:
    """One of the two nodes of a join: to be read, or a frame at hand.

    Attributes
    ----------
    node : Node
    frame : pandas.DataFrame or None
    columns : list
        Those wanted.
    project : str or None
        That of the frame.
    """

    node: Node
    frame: pd.DataFrame | None
    columns: list[Any]
    project: str | None

    @classmethod
    def of(cls, connection: Connection, given: str | pd.DataFrame) -> Side:
        """Read what was given: a node's name, or a frame that says of which node it is."""
        if isinstance(given, str):
            node = connection.dictionary[given]
            return cls(node, None, list(read_columns(node)), None)
        origin = origin_of(given)
        if origin.node is None:
            raise DictionaryError(
                "The frame does not say of which node its records are: tag it first, "
                "df.gen3.tag(node='case'), or give the node's name."
            )
        if not given.columns.is_unique:
            twice = sorted({str(name) for name in given.columns[given.columns.duplicated()]})
            raise DictionaryError(f"The frame has several columns of one name: {', '.join(twice)}.")
        return cls(connection.dictionary[origin.node], given, list(given.columns), origin.project)

    def with_ids(self, connection: Connection, project: ProjectLike | None) -> pd.DataFrame:
        """Give the frame's rows with ``id``, looked up by submitter_id if it has none."""
        assert self.frame is not None  # noqa: S101 - only asked of a frame
        if "id" in self.frame:
            return self.frame
        key = self.node.key
        if key not in self.frame:
            raise DictionaryError(f"The frame has neither 'id' nor {key!r}, so its rows name no records.")
        names = [str(name) for name in self.frame[key]]
        found = look_up(connection, self.node, project, names)
        lost = [name for name in names if name not in found]
        if lost:
            raise NotFound(
                f"{len(lost)} rows of the frame are not in the commons, so their links are not known: "
                f"{', '.join(map(repr, lost[:5]))}{' …' if len(lost) > 5 else ''}. Submit them first.",
                ids=tuple(lost),
            )
        return self.frame.assign(id=[found[name][0] for name in names])


@dataclass
class Gathered:
    """What came: rows of both nodes, and which belong together.

    Attributes
    ----------
    lefts, rights : pandas.DataFrame
        With ``id``; of the right at least those that belong to a left one.
    right_count : int
        How many right rows there are in all.
    pairs : pandas.DataFrame
        ``left`` and ``right``: ids.
    words : str
        By which way they were read, and why.
    """

    lefts: pd.DataFrame
    rights: pd.DataFrame
    right_count: int
    pairs: pd.DataFrame
    words: str = ""


@dataclass
class Gathering:
    """A join to be read: see :func:`gen3nb.frames.joining.join` for what its attributes mean."""

    connection: Connection
    project: ProjectId | None
    first: Side
    second: Side
    path: Sequence[Step]
    how: How
    where: Mapping[str, Any] | None
    progress: Progress

    def read(self, way: Way | None) -> Gathered:
        """Read it, by the faster way unless one is named.

        Parameters
        ----------
        way : {"export", "query"} or None

        Returns
        -------
        Gathered

        Raises
        ------
        DictionaryError
            Queries cannot give this join right, and ``way="query"`` was asked for.
        IntegrityError
            It could not be read whole.
        """
        self._take_frames()
        never = why_not(self.connection, self._nodes, self.path, self._columns)
        if way == "query" and never is not None:
            raise DictionaryError(f"way='query' cannot give this join right: {never}. Leave way= out.")
        started = time.perf_counter()
        try:
            counts = counts_of_nodes(self.connection, self._counted(), self.project)
        except (QueryError, ServiceError) as error:
            if way == "query":
                raise
            return self._settled(self._by_export(None, f"the query service does not count ({error})"))
        waiting = time.perf_counter() - started
        if not all(counts[node.name] for node in self._nodes):
            check_readable(self.connection, self.project)
        size = self._size(counts)
        pace = pace_of(self.connection)
        if way is None and never is None and (size.faster(pace) == "query" or size.worth_a_trial(pace)):
            try:
                return self._settled(self._by_query(size, counts, waiting, forced=False))
            except TooSlow as shown:
                long = seconds_words(size.by_query(pace))
                why = f"the nested query gave {shown}, so all would have taken about {long}"
            except (QueryError, ServiceError, IntegrityError) as error:
                why = f"the nested query failed ({error})"
            return self._settled(self._by_export(size, why))
        if way == "query":
            return self._settled(self._by_query(size, counts, waiting, forced=True))
        why = (
            "as asked for"
            if way == "export"
            else never or _comparison(size, self, known=pace.nested is not None)
        )
        return self._settled(self._by_export(size, why))

    @property
    def _nodes(self) -> tuple[Node, Node]:
        return self.first.node, self.second.node

    @property
    def _columns(self) -> tuple[list[str], list[str]]:
        """The columns to read of each node; of a frame its ids alone."""
        first, second = (
            ["id", *(name for name in side.columns if name != "id")] if side.frame is None else ["id"]
            for side in (self.first, self.second)
        )
        return first, second

    @property
    def _all_rights(self) -> bool:
        return self.second.frame is None and self.how in ("right", "outer")

    def _take_frames(self) -> None:
        """Find the ids of frames' rows, and of the records that fit ``where``."""
        from gen3nb.frames.selection import Selection

        self._frames = [
            None if side.frame is None else side.with_ids(self.connection, self.project)
            for side in (self.first, self.second)
        ]
        self._ids: list[str] | None = None
        left = self._frames[0]
        if left is not None:
            self._ids = [str(one) for one in pd.unique(left["id"].dropna())]
        elif self.where:
            fitting = Selection(
                self.connection, self.first.node.name, project=self.project, columns=["id"], where=self.where
            )
            self._ids = [str(one) for one in fitting.to_frame(progress=False)["id"]]

    # --- how much it is ------------------------------------------------------------------------------------

    def _exported(self) -> set[str]:
        """Name the nodes that the exports would read: both, unless they are at hand, and all with links."""
        whole = {side.node.name for side in (self.first, self.second) if side.frame is None}
        return whole | {step.link.source for step in self.path}

    def _counted(self) -> list[str]:
        passed = [name for step in self.path for name in (step.start, step.end)]
        return list(dict.fromkeys([*passed, *self._exported()]))

    def _size(self, counts: Mapping[str, int]) -> Size:
        """Estimate what each way would read, from the counts of the nodes."""
        first, second = self._columns
        asked = counts[self.first.node.name] if self._ids is None else len(self._ids)
        each, here = 1.0 + links_asked_for(first), 1.0
        for step in self.path:
            here *= 1.0 if step.up else counts[step.end] / max(counts[step.start], 1)
            each += here
        own = links_asked_for(second)
        each += here * own if not self._all_rights else 0.0
        also = counts[self.second.node.name] * (1.0 + own) if self._all_rights else 0.0
        exported = sum(counts[name] for name in self._exported())
        return Size(exported, asked, asked * each + also)

    # --- the two ways --------------------------------------------------------------------------------------

    def _by_export(self, size: Size | None, why: str) -> Gathered:
        first, second = self._columns
        links = Links(self.connection, self.project, self.progress)
        links.plan(self.path)
        dictionary = self.connection.dictionary
        started = time.perf_counter()
        lefts, rights = self._frames
        if lefts is None:
            lefts = links.frame(self.first.node, first)
        if rights is None:
            rights = links.frame(self.second.node, second)
        for step in self.path:
            links.frame(dictionary[step.link.source])
        if size is not None:
            pace_of(self.connection).saw_export(size.exported, time.perf_counter() - started)
        if self.where and self._ids is not None:
            lefts = lefts[lefts["id"].isin(self._ids)]
        pairs = links.pairs(self.path, lefts["id"])
        words = f"Read by exports, merged here: {why}."
        return Gathered(lefts, rights, len(rights), pairs, words)

    def _by_query(self, size: Size, counts: Mapping[str, int], waiting: float, *, forced: bool) -> Gathered:
        from gen3nb.frames.selection import Selection

        first, second = self._columns
        pace = pace_of(self.connection)
        # what was known decided; where nothing was, what the first records showed
        words = "as asked for" if forced else _comparison(size, self, known=True) if pace.nested else None
        asked = Asked(
            self.first.node,
            self.second.node,
            self.path,
            first,
            ["id"] if self._all_rights else second,
            self.project,
            self._ids,
            counts[self.first.node.name] if self._ids is None else len(self._ids),
        )
        lefts, rights, pairs = ask(
            self.connection,
            asked,
            size=size,
            pace=pace,
            waiting=waiting,
            forced=forced,
            progress=self.progress,
        )
        if self._all_rights:
            rights = Selection(
                self.connection, self.second.node.name, project=self.project, columns=second
            ).to_frame(progress=self.progress)
        held = self._frames[1]
        count = max(len(rights), counts[self.second.node.name]) if held is None else len(held)
        words = words or _comparison(size, self, known=False)
        return Gathered(
            lefts if self._frames[0] is None else self._frames[0],
            rights if held is None else held,
            count,
            pairs,
            f"Read by a nested query: {words}.",
        )

    def _settled(self, gathered: Gathered) -> Gathered:
        """Give what came in one order and with the types of these rows, whichever way it came."""
        lefts, rights = gathered.lefts, gathered.rights
        if self.first.frame is None:
            lefts = _regular(lefts, self.first.node)
        if self.second.frame is None:
            if self.how in ("left", "inner") and _odd(rights, self.second.node):
                rights = rights[rights["id"].isin(gathered.pairs["right"])]
            rights = _regular(rights, self.second.node)
        return replace(gathered, lefts=lefts, rights=rights)


def _comparison(size: Size, gathering: Gathering, *, known: bool) -> str:
    """Say what the estimates were."""
    pace = pace_of(gathering.connection)
    basis = "at the pace of this connection" if known else "at the pace that services usually have"
    if not known and pace.nested is not None:
        basis = "as a first few records showed"
    return (
        f"about {seconds_words(size.by_query(pace))} for {size.nested:,.0f} nested records against "
        f"{seconds_words(size.by_export(pace))} for exporting {size.exported:,}, {basis}"
    )


def _odd(frame: pd.DataFrame, node: Node) -> list[str]:
    """Name the columns that do not have the type of their property: they hold values it does not expect."""
    return [
        str(name)
        for name in frame
        if name in node.properties and frame[name].dtype != node.properties[str(name)].dtype
    ]


def _regular(frame: pd.DataFrame, node: Node) -> pd.DataFrame:
    """Order rows by their key, and give columns the types that these rows need."""
    keys = [name for name in (node.key, "project_id", "id") if name in frame]
    frame = frame.sort_values(keys, kind="stable", na_position="last", ignore_index=True)
    for name in _odd(frame, node):
        prop = node.properties[name]
        frame[name] = column_of(plain_column(frame[name], None), prop)
    for link in node.links:
        for name in (f"{link.name}.{link.key}", f"{link.name}.id"):
            if name in frame and not link.to_many and frame[name].dtype == object:
                held = frame[name].tolist()
                if not any(isinstance(value, list) for value in held):
                    frame[name] = pd.array(held, dtype=pd.StringDtype())
    return frame
