"""Every record of a node in one project, whichever way the commons can give it whole.

The label export is the fast way. It breaks off for some shapes of links and can end early, so what it gave is
believed only if its JSON closed and its count is the commons' own; else the records are asked for by id; else
page by page over GraphQL. A short answer is never given as if it were the whole.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any, TypeAlias, TypeVar

import ijson
import pandas as pd
import requests
import urllib3

from gen3nb.client.project import ProjectId
from gen3nb.dictionary import Node
from gen3nb.errors import IntegrityError, NotFound, PermissionDenied, QueryError, ServiceError, Unavailable
from gen3nb.frames.allowed import check_readable
from gen3nb.frames.connection import Connection
from gen3nb.frames.decoding import chunks_of
from gen3nb.frames.graphql import count_records, graphql_pages, two_links_to_one
from gen3nb.frames.keys import Ids, batched
from gen3nb.frames.paging import PAGE
from gen3nb.frames.progress import Meter
from gen3nb.frames.sinks import Frame, Sink

__all__ = [
    "ReadByQueryWarning",
    "by_ids",
    "by_pages",
    "frame_by_ids",
    "frame_of_project",
    "whole_project",
]

Chunk: TypeAlias = Sequence[Mapping[str, Any]]
Way: TypeAlias = Callable[[Connection, Node, ProjectId, Sequence[str]], Iterator[Chunk]]
S = TypeVar("S", bound=Sized)

IDS_PER_EXPORT = 500
_TRIES = 3
_BUFFER = 1 << 16
# What the export does not hold: the commons' own properties, but for these.
_EXPORTED = frozenset({"id", "type", "project_id", "submitter_id"})


class ReadByQueryWarning(UserWarning):
    """The export was refused, so the records came another way; they are all there."""


class _Broken(Exception):
    """An export that did not come to its end."""


def whole_project(
    connection: Connection,
    node: Node,
    project: ProjectId,
    columns: Sequence[str],
    meter: Meter,
    sink: Callable[[], Sink[S]],
) -> S:
    """Read all records of a node in one project.

    Sheepdog ``GET /v0/submission/{P}/{Q}/export``; peregrine for the count, and where the export fails.

    Parameters
    ----------
    connection : Connection
    node : Node
    project : ProjectId
    columns : sequence of str
        As :class:`~gen3nb.frames.decoding.ColumnsOf` takes them, ``id`` among them.
    meter : Meter
    sink : callable
        Makes what takes the records in, for each try a new one.

    Returns
    -------
    What the sink makes.

    Raises
    ------
    IntegrityError
        No way gives as many records as the commons counts.
    PermissionDenied
        You may not read there.
    """
    reasons: list[str] = []
    before = _count(connection, node, project)
    meter.expect(before)
    for way in _ways(node, columns):
        taker = sink()
        done = meter.done
        refused = False
        try:
            for chunk in way(connection, node, project, columns):
                taker.add(chunk)
                meter.advance(len(chunk))
        except PermissionDenied:
            refused = True
        except NotFound:
            raise
        except (_Broken, ServiceError, QueryError, IntegrityError) as error:
            reasons.append(f"the {_NAMES[way]} failed ({error})")
        else:
            made = taker.finish()
            count = len(made)
            if before is None:
                _say_unchecked(node, project, count)
                return made
            after = before if before == count else _count(connection, node, project) or 0
            # somebody may be writing meanwhile: what lies between the two counts is whole; pages, which
            # give no record twice, can also hold some that have gone and some that have come
            if min(before, after) <= count and (count <= max(before, after) or way is by_pages):
                return made
            reasons.append(f"the {_NAMES[way]} gave {count:,} records where the commons counts {after:,}")
        meter.advance(done - meter.done)
        if refused:
            return _refused(connection, node, project, columns, before, meter, sink)
    raise _not_whole(node, project, reasons)


def _not_whole(node: Node, project: ProjectId, reasons: list[str]) -> IntegrityError:
    return IntegrityError(
        f"The {node.name} records of {project} could not be read whole: {'; '.join(reasons)}. "
        "Try again; if it stays so, tell the operators of the commons.",
        node=node.name,
        project=str(project),
        reasons=tuple(reasons),
    )


def _ways(node: Node, columns: Sequence[str]) -> list[Way]:
    """Give the ways to read a node whole, the fastest that can be right first."""
    system = set(node.system_properties) - _EXPORTED
    if any(name in system for name in columns):
        return [by_pages]  # dates and states are in no export
    if two_links_to_one(node):
        return [_by_listed_ids] if any("." in name for name in columns) else [_by_listed_ids, by_pages]
    return [_by_label, _by_listed_ids, by_pages]


def _count(connection: Connection, node: Node, project: ProjectId) -> int | None:
    try:
        return count_records(connection, node, project)
    except (ServiceError, QueryError):
        return None  # a commons without GraphQL: the end of the JSON must do


def _say_unchecked(node: Node, project: ProjectId, count: int) -> None:
    warnings.warn(
        f"{count:,} {node.name} records of {project} were read to the end of the export; the query service "
        "did not say how many there are, so the number could not be compared.",
        stacklevel=6,
    )


def _refused(
    connection: Connection,
    node: Node,
    project: ProjectId,
    columns: Sequence[str],
    before: int | None,
    meter: Meter,
    sink: Callable[[], Sink[S]],
) -> S:
    """Read over GraphQL what the export refuses, as it does in projects that are open to all."""
    check_readable(connection, project)
    if two_links_to_one(node) and any("." in name for name in columns):
        raise IntegrityError(
            f"The links of {node.name} can only be read from an export: it has two links to one node, or one "
            f"to itself, which queries mix up. Ask for 'read' on {project.resource}, or leave the links out "
            "with columns=[…].",
            node=node.name,
        )
    taker = sink()
    for page in by_pages(connection, node, project, columns):
        taker.add(page)
        meter.advance(len(page))
    made = taker.finish()
    after = count_records(connection, node, project)
    if len(made) < min(after, before or after):
        raise _not_whole(node, project, [f"queries gave {len(made):,} records and count {after:,}"])
    warnings.warn(
        f"The export of {project} is not open to you, but queries show its records: {len(made):,} "
        f"{node.name} records were read that way, which is slower.",
        ReadByQueryWarning,
        stacklevel=6,
    )
    return made


def frame_of_project(
    connection: Connection, node: Node, project: ProjectId, columns: Sequence[str], meter: Meter
) -> pd.DataFrame:
    """Read all records of a node in one project as a typed frame; see :func:`whole_project`."""
    return whole_project(connection, node, project, columns, meter, lambda: Frame(node, columns))


def frame_by_ids(
    connection: Connection,
    node: Node,
    project: ProjectId,
    ids: Iterable[str],
    columns: Sequence[str],
    meter: Meter,
) -> pd.DataFrame:
    """Read records of one project by id as a typed frame, as far as they are there; see :func:`by_ids`."""
    taker = Frame(node, columns)
    for chunk in by_ids(connection, project, dict.fromkeys(ids)):
        taker.add(chunk)
        meter.advance(len(chunk))
    return taker.finish()


# --- the three ways ------------------------------------------------------------------------------------


def _by_label(
    connection: Connection, node: Node, project: ProjectId, columns: Sequence[str]
) -> Iterator[Chunk]:
    with connection.sheepdog.export(project, node.name, format="json") as response:
        yield from chunks_of(_parsed(response, "data.item"))


def _by_listed_ids(
    connection: Connection, node: Node, project: ProjectId, columns: Sequence[str]
) -> Iterator[Chunk]:
    pages = graphql_pages(connection, node, ["id"], project=project, size=PAGE)
    ids = Ids()
    for page in pages:
        for row in page:
            ids.append(str(row["id"]))
    yield from by_ids(connection, project, filter(None, ids))


def by_ids(connection: Connection, project: ProjectId, ids: Iterable[str]) -> Iterator[Chunk]:
    """Read records of one node by id (sheepdog ``POST /v0/submission/{P}/{Q}/export``).

    Parameters
    ----------
    connection : Connection
    project : ProjectId
        The one that the records are in; others are skipped by the service.
    ids : iterable of str
        Each once.

    Yields
    ------
    list of Mapping

    Raises
    ------
    Unavailable
        An export broke off, several times.
    """
    for part in batched(ids, IDS_PER_EXPORT):
        yield from chunks_of(_part(connection, project, part))


def _part(connection: Connection, project: ProjectId, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Read one request's worth of records by id; one that breaks off is asked for again."""
    for tries_left in reversed(range(_TRIES)):
        try:
            with connection.sheepdog.export(project, ids=ids, format="json") as response:
                return list(_parsed(response, "item"))
        except NotFound:
            break  # none of these is there any more; the count tells
        except _Broken as error:
            if not tries_left:
                raise Unavailable(
                    f"The export of {len(ids):,} records of {project} by id broke off {_TRIES} times "
                    f"({error}). Try again; if it stays so, tell the operators of {connection.endpoint}.",
                    service="sheepdog",
                ) from None
    return []


def by_pages(
    connection: Connection, node: Node, project: ProjectId, columns: Sequence[str]
) -> Iterator[Chunk]:
    """Read a node page by page (peregrine ``POST /v0/submission/graphql``).

    Yields
    ------
    list of Mapping
    """
    yield from graphql_pages(connection, node, columns, project=project, size=PAGE)


_NAMES: dict[Way, str] = {
    _by_label: "export",
    _by_listed_ids: "export by ids",
    by_pages: "paged query",
}


def _parsed(response: requests.Response, prefix: str) -> Iterator[dict[str, Any]]:
    """Give the records of an export as they arrive.

    Raises
    ------
    _Broken
        The JSON did not come to its end.
    """
    try:
        for record in ijson.items(_Body(response), prefix, buf_size=_BUFFER):
            if not isinstance(record, dict):
                raise _Broken("it holds something other than records")
            yield record
    except ijson.JSONError as error:
        raise _Broken(str(error).splitlines()[0].strip() or "unreadable JSON") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
        raise _Broken("the connection was cut") from None


class _Body:
    """A response's decoded body as a file that can only be read on."""

    def __init__(self, response: requests.Response) -> None:
        self._parts = response.iter_content(_BUFFER)
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        if size == 0:
            return b""  # ijson asks for nothing, to see that these are bytes
        if not self._rest:
            self._rest = next(self._parts, b"")
        part, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return part
