"""A practice commons that holds copies of a real one's projects, by that commons' own dictionary."""

from __future__ import annotations

import json
import logging
import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gen3nb.errors import Gen3Error

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectId, ProjectLike
    from gen3nb.commons import Commons

__all__ = [
    "ClonedInPart",
    "clone_projects",
    "dictionary_of",
    "keep_dictionary",
    "kept_dictionary",
    "projects_of",
]

logger = logging.getLogger("gen3nb")

#: The dictionary of a named folder's data, for the next start.
DICTIONARY = "dictionary.json"


class ClonedInPart(UserWarning):
    """The practice commons did not take some of the records; the others are there."""


def projects_of(source: Commons | None, project: ProjectLike | list[ProjectLike] | None) -> list[ProjectId]:
    """Find the projects to copy, before anything is started.

    Parameters
    ----------
    source : Commons or None
    project : str, pair of str, ProjectId, or a list of these

    Returns
    -------
    list of ProjectId

    Raises
    ------
    Gen3Error
        A commons without projects is named, or projects without a commons.
    NotFound
        There is no such project.
    PermissionDenied
        You may not read it.
    """
    if (source is None) != (project is None):
        raise Gen3Error(
            "To copy a project, name both: sandbox(clone=commons, project='PROGRAM-PROJECT'), or a list of "
            "projects."
        )
    if source is None or project is None:
        return []
    several = project if isinstance(project, list) else [project]
    from gen3nb.frames.allowed import check_readable

    found = list(dict.fromkeys(source.project_id(one) for one in several))
    for one in found:
        check_readable(source, one)
    return found


@contextmanager
def dictionary_of(source: Commons) -> Iterator[Path]:
    """Give the path of a file with a commons' dictionary, for as long as a server needs it to start.

    Parameters
    ----------
    source : Commons

    Yields
    ------
    Path
    """
    with tempfile.TemporaryDirectory(prefix="gen3nb-clone-") as folder:
        path = Path(folder) / DICTIONARY
        path.write_text(json.dumps(source.sheepdog.dictionary()), encoding="utf-8")
        yield path


def clone_projects(source: Commons, target: Commons, projects: Iterable[ProjectId]) -> None:
    """Copy projects: their programs, properties and records.

    Parameters
    ----------
    source : Commons
    target : Commons
        The practice commons, signed in as its admin.
    projects : iterable of ProjectId

    Warns
    -----
    ClonedInPart
        Where records of the source break its own dictionary: how many, and why the first was refused.
    """
    from gen3nb.frames.restoring import copy_project
    from gen3nb.frames.snapshots import project_properties

    there = set(target.sheepdog.programs())
    for one in projects:
        if one.program not in there:
            target.create_program(one.program)
            there.add(one.program)
        target.create_project((one.program, one.code), **project_properties(source, one))
        report = copy_project(source, target, one)
        logger.info("copied %s of %s: %s", one, source.endpoint, report)
        if not report.ok:
            table = report.to_frame()
            bad = table[table["status"].isin(["rejected", "not sent", "unknown"])]
            first = bad.iloc[0]
            warnings.warn(
                f"{len(bad):,} of {len(table):,} records of {one} could not be copied. The first, "
                f"{first['node']} {first['submitter_id']!r}: {first['reason']}",
                ClonedInPart,
                stacklevel=4,
            )


def keep_dictionary(path: str | os.PathLike[str], folder: Path) -> None:
    """Put a dictionary beside the data that it describes, where the next start finds it."""
    text = Path(path).read_text(encoding="utf-8")
    (folder / DICTIONARY).write_text(text, encoding="utf-8")


def kept_dictionary(folder: str | os.PathLike[str] | None) -> Path | None:
    """Give the dictionary that lies beside the data of a named folder, if there is one."""
    path = Path(folder).expanduser() / DICTIONARY if folder is not None else None
    return path if path is not None and path.is_file() else None
