"""Names for files on this machine that are safe on every other one, and never leave their folder."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Literal, TypeAlias
from urllib.parse import unquote, urlsplit

from pathvalidate import sanitize_filename

__all__ = ["NameFormat", "local_name", "name_key", "numbered", "part_name"]

#: ``original``: the name that the commons knows; ``guid``; ``combined``: ``GUID_name``.
NameFormat: TypeAlias = Literal["original", "guid", "combined"]

#: Bytes of one name; file systems take 255, and ``.part`` names need some.
LONGEST = 220
_LONGEST_ENDING = 20
# What no system has anything against; but for the names of devices.
_PLAIN = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._ -]{0,198}[A-Za-z0-9_-])?")
_PARTIAL = re.compile(r"\.[0-9a-f]{8}\.part$")  # what only files on their way are called
# Windows looks at what is before the first point, without the spaces behind it.
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|clock\$|conin\$|conout\$|com[\d¹²³]|lpt[\d¹²³]) *(?:\.|$)")


def local_name(guid: str, file_name: str | None, urls: Sequence[str], form: NameFormat) -> str:
    """Give the path of a file within its folder, with ``/`` between its parts.

    Parameters
    ----------
    guid : str
    file_name : str or None
        What the index or the manifest calls it; it may hold folders.
    urls : sequence of str
        Where it is stored: the last part of the first names it where nothing else does.
    form : {"original", "guid", "combined"}

    Returns
    -------
    str
    """
    known = file_name or next(filter(None, map(_last_part, urls)), "")
    if form == "guid" or not known:
        return _safe(guid, guid)
    return _safe(f"{guid}_{known}" if form == "combined" else known, guid)


def _last_part(url: str) -> str:
    return unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2])


def _safe(name: str, guid: str) -> str:
    parts = [_part(one) for one in name.split("/") if one.strip(" .")]
    safe = "/".join(filter(None, parts)) or _part(guid.replace("/", "_")) or "file"
    return f"{safe}_" if safe.endswith(".part") and _PARTIAL.search(safe) else safe


def _part(name: str) -> str:
    """Make one part of a path safe: no reserved name, no character that some system refuses, not too long."""
    if _PLAIN.fullmatch(name) and not _RESERVED.match(name):
        return name  # as nearly all are: the thorough way costs a hundred times as much
    text = _cut(unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode()))
    for _ in range(2):  # what it takes away may leave another name that is reserved
        text = sanitize_filename(text, replacement_text="_", platform="universal")
    device = _RESERVED.match(text)
    return f"{device[1]}_{text[device.end(1) :]}" if device else text


def _cut(text: str) -> str:
    """Shorten a name in its middle, so that the ending stays, and two long names stay two."""
    if len(text.encode()) <= LONGEST:
        return text
    stem, ending = _stem_and_ending(text)
    mark = f"~{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    room = LONGEST - len(mark) - len(ending.encode())
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip() + mark + ending


def _stem_and_ending(name: str) -> tuple[str, str]:
    """Part a name before its endings: ``("reads", ".fastq.gz")``."""
    ending = "".join(PurePosixPath(name).suffixes[-2:])
    if len(ending.encode()) > _LONGEST_ENDING:
        ending = PurePosixPath(name).suffix
    if not ending or len(ending.encode()) > _LONGEST_ENDING:
        return name, ""
    return name[: -len(ending)], ending


def name_key(name: str) -> str:
    """Give what two names share that are one on some system: macOS and Windows ignore case."""
    return unicodedata.normalize("NFC", name).casefold()


def numbered(name: str, number: int) -> str:
    """Give a name with a number before its ending: ``reads_2.bam``."""
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem}_{number}{path.suffix}"))


def part_name(name: str, guid: str, shard: str = "") -> str:
    """Give the name under which a file is until it is whole: the same at every try, another for each GUID."""
    mark = hashlib.sha256(f"{guid} {shard}".encode()).hexdigest()[:8]
    return f"{name}.{mark}.part"
