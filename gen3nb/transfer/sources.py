"""What to upload: files, folders, patterns and frames, as a list of local files and of what is none."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from gen3nb.errors import TransferError

__all__ = ["LONGEST_KEY", "SIDECAR", "Given", "LocalFile", "LocalFiles", "find_files", "state_of"]

#: What may be given.
Given: TypeAlias = "str | os.PathLike[str] | pd.DataFrame | Iterable[str | os.PathLike[str]]"

#: What the columns that hold paths are called.
PATHS = ("path", "file_path", "local_path", "filepath", "file")
GUIDS = ("guid", "object_id")
NAMES = ("file_name",)
#: What a file's own facts end in, beside it: those of ``a.bam`` are in ``a_metadata.json``.
SIDECAR = "_metadata.json"
LONGEST_KEY = 1024  # bytes of GUID, a slash and the name, in an object store
_LONGEST_GUID = 100
_WILD = frozenset("*?[")
_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of this machine.

    Attributes
    ----------
    path : str
        Absolute.
    name : str
        What the commons will call it.
    guid : str
        Of the record that it belongs to, where one was named.
    rows : tuple of int
        The positions in the frame that name it.
    why : str
        Why it cannot be uploaded; empty where it can.
    """

    path: str
    name: str
    guid: str = ""
    rows: tuple[int, ...] = ()
    why: str = ""


@dataclass(slots=True)
class LocalFiles:
    """What was found, in the order in which it was given; each file once.

    Attributes
    ----------
    files : list of LocalFile
    frame : pandas.DataFrame or None
        Where the paths came from, if they came from a frame.
    """

    files: list[LocalFile] = field(default_factory=list)
    frame: pd.DataFrame | None = None
    _known: dict[str, int] = field(default_factory=dict)

    def add(self, one: LocalFile) -> None:
        """Take a file in, unless it is there already."""
        at = self._known.setdefault(os.path.realpath(one.path), len(self.files))
        if at == len(self.files):
            self.files.append(one)
            return
        known = self.files[at]
        if known.guid != one.guid and known.guid and one.guid:
            why = f"it is given twice, for two GUIDs: {known.guid} and {one.guid}"
            known = replace(known, why=why)
        self.files[at] = replace(known, guid=known.guid or one.guid, rows=(*known.rows, *one.rows))


def find_files(
    given: Given,
    *,
    include_subdirname: bool | None = None,
    path_column: str | None = None,
    sidecars: bool = False,
) -> LocalFiles:
    """Find the files to upload.

    In a folder hidden files, and all in hidden folders, are left out: base names that begin with ``.`` or
    ``~``. A file that is named itself is taken, whatever its name.

    Parameters
    ----------
    given : str, path, DataFrame, or iterable of str and path
        Files, folders (all within), patterns (``~``, ``*``, ``?``, ``[…]``, ``**``); or a frame with a column
        of paths, and optionally ``file_name`` and ``guid`` or ``object_id``.
    include_subdirname : bool, optional
        Name a file by its path below the folder that was given, or below that where a pattern begins, as it
        is by default; else by its base name, as it is by default for a frame.
    path_column : str, optional
        Of a frame; by default ``path``, ``file_path``, ``local_path``, ``filepath`` or ``file``.
    sidecars : bool
        Whether ``a_metadata.json`` beside ``a.bam`` says something of it: then it is no file to upload.

    Returns
    -------
    LocalFiles
        What cannot be uploaded is among them, with the reason.

    Raises
    ------
    TransferError
        Nothing is there: no file, a pattern that fits none, an empty folder, list or frame.
    """
    found = LocalFiles()
    if isinstance(given, pd.DataFrame):
        _of_frame(given, path_column, found, include_subdirname=bool(include_subdirname))
    else:
        _of_paths(given, found, include_subdirname=include_subdirname is not False)
    if sidecars:
        found.files = _without_sidecars(found.files)
    return found


def _of_paths(given: Any, found: LocalFiles, *, include_subdirname: bool) -> None:
    listed = [given] if isinstance(given, str | os.PathLike) else given
    if not isinstance(listed, Iterable) or isinstance(listed, bytes):
        raise TransferError(
            "Files to upload come as paths, folders, patterns or a DataFrame with a column of paths, not as "
            f"a {type(given).__name__}."
        )
    nothing: list[str] = []
    count = 0
    for count, item in enumerate(listed, start=1):
        if not isinstance(item, str | os.PathLike) or not isinstance(os.fspath(item), str):
            raise TransferError(f"Item {count} of the files to upload is no path: {item!r}.")
        text = os.fspath(item)
        if not text.strip() or "\0" in text:
            raise TransferError(f"Item {count} of the files to upload is no path: {text!r}.")
        before = len(found.files), len(found._known)
        try:
            some = _add_path(text, found, include_subdirname=include_subdirname)
        except OSError as error:
            raise TransferError(f"{text} cannot be read: {error.strerror}.") from error
        if not some and before == (len(found.files), len(found._known)):
            nothing.append(_nothing(text))
    if not count:
        raise TransferError("There are no files to upload: the list is empty.")
    if nothing:
        raise TransferError("; ".join(nothing) + ". Nothing was uploaded.")


def _nothing(text: str) -> str:
    path = os.path.expanduser(text)
    if os.path.isdir(path):
        return f"the folder {text} holds no file that is not hidden"
    if _is_pattern(path):
        return f"no file fits {text}"
    return f"there is no file {text}"


def _is_pattern(path: str) -> bool:
    return bool(_WILD & set(path)) and not os.path.lexists(path)


def _add_path(text: str, found: LocalFiles, *, include_subdirname: bool) -> bool:
    """Add what one path or pattern stands for; say whether that is anything."""
    path = os.path.abspath(os.path.expanduser(text))
    if _is_pattern(path):
        root = _root(path)
        some = False
        for hit in sorted(glob.glob(path, recursive=True)):
            if _is_hidden(os.path.relpath(hit, root)):
                continue
            some = True
            if os.path.isdir(hit) and not ("**" in path and not os.path.islink(hit)):
                _walk(hit, root, found, include_subdirname=include_subdirname)
            elif not os.path.isdir(hit):
                _add(hit, root, found, include_subdirname=include_subdirname)
        return some
    if os.path.isdir(path):
        return _walk(path, path, found, include_subdirname=include_subdirname)
    if not os.path.lexists(path):
        return False
    _add(path, os.path.dirname(path), found, include_subdirname=include_subdirname)
    return True


def _root(pattern: str) -> str:
    """Give the folder where a pattern begins: all parts before the first wild one."""
    parts = Path(pattern).parts
    fixed = next(at for at, part in enumerate(parts) if _WILD & set(part))
    return str(Path(*parts[:fixed]))


def _is_hidden(relative: str) -> bool:
    return any(part.startswith((".", "~")) for part in Path(relative).parts)


def _walk(folder: str, root: str, found: LocalFiles, *, include_subdirname: bool) -> bool:
    """Add the files of a folder, in the order of their names."""
    some = False

    def unreadable(error: OSError) -> None:
        path = str(error.filename or folder)
        why = f"the folder cannot be read: {error.strerror}"
        found.add(LocalFile(path, os.path.basename(path), why=why))

    for here, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "~")))
        for name in [name for name in folders if os.path.islink(os.path.join(here, name))]:
            path = os.path.join(here, name)
            why = (
                f"it is a link to the folder {os.path.realpath(path)}; give that too to upload what is in it"
            )
            found.add(LocalFile(path, name, why=why))
            some = True
        for name in sorted(files):
            if not name.startswith((".", "~")):
                some = True
                _add(os.path.join(here, name), root, found, include_subdirname=include_subdirname)
    return some


def _add(path: str, root: str, found: LocalFiles, *, include_subdirname: bool) -> None:
    name = os.path.relpath(path, root) if include_subdirname else os.path.basename(path)
    found.add(_checked(LocalFile(path, Path(name).as_posix())))


def _checked(one: LocalFile) -> LocalFile:
    """Say of a file why it cannot be uploaded, if that can be seen beforehand."""
    why = state_of(one.path)[1] or _unfit(one.name, one.guid)
    return replace(one, why=why) if why else one


def _unfit(name: str, guid: str) -> str:
    """Say why a commons cannot take a name."""
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        return "its name is no text (it is not UTF-8): rename it"
    if not guid.isascii():
        return f"{guid!r} is no GUID"
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        return "its name holds a control character: rename it"
    if len(encoded) + (len(guid) or _LONGEST_GUID) + 1 > LONGEST_KEY:
        return (
            f"its name is too long for an object store ({len(encoded):,} bytes; with its GUID at most "
            f"{LONGEST_KEY:,}): rename it, or leave out the folders"
        )
    return ""


def state_of(path: str) -> tuple[os.stat_result | None, str]:
    """Look at a path.

    Returns
    -------
    tuple
        Its status, and why it cannot be uploaded; empty where it can.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        if os.path.islink(path):
            return None, f"it is a link to {os.readlink(path)}, where nothing is"
        return None, "there is no such file"
    except OSError as error:
        return None, f"it cannot be read: {error.strerror}"
    if not stat.S_ISREG(status.st_mode):
        kind = next((words for test, words in _KINDS if test(status.st_mode)), "something else")
        more = ": name the folder itself to upload what is in it" if kind == "a folder" else ""
        return status, f"it is {kind}, not a file{more}"
    if not os.access(path, os.R_OK):
        return status, "you may not read it: Permission denied"
    if not status.st_size and _has_bytes(path):
        return status, "it has bytes although its size is 0: copy it to a disk first"
    return status, ""


def _has_bytes(path: str) -> bool:
    """Say whether a file has any bytes, whatever its size: those of /proc do."""
    try:
        with open(path, "rb", buffering=0) as file:
            return bool(file.read(1))
    except OSError:
        return False  # whoever reads it will say why


# --- frames -----------------------------------------------------------------------------------------------


def _of_frame(
    frame: pd.DataFrame, column: str | None, found: LocalFiles, *, include_subdirname: bool
) -> None:
    found.frame = frame
    names = [str(name) for name in frame.columns]
    if column is None:
        column = next((name for name in PATHS if name in names), None)
    if column is None or column not in names:
        wanted = f"no column {column!r}" if column else f"no column {', '.join(PATHS[:-1])} or {PATHS[-1]}"
        raise TransferError(
            f"The frame names no files: it has {wanted}. Its columns: {', '.join(names[:10])}"
            f"{' …' if len(names) > 10 else ''}. Name the one with the paths: path_column=."
        )
    if not len(frame):
        raise TransferError("There are no files to upload: the frame has no rows.")
    paths = _texts(frame, column)
    guids = _texts(frame, next((name for name in GUIDS if name in names), None))
    given = _texts(frame, next((name for name in NAMES if name in names), None))
    absolute = [os.path.abspath(os.path.expanduser(path)) if path else "" for path in paths]
    root = _common([path for path in absolute if path]) if include_subdirname else ""
    for row, (path, guid, name) in enumerate(zip(absolute, guids, given, strict=True)):
        if not path or "\0" in path:
            found.files.append(LocalFile("", f"row {row + 2}", rows=(row,), why=f"row {row + 2} has no path"))
            continue
        usual = os.path.relpath(path, root) if root else os.path.basename(path)
        found.add(_checked(LocalFile(path, name or Path(usual).as_posix(), guid, (row,))))


def _texts(frame: pd.DataFrame, column: str | None) -> list[str]:
    """Give the cells of a column as text; what is missing is empty."""
    if column is None:
        return [""] * len(frame)
    return [
        "" if cell is None or cell is pd.NA or cell != cell else str(cell).strip() for cell in frame[column]
    ]


def _common(paths: list[str]) -> str:
    folders = {os.path.dirname(path) for path in paths}
    try:
        return os.path.commonpath(folders) if folders else ""
    except ValueError:  # on two drives
        return ""


def _without_sidecars(files: list[LocalFile]) -> list[LocalFile]:
    """Leave out the files that say something of another one that is there."""
    stems = {os.path.splitext(one.path)[0] for one in files if not one.path.endswith(SIDECAR)}
    return [one for one in files if one.path.removesuffix(SIDECAR) not in stems or one.path in stems]
