"""One file of a list of files, and what various lists call its facts."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

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
    "bad_hashes",
    "bare_entry",
    "entry_of",
    "guid_of",
    "is_empty",
    "misfit",
    "shard_of",
    "size_of",
]

GUIDS = ("object_id", "guid", "did", "drs_uri", "file_id", "id")
NAMES = ("file_name", "filename", "title", "name")
SIZES = ("file_size", "size")
HASHES = {"md5sum": "md5", "md5": "md5", "sha256": "sha256", "sha512": "sha512", "sha1": "sha", "sha": "sha"}
URLS = ("urls", "url")
AUTHZ = ("authz",)
_LIST = re.compile(r"[\s,\[\]'\"]+")
_HALF = re.compile("[\ud800-\udfff]")
_WHOLE = re.compile(r"([0-9]+)(?:\.0*)?")
_MOST_BYTES = 1 << 63  # more no index and no database can say


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
        Whatever else the manifest says of it; also what it says in a way that is not understood.
    wrong : str
        Why it is not understood; empty where it is.
    place : str
        Where it stands, in words, if it is not understood.
    """

    guid: str
    file_name: str | None = None
    size: int | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)
    urls: tuple[str, ...] = ()
    authz: tuple[str, ...] = ()
    row: int = 0
    more: Mapping[str, Any] = field(default_factory=dict)
    wrong: str = ""
    place: str = ""


#: Every name that is understood.
READ = frozenset({*GUIDS, *NAMES, *SIZES, *HASHES, *URLS, *AUTHZ, "hashes", "checksums"})


def entry_of(facts: Mapping[str, Any], row: int, place: str) -> Entry:
    """Make an entry of what somebody calls its fields; what is not understood is said in the entry."""
    given = {str(name): value for name, value in facts.items() if not is_empty(value)}
    wrong = [f"its {name} is no text: {value!r}" for name, value in given.items() if not _is_text(value)]
    if wrong:
        given = {_shown(name): _shown(value) for name, value in given.items()}
    kept: set[str] = set()  # what is to be repaired stays as it was given
    hashes = {kind: given[name] for name, kind in HASHES.items() if name in given}
    listed = given.get("hashes", given.get("checksums"))
    if isinstance(listed, Mapping):
        hashes |= dict(listed)
    elif isinstance(listed, list):  # as DRS has them
        hashes |= {str(one.get("type")): one.get("checksum") for one in listed if isinstance(one, Mapping)}
    known = known_hashes(hashes)
    kept |= {name for name, kind in HASHES.items() if name in given and kind not in known}
    guid, others = _guid_among(given, facts)
    if others:
        (name, other), called = others[0], next(name for name in GUIDS if name in given)
        wrong.append(
            f"it names two files: {called} is {guid}, and {name} is {other}; leave out what does not count"
        )
        kept |= {called, *(name for name, _ in others)}
    size = None
    called = next((name for name in SIZES if name in given), "")
    if called:
        size = size_of(given[called])
        if size is None:
            wrong.append(f"its size is no number of bytes: {given[called]!r:.200}")
            kept.add(called)
    return Entry(
        guid=guid,
        file_name=next((str(given[name]) for name in NAMES if name in given), None),
        size=size,
        hashes=known,
        urls=_list(next((given[name] for name in URLS if name in given), ())),
        authz=_list(given.get("authz", ())),
        row=row,
        more={name: value for name, value in given.items() if name not in READ or name in kept},
        wrong="; ".join(wrong),
        place=place if wrong else "",
    )


def _guid_among(given: Mapping[str, Any], facts: Mapping[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    """Give the GUID of an entry, and the others that it names too, each with what it is called."""
    # a record's own id is no GUID: it counts only where nothing else is called like one
    names = [name for name in GUIDS if name != "id"] if (set(GUIDS) - {"id"}) & set(facts) else ["id"]
    named = [(one, guid_of(str(given[one]))) for one in names if one in given]
    guid = named[0][1] if named else ""
    return guid, [(one, other) for one, other in named[1:] if one != "file_id" and not _are_one(guid, other)]


def bare_entry(guid: str, row: int, place: str) -> Entry:
    """Make an entry of a GUID alone."""
    if _is_text(guid):
        return Entry(guid_of(guid), row=row)
    return misfit(guid, row, place)


def misfit(item: Any, row: int, place: str) -> Entry:
    """Make an entry of what is none."""
    more = {GUIDS[0]: _shown(item) if isinstance(item, str) else repr(item)[:200]}
    return Entry("", row=row, more=more, wrong=f"it is no GUID: {item!r:.200}", place=place)


def bad_hashes(entry: Entry) -> str:
    """Say which hashes of an entry are none; empty where all are."""
    wrong = [f"{name} {entry.more[name]!r:.200}" for name in HASHES if name in entry.more]
    if not wrong:
        return ""
    return f"its {' and '.join(wrong)} is no such hash: it has other digits, or not as many"


def shard_of(entry: Entry, of: int) -> int:
    """Give which of so many parts an entry is in, from 1: by its GUID alone, on every machine the same."""
    return zlib.crc32((entry.guid or str(entry.row)).encode()) % of + 1


def guid_of(text: str) -> str:
    """Give the GUID that somebody wrote, also as a ``drs://`` address."""
    guid = text.strip()
    return guid.removeprefix("drs://").partition("/")[2] or guid if guid.startswith("drs://") else guid


def _are_one(guid: str, other: str) -> bool:
    """Say whether two GUIDs are one, but for the commons' prefix."""
    long, short = (guid, other) if len(guid) > len(other) else (other, guid)
    return long == short or long.endswith((f"/{short}", f":{short}"))


def is_empty(value: Any) -> bool:
    """Say whether a cell holds nothing."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, str) and not value.strip()):
        return True
    return isinstance(value, float) and value != value


def _is_text(value: Any) -> bool:
    """Say whether all text of a value can be sent: a half of a character cannot."""
    if isinstance(value, str):
        return value.isascii() or not _HALF.search(value)
    if isinstance(value, list | tuple):
        return all(map(_is_text, value))
    return True


def _shown(value: Any) -> Any:
    """Give a value with halves of characters spelt out, so that it can be written down."""
    if isinstance(value, list | tuple):
        return [_shown(item) for item in value]
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def size_of(value: Any) -> int | None:
    """Read a number of bytes, also as tables with gaps write it (``5.0``); ``None`` where it is none."""
    try:
        if isinstance(value, str):
            found = _WHOLE.fullmatch(value.strip())
            number = int(found[1]) if found is not None else -1
        else:
            number = int(value)
            if isinstance(value, bool) or number != value:
                return None
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 <= number < _MOST_BYTES else None


def _list(value: Any) -> tuple[str, ...]:
    """Give the items of a list, or of the text that the SDK's tools write for one."""
    if isinstance(value, str):
        return tuple(item for item in _LIST.split(value) if item)
    if isinstance(value, Iterable) and not isinstance(value, Mapping | bytes):
        return tuple(str(item) for item in value if not is_empty(item))
    return (str(value),)
