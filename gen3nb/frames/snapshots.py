"""A whole project in a folder: a Parquet file per node, the dictionary, and a manifest with checksums."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from gen3nb.errors import Gen3Error, IntegrityError, ValidationError
from gen3nb.frames.allowed import check_readable
from gen3nb.frames.decoding import read_columns
from gen3nb.frames.exporting import whole_project
from gen3nb.frames.parquet import write_parquet
from gen3nb.frames.parts import Parts
from gen3nb.frames.progress import Meter, Progress
from gen3nb.frames.progress import report as showing
from gen3nb.frames.reading import read
from gen3nb.frames.reports import counted
from gen3nb.frames.written import Written, sum_of

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectId, ProjectLike
    from gen3nb.dictionary import Node
    from gen3nb.frames.connection import Connection

__all__ = [
    "FORMAT",
    "MANIFEST",
    "SnapshotReport",
    "node_counts",
    "project_properties",
    "snapshot",
    "sum_of_facts",
]

MANIFEST = "manifest.json"
DICTIONARY = "dictionary.json"
FORMAT = "gen3nb snapshot 1"
#: What a project has of its own and a new one is to have too.
_NOT_COPIED = {"id", "type", "project_id", "code", "programs", "state"}


@dataclass(frozen=True)
class SnapshotReport(Written):
    """What a snapshot holds, and where it lies.

    Attributes
    ----------
    path : Path
    endpoint, project : str
    table : pandas.DataFrame
        One row per file: node, file, records, bytes, sha256.
    """

    path: Path
    endpoint: str
    project: str
    table: pd.DataFrame

    def __str__(self) -> str:
        held = counted(self.records, "record")
        return f"{held} of {counted(len(self.table), 'node')}, {self.project} at {self.endpoint}: {self.path}"

    def __repr__(self) -> str:
        return f"<SnapshotReport: {self}>"

    def _repr_html_(self) -> str:
        import html

        return f"<div><b>Snapshot</b>: {html.escape(str(self))}</div>{self.table.to_html(index=False)}"


def snapshot(
    connection: Connection,
    project: ProjectLike,
    folder: str | os.PathLike[str],
    *,
    replace: bool = False,
    progress: Progress = True,
) -> SnapshotReport:
    """Write all records of a project to a folder, with the dictionary, counts and checksums.

    One Parquet file per node, ``dictionary.json`` and ``manifest.json``. The folder appears whole or not at
    all, and only its owner can read it. Sheepdog ``GET /v0/submission/{P}/{Q}/export`` and
    ``_dictionary/_all``; peregrine for the counts.

    Parameters
    ----------
    connection : Connection
        The commons.
    project : str, pair of str or ProjectId
    folder : path
        Made if it is not there, with its parents.
    replace : bool
        Whether an older snapshot in this folder gives way.
    progress : bool or callable

    Returns
    -------
    SnapshotReport

    Raises
    ------
    NotFound
        There is no such project.
    PermissionDenied
        You may not read there.
    ValidationError
        The folder holds something.
    IntegrityError
        The records could not be read whole, or changed meanwhile.
    Gen3Error
        The folder cannot be written.
    """
    where = connection.project_id(project)
    check_readable(connection, where)
    target = Path(folder).expanduser().absolute()
    try:
        _check_free(target, replace=replace)
        target.parent.mkdir(parents=True, exist_ok=True)
        # mkdtemp makes it readable for its owner alone
        place = Path(tempfile.mkdtemp(dir=target.parent, prefix=".gen3nb-snapshot-"))
        try:
            table = _write(connection, where, place, progress)
            _put(place, target)
        finally:
            shutil.rmtree(place, ignore_errors=True)
    except OSError as error:
        raise Gen3Error(
            f"The snapshot could not be written to {target} ({error.strerror or type(error).__name__}); "
            "nothing is left of it. Make room there, or choose another place.",
            path=str(target),
        ) from None
    return SnapshotReport(target, connection.endpoint, str(where), table)


def _check_free(target: Path, *, replace: bool) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise ValidationError(f"{target} is a file: choose another name.", path=str(target))
    names = [path.name for path in target.iterdir()]
    if names and MANIFEST not in names:
        raise ValidationError(
            f"The folder {target} holds other files: name one that is new or empty.", path=str(target)
        )
    if names and not replace:
        raise ValidationError(
            f"The folder {target} holds a snapshot already: name another, or replace it (--replace; "
            "in Python replace=True).",
            path=str(target),
            exists=True,
        )


def _put(place: Path, target: Path) -> None:
    """Put a finished folder in its place; an older one gives way only once this one can follow."""
    if not target.exists():
        os.replace(place, target)
        return
    old = Path(tempfile.mkdtemp(dir=target.parent, prefix=".gen3nb-old-"))
    os.replace(target, old / "was")
    try:
        os.replace(place, target)
    except OSError:
        os.replace(old / "was", target)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _write(connection: Connection, project: ProjectId, place: Path, progress: Progress) -> pd.DataFrame:
    """Write all files of a snapshot; give the table of the nodes' files."""
    before = node_counts(connection, project)
    rows: list[tuple[str, str, int, int, str]] = []
    with showing(progress, sum(before.values()), f"Snapshot of {project}") as meter:
        for node in before:
            kind = connection.dictionary[node]
            file = place / _file_name(node, [row[1] for row in rows])
            count = _write_node(connection, project, kind, file)
            rows.append((node, file.name, count, file.stat().st_size, sum_of(file)))
            meter.advance(count)
    table = pd.DataFrame(rows, columns=["node", "file", "records", "bytes", "sha256"])
    after, held = node_counts(connection, project), {row[0]: row[2] for row in rows}
    changed = [node for node in after | held if after.get(node, 0) != held.get(node, 0)]
    if changed:
        raise IntegrityError(
            f"Records of {project} came or went while the snapshot was taken ({', '.join(changed)}): take it "
            "again when nobody writes there.",
            project=str(project),
            nodes=tuple(changed),
        )
    dictionary = place / DICTIONARY
    dictionary.write_text(json.dumps(connection.sheepdog.dictionary(), ensure_ascii=False), encoding="utf-8")
    facts: dict[str, Any] = {
        "format": FORMAT,
        "commons": connection.endpoint,
        "project": str(project),
        "program": project.program,
        "code": project.code,
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "properties": project_properties(connection, project),
        "dictionary": {
            "file": DICTIONARY,
            "digest": connection.dictionary.digest,
            "sha256": sum_of(dictionary),
        },
        "files": table.to_dict("records"),
    }
    facts["sha256"] = sum_of_facts(facts)
    (place / MANIFEST).write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for file in place.iterdir():
        with file.open("rb+") as written:
            os.fsync(written.fileno())
    return table


def _write_node(connection: Connection, project: ProjectId, node: Node, file: Path) -> int:
    """Write the records of a node as they come, and give how many there are; memory holds a chunk of them."""
    columns = read_columns(node)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".parts-") as folder:
        sink = partial(Parts, node, columns, Path(folder) / "now")
        parts = whole_project(connection, node, project, columns, Meter(None, ""), sink)
        if not parts.doubled:
            parts.write(file)
            return len(parts)
    # the export has parted records by their links: only a whole frame unites them
    frame = read(connection, node.name, project=project, progress=False)
    write_parquet(frame, file, node)
    return len(frame)


def node_counts(connection: Connection, project: ProjectId) -> dict[str, int]:
    """Count the records of every node that has any (peregrine ``GET /v0/datasets``).

    Parameters
    ----------
    connection : Connection
    project : ProjectId

    Returns
    -------
    dict of str to int
        Parents before children.
    """
    nodes = [node for node in connection.dictionary.order if node not in {"program", "project"}]
    found = connection.peregrine.datasets(nodes).get(str(project), {})
    return {node: int(found[node]) for node in nodes if found.get(node)}


def project_properties(connection: Connection, project: ProjectId) -> dict[str, Any]:
    """Give what a project says of itself: name, availability_type … (peregrine ``project``).

    Parameters
    ----------
    connection : Connection
    project : ProjectId

    Returns
    -------
    dict of str to Any
    """
    kind = connection.dictionary["project"]
    names = [
        prop.name
        for prop in kind.properties.values()
        if not prop.system and prop.name not in _NOT_COPIED and prop.kind != "array"
    ]
    text = f"query ($project: [String]) {{ project(first: 1, project_id: $project) {{ {' '.join(names)} }} }}"
    rows = connection.peregrine.query(text, {"project": [str(project)]}).get("project") if names else []
    return {name: value for name, value in (rows[0] if rows else {}).items() if value is not None}


def _file_name(node: str, taken: Iterable[str]) -> str:
    """Name a node's file, also where names differ in case alone and files may not."""
    stem = re.sub(r"[^\w-]", "_", node)
    used = {name.casefold() for name in taken}
    names = [f"{stem}.parquet", *(f"{stem}-{number}.parquet" for number in range(2, len(used) + 3))]
    return next(name for name in names if name.casefold() not in used)


def sum_of_facts(facts: Mapping[str, Any]) -> str:
    """Give the checksum of a manifest, its own left out."""
    text = json.dumps({name: value for name, value in facts.items() if name != "sha256"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
