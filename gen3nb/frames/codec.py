"""Records ⇄ typed columns.

``to_frame`` types by the dictionary (see :mod:`gen3nb.frames.decoding`); ``to_records`` gives what can be
sent as JSON. What no service could carry, :mod:`gen3nb.frames.refusing` names.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from gen3nb.dictionary import Link, Node, Property
from gen3nb.errors import ValidationError
from gen3nb.frames.decoding import ColumnsOf, UnexpectedValue, chunks_of, read_columns

__all__ = [
    "NEVER_SENT",
    "UnexpectedValue",
    "is_missing",
    "link_column",
    "plain_column",
    "plain_columns",
    "plain_value",
    "read_columns",
    "to_frame",
    "to_records",
]

#: Columns that the commons fills in itself; they are never sent.
NEVER_SENT = frozenset({"id", "state", "created_datetime", "updated_datetime"})
_ABSENT: Any = object()


def to_frame(
    records: Iterable[Mapping[str, Any]], node: Node, *, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Give records as a frame, typed by the dictionary.

    An enum is categorical with its whole vocabulary in order, whole numbers are ``Int64``, numbers
    ``Float64``, yes/no values ``boolean``, text and dates ``string``; lists stay lists. Links are
    ``<link>.submitter_id`` (``projects.code``), a list where a record may have several.

    Parameters
    ----------
    records : iterable of Mapping
        As sheepdog's JSON export, its entities route, or GraphQL gives them.
    node : Node
    columns : sequence of str, optional
        Which, and in which order; default: all of a submission, and ``id``.

    Returns
    -------
    pandas.DataFrame

    Warns
    -----
    UnexpectedValue
        Where a value does not fit the dictionary. It is kept.
    """
    built = ColumnsOf(node, columns, extra=columns is None)
    for chunk in chunks_of(records):
        built.add(chunk)
    return built.finish()


def to_records(
    frame: pd.DataFrame, node: Node, *, missing: Literal["keep", "clear"] = "keep"
) -> list[dict[str, Any]]:
    """Give rows as records that can be sent as JSON.

    Never sent: ``id``, ``state``, dates and whatever else the commons fills in itself. A whole number that
    pandas made a float (``51.0``) is whole again where the dictionary says so. Columns that the dictionary
    does not know are kept: the check of the records finds them.

    Parameters
    ----------
    frame : pandas.DataFrame
        Properties, and links as ``<link>.submitter_id``, ``<link>.id`` or both (of several targets the
        submitter_ids count). A star before a name, as in the service's templates, does not count.
    node : Node
    missing : {"keep", "clear"}
        What a missing cell does to a record that exists: leave what is stored, or (sent as null) clear it.

    Returns
    -------
    list of dict
        One per row, in order.

    Raises
    ------
    ValidationError
        Two columns have one name, or the columns or rows are a MultiIndex.
    """
    names = plain_columns(frame)
    records: list[dict[str, Any]] = [{"type": node.name} for _ in range(len(frame))]
    unsent = (set(node.system_properties) | NEVER_SENT) - {"project_id"}
    links: dict[str, list[tuple[str, int]]] = {}
    for position, name in enumerate(names):
        if name in unsent:
            continue
        link, part = link_column(node, name)
        if link is not None:
            links.setdefault(link.name, []).append((part, position))
            continue
        empty = None if missing == "clear" and name not in _NOT_CLEARED else _ABSENT
        for record, value in zip(
            records, plain_column(frame.iloc[:, position], node.properties.get(name)), strict=True
        ):
            if value is not None:
                record[name] = value
            elif empty is None:
                record[name] = None
    for name, parts in links.items():
        _put_links(records, frame, node.link(name), parts, clear=missing == "clear")
    return records


# A record without these is no record; an empty cell there is for the check to find.
_NOT_CLEARED = frozenset({"type", "submitter_id", "project_id"})


def plain_columns(frame: pd.DataFrame) -> list[str]:
    """Give the names of a frame's columns without stars and outer spaces.

    Parameters
    ----------
    frame : pandas.DataFrame

    Returns
    -------
    list of str

    Raises
    ------
    ValidationError
        Two columns have one name, or the columns or rows are a MultiIndex.
    """
    for axis, labels in (("columns", frame.columns), ("rows", frame.index)):
        if isinstance(labels, pd.MultiIndex):
            raise ValidationError(
                f"The {axis} of the frame are a MultiIndex, which records cannot have: flatten them first "
                f"({'df.columns = [...]' if axis == 'columns' else 'df.reset_index()'})."
            )
    names = [str(name).strip().lstrip("*").strip() for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise ValidationError(
            f"The frame has two columns named {twice[0]!r}; a commons would keep the last alone. "
            "Rename or drop one of them.",
            column=twice[0],
        )
    return names


def link_column(node: Node, name: str) -> tuple[Link | None, str]:
    """Say which link a column holds, and which part: its key (``submitter_id``, ``code``), or ``id``.

    Parameters
    ----------
    node : Node
    name : str
        A column, without star.

    Returns
    -------
    (Link or None, str)
        No link, and the name itself, for any other column.
    """
    head, _, tail = name.partition(".")
    for link in node.links:
        if link.name == head and tail in {"", "id", link.key}:
            return link, tail or link.key
    return None, name


def _put_links(
    records: list[dict[str, Any]],
    frame: pd.DataFrame,
    link: Link,
    parts: list[tuple[str, int]],
    *,
    clear: bool,
) -> None:
    held = [(part, [_ends(value) for value in plain_column(frame.iloc[:, at], None)]) for part, at in parts]
    # where names and ids stand side by side, the names are what a person has edited
    held.sort(key=lambda one: one[0] == "id")
    for position, record in enumerate(records):
        cells = [(part, column[position]) for part, column in held if column[position]]
        if cells and all(len(values) == 1 for _, values in cells):
            ends = [{part: values[0] for part, values in cells}]
        else:
            ends = [{part: value} for part, values in cells[:1] for value in values]
        if ends:
            record[link.name] = ends if link.to_many or len(ends) > 1 else ends[0]
        elif clear:
            record[link.name] = None


def _ends(value: Any) -> list[Any]:
    """Give the targets in a cell: one, several, or none."""
    if value is None:
        return []
    values = value if isinstance(value, list) else [value]
    return list(dict.fromkeys(one if isinstance(one, str) else str(one) for one in values if one is not None))


def is_missing(value: Any) -> bool:
    """Say whether a cell is empty: ``None``, ``NaN``, ``NA`` or ``NaT``; never an empty text or list."""
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    return isinstance(value, float | np.floating) and math.isnan(value)


def plain_column(column: pd.Series[Any], prop: Property | None) -> list[Any]:
    """Give a column's cells as Python's own JSON values, ``None`` for a missing one.

    Parameters
    ----------
    column : pandas.Series
    prop : Property or None
        Makes floats whole again where the dictionary wants whole numbers.

    Returns
    -------
    list
    """
    whole = prop is not None and "integer" in prop.types and "number" not in prop.types
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        kinds = [plain_value(value, whole) for value in column.cat.categories]
        return [kinds[code] if code >= 0 else None for code in column.cat.codes]
    if isinstance(dtype, np.dtype) and dtype.kind in "iub":
        return list(column.tolist())
    if isinstance(dtype, pd.StringDtype | pd.BooleanDtype) or pd.api.types.is_integer_dtype(dtype):
        if not column.hasnans:
            return list(column.tolist())
        return [None if value is pd.NA or value != value else value for value in column.tolist()]
    return [plain_value(value, whole) for value in column.tolist()]


def plain_value(value: Any, whole: bool = False) -> Any:
    """Give a cell as Python's own JSON value.

    Parameters
    ----------
    value : Any
    whole : bool
        Make a whole float an int.

    Returns
    -------
    Any
        ``None`` if missing; dates in ISO form; what JSON has no word for as it is.
    """
    if isinstance(value, str) or value is None:
        return value
    if is_missing(value):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return int(value) if whole and value.is_integer() and abs(value) < 2**53 else value
    if isinstance(
        value, list | tuple | set | frozenset | np.ndarray | pd.Series | pd.api.extensions.ExtensionArray
    ):
        ordered = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [plain_value(item, whole) for item in ordered]
    if isinstance(value, Mapping):
        return {str(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, datetime.date | datetime.time):
        return _iso(value)
    return value


def _iso(value: datetime.date | datetime.time) -> str:
    """Write a date without a time of day as a date; pandas has no other way to hold one."""
    if isinstance(value, pd.Timestamp) and value == value.normalize() and value.tzinfo is None:
        return value.date().isoformat()
    return value.isoformat()
