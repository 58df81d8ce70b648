"""Manifests as other programs read them, and parts of one for several machines."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TextIO, TypeAlias

from gen3nb.dictionary.elements import nearest
from gen3nb.errors import TransferError
from gen3nb.transfer.entries import SIZES, Entry, shard_of
from gen3nb.transfer.kept import KeptEntries

__all__ = ["Form", "split_manifest", "write_manifest", "write_table"]

#: Whose manifest to write: what each of them calls a file's GUID, name, size and hash.
Form: TypeAlias = Literal["portal", "data-client", "gen3"]

_FORMS: dict[str, tuple[str, str, str, str]] = {
    "portal": ("object_id", "file_name", "file_size", "md5sum"),
    "data-client": ("object_id", "title", "size", "md5"),
    "gen3": ("guid", "file_name", "size", "md5"),
}
#: The delimiter of a table, by the ending of its file.
_TABLES = {".tsv": "\t", ".txt": "\t", ".csv": ","}
#: Endings of files that are no text: JSON of such a name could not be opened.
_NO_TEXT = (".xlsx", ".xls", ".parquet", ".jsonl", ".gz", ".zip")


def write_manifest(entries: Iterable[Entry], path: str | os.PathLike[str], form: Form = "portal") -> int:
    """Write a manifest with all that is known of its files: JSON, or a table (``.tsv``, ``.csv``).

    Parameters
    ----------
    entries : iterable of Entry
    path : str or path
        It appears whole or not at all.
    form : {"portal", "data-client", "gen3"}
        Whose names to use. The portal's are also gen3-client's; those of gen3 are for the SDK's tools.

    Returns
    -------
    int
        How many files it lists.

    Raises
    ------
    TransferError
        There is no such form, or it cannot be written.
    """
    if form not in _FORMS:
        hint = nearest(str(form), list(_FORMS))
        words = f" Did you mean {hint[0]!r}?" if hint else ""
        raise TransferError(
            f"There is no manifest of the form {form!r}; there are: {', '.join(_FORMS)}.{words}"
        )
    if Path(path).suffix.lower() in _NO_TEXT:
        raise TransferError(f"A manifest is JSON, or a table that ends in {', '.join(_TABLES)}: not {path}.")
    if Path(path).suffix.lower() in _TABLES:
        return write_table(entries, path, form)
    return _put(path, lambda file: _write_json(entries, file, form))


def write_table(entries: Iterable[Entry], path: str | os.PathLike[str], form: Form) -> int:
    """Write a manifest as a table: with commas where the path ends in ``.csv``, else with tabs.

    Raises
    ------
    TransferError
        It cannot be written.
    """
    delimiter = _TABLES.get(Path(path).suffix.lower(), "\t")
    return _put(path, lambda file: _write_table(entries, file, form, delimiter))


def _put(path: str | os.PathLike[str], write: Callable[[TextIO], int]) -> int:
    """Make a file whole or not at all; give what its writer gives."""
    target = Path(path).expanduser()
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        with open(part, "w", encoding="utf-8", newline="") as file:
            count = write(file)
        os.replace(part, target)
    except OSError as error:
        raise TransferError(f"The manifest {target} cannot be written: {error.strerror}.") from error
    finally:
        with suppress(OSError):
            part.unlink()
    return count


def split_manifest(
    entries: Iterable[Entry], parts: int, path: str | os.PathLike[str], form: Form = "portal"
) -> list[tuple[Path, int]]:
    """Write a manifest in parts, a file each: which part a file is in hangs on its GUID alone.

    They are the parts that ``download --shard`` takes.

    Parameters
    ----------
    entries : iterable of Entry
    parts : int
        How many.
    path : str or path
        ``files.json`` becomes ``files-1-of-4.json`` …
    form : {"portal", "data-client", "gen3"}

    Returns
    -------
    list of tuple
        Path and number of files of each part; a part without files is written too.

    Raises
    ------
    TransferError
        There are no such parts, or they cannot be written.
    """
    if parts < 1:
        raise TransferError(f"A manifest is split into 1 part or more, not {parts}.")
    kept = KeptEntries()
    for one in entries:
        kept.add(one, part=shard_of(one, parts))
    target = Path(path).expanduser()
    written = []
    for number in range(1, parts + 1):
        name = target.with_name(f"{target.stem}-{number}-of-{parts}{target.suffix}")
        written.append((name, write_manifest((one for one, _ in kept.of_part(number)), name, form)))
    return written


def _named(one: Entry, form: Form) -> dict[str, Any]:
    """Give what is known of a file, by the names of a form."""
    guid, name, size, md5 = _FORMS[form]
    facts: dict[str, Any] = {guid: one.guid, name: one.file_name, size: one.size, md5: one.hashes.get("md5")}
    facts |= {kind: value for kind, value in one.hashes.items() if kind != "md5"}
    facts |= {"urls": list(one.urls), "authz": list(one.authz)}
    # what is to be repaired stands where the right thing would
    spelt = dict.fromkeys(SIZES, size) | {"md5": md5, "md5sum": md5}
    return facts | {spelt.get(name, name): value for name, value in one.more.items()}


def _write_json(entries: Iterable[Entry], file: TextIO, form: Form) -> int:
    count = 0
    file.write("[")
    for count, one in enumerate(entries, start=1):
        facts = {name: value for name, value in _named(one, form).items() if value not in (None, [])}
        file.write(",\n " if count > 1 else "\n ")
        json.dump(facts, file, ensure_ascii=False, default=str)
    file.write("\n]\n")
    return count


def _write_table(entries: Iterable[Entry], file: TextIO, form: Form, delimiter: str) -> int:
    """Write a table; its columns are known once all entries were seen."""
    kept = KeptEntries()
    names = dict.fromkeys((*_FORMS[form], "sha256", "sha512"))
    if form == "gen3":
        names |= dict.fromkeys(("urls", "authz"))
    for one in entries:
        kept.add(one)
        names |= {name: None for name, value in _named(one, form).items() if value not in (None, [])}
    table = csv.DictWriter(file, list(names), delimiter=delimiter, lineterminator="\n", extrasaction="ignore")
    table.writeheader()
    for one, _ in kept:
        table.writerow({name: _cell(value) for name, value in _named(one, form).items()})
    return len(kept)


def _cell(value: Any) -> Any:
    """Give a cell of a table."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
