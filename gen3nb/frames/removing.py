"""Deletions on their way: in requests that fit, children before parents, and whatever goes wrong with them.

A request is atomic. One that was refused is parted into what the service named and the rest, which is sent
again. One without an answer is *unknown*: what is still there afterwards is sent again.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gen3nb.client.sheepdog import IDS_PER_REQUEST
from gen3nb.errors import Conflict, Gen3Error, ServiceError
from gen3nb.frames.answers import is_passing, words_of_error
from gen3nb.frames.deletions import Doomed
from gen3nb.frames.sending import FIRST_PAUSE, LONGEST_PAUSE, TRIES

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectId
    from gen3nb.client.transactions import Transaction
    from gen3nb.frames.connection import Connection
    from gen3nb.frames.journal import Journal
    from gen3nb.frames.looking import Look

__all__ = ["Remover"]

logger = logging.getLogger("gen3nb.frames")

#: Ids in one request line, in letters: services take 4,094 with the path.
LETTERS = IDS_PER_REQUEST * 37


class Remover:
    """Deletes records, and looks afterwards.

    Parameters
    ----------
    connection : Connection
    project : ProjectId
    look : Look
    journal : Journal
    stop : threading.Event
        Set from outside to stop after the request under way.
    settled : callable
        Called with how many records are done with.
    """

    def __init__(
        self,
        connection: Connection,
        project: ProjectId,
        look: Look,
        journal: Journal,
        *,
        stop: threading.Event,
        settled: Callable[[int], None],
    ) -> None:
        self.connection = connection
        self.project = project
        self.look = look
        self.journal = journal
        self.stop = stop
        self.settled = settled
        self.interrupted = False
        self.fatal: Gen3Error | None = None
        self._pause = FIRST_PAUSE

    @property
    def stopping(self) -> bool:
        """Whether no more is to be sent."""
        return self.stop.is_set() or self.interrupted or self.fatal is not None

    def remove(self, node: str, batches: Sequence[Sequence[Doomed]]) -> None:
        """Delete records of one node; returns when each is gone, refused, unknown or left.

        Parameters
        ----------
        node : str
        batches : sequence of sequence of Doomed
            One after the other; their status and reason are set.
        """
        for batch in batches:
            waiting = deque(_parts(batch))
            while waiting and not self.stopping:
                part = waiting.popleft()
                try:
                    waiting.extendleft(reversed([again for again in self._delete(node, part) if again]))
                except KeyboardInterrupt:
                    self.interrupted = True
                except Gen3Error as error:
                    self.fatal = error
        self._verify(node, [one for batch in batches for one in batch if one.tries])

    def _delete(self, node: str, part: list[Doomed]) -> Iterator[list[Doomed]]:
        """Send one request; give the parts that have to be sent again."""
        self.journal.write("delete", node=node, keys=[one.submitter_id for one in part])
        for one in part:
            one.tries += 1
            one.status, one.reason = "unknown", "its deletion was asked for, and no answer came"
        try:
            answer = self.connection.sheepdog.delete(self.project, [str(one.id) for one in part])
        except Gen3Error as error:
            self.journal.write("answer", node=node, status=getattr(error, "status", None), ok=False)
            yield from self._failed(node, part, error)
            return
        self.journal.write("answer", node=node, status=answer.code, transaction=answer.id, ok=answer.ok)
        self._pause = FIRST_PAUSE
        if answer.ok:
            for one in part:
                one.status, one.reason = "deleted", ""
            self.settled(len(part))
        else:
            yield from self._refused(part, answer)

    def _refused(self, part: list[Doomed], answer: Transaction) -> Iterator[list[Doomed]]:
        """Part a refused request into the records that were named, which are settled, and the rest."""
        named: dict[str, list[Mapping[str, Any]]] = {}
        for entity in answer.entities:
            errors = [error for error in entity.get("errors") or () if isinstance(error, Mapping)]
            for error in errors:
                one = entity.get("id") or error.get("id")
                if one is not None:
                    named.setdefault(str(one), []).append(error)
        rest = []
        for doomed in part:
            errors = named.get(str(doomed.id), [])
            if not errors:
                rest.append(doomed)
            elif all(error.get("type") == "NOT_FOUND" for error in errors):
                self._settle(doomed, "not there", "it went away meanwhile")
            else:
                said = "; ".join(map(words_of_error, errors))
                self._settle(doomed, "rejected", f"the commons said: {said}")
        if any(error.get("type") == "INVALID_LINK" for errors in named.values() for error in errors):
            # not all that hangs on these is named: whatever of the rest went now could be missed
            self._unsent(rest)
            self.fatal = Conflict(
                "Records that hang on these have come since they were looked up, so no more was deleted. Run "
                "the same call again to see which.",
                service="sheepdog",
                project=str(self.project),
            )
            return
        if len(rest) < len(part):
            yield self._unsent(rest)
            return
        said = "; ".join([*map(words_of_error, answer.errors)] or [answer.message])
        yield from self._halved(part, f"the commons said: {said}")

    def _halved(self, part: list[Doomed], reason: str) -> Iterator[list[Doomed]]:
        if len(part) == 1:
            self._settle(part[0], "rejected", reason)
            return
        middle = len(part) // 2
        yield self._unsent(part[:middle])
        yield self._unsent(part[middle:])

    def _settle(self, one: Doomed, status: Any, reason: str) -> None:
        one.status, one.reason = status, reason
        self.settled(1)

    def _unsent(self, part: list[Doomed]) -> list[Doomed]:
        """Note that records were refused only for the company they were in."""
        for one in part:
            one.status, one.reason, one.tries = "not sent", "", one.tries - 1
        return part

    def _failed(self, node: str, part: list[Doomed], error: Gen3Error) -> Iterator[list[Doomed]]:
        """Decide what a failed request means: the records, the moment, or the end."""
        status = getattr(error, "status", None)
        if status in {400, 413, 414} and type(error) is ServiceError:
            yield from self._halved(part, str(error))
            return
        if not is_passing(error):
            for one in self._unsent(part):
                one.reason = str(error)
            self.fatal = error
            return
        logger.debug("no usable answer for the deletion of %d records of %s: %s", len(part), node, error)
        self.stop.wait(self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        still: Mapping[str, Any] | None = None
        try:
            still = self.look.ids(node, [str(one.id) for one in part])
        except Gen3Error as problem:
            if not is_passing(problem):
                self.fatal = problem
                return
        left = []
        for one in part:
            if still is not None and str(one.id) not in still:
                self._settle(one, "deleted", "")
            elif one.tries >= TRIES:
                self._settle(one, "unknown", f"asked for {one.tries} times without a usable answer: {error}")
                self.fatal = error
            else:
                left.append(one)
        if status == 500 and len(left) > 1:
            middle = len(left) // 2
            yield left[:middle]
            yield left[middle:]
        else:
            yield left

    def _verify(self, node: str, asked: Sequence[Doomed]) -> None:
        """Look what is still there: an answer is no proof."""
        if not asked:
            return
        self.look.forget(node)
        try:
            still = self.look.ids(node, [str(one.id) for one in asked])
        except Gen3Error as error:
            self.fatal = self.fatal or error
            for one in asked:
                if one.status == "deleted":
                    one.status = "unknown"
                    one.reason = f"the commons answered 'deleted', but it could not be looked up: {error}"
            return
        for one in asked:
            there = str(one.id) in still
            if there and one.status == "deleted":
                one.status, one.reason = (
                    "rejected",
                    "the commons answered 'deleted', but still has the record",
                )
            elif there and one.status == "unknown":
                one.status, one.reason = "not sent", f"{one.reason}; the record is still there"
            elif not there and one.status == "unknown":
                one.status, one.reason = "deleted", ""


def _parts(batch: Sequence[Doomed]) -> Iterator[list[Doomed]]:
    """Cut a batch into requests whose line is not too long."""
    part: list[Doomed] = []
    letters = 0
    for one in batch:
        size = len(str(one.id)) + 1
        if part and (len(part) >= IDS_PER_REQUEST or letters + size > LETTERS):
            yield part
            part, letters = [], 0
        part.append(one)
        letters += size
    if part:
        yield part
