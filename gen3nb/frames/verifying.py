"""The look afterwards: an answer is no proof of what is stored.

The commons can answer "created" and store nothing: where a record of another spelling exists, or where the
database refuses a whole request at the last moment. So whatever was sent is asked for again, in bulk.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gen3nb.dictionary import Node
from gen3nb.errors import Gen3Error
from gen3nb.frames.changes import same_record
from gen3nb.frames.findings import fold
from gen3nb.frames.keys import Ids, Marks, StoredKey, batched
from gen3nb.frames.looking import AT_ONCE, BULK
from gen3nb.frames.pairing import pair
from gen3nb.frames.rows import Row, Rows, Status
from gen3nb.frames.sending import Sender

__all__ = ["Verifier"]

#: Rows that were answered, but are not there, are sent again together, then one by one, if they are not more.
SINGLY = 200
#: So many rows are looked up at once.
STEP = BULK * AT_ONCE


class Verifier:
    """Looks up what was sent, and has sent again what is not there.

    Parameters
    ----------
    sender : Sender
    values : bool
        Compare every value, also of records that are there.
    """

    def __init__(self, sender: Sender, *, values: bool) -> None:
        self.sender = sender
        self.look = sender.look
        self.values = values

    def verify(self, node: Node, rows: Rows) -> None:
        """Set the status of rows to what is stored.

        Parameters
        ----------
        node : Node
        rows : Rows
            Of one node, all of them sent or left.
        """
        try:
            self._verify(node, rows)
        except Gen3Error as error:
            self._doubt(rows, f"the commons answered that it is done, but not whether it is stored: {error}")
            self.sender.fatal = self.sender.fatal or error
        except KeyboardInterrupt:
            self._doubt(rows, "interrupted before it was looked up")
            self.sender.interrupted = True
        finally:
            self.look.forget(node.name)

    def _doubt(self, rows: Rows, reason: str) -> None:
        for part in batched(rows.sent().tolist(), STEP):
            for row in rows.take(part):
                if row.answered:
                    row.status, row.reason = "unknown", reason

    def _verify(self, node: Node, rows: Rows) -> None:
        sent = rows.sent()
        for attempt in range(3):
            lost = self._look(node, rows, sent)
            last = attempt == 2 or (attempt == 1 and len(lost) > SINGLY)
            if not len(lost) or last or self.sender.stopping:
                for row in rows.take(lost):
                    self._lose(node, row)
                return
            self.look.forget(node.name)
            self.sender.settled(-len(lost))
            for row in rows.take(lost):
                row.answered, row.tries = False, 0
            for part in [lost] if attempt == 0 else np.split(lost, len(lost)):
                self.sender.send(node.name, rows, part)
            # what was found is settled; what was sent again is to be looked up
            sent = np.intersect1d(rows.sent(), lost)

    def _look(self, node: Node, rows: Rows, sent: Marks) -> Marks:
        """Compare what was sent with what is stored; give what is not there as it should be."""
        doubtful, lost = array("q"), array("q")
        for part in batched(sent.tolist(), STEP):
            held = rows.take(part)
            stored = self.look.exactly(node.name, [row.key for row in held])
            for row in held:
                found = stored.get(row.key)
                if found is None:
                    if row.answered:
                        lost.append(row.position)
                    continue
                needs_values = self._needs_values(row, found)
                row.other = row.id != found.id
                row.id = found.id
                if needs_values:
                    doubtful.append(row.position)
                else:
                    row.status, row.reason = _done(row), ""
        if doubtful:
            lost.extend(self._compare(node, rows, np.array(doubtful, dtype=np.int64)).tolist())
        return np.sort(np.array(lost, dtype=np.int64))

    def _needs_values(self, row: Row, found: StoredKey) -> bool:
        """Say whether to compare the values of a record that is there."""
        if self.values or row.exists or not row.answered:
            return True
        if row.new:
            # another id than the answer's: somebody else's record
            return row.id is not None and row.id != found.id
        # an update that changed something moves the date
        return row.properties and found.updated is not None and row.was == hash(found.updated)

    def _compare(self, node: Node, rows: Rows, doubtful: Marks) -> Marks:
        """Settle rows by the values that are stored; give those whose update is not there."""
        self.look.forget(node.name)
        ids = Ids()
        for row in (row for part in batched(doubtful.tolist(), STEP) for row in rows.take(part)):
            ids.append(row.id or "")
        same = bytearray(len(rows.keys))

        def judge(pairs: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
            records = rows.comparison.records([position for position, _ in pairs])
            for (position, stored), record in zip(pairs, records, strict=True):
                same[position] = same_record(record, stored, node)

        pair(self.look, node, doubtful, ids, lambda: judge)
        lost = array("q")
        for part in batched(doubtful.tolist(), STEP):
            for row in rows.take(part):
                if same[row.position]:
                    if row.exists and row.tries == 1:
                        row.status, row.reason = "unchanged", "somebody else created it meanwhile, just so"
                    else:
                        row.status, row.reason = _done(row), ""
                elif row.new and (row.exists or not row.answered or row.other):
                    row.status = "rejected"
                    row.reason = (
                        "somebody else created this record meanwhile, with other values; it was not "
                        "overwritten. Run the same call again to see the difference, and to update it"
                    )
                elif row.answered:
                    lost.append(row.position)
        return np.array(lost, dtype=np.int64)

    def _lose(self, node: Node, row: Row) -> None:
        """Give a row up that was answered, but is not there."""
        spellings = self.look.keys(node.name, [row.key]).get(fold(row.key))
        other = next((one.submitter_id for one in spellings if one.submitter_id != row.key), None)
        row.status = "unknown" if self.sender.stopping else "rejected"
        row.reason = f"the commons answered {_done(row)!r}, but does not hold what was sent" + (
            f"; it has the record in another spelling, {other!r}" if other else ""
        )
        row.answered, row.id = False, None


def _done(row: Row) -> Status:
    return "created" if row.new else "updated"
