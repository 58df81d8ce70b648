"""Practice commons that go on without the terminal that started them, and the notes by which they are found.

Each running one has a file in the user's state folder, readable by the user alone: it holds the secret that
its control routes need, so that another process may end it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gen3nb.client.private_files import write
from gen3nb.client.redaction import Secret
from gen3nb.errors import Gen3Error
from gen3nb.launch.running import CONTROL_HEADER
from gen3nb.launch.starting import child_environment

if TYPE_CHECKING:
    from gen3nb.launch.running import Sandbox

__all__ = ["Running", "noted", "reset_commons", "running_commons", "start_in_background", "stop_commons"]

PATIENCE = 30.0


@dataclass(frozen=True)
class Running:
    """A practice commons that runs on this machine.

    Attributes
    ----------
    endpoint : str
        Where it is.
    folder : str
        Its data and key files.
    temporary : bool
        Whether the folder goes away with it.
    credentials : dict of str to str
        The API key files, by user.
    pid : int
        The process that ends it when it ends.
    started : str
        When, in ISO 8601.
    """

    endpoint: str
    folder: str
    temporary: bool
    credentials: dict[str, str]
    pid: int
    started: str
    secret: Secret = field(repr=False)
    note: Path = field(repr=False)

    def facts(self) -> dict[str, Any]:
        """Give what may be shown: all but the secret."""
        names = ("endpoint", "folder", "temporary", "credentials", "pid", "started")
        return {name: getattr(self, name) for name in names}


def _notes() -> Path:
    from platformdirs import user_state_path

    return user_state_path("gen3nb", appauthor=False) / "sandboxes"


@contextlib.contextmanager
def noted(server: Sandbox, *, temporary: bool) -> Iterator[Path]:
    """Keep a note of a practice commons while it runs.

    Parameters
    ----------
    server : Sandbox
    temporary : bool
        Whether its folder goes away with it.

    Yields
    ------
    Path
        The note; who takes it away means the end of the commons.

    Raises
    ------
    Gen3Error
        It cannot be written.
    """
    folder = _notes()
    facts = {
        "endpoint": server.endpoint,
        "folder": str(server.folder),
        "temporary": temporary,
        "credentials": {user: str(server.credentials(user)) for user in server.users},
        "pid": os.getpid(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "secret": server.secret,
    }
    note = folder / f"{server.endpoint.rpartition(':')[2]}.json"
    problem = ""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        write(note, json.dumps(facts, indent=1).encode())
    except OSError as error:
        problem = error.strerror or type(error).__name__
    if problem:
        raise Gen3Error(f"the note of the practice commons could not be written to {note}: {problem}")
    try:
        yield note
    finally:
        note.unlink(missing_ok=True)


def running_commons() -> list[Running]:
    """Give the practice commons that the command line started and that still answer, the oldest first.

    Notes of those that were killed are tidied away.
    """
    found = []
    for note in sorted(_notes().glob("*.json")):
        one = _read(note)
        if one is None or not _answers(one):
            note.unlink(missing_ok=True)
        else:
            found.append(one)
    return sorted(found, key=lambda one: one.started)


def start_in_background(
    folder: str | os.PathLike[str] | None = None,
    *,
    dictionary: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Running:
    """Start a practice commons that goes on when this process ends; :func:`stop_commons` ends it.

    Parameters
    ----------
    folder, dictionary, **options
        As :func:`gen3nb.sandbox` takes them; all that JSON can hold.

    Returns
    -------
    Running

    Raises
    ------
    Gen3Error
        It could not start; the message has the reason.
    """
    settings = {
        "folder": None if folder is None else os.path.abspath(os.path.expanduser(folder)),
        **options,
        "dictionary": None if dictionary is None else os.path.abspath(os.path.expanduser(dictionary)),
    }
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "gen3nb.launch.keeper"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        env=child_environment(),
        **apart,
    )
    answer = _asked(process, settings)
    if "note" not in answer:
        raise Gen3Error(answer.get("error") or "The practice commons could not start in the background.")
    started = _read(Path(answer["note"]))
    if started is None:
        raise Gen3Error("The practice commons started in the background, and ended at once.")
    return started


def _asked(process: subprocess.Popen[str], settings: dict[str, Any]) -> dict[str, Any]:
    """Tell the keeper what to start, and give its one line of answer; it goes on after that."""
    said = ""
    try:
        with contextlib.suppress(OSError):  # it has ended already
            if process.stdin:
                process.stdin.write(json.dumps(settings))
                process.stdin.close()
        said = process.stdout.readline() if process.stdout else ""
    except KeyboardInterrupt:
        process.terminate()
        raise
    finally:
        if process.stdout:
            process.stdout.close()
        process.returncode = process.returncode or 0  # not waited for: it is to outlive this process
    answer: dict[str, Any] = json.loads(said) if said.strip() else {}
    return answer


def stop_commons(one: Running) -> None:
    """End a practice commons, and wait until it has.

    Raises
    ------
    Gen3Error
        It does not end.
    """
    one.note.unlink(missing_ok=True)  # so that who keeps it knows that it was asked for
    _control(one, "POST", "shutdown")
    until = time.monotonic() + PATIENCE
    while _answers(one) or (one.temporary and Path(one.folder).exists()):
        if time.monotonic() > until:
            raise Gen3Error(
                f"The practice commons at {one.endpoint} does not end: end its process {one.pid} yourself."
            )
        time.sleep(0.1)


def reset_commons(one: Running) -> None:
    """Empty a practice commons: no program, no record, no file is left; users and keys stay.

    Raises
    ------
    Gen3Error
        It did not do so.
    """
    if (status := _control(one, "POST", "reset")) != 200:
        why = f"it answered {status}" if status else "it does not answer"
        raise Gen3Error(f"The practice commons at {one.endpoint} was not emptied: {why}.")


def _read(note: Path) -> Running | None:
    """Read a note; None if it is none, or is not ours alone."""
    try:
        if os.name == "posix" and note.stat().st_uid != os.geteuid():
            return None
        facts = json.loads(note.read_text(encoding="utf-8"))
        return Running(**{**facts, "secret": Secret(facts["secret"]), "note": note})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _answers(one: Running) -> bool:
    return _control(one, "GET", "settings") == 200


def _control(one: Running, method: str, route: str) -> int:
    """Send a control request; give the answer's status, 0 if there is none."""
    import requests

    with requests.Session() as session:
        session.trust_env = False  # no proxy between this machine and itself
        try:
            answer = session.request(
                method, f"{one.endpoint}/_control/{route}", headers={CONTROL_HEADER: one.secret}, timeout=10
            )
        except requests.RequestException:
            return 0
        return answer.status_code
