"""Deciding what a download does with each file: by the index, the manifest, and what is in the folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from gen3nb.client.indexd import Indexd
from gen3nb.frames.reports import counted
from gen3nb.transfer.entries import Entry, bad_hashes
from gen3nb.transfer.hashing import known_hashes
from gen3nb.transfer.journal import Done, Journal
from gen3nb.transfer.manifest import Manifest
from gen3nb.transfer.names import NameFormat, local_name, numbered, part_name
from gen3nb.transfer.plan import CHECK, FOLDER, REFUSED, STEP, THERE, WANTED, Plan, Planned

__all__ = ["Maker", "made"]

#: So many files are named whose names had to be changed.
RENAMED_SHOWN = 5
_LONGEST_SHOWN = 80
_COMBINED = 'filename_format="combined" puts GUIDs before names'


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
    entries, position = manifest.each(), 0
    without = twice = 0
    while part := list(islice(entries, STEP)):
        # an entry that is not understood stands in the way of no other one of its GUID
        new = [one for one in part if one.wrong or (one.guid and plan.new(one.guid))]
        without += sum(not one.guid and not one.wrong for one in part)
        twice += sum(bool(one.guid or one.wrong) for one in part) - len(new)
        records = indexd.bulk(one.guid for one in new if not one.wrong)
        # one file may be given by two spellings of its GUID: with the commons' prefix, and without
        again = {one.guid for one in new if _spelt(one, records) and not plan.new(_spelt(one, records))}
        new = [one for one in new if one.wrong or one.guid not in again]
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
        if entry.wrong:
            name, why = entry.file_name or entry.guid, f"{entry.place}: {entry.wrong}"
            return Planned(position, entry.guid, name, state=REFUSED, why=why)
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
        if why := bad_hashes(entry):
            why = f"in the manifest {why}; where its cell is empty, that of the index counts"
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
    if len(name) <= _LONGEST_SHOWN:
        return repr(name)
    half = _LONGEST_SHOWN // 2  # names that were shortened differ at their ends
    return repr(f"{name[:half]}…{name[-half + 1 :]}")


def _spelt(entry: Entry, records: Mapping[str, Mapping[str, Any]]) -> str:
    """Give the GUID that the index has for an entry, where it is spelt otherwise."""
    record = records.get(entry.guid) if not entry.wrong else None
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
