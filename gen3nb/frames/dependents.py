"""Which records would miss a link that they must have, if others were gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from gen3nb.dictionary import Link, LinkGroup, Node
from gen3nb.frames.graphql import two_links_to_one
from gen3nb.frames.keys import batched
from gen3nb.frames.sinks import Each

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectId
    from gen3nb.frames.connection import Connection
    from gen3nb.frames.looking import Look

__all__ = ["Child", "Dependents", "Family"]

#: Where a parent node has more than so many times the records that go, children are asked for by parent:
#: services give some 300 nested records a second, and export 20,000.
FEW = 50
#: So many parents in one request, and so many children of each.
PARENTS, CHILDREN = 200, 1_000


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
    """The links between the records of one project, looked up from the parents' side.

    Peregrine lists the children of some hundred parents in one request; where most of a node's parents are
    asked for, or its links are of a kind that queries mix up, its export streams by instead (sheepdog ``GET
    /v0/submission/{P}/{Q}/export``). Only what hangs on the parents is kept.

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
        self._known: dict[str, dict[str, Child]] = {}

    def children(self, node: str, parents: Mapping[str, Collection[str]]) -> list[Child]:
        """Give the records of a node that link to some parents.

        Parameters
        ----------
        node : str
        parents : Mapping of str to collection of str
            Their ids, by node.

        Returns
        -------
        list of Child
        """
        kind = self.connection.dictionary[node]
        links = [link for link in kind.links if parents.get(link.target)]
        if not links or not self.look.count(node):
            return []
        few = all(
            link.backref and FEW * len(parents[link.target]) < self.look.count(link.target) for link in links
        )
        if few and not two_links_to_one(kind):
            found = {one for link in links for one in self._asked(link, parents[link.target])}
        else:
            found = self._passing(kind, links, parents)
        return self.named(node, sorted(found))

    def _asked(self, link: Link, parents: Collection[str]) -> Iterator[str]:
        """Ask for the children of some parents, by id."""
        text = (
            f"query ($ids: [String], $offset: Int) {{ {link.target}(first: 0, ids: $ids) {{ id children: "
            f'{link.backref}(first: {CHILDREN}, offset: $offset, order_by_asc: "id") {{ id }} }} }}'
        )
        for part in batched(parents, PARENTS):
            offset = 0
            while part:
                answer = self.connection.peregrine.query(text, {"ids": part, "offset": offset})
                rows = answer.get(link.target) or []
                yield from (str(child["id"]) for row in rows for child in row.get("children") or ())
                # only those whose page was full may have more
                part = [str(row["id"]) for row in rows if len(row.get("children") or ()) >= CHILDREN]
                offset += CHILDREN

    def _passing(self, kind: Node, links: Sequence[Link], parents: Mapping[str, Collection[str]]) -> set[str]:
        """Let the node's records pass by, and note which of them link to some parents, by id."""
        found: set[str] = set()

        def note(record: Mapping[str, Any]) -> None:
            for link in links:
                wanted = parents[link.target]
                if any(_id_of(end) in wanted for end in record.get(link.name) or ()):
                    found.add(str(record["id"]))

        self.look.have_taken(kind, lambda: Each(note))
        return found

    def named(self, node: str, ids: Sequence[str]) -> list[Child]:
        """Give records by id, with all their links, as far as they are there."""
        kind = self.connection.dictionary[node]
        known = self._known.setdefault(node, {})
        left = [one for one in ids if one not in known]
        wanted = set(left)
        links = [link.name for link in kind.links]

        def note(record: Mapping[str, Any]) -> None:
            one = str(record["id"])
            if one in wanted:
                # a record may come in parts, each with some of its links
                before = known[one].links if one in known else dict.fromkeys(links, frozenset())
                ends = {
                    name: before[name] | {_id_of(end) for end in record.get(name) or ()} for name in links
                }
                known[one] = Child(node, one, str(record.get("submitter_id")), ends)

        if left:
            self.look.have_taken(kind, lambda: Each(note), left, len(left))
        return [known[one] for one in ids if one in known]

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
        dictionary = self.connection.dictionary
        gone = {node: set(ids) for node, ids in going.items()}
        first = {node: set(ids) for node, ids in going.items()}
        fresh = {node: set(ids) for node, ids in going.items() if ids}
        touched: dict[str, dict[str, Child]] = {}
        found: list[Child] = []
        while fresh:
            sources = dict.fromkeys(link.source for node in fresh for link in dictionary.children(node))
            now, fresh = fresh, {}
            for source in sources:
                kind, away = dictionary[source], gone.setdefault(source, set())
                near = [child for child in self.children(source, now) if child.id not in away]
                touched.setdefault(source, {}).update((child.id, child) for child in near)
                new = [child for child in near if not _may_stay(child, kind, gone)]
                if new:
                    away.update(child.id for child in new)
                    fresh.setdefault(source, set()).update(child.id for child in new)
                    found += new
        order = {name: at for at, name in enumerate(dictionary.order)}
        result = Dependents(sorted(found, key=lambda child: order[child.node]))
        for child in found:
            for link in dictionary[child.node].links:
                for target in child.links[link.name] & first.get(link.target, set()):
                    result.held.setdefault(target, Counter())[child.node] += 1
        for source in (name for name in dictionary.order if name in touched):
            stay = touched[source].keys() - gone[source]
            result.loosened += Counter({source: len(stay)})
        return result

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
        here = set(left)
        parents: dict[str, set[str]] = {one: set() for one in left}
        for child in self.named(node, left):
            parents[child.id] = {
                target for name in own for target in child.links[name] & here if target != child.id
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


def _id_of(end: Mapping[str, Any]) -> str:
    return str(end.get("node_id", end.get("id")))


def _may_stay(child: Child, node: Node, gone: Mapping[str, set[str]]) -> bool:
    left = {link.name for link in node.links if child.links[link.name] - gone.get(link.target, set())}
    return all(_satisfied(entry, left, node) for entry in node.link_groups)


def _satisfied(entry: Link | LinkGroup, left: Collection[str], node: Node) -> bool:
    if isinstance(entry, Link):
        return entry.name in left or not (entry.required or entry.name in node.required)
    filled = any(link.name in left for link in entry.links())
    return (filled or not entry.required) and all(_satisfied(one, left, node) for one in entry.members)
