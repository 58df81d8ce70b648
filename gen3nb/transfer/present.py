"""What the index has already of the same content, so that no file gets two GUIDs."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from gen3nb.transfer.hashing import known_hashes
from gen3nb.transfer.kept import KnownRecords

if TYPE_CHECKING:
    from gen3nb.client.indexd import Indexd

__all__ = ["SINGLY", "Present", "agree"]

SPELLED = {"sha": "sha1"}  # a kind as the index spells it in questions
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
    else the index is asked for each file. What is listed is kept on disk once it is much.

    Parameters
    ----------
    indexd : Indexd
    authz : sequence of str
        Exactly that of a record; without any, those that the user uploaded and nobody has taken over yet.
    username : str
    count : int
        How many files there are.
    trial : int
        How many questions are asked before all are listed: files of a few sizes take no more.
    """

    def __init__(
        self, indexd: Indexd, authz: Sequence[str], username: str, count: int, *, trial: int = 0
    ) -> None:
        self.indexd = indexd
        self.authz = sorted(authz)
        self.username = username
        self._count = count
        self._trial = trial
        self._asked = 0
        self._asking: dict[int, Future[bool]] = {}
        self._lock = threading.Lock()
        self._tried = False
        self._known = KnownRecords()
        self._all_known = False  # all of this authz; else those of the sizes that are known whole
        self._whole: set[int] = set()
        self._sizes: dict[int, bool] = {}

    def has_size(self, size: int) -> bool:
        """Say whether there is a record of so many bytes."""
        with self._lock:
            if not self._tried and self._asked >= self._trial:
                self._tried = True
                self._list()
            if self._all_known:
                return self._known.has_size(size)
            if size in self._sizes:
                return self._sizes[size]
            asking = self._asking.get(size)
            if asking is None:
                mine = self._asking[size] = Future[bool]()
                self._asked += 1
        if asking is not None:  # by another thread at this moment
            return asking.result()
        try:
            answer = self._ask(size)
        except BaseException as error:
            with self._lock:
                del self._asking[size]
            mine.set_exception(error)
            raise
        with self._lock:  # at once: else another thread would find neither, and ask again
            self._sizes[size] = answer
            del self._asking[size]
        mine.set_result(answer)
        return answer

    def _ask(self, size: int) -> bool:
        """Ask the index for a size. Where a page holds all of it, no hash has to be asked for any more."""
        seen, theirs = 0, []
        for one in self._all(size=size, limit=PAGE):
            seen += 1
            if self._is_theirs(one):
                theirs.append(one)
        if seen == PAGE and not theirs:
            return next(self._records(size=size), None) is not None
        with self._lock:
            if seen < PAGE and self._asked <= self._trial:  # few enough to be kept
                self._whole.add(size)
                for one in theirs:
                    self._known.add(one)
        return bool(theirs)

    def find(self, size: int, hashes: Mapping[str, str]) -> dict[str, Any] | None:
        """Give a record of this content, rather one that has a place; ``None`` where there is none."""
        if not self.has_size(size):
            return None
        same = [one for one in self._alike(size, known_hashes(hashes)) if agree(one["hashes"], hashes)]
        return max(same, key=lambda one: bool(one["urls"])) if same else None

    def _alike(self, size: int, hashes: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """Give the records that have one of these hashes."""
        known = self._all_known or size in self._whole
        for kind, value in hashes.items():
            if not known:
                self._asked += 1
                yield from self._records(size=size, hashes={SPELLED.get(kind, kind): value})
            elif (one := self._known.find(size, kind, value)) is not None:
                yield one

    def _list(self) -> None:
        """List all, unless that takes longer than to ask for each."""
        pages = self._count // SINGLY
        if not pages:
            return
        listed = KnownRecords()
        seen = 0
        for one in self._all(limit=pages * PAGE):
            seen += 1
            if one["size"] is not None and self._is_theirs(one):
                listed.add(one)
        if seen < pages * PAGE:
            self._known, self._all_known = listed, True

    def _records(self, **facts: Any) -> Iterator[dict[str, Any]]:
        return (one for one in self._all(**facts) if self._is_theirs(one))

    def _is_theirs(self, record: Mapping[str, Any]) -> bool:
        return sorted(record["authz"]) == self.authz

    def _all(self, **facts: Any) -> Iterator[dict[str, Any]]:
        if self.authz:
            return self.indexd.records(authz=self.authz, **facts)
        if self.username:
            return self.indexd.records(uploader=self.username, **facts)
        return iter(())
