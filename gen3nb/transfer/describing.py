"""Records of file nodes, made of what is known of files that are in the commons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from gen3nb.dictionary.elements import LinkGroup
from gen3nb.errors import TransferError, ValidationError
from gen3nb.frames.progress import Progress
from gen3nb.frames.submission import submit
from gen3nb.frames.validation import validate

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectId
    from gen3nb.dictionary import Dictionary, Node
    from gen3nb.frames.connection import Connection
    from gen3nb.frames.submission import SubmissionReport

__all__ = ["COLLECTION", "check_described", "describe", "file_node", "with_properties"]

#: The node that stands for files without parents of their own.
COLLECTION = "core_metadata_collection"
#: What the commons' index says of a file, and records of file nodes repeat.
OF_INDEX = ("object_id", "file_name", "file_size", "md5sum")


def file_node(dictionary: Dictionary, name: str) -> Node:
    """Give a node whose records describe files.

    Raises
    ------
    DictionaryError
        There is no such node.
    TransferError
        Its records describe no files.
    """
    node = dictionary[name]
    if not {"md5sum", "file_size"} & set(node.properties):
        known = [one.name for one in (dictionary[each] for each in dictionary) if "md5sum" in one.properties]
        raise TransferError(f"{node.name} describes no files. Nodes that do: {', '.join(known) or 'none'}.")
    return node


def with_properties(
    frame: pd.DataFrame, node: Node, properties: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Make records of a frame of files.

    Parameters
    ----------
    frame : pandas.DataFrame
        With ``object_id``, ``file_name``, ``file_size`` and ``md5sum``.
    node : Node
    properties : Mapping, optional
        What is the same for all.

    Returns
    -------
    pandas.DataFrame
        Without what the node has no property for. A record that has no submitter_id is called like its file.
    """
    rows = frame.copy()
    for name, value in (properties or {}).items():
        rows[name] = [value] * len(rows)
    if "submitter_id" not in rows.columns:
        rows["submitter_id"] = rows["file_name"]
    unknown = [name for name in OF_INDEX if name not in node.properties]
    return rows.drop(columns=unknown, errors="ignore")


def describe(
    rows: pd.DataFrame,
    node: Node,
    *,
    connection: Connection,
    project: ProjectId,
    collection: str | None = None,
    dry_run: bool = False,
    progress: Progress = True,
) -> SubmissionReport:
    """Submit records of files (sheepdog); first the collection that they belong to, where they need one."""
    frames = _frames(rows, node, connection.dictionary, project, collection)
    return submit(frames, connection=connection, project=project, dry_run=dry_run, progress=progress)


def check_described(
    rows: pd.DataFrame,
    node: Node,
    *,
    connection: Connection,
    project: ProjectId,
    collection: str | None = None,
) -> None:
    """See that records can be submitted, before anything is sent.

    Raises
    ------
    ValidationError
        They cannot; its ``report`` says why.
    """
    frames = _frames(rows, node, connection.dictionary, project, collection)
    for name, frame in frames.items():
        report = validate(
            frame,
            name,
            dictionary=connection.dictionary,
            project=project,
            connection=connection,
            others={other: rows for other, rows in frames.items() if other != name},
            progress=False,
        )
        if report.ok:
            continue
        first = report.problems.iloc[0]
        raise ValidationError(
            f"Nothing was sent, since the records of {name} that are to describe the files have problems: "
            f"{report}. Row {first['row']}, {first['column']}: {first['message']}",
            report=report,
        )


def _frames(
    rows: pd.DataFrame, node: Node, dictionary: Dictionary, project: ProjectId, collection: str | None
) -> dict[str, pd.DataFrame]:
    """Give what is to be submitted, by node."""
    link = next((one for one in node.links if one.target == COLLECTION), None)
    if link is None:
        return {node.name: rows}
    column = f"{link.name}.{link.key}"
    if column not in rows.columns and (collection or _wants(node, list(rows.columns))):
        rows = rows.assign(**{column: collection or f"{project.code}_{node.name}"})
    if column not in rows.columns:
        return {node.name: rows}
    # a link that takes several may hold a list
    cells = [one if isinstance(one, list) else [one] for one in rows[column]]
    named = list(dict.fromkeys(str(one) for cell in cells for one in cell if not pd.isna(one)))
    if not named:
        return {node.name: rows}
    above = [one for one in dictionary[COLLECTION].links if one.target == "project"]
    parents = {f"{one.name}.{one.key}": project.code for one in above}
    return {COLLECTION: pd.DataFrame({"submitter_id": named}).assign(**parents), node.name: rows}


def _wants(node: Node, columns: Sequence[str]) -> bool:
    """Say whether a node's records need a collection: no other link that would do is given."""
    for group in node.link_groups:
        links = list(group.links()) if isinstance(group, LinkGroup) else [group]
        if group.required and any(one.target == COLLECTION for one in links):
            return not any(_is_given(one, columns) for one in links)
    return any(one.required and one.target == COLLECTION for one in node.links)


def _is_given(link: Any, columns: Sequence[str]) -> bool:
    if isinstance(link, LinkGroup):
        return any(_is_given(one, columns) for one in link.links())
    return f"{link.name}.{link.key}" in columns or f"{link.name}.id" in columns
