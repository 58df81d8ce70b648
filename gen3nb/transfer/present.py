"""What the index has already of the same content, so that no file gets two GUIDs."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gen3nb.transfer.hashing import known_hashes

if TYPE_CHECKING:
    from gen3nb.client.indexd import Indexd

__all__ = ["Present", "agree"]

PAGE = 1024
SINGLY = 50  # so many questions for a size cost about as much as a page of the list


def agree(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """Say by which hash two are the same: the strongest that both have.

    Returns
    -------
    str or None
        Its kind; empty where they have none in common, ``None`` where they differ.
    """
    first, second = known_hashes(one), known_hashes(other)
    common = [kind for kind in first if kind in second]
    if any(first[kind] != second[kind] for kind in common):
        return None
    return common[0] if common else ""


class Present:
    """The records of one authz, found by size and hash. Threads may share it.

    For many files all of these records are listed once, if they are not very many more than the files;
    else the index is asked for each size.

    Parameters
    ----------
    indexd : Indexd
    authz : sequence of str
        Exactly that of a record; without any, those that the user uploaded and nobody has taken over yet.
    username : str
    count : int
        How many files there are.
    """

    def __init__(self, indexd: Indexd, authz: Sequence[str], username: str, count: int) -> None:
        self.indexd = indexd
        self.authz = sorted(authz)
        self.username = username
        self._count = count
        self._lock = threading.Lock()
        self._listed: dict[int, list[dict[str, Any]]] | None = None
        self._asked: dict[int, list[dict[str, Any]]] = {}
        self._tried = False

    def of_size(self, size: int) -> list[dict[str, Any]]:
        """Give the records of so many bytes."""
        with self._lock:
            if not self._tried:
                self._tried = True
                self._list()
            if self._listed is not None:
                return self._listed.get(size, [])
            if size in self._asked:
                return self._asked[size]
        found = list(self._records(size=size))
        with self._lock:
            return self._asked.setdefault(size, found)

    def find(self, size: int, hashes: Mapping[str, str]) -> dict[str, Any] | None:
        """Give a record of this content, rather one that has a place; ``None`` where there is none."""
        same = [one for one in self.of_size(size) if agree(one["hashes"], hashes)]
        return max(same, key=lambda one: bool(one["urls"])) if same else None

    def _list(self) -> None:
        """List all, unless that takes longer than to ask for each."""
        pages = self._count // SINGLY
        if not pages:
            return
        listed: dict[int, list[dict[str, Any]]] = {}
        seen = 0
        for one in self._records(limit=pages * PAGE):
            seen += 1
            if one["size"] is not None:
                kept = {name: one[name] for name in ("did", "size", "hashes", "urls")}
                listed.setdefault(one["size"], []).append(kept)
        if seen < pages * PAGE:
            self._listed = listed

    def _records(self, **facts: Any) -> Iterator[dict[str, Any]]:
        if self.authz:
            found = self.indexd.records(authz=self.authz, **facts)
        elif self.username:
            found = self.indexd.records(uploader=self.username, **facts)
        else:
            return iter(())
        return (one for one in found if sorted(one["authz"]) == self.authz)
