"""Files of records, as Gen3's users keep them: JSON or TSV, of one node or of several."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from gen3nb.client.project import ProjectId
from gen3nb.dictionary import Dictionary, Node
from gen3nb.errors import NotFound, ValidationError
from gen3nb.frames.casting import cast
from gen3nb.frames.codec import link_column
from gen3nb.frames.connection import Connection
from gen3nb.frames.exporting import by_ids
from gen3nb.frames.origin import RECORDS_OF_A_FILE, origin_of, tag_as
from gen3nb.frames.sinks import Records
from gen3nb.frames.tsv import read_tsv

__all__ = ["frames_of_records", "read_records", "stored_record"]


def read_records(path: str | os.PathLike[str], dictionary: Dictionary) -> dict[str, pd.DataFrame]:
    """Read a file of records of one node or several; no service is asked.

    Parameters
    ----------
    path : str or path
        ``.json``: a record or a list of records, each with its ``type``. Anything else: a TSV or CSV with
        the column ``type``.
    dictionary : Dictionary
        What the records are to follow.

    Returns
    -------
    dict of str to DataFrame
        Rows by node, each with its number in the file.

    Raises
    ------
    ValidationError
        The file is none of these, or a record does not say of which node it is.
    DictionaryError
        There is no such node.
    OSError
        The file cannot be read.
    """
    file = Path(path).expanduser()
    if file.suffix.lower() == ".json":
        return frames_of_records(_json_of(file), dictionary, source=file.name)
    table = read_tsv(file)
    kinds = table["type"].str.strip() if "type" in table else pd.Series(pd.NA, table.index, dtype="string")
    unnamed = kinds.index[kinds.isna() | (kinds == "")]
    if len(unnamed):
        raise ValidationError(
            f"{file.name}, row {unnamed[0] + 2}: it does not say of which node it is. Fill in its column "
            "'type', with the name of a node such as 'case'.",
            row=int(unnamed[0]) + 2,
        )
    if table.empty:
        raise ValidationError(f"{file.name} has a header and no rows: there is nothing to read.")
    separator = "#" if origin_of(table).cells == "csv" else ","
    found: dict[str, pd.DataFrame] = {}
    for name in dict.fromkeys(kinds):
        node = dictionary[name]
        rows = table[kinds == name]
        # a column of another node's is empty here
        idle = [column for column in rows if rows[column].isna().all() and not _knows(node, str(column))]
        facts = {"node": node.name, "dictionary": dictionary.digest}
        found[node.name] = tag_as(cast(rows.drop(columns=idle), node, separator=separator), facts)
    return found


def frames_of_records(
    records: Iterable[Any], dictionary: Dictionary, *, source: str = "the records"
) -> dict[str, pd.DataFrame]:
    """Make frames of JSON records; every value stays what it is.

    Parameters
    ----------
    records : iterable of Mapping
        Each with ``type``; links as ``{"submitter_id": …}`` or ``{"id": …}``, or a list of them.
    dictionary : Dictionary
    source : str
        What they stand in, for messages.

    Returns
    -------
    dict of str to DataFrame
        Rows by node, in the order of the nodes' first records.

    Raises
    ------
    ValidationError
        One of them is no record, or a link in it names nothing.
    DictionaryError
        There is no such node.
    """
    flat: dict[str, dict[int, dict[str, Any]]] = {}
    for number, record in enumerate(records, 1):
        where = f"{source}, record {number}"
        if not isinstance(record, Mapping):
            raise ValidationError(f"{where}: this is no record, but {str(record)[:40]!r}.", row=number)
        kind = record.get("type")
        if not isinstance(kind, str) or not kind:
            raise ValidationError(
                f"{where} does not say of which node it is: give it a 'type' such as 'case'.", row=number
            )
        node = dictionary[kind]
        flat.setdefault(node.name, {})[number - 1] = _flat(record, node, where)
    frames = {}
    for name, rows in flat.items():
        columns = dict.fromkeys(column for row in rows.values() for column in row)
        cells = {
            column: pd.Series([row.get(column) for row in rows.values()], index=list(rows), dtype=object)
            for column in columns
        }
        facts = {"node": name, "dictionary": dictionary.digest, "rows": RECORDS_OF_A_FILE}
        frames[name] = tag_as(pd.DataFrame(cells, index=list(rows)), facts)
    return frames


def stored_record(connection: Connection, project: ProjectId, record_id: str) -> dict[str, Any]:
    """Give one record, of whatever node, by its id (sheepdog ``POST /v0/submission/{P}/{Q}/export``).

    Parameters
    ----------
    connection : Connection
    project : ProjectId
        Where it is.
    record_id : str
        Its id, a UUID.

    Returns
    -------
    dict
        As the export has it: absent properties left out, links as lists of ends.

    Raises
    ------
    NotFound
        There is none in that project.
    """
    rows = [row for chunk in by_ids(connection, project, [record_id]) for row in chunk]
    if not rows:
        raise NotFound(
            f"There is no record {record_id!r} in {project}. Its id is the UUID that the commons gave it, in "
            "the column 'id', not its submitter_id.",
            ids=(record_id,),
        )
    taker = Records(connection.dictionary[str(rows[0]["type"])])
    taker.add(rows)
    return taker.finish()[0]


def _knows(node: Node, column: str) -> bool:
    return column in node.properties or link_column(node, column)[0] is not None


def _flat(record: Mapping[str, Any], node: Node, where: str) -> dict[str, Any]:
    """Give a record's cells, its links as columns of a frame."""
    cells: dict[str, Any] = {}
    for name, value in record.items():
        link, _ = link_column(node, str(name))
        if link is None or str(name) != link.name or value is None:
            cells[str(name)] = value
            continue
        ends = value if isinstance(value, list) else [value]
        for part in (link.key, "id", "node_id"):
            named = [end for end in ends if isinstance(end, Mapping) and end.get(part) is not None]
            if ends and len(named) == len(ends):
                values = [end[part] for end in named]
                column = f"{link.name}.{'id' if part == 'node_id' else part}"
                cells[column] = values if link.to_many or len(values) > 1 else values[0]
                break
        else:
            if ends:
                raise ValidationError(
                    f"{where}: {name} is a link, written {{{link.key!r}: '…'}} or a list of these, not "
                    f"{json.dumps(value, default=str)[:80]}.",
                    column=str(name),
                )
            cells[link.column] = None
    return cells


def _json_of(file: Path) -> list[Any]:
    """Read a JSON file of records strictly: what JSON leaves open would be lost on the way."""
    text = ""
    try:
        text = file.read_text(encoding="utf-8-sig")
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except UnicodeDecodeError:
        raise ValidationError(f"{file.name} is not UTF-8 text: save it as UTF-8.") from None
    except json.JSONDecodeError as error:
        raise ValidationError(
            f"{file.name} is not readable JSON: line {error.lineno}, column {error.colno}: {error.msg}.",
            line=error.lineno,
            column=error.colno,
        ) from None
    except (ValueError, RecursionError) as error:
        raise ValidationError(f"{file.name} is not readable JSON: {error}.") from None
    # as the commons' own export has it
    records = found["data"] if isinstance(found, dict) and isinstance(found.get("data"), list) else found
    if isinstance(records, dict):
        records = [records]
    if not isinstance(records, list) or not records:
        raise ValidationError(f"{file.name} holds no record: it is a record, or a list of records.")
    return records


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    held = dict(pairs)
    if len(held) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands twice in one record")
    return held


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no value that a commons can hold: leave it away, or write null")
