"""Read records of a node: all of them, typed, or an error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gen3nb.client.project import ProjectId
from gen3nb.dictionary import Node
from gen3nb.errors import DictionaryError, NotFound, PermissionDenied
from gen3nb.frames.allowed import check_readable
from gen3nb.frames.builders import as_text
from gen3nb.frames.connection import Connection
from gen3nb.frames.decoding import ColumnsOf, read_columns
from gen3nb.frames.exporting import by_ids, frame_by_ids, frame_of_project, whole_project
from gen3nb.frames.graphql import link_of, resolve
from gen3nb.frames.origin import tag_as
from gen3nb.frames.progress import Meter, Progress, report
from gen3nb.frames.sinks import Records

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectLike

__all__ = [
    "concat",
    "facts",
    "is_own",
    "look_up",
    "never_exported",
    "read",
    "read_raw",
    "readable_projects",
    "stored_records",
    "wanted_columns",
]

_PER_LOOK_UP = 1_000


def read(
    connection: Connection,
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
    """Read every record of a node as a frame typed by the dictionary.

    From sheepdog ``GET /v0/submission/{P}/{Q}/export``, as it streams in; checked against peregrine's count.
    Where the export breaks off or is refused, by other ways (slower; a warning says so if it was refused).

    An enum is categorical with its whole vocabulary in order, whole numbers are ``Int64``, numbers
    ``Float64``, yes/no values ``boolean``, text and dates ``string``; lists stay lists. Links are
    ``<link>.submitter_id`` (``projects.code``), a list where a record may have several.

    Parameters
    ----------
    connection : Connection
        The commons.
    node : str
        Which records: ``"case"``.
    project : str, pair of str or ProjectId, optional
        Default: all that you may read.
    ids : iterable of str, optional
        Only these records, in this order: their ids or submitter_ids.
    columns : iterable of str, optional
        Only these columns, in this order; also along links: ``"cases.demographics.gender"``.
    where : Mapping, optional
        Only records that fit, as :class:`~gen3nb.frames.selection.Selection` takes it.
    with_ : str, iterable of str, or Mapping of str to via, optional
        Other nodes whose records to put beside, along the links of the dictionary. Their columns are
        ``<node>.<column>``. Where no record has more than one of them the columns keep their types; where
        some have several, each cell is a list, in the order of their submitter_ids.
    per : str, optional
        What a row is, with ``with_``: this node (default) or one of ``with_``.
    progress : bool or callable
        A bar where it takes long; or a function (done, total, label).

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    DictionaryError
        The node or a column is unknown (the nearest is named), or links lead there in several ways.
    NotFound
        There is no such project, or one of ``ids`` is nowhere.
    PermissionDenied
        You may not read there.
    IntegrityError
        The records could not be read whole.
    """
    kind = connection.dictionary[node]
    ids = [ids] if isinstance(ids, str) else ids
    if with_ is not None or (per is not None and per != node):
        from gen3nb.frames.beside import read_beside

        return read_beside(
            connection, node, project=project, ids=ids, columns=columns, where=where, with_=with_, per=per,
            progress=progress,
        )  # fmt: skip
    wanted = wanted_columns(connection, kind, columns)
    if where or any(not is_own(kind, name) for name in wanted) or never_exported(kind):
        from gen3nb.frames.selection import Selection

        asked = None if columns is None else wanted
        if ids is not None:
            where = {**(where or {}), "id": _resolved_ids(connection, kind, project, ids)}
        return Selection(connection, node, project=project, columns=asked or wanted, where=where).to_frame(
            progress=progress
        )
    return read_raw(connection, kind, project, ids=ids, columns=wanted, progress=progress)


def wanted_columns(connection: Connection, node: Node, columns: Iterable[str] | None) -> list[str]:
    """Give the columns to read, each of which the dictionary has to know."""
    if columns is None:
        return read_columns(node)
    names = [columns] if isinstance(columns, str) else list(dict.fromkeys(columns))
    for name in names:
        resolve(connection.dictionary, node, name)
    return names


def is_own(node: Node, name: str) -> bool:
    """Say whether a column is of the node itself, or of one of its links."""
    return "." not in name or link_of(node, name) is not None


def never_exported(node: Node) -> bool:
    """Say whether the export does not know a node: it answers with an error for these two."""
    return node.name in {"program", "project"}


def read_raw(
    connection: Connection,
    node: Node,
    project: ProjectLike | None,
    *,
    ids: Iterable[str] | None = None,
    columns: Sequence[str],
    progress: Progress = True,
) -> pd.DataFrame:
    """Read own columns of a node's records, of one project or of all that may be read.

    Parameters
    ----------
    connection : Connection
    node : Node
    project : str, pair of str, ProjectId or None
    ids : iterable of str, optional
    columns : sequence of str
        Properties, ``<link>.<key>`` and ``<link>.id``.
    progress : bool or callable

    Returns
    -------
    pandas.DataFrame
    """
    needed = list(columns) if "id" in columns else ["id", *columns]
    projects = readable_projects(connection, node, project)
    with report(progress, None, f"Reading {node.name}") as meter:
        if ids is not None:
            frame = _some(connection, node, project, list(ids), needed, meter)
        else:
            frames = [frame_of_project(connection, node, one, needed, meter) for one in projects]
            frame = concat(frames, node, needed)
    one = projects[0] if len(projects) == 1 else None
    if "id" not in columns:
        del frame["id"]  # in place: a selection of columns would copy them all
    return tag_as(frame, facts(connection, node, one))


def stored_records(
    connection: Connection, project: ProjectId, node: Node, ids: Iterable[str] | None = None
) -> list[dict[str, Any]]:
    """Give records as sheepdog exports them: absent properties left out, links as lists of ends.

    Parameters
    ----------
    connection : Connection
    project : ProjectId
    node : Node
    ids : iterable of str, optional
        Only these, as far as they are in the project; default: all.

    Returns
    -------
    list of dict

    Raises
    ------
    IntegrityError
        They could not be read whole.
    """
    if ids is None:
        columns = read_columns(node)
        return whole_project(connection, node, project, columns, Meter(None, ""), lambda: Records(node))
    taker = Records(node)
    for chunk in by_ids(connection, project, dict.fromkeys(ids)):
        taker.add(chunk)
    return taker.finish()


def facts(connection: Connection, node: Node, project: ProjectId | None) -> dict[str, str | None]:
    """Give what a frame remembers of where it comes from."""
    return {
        "commons": connection.endpoint,
        "profile": connection.profile,
        "project": str(project) if project is not None else None,
        "node": node.name,
        "dictionary": connection.dictionary.digest,
    }


def readable_projects(connection: Connection, node: Node, project: ProjectLike | None) -> list[ProjectId]:
    """Give the projects to read; without one named, all that show records of the node to the user."""
    if project is not None:
        return [connection.project_id(project)]
    counts = connection.peregrine.datasets([node.name])
    if not any(held.get(node.name) for held in counts.values()):
        check_readable(connection, None)
    return [connection.project_id(name) for name, held in sorted(counts.items()) if held.get(node.name)]


def _some(
    connection: Connection,
    node: Node,
    project: ProjectLike | None,
    ids: list[str],
    columns: Sequence[str],
    meter: Meter,
) -> pd.DataFrame:
    """Read records by their ids or submitter_ids, in that order."""
    found = look_up(connection, node, project, ids)
    lost = [one for one in ids if one not in found]
    if lost:
        where = f" in {connection.project_id(project)}" if project is not None else ""
        raise NotFound(
            f"{len(lost)} of {len(ids)} {node.name} records are not there{where}, or not shown to you: "
            f"{', '.join(map(repr, lost[:5]))}{' …' if len(lost) > 5 else ''}.",
            ids=tuple(lost),
        )
    order = list(dict.fromkeys(found[one][0] for one in ids))
    homes: dict[str, list[str]] = {}
    for record, home in found.values():
        homes.setdefault(home, []).append(record)
    meter.expect(len(order))
    frames = [
        _at_home(connection, node, connection.project_id(home), homes[home], columns, meter) for home in homes
    ]
    frame = concat(frames, node, columns)
    place = {one: at for at, one in enumerate(frame["id"])}
    gone = [one for one in order if one not in place]
    if gone:
        raise NotFound(f"{len(gone)} {node.name} records went away while they were read: {gone[:5]}.")
    return frame.iloc[[place[one] for one in order]].reset_index(drop=True)


def _at_home(
    connection: Connection,
    node: Node,
    project: ProjectId,
    records: list[str],
    columns: Sequence[str],
    meter: Meter,
) -> pd.DataFrame:
    """Read records of one project by id; where its export is refused, out of all of its records."""
    try:
        return frame_by_ids(connection, node, project, records, columns, meter)
    except PermissionDenied:
        whole = frame_of_project(connection, node, project, columns, meter)
        return whole[whole["id"].isin(records)]


def look_up(
    connection: Connection, node: Node, project: ProjectLike | None, ids: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """Find records by id or submitter_id (peregrine), 1,000 at a time.

    Parameters
    ----------
    connection : Connection
    node : Node
    project : str, pair of str, ProjectId or None
    ids : sequence of str

    Returns
    -------
    dict
        What was asked for → (id, project_id). An id goes before a submitter_id.

    Raises
    ------
    DictionaryError
        One submitter_id names records in several projects.
    """
    inside = {"project_id": [str(connection.project_id(project))]} if project is not None else {}
    head = "$ids: [String]" + (", $project_id: [String]" if inside else "")
    also = ", project_id: $project_id" if inside else ""
    text = (
        f"query ({head}) {{ by_id: {node.name}(first: 0, ids: $ids{also}) {{ id project_id }} "
        f"by_name: {node.name}(first: 0, submitter_id: $ids{also}) {{ id project_id submitter_id }} }}"
    )
    found: dict[str, tuple[str, str]] = {}
    wanted = list(dict.fromkeys(ids))
    for start in range(0, len(wanted), _PER_LOOK_UP):
        answer = connection.peregrine.query(text, {"ids": wanted[start : start + _PER_LOOK_UP], **inside})
        named: dict[str, tuple[str, str]] = {}
        for row in answer.get("by_name") or []:
            if named.setdefault(row["submitter_id"], (row["id"], row["project_id"]))[0] != row["id"]:
                raise DictionaryError(
                    f"{row['submitter_id']!r} names a {node.name} in several projects: give project=… or ids."
                )
        found |= named
        found |= {row["id"]: (row["id"], row["project_id"]) for row in answer.get("by_id") or []}
    return found


def _resolved_ids(
    connection: Connection, node: Node, project: ProjectLike | None, ids: Iterable[str]
) -> list[str]:
    return [record for record, _ in look_up(connection, node, project, list(ids)).values()]


def concat(frames: Sequence[pd.DataFrame], node: Node, columns: Sequence[str]) -> pd.DataFrame:
    """Put frames of one node below each other; where their types differ, nothing is lost.

    Parameters
    ----------
    frames : sequence of pandas.DataFrame
    node : Node
    columns : sequence of str

    Returns
    -------
    pandas.DataFrame
        With a RangeIndex.
    """
    if not frames:
        return ColumnsOf(node, columns, extra=False).finish()
    if len(frames) == 1:
        return frames[0].reset_index(drop=True)
    data = {name: _stacked([frame[name] for frame in frames]) for name in columns}
    return pd.DataFrame(data)


def _stacked(parts: list[pd.Series[Any]]) -> pd.Series[Any]:
    dtypes = [part.dtype for part in parts]
    if all(dtype == dtypes[0] for dtype in dtypes):
        return pd.concat(parts, ignore_index=True)
    if all(isinstance(dtype, pd.CategoricalDtype) for dtype in dtypes):
        known = list(dict.fromkeys(value for part in parts for value in part.cat.categories))
        whole = pd.CategoricalDtype(known)
        return pd.concat([part.astype(whole) for part in parts], ignore_index=True)
    if np.dtype(object) in dtypes:
        return pd.concat([part.astype(object) for part in parts], ignore_index=True)
    texts = [None if value is pd.NA else as_text(value) for part in parts for value in part.astype(object)]
    return pd.Series(texts, dtype="string")
