"""Files that are in a commons and that no record describes: which they are, and their records."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from gen3nb.errors import TransferError
from gen3nb.frames.files import read_files
from gen3nb.frames.interrupts import before
from gen3nb.frames.progress import Progress
from gen3nb.frames.reports import counted
from gen3nb.frames.selection import Selection
from gen3nb.transfer.describing import check_described, describe, file_node, with_properties
from gen3nb.transfer.entries import AUTHZ, GUIDS, HASHES, NAMES, SIZES, URLS, is_empty, size_of
from gen3nb.transfer.hashing import known_hashes
from gen3nb.transfer.manifest import read_manifest

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectId, ProjectLike
    from gen3nb.dictionary import Dictionary, Node
    from gen3nb.frames.submission import SubmissionReport
    from gen3nb.transfer.upload import UploadConnection

__all__ = ["map_files", "read_files_to_map", "unmapped"]

PAGE = 10_000
COLUMNS = ["object_id", "file_name", "file_size", "md5sum", "authz", "uploader", "created", "ready"]
#: Whatever else lists of files say of a file, and no record does.
OF_LISTS = frozenset(
    {*GUIDS[:-1], *NAMES, *SIZES, *HASHES, *URLS, *AUTHZ, *COLUMNS, "acl", "hashes", "checksums"}
)


def unmapped(*, connection: UploadConnection, project: ProjectLike | None = None) -> pd.DataFrame:
    """Give the files that were uploaded or registered, and that no record of a file node describes.

    The index knows the files (indexd ``GET /index/``), the graph their records (peregrine).

    Parameters
    ----------
    connection : UploadConnection
    project : str, pair or ProjectId, optional
        Files with its authz, and those that you uploaded without any; by default only the latter.

    Returns
    -------
    pandas.DataFrame
        object_id, file_name, file_size (bytes), md5sum, authz, uploader, created, ready (whether the index
        knows size and hash, without which no record can be made).
    """
    target = connection.project_id(project) if project is not None else None
    files = {record["did"]: record for record in _files(connection, target)}
    if files:
        for guid in _described(connection, target):
            files.pop(guid, None)
    rows = [
        {
            "object_id": guid,
            "file_name": record["file_name"],
            "file_size": record["size"],
            "md5sum": known_hashes(record["hashes"]).get("md5"),
            "authz": list(record["authz"]),
            "uploader": record["uploader"],
            "created": record["created_date"],
            "ready": record["size"] is not None and bool(record["hashes"]),
        }
        for guid, record in files.items()
    ]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return frame.astype({"file_size": "Int64", "ready": "bool"})


def _files(connection: UploadConnection, project: ProjectId | None) -> Iterator[dict[str, Any]]:
    if project is not None:
        yield from connection.indexd.records(project=project)
    username = connection.auth.username
    if username:
        mine = connection.indexd.records(uploader=username)
        yield from (record for record in mine if not record["authz"])


def _described(connection: UploadConnection, project: ProjectId | None) -> Iterator[str]:
    """Give the GUIDs that records of file nodes hold."""
    dictionary = connection.dictionary
    for name in dictionary:
        properties = dictionary[name].properties
        if not {"object_id", "md5sum"} & set(properties):
            continue
        column = "object_id" if "object_id" in properties else "id"
        selection = Selection(connection, name, project=project, columns=[column])
        for page in selection.pages(PAGE):
            yield from page[column].dropna()


def map_files(
    frame: pd.DataFrame,
    *,
    connection: UploadConnection,
    node: str,
    project: ProjectLike,
    properties: Mapping[str, Any] | None = None,
    collection: str | None = None,
    dry_run: bool = False,
    progress: Progress = True,
) -> SubmissionReport:
    """Make the records that describe files which are in the commons already.

    Names, sizes and hashes come from the index (indexd ``POST /index/bulk/documents``); the records go to
    sheepdog, the core_metadata_collection first where the dictionary wants one.

    Parameters
    ----------
    frame : pandas.DataFrame
        A column ``object_id`` (or ``guid``, ``did``, as manifests call it), and the properties and links of
        the records; as :func:`unmapped` gives it, or with the columns that are yours.
    connection : UploadConnection
    node : str
        ``"submitted_aligned_reads"`` …
    project : str, pair or ProjectId
    properties : Mapping, optional
        What is the same for all records.
    collection : str, optional
        The submitter_id of the core_metadata_collection, made if need be; by default one for project and
        node.
    dry_run : bool
        Only check and compare.
    progress : bool or callable

    Returns
    -------
    SubmissionReport

    Raises
    ------
    TransferError
        Files are not in the index, are not ready, or are other ones than the frame says; none was mapped.
    ValidationError
        The records are not right; none was mapped.
    """
    with before(TransferError, "Interrupted while the files were looked up; no record was made."):
        schema = file_node(connection.dictionary, node)
        target = connection.project_id(project)
        given = _as_records_have_it(frame, schema)
        rows = with_properties(_with_facts(given, connection), schema, properties)
        options: dict[str, Any] = {"connection": connection, "project": target, "collection": collection}
        check_described(rows, schema, **options)
    return describe(rows, schema, dry_run=dry_run, progress=progress, **options)


def read_files_to_map(path: str | os.PathLike[str], node: str, dictionary: Dictionary) -> pd.DataFrame:
    """Read a list of files that are to get records: a manifest of any kind, or a table of records.

    Parameters
    ----------
    path : str or path
        JSON, TSV, CSV, XLSX or Parquet.
    node : str
        Whose records they will be.
    dictionary : Dictionary
        Types the cells.

    Raises
    ------
    TransferError, ValidationError
        It is no such list.
    """
    file = Path(path).expanduser()
    if file.suffix.lower() not in (".xlsx", ".parquet"):
        read_manifest(file)  # says what is wrong with a web page, an empty file, a folder
    if file.suffix.lower() != ".json":
        return read_files([file], dictionary, node)[node]
    problem = ""
    try:
        with open(file, encoding="utf-8-sig") as opened:
            held = json.load(opened)
    except (OSError, ValueError) as error:
        problem = str(error)
    if problem:
        raise TransferError(f"The manifest {file} is not readable: {problem}.")
    rows = held if isinstance(held, list) else [held]
    if not rows or not all(isinstance(one, Mapping) for one in rows):
        raise TransferError(f"{file} lists no files: a manifest is a list of objects with object_id.")
    return pd.DataFrame.from_records(rows)


def _as_records_have_it(frame: pd.DataFrame, node: Node) -> pd.DataFrame:
    """Give a list of files the names of records, without what only such lists hold."""
    named = {"object_id": GUIDS[:-1], "file_name": NAMES, "file_size": SIZES, "md5sum": ("md5sum", "md5")}
    new = {}
    for name, spellings in named.items():
        found = next((one for one in spellings if one in frame.columns), None)
        if found is not None and (found == name or found not in node.properties):
            new[found] = name
    if "object_id" not in new.values():
        columns = ", ".join(map(str, frame.columns[:10]))
        raise TransferError(
            f"It names no files: there is no column object_id (their GUIDs). The columns are {columns}."
        )
    gone = [one for one in frame.columns if one in OF_LISTS and one not in new and one not in node.properties]
    return frame.drop(columns=gone).rename(columns=new)


def _with_facts(frame: pd.DataFrame, connection: UploadConnection) -> pd.DataFrame:
    """Fill in what the index says of the files."""
    guids = ["" if one is None or one is pd.NA or one != one else str(one) for one in frame["object_id"]]
    found = connection.indexd.bulk(guid for guid in guids if guid)
    problems: list[str] = []
    facts: dict[str, list[Any]] = {"object_id": [], "file_name": [], "file_size": [], "md5sum": []}
    for row, guid in enumerate(guids, start=2):
        record = found.get(guid)
        if record is None:
            problems.append(f"row {row}: the index has no file {guid}" if guid else f"row {row}: no GUID")
            continue
        md5 = known_hashes(record["hashes"]).get("md5")
        if record["size"] is None or md5 is None:
            problems.append(f"row {row}: the index has no size and md5 of {guid} yet; try again later")
            continue
        facts["object_id"].append(record["did"])
        facts["file_name"].append(record["file_name"])
        facts["file_size"].append(record["size"])
        facts["md5sum"].append(md5)
        problems += _contradictions(frame, row, record["size"], md5)
    if problems:
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise TransferError(
            f"No record was made, since of {counted(len(guids), 'file')} some cannot be described: "
            f"{'; '.join(problems[:5])}{more}.",
            problems=problems,
        )
    rows = frame.copy()
    rows.attrs = {}
    for name, values in facts.items():
        kept = rows[name] if name == "file_name" and name in rows else None
        rows[name] = values
        if kept is not None:
            rows[name] = kept.where(kept.notna(), rows[name])
    if rows["file_name"].isna().any():
        rows["file_name"] = rows["file_name"].where(rows["file_name"].notna(), rows["object_id"])
    return rows.astype({"file_size": "Int64"})


def _contradictions(frame: pd.DataFrame, row: int, size: int, md5: str) -> Iterator[str]:
    """Say where a frame says other things of a file than the index does."""
    if "file_size" in frame:
        said = frame["file_size"].iloc[row - 2]
        known = size_of(said)
        if not is_empty(said) and known != size:
            number = f"{known:,}" if known is not None else f"{said!r:.200}, which is no number of bytes"
            yield f"row {row}: its size is {size:,} bytes, not {number}"
    if "md5sum" in frame:
        said = frame["md5sum"].iloc[row - 2]
        if not is_empty(said) and str(said).strip().lower() != md5:
            yield f"row {row}: its md5 is {md5}, not {said}"
