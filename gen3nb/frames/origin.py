"""Where a frame comes from: a few plain strings in ``df.attrs["gen3"]``, and its rows' numbers.

pandas copies ``attrs`` deeply at nearly every operation, so there is never more in there than a few strings;
a merge or a concat forgets them, and :func:`tag` says them again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectLike
    from gen3nb.frames.connection import Connection

__all__ = [
    "ATTRIBUTE",
    "RECORDS_OF_A_FILE",
    "ROWS_OF_A_FILE",
    "Origin",
    "origin_of",
    "row_numbers",
    "tag",
    "tag_as",
]

ATTRIBUTE = "gen3"
#: The frame's index counts the data rows of a file from 0: row 2 of the file, under the header, is 0.
ROWS_OF_A_FILE = "index+2"
#: The same for a file without a header: its first record is 0 here, and record 1 to a person.
RECORDS_OF_A_FILE = "index+1"


@dataclass(frozen=True)
class Origin:
    """Where a frame comes from.

    Attributes
    ----------
    commons, profile : str or None
        The endpoint of the commons, and the profile it was opened with.
    project, node : str or None
    dictionary : str or None
        The digest of the dictionary that typed the frame.
    rows : str or None
        ``"index+2"`` if the index tells the row of the file that the frame was read from, ``"index+1"`` if it
        tells the record of a JSON file.
    cells : str or None
        ``"tsv"`` or ``"csv"`` if the cells are still the text of such a file.
    join : str or None
        What a join did, in a sentence.
    workbook, sheet : str or None
        The path of the workbook that the frame was read from, and the title of the sheet.
    stamp : str or None
        A short hash of that workbook, as it was read.
    """

    commons: str | None = None
    profile: str | None = None
    project: str | None = None
    node: str | None = None
    dictionary: str | None = None
    rows: str | None = None
    cells: str | None = None
    join: str | None = None
    workbook: str | None = None
    sheet: str | None = None
    stamp: str | None = None


def origin_of(frame: pd.DataFrame) -> Origin:
    """Say where a frame comes from, as far as it still knows.

    Parameters
    ----------
    frame : pandas.DataFrame

    Returns
    -------
    Origin
        With ``None`` for what is not known.
    """
    held = frame.attrs.get(ATTRIBUTE)
    if not isinstance(held, Mapping):
        return Origin()
    known = {name: held.get(name) for name in Origin.__dataclass_fields__}
    return Origin(**{name: value for name, value in known.items() if isinstance(value, str)})


def tag(
    frame: pd.DataFrame,
    node: str | None = None,
    project: ProjectLike | None = None,
    commons: Connection | str | None = None,
) -> pd.DataFrame:
    """Give a copy of a frame that knows its node, project and commons (again).

    A merge, a pivot or ``pd.DataFrame(df)`` forgets them.

    Parameters
    ----------
    frame : pandas.DataFrame
    node : str, optional
        The node whose records the rows are.
    project : str, pair of str or ProjectId, optional
        ``"PROGRAM-PROJECT"``, or ``("PROGRAM", "PROJECT")``.
    commons : Commons or str, optional
        The commons, or its endpoint.

    Returns
    -------
    pandas.DataFrame
        A copy; what is not given stays as it was.

    Raises
    ------
    DictionaryError
        The commons is given and its dictionary has no such node.
    NotFound
        The commons is given and has no such project.
    """
    facts: dict[str, str | None] = {}
    if commons is not None and not isinstance(commons, str):
        facts |= {"commons": commons.endpoint, "profile": commons.profile}
        if node is not None:
            facts |= {"node": commons.dictionary[node].name, "dictionary": commons.dictionary.digest}
        if project is not None:
            facts["project"] = str(commons.project_id(project))
    else:
        facts["commons"] = commons
        facts["node"] = node
        if project is not None:
            facts["project"] = project if isinstance(project, str) else _written(project)
    return tag_as(frame.copy(), facts)


def _written(project: Any) -> str:
    return "-".join(project) if isinstance(project, tuple | list) else str(project)


def tag_as(frame: pd.DataFrame, facts: Mapping[str, str | None]) -> pd.DataFrame:
    """Note facts on a frame of our own making, in place; ``None`` leaves what was there.

    Parameters
    ----------
    frame : pandas.DataFrame
        A frame that nobody else holds yet.
    facts : Mapping of str to str or None

    Returns
    -------
    pandas.DataFrame
        The same frame.
    """
    held = frame.attrs.get(ATTRIBUTE)
    kept = dict(held) if isinstance(held, Mapping) else {}
    frame.attrs[ATTRIBUTE] = kept | {name: value for name, value in facts.items() if value is not None}
    return frame


def row_numbers(frame: pd.DataFrame) -> Sequence[int]:
    """Give each row its number in the user's file or spreadsheet: the header is 1, the first record 2.

    A JSON file has no header: its first record is 1.

    The index tells, so the numbers stay right after a filter or a sort. Where it cannot (labels that are
    text, repeat, are missing or negative, or an index with a name of its own, such as a patient's number),
    rows are numbered as they stand.

    Parameters
    ----------
    frame : pandas.DataFrame

    Returns
    -------
    sequence of int
    """
    index = frame.index
    first = 1 if origin_of(frame).rows == RECORDS_OF_A_FILE else 2
    if isinstance(index, pd.RangeIndex) and index.name is None and index.step > 0 and index.start >= 0:
        return range(index.start + first, index.stop + first, index.step)
    counted = (
        not isinstance(index, pd.MultiIndex)
        and index.name is None
        and not index.hasnans
        and pd.api.types.is_integer_dtype(index.dtype)
        and index.is_unique
        and (len(index) == 0 or int(index.min()) >= 0)
    )
    labels = index.tolist() if counted else range(len(index))
    return [label + first for label in labels]
