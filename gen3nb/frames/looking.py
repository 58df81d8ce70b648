"""What is stored: looked up in bulk, and only once for one job.

The commons takes two spellings of one submitter_id for one record, but its queries tell them apart. So
where a node is not far larger than what is asked for, all its submitter_ids are read and compared here
without case; else the spellings given are asked for, and in lower and upper case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from gen3nb.frames.decoding import read_columns
from gen3nb.frames.exporting import by_ids, whole_project
from gen3nb.frames.keys import KeyTable, Marks, StoredKey, batched, marks
from gen3nb.frames.paging import Paging
from gen3nb.frames.progress import Meter
from gen3nb.frames.reading import stored_records

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectId
    from gen3nb.dictionary import Node
    from gen3nb.frames.connection import Connection
    from gen3nb.frames.sinks import Sink

__all__ = ["Look", "StoredKey"]

S = TypeVar("S", bound=Sized)

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
        self._whole: dict[str, KeyTable] = {}
        self._asked: dict[str, tuple[Marks, KeyTable]] = {}
        self._records: dict[str, list[dict[str, Any]]] = {}

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

    def keys(self, node: str, wanted: Iterable[str | None]) -> KeyTable:
        """Find records by submitter_id, without regard to case.

        Parameters
        ----------
        node : str
        wanted : iterable of str or None
            To be gone through more than once.

        Returns
        -------
        KeyTable
            Those, and perhaps others.
        """
        if node in self._whole:
            return self._whole[node]
        sought = np.unique(marks(wanted))
        sought = sought[sought != hash("")]
        if not len(sought):
            return KeyTable()
        if self.reads_whole(node, len(sought)):
            return self.all_keys(node)
        asked, known = self._asked.get(node, (sought[:0], KeyTable()))
        tables = [known]
        for part in batched(filter(None, wanted), 10 * BULK):
            new = ~np.isin(marks(part), asked)
            names = dict.fromkeys(name for name, is_new in zip(part, new, strict=True) if is_new)
            tables += self._in_any_spelling(node, list(names))
        known = KeyTable.joined(tables)
        self._asked[node] = (np.union1d(asked, sought), known)
        return known

    def _in_any_spelling(self, node: str, names: list[str]) -> Iterator[KeyTable]:
        found = KeyTable(self._by_name(node, names))
        yield found
        left = [name for name, place in zip(names, found.places(marks(names)), strict=True) if place < 0]
        spellings = dict.fromkeys(
            other for name in left for other in (name.lower(), name.upper(), name.title()) if other != name
        )
        yield KeyTable(self._by_name(node, spellings))

    def all_keys(self, node: str) -> KeyTable:
        """Give all submitter_ids of a node in the project."""
        if node not in self._whole:
            self._whole[node] = KeyTable(self._all(node) if self.count(node) else ())
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
        for part in batched(dict.fromkeys(ids), BULK):
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
        parts = list(batched(names, BULK))

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
            f"query ($project: [String], $first: Int, $offset: Int) {{ {node}(project_id: $project, "
            'first: $first, offset: $offset, order_by_asc: "id") { id submitter_id updated_datetime } }'
        )

        def ask(first: int, offset: int) -> list[dict[str, Any]]:
            variables = {"project": [str(self.project)], "first": first, "offset": offset}
            return self.connection.peregrine.query(text, variables).get(node) or []

        for page in Paging(ask, node).pages(PAGE):
            yield from _stored({node: page}, node)

    def have_taken(
        self, node: Node, sink: Callable[[], Sink[S]], ids: Iterable[str] | None = None, count: int = 0
    ) -> S:
        """Have records taken in as the export has them, absent properties left out.

        Sheepdog ``GET`` or ``POST /v0/submission/{P}/{Q}/export``: all of the node's if most of them are
        asked for, else these alone. A record may come in two parts, each with some of its links.

        Parameters
        ----------
        node : Node
        sink : callable
            Makes what takes them in; it passes over records that it does not want.
        ids : iterable of str, optional
            Those that are asked for, each once; default: all.
        count : int
            How many these are.

        Returns
        -------
        What the sink makes.
        """
        held = self.count(node.name)
        if ids is None or held <= WHOLE * count:
            if held > SMALL:
                columns, meter = read_columns(node), Meter(None, "")
                return whole_project(self.connection, node, self.project, columns, meter, sink)
            # a small node is asked for once, whoever looks at it
            if node.name not in self._records:
                self._records[node.name] = stored_records(self.connection, self.project, node)
            chunks: Iterable[Sequence[Mapping[str, Any]]] = [self._records[node.name]]
        else:
            chunks = by_ids(self.connection, self.project, ids)
        taker = sink()
        for chunk in chunks:
            taker.add(chunk)
        return taker.finish()


def _stored(data: Mapping[str, Any], node: str) -> Iterator[StoredKey]:
    for row in data.get(node) or ():
        yield StoredKey(str(row["submitter_id"]), str(row["id"]), row.get("updated_datetime"))
