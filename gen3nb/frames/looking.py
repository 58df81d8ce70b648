"""What is stored: looked up in bulk, and only once for one job.

The commons takes two spellings of one submitter_id for one record, but its queries tell them apart. So
where a node is not far larger than what is asked for, all its submitter_ids are read and compared here
without case; else the spellings given are asked for, and in lower and upper case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from gen3nb.frames.findings import fold
from gen3nb.frames.reading import stored_records

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectId
    from gen3nb.dictionary import Node
    from gen3nb.frames.connection import Connection

__all__ = ["Look", "StoredKey"]

T = TypeVar("T")

#: How many keys go into one look-up.
BULK = 1_000
#: A node of so many records is read whole without further thought.
SMALL = 20_000
#: How much larger than what is asked for a node may be, to be read whole.
RATIO = 20
#: A node of so many times the records that are asked for is exported whole.
WHOLE = 3
PAGE = 10_000
#: How many look-ups are under way at once.
AT_ONCE = 4


class StoredKey(NamedTuple):
    """A record's name in the commons."""

    submitter_id: str
    id: str
    updated: str | None = None


class Look:
    """What one project of a commons holds, read as far as it is asked for.

    Parameters
    ----------
    connection : Connection
    project : ProjectId
    """

    def __init__(self, connection: Connection, project: ProjectId) -> None:
        self.connection = connection
        self.project = project
        self._counts: dict[str, int] = {}
        self._whole: dict[str, dict[str, list[StoredKey]]] = {}
        self._asked: dict[str, dict[str, list[StoredKey]]] = {}
        self._records: dict[str, dict[str, dict[str, Any]]] = {}

    def forget(self, node: str) -> None:
        """Look again next time: something was written."""
        for cache in (self._counts, self._whole, self._asked, self._records):
            cache.pop(node, None)

    def count(self, node: str) -> int:
        """Count the project's records of a node (peregrine ``_<node>_count``)."""
        if node not in self._counts:
            text = f"query ($project: [String]) {{ _{node}_count(project_id: $project) }}"
            data = self.connection.peregrine.query(text, {"project": [str(self.project)]})
            self._counts[node] = int(data.get(f"_{node}_count") or 0)
        return self._counts[node]

    def reads_whole(self, node: str, wanted: int) -> bool:
        """Say whether to read a whole node when so many of its records are asked for."""
        return self.count(node) <= max(SMALL, RATIO * wanted)

    def keys(self, node: str, wanted: Iterable[str]) -> dict[str, list[StoredKey]]:
        """Find records by submitter_id, without regard to case.

        Parameters
        ----------
        node : str
        wanted : iterable of str

        Returns
        -------
        dict of str to list of StoredKey
            Folded submitter_id to what is stored under it (several only in damaged projects).
        """
        names = list(dict.fromkeys(wanted))
        if not names:
            return {}
        if node in self._whole or self.reads_whole(node, len(names)):
            whole = self.all_keys(node)
            return {key: whole[key] for key in map(fold, names) if key in whole}
        known = self._asked.setdefault(node, {})
        new = [name for name in names if fold(name) not in known]
        for key, stored in _folded(self._by_name(node, new)).items():
            known[key] = stored
        left = [name for name in new if fold(name) not in known]
        spellings = dict.fromkeys(
            other for name in left for other in (name.lower(), name.upper(), name.title()) if other != name
        )
        for key, stored in _folded(self._by_name(node, spellings)).items():
            known[key] = stored
        for name in new:
            known.setdefault(fold(name), [])
        return {fold(name): known[fold(name)] for name in names if known[fold(name)]}

    def all_keys(self, node: str) -> dict[str, list[StoredKey]]:
        """Give all submitter_ids of a node in the project, folded."""
        if node not in self._whole:
            self._whole[node] = _folded(self._all(node)) if self.count(node) else {}
        return self._whole[node]

    def exactly(self, node: str, names: Iterable[str]) -> dict[str, StoredKey]:
        """Find records by submitter_id as it is spelled, asking anew.

        Parameters
        ----------
        node : str
        names : iterable of str

        Returns
        -------
        dict of str to StoredKey
        """
        return {stored.submitter_id: stored for stored in self._by_name(node, dict.fromkeys(names))}

    def ids(self, node: str, ids: Iterable[str]) -> dict[str, Mapping[str, Any]]:
        """Find records by id, in any project that the user may read.

        Parameters
        ----------
        node : str
        ids : iterable of str

        Returns
        -------
        dict of str to Mapping
            With ``submitter_id`` and ``project_id``.
        """
        field = "code" if node == "project" else "submitter_id project_id"
        text = f"query ($ids: [String]) {{ {node}(first: 0, ids: $ids) {{ id {field} }} }}"
        found: dict[str, Mapping[str, Any]] = {}
        for part in _parts(list(dict.fromkeys(ids)), BULK):
            for row in self.connection.peregrine.query(text, {"ids": part}).get(node) or ():
                found[str(row["id"])] = row
        return found

    def elsewhere(self, node: str, names: Iterable[str]) -> dict[str, str]:
        """Find in which other project records of these names are; asks once, for the first 1,000 of them.

        Parameters
        ----------
        node : str
        names : iterable of str
            As they are spelled.

        Returns
        -------
        dict of str to str
            submitter_id to ``PROGRAM-PROJECT``; only what the user may read.
        """
        asked = list(dict.fromkeys(names))[:BULK]
        if not asked:
            return {}
        text = (
            f"query ($names: [String]) {{ {node}(first: 0, submitter_id: $names) "
            "{ submitter_id project_id } }"
        )
        rows = self.connection.peregrine.query(text, {"names": asked}).get(node) or ()
        places = {str(row["submitter_id"]): str(row["project_id"]) for row in rows}
        return {name: place for name, place in places.items() if place != str(self.project)}

    def _by_name(self, node: str, names: Iterable[str]) -> Iterator[StoredKey]:
        text = (
            f"query ($project: [String], $names: [String]) {{ {node}(first: 0, project_id: $project, "
            "submitter_id: $names) { id submitter_id updated_datetime } }"
        )
        parts = list(_parts(list(names), BULK))

        def ask(part: list[str]) -> list[StoredKey]:
            variables = {"project": [str(self.project)], "names": part}
            return list(_stored(self.connection.peregrine.query(text, variables), node))

        if len(parts) < 2:
            for part in parts:
                yield from ask(part)
            return
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="gen3nb-look") as pool:
            for found in pool.map(ask, parts):
                yield from found

    def _all(self, node: str) -> Iterator[StoredKey]:
        text = (
            f"query ($project: [String], $offset: Int) {{ {node}(first: {PAGE}, offset: $offset, "
            'order_by_asc: "id", project_id: $project) { id submitter_id updated_datetime } }'
        )
        offset = 0
        while True:
            variables = {"project": [str(self.project)], "offset": offset}
            page = list(_stored(self.connection.peregrine.query(text, variables), node))
            yield from page
            if len(page) < PAGE:
                return
            offset += PAGE

    def records(self, node: Node, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Give records by id as the export has them, absent properties left out.

        Sheepdog ``GET`` or ``POST /v0/submission/{P}/{Q}/export``: all of the node's if most of them are
        asked for, else these alone.

        Parameters
        ----------
        node : Node
        ids : sequence of str

        Returns
        -------
        dict of str to dict
            Links are lists of ``{"node_id": …, "submitter_id": …}``.
        """
        known = self._records.setdefault(node.name, {})
        missing = [one for one in ids if one not in known]
        if missing:
            whole = self.count(node.name) <= WHOLE * len(missing)
            for record in stored_records(self.connection, self.project, node, ids=None if whole else missing):
                known[str(record["id"])] = record
        return {one: known[one] for one in ids if one in known}


def _stored(data: Mapping[str, Any], node: str) -> Iterator[StoredKey]:
    for row in data.get(node) or ():
        yield StoredKey(str(row["submitter_id"]), str(row["id"]), row.get("updated_datetime"))


def _folded(stored: Iterable[StoredKey]) -> dict[str, list[StoredKey]]:
    found: dict[str, list[StoredKey]] = {}
    for one in stored:
        found.setdefault(fold(one.submitter_id), []).append(one)
    return found


def _parts(items: list[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
