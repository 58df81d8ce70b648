"""What a download will do: which files, how they are called here, what is there already, what cannot be.

The plan is on disk while it is made and worked through: a million files take no more memory than ten.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from gen3nb.client.indexd import Indexd
from gen3nb.errors import TransferError
from gen3nb.frames.reports import counted
from gen3nb.transfer.entries import Entry
from gen3nb.transfer.hashing import known_hashes
from gen3nb.transfer.journal import Done, Journal
from gen3nb.transfer.manifest import Manifest
from gen3nb.transfer.names import NameFormat, local_name, name_key, numbered, part_name
from gen3nb.transfer.report import bytes_of

__all__ = ["CHECK", "REFUSED", "THERE", "WANTED", "Maker", "Plan", "Planned", "check_room", "made"]

#: To download; there and checked before; there, to be checked; cannot be.
WANTED, THERE, CHECK, REFUSED = "wanted", "there", "check", "refused"

STEP = 1_000
#: So many files are named whose names had to be changed.
RENAMED_SHOWN = 5
_LONGEST_SHOWN = 80
_COMBINED = 'filename_format="combined" puts GUIDs before names'
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
        self._base = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._base.execute(
            "create table file (position integer primary key, guid, name, size, kind, value, state, why)"
        )
        self._base.execute("create table name (key primary key, guid) without rowid")
        self._base.execute("create table guid (guid primary key) without rowid")
        self._base.execute("begin")  # and never ended: nobody else reads it, and it goes with this object

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


def made(
    manifest: Manifest,
    indexd: Indexd,
    maker: Maker,
) -> Plan:
    """Look up every file, and decide what to do with it (indexd, ``POST /index/bulk/documents``).

    Parameters
    ----------
    manifest : Manifest
    indexd : Indexd
    maker : Maker

    Returns
    -------
    Plan
    """
    plan = maker.plan
    entries, position = iter(manifest), 0
    without = twice = 0
    while part := list(islice(entries, STEP)):
        new = [one for one in part if one.guid and plan.new(one.guid)]
        without += sum(not one.guid for one in part)
        twice += sum(bool(one.guid) for one in part) - len(new)
        records = indexd.bulk(one.guid for one in new)
        # one file may be given by two spellings of its GUID: with the commons' prefix, and without
        again = {one.guid for one in new if _spelt(one, records) and not plan.new(_spelt(one, records))}
        new = [one for one in new if one.guid not in again]
        twice += len(again)
        plan.add(maker.decided(new, records, position))
        position += len(new)
    if without:
        plan.notes.append(f"{without:,} of {manifest.name} left out, having no GUID")
    for theirs, ours in plan.renamed:
        plan.notes.append(f"{_short(theirs)} is called {_short(ours)} here: not every system takes that name")
    if twice:
        plan.notes.append(f"{counted(twice, 'GUID')} given more than once, downloaded once")
    return plan


class Maker:
    """Decides on files, batch by batch.

    Parameters
    ----------
    plan : Plan
    journal : Journal
        What was done in the folder before.
    form : {"original", "guid", "combined"}
        How files are called.
    rename : bool
        Give a file whose name is taken a number.
    overwrite : bool
        Replace files of other content.
    by_size : bool
        Take a file of the right size for the right one where no hash is known.
    protocol : str, optional
        By which files are to come.
    shard : str
        Which part of a manifest this is.
    """

    def __init__(
        self,
        plan: Plan,
        journal: Journal,
        *,
        form: NameFormat,
        rename: bool,
        overwrite: bool,
        by_size: bool,
        protocol: str | None = None,
        shard: str = "",
    ) -> None:
        self.plan, self.journal = plan, journal
        self.form, self.rename, self.overwrite, self.by_size = form, rename, overwrite, by_size
        self.protocol, self.shard = protocol, shard
        self._home = plan.folder.resolve()
        self._places: dict[str, str] = {}

    def decided(
        self, entries: list[Entry], records: Mapping[str, Mapping[str, Any]], start: int
    ) -> Iterator[Planned]:
        """Decide on one batch."""
        files = [self._known(start + at, one, records.get(one.guid)) for at, one in enumerate(entries)]
        named = [self._named(one) if one.state == WANTED else one for one in files]
        done = self.journal.done([one.name for one in named if one.state == WANTED])
        for one in named:
            yield self._beside(one, done) if one.state == WANTED else one

    def _known(self, position: int, entry: Entry, record: Mapping[str, Any] | None) -> Planned:
        """Say what is known of a file, by the index and by the manifest."""
        if record is None:
            name = local_name(entry.guid, entry.file_name, (), self.form)
            why = "the file index has no file of this GUID"
            if entry.guid[-36:] != entry.guid[-36:].lower():
                why += " (capitals count; most GUIDs have none)"
            return Planned(position, entry.guid, name, state=REFUSED, why=why)
        guid = str(record["did"])
        urls = [str(url) for url in record.get("urls") or ()]
        known = record.get("file_name") or entry.file_name
        name = local_name(guid, known, urls, self.form)
        if self.form == "original" and known and name != known and len(self.plan.renamed) < RENAMED_SHOWN:
            self.plan.renamed.append((str(known), name))
        size = record.get("size")
        size = entry.size if size is None else int(size)
        indexed = known_hashes(record.get("hashes"))
        hashes = known_hashes({**entry.hashes, **indexed})
        kind, value = next(iter(hashes.items()), ("", ""))
        file = Planned(position, guid, name, size, kind, value)
        if why := _nowhere(urls, self.protocol):
            return replace(file, state=REFUSED, why=why)
        for each in indexed.keys() & entry.hashes.keys():
            if indexed[each] != entry.hashes[each]:
                here, there = indexed[each], entry.hashes[each]
                why = f"its {each} is {here} in the file index, and {there} in the manifest"
                return replace(file, state=REFUSED, why=why)
        if entry.size is not None and size != entry.size:
            why = f"its size is {size:,} bytes in the file index, and {entry.size:,} in the manifest"
            return replace(file, state=REFUSED, why=why)
        return file

    def _named(self, file: Planned) -> Planned:
        """Give a file a name that no other of this plan has."""
        if other := self.plan.below(file.name):
            why = f"its folder is called as {other} is; {_COMBINED}"
            return replace(file, state=REFUSED, why=why)
        other = self.plan.taken(file.name, file.guid)
        if not other or other == file.guid:
            return file
        if not self.rename:
            whose = "a folder of other files" if other == FOLDER else f"{other} too"
            why = f"its name is that of {whose}; rename=True numbers such files, {_COMBINED}"
            return replace(file, state=REFUSED, why=why)
        number = 2
        while self.plan.taken(numbered(file.name, number), file.guid) not in ("", file.guid):
            number += 1
        return replace(file, name=numbered(file.name, number))

    def _beside(self, file: Planned, done: Mapping[str, Done]) -> Planned:
        """Compare a file with what is in the folder."""
        found = self._compared(file, done.get(file.name))
        return found if found is not None else self.instead(file)

    def _compared(self, file: Planned, note: Done | None) -> Planned | None:
        """Say what a file is beside what has its name; ``None`` if that is another file."""
        path = os.path.join(self.plan.folder, file.name)
        if why := self._leads_out(os.path.dirname(path)):
            return replace(file, state=REFUSED, why=why)
        try:
            found = os.stat(path)
        except FileNotFoundError:
            # a link to where nothing is holds the name too
            return None if os.path.islink(path) else self._partly(file)
        except NotADirectoryError:
            why = f"a file is in the place of the folder {os.path.dirname(path)}: move it; {_COMBINED}"
            return replace(file, state=REFUSED, why=why)
        except OSError as error:
            return replace(file, state=REFUSED, why=f"{path} cannot be looked at: {error.strerror}")
        if stat.S_ISDIR(found.st_mode):
            return replace(file, state=REFUSED, why=f"{path} is a folder")
        if note is not None and note == Done(
            file.name, file.guid, found.st_size, found.st_mtime_ns, file.kind, file.value
        ):
            return replace(file, state=THERE)
        if file.size is None or found.st_size == file.size:
            if file.kind:
                return replace(file, state=CHECK)
            if self.by_size and file.size is not None:
                return replace(file, state=THERE, why="only its size was compared: the index has no hash")
        return None

    def instead(self, file: Planned) -> Planned:
        """Decide on a file whose name another one has in the folder."""
        if self.overwrite:
            self.plan.replaced += 1
            return replace(file, state=WANTED)
        if not self.rename:
            why = "another file of this name is there; overwrite=True replaces it, rename=True keeps both"
            return replace(file, state=REFUSED, why=why)
        number = 2
        while True:
            name = numbered(file.name, number)
            number += 1
            if self.plan.taken(name, file.guid) not in ("", file.guid):
                continue
            found = self._compared(
                replace(file, name=name, state=WANTED), self.journal.done([name]).get(name)
            )
            if found is not None:
                return found

    def _leads_out(self, folder: str) -> str:
        """Say why a folder is outside that of the download: by a link that somebody put there."""
        if folder not in self._places:
            if len(self._places) > STEP:
                self._places.clear()
            within = Path(folder).resolve().is_relative_to(self._home)
            why = f"{folder} is a link that leads out of {self.plan.folder}"
            self._places[folder] = "" if within else why
        return self._places[folder]

    def _partly(self, file: Planned) -> Planned:
        part = os.path.join(self.plan.folder, part_name(file.name, file.guid, self.shard))
        with suppress(OSError):
            self.plan.coming += min(os.stat(part).st_size, file.size or 0)
        return file


def _short(name: str) -> str:
    """Give a name as a message has it; whatever a server put in."""
    return repr(name if len(name) <= _LONGEST_SHOWN else f"{name[: _LONGEST_SHOWN - 1]}…")


def _spelt(entry: Entry, records: Mapping[str, Mapping[str, Any]]) -> str:
    """Give the GUID that the index has for an entry, where it is spelt otherwise."""
    record = records.get(entry.guid)
    did = str(record["did"]) if record is not None else entry.guid
    return did if did != entry.guid else ""


def _nowhere(urls: Sequence[str], protocol: str | None) -> str:
    """Say why a file cannot be fetched from any of its places."""
    if not urls:
        return (
            "the file index names no place where its bytes are: its upload never ended, or it was registered "
            "without a URL. Ask who uploaded it"
        )
    known = sorted({url.partition("://")[0] for url in urls})
    if protocol is not None and protocol not in known:
        return f"none of its places is reached by {protocol}; there is: {', '.join(known)}"
    return ""


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
