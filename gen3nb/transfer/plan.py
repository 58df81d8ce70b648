"""What a download will do: which files, how they are called here, what is there already, what cannot be.

The plan is on disk while it is made and worked through: a million files take no more memory than ten.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gen3nb.errors import TransferError
from gen3nb.frames.reports import counted
from gen3nb.transfer.names import name_key
from gen3nb.transfer.report import bytes_of
from gen3nb.transfer.scratch import scratch

__all__ = ["CHECK", "FOLDER", "REFUSED", "STEP", "THERE", "WANTED", "Plan", "Planned", "check_room"]

#: To download; there and checked before; there, to be checked; cannot be.
WANTED, THERE, CHECK, REFUSED = "wanted", "there", "check", "refused"

STEP = 1_000
#: What has a name that is no file's.
FOLDER = "/"


@dataclass(frozen=True, slots=True)
class Planned:
    """One file of a plan.

    Attributes
    ----------
    position : int
        Its place in the order.
    guid : str
    name : str
        Its path within the folder, with ``/`` between its parts.
    size : int or None
        Bytes, as the index says.
    kind, value : str
        The hash to check it by; empty where none is known.
    state : str
        ``wanted``, ``there``, ``check`` or ``refused``.
    why : str
    """

    position: int
    guid: str
    name: str
    size: int | None = None
    kind: str = ""
    value: str = ""
    state: str = WANTED
    why: str = ""


class Plan:
    """The files of one download.

    Attributes
    ----------
    folder : Path
    files, bytes : int
        How many are to be downloaded; files of unknown size count as nothing.
    there, check, refused : int
        Files that are there and checked, that are there and have to be, that cannot be downloaded.
    replaced : int
        Files of other content that will be replaced.
    unsized : int
        Files to download whose size nobody knows.
    renamed : list of pair of str
        A few names that some system would not take, and what is used in their place.
    notes : list of str
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes: list[str] = []
        self.replaced = self.unsized = self.bytes = self.coming = 0
        self.renamed: list[tuple[str, str]] = []
        self._within: set[str] = set()  # folders that are taken already
        self.counts = dict.fromkeys((WANTED, THERE, CHECK, REFUSED), 0)
        self._base = scratch(
            "create table file (position integer primary key, guid, name, size, kind, value, state, why)",
            "create table name (key primary key, guid) without rowid",
            "create table guid (guid primary key) without rowid",
        )

    def __len__(self) -> int:
        return sum(self.counts.values())

    def __str__(self) -> str:
        wanted = self.counts[WANTED]
        words = [f"{counted(wanted, 'file')} to download into {self.folder}, {bytes_of(self.bytes)}"]
        if self.unsized:
            words.append(f"{self.unsized:,} of unknown size")
        for state, text in ((THERE, "there already"), (CHECK, "there, to be checked")):
            if self.counts[state]:
                words.append(f"{self.counts[state]:,} {text}")
        if self.replaced:
            words.append(f"{counted(self.replaced, 'file')} of that name there will be replaced")
        if self.counts[REFUSED]:
            words.append(f"{self.counts[REFUSED]:,} cannot be downloaded")
        return ", ".join(words)

    def files(self, *states: str) -> Iterator[Planned]:
        """Give the files of these states in order, also while others are changed."""
        marks = ", ".join("?" * len(states))
        sql = f"select * from file where position > ? and state in ({marks}) order by position limit {STEP}"  # noqa: S608
        last = -1
        while rows := self._base.execute(sql, (last, *states)).fetchall():
            for row in rows:
                yield Planned(*row)
            last = rows[-1][0]

    def add(self, files: Iterable[Planned]) -> None:
        """Take files in."""
        held = list(files)
        self._base.executemany(
            "insert into file values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (one.position, one.guid, one.name, one.size, one.kind, one.value, one.state, one.why)
                for one in held
            ],
        )
        for one in held:
            self.counts[one.state] += 1
            if one.state == WANTED:
                self.bytes += one.size or 0
                self.unsized += one.size is None

    def new(self, guid: str) -> bool:
        """Say whether a GUID comes for the first time."""
        return self._base.execute("insert or ignore into guid values (?)", (guid,)).rowcount > 0

    def taken(self, name: str, guid: str) -> str:
        """Take a name; give the GUID that has it, if that is another one."""
        key = name_key(name)
        if self._base.execute("insert or ignore into name values (?, ?)", (key, guid)).rowcount:
            return ""
        return str(self._base.execute("select guid from name where key = ?", (key,)).fetchone()[0])

    def below(self, name: str) -> str:
        """Take the folders that a name is in; give the GUID of the file that is called like one of them."""
        for at in (at for at, sign in enumerate(name) if sign == "/"):
            folder = name[:at]
            if folder in self._within:
                continue
            other = self.taken(folder, FOLDER)
            if other not in ("", FOLDER):
                return other
            if len(self._within) > STEP:
                self._within.clear()
            self._within.add(folder)
        return ""

    def close(self) -> None:
        """Let go of it."""
        self._base.close()


def check_room(plan: Plan) -> None:
    """Refuse a plan that does not fit on the disk.

    Raises
    ------
    TransferError
        Too little room; nothing was downloaded.
    """
    place = plan.folder
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    need = max(0, plan.bytes - plan.coming)
    if need > free:
        raise TransferError(
            f"There is too little room in {plan.folder}: {bytes_of(need)} to download, {bytes_of(free)} "
            "free. Nothing was downloaded. Choose another folder, or fewer files."
        )
