"""One file of a list of files, and what various lists call its facts."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from gen3nb.errors import TransferError
from gen3nb.transfer.hashing import known_hashes

__all__ = [
    "AUTHZ",
    "GUIDS",
    "HASHES",
    "NAMES",
    "READ",
    "SIZES",
    "URLS",
    "Entry",
    "entry_of",
    "guid_of",
    "shard_of",
]

GUIDS = ("object_id", "guid", "did", "drs_uri", "file_id", "id")
NAMES = ("file_name", "filename", "title", "name")
SIZES = ("file_size", "size")
HASHES = {"md5sum": "md5", "md5": "md5", "sha256": "sha256", "sha512": "sha512", "sha1": "sha", "sha": "sha"}
URLS = ("urls", "url")
AUTHZ = ("authz",)
_LIST = re.compile(r"[\s,\[\]'\"]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a manifest.

    Attributes
    ----------
    guid : str
        Empty where the manifest gives none.
    file_name : str or None
    size : int or None
        Bytes.
    hashes : Mapping
        Kind to value, as the index names the kinds, in lower case.
    urls, authz : tuple of str
    row : int
        Where it stands in the manifest: the line of a table (its header is 1), else from 1.
    more : Mapping
        Whatever else the manifest says of it.
    """

    guid: str
    file_name: str | None = None
    size: int | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)
    urls: tuple[str, ...] = ()
    authz: tuple[str, ...] = ()
    row: int = 0
    more: Mapping[str, Any] = field(default_factory=dict)


#: Every name that is understood.
READ = frozenset({*GUIDS, *NAMES, *SIZES, *HASHES, *URLS, *AUTHZ, "hashes", "checksums"})


def entry_of(facts: Mapping[str, Any], row: int, place: str) -> Entry:
    """Make an entry of what somebody calls its fields."""
    given = {str(name): value for name, value in facts.items() if not _is_empty(value)}
    hashes = {kind: given[name] for name, kind in HASHES.items() if name in given}
    listed = given.get("hashes", given.get("checksums"))
    if isinstance(listed, Mapping):
        hashes |= dict(listed)
    elif isinstance(listed, list):  # as DRS has them
        hashes |= {str(one.get("type")): one.get("checksum") for one in listed if isinstance(one, Mapping)}
    known = known_hashes(hashes)
    # a record's own id is no GUID: it counts only where nothing else is called like one
    names = [name for name in GUIDS if name != "id"] if (set(GUIDS) - {"id"}) & set(facts) else ["id"]
    named = [(one, guid_of(str(given[one]), place)) for one in names if one in given]
    guid = named[0][1] if named else ""
    for one, other in named[1:]:
        if one != "file_id" and not _are_one(guid, other):
            raise TransferError(
                f"{place[0].upper()}{place[1:]} names two files: {named[0][0]} is {guid}, and {one} is "
                f"{other}. Leave out what does not count."
            )
    name = next((str(given[name]) for name in NAMES if name in given), None)
    return Entry(
        guid=guid,
        file_name=name,
        size=_size(next((given[name] for name in SIZES if name in given), None), place),
        hashes=known,
        urls=_list(next((given[name] for name in URLS if name in given), ())),
        authz=_list(given.get("authz", ())),
        row=row,
        # a hash that is none is kept as it was given, to be repaired
        more={
            name: value
            for name, value in given.items()
            if name not in READ or (name in HASHES and HASHES[name] not in known)
        },
    )


def shard_of(entry: Entry, of: int) -> int:
    """Give which of so many parts an entry is in, from 1: by its GUID alone, on every machine the same."""
    return zlib.crc32((entry.guid or str(entry.row)).encode()) % of + 1


def guid_of(text: str, place: str) -> str:
    """Give the GUID that somebody wrote, also as a ``drs://`` address.

    Raises
    ------
    TransferError
        It is no text that could be sent.
    """
    guid = text.strip()
    try:
        guid.encode()
    except UnicodeEncodeError:
        raise TransferError(f"The GUID in {place} is no text: {guid!r}.") from None
    return guid.removeprefix("drs://").partition("/")[2] or guid if guid.startswith("drs://") else guid


def _are_one(guid: str, other: str) -> bool:
    """Say whether two GUIDs are one, but for the commons' prefix."""
    long, short = (guid, other) if len(guid) > len(other) else (other, guid)
    return long == short or long.endswith((f"/{short}", f":{short}"))


def _is_empty(value: Any) -> bool:
    if value is None or value is pd.NA or (isinstance(value, str) and not value.strip()):
        return True
    return isinstance(value, float) and value != value


def _size(value: Any, place: str) -> int | None:
    if value is None:
        return None
    try:
        number = int(str(value).strip()) if isinstance(value, str) else int(value)
        if number != float(value) or number < 0:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise TransferError(f"The size in {place} is no number of bytes: {value!r}.") from None
    return number


def _list(value: Any) -> tuple[str, ...]:
    """Give the items of a list, or of the text that the SDK's tools write for one."""
    if isinstance(value, str):
        return tuple(item for item in _LIST.split(value) if item)
    return tuple(str(item) for item in value)
