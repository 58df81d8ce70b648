"""How quick a commons' exports and queries are, and which of them is the faster way to join.

The pace that this connection was seen to have counts; until then, what real services gave when they were
measured: about 20,000 records a second from an export, and 340 from a query with one nested link.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Literal

from gen3nb.frames.connection import Connection

__all__ = ["EXPORTED", "NESTED", "PROBE", "Pace", "Size", "Way", "pace_of", "seconds_words"]

Way = Literal["export", "query"]

#: Records a second, until this connection has shown its own pace.
EXPORTED, NESTED = 20_000.0, 340.0
#: How many records of the first node are asked for at first, where nobody knows how quick queries are.
PROBE = 10
# A trial may cost at most so much of what the exports would take.
_TRIAL = 0.25
# Fewer records say little about the pace.
_TELLING = 100


@dataclass
class Pace:
    """Records a second that a connection was seen to give; ``None``: not seen yet."""

    exported: float | None = None
    nested: float | None = None

    def saw_export(self, records: int, seconds: float) -> None:
        """Note how long an export took."""
        if records >= _TELLING:
            self.exported = records / max(seconds, 1e-4)

    def saw_query(self, records: int, seconds: float, waiting: float) -> None:
        """Note how long a nested query took; ``waiting`` is what any request takes, however small."""
        if records >= _TELLING or self.nested is None:
            self.nested = records / max(seconds - waiting, seconds / 10, 1e-4)


_seen: weakref.WeakKeyDictionary[Connection, Pace] = weakref.WeakKeyDictionary()


def pace_of(connection: Connection) -> Pace:
    """Give the pace of a connection, which what reads over it notes there."""
    return _seen.setdefault(connection, Pace())


@dataclass(frozen=True)
class Size:
    """How much each way would read.

    Attributes
    ----------
    exported : int
        Records of all nodes that would be exported.
    asked : int
        Records of the first node that would be asked for.
    nested : float
        Records in the answer to the nested query, those of links included; an estimate.
    """

    exported: int
    asked: int
    nested: float

    def by_export(self, pace: Pace) -> float:
        """Estimate the seconds of the exports."""
        return self.exported / (pace.exported or EXPORTED)

    def by_query(self, pace: Pace) -> float:
        """Estimate the seconds of the nested query."""
        return self.nested / (pace.nested or NESTED)

    def faster(self, pace: Pace) -> Way:
        """Give the way that should be faster by what is known."""
        return "query" if self.by_query(pace) <= self.by_export(pace) else "export"

    def worth_a_trial(self, pace: Pace) -> bool:
        """Say whether to see how quick queries are here: nobody knows, and a trial costs little."""
        if pace.nested is not None or not self.asked:
            return False
        trial = PROBE * self.nested / self.asked / NESTED
        return trial <= _TRIAL * self.by_export(pace)

    def gives_up(self, pace: Pace, *, rest: float, following: float) -> bool:
        """Say whether to leave a query for the exports.

        Parameters
        ----------
        pace : Pace
        rest, following : float
            Records still to come: in all, and in the next answer.

        Returns
        -------
        bool
        """
        nested = pace.nested or NESTED
        exports = self.by_export(pace)
        # while the answers so far are too small to tell, a small next one costs less than a wrong choice
        return rest / nested > exports and following / nested > exports * _TRIAL / 2


def seconds_words(seconds: float) -> str:
    """Write a duration for people: ``"0.3 s"``, ``"2 min"``."""
    if seconds >= 100:
        return f"{seconds / 60:,.0f} min"
    return f"{seconds:.0f} s" if seconds >= 9.5 else f"{max(seconds, 0.1):.1f} s"
