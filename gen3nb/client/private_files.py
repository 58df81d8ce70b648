"""Files that hold keys: readable by their owner alone, written in one step, one writer at a time."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gen3nb.errors import ProfileError

__all__ = ["close_to_others", "locked", "target_of", "write"]

logger = logging.getLogger("gen3nb.client")

WAIT = 60.0  # seconds for other writers, each of whom needs a few milliseconds
_NO_LOCKS = (
    errno.ENOSYS,
    errno.ENOLCK,
    errno.EOPNOTSUPP,
    errno.EINVAL,
)  # what file systems without them answer


def close_to_others(file: Path, what: str) -> None:
    """Let nobody but its owner read a file, and say so where that was not the case.

    Parameters
    ----------
    file : Path
        An API key file or the profile file.
    what : str
        What it holds, for the warning.
    """
    if os.name != "posix":
        return  # on Windows a home is its owner's
    try:
        status = file.stat()
        if not status.st_mode & 0o077:
            return
        if status.st_uid == os.geteuid():
            file.chmod(0o600)
            status = file.stat()
    except OSError as error:
        logger.debug("the mode of %s could not be changed: %s", file, error.strerror)
        return
    if status.st_mode & 0o077:
        logger.warning(
            "other users of this machine can read %s in %s: move it where only you can", what, file
        )
    else:
        logger.warning(
            "other users of this machine could read %s in %s: it is now readable by you alone (chmod 600); "
            "if you do not trust them all, make a new key and delete this one",
            what,
            file,
        )


def target_of(file: Path) -> Path:
    """Give the file to write: the file itself, or where a link leads that its owner has made.

    Raises
    ------
    ProfileError
        The link leads nowhere, to no plain file, or to a file of another user: what is written there would be
        in other hands.
    """
    try:
        status = file.lstat()
    except FileNotFoundError:
        return file
    if stat.S_ISREG(status.st_mode):
        return file
    problem = "is no plain file"
    if stat.S_ISLNK(status.st_mode):
        target = Path(os.path.realpath(file))
        try:
            found = target.stat()
        except OSError:
            problem = f"is a link to {target}, where nothing is"
        else:
            mine = os.name != "posix" or {status.st_uid, found.st_uid} <= {os.geteuid()}
            if mine and stat.S_ISREG(found.st_mode):
                return target
            problem = f"is a link to {target}, which is " + ("no plain file" if mine else "another user's")
    raise ProfileError(
        f"{file} {problem}: nothing was written; take it away, or put a file of your own there"
    )


def write(file: Path, content: bytes) -> None:
    """Put a new content in a file's place: in one step, readable by its owner alone from the first byte.

    Raises
    ------
    OSError
        The folder or the disk does not allow it; the old content is still there.
    """
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # made 0600
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(name, file)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


@contextlib.contextmanager
def locked(file: Path, timeout: float = WAIT) -> Iterator[None]:
    """Be the only writer of a file, in a folder that only its owner can enter.

    By ``flock``, which also works on network homes; where a file system has none, by a file beside it.

    Raises
    ------
    ProfileError
        Another program did not finish in time.
    """
    from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name == "posix":
        folder = file.parent.stat()
        if folder.st_mode & 0o077 and folder.st_uid == os.geteuid():
            file.parent.chmod(0o700)
    name = file.parent / f".{file.name}.lock"
    lock: BaseFileLock = FileLock(name, mode=0o600)
    late = False
    try:
        try:
            lock.acquire(timeout=timeout, poll_interval=0.02)
        except (NotImplementedError, OSError) as error:
            if isinstance(error, Timeout) or getattr(error, "errno", errno.ENOSYS) not in _NO_LOCKS:
                raise
            lock = SoftFileLock(name.with_suffix(".held"), mode=0o600)
            lock.acquire(timeout=timeout, poll_interval=0.02)
    except Timeout:
        late = True
    if late:
        raise ProfileError(
            f"another program has been writing {file} for {timeout:.0f} seconds: try again; "
            f"if none is running, delete {lock.lock_file}"
        )
    try:
        yield
    finally:
        lock.release()
