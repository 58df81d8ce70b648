"""Follow links: the way from one node to another, and which records belong together along it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from gen3nb.dictionary import Dictionary, Node, Step
from gen3nb.dictionary.graph import shortest_paths
from gen3nb.errors import DictionaryError
from gen3nb.frames.connection import Connection
from gen3nb.frames.progress import Progress
from gen3nb.frames.reading import never_exported, read_raw

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectLike

__all__ = ["Links", "one_path"]


def one_path(
    dictionary: Dictionary, start: str, end: str, via: str | Iterable[str] | None = None
) -> list[Step]:
    """Give the shortest way from a node to another along links.

    Parameters
    ----------
    dictionary : Dictionary
    start, end : str
    via : str or iterable of str, optional
        Nodes or links that it must pass.

    Returns
    -------
    list of Step

    Raises
    ------
    DictionaryError
        There is no way, or several are equally short.
    """
    through = [via] if isinstance(via, str) else list(via or ())
    direct = dictionary.paths(start, end, via=through or None)
    # every record hangs on its project, which makes no pair of records belong together
    shared = {"project", "program"}
    if not shared & {start, end, *through} and any(step.end in shared for way in direct for step in way):
        rest = {name: node for name, node in dictionary.items() if name not in shared}
        direct = shortest_paths(rest, start, end, through)
    if len(direct) == 1:
        return direct[0]
    if not direct:
        past = f" via {', '.join(through)}" if through else ""
        raise DictionaryError(
            f"No links lead from {start!r} to {end!r}{past} (but by the project they share)."
        )
    shown = [f"  via={_choice(way, direct)!r}: {', then '.join(map(str, way))}" for way in direct[:12]]
    raise DictionaryError(
        f"{len(direct)} equally short ways lead from {start!r} to {end!r}; choose one:\n" + "\n".join(shown),
        ways=tuple(_choice(way, direct) for way in direct),
    )


def _choice(way: Sequence[Step], ways: Sequence[Sequence[Step]]) -> str | list[str]:
    """Give what names one way among several: a node or link that only it passes, else all that it passes."""

    def names(steps: Sequence[Step]) -> list[str]:
        return [*(step.end for step in steps[:-1]), *(step.names[0] for step in steps)]

    others = [names(other) for other in ways if other is not way]
    own = [name for name in names(way) if not any(name in other for other in others)]
    return own[0] if own else list(dict.fromkeys(names(way)))


class Links:
    """Which records of a commons belong together, along ways of links; reads each node once.

    Parameters
    ----------
    connection : Connection
    project : str, pair of str, ProjectId or None
    progress : bool or callable
    """

    def __init__(
        self, connection: Connection, project: ProjectLike | None, progress: Progress = True
    ) -> None:
        self.connection = connection
        self.project = project
        self._progress = progress
        self._needed: dict[str, dict[str, None]] = {}
        self._frames: dict[str, pd.DataFrame] = {}

    def plan(self, path: Sequence[Step]) -> None:
        """Note the links of a way, so that their nodes are read with them."""
        for step in path:
            self._needed.setdefault(step.link.source, {})[f"{step.link.name}.id"] = None

    def frame(self, node: Node, columns: Sequence[str] = ()) -> pd.DataFrame:
        """Give a node's records with these columns, ``id``, and the ids of the links that were planned."""
        wanted = list(dict.fromkeys(["id", *columns, *self._needed.get(node.name, ())]))
        held = self._frames.get(node.name)
        if held is None or any(name not in held for name in wanted):
            held = self._read(node, wanted)
            self._frames[node.name] = held
        return held

    def _read(self, node: Node, columns: Sequence[str]) -> pd.DataFrame:
        if never_exported(node):
            from gen3nb.frames.selection import Selection

            asked = Selection(self.connection, node.name, project=self.project, columns=columns)
            return asked.to_frame(progress=self._progress)
        return read_raw(self.connection, node, self.project, columns=columns, progress=self._progress)

    def _edges(self, step: Step) -> pd.DataFrame:
        """Give the pairs of ids of one step, in its direction: columns ``here`` and ``there``."""
        child = self.frame(self.connection.dictionary[step.link.source])
        column = f"{step.link.name}.id"
        edges = pd.DataFrame({"child": child["id"].astype(object), "parent": child[column].astype(object)})
        edges = edges.explode("parent").dropna(subset=["parent"])
        names = {"child": "here", "parent": "there"} if step.up else {"child": "there", "parent": "here"}
        return edges.rename(columns=names)[["here", "there"]]

    def pairs(self, path: Sequence[Step], ids: pd.Series[Any]) -> pd.DataFrame:
        """Follow a way from some records to those at its end.

        Parameters
        ----------
        path : sequence of Step
        ids : pandas.Series

        Returns
        -------
        pandas.DataFrame
            Columns ``left`` and ``right``: ids, each pair once.
        """
        start = pd.unique(ids.dropna().astype(object))
        found = pd.DataFrame(
            {"left": pd.Series(start, dtype=object), "right": pd.Series(start, dtype=object)}
        )
        for step in path:
            edges = self._edges(step)
            found = found.merge(edges, left_on="right", right_on="here")[["left", "there"]]
            found = found.rename(columns={"there": "right"}).drop_duplicates()
        return found
