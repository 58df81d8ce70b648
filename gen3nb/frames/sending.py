"""Rows on their way: in chunks, two in flight, and whatever goes wrong with them.

A request is atomic. One that was refused is parted into what the service named and the rest, which is sent
again; where it named nothing, it is halved until the row is alone. One without an answer is *unknown*: it is
looked up, and only what is not stored is sent again.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gen3nb.errors import Gen3Error, RateLimited, ServiceError
from gen3nb.frames.answers import is_passing, key_of, matched, words_of_error
from gen3nb.frames.interrupts import noted
from gen3nb.frames.journal import Journal, encoded, fingerprint
from gen3nb.frames.rows import Row, Rows

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectId
    from gen3nb.client.sheepdog import Transaction
    from gen3nb.frames.connection import Connection
    from gen3nb.frames.keys import Marks
    from gen3nb.frames.looking import Look

__all__ = ["Sender"]

logger = logging.getLogger("gen3nb.frames")

IN_FLIGHT = 2
SMALLEST, LARGEST = 1, 1_000
#: A chunk that took less is followed by larger ones; one that took longer, by smaller.
QUICK, SLOW = 1.5, 20.0
#: Where requests take longer than this, the last ones share what is left.
NOTICEABLE, SMALLEST_AT_END = 0.3, 50
#: So many requests in a row without one that worked: something other than the rows is wrong.
GIVE_UP = 12
#: So often a row is sent before it stays unknown.
TRIES = 5
#: Seconds between a failure and the next request: the first time, and at most.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
_TAKEN = "already exists in the DB"


class _Waiting:
    """Positions of rows that wait to be sent."""

    def __init__(self, positions: Marks) -> None:
        self._positions = positions
        self._done = 0

    def __len__(self) -> int:
        return len(self._positions) - self._done

    def next(self, count: int) -> list[int]:
        """Give the next few."""
        part: list[int] = self._positions[self._done : self._done + count].tolist()
        self._done += len(part)
        return part


@dataclass
class _Request:
    """Rows of one request, and what is sent of each."""

    rows: list[Row]
    texts: list[bytes]


@dataclass
class _Answer:
    """What came of one request."""

    rows: list[Row]
    transaction: Transaction | None
    error: Gen3Error | None
    seconds: float


class Sender:
    """Sends the rows of one submission.

    Parameters
    ----------
    connection : Connection
    project : ProjectId
    look : Look
    journal : Journal
    chunk : int
        How many rows to begin with in one request.
    stop : threading.Event
        Set from outside to stop: what is under way is finished, no more is sent.
    settled : callable
        Called with how many rows are done with.
    """

    def __init__(
        self,
        connection: Connection,
        project: ProjectId,
        look: Look,
        journal: Journal,
        *,
        chunk: int,
        stop: threading.Event,
        settled: Callable[[int], None],
    ) -> None:
        self.connection = connection
        self.project = project
        self.look = look
        self.journal = journal
        self.size = max(SMALLEST, chunk)
        self.stop = stop
        self.settled = settled
        self.interrupted = False
        self.fatal: Gen3Error | None = None
        self.transactions: list[int] = []
        self._failures = 0
        self._pause = FIRST_PAUSE
        self._seconds = 0.0

    @property
    def stopping(self) -> bool:
        """Whether no more is to be sent."""
        return self.stop.is_set() or self.interrupted or self.fatal is not None

    def send(self, node: str, rows: Rows, positions: Marks) -> None:
        """Send rows of one node; returns when each is answered, refused, unknown or left.

        Parameters
        ----------
        node : str
        rows : Rows
            Their status, reason and id are set.
        positions : array of int
            Which of them.
        """
        for part in rows.parts(positions):
            if not self.stopping:
                with noted(self._interrupt):
                    self._send(node, rows, _Waiting(part))

    def _interrupt(self) -> None:
        """Send no more; what is under way is waited for, so that its rows need not stay unknown."""
        self.interrupted = True

    def _send(self, node: str, rows: Rows, waiting: _Waiting) -> None:
        again: deque[list[Row]] = deque()
        running: set[Future[_Answer]] = set()
        #: Made while others are under way, so that the commons need not wait for it.
        ready: _Request | None = None
        pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="gen3nb-submit")
        try:
            while running or ((waiting or again or ready) and not self.stopping):
                try:
                    while len(running) < IN_FLIGHT and (waiting or again or ready) and not self.stopping:
                        if again:
                            request = self._made(rows, again.popleft())
                        else:
                            request, ready = ready or self._made(rows, self._next(rows, waiting)), None
                        self._note_sending(node, request)
                        running.add(pool.submit(self._request, request))
                    if waiting and ready is None and not again and not self.stopping:
                        ready = self._made(rows, self._next(rows, waiting))
                    done, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                    for future in done:
                        running.remove(future)
                        again.extend(part for part in self._settle(node, future.result()) if part)
                except KeyboardInterrupt:
                    # the second one (or one in a program with a handler of its own): not waited for twice
                    if self.interrupted:
                        return
                    self.interrupted = True
                except Gen3Error as error:
                    self.fatal = self.fatal or error
        finally:
            pool.shutdown(wait=not running, cancel_futures=True)

    def _next(self, rows: Rows, waiting: _Waiting) -> list[Row]:
        size = self.size
        if self._seconds > NOTICEABLE:
            # towards the end ever smaller, so that no request is left alone on its way
            size = min(size, max(SMALLEST_AT_END, math.ceil(len(waiting) / IN_FLIGHT)))
        return rows.take(waiting.next(size))

    def _made(self, rows: Rows, part: list[Row]) -> _Request:
        return _Request(part, [encoded(record) for record in rows.records(part)])

    def _note_sending(self, node: str, request: _Request) -> None:
        rows = request.rows
        keys = {row.key: fingerprint(text) for row, text in zip(rows, request.texts, strict=True)}
        self.journal.write("send", node=node, method="POST" if rows[0].new else "PUT", rows=keys)
        for row in rows:
            row.tries += 1
            row.status, row.reason = "unknown", "it was sent, and no answer came yet"

    def _request(self, request: _Request) -> _Answer:
        """Send one request; runs in a thread of its own."""
        rows = request.rows
        started = time.monotonic()
        transaction, error = None, None
        try:
            transaction = self.connection.sheepdog.submit_text(
                self.project,
                b"[" + b",".join(request.texts) + b"]",
                "application/json",
                method="POST" if rows[0].new else "PUT",
            )
        except Gen3Error as problem:
            error = problem
        return _Answer(rows, transaction, error, time.monotonic() - started)

    def note_end(self, counts: Mapping[str, int]) -> None:
        """Close the journal with what is stored."""
        try:
            self.journal.write("end", **counts)
        except Gen3Error as error:
            logger.debug("the journal has no end: %s", error)

    # --- answers --------------------------------------------------------------------------------------

    def _settle(self, node: str, answer: _Answer) -> Iterator[list[Row]]:
        """Take in an answer; give the parts that have to be sent again."""
        rows, transaction, error = answer.rows, answer.transaction, answer.error
        self.journal.write(
            "answer",
            node=node,
            keys=[row.key for row in rows],
            status=transaction.code if transaction is not None else getattr(error, "status", None),
            transaction=transaction.id if transaction is not None else None,
            ok=transaction is not None and transaction.ok,
        )
        if transaction is not None:
            self._failures = 0
            self._pause = FIRST_PAUSE
            if transaction.id is not None:
                self.transactions.append(transaction.id)
            self._adapt(len(rows), answer.seconds)
            if transaction.ok:
                self._accepted(rows, transaction)
            else:
                yield from self._refused(rows, transaction)
        elif error is not None:
            yield from self._failed(node, rows, error)

    def _adapt(self, count: int, seconds: float) -> None:
        self._seconds = seconds
        if seconds > SLOW:
            self.size = max(SMALLEST, count // 2)
        elif seconds < QUICK and count >= self.size:
            self.size = min(LARGEST, max(self.size, 2 * count))

    def _accepted(self, rows: list[Row], transaction: Transaction) -> None:
        by_key = {key_of(entity): entity for entity in transaction.entities}
        for row in rows:
            row.answered = True
            entity = by_key.get(row.key)
            row.id = str(entity["id"]) if entity is not None and entity.get("id") else None
            row.status = "created" if row.new else "updated"
            row.reason = ""
        self.settled(len(rows))

    def _refused(self, rows: list[Row], transaction: Transaction) -> Iterator[list[Row]]:
        """Part a refused request into the rows that were named, which are settled, and the rest."""
        named: dict[int, str] = {}
        for at, entity in matched(rows, transaction.entities):
            said = [words_of_error(error) for error in entity.get("errors") or ()]
            if said or entity.get("valid") is False:
                named[at] = "; ".join(said) or "the commons did not say why"
        if not named:
            twice = " ".join(str(error) for error in transaction.errors)
            named = {
                at: twice for at, row in enumerate(rows) if repr(row.key) in twice and "not unique" in twice
            }
        if named:
            for at, words in named.items():
                rows[at].exists = _TAKEN in words
                self._reject(rows[at], f"the commons said: {words}")
            yield self._unsent([row for at, row in enumerate(rows) if at not in named])
        else:
            words = "; ".join(words_of_error(error) for error in transaction.errors) or transaction.message
            yield from self._halved(rows, f"the commons said: {words}")

    def _halved(self, rows: list[Row], reason: str) -> Iterator[list[Row]]:
        if len(rows) == 1:
            self._reject(rows[0], reason)
            return
        middle = len(rows) // 2
        yield self._unsent(rows[:middle])
        yield self._unsent(rows[middle:])

    def _unsent(self, rows: list[Row]) -> list[Row]:
        """Note that rows were refused only for the company they were in."""
        for row in rows:
            row.status, row.reason = "not sent", ""
        return rows

    def _reject(self, row: Row, reason: str) -> None:
        row.status, row.reason = "rejected", reason
        self.settled(1)

    # --- no answer, or a strange one ------------------------------------------------------------------

    def _failed(self, node: str, rows: list[Row], error: Gen3Error) -> Iterator[list[Row]]:
        """Decide what a failed request means: the rows, the moment, or the end."""
        status = getattr(error, "status", None)
        if status == 413:
            self.size = max(SMALLEST, len(rows) // 2)
            yield from self._halved(rows, f"the record is too large for the commons ({error})")
            return
        if status == 400 and type(error) is ServiceError:
            yield from self._halved(rows, str(error))
            return
        if not is_passing(error):
            for row in rows:
                row.status, row.reason = "not sent", str(error)
            self.fatal = self.fatal or error
            return
        self._failures += 1
        if status == 504:
            self.size = max(SMALLEST, len(rows) // 2)
        if self._failures >= GIVE_UP:
            self._leave(rows, str(error))
            self.fatal = self.fatal or error
            return
        logger.debug("no usable answer for %d rows of %s: %s", len(rows), node, error)
        if not isinstance(error, RateLimited):
            self._wait()
        yield from self._looked_up(node, rows, error)

    def _wait(self) -> None:
        self.stop.wait(self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _looked_up(self, node: str, rows: list[Row], error: Gen3Error) -> Iterator[list[Row]]:
        """Look which rows of an unanswered request are stored; give the others to be sent again."""
        found: Mapping[str, Any] = {}
        try:
            found = self.look.exactly(node, [row.key for row in rows if row.new])
        except Gen3Error as problem:
            if not is_passing(problem):
                self._leave(rows, str(problem))
                self.fatal = self.fatal or problem
                return
        left = []
        for row in rows:
            stored = found.get(row.key)
            if stored is not None:
                row.answered, row.status, row.reason, row.id = True, "created", "", stored.id
                self.settled(1)
            elif row.tries >= TRIES:
                self._leave([row], str(error))
                self.settled(1)
            else:
                left.append(row)
        # an update may be sent twice: the second changes nothing
        if getattr(error, "status", None) == 500 and len(left) > 1:
            yield from self._halved(left, str(error))
        elif getattr(error, "status", None) == 500 and left and left[0].tries >= 2:
            self._reject(left[0], f"the commons fails at this row ({error})")
        else:
            for start in range(0, len(left), self.size):
                yield left[start : start + self.size]

    def _leave(self, rows: Sequence[Row], reason: str) -> None:
        for row in rows:
            row.status = "unknown"
            row.reason = f"it was sent {row.tries} times without a usable answer: {reason}"
