"""Pages of a list that others may change meanwhile: what is there all the time comes, and comes once.

The query service knows pages by number alone, and has no filter "behind this id". Where a record goes, those
behind it move up, and the next page would begin one too late; where one comes, they move down. So each page
is asked for from one record further back, and only what is behind the last known record counts. If a page
holds none that is known, it is asked for further back, until one does.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

import numpy as np

from gen3nb.errors import IntegrityError

__all__ = ["PAGE", "Paging"]

PAGE = 1_000
#: How many of the last records are remembered, to find the place again.
_KNOWN = 1_000

R = TypeVar("R", bound=Mapping[str, Any])


class Paging(Generic[R]):
    """A list in the order of its ids, page by page.

    Parameters
    ----------
    ask : callable
        Takes ``first`` and ``offset``, and gives records with their ``id``, ordered by it.
    what : str
        Whose records these are, for messages.

    Attributes
    ----------
    given : int
        How many records have been given.
    ended : bool
        Whether there are no more.
    """

    def __init__(self, ask: Callable[[int, int], list[R]], what: str) -> None:
        self._ask = ask
        self._what = what
        self._at = 0
        self._known: deque[str] = deque(maxlen=_KNOWN)
        # to see whether one came twice without holding their ids
        self._marks = array("q")
        self._idle = 0
        self.ended = False

    @property
    def given(self) -> int:
        """How many records have been given."""
        return len(self._marks)

    def next(self, size: int) -> list[R]:
        """Give the next page.

        Parameters
        ----------
        size : int
            How many records it is to have; it can have fewer, also where more follow.

        Returns
        -------
        list
            Empty at the end, if not before.

        Raises
        ------
        IntegrityError
            So many records came or went that the place is lost, or one came twice.
        """
        known = frozenset(self._known)
        back = min(self._at, 1)
        while True:
            start, first = self._at - back, size + min(back, 1)
            page = self._ask(first, start)
            if len({record["id"] for record in page}) < len(page):
                raise self._changed("some came twice")
            held = [number for number, record in enumerate(page) if record["id"] in known]
            if held or not known:
                break
            if not start:
                raise self._changed("the place is lost")
            back = min(self._at, max(2 * back, size))
        self._at = start + len(page)
        self.ended = len(page) < first
        # those between known ones have just come; behind the last one is all that was not given
        new = page[held[-1] + 1 :] if held else page
        self._idle = 0 if new or self.ended else self._idle + 1
        if self._idle > _KNOWN:
            raise self._changed("the same ones came again and again")
        self._known.extend(record["id"] for record in new)
        self._marks.extend(hash(record["id"]) for record in new)
        if self.ended and len(np.unique(np.asarray(self._marks))) < self.given:
            raise self._changed("some came twice")
        return new

    def pages(self, size: int) -> Iterator[list[R]]:
        """Give all pages that hold something; see :meth:`next`."""
        while not self.ended:
            page = self.next(size)
            if page:
                yield page

    def check(self, before: int, after: int) -> None:
        """Compare how many came with how many the commons counted before and counts now.

        Raises
        ------
        IntegrityError
            It counts more, both times.
        """
        if self.given < min(before, after):
            raise self._changed(f"{self.given:,} came, and the commons counts {after:,}")

    def _changed(self, why: str) -> IntegrityError:
        return IntegrityError(
            f"The {self._what} records changed while they were read: {why}. Read them again."
        )
