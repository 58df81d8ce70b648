"""The query builder: says what it would ask, counts, and gives frames."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from gen3nb.dictionary import Node, Property, Step
from gen3nb.errors import IntegrityError, QueryError
from gen3nb.frames.allowed import check_readable
from gen3nb.frames.codec import plain_column
from gen3nb.frames.connection import Connection
from gen3nb.frames.filtering import Condition, conditions_of, fits
from gen3nb.frames.following import Links
from gen3nb.frames.graphql import given_wrong, resolve
from gen3nb.frames.nested import Built, Level, far_column
from gen3nb.frames.origin import tag_as
from gen3nb.frames.paging import PAGE, Paging
from gen3nb.frames.progress import Progress, report
from gen3nb.frames.reading import facts

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectLike

__all__ = ["Selection"]

_TRIES = 2


class Selection:
    """Some records of a node, some columns: nothing is sent until it is counted or read.

    Immutable: ``with_columns``, ``filter`` and ``within`` give new ones. Asks peregrine
    (``POST /v0/submission/graphql``), with an explicit ``first`` and an order by id at every level, so no
    list is cut.

    Parameters
    ----------
    connection : Connection
        The commons.
    node : str
        Which records.
    project : str, pair of str or ProjectId, optional
        Default: all that you may read.
    columns : iterable of str, optional
        Properties, also along links, up or down: ``"cases.submitter_id"``,
        ``"cases.demographics.gender"``. Default: id, submitter_id, project_id and the node's own properties,
        without links (which cost a query service much).
    where : Mapping, optional
        Column → a value, a list of values (any of them; ``None`` among them: also missing), a pair ``(low,
        high)`` for a range (``None``: open at that end), a compiled pattern, or ``None`` for missing. The
        commons filters by text, enum and yes/no values; the rest is done here (``.local`` says what).

    Raises
    ------
    DictionaryError
        The node, a column or a value is unknown; the message names the nearest.
    NotFound
        There is no such project.
    """

    def __init__(
        self,
        connection: Connection,
        node: str,
        *,
        project: ProjectLike | None = None,
        columns: Iterable[str] | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> None:
        self._connection = connection
        self._node = connection.dictionary[node]
        if where is not None and not isinstance(where, Mapping):
            raise QueryError(
                "where= says what columns hold: where={'gender': 'female'}, or a list of values."
            )
        self._project = connection.project_id(project) if project is not None else None
        self._where = dict(where or {})
        self._columns = _default(self._node) if columns is None else _listed(columns)
        self._paths = {name: resolve(connection.dictionary, self._node, name) for name in self._columns}
        self._conditions = conditions_of(connection.dictionary, self._node, self._where)

    # --- build on it ----------------------------------------------------------------------------------

    @property
    def node(self) -> str:
        """The node whose records these are."""
        return self._node.name

    @property
    def project(self) -> str | None:
        """The project, ``"PROGRAM-PROJECT"``; ``None`` for all that may be read."""
        return str(self._project) if self._project is not None else None

    @property
    def columns(self) -> list[str]:
        """The columns of the frame."""
        return list(self._columns)

    @property
    def where(self) -> dict[str, Any]:
        """The conditions, as they were given."""
        return dict(self._where)

    def _like(self, **changes: Any) -> Selection:
        made = {"project": self._project, "columns": self._columns, "where": self._where, **changes}
        return Selection(self._connection, self.node, **made)

    def with_columns(self, *columns: str) -> Selection:
        """Give a selection of these columns."""
        return self._like(columns=columns)

    def filter(self, where: Mapping[str, Any]) -> Selection:
        """Give a selection with further conditions; for a column that has one already, the new one."""
        return self._like(where={**self._where, **where})

    def within(self, project: ProjectLike) -> Selection:
        """Give the same selection in another project."""
        return self._like(project=project)

    # --- what it would ask ------------------------------------------------------------------------------

    @property
    def graphql(self) -> str:
        """The query: what the commons filters and gives. With ``variables`` it gives every record."""
        return self._text(self._needed())

    @property
    def variables(self) -> dict[str, Any]:
        """The query's variables; ``first: 0`` is all."""
        return {"first": 0, "offset": 0, **self._filters()[1]}

    @property
    def local(self) -> list[str]:
        """What is done here, in words, since query services cannot do it, or not rightly."""
        exported = [f"{name} is read from the export" for name in self._all() if self._doubtful(name)]
        return [*(condition.words for condition in self._here()), *exported]

    def _here(self) -> list[Condition]:
        return [condition for condition in self._conditions if not condition.by_service]

    def _all(self) -> list[str]:
        """Give the columns of the frame, and those that are needed to filter it here."""
        local = [condition.column for condition in self._here()]
        return list(dict.fromkeys(["id", *self._columns, *local]))

    def _needed(self) -> list[str]:
        """Give the columns that are asked for by GraphQL."""
        return [name for name in self._all() if not self._doubtful(name)]

    def _doubtful(self, name: str) -> bool:
        return given_wrong(self._connection.dictionary, *self._resolved(name))

    def _filters(self) -> tuple[list[str], dict[str, Any], list[str]]:
        """Give arguments, variables and their declarations for what the commons filters by."""
        arguments: list[str] = []
        variables: dict[str, Any] = {}
        declared: list[str] = []
        if self._project is not None:
            # a program is of no project; the one that the project is of has its name
            program = self.node == "program"
            arguments.append(f"{'name' if program else 'project_id'}: $project_id")
            variables["project_id"] = [self._project.program if program else str(self._project)]
            declared.append("$project_id: [String]")
        for condition in self._conditions:
            if not condition.by_service:
                continue
            name = condition.column
            if condition.prop.kind == "boolean":
                arguments.append(f"{name}: {json.dumps(condition.wanted)}")
                continue
            if name == "project_id" and self._project is not None:
                arguments[0] = f"project_id: {json.dumps([str(self._project)])}"
                continue
            # `id` takes one, `ids` a list
            arguments.append(f"{'ids' if name == 'id' else name}: ${name}")
            variables[name] = condition.wanted
            declared.append(f"${name}: [String]")
        return arguments, variables, declared

    def _text(self, needed: Sequence[str]) -> str:
        arguments, _, declared = self._filters()
        head = ", ".join(["$first: Int", "$offset: Int", *declared])
        page = ", ".join(["first: $first", "offset: $offset", 'order_by_asc: "id"', *arguments])
        tree = Level()
        for name in needed:
            steps, prop = self._resolved(name)
            tree.add(steps, prop.name)
        return f"query ({head}) {{\n  {self.node}({page}) {tree.text(2)}\n}}"

    def _resolved(self, name: str) -> tuple[Sequence[Step], Property]:
        return self._paths.get(name) or resolve(self._connection.dictionary, self._node, name)

    # --- ask ----------------------------------------------------------------------------------------------

    def count(self) -> int:
        """Count the records (peregrine ``_<node>_count``); with a local part, by reading its columns.

        Returns
        -------
        int
        """
        if not self._here():
            return self._counted()
        few = [condition.column for condition in self._here()]
        return len(self._like(columns=few).to_frame(progress=False))

    def _counted(self) -> int:
        arguments, variables, declared = self._filters()
        head = f"query ({', '.join(declared)}) " if declared else ""
        given = f"({', '.join(arguments)})" if arguments else ""
        answer = self._connection.peregrine.query(f"{head}{{ count: _{self.node}_count{given} }}", variables)
        count = int(answer.get("count") or 0)
        if not count:
            check_readable(self._connection, self._project)
        return count

    def to_frame(self, *, progress: Progress = True) -> pd.DataFrame:
        """Give all records as one frame, typed by the dictionary.

        Parameters
        ----------
        progress : bool or callable

        Returns
        -------
        pandas.DataFrame
            The columns asked for. A column along links is typed if each record has one target at every step,
            else its cells are lists.

        Raises
        ------
        IntegrityError
            Records came or went while it was read, twice.
        PermissionDenied
            There is nothing to see, for you may not read there.
        """
        for attempt in range(_TRIES):
            try:
                with report(progress, None, f"Selecting {self.node}") as meter:
                    built = Built(self._node, {name: self._resolved(name) for name in self._needed()})
                    meter.expect(self._counted())
                    for records in self._pages(PAGE):
                        built.add(records)
                        meter.advance(len(records))
                frame = built.finish()
                break
            except IntegrityError:
                if attempt + 1 == _TRIES:
                    raise
        return self._finished(frame)

    def _finished(self, frame: pd.DataFrame) -> pd.DataFrame:
        frame = self._with_exported(frame)
        kept = frame[fits(frame, self._here())][self._columns].reset_index(drop=True)
        return tag_as(kept, facts(self._connection, self._node, self._project))

    def _with_exported(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Add the columns that queries give wrong, out of the export."""
        columns = {name: self._resolved(name) for name in self._all() if self._doubtful(name)}
        if not columns:
            return frame
        links = Links(self._connection, self._project, progress=False)
        for steps, _ in columns.values():
            links.plan(steps)
        for name, (steps, prop) in columns.items():
            end = self._connection.dictionary[steps[-1].end] if steps else self._node
            held = links.frame(end, [prop.name])
            values = dict(zip(held["id"], plain_column(held[prop.name], prop), strict=True))
            pairs = links.pairs(steps, frame["id"])
            ends: dict[str, list[Any]] = {}
            for left, right in zip(pairs["left"], pairs["right"], strict=True):
                ends.setdefault(left, []).append(values.get(right))
            frame[name] = far_column([ends.get(one, []) for one in frame["id"]], steps, prop)
        return frame

    def pages(self, size: int) -> Iterator[pd.DataFrame]:
        """Give the records as frames of ``size`` rows, the last one shorter; in one order, none twice.

        Parameters
        ----------
        size : int
            Rows of a frame.

        Yields
        ------
        pandas.DataFrame

        Raises
        ------
        IntegrityError
            Records came or went meanwhile: raised at the end.
        """
        if size < 1:
            raise ValueError(f"a page has at least one row, not {size}")
        if any(map(self._doubtful, self._all())):
            whole = self.to_frame(progress=False)
            for start in range(0, len(whole), size):
                yield whole.iloc[start : start + size].reset_index(drop=True)
            return
        rest: pd.DataFrame | None = None
        for frame in self._frames(size):
            rest = frame if rest is None or rest.empty else pd.concat([rest, frame], ignore_index=True)
            while len(rest) >= size:
                yield tag_as(rest.iloc[:size].reset_index(drop=True), dict(frame.attrs["gen3"]))
                rest = rest.iloc[size:].reset_index(drop=True)
        if rest is not None and len(rest):
            yield rest

    def _frames(self, size: int) -> Iterator[pd.DataFrame]:
        paths = {name: self._resolved(name) for name in self._needed()}
        for records in self._pages(min(size, 10 * PAGE)):
            built = Built(self._node, paths)
            built.add(records)
            yield self._finished(built.finish())

    def _pages(self, size: int) -> Iterator[list[dict[str, Any]]]:
        """Give the records as they come; raises at the end if they are fewer than the commons counts."""
        text, variables = self._text(self._needed()), self.variables

        def ask(first: int, offset: int) -> list[dict[str, Any]]:
            window = {**variables, "first": first, "offset": offset}
            return self._connection.peregrine.query(text, window).get(self.node) or []

        before = self._counted()
        paging = Paging(ask, self.node)
        yield from paging.pages(size)
        paging.check(before, before if paging.given == before else self._counted())

    def __repr__(self) -> str:
        where = f" in {self.project}" if self.project else ""
        words = "; ".join(condition.words for condition in self._conditions)
        return (
            f"<Selection of {self.node}{where}: {len(self._columns)} columns{'; ' + words if words else ''}>"
        )


def _default(node: Node) -> list[str]:
    links = {link.column for link in node.links}
    own = [name for name in node.columns if name in node.properties and name not in links]
    first = ["id", *(name for name in (node.key, "project_id") if name in own)]
    return list(dict.fromkeys([*first, *(name for name in own if name != "type")]))


def _listed(columns: Iterable[str]) -> list[str]:
    return [columns] if isinstance(columns, str) else list(dict.fromkeys(columns))
