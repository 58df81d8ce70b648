"""Entries that are kept while a call runs, and those that were seen: on disk once they are many."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import fields

from gen3nb.transfer.entries import Entry

__all__ = ["KeptEntries", "Seen"]

STEP = 10_000
_NAMES = [each.name for each in fields(Entry)]
_TUPLES = ("urls", "authz")


def _database() -> sqlite3.Connection:
    """Open one that goes with its connection: in memory while it is small, then in a file without a name."""
    base = sqlite3.connect("", check_same_thread=False, isolation_level=None)
    base.execute("pragma cache_size = -4000")  # KiB
    return base


class KeptEntries:
    """Entries of a manifest in their order, each with a reason and the part that it belongs to."""

    def __init__(self) -> None:
        self._base = _database()
        self._base.execute("create table kept (position integer primary key, part integer, entry, why)")
        self._base.execute("begin")  # and never ended: nobody else reads it
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, entry: Entry, why: str = "", *, part: int = 0) -> None:
        """Take one in."""
        facts = {name: held for name in _NAMES if (held := getattr(entry, name))}
        if entry.size is not None:
            facts["size"] = entry.size  # also 0
        text = json.dumps(facts, default=str)
        self._base.execute("insert into kept values (?, ?, ?, ?)", (self._count, part, text, why))
        self._count += 1

    def __iter__(self) -> Iterator[tuple[Entry, str]]:
        """Give entry and reason of each, in order."""
        return self.of_part(None)

    def of_part(self, part: int | None) -> Iterator[tuple[Entry, str]]:
        """Give those of one part, in order; with ``None`` all."""
        sql = (
            "select position, entry, why from kept where position > ? and (? is null or part = ?) "
            "order by position limit ?"
        )
        last = -1
        while rows := self._base.execute(sql, (last, part, part, STEP)).fetchall():
            for _, text, why in rows:
                facts = json.loads(text)
                facts |= {name: tuple(facts[name]) for name in _TUPLES if name in facts}
                yield Entry(**{"guid": "", **facts}), why
            last = rows[-1][0]


class Seen:
    """Where something stood first, and what was said of it there."""

    def __init__(self) -> None:
        self._base = _database()
        self._base.execute("create table seen (key primary key, row, facts) without rowid")
        self._base.execute("begin")

    def first(self, key: str, row: int, facts: str = "") -> tuple[int, str]:
        """Give row and facts of the first of this key, which may be this one."""
        found = self._base.execute("select row, facts from seen where key = ?", (key,)).fetchone()
        if found is not None:
            return int(found[0]), str(found[1])
        self._base.execute("insert into seen values (?, ?, ?)", (key, row, facts))
        return row, facts
