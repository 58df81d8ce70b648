"""What a submission would change, for people."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from gen3nb.errors import ValidationError
from gen3nb.frames.allowed import check_readable
from gen3nb.frames.casting import typed_by_origin
from gen3nb.frames.findings import fold
from gen3nb.frames.keys import StoredKey, marks
from gen3nb.frames.looking import Look
from gen3nb.frames.matching import (
    CHANGED,
    FIXED,
    NEW,
    UNCHANGED,
    CellChange,
    Comparison,
    Missing,
    compare,
)
from gen3nb.frames.origin import row_numbers
from gen3nb.frames.progress import Progress
from gen3nb.frames.progress import report as showing
from gen3nb.frames.reports import counted, page, refuse_bool, text_of
from gen3nb.frames.validation import submitter_ids

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectLike
    from gen3nb.frames.connection import Connection

__all__ = ["Difference", "diff"]


class Difference:
    """What a submission would change.

    Made by ``df.gen3.diff()`` or :func:`diff`.

    Attributes
    ----------
    node, project, endpoint : str
    new : pandas.DataFrame
        The rows whose records do not exist yet: row, submitter_id.
    changed : pandas.DataFrame
        One row per cell: row, submitter_id, column, old, new.
    unchanged : pandas.DataFrame
        The rows that are stored as they are: row, submitter_id.
    only_in_commons : pandas.DataFrame
        Records that the frame does not have, which stay as they are: submitter_id, id.
    cannot_change : pandas.DataFrame
        One row per cell that an update cannot do: row, submitter_id, column, old, new, reason.
    counts : dict of str to int
        Records ``new``, ``changed``, ``unchanged``, ``only_in_commons``, ``cannot_change``; and cells
        ``cleared`` (a stored value goes) and ``kept`` (the cell is empty, a stored value stays).
    notes : list of str
        What is no obstacle, but worth to know.
    """

    def __init__(
        self,
        comparison: Comparison,
        only: Sequence[StoredKey],
        *,
        rows: Sequence[int],
        keys: Sequence[Any],
        node: str,
        project: str,
        endpoint: str,
    ) -> None:
        self.node, self.project, self.endpoint = node, project, endpoint
        self.notes = list(comparison.notes)

        def listed(verdict: int) -> pd.DataFrame:
            positions = comparison.positions(verdict).tolist()
            return pd.DataFrame(
                {
                    "row": pd.Series([rows[i] for i in positions], dtype="int64"),
                    "submitter_id": pd.Series([keys[i] for i in positions], dtype=object),
                }
            )

        self.new = listed(NEW)
        self.unchanged = listed(UNCHANGED)
        self.changed = _cells(comparison.cells, rows, keys)
        self.cannot_change = _cells(comparison.blocked, rows, keys, reasons=True)
        self.only_in_commons = pd.DataFrame(
            {
                "submitter_id": pd.Series([one.submitter_id for one in only], dtype=object),
                "id": pd.Series([one.id for one in only], dtype=object),
            }
        )
        self.counts = {
            "new": comparison.count(NEW),
            "changed": comparison.count(CHANGED),
            "unchanged": comparison.count(UNCHANGED),
            "only_in_commons": len(only),
            "cannot_change": comparison.count(FIXED),
            "cleared": comparison.cleared,
            "kept": comparison.kept,
        }

    @property
    def ok(self) -> bool:
        """Whether a submission could do all that the frame says."""
        return self.counts["cannot_change"] == 0

    def to_frame(self) -> pd.DataFrame:
        """Give the cells that change, and those that cannot, as one frame."""
        parts = [self.changed.assign(reason=""), self.cannot_change]
        return pd.concat([part for part in parts if len(part)] or parts[1:], ignore_index=True)

    def __str__(self) -> str:
        words = [f"{self.counts[name]:,} {name}" for name in ("new", "changed", "unchanged")]
        if self.counts["cannot_change"]:
            words.append(f"{self.counts['cannot_change']:,} cannot change")
        if self.counts["cleared"]:
            words.append(f"{counted(self.counts['cleared'], 'cell')} cleared")
        return (
            f"{', '.join(words)}; {self.counts['only_in_commons']:,} only in the commons (kept): "
            f"{self.node} of {self.project}"
        )

    def __repr__(self) -> str:
        return f"<Difference: {self}>"

    def __bool__(self) -> bool:
        return refuse_bool(self)

    def _repr_html_(self) -> str:
        rows = [("✗ cannot change", text) for text in _told(self.cannot_change)]
        rows += [("change", text) for text in _told(self.changed)]
        more = "see <code>.changed</code> and <code>.cannot_change</code>" if len(rows) > 20 else ""
        return page("Difference", str(self), rows[:20], [*map(html.escape, self.notes), more])


def _told(cells: pd.DataFrame) -> Iterator[str]:
    for one in cells.head(21).to_dict("records"):
        reason = f": {one['reason']}" if one.get("reason") else ""
        old, new = (
            "nothing" if one[which] is None else f"`{text_of(one[which])}`" for which in ("old", "new")
        )
        yield f"row {one['row']} (`{one['submitter_id']}`) `{one['column']}`: {old} → {new}{reason}"


def _cells(
    changes: Sequence[CellChange], rows: Sequence[int], keys: Sequence[Any], *, reasons: bool = False
) -> pd.DataFrame:
    table = {
        "row": pd.Series([rows[one.position] for one in changes], dtype="int64"),
        "submitter_id": pd.Series([keys[one.position] for one in changes], dtype=object),
        "column": pd.Series([one.column for one in changes], dtype=object),
        "old": pd.Series([one.old for one in changes], dtype=object),
        "new": pd.Series([one.new for one in changes], dtype=object),
    }
    if reasons:
        table["reason"] = pd.Series([one.reason for one in changes], dtype=object)
    return pd.DataFrame(table)


def diff(
    frame: pd.DataFrame,
    node: str,
    *,
    connection: Connection,
    project: ProjectLike,
    missing: Missing = "keep",
    progress: Progress = True,
) -> Difference:
    """Say what a submission would change; nothing is sent.

    Reads the records that the frame names (sheepdog ``…/export``) and the node's submitter_ids (peregrine).

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per record.
    node : str
    connection : Connection
    project : str, pair of str or ProjectId
    missing : {"keep", "clear"}
        What an empty cell does to a stored value. An absent column always keeps.
    progress : bool or callable

    Returns
    -------
    Difference

    Raises
    ------
    DictionaryError
        There is no such node.
    NotFound
        There is no such project.
    ValidationError
        Two rows are one record to the commons, or a row has no submitter_id: which is meant, is unclear.
    PermissionDenied
        You may not read there.
    """
    kind = connection.dictionary[node]
    target = connection.project_id(project)
    if not isinstance(frame, pd.DataFrame):
        raise ValidationError(f"Rows come as a pandas DataFrame, not as a {type(frame).__name__}.")
    frame = typed_by_origin(frame, kind)
    rows, keys = row_numbers(frame), submitter_ids(frame)
    _clear(kind.name, rows, keys)
    check_readable(connection, target)
    look = Look(connection, target)
    with showing(progress, len(frame), f"Comparing {kind.name}") as meter:
        everything = look.all_keys(kind.name)
        comparison = compare(frame, kind, look, missing=missing, cells=True)
        meter.advance(len(frame))
    only = list(everything.others(marks(keys)))
    return Difference(
        comparison,
        only,
        rows=rows,
        keys=keys,
        node=kind.name,
        project=str(target),
        endpoint=connection.endpoint,
    )


def _clear(node: str, rows: Sequence[int], keys: Sequence[str | None]) -> None:
    """Refuse rows that cannot be told apart."""
    seen: dict[str, int] = {}
    for row, key in zip(rows, keys, strict=True):
        if not key:
            raise ValidationError(f"Row {row} of {node} has no submitter_id, so it cannot be compared.")
        first = seen.setdefault(fold(key), row)
        if first != row:
            raise ValidationError(
                f"Rows {first} and {row} of {node} have one submitter_id ({key!r}; the commons does not "
                "regard case): keep one of them."
            )
