"""Where profiles are stored, and how these files are read and changed."""

from __future__ import annotations

import codecs
import errno
import stat
from collections.abc import Callable
from pathlib import Path

from gen3nb.client import private_files
from gen3nb.client.ini import Broken, Ini
from gen3nb.client.redaction import Secret, SecretBytes
from gen3nb.errors import ProfileError

__all__ = ["change", "path", "read", "sdk_path"]

LARGEST = 10_000_000
TRIES = 20  # the Go clients take no lock, so another write may come between
_BOM = codecs.BOM_UTF8


def path() -> Path:
    """Give the profile file's path, the same as that of ``gen3-client`` and ``data-client``."""
    return Path("~/.gen3/gen3_client_config.ini").expanduser()


def sdk_path() -> Path:
    """Give the file in which ``gen3 configure`` of the gen3 SDK keeps its profiles; it is read, too."""
    return Path("~/.gen3/config").expanduser()


def read(file: Path) -> Ini:
    """Read a profile file; one that is not there is empty. Others are kept from reading it from now on.

    Raises
    ------
    ProfileError
        It cannot be read, or a line of it is no INI; the message names the line.
    """
    return _parsed(_content(file), file)


def change(file: Path, edit: Callable[[Ini], str]) -> None:
    """Change a profile file, one writer at a time, in one step.

    Parameters
    ----------
    file : Path
        Which; made if it is not there.
    edit : callable
        Gives the new text; called again if a program that takes no lock has changed the file meanwhile.

    Raises
    ------
    ProfileError
        The file is broken, leads elsewhere, or cannot be written; it is then as it was.
    """
    problem = ""
    try:
        with private_files.locked(file):
            target = private_files.target_of(file)
            for _ in range(TRIES):
                before = _content(file)
                mark = _BOM if before.startswith(_BOM) else b""
                after = SecretBytes(mark + edit(_parsed(before, file)).encode())
                if _content(file) == before:
                    private_files.write(target, after)
                    return
        problem = "other programs keep changing it: try again"
    except OSError as error:
        problem = error.strerror or type(error).__name__
    raise ProfileError(f"the profile file {file} could not be written: {problem}", path=str(file))


def _content(file: Path) -> bytes:
    """Give the bytes of a file; none where there is none."""
    problem = ""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise OSError(errno.EINVAL, "it is no plain file")
        with file.open("rb") as opened:
            content = SecretBytes(opened.read(LARGEST + 1))
        private_files.close_to_others(file, "your keys")
        if len(content) <= LARGEST:
            return content
        problem = "it is far too large to be one"
    except FileNotFoundError:
        return b""
    except OSError as error:
        problem = error.strerror or type(error).__name__
    raise ProfileError(f"the profile file {file} cannot be read: {problem}", path=str(file))


def _parsed(content: bytes, file: Path) -> Ini:
    """Parse a file's bytes, or say which line is broken."""
    problem, line = "", 0
    try:
        return Ini(Secret(content.removeprefix(_BOM).decode()))
    except Broken as error:
        problem, line = str(error), error.line
    except UnicodeDecodeError as error:
        line = content.removeprefix(_BOM)[: error.start].count(b"\n") + 1
        problem = f"line {line} is not text (UTF-8)"
    raise ProfileError(
        f"the profile file {file} cannot be read: {problem}; mend that line in an editor, "
        "or move the file away and configure your profiles anew",
        path=str(file),
        line=line,
    )
