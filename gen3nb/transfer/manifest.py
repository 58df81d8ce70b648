"""Lists of files, however they come: the portal's, data-client's and gen3's manifests, frames, GUIDs.

Read one entry after the other, so that a manifest may hold millions.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import ijson
import pandas as pd

from gen3nb.errors import TransferError
from gen3nb.frames.selection import Selection
from gen3nb.transfer.entries import GUIDS, READ, URLS, Entry, bare_entry, entry_of, misfit, shard_of
from gen3nb.transfer.kept import Seen

__all__ = ["Entry", "Manifest", "Source", "joined", "read_manifest"]

#: What the files of manifests are called; anything else that is no file on disk is taken for a GUID.
ENDINGS = (".json", ".jsonl", ".tsv", ".csv", ".txt")

_LONGEST_CELL = 1 << 24
#: What is a GUID also where a file on disk is called so, as after ``filename_format="guid"``.
_UUID = re.compile(r"(?:[\w.]+[/:])?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Manifest:
    """Files to move, read one after the other.

    To iterate over it raises a :class:`~gen3nb.errors.TransferError` at an entry that is not understood.

    Parameters
    ----------
    entries : callable
        Gives them from the start, each time it is called; or once, where they come from an iterator.
    name : str
        Where they come from, for messages.
    """

    def __init__(self, entries: Callable[[], Iterator[Entry]], name: str) -> None:
        self._entries = entries
        self.name = name

    def __iter__(self) -> Iterator[Entry]:
        for one in self._entries():
            if one.wrong:
                raise TransferError(f"{one.place[:1].upper()}{one.place[1:]}: {one.wrong}.")
            yield one

    def each(self) -> Iterator[Entry]:
        """Give also the entries that are not understood: ``wrong`` says why."""
        return self._entries()

    def __repr__(self) -> str:
        return f"<Manifest: {self.name}>"

    def shard(self, number: int, of: int) -> Manifest:
        """Give one of several parts, so that as many machines can each take one.

        Which part a file is in hangs on its GUID alone: not on its place, nor on the machine.

        Parameters
        ----------
        number : int
            Which part, from 1.
        of : int
            How many parts there are.

        Raises
        ------
        TransferError
            There is no such part.
        """
        if of < 1:
            raise TransferError(f"A shard is which part of how many, such as 3/16, not {number}/{of}.")
        if not 1 <= number <= of:
            raise TransferError(f"A shard is one of its total: 1/{of} to {of}/{of}, not {number}/{of}.")

        def part() -> Iterator[Entry]:
            return (one for one in self.each() if shard_of(one, of) == number)

        return Manifest(part, f"{self.name}, shard {number}/{of}")

    def split(self, parts: int) -> list[Manifest]:
        """Give all shards of so many."""
        return [self.shard(number, parts) for number in range(1, parts + 1)]

    def to_frame(self) -> pd.DataFrame:
        """Give one row per file: object_id, file_name, file_size, its hashes, urls, authz."""
        rows = [
            {
                "object_id": one.guid,
                "file_name": one.file_name,
                "file_size": one.size,
                "md5sum": one.hashes.get("md5"),
                **{kind: value for kind, value in one.hashes.items() if kind != "md5"},
                "urls": list(one.urls),
                "authz": list(one.authz),
            }
            for one in self
        ]
        columns = ["object_id", "file_name", "file_size", "md5sum", "urls", "authz"]
        frame = pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns)
        return frame.astype({"file_size": "Int64"})


Source: TypeAlias = (
    "str | os.PathLike[str] | Manifest | pd.DataFrame | Selection | Iterable[str | Entry | Mapping[str, Any]]"
)


def read_manifest(source: Source) -> Manifest:
    """Read a list of files, whatever it is.

    Parameters
    ----------
    source : str, path, Manifest, DataFrame, Selection or iterable
        A GUID; the path of a manifest (JSON or a table, of the portal, ``data-client``, ``gen3-client`` or
        ``gen3``); a frame or selection of file records; or GUIDs, entries or records of the file index.

    Returns
    -------
    Manifest

    Raises
    ------
    TransferError
        It is no manifest; the message names the place.
    """
    if isinstance(source, Manifest):
        return source
    if isinstance(source, pd.DataFrame):
        return Manifest(lambda: _of_frame(source), f"a frame of {len(source):,} rows")
    if isinstance(source, Selection):
        return _of_selection(source)
    if isinstance(source, str | os.PathLike):
        text = os.fspath(source)
        if _is_a_path(text):
            return _of_file(Path(text).expanduser())
        if not text.strip():
            raise TransferError("An empty text is no GUID and no manifest.")
        only = _of_item(text, 1)
        if only.wrong:
            raise TransferError(f"It is no GUID and no manifest: {text!r:.200}.")
        return Manifest(lambda: iter([only]), text.strip())
    if isinstance(source, Mapping):
        one = entry_of(source, 1, "the record")
        if not one.guid and not one.urls and not one.wrong:
            raise TransferError(
                f"The record names no file: it has no {GUIDS[0]}, {GUIDS[1]} or {GUIDS[2]}. It has: "
                f"{', '.join(map(str, islice(source, 10))) or 'nothing'}."
            )
        return Manifest(lambda: iter([one]), "one file")
    kind = type(source).__name__
    if not isinstance(source, Iterable) or kind == "bytes" or hasattr(source, "read"):
        raise TransferError(
            f"Files come as GUIDs, the path of a manifest, a DataFrame or a Selection, not as a {kind}."
        )
    held = (
        list(source) if isinstance(source, list | tuple | set | frozenset | pd.Series | pd.Index) else source
    )
    count = f"{len(held):,} files" if isinstance(held, list) else "files"
    return Manifest(lambda: (_of_item(item, row) for row, item in enumerate(held, start=1)), count)


def joined(sources: Iterable[Source]) -> Manifest:
    """Give several manifests as one; a file that two of them have comes once.

    Raises
    ------
    TransferError
        While it is read: two of them say different things of one GUID.
    """
    parts = [read_manifest(source) for source in sources]

    def entries() -> Iterator[Entry]:
        seen = Seen()
        count = 0
        for part in parts:
            for one in part.each():
                count += 1
                if not one.guid or one.wrong:
                    yield one
                    continue
                facts = json.dumps([one.size, dict(one.hashes)])
                place, known = seen.first(one.guid, count, facts)
                if place == count:
                    yield one
                elif why := _differing(known, one):
                    raise TransferError(
                        f"The manifests do not agree on {one.guid}: {why}. Ask the commons which is right: "
                        "commons.indexd.get(guid)."
                    )

    return Manifest(entries, " and ".join(part.name for part in parts) or "no manifest")


def _differing(known: str, other: Entry) -> str:
    """Say how an entry differs from what was said of its GUID before."""
    size, hashes = json.loads(known)
    if size is not None and other.size is not None and size != other.size:
        return f"its size is {size:,} and {other.size:,} bytes"
    for kind in hashes.keys() & other.hashes.keys():
        if hashes[kind] != other.hashes[kind]:
            return f"its {kind} is {hashes[kind]} and {other.hashes[kind]}"
    return ""


# --- where entries come from ------------------------------------------------------------------------------


def _is_a_path(text: str) -> bool:
    if text.lower().endswith(ENDINGS):
        return True
    if _UUID.fullmatch(text):
        return False
    try:
        path = Path(text).expanduser()
        return path.is_file() or (path.is_dir() and (path.is_absolute() or text.endswith(os.sep)))
    except (OSError, ValueError, RuntimeError):  # too long, holds NUL, or the home of nobody
        return False


def _of_item(item: Any, row: int) -> Entry:
    if isinstance(item, Entry):
        return item
    if isinstance(item, Mapping):
        return entry_of(item, row, f"entry {row}")
    if isinstance(item, str):
        return bare_entry(item, row, f"entry {row}")
    if item is None or item is pd.NA or item is pd.NaT or (isinstance(item, float) and item != item):
        return Entry("", row=row)
    return misfit(item, row, f"entry {row}")


def _of_frame(frame: pd.DataFrame) -> Iterator[Entry]:
    names = [str(name) for name in frame.columns]
    prefixed = [at for at, name in enumerate(names) if re.search(r"[._]object_id$", name)]
    if len(prefixed) == 1 and "object_id" not in names:  # of a join
        names[prefixed[0]] = "object_id"
    _see_that_it_names_files(frame, names, [names[at] for at in prefixed])
    wanted = [at for at, name in enumerate(names) if name in READ]
    columns = [frame.iloc[:, at].tolist() for at in wanted]
    for row, values in enumerate(zip(*columns, strict=True), start=2):
        facts = {names[at]: value for at, value in zip(wanted, values, strict=True)}
        yield entry_of(facts, row, f"row {row} of the frame")


def _see_that_it_names_files(frame: pd.DataFrame, names: list[str], prefixed: list[str]) -> None:
    """Refuse a frame without a column of GUIDs, and one where it is not clear which that is."""
    twice = sorted({name for name in names if name in READ and names.count(name) > 1})
    if twice:
        raise TransferError(f"The frame has several columns called {', '.join(twice)}. Leave one of each.")
    if (set(GUIDS) - {"id"} | set(URLS)) & set(names):
        return
    if len(prefixed) > 1:
        raise TransferError(
            f"The frame has several columns of GUIDs: {', '.join(prefixed)}. Give the one that you mean: "
            f"frame[{prefixed[0]!r}]."
        )
    index = [str(name) for name in frame.index.names if name in GUIDS]
    hint = f"{index[0]} is its index: frame.reset_index() makes a column of it. " if index else ""
    raise TransferError(
        "The frame names no files: it has no column object_id (the GUIDs of file records). "
        f"{hint}Its columns: {', '.join(names[:10]) or 'none'}{' …' if len(names) > 10 else ''}."
    )


def _of_selection(selection: Selection) -> Manifest:
    try:
        chosen = selection.with_columns("object_id", "file_name", "file_size", "md5sum")
    except LookupError:
        raise TransferError(
            f"{selection.node} describes no files: its records have no object_id. Select a node of files."
        ) from None

    def entries() -> Iterator[Entry]:
        row = 1
        for page in chosen.pages(1_000):
            for one in _of_frame(page):
                row += 1
                yield one

    return Manifest(entries, f"a selection of {selection.node}")


def _of_file(path: Path) -> Manifest:
    try:
        with open(path, "rb") as file:
            head = file.read(4096)
    except IsADirectoryError:
        raise TransferError(f"{path} is a folder, not a manifest.") from None
    except OSError as error:
        raise TransferError(f"The manifest {path} cannot be read: {error.strerror}.") from error
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise TransferError(f"The manifest {path} is empty.")
    if start[:1] == b"<":
        raise TransferError(
            f"{path} is a web page, not a manifest: the download was probably made while signed out. Sign in "
            "to the portal and download the manifest again."
        )
    if b"\0" in head:
        raise TransferError(f"{path} is no manifest: it is not text. Manifests are JSON, TSV or CSV.")
    read = _of_json if start[:1] in (b"[", b"{") else _of_table
    return Manifest(lambda: read(path), str(path))


def _of_json(path: Path) -> Iterator[Entry]:
    with open(path, "rb") as file:
        if file.read(3) != b"\xef\xbb\xbf":
            file.seek(0)
        many = file.peek(1)[:1] == b"[" or _begins_with_a_list(file)
        row = 0
        try:
            # numbers of any length: one that is too long is the trouble of its entry alone
            for item in ijson.items(file, "item" if many else "", multiple_values=not many):
                row += 1
                yield _of_item(_with_floats(item), row)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            words = " ".join(str(error).split())[:200]
            raise TransferError(f"The manifest {path} is not readable after entry {row}: {words}.") from error


def _with_floats(item: Any) -> Any:
    """Give a record its fractions as numbers that can be written again."""
    if not isinstance(item, dict):
        return item
    return {name: float(held) if isinstance(held, Decimal) else held for name, held in item.items()}


def _begins_with_a_list(file: io.BufferedReader) -> bool:
    place = file.tell()
    start = file.read(4096).lstrip()
    file.seek(place)
    return start[:1] == b"["


def _of_table(path: Path) -> Iterator[Entry]:
    csv.field_size_limit(_LONGEST_CELL)
    with open(path, encoding="utf-8-sig", newline="") as file:
        try:
            head = file.readline()
            tab = "\t" in head or "," not in head
            names = [
                name.strip().lstrip("*") for name in next(csv.reader([head], delimiter="\t" if tab else ","))
            ]
            if not set(names) & set(READ):
                if len(names) == 1 and " " not in names[0]:  # a bare list of GUIDs
                    yield Entry(names[0], row=1)
                    for row, line in enumerate(file, start=2):
                        if line.strip():
                            yield Entry(line.strip(), row=row)
                    return
                raise TransferError(
                    f"{path} is no manifest: no column is called {', '.join(GUIDS[:3])} or the like. "
                    f"Its columns: {', '.join(names[:10])}."
                )
            reader = csv.DictReader(file, names, delimiter="\t" if tab else ",")
            for facts in reader:
                if any(facts.values()):
                    row = reader.line_num + 1
                    yield entry_of(facts, row, f"line {row} of {path}")
        except (UnicodeDecodeError, csv.Error) as error:
            raise TransferError(f"{path} is no manifest: it is no table of text ({error}).") from error
