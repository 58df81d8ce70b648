"""What is kept while a call runs, and only so long: on disk once it is much."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from gen3nb.transfer.entries import Entry
from gen3nb.transfer.hashing import known_hashes
from gen3nb.transfer.scratch import scratch

__all__ = ["KeptEntries", "KnownRecords", "Seen"]

STEP = 10_000
_NAMES = [each.name for each in fields(Entry)]
_TUPLES = ("urls", "authz")


class KeptEntries:
    """Entries of a manifest in their order, each with a reason and the part that it belongs to."""

    def __init__(self) -> None:
        self._base = scratch("create table kept (position integer primary key, part integer, entry, why)")
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
        self._base = scratch("create table seen (key primary key, row, facts) without rowid")

    def first(self, key: str, row: int, facts: str = "") -> tuple[int, str]:
        """Give row and facts of the first of this key, which may be this one."""
        found = self._base.execute("select row, facts from seen where key = ?", (key,)).fetchone()
        if found is not None:
            return int(found[0]), str(found[1])
        self._base.execute("insert into seen values (?, ?, ?)", (key, row, facts))
        return row, facts


class KnownRecords:
    """Records of the index, found by size and hash. Threads may share it."""

    def __init__(self) -> None:
        self._base = scratch(
            "create table record (number integer primary key, facts)",
            "create table known (size, kind, hash, number, placed, primary key (size, kind, hash)) "
            "without rowid",
        )
        self._lock = threading.Lock()

    def add(self, record: Mapping[str, Any]) -> None:
        """Enter a record under each of its hashes; one that has a place goes before one that has none."""
        kept = {name: record[name] for name in ("did", "size", "hashes", "urls")}
        sql = (
            "insert into known values (?, ?, ?, ?, ?) on conflict do update set "
            "number = excluded.number, placed = excluded.placed where not placed"
        )
        placed = bool(record["urls"])
        with self._lock:
            entered = self._base.execute("insert into record (facts) values (?)", (json.dumps(kept),))
            for kind, value in known_hashes(record["hashes"]).items():
                self._base.execute(sql, (record["size"], kind, value, entered.lastrowid, placed))

    def find(self, size: int, kind: str, value: str) -> dict[str, Any] | None:
        """Give ``did``, ``size``, ``hashes`` and ``urls`` of a record; ``None`` where there is none."""
        sql = "select facts from known join record using (number) where size = ? and kind = ? and hash = ?"
        with self._lock:
            found = self._base.execute(sql, (size, kind, value)).fetchone()
        return None if found is None else dict(json.loads(found[0]))

    def has_size(self, size: int) -> bool:
        """Say whether there is a record of so many bytes."""
        with self._lock:
            sql = "select 1 from known where size = ? limit 1"
            return self._base.execute(sql, (size,)).fetchone() is not None
