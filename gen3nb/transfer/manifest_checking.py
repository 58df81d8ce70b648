"""What is wrong with a manifest, in itself and by what the commons' index says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import pandas as pd

from gen3nb.errors import TransferError
from gen3nb.frames.reports import counted, refuse_bool
from gen3nb.transfer.entries import Entry, bad_hashes
from gen3nb.transfer.hashing import known_hashes
from gen3nb.transfer.kept import KeptEntries, Seen
from gen3nb.transfer.manifest import Manifest, Source, read_manifest
from gen3nb.transfer.present import agree
from gen3nb.transfer.report import bytes_of

if TYPE_CHECKING:
    from gen3nb.client.indexd import Indexd

__all__ = ["ManifestCheck", "check_manifest", "completed"]

BATCH = 1_000


class ManifestCheck:
    """What was found of a manifest.

    Made by ``commons.files.check_manifest()``.

    Attributes
    ----------
    name : str
        Where the manifest comes from.
    files : int
        How many entries there are.
    bytes : int
        Their sizes together, as far as they are known.
    notes : list of str
        What is no problem, but worth to know.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.files = 0
        self.bytes = 0
        self.notes: list[str] = []
        self._found = KeptEntries()
        self._lacking = {"GUID": 0, "name": 0, "size": 0, "hash": 0}

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not len(self._found)

    def to_frame(self) -> pd.DataFrame:
        """Give one row per problem: row (of the manifest), guid, file_name, problem."""
        rows = [(one.row, one.guid, one.file_name, why) for one, why in self._found]
        return pd.DataFrame(rows, columns=["row", "guid", "file_name", "problem"])

    def __len__(self) -> int:
        return self.files

    def __str__(self) -> str:
        size = f", {bytes_of(self.bytes)}" if self.bytes else ""
        found = "no problems" if self.ok else counted(len(self._found), "problem")
        return f"{counted(self.files, 'file')}{size}: {found}"

    def __repr__(self) -> str:
        return f"<ManifestCheck: {self}; {self.name}>"

    def __bool__(self) -> bool:
        return refuse_bool(self)

    def take(self, one: Entry, problems: Iterator[str]) -> None:
        """Take in an entry and what is wrong with it."""
        self.files += 1
        self.bytes += one.size or 0
        facts = {"GUID": one.guid, "name": one.file_name, "size": one.size is not None, "hash": one.hashes}
        for name, there in facts.items():
            self._lacking[name] += not there
        for why in problems:
            self._found.add(one, why)

    def end(self, *, is_known: bool) -> None:
        """Say what the whole lacks."""
        if not is_known:
            self.notes += [f"{counted(count, 'file')} without {name}" for name, count in self._told()]

    def _told(self) -> Iterator[tuple[str, int]]:
        return ((name, count) for name, count in self._lacking.items() if count and name != "GUID")


def check_manifest(source: Source, indexd: Indexd | None = None) -> ManifestCheck:
    """Look for what is wrong with a manifest; nothing is moved.

    Entries without GUID, GUIDs that stand there twice, and, where there is an index (indexd ``POST
    /index/bulk/documents``), GUIDs that it does not have, sizes and hashes that are other ones there, and
    records without a place.

    Parameters
    ----------
    source : str, path, Manifest, DataFrame, Selection or iterable
        As :func:`~gen3nb.transfer.manifest.read_manifest` takes it.
    indexd : Indexd, optional
        The index of a commons.

    Returns
    -------
    ManifestCheck

    Raises
    ------
    TransferError
        It is no manifest, or is not readable to its end.
    """
    manifest = read_manifest(source)
    check = ManifestCheck(manifest.name)
    seen = Seen()
    entries = manifest.each()
    while part := list(islice(entries, BATCH)):
        known = indexd.bulk([one.guid for one in part if one.guid]) if indexd is not None else None
        for one in part:
            check.take(one, _problems(one, seen, known))
    check.end(is_known=indexd is not None)
    return check


def _problems(one: Entry, seen: Seen, known: Mapping[str, Any] | None) -> Iterator[str]:
    if one.wrong:
        yield one.wrong
    if wrong := bad_hashes(one):
        yield wrong
    if not one.guid:
        if one.wrong:
            return
        yield "it has no GUID" if not one.urls else "it has no GUID; gen3nb register gives it one"
        return
    facts = json.dumps([one.size, dict(one.hashes)])
    row, first = seen.first(one.guid, one.row, facts)
    if row != one.row:
        says = "" if first == facts else ", and says otherwise"
        yield f"the GUID stands in row {row} too{says}"
        return
    if known is None:
        return
    record = known.get(one.guid)
    if record is None:
        yield "the index has no such GUID, or you may not see it"
        return
    if one.size is not None and record["size"] is not None and record["size"] != one.size:
        yield f"its size in the index is {record['size']:,} bytes, not {one.size:,}"
    if agree(record["hashes"], one.hashes) is None:
        yield "its hash in the index is another one"
    if not record["urls"]:
        yield "the index says no place where the file is"


def completed(source: Source, indexd: Indexd) -> Manifest:
    """Give a manifest with the names, sizes and hashes that it lacks, as the index has them.

    Raises
    ------
    TransferError
        While it is read: the index has no such GUID.
    """
    manifest = read_manifest(source)

    def entries() -> Iterator[Entry]:
        rest = iter(manifest)
        while part := list(islice(rest, BATCH)):
            known = indexd.bulk([one.guid for one in part if one.guid])
            missing = [one.guid for one in part if one.guid and one.guid not in known]
            if missing:
                more = f" and {len(missing) - 3:,} more" if len(missing) > 3 else ""
                raise TransferError(
                    f"The index has no file {', '.join(missing[:3])}{more}, or you may not see it. Is it a "
                    "GUID of this commons?"
                )
            yield from (_filled(one, known[one.guid]) if one.guid else one for one in part)

    return Manifest(entries, manifest.name)


def _filled(one: Entry, record: Mapping[str, Any]) -> Entry:
    return Entry(
        guid=record["did"],
        file_name=one.file_name or record["file_name"],
        size=one.size if one.size is not None else record["size"],
        hashes=one.hashes or known_hashes(record["hashes"]),
        urls=one.urls,
        authz=one.authz or tuple(record["authz"]),
        row=one.row,
        more=one.more,
    )
