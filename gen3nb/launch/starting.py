"""Start the server process of a practice commons, and wait until it answers."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import secrets
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gen3nb.errors import Gen3Error, MissingExtra
from gen3nb.launch import linking
from gen3nb.launch.linking import External
from gen3nb.launch.running import Sandbox, stop

_PREFIX = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]*[/:])?")
Users = Mapping[str, Mapping[str, Iterable[str]]]


def start_server(
    folder: str | os.PathLike[str] | None = None,
    *,
    users: Users | None = None,
    dictionary: str | os.PathLike[str] | None = None,
    token_lifetime: int = 1800,
    key_lifetime: int = 30 * 86400,
    port: int = 0,
    passwords: Mapping[str, str] | None = None,
    private: bool = False,
    requestor: Mapping[str, Any] | None = None,
    without: Iterable[str] = (),
    external: External | None = None,
    prefix: str | None = None,
    timeout: float = 60,
) -> Sandbox:
    """Start the server of a practice commons, without connecting to it.

    Parameters
    ----------
    folder : path, optional
        Where the data is kept, made if it is not there; by default a temporary folder.
    users : Mapping, optional
        Who may do what: user to project id (or resource path) to methods.
    dictionary : path, optional
        Folder of YAML schemas, or a JSON file with what ``_dictionary/_all`` answers; by default the
        default Gen3 dictionary.
    token_lifetime, key_lifetime : int
        Seconds that access tokens and API keys live.
    port : int
        The port; by default any that is free.
    passwords : Mapping, optional
        Basic authentication for services that write to the index, user to password; by default there is none.
    private : bool
        Whether every route needs a token, for copies of real records.
    requestor, without, external, prefix
        As :func:`gen3nb.sandbox` has them.
    timeout : float
        Seconds to wait for it.

    Returns
    -------
    Sandbox

    Raises
    ------
    MissingExtra
        If the packages of the extra ``sandbox`` are not installed.
    Gen3Error
        If the server cannot start; the message has its reason.
    """
    return begin(
        folder,
        users=users,
        dictionary=dictionary,
        token_lifetime=token_lifetime,
        key_lifetime=key_lifetime,
        port=port,
        passwords=passwords,
        private=private,
        requestor=requestor,
        without=without,
        external=external,
        prefix=prefix,
    ).wait(timeout)


class Starting:
    """A server that is on its way: time to do something else before :meth:`wait`."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._secret = str(settings["secret"])
        self._process = _spawn()
        self._log: deque[str] = deque(maxlen=400)
        arguments = (self._process, self._log)
        self._drain = threading.Thread(target=_drain, args=arguments, daemon=True, name="sandbox-log")
        self._drain.start()
        with contextlib.suppress(OSError):  # it has ended already: what it wrote says why
            if self._process.stdin:
                self._process.stdin.write(json.dumps(settings) + "\n")
                self._process.stdin.flush()

    def wait(self, timeout: float = 60) -> Sandbox:
        """Wait until the server answers.

        Raises
        ------
        Gen3Error
            If it does not; the message has its reason.
        """
        try:
            ready = _first_line(self._process, timeout)
        except BaseException:
            self.stop()
            raise
        if "ready" not in ready:
            self.stop()
            log = [line.strip() for line in self._log if line.strip()]
            reason = ready.get("error") or (log[-1] if log else f"exit code {self._process.returncode}")
            raise Gen3Error(f"The practice commons could not start: {reason}")
        return Sandbox(self._process, ready, self._secret, self._log, self._drain)

    def stop(self) -> None:
        """End the server."""
        stop(self._process, self._drain)


def begin(
    folder: str | os.PathLike[str] | None = None,
    *,
    users: Users | None = None,
    dictionary: str | os.PathLike[str] | None = None,
    token_lifetime: int = 1800,
    key_lifetime: int = 30 * 86400,
    port: int = 0,
    passwords: Mapping[str, str] | None = None,
    private: bool = False,
    requestor: Mapping[str, Any] | None = None,
    without: Iterable[str] = (),
    external: External | None = None,
    prefix: str | None = None,
) -> Starting:
    """Start the server process, as :func:`start_server`, without waiting for it."""
    for module in ("starlette", "uvicorn", "jwt", "cryptography", "yaml"):
        if importlib.util.find_spec(module) is None:
            raise MissingExtra.named("sandbox", "A practice commons")
    for name, seconds in (("token_lifetime", token_lifetime), ("key_lifetime", key_lifetime)):
        if seconds < 1:
            raise Gen3Error(f"{name} is a number of seconds, 1 or more; this is {seconds!r}.")
    if prefix is not None and not _PREFIX.fullmatch(prefix):
        raise Gen3Error(f"prefix={prefix!r}: what GUIDs begin with looks like 'dg.ABCD/'; '' is none at all.")
    return Starting(
        {
            "secret": secrets.token_urlsafe(32),
            "parent": os.getpid(),
            "port": port,
            "folder": None if folder is None else os.path.abspath(os.path.expanduser(folder)),
            "dictionary": None if dictionary is None else os.path.abspath(os.path.expanduser(dictionary)),
            "users": _plain(users),
            "token_lifetime": int(token_lifetime),
            "key_lifetime": int(key_lifetime),
            "passwords": dict(passwords or {}),
            "private": private,
            "requestor": dict(requestor) if requestor else None,
            "without": [without] if isinstance(without, str) else list(without),
            "external": linking.providers(external or {}),
            "prefix": prefix,
        }
    )


def _plain(users: Users | None) -> dict[str, dict[str, list[str]]] | None:
    """Check and copy the grants, so that they can be written as JSON."""
    if users is None:
        return None
    plain: dict[str, dict[str, list[str]]] = {}
    for user, grants in users.items():
        if not isinstance(grants, Mapping):
            raise Gen3Error(
                f"What {user!r} may do is a mapping of project ids to methods, such as "
                f"{{'DEMO-alpha': ['create', 'read']}}; this is {grants!r}."
            )
        plain[user] = {}
        for place, methods in grants.items():
            if isinstance(methods, str):
                raise Gen3Error(
                    f"What {user!r} may do in {place!r} is a list of methods, such as ['create', 'read']; "
                    f"this is the text {methods!r}."
                )
            plain[user][place] = list(methods)
    return plain


def _spawn() -> subprocess.Popen[str]:
    """Start the process: apart from our terminal, so that Ctrl-C in a cell does not reach it."""
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    environment = {**child_environment(), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "gen3nb.embedded"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env=environment,
        **apart,
    )


def child_environment() -> dict[str, str]:
    """Give the environment of a process that is to run the gen3nb that started it (with ``-P``).

    An installed gen3nb is found as it is. Its folder must not be named in ``PYTHONPATH``: that stands before
    the standard library, and packages there may bear names out of it (``asyncio``, which the SDK brings).
    """
    home = Path(__file__).resolve().parent.parent.parent
    if home.name in ("site-packages", "dist-packages"):
        return dict(os.environ)
    path = os.pathsep.join(filter(None, (str(home), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path}


def _drain(process: subprocess.Popen[str], log: deque[str]) -> None:
    """Keep the last lines of the server's log; a full pipe would stop the server."""
    if process.stderr:
        with contextlib.suppress(OSError, ValueError):
            log.extend(process.stderr)


def _first_line(process: subprocess.Popen[str], timeout: float) -> dict[str, Any]:
    """Wait for the line that says "ready" or why not; empty if the server died."""
    out, lines = process.stdout, list[str]()
    if out is None:
        raise Gen3Error("The practice commons was started without pipes.")
    reader = threading.Thread(target=lambda: lines.append(out.readline()), daemon=True)
    reader.start()
    reader.join(timeout)
    if reader.is_alive():
        process.kill()
        reader.join()
        raise Gen3Error(f"The practice commons did not start within {timeout:g} seconds.")
    try:
        answer: dict[str, Any] = json.loads(lines[0])
    except (ValueError, IndexError):
        return {}
    return answer
