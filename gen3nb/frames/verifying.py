"""The look afterwards: an answer is no proof of what is stored.

The commons can answer "created" and store nothing: where a record of another spelling exists, or where the
database refuses a whole request at the last moment. So whatever was sent is asked for again, in bulk.
"""

from __future__ import annotations

from collections.abc import Sequence

from gen3nb.dictionary import Node
from gen3nb.errors import Gen3Error
from gen3nb.frames.findings import fold
from gen3nb.frames.looking import StoredKey
from gen3nb.frames.matching import same_record
from gen3nb.frames.planning import Row, Status
from gen3nb.frames.sending import Sender

__all__ = ["Verifier"]

#: Rows that were answered, but are not there, are sent again together, then one by one, if they are not more.
SINGLY = 200


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

    def verify(self, node: Node, rows: Sequence[Row]) -> None:
        """Set the status of rows to what is stored.

        Parameters
        ----------
        node : Node
        rows : sequence of Row
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

    def _doubt(self, rows: Sequence[Row], reason: str) -> None:
        for row in rows:
            if row.answered:
                row.status, row.reason = "unknown", reason

    def _verify(self, node: Node, rows: Sequence[Row]) -> None:
        for attempt in range(3):
            sent = [row for row in rows if row.answered or row.exists or row.status == "unknown"]
            lost = self._look(node, sent)
            last = attempt == 2 or (attempt == 1 and len(lost) > SINGLY)
            if not lost or last or self.sender.stopping:
                for row in lost:
                    self._lose(node, row)
                return
            self.look.forget(node.name)
            self.sender.settled(-len(lost))
            for row in lost:
                row.answered, row.tries = False, 0
            for part in [lost] if attempt == 0 else [[row] for row in lost]:
                self.sender.send(node.name, part)

    def _look(self, node: Node, rows: Sequence[Row]) -> list[Row]:
        """Compare what was sent with what is stored; give what is not there as it should be."""
        stored = self.look.exactly(node.name, [row.key for row in rows])
        doubtful: list[Row] = []
        lost: list[Row] = []
        for row in rows:
            found = stored.get(row.key)
            if found is None:
                if row.answered:
                    lost.append(row)
                continue
            if self._needs_values(row, found):
                doubtful.append(row)
            else:
                row.status, row.reason, row.id = _done(row), "", found.id
        return lost + self._compare(node, doubtful, stored)

    def _needs_values(self, row: Row, found: StoredKey) -> bool:
        """Say whether to compare the values of a record that is there."""
        if self.values or row.exists or not row.answered:
            return True
        if row.new:
            # another id than the answer's: somebody else's record
            return row.id is not None and row.id != found.id
        # an update that changed something moves the date
        return row.properties and row.was is not None and row.was == found.updated

    def _compare(self, node: Node, rows: Sequence[Row], stored: dict[str, StoredKey]) -> list[Row]:
        """Settle rows by the values that are stored; give those whose update is not there."""
        if not rows:
            return []
        self.look.forget(node.name)
        records = self.look.records(node, [stored[row.key].id for row in rows])
        lost = []
        for row in rows:
            found = stored[row.key]
            record = records.get(found.id)
            if record is not None and same_record(row.record, record, node):
                if row.exists and row.tries == 1:
                    row.status, row.reason = "unchanged", "somebody else created it meanwhile, just so"
                else:
                    row.status, row.reason = _done(row), ""
                row.id = found.id
            elif row.new and (row.exists or not row.answered or row.id != found.id):
                row.status, row.id = "rejected", found.id
                row.reason = (
                    "somebody else created this record meanwhile, with other values; it was not overwritten. "
                    "Run the same call again to see the difference, and to update it"
                )
            elif row.answered:
                lost.append(row)
        return lost

    def _lose(self, node: Node, row: Row) -> None:
        """Give a row up that was answered, but is not there."""
        spellings = self.look.keys(node.name, [row.key]).get(fold(row.key), [])
        other = next((one.submitter_id for one in spellings if one.submitter_id != row.key), None)
        row.status = "unknown" if self.sender.stopping else "rejected"
        row.reason = f"the commons answered {_done(row)!r}, but does not hold what was sent" + (
            f"; it has the record in another spelling, {other!r}" if other else ""
        )
        row.answered, row.id = False, None


def _done(row: Row) -> Status:
    return "created" if row.new else "updated"
