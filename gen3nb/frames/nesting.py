"""Two nodes and what lies between them by one nested query, page by page (peregrine)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from gen3nb.client.project import ProjectId
from gen3nb.dictionary import Node, Step
from gen3nb.errors import IntegrityError
from gen3nb.frames.connection import Connection
from gen3nb.frames.decoding import ColumnsOf
from gen3nb.frames.graphql import given_wrong, mended, resolve, step_name
from gen3nb.frames.nested import Level
from gen3nb.frames.pace import PROBE, Pace, Size
from gen3nb.frames.paging import PAGE, Paging
from gen3nb.frames.progress import Progress, report

__all__ = ["Asked", "TooSlow", "ask", "counts_of_nodes", "links_asked_for", "why_not"]


class TooSlow(Exception):
    """The commons answers nested queries so slowly that exports are the faster way."""


@dataclass
class Asked:
    """What a nested query is to give.

    Attributes
    ----------
    first, last : Node
    path : sequence of Step
        From the one to the other.
    first_columns, last_columns : sequence of str
        Own columns and links of each, ``id`` among them.
    project : ProjectId or None
    ids : sequence of str, optional
        Only these records of the first node; default: all.
    count : int
        How many records of the first node there are, or ``ids`` has.
    """

    first: Node
    last: Node
    path: Sequence[Step]
    first_columns: Sequence[str]
    last_columns: Sequence[str]
    project: ProjectId | None
    ids: Sequence[str] | None
    count: int
    own_link: str | None = field(init=False)

    def __post_init__(self) -> None:
        # the only link down to each record is the one that it was reached by: no need to ask for it again
        step = self.path[0]
        alone = len(self.path) == 1 and not step.up and not step.link.to_many and self.ids is None
        self.own_link = step.link.name if alone else None

    def text(self, connection: Connection) -> str:
        """Write the query."""
        tree = Level()
        for name in self.first_columns:
            steps, prop = resolve(connection.dictionary, self.first, name)
            tree.add(steps, prop.name)
        if self.own_link is not None:
            tree.add([], self.path[0].link.key)
        for name in self.last_columns:
            if self.own_link is not None and name.partition(".")[0] == self.own_link and "." in name:
                continue
            steps, prop = resolve(connection.dictionary, self.last, name)
            tree.add([*self.path, *steps], prop.name)
        head, given = ["$first: Int", "$offset: Int"], ["first: $first", "offset: $offset"]
        if self.project is not None:
            head, given = [*head, "$project_id: [String]"], [*given, "project_id: $project_id"]
        if self.ids is not None:
            head, given = [*head, "$ids: [String]"], [*given, "ids: $ids"]
        arguments = ", ".join([*given, 'order_by_asc: "id"'])
        return f"query ({', '.join(head)}) {{\n  {self.first.name}({arguments}) {tree.text(2)}\n}}"

    def window(self, first: int, offset: int) -> dict[str, Any]:
        """Give the variables of one page."""
        inside = {"project_id": [str(self.project)]} if self.project is not None else {}
        if self.ids is None:
            return {"first": first, "offset": offset, **inside}
        return {"first": 0, "offset": 0, "ids": list(self.ids[offset : offset + first]), **inside}


def why_not(
    connection: Connection,
    nodes: tuple[Node, Node],
    path: Sequence[Step],
    columns: tuple[Sequence[str], Sequence[str]],
) -> str | None:
    """Say why queries cannot give a join right; ``None`` if they can.

    Parameters
    ----------
    connection : Connection
    nodes : (Node, Node)
    path : sequence of Step
    columns : (sequence of str, sequence of str)
        Of each of the nodes.

    Returns
    -------
    str or None
    """
    if "program" in (nodes[0].name, nodes[1].name):
        return "programs are of no project"
    for node, names in zip(nodes, columns, strict=True):
        for name in names:
            if given_wrong(connection.dictionary, *resolve(connection.dictionary, node, name)):
                return f"queries give {node.name}.{name} wrong"
    _, key = resolve(connection.dictionary, nodes[1], "id")
    for step in path:
        if given_wrong(connection.dictionary, [step], key):
            return f"queries mix up the links of {step.link.source} to {step.link.target}"
        if not step.up and not step.link.backref:
            return f"queries have no name for the way down from {step.start} to {step.end}"
    return None


def counts_of_nodes(
    connection: Connection, nodes: Sequence[str], project: ProjectId | None
) -> dict[str, int]:
    """Count the records of nodes in one request (peregrine ``_<node>_count``).

    Parameters
    ----------
    connection : Connection
    nodes : sequence of str
    project : ProjectId or None
        ``None`` for all that may be read.

    Returns
    -------
    dict of str to int
    """
    head = "query ($project_id: [String]) " if project is not None else ""
    given = "(project_id: $project_id)" if project is not None else ""
    fields = " ".join(f"{node}: _{node}_count{given}" for node in dict.fromkeys(nodes))
    variables = {"project_id": [str(project)]} if project is not None else None
    answer = connection.peregrine.query(f"{head}{{ {fields} }}", variables)
    return {node: int(answer.get(node) or 0) for node in nodes}


def links_asked_for(columns: Sequence[str]) -> int:
    """Count the links that columns stand for; each is one more level of a query."""
    return len({name.partition(".")[0] for name in columns if "." in name})


class _Reached:
    """Takes answers apart: records of the first node, those they lead to, and the pairs."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._lefts = ColumnsOf(asked.first, asked.first_columns, extra=False)
        self._rights = ColumnsOf(asked.last, asked.last_columns, extra=False)
        self._seen: set[str] = set()
        self.rows = 0
        self._pairs: tuple[list[str], list[str]] = ([], [])

    def add(self, page: list[dict[str, Any]]) -> None:
        """Take in a page of answers."""
        asked = self._asked
        names = [step_name(step) for step in asked.path]
        new: list[dict[str, Any]] = []
        lefts, rights = self._pairs
        for record in page:
            home = [{"id": record["id"], asked.first.key: record.get(asked.first.key)}]
            ends: Mapping[str, dict[str, Any]] = {"": record}
            for name in names:
                ends = {below["id"]: below for end in ends.values() for below in end.get(name) or []}
            for one, end in ends.items():
                lefts.append(record["id"])
                rights.append(one)
                if one not in self._seen:
                    self._seen.add(one)
                    new.append(mended(end, asked.last))
                elif asked.own_link is not None:
                    raise IntegrityError(f"the {asked.last.name} {one} hangs on several {asked.first.name}")
                if asked.own_link is not None:
                    end[asked.own_link] = home
        # only now: a link of the first node can be the first step, and is a list of ends until here
        self._lefts.add([mended(record, asked.first) for record in page])
        self._rights.add(new)
        self.rows += len(page)

    def finish(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Give both frames, and the pairs of ids: ``left`` and ``right``."""
        lefts, rights = (pd.Series(ends, dtype=object) for ends in self._pairs)
        pairs = pd.DataFrame({"left": lefts, "right": rights})
        return self._lefts.finish(), self._rights.finish(), pairs


def ask(
    connection: Connection,
    asked: Asked,
    *,
    size: Size,
    pace: Pace,
    waiting: float,
    forced: bool,
    progress: Progress = True,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Ask for two nodes and what lies between (peregrine ``POST /v0/submission/graphql``).

    Parameters
    ----------
    connection : Connection
    asked : Asked
    size : Size
    pace : Pace
        Of this connection; what is seen is noted there.
    waiting : float
        Seconds that any request takes, however small.
    forced : bool
        Never give up for being slow.
    progress : bool or callable

    Returns
    -------
    (DataFrame, DataFrame, DataFrame)
        Records of the first node; those of the last that they lead to; pairs of ids, ``left`` and ``right``.

    Raises
    ------
    TooSlow
        Exports are the faster way.
    IntegrityError
        Records came or went while it was read.
    """
    text = asked.text(connection)

    def one_page(first: int, offset: int) -> list[dict[str, Any]]:
        return connection.peregrine.query(text, asked.window(first, offset)).get(asked.first.name) or []

    reached = _Reached(asked)
    source = Paging(one_page, asked.first.name) if asked.ids is None else _ByIds(one_page, asked.count)
    each = size.nested / max(size.asked, 1)
    known = forced or pace.nested is not None
    with report(progress, asked.count, f"Joining {asked.first.name} and {asked.last.name}") as meter:
        length = PAGE if known else PROBE
        while not source.ended:
            started = time.perf_counter()
            page = source.next(length)
            held = _records(page)
            reached.add(page)
            pace.saw_query(held, time.perf_counter() - started, waiting)
            meter.advance(len(page))
            rest = 0 if source.ended else asked.count - reached.rows
            length = min(PAGE, 10 * length)
            if page:
                each = held / len(page)
            ahead = rest * each, min(rest, length) * each
            if rest > 0 and not forced and size.gives_up(pace, rest=ahead[0], following=ahead[1]):
                raise TooSlow(f"{pace.nested:,.0f} records/s")
    if isinstance(source, Paging):
        source.check(
            asked.count, counts_of_nodes(connection, [asked.first.name], asked.project)[asked.first.name]
        )
    return reached.finish()


class _ByIds:
    """Pages of records that are asked for by id."""

    def __init__(self, ask: Callable[[int, int], list[dict[str, Any]]], count: int) -> None:
        self._ask = ask
        self._count = count
        self._at = 0

    @property
    def ended(self) -> bool:
        """Whether there are no more."""
        return self._at >= self._count

    def next(self, size: int) -> list[dict[str, Any]]:
        """Give the next page."""
        page = self._ask(size, self._at)
        self._at += size
        return page


def _records(value: Any) -> int:
    """Count the records in an answer, at all levels."""
    if isinstance(value, list):
        return sum(map(_records, value))
    if isinstance(value, dict):
        return 1 + sum(_records(below) for below in value.values() if isinstance(below, list))
    return 0
