"""Problems as they are found, and how they become a table: one row per problem."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

__all__ = ["GEN3NB", "SERVICE", "Findings", "Origin", "Problem", "fold", "fold_all"]

#: ``"service"``: the commons would reject the row. ``"gen3nb"``: it would take it, then lose or alter it.
Origin: TypeAlias = Literal["service", "gen3nb"]
SERVICE: Origin = "service"
GEN3NB: Origin = "gen3nb"

COLUMNS = ["row", "submitter_id", "column", "value", "rule", "message", "suggestion", "origin"]


class Problem(NamedTuple):
    """One problem of one row.

    Attributes
    ----------
    position : int
        Of the row in the frame, from 0.
    column : str
    value : Any
        What stands there; None where nothing does.
    rule : str
    message : str
    suggestion : Any or None
        What is probably meant.
    origin : str
    """

    position: int
    column: str
    value: Any
    rule: str
    message: str
    suggestion: Any
    origin: Origin


@dataclass
class Findings:
    """Collects the problems of one frame."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(
        self,
        positions: Iterable[int],
        column: str,
        rule: str,
        message: str | Sequence[str],
        *,
        values: Sequence[Any] | None = None,
        suggestions: Sequence[Any] | None = None,
        origin: Origin = SERVICE,
    ) -> None:
        """Note one problem for each of several rows.

        Parameters
        ----------
        positions : iterable of int
        column, rule : str
        message : str or sequence of str
            The same for all, or one each.
        values, suggestions : sequence, optional
            One each.
        origin : {"service", "gen3nb"}
        """
        for number, position in enumerate(positions):
            self.problems.append(
                Problem(
                    int(position),
                    column,
                    values[number] if values is not None else None,
                    rule,
                    message if isinstance(message, str) else message[number],
                    suggestions[number] if suggestions is not None else None,
                    origin,
                )
            )

    def note(self, text: str) -> None:
        """Note what is no problem, but worth to know."""
        if text not in self.notes:
            self.notes.append(text)

    def ordered(self, columns: Sequence[str]) -> list[Problem]:
        """Give the problems row by row, within a row in the order of the frame's columns."""
        rank = {name: number for number, name in enumerate(columns)}
        last = len(rank)
        return sorted(self.problems, key=lambda one: (one.position, rank.get(one.column, last)))


def problems_table(problems: Sequence[Problem], rows: Sequence[int], keys: Sequence[Any]) -> pd.DataFrame:
    """Give problems as a frame, with row numbers and submitter_ids as the user knows them.

    Parameters
    ----------
    problems : sequence of Problem
    rows : sequence of int
        The user's number of each row of the checked frame.
    keys : sequence
        The submitter_id of each row.

    Returns
    -------
    pandas.DataFrame
        Columns row, submitter_id, column, value, rule, message, suggestion, origin.
    """
    count = len(problems)
    fields = list(zip(*problems, strict=True)) if problems else [()] * len(Problem._fields)
    positions, column, value, rule, message, suggestion, origin = fields
    return pd.DataFrame(
        {
            "row": pd.Series([rows[p] for p in positions], dtype="int64"),
            "submitter_id": _objects([keys[p] for p in positions], count),
            "column": _objects(column, count),
            "value": _objects(value, count),
            "rule": _objects(rule, count),
            "message": _objects(message, count),
            "suggestion": _objects(suggestion, count),
            "origin": _objects(origin, count),
        },
        columns=COLUMNS,
    )


def _objects(values: Iterable[Any], count: int) -> pd.Series[Any]:
    """Hold values as they are: a list in a cell stays a list, a number a number."""
    held = np.empty(count, dtype=object)
    for number, value in enumerate(values):
        held[number] = value
    return pd.Series(held, dtype=object)


def fold(text: str) -> str:
    """Give a submitter_id as the commons compares it: letter by letter in lower case.

    Not ``str.casefold``, which takes ``ß`` for ``ss``: the database does not.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    if text.isascii():
        return text.lower()
    return "".join(letter.lower()[:1] for letter in text)


def fold_all(texts: Sequence[str]) -> list[str]:
    """Give many submitter_ids as :func:`fold` does, with one look at whether they are plain.

    Parameters
    ----------
    texts : sequence of str

    Returns
    -------
    list of str
    """
    if "".join(texts).isascii():
        return [text.lower() for text in texts]
    return [fold(text) for text in texts]
