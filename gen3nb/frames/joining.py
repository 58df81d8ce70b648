"""Join records along the links of the dictionary: by exports that are merged here, or by one nested query.

Which of them is faster depends on the commons and on how many records are wanted: see
:mod:`gen3nb.frames.pace`. Both give the same rows.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gen3nb.dictionary import Step
from gen3nb.dictionary.elements import nearest
from gen3nb.errors import DictionaryError
from gen3nb.frames.connection import Connection
from gen3nb.frames.following import one_path
from gen3nb.frames.gathering import Gathered, Gathering, Side
from gen3nb.frames.merging import How, Positions, matched, take, titles, with_unmatched
from gen3nb.frames.origin import tag_as
from gen3nb.frames.pace import Way
from gen3nb.frames.progress import Progress

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectLike

__all__ = ["How", "join"]

logger = logging.getLogger("gen3nb")


def join(
    connection: Connection,
    left: str | pd.DataFrame,
    right: str | pd.DataFrame,
    *,
    project: ProjectLike | None = None,
    via: str | Iterable[str] | None = None,
    how: How = "left",
    columns: str | Iterable[str] | None = None,
    where: Mapping[str, Any] | None = None,
    way: Way | None = None,
    progress: Progress = True,
) -> pd.DataFrame:
    """Join two nodes along links, in any direction, through any nodes between: one row per pair.

    Either each node is exported once and merged here (sheepdog ``GET /v0/submission/{P}/{Q}/export``), or one
    nested query gives both (peregrine ``POST /v0/submission/graphql``), whichever should be faster: for few
    records the query, for many what this commons was seen to be quicker at. The rows are the same.

    Columns of ``left`` keep their names; a column of ``right`` whose name is taken gets the node's behind it:
    ``submitter_id`` and ``submitter_id_diagnosis``. Rows stand in the order of the left submitter_ids (of a
    frame: in its own), then of the right. ``result.attrs["gen3"]["join"]`` says in a few sentences how many
    rows went in and out, found no partner, and were multiplied, and by which link; and by which way they were
    read, and why.

    Parameters
    ----------
    connection : Connection
        The commons.
    left, right : str or pandas.DataFrame
        A node, or a frame of one as ``read`` gave it (its rows are found in the commons by ``id``, else by
        ``submitter_id``; links are those in the commons).
    project : str, pair of str or ProjectId, optional
        Default: that of the frames, else all that you may read.
    via : str or iterable of str, optional
        Nodes or links to go through, where several ways are equally short.
    how : {"left", "right", "inner", "outer"}
        Which rows without a partner to keep.
    columns : str or iterable of str, optional
        Only these columns of the result, in this order, by the names that they have in it.
    where : Mapping, optional
        Only the rows of ``left`` that fit, as :class:`~gen3nb.frames.selection.Selection` takes it; ``left``
        is a node then.
    way : {"export", "query"}, optional
        Read it this way, however fast the other may be.
    progress : bool or callable

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    DictionaryError
        No links lead from one to the other, or several equally short ways do: the message lists them. Or
        there is no such column, or ``way="query"`` cannot give this join right.
    NotFound
        There is no such project, or a row of a frame is not in the commons.
    IntegrityError
        The records could not be read whole.
    """
    if how not in ("left", "right", "inner", "outer"):
        raise DictionaryError(f"how= is 'left', 'right', 'inner' or 'outer', not {how!r}.")
    if way not in (None, "export", "query"):
        raise DictionaryError(f"way= is 'export' or 'query', not {way!r}.")
    first, second = Side.of(connection, left), Side.of(connection, right)
    if where is not None and first.frame is not None:
        raise DictionaryError(
            "where= chooses records of a node; filter the rows of the frame itself instead."
        )
    names = dict(zip(second.columns, titles(first.columns, second.columns, second.node.name), strict=True))
    wanted = _wanted([*first.columns, *names.values()], columns)
    first.columns = [name for name in first.columns if name in wanted]
    second.columns = [name for name in second.columns if names[name] in wanted]
    project = project if project is not None else first.project or second.project
    target = connection.project_id(project) if project is not None else None
    path = one_path(connection.dictionary, first.node.name, second.node.name, via)
    came = Gathering(connection, target, first, second, path, how, where, progress).read(way)
    at_left, at_right = matched(came.lefts["id"], came.rights["id"], came.pairs)
    sentence = _sentence(first, second, came, at_left, at_right, path)
    at_left, at_right = with_unmatched(at_left, at_right, len(came.lefts), len(came.rights), how)
    parts = [take(came.lefts[first.columns], at_left), take(came.rights[second.columns], at_right)]
    parts[1].columns = pd.Index([names[name] for name in second.columns])
    joined = pd.concat(parts, axis=1)[wanted]
    joined.attrs = {}
    says = f"{sentence} {len(joined):,} rows out ({how}). {came.words}"
    logger.info("%s", says)
    facts = {
        "commons": connection.endpoint,
        "profile": connection.profile,
        "project": str(target) if target is not None else None,
        "dictionary": connection.dictionary.digest,
        "join": says,
    }
    return tag_as(joined, facts)


def _wanted(known: Sequence[Any], columns: str | Iterable[str] | None) -> list[Any]:
    """Give the columns of the result, each of which has to be one that it would have."""
    if columns is None:
        return list(known)
    names = [columns] if isinstance(columns, str) else list(dict.fromkeys(columns))
    for name in names:
        if name not in known:
            close = nearest(str(name), [str(one) for one in known])
            hint = (
                f"Did you mean {' or '.join(map(repr, close))}?"
                if close
                else "Join without columns= to see all."
            )
            raise DictionaryError(f"There will be no column {name!r}. {hint}", suggestions=tuple(close))
    return names


def _sentence(
    first: Side,
    second: Side,
    came: Gathered,
    at_left: Positions,
    at_right: Positions,
    path: Sequence[Step],
) -> str:
    """Say what met what: rows in, without a partner, multiplied and by which links."""
    a, b = first.node.name, second.node.name
    lefts, rights = len(came.lefts), came.right_count
    says = [f"{lefts:,} {a} rows and {rights:,} {b} rows in."]
    for name, other, count, at in ((a, b, lefts, at_left), (b, a, rights, at_right)):
        partners = np.bincount(at, minlength=count) if count else np.zeros(0, dtype=int)
        alone, several = int((partners == 0).sum()), int((partners > 1).sum())
        if alone:
            says.append(f"{alone:,} {name} rows have no {other}.")
        if several:
            most = int(partners.max())
            says.append(
                f"{several:,} {name} rows have several {other} (up to {most:,}) and are multiplied, by "
                f"{_many(path, down=name == a)}."
            )
    return " ".join(says)


def _many(path: Sequence[Step], *, down: bool) -> str:
    """Name the links by which one row can meet several."""
    steps = list(path) if down else [Step(step.link, not step.up) for step in reversed(path)]
    found = [str(step) for step in steps if step.to_many]
    return " and ".join(found) or "the repeated rows of the frame"
