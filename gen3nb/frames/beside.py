"""One row per case (or per any node), with what hangs on it beside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gen3nb.dictionary import Node
from gen3nb.dictionary.elements import nearest
from gen3nb.errors import DictionaryError
from gen3nb.frames.builders import object_array
from gen3nb.frames.connection import Connection
from gen3nb.frames.decoding import read_columns
from gen3nb.frames.following import Links, one_path
from gen3nb.frames.merging import take
from gen3nb.frames.origin import ATTRIBUTE, tag_as
from gen3nb.frames.progress import Progress

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectLike

__all__ = ["read_beside"]

# What a column of another node need not say again.
_NOT_BESIDE = frozenset({"type", "id", "project_id"})


def read_beside(
    connection: Connection,
    node: str,
    *,
    project: ProjectLike | None,
    ids: Iterable[str] | None,
    columns: Iterable[str] | None,
    where: Mapping[str, Any] | None,
    with_: str | Iterable[str] | Mapping[str, Any] | None,
    per: str | None,
    progress: Progress,
) -> pd.DataFrame:
    """Read one row per record of a node, with the records of other nodes beside it.

    See :func:`gen3nb.frames.reading.read`, which calls this; the parameters are its own.
    """
    from gen3nb.frames.reading import read

    dictionary = connection.dictionary
    others = _others(with_)
    base = dictionary[per if per is not None else node]
    if base.name != node:
        if base.name not in others:
            raise DictionaryError(
                f"per={per!r}: a row is one of {node!r} or of with_=[…], and that is none of them."
            )
        others = {node: others.pop(base.name), **others}
    titles = {name: [f"{name}.{column}" for column in _columns(dictionary[name])] for name in others}
    own, wanted = _asked(base, titles, columns)
    links = Links(connection, project, progress)
    paths = {name: one_path(dictionary, base.name, name, via) for name, via in others.items()}
    for path in paths.values():
        links.plan(path)
    rows = read(
        connection, base.name, project=project, ids=ids, columns=["id", *own], where=where, progress=progress
    )
    facts = dict(rows.attrs[ATTRIBUTE])
    parts = [rows[own]]
    says = [f"{len(rows):,} {base.name} rows."]
    for name, path in paths.items():
        held = links.frame(dictionary[name], _columns(dictionary[name]))
        places, counts = _places(rows["id"], held, links.pairs(path, rows["id"]))
        parts.append(_part(held[_columns(dictionary[name])], titles[name], places, counts))
        says.append(_sentence(base.name, name, counts))
    wide = pd.concat(parts, axis=1)
    wide.attrs = {}
    return tag_as(wide[wanted], {**facts, "join": " ".join(says)})


def _others(with_: str | Iterable[str] | Mapping[str, Any] | None) -> dict[str, Any]:
    if isinstance(with_, Mapping):
        return dict(with_)
    return dict.fromkeys([with_] if isinstance(with_, str) else (with_ or ()))


def _columns(node: Node) -> list[str]:
    links = {link.column for link in node.links}
    return [name for name in read_columns(node) if name not in _NOT_BESIDE and name not in links]


def _asked(
    base: Node, titles: Mapping[str, list[str]], columns: Iterable[str] | None
) -> tuple[list[str], list[str]]:
    """Give the base node's own columns to read, and all columns of the result, in order."""
    own = read_columns(base)
    known = [*own, *(title for part in titles.values() for title in part)]
    if columns is None:
        return own, known
    wanted = [columns] if isinstance(columns, str) else list(dict.fromkeys(columns))
    for name in wanted:
        if name not in known:
            close = nearest(name, known)
            hint = (
                f"Did you mean {' or '.join(map(repr, close))}?" if close else "See the columns without it."
            )
            raise DictionaryError(f"There will be no column {name!r}. {hint}", suggestions=tuple(close))
    return [name for name in wanted if name in own], wanted


def _places(
    ids: pd.Series[Any], held: pd.DataFrame, pairs: pd.DataFrame
) -> tuple[list[list[int]], np.ndarray[Any, np.dtype[np.intp]]]:
    """Give for each row the positions of its records, by submitter_id, and how many they are."""
    names = held["submitter_id"] if "submitter_id" in held else held["id"]
    order = np.argsort(names.fillna("").astype(str).to_numpy(), kind="stable")
    rank = {str(held["id"].iloc[at]): place for place, at in enumerate(order)}
    found: dict[str, list[int]] = {}
    for left, right in zip(pairs["left"], pairs["right"], strict=True):
        if right in rank:
            found.setdefault(left, []).append(rank[right])
    places = [[int(order[place]) for place in sorted(found.get(one, ()))] for one in ids]
    return places, np.array([len(place) for place in places], dtype=np.intp)


def _part(
    held: pd.DataFrame,
    titles: list[str],
    places: list[list[int]],
    counts: np.ndarray[Any, np.dtype[np.intp]],
) -> pd.DataFrame:
    """Give the columns of another node: typed where no row has several records, else lists."""
    if len(counts) == 0 or counts.max() <= 1:
        part = take(held, np.array([place[0] if place else -1 for place in places], dtype=np.intp))
    else:
        part = pd.DataFrame({name: _lists(held[name], places) for name in held})
    part.columns = pd.Index(titles)
    return part


def _lists(column: pd.Series[Any], places: list[list[int]]) -> pd.Series[Any]:
    values = [None if value is pd.NA or value != value else value for value in column.tolist()]
    return pd.Series(object_array([[values[at] for at in place] for place in places]), dtype=object)


def _sentence(base: str, name: str, counts: np.ndarray[Any, np.dtype[np.intp]]) -> str:
    most, alone = (int(counts.max()), int((counts == 0).sum())) if len(counts) else (0, 0)
    several = f", up to {most:,} for one {base}, so its columns hold lists" if most > 1 else ""
    without = f"; {alone:,} {base} rows have none" if alone else ""
    return f"{name}: {int(counts.sum()):,} records{several}{without}."
