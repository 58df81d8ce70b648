"""A snapshot back into a project: the same, another, or one of another commons."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from gen3nb.dictionary import Node
from gen3nb.errors import DictionaryError, IntegrityError, NotFound
from gen3nb.frames.codec import link_column, plain_columns
from gen3nb.frames.origin import tag_as
from gen3nb.frames.parquet import read_parquet
from gen3nb.frames.progress import Progress
from gen3nb.frames.reading import read
from gen3nb.frames.snapshots import FORMAT, MANIFEST, node_counts, sum_of_facts
from gen3nb.frames.submission import SubmissionReport, submit
from gen3nb.frames.written import sum_of

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectId, ProjectLike
    from gen3nb.frames.connection import Connection
    from gen3nb.frames.matching import Missing

__all__ = ["copy_project", "for_project", "restore"]


def restore(
    connection: Connection,
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
    """Submit the records of a snapshot, parents first, to the same or another project.

    Every checksum is compared before anything else. The records are checked by the dictionary of this
    commons; what names the snapshot's project names the new one instead; ids and dates are given by the
    commons. Only what is new or differs is sent: the same call again sends nothing. Records that the project
    has besides stay. Sheepdog ``POST`` and ``PUT /v0/submission/{P}/{Q}``, peregrine to look.

    Parameters
    ----------
    connection : Connection
        The commons to write to.
    folder : path
        As ``snapshot`` made it.
    project : str, pair of str or ProjectId, optional
        Where the records go, which exists; by default the project of the same name.
    missing : {"keep", "clear"}
        What a cell that was empty at the time does to a value stored since.
    dry_run : bool
        Only check and compare.
    strict : bool
        Send nothing if any record has a problem.
    verify : {"keys", "values"}
        What to look up afterwards.
    progress : bool or callable
    stop : threading.Event, optional
        Set it to stop.

    Returns
    -------
    SubmissionReport
        One status per record.

    Raises
    ------
    IntegrityError
        A file is damaged or missing; the message names it. Nothing was sent.
    NotFound
        There is no snapshot in the folder, or no such project.
    DictionaryError
        This commons does not have a node of the snapshot.
    PermissionDenied, Conflict, ValidationError, SubmissionError
        As ``submit`` raises them.
    """
    place = Path(folder).expanduser().absolute()
    manifest = _manifest(place)
    _check_sums(place, manifest)
    target = connection.project_id(manifest["project"] if project is None else project)
    absent = [one["node"] for one in manifest["files"] if one["node"] not in connection.dictionary]
    if absent:
        raise DictionaryError(
            f"{connection.endpoint} has no node {', '.join(map(repr, absent))}, of which the snapshot holds "
            "records: it has another dictionary. Nothing was sent.",
            nodes=tuple(absent),
        )
    frames = {}
    for one in manifest["files"]:
        kind = connection.dictionary[one["node"]]
        frame = read_parquet(place / one["file"], kind)
        if len(frame) != one["records"]:
            raise IntegrityError(
                f"{place / one['file']} holds {len(frame):,} records where {MANIFEST} counts "
                f"{one['records']:,}. Nothing was sent.",
                path=str(place / one["file"]),
            )
        tag_as(frame, {"dictionary": manifest["dictionary"]["digest"]})
        frames[kind.name] = for_project(frame, kind, manifest["code"], target)
    return submit(
        frames,
        connection=connection,
        project=target,
        missing=missing,
        dry_run=dry_run,
        verify=verify,
        progress=progress,
        stop=stop,
        strict=strict,
    )


def _manifest(place: Path) -> dict[str, Any]:
    file = place / MANIFEST
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(f"There is no snapshot in {place}: it has no {MANIFEST}.", path=str(file)) from None
    except (OSError, ValueError) as error:
        raise IntegrityError(
            f"{file} cannot be read ({type(error).__name__}), so the snapshot cannot be restored.",
            path=str(file),
        ) from None
    if not isinstance(facts, dict) or "format" not in facts:
        raise IntegrityError(f"{file} is no list of a snapshot.", path=str(file))
    if facts["format"] != FORMAT:
        raise IntegrityError(
            f"{file} is of the format {facts['format']!r}, and this version of gen3nb reads {FORMAT!r}.",
            path=str(file),
        )
    if facts.get("sha256") != sum_of_facts(facts):
        raise IntegrityError(
            f"{file} is damaged: its checksum does not agree. Nothing was sent.", path=str(file)
        )
    return facts


def _check_sums(place: Path, manifest: Mapping[str, Any]) -> None:
    """Compare every file with its checksum, and name all that are damaged."""
    damaged: dict[str, str] = {}
    for one in [*manifest["files"], manifest["dictionary"]]:
        name = str(one["file"])
        try:
            # a name alone: no way out of the folder
            found = sum_of(place / name) if Path(name).name == name else None
        except FileNotFoundError:
            damaged[name] = "is missing"
        except OSError as error:
            damaged[name] = f"cannot be read ({error.strerror})"
        else:
            if found != one["sha256"]:
                damaged[name] = "is damaged: its checksum does not agree"
    if damaged:
        words = "; ".join(f"{place / name} {what}" for name, what in damaged.items())
        raise IntegrityError(
            f"{words}. Nothing was sent. Use another copy of the snapshot.", files=tuple(damaged)
        )


def for_project(frame: pd.DataFrame, node: Node, code: str, target: ProjectId) -> pd.DataFrame:
    """Have records of one project name another: links to the project, ``project_id``; without ids.

    Parameters
    ----------
    frame : pandas.DataFrame
        It stays as it is.
    node : Node
    code : str
        Of the project that they come from. Links to other projects stay, for the check to name.
    target : ProjectId

    Returns
    -------
    pandas.DataFrame
    """
    changed: dict[Any, Any] = {}
    dropped = []
    for label, name in zip(frame.columns, plain_columns(frame), strict=True):
        link, part = link_column(node, name)
        if name in {"id", "project_id"} or part == "id":
            dropped.append(label)
        elif link is not None and link.target == "project":
            changed[label] = (
                frame[label].map(lambda value: _named(value, code, target.code)).astype(frame[label].dtype)
            )
    new = frame.assign(**changed) if changed else frame.copy()
    return new.drop(columns=dropped)


def _named(value: Any, old: str, new: str) -> Any:
    if isinstance(value, list):
        return [_named(one, old, new) for one in value]
    return new if isinstance(value, str) and value == old else value


def copy_project(
    source: Connection, target: Connection, project: ProjectLike, *, progress: Progress = True
) -> SubmissionReport:
    """Copy all records of a project to the project of the same name of another commons.

    Parameters
    ----------
    source, target : Connection
    project : str, pair of str or ProjectId
        Which; it exists in both.
    progress : bool or callable

    Returns
    -------
    SubmissionReport
    """
    where = source.project_id(project)
    there = target.project_id((where.program, where.code))
    frames = {}
    for node in node_counts(source, where):
        frame = read(source, node, project=where, progress=progress)
        frames[node] = for_project(frame, target.dictionary[node], where.code, there)
    return submit(frames, connection=target, project=there, progress=progress)
