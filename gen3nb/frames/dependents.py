"""Which records would miss a link that they must have, if others were gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from gen3nb.dictionary import Link, LinkGroup, Node
from gen3nb.frames.codec import plain_column
from gen3nb.frames.reading import read_raw

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectId
    from gen3nb.frames.connection import Connection
    from gen3nb.frames.looking import Look

__all__ = ["Child", "Dependents", "Family"]


class Child(NamedTuple):
    """A record and what it links to.

    Attributes
    ----------
    node, id, submitter_id : str
    links : dict of str to frozenset of str
        Link name → ids of the targets.
    """

    node: str
    id: str
    submitter_id: str
    links: dict[str, frozenset[str]]


@dataclass
class Dependents:
    """What hangs on records that are to go.

    Attributes
    ----------
    records : list of Child
        Those that could not stay, directly or further down; parents before children.
    held : dict of str to Counter
        Id of a record that is to go → how many records of which node hang on it directly.
    loosened : Counter
        How many records of which node stay, and lose a link that they need not have.
    """

    records: list[Child] = field(default_factory=list)
    held: dict[str, Counter[str]] = field(default_factory=dict)
    loosened: Counter[str] = field(default_factory=Counter)

    @property
    def counts(self) -> Counter[str]:
        """How many records there are by node."""
        return Counter(child.node for child in self.records)


class Family:
    """The links between the records of one project, read as far as they are asked for.

    Sheepdog ``GET /v0/submission/{P}/{Q}/export``, one node at a time, ids and links alone.

    Parameters
    ----------
    connection : Connection
    project : ProjectId
    look : Look
    """

    def __init__(self, connection: Connection, project: ProjectId, look: Look) -> None:
        self.connection = connection
        self.project = project
        self.look = look
        self._read: dict[str, dict[str, Child]] = {}

    def of(self, node: str) -> dict[str, Child]:
        """Give the records of a node by id."""
        if node not in self._read:
            self._read[node] = self._children(node) if self.look.count(node) else {}
        return self._read[node]

    def _children(self, node: str) -> dict[str, Child]:
        kind = self.connection.dictionary[node]
        columns = ["id", "submitter_id", *(f"{link.name}.id" for link in kind.links)]
        frame = read_raw(self.connection, kind, self.project, columns=columns, progress=False)
        ends = {link.name: plain_column(frame[f"{link.name}.id"], None) for link in kind.links}
        found = {}
        for at, (one, name) in enumerate(zip(frame["id"], frame["submitter_id"], strict=True)):
            links = {link: _targets(values[at]) for link, values in ends.items()}
            found[str(one)] = Child(node, str(one), str(name), links)
        return found

    def dependents(self, going: Mapping[str, Collection[str]]) -> Dependents:
        """Find the records that could not stay if others were gone, and those below them.

        Parameters
        ----------
        going : Mapping of str to collection of str
            Node → ids of the records that are to go.

        Returns
        -------
        Dependents
        """
        gone = {node: set(ids) for node, ids in going.items()}
        first = {node: set(ids) for node, ids in going.items()}
        found: list[Child] = []
        changed = [node for node in self.connection.dictionary.order if gone.get(node)]
        while changed:
            node = changed.pop(0)
            for source in dict.fromkeys(link.source for link in self.connection.dictionary.children(node)):
                new = self._falling(source, gone)
                if new:
                    gone.setdefault(source, set()).update(child.id for child in new)
                    found += new
                    if source not in changed:
                        changed.append(source)
        order = {name: at for at, name in enumerate(self.connection.dictionary.order)}
        result = Dependents(sorted(found, key=lambda child: order[child.node]))
        for child in found:
            for link in self.connection.dictionary[child.node].links:
                for target in child.links[link.name] & first.get(link.target, set()):
                    result.held.setdefault(target, Counter())[child.node] += 1
        result.loosened = self._loosened(gone)
        return result

    def _falling(self, node: str, gone: Mapping[str, set[str]]) -> list[Child]:
        """Give the records of a node that miss a link they must have, once others are gone."""
        kind = self.connection.dictionary[node]
        away = gone.get(node, set())
        return [
            child
            for one, child in self.of(node).items()
            if one not in away and _touched(child, kind, gone) and not _may_stay(child, kind, gone)
        ]

    def _loosened(self, gone: Mapping[str, set[str]]) -> Counter[str]:
        sources = {link.source for node in gone for link in self.connection.dictionary.children(node)}
        counts: Counter[str] = Counter()
        for source in self.connection.dictionary.order:
            if source in sources:
                kind, away = self.connection.dictionary[source], gone.get(source, set())
                stay = (child for one, child in self.of(source).items() if one not in away)
                counts[source] += sum(_touched(child, kind, gone) for child in stay)
        return +counts

    def leaves_first(self, node: str, ids: Iterable[str]) -> list[list[str]]:
        """Put records of one node in an order in which they can go, children before parents.

        Parameters
        ----------
        node : str
        ids : iterable of str

        Returns
        -------
        list of list of str
            What is in one list may go in any order; a circle, which has to go at once, is in the last one.
        """
        kind = self.connection.dictionary[node]
        own = [link.name for link in kind.links if link.target == node]
        left = list(dict.fromkeys(ids))
        if not own or not left:
            return [left]
        held = self.of(node)
        here = set(left)
        parents = {
            one: {target for name in own for target in held[one].links[name] & here if target != one}
            if one in held
            else set()
            for one in left
        }
        children = Counter(target for targets in parents.values() for target in targets)
        batches = []
        while ready := [one for one in left if not children[one]]:
            batches.append(ready)
            for one in ready:
                children.subtract(parents[one])
            done = set(ready)
            left = [one for one in left if one not in done]
        return [*batches, left] if left else batches


def _targets(cell: object) -> frozenset[str]:
    if cell is None:
        return frozenset()
    return frozenset(str(one) for one in (cell if isinstance(cell, list) else [cell]) if one is not None)


def _touched(child: Child, node: Node, gone: Mapping[str, set[str]]) -> bool:
    return any(child.links[link.name] & gone.get(link.target, set()) for link in node.links)


def _may_stay(child: Child, node: Node, gone: Mapping[str, set[str]]) -> bool:
    left = {link.name for link in node.links if child.links[link.name] - gone.get(link.target, set())}
    return all(_satisfied(entry, left, node) for entry in node.link_groups)


def _satisfied(entry: Link | LinkGroup, left: Collection[str], node: Node) -> bool:
    if isinstance(entry, Link):
        return entry.name in left or not (entry.required or entry.name in node.required)
    filled = any(link.name in left for link in entry.links())
    return (filled or not entry.required) and all(_satisfied(one, left, node) for one in entry.members)
