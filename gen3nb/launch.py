"""Start a practice commons on this machine: :func:`sandbox`, which ends with the process that started it.

Source service: all of them, imitated by ``python -m gen3nb.embedded`` in a process of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from gen3nb.errors import Gen3Error, MissingExtra, Unavailable

if TYPE_CHECKING:
    from gen3nb.commons import Commons

__all__ = ["Faults", "Sandbox", "sandbox", "start_server"]

Users = Mapping[str, Mapping[str, Iterable[str]]]
_CONTROL_HEADER = "X-Practice-Secret"
_running: weakref.WeakSet[Sandbox] = weakref.WeakSet()


class Faults:
    """What shall go wrong between a client and a practice commons.

    ``faults.add("504-after-commit", path="/api/v0/submission/*", times=1)`` makes the next submission end in a
    time-out although it is stored. Kinds: ``latency`` and ``cost-per-row`` (``seconds=``), ``401-html``, ``429``
    and ``503`` (``retry_after=``), ``502``, ``504``, ``504-after-commit``, ``drop-before``, ``drop-after``,
    ``html``, ``html-after``, ``html-in-middle``, ``half-json``, ``truncated``. As a context manager it takes all
    faults away at the end::

        with commons.sandbox.faults as faults:
            faults.add("latency", seconds=2)
            ...
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def add(
        self,
        kind: str,
        *,
        path: str = "*",
        method: str = "*",
        times: int | None = None,
        after: int = 0,
        seconds: float | None = None,
        retry_after: float | str | None = 1,
    ) -> int:
        """Set a fault.

        Parameters
        ----------
        kind : str
            What goes wrong, see above.
        path : str
            Shell pattern of the paths that it strikes, ``"/api/v0/submission/*"``; all by default.
        method : str
            HTTP method that it strikes; all by default.
        times : int, optional
            How many requests it strikes; by default every one, until it is taken away.
        after : int
            How many requests it lets through first.
        seconds : float, optional
            How long, for ``latency`` (per request) and ``cost-per-row`` (per row sent).
        retry_after : float or str, optional
            The ``Retry-After`` of ``429`` and ``503``, seconds or an HTTP date; ``None`` sends none.

        Returns
        -------
        int
            The fault's number, for :meth:`remove`.

        Raises
        ------
        Gen3Error
            If there is no such kind.
        """
        wait = None if retry_after is None else str(retry_after)
        facts = {
            "kind": kind,
            "path": path,
            "method": method,
            "times": times,
            "after": after,
            "seconds": seconds,
            "retry_after": wait,
        }
        return int(self._sandbox.control("faults", facts)["id"])

    def remove(self, number: int) -> None:
        """Take one fault away."""
        self._sandbox.control("faults", {"id": number}, method="DELETE")

    def clear(self) -> None:
        """Take all faults away."""
        self._sandbox.control("faults", method="DELETE")

    def list(self) -> list[dict[str, Any]]:
        """Give the faults that are set; ``struck`` says how often each has struck."""
        found: list[dict[str, Any]] = self._sandbox.control("faults", method="GET")["faults"]
        return found

    def __enter__(self) -> Faults:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._sandbox.running:
            self.clear()

    def __repr__(self) -> str:
        return f"<Faults of {self._sandbox.endpoint}>"


class Sandbox:
    """A running practice commons, as the process that started it sees it.

    Attributes
    ----------
    endpoint : str
        Where it is, ``http://127.0.0.1:<port>``.
    folder : Path
        Its data and API key files: the folder that was named, or a temporary one that goes away at the end.
    users : list[str]
        The users that it knows.
    faults : Faults
        What shall go wrong.
    """

    def __init__(
        self,
        process: subprocess.Popen[str],
        ready: Mapping[str, Any],
        secret: str,
        log: deque[str],
        drain: threading.Thread,
    ) -> None:
        self.endpoint: str = ready["endpoint"]
        self.folder = Path(ready["folder"])
        self.faults = Faults(self)
        self._process = process
        self._temporary = bool(ready["temporary"])
        self._keys = {name: Path(path) for name, path in ready["credentials"].items()}
        self._secret = secret
        self._log = log
        self._drain = drain
        self._lock = threading.Lock()
        self._owner = os.getpid()
        _running.add(self)

    @property
    def users(self) -> list[str]:
        """The users whose API key files exist."""
        return list(self._keys)

    @property
    def running(self) -> bool:
        """Whether the server is still there."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    def credentials(self, user: str = "admin") -> Path:
        """Give the path of a user's API key file, the JSON that a commons' profile page offers.

        Raises
        ------
        Gen3Error
            If there is no such user.
        """
        try:
            return self._keys[user]
        except KeyError:
            known = ", ".join(self._keys)
            raise Gen3Error(f"The practice commons has no user {user!r}. It has: {known}.") from None

    def as_user(self, user: str) -> Commons:
        """Connect as another user.

        Parameters
        ----------
        user : str
            ``"admin"``, ``"submitter"``, ``"reader"``, ``"nobody"`` or one named at the start.

        Returns
        -------
        Commons
            A connection of its own; closing it leaves the server running.
        """
        from gen3nb.commons import connect

        return connect(self.endpoint, credentials=str(self.credentials(user)))

    def token(self, user: str = "admin", *, expires_in: float | None = None) -> str:
        """Make an access token of any age.

        Parameters
        ----------
        user : str
            Whose.
        expires_in : float, optional
            Seconds until it ends; negative: it ended so long ago. By default a token's usual lifetime.
        """
        self.credentials(user)
        return str(self.control("token", {"user": user, "expires_in": expires_in})["access_token"])

    def api_key(self, user: str = "admin", *, expires_in: float | None = None) -> dict[str, str]:
        """Make an API key of any age: the content of a key file, ``{"api_key", "key_id"}``."""
        self.credentials(user)
        return dict(self.control("key", {"user": user, "expires_in": expires_in}))

    def grant(self, user: str, grants: Mapping[str, Iterable[str]]) -> None:
        """Set what a user may do from now on: project id or resource path to methods.

        The user must exist: name further users when you start the commons.
        """
        self.credentials(user)
        self.control("users", {user: {place: list(methods) for place, methods in grants.items()}})

    def settings(self, **changes: float) -> dict[str, float]:
        """Read or change the server's settings.

        Parameters
        ----------
        **changes : float
            ``token_lifetime`` and ``key_lifetime``, seconds, of what is issued from now on; ``clock_offset``,
            seconds that the server's clock is ahead.
        """
        return dict(self.control("settings", changes or None, method="POST" if changes else "GET"))

    def reset(self) -> None:
        """Empty the commons: no program, no project, no record, no file, no fault. Users and tokens stay."""
        self.control("reset", {})

    def control(
        self, route: str, facts: Mapping[str, Any] | None = None, *, method: str = "POST"
    ) -> dict[str, Any]:
        """Send a control request, which only the process that started the server can.

        Raises
        ------
        Gen3Error
            If the server says no.
        Unavailable
            If it is gone.
        """
        import requests

        headers = {_CONTROL_HEADER: self._secret}
        url = f"{self.endpoint}/_control/{route}"
        with requests.Session() as session:
            session.trust_env = False  # no proxy between this machine and itself
            try:
                answer = session.request(method, url, json=facts, headers=headers, timeout=60)
            except requests.RequestException:
                raise Unavailable(
                    f"The practice commons at {self.endpoint} does not answer: "
                    + ("its process has ended." if not self.running else "try again, or start another."),
                    service="sandbox",
                ) from None
        if answer.status_code != 200:
            raise Gen3Error(f"The practice commons refused: {answer.json()['message']}")
        found: dict[str, Any] = answer.json()
        return found

    def log(self) -> str:
        """Give the end of what the server wrote to its log, for finding out what went wrong in it."""
        return "".join(self._log).strip()

    def close(self) -> None:
        """Stop the server; what was not in a folder that you named is gone."""
        if os.getpid() != self._owner:
            return  # a child that was forked: the server is the parent's
        with self._lock:
            _stop(self._process, self._drain)
            if self._temporary:
                shutil.rmtree(self.folder, ignore_errors=True)
            _running.discard(self)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Sandbox {self.endpoint}{'' if self.running else ', stopped'}>"

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("A practice commons belongs to the process that started it and cannot be pickled.")


@atexit.register
def _close_all() -> None:
    for one in list(_running):
        with contextlib.suppress(OSError, ValueError):
            one.close()


def _stop(process: subprocess.Popen[str], drain: threading.Thread) -> None:
    """End a server: by the pipe, and if that does not help by force."""
    with contextlib.suppress(OSError, ValueError):
        if process.stdin:
            process.stdin.close()
    for force in (process.terminate, process.kill):
        try:
            process.wait(5)
            break
        except subprocess.TimeoutExpired:
            force()
    process.wait()
    drain.join(5)
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()


def start_server(
    folder: str | os.PathLike[str] | None = None,
    *,
    users: Users | None = None,
    dictionary: str | os.PathLike[str] | None = None,
    token_lifetime: int = 1800,
    key_lifetime: int = 30 * 86400,
    port: int = 0,
    passwords: Mapping[str, str] | None = None,
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
        Folder of YAML schemas, or a JSON file with what ``_dictionary/_all`` answers; by default the default Gen3
        dictionary.
    token_lifetime, key_lifetime : int
        Seconds that access tokens and API keys live.
    port : int
        The port; by default any that is free.
    passwords : Mapping, optional
        Basic authentication for services that write to the index, user to password; by default there is none.
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
    for module in ("starlette", "uvicorn", "jwt", "cryptography", "yaml"):
        if importlib.util.find_spec(module) is None:
            raise MissingExtra.named("sandbox", "A practice commons")
    secret = secrets.token_urlsafe(32)
    settings = {
        "secret": secret,
        "parent": os.getpid(),
        "port": port,
        "folder": None if folder is None else os.fspath(folder),
        "dictionary": None if dictionary is None else os.path.abspath(dictionary),
        "users": _plain(users),
        "token_lifetime": int(token_lifetime),
        "key_lifetime": int(key_lifetime),
        "passwords": dict(passwords or {}),
    }
    process = _spawn()
    log: deque[str] = deque(maxlen=400)
    drain = threading.Thread(target=_drain, args=(process, log), daemon=True, name="sandbox-log")
    drain.start()
    try:
        ready = _handshake(process, settings, timeout)
    except BaseException:
        _stop(process, drain)
        raise
    if "ready" not in ready:
        _stop(process, drain)
        reason = ready.get("error") or "".join(log).strip()[-2000:] or f"exit code {process.returncode}"
        raise Gen3Error(f"The practice commons could not start: {reason}")
    return Sandbox(process, ready, secret, log, drain)


def _plain(users: Users | None) -> dict[str, dict[str, list[str]]] | None:
    """Check and copy the grants, so that they can be written as JSON."""
    if users is None:
        return None
    plain: dict[str, dict[str, list[str]]] = {}
    for user, grants in users.items():
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
    # -P and the folder of this package: the server is the gen3nb that started it, wherever we stand
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
    home = str(Path(__file__).resolve().parent.parent)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
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


def _drain(process: subprocess.Popen[str], log: deque[str]) -> None:
    """Keep the last lines of the server's log; a full pipe would stop the server."""
    if process.stderr:
        with contextlib.suppress(OSError, ValueError):
            log.extend(process.stderr)


def _handshake(process: subprocess.Popen[str], settings: Mapping[str, Any], timeout: float) -> dict[str, Any]:
    """Send the settings, and wait for the line that says "ready" or why not; empty if the server died."""
    if process.stdin is None or process.stdout is None:
        raise Gen3Error("The practice commons was started without pipes.")
    with contextlib.suppress(OSError):  # it has ended already: what it wrote says why
        process.stdin.write(json.dumps(settings) + "\n")
        process.stdin.flush()
    out, lines = process.stdout, list[str]()
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


def sandbox(
    folder: str | os.PathLike[str] | None = None,
    *,
    users: Users | None = None,
    demo: bool = False,
    dictionary: str | os.PathLike[str] | None = None,
    faults: Iterable[Mapping[str, Any]] = (),
    token_lifetime: int = 1800,
    key_lifetime: int = 30 * 86400,
    port: int = 0,
) -> Commons:
    """Start a practice commons on this machine, and connect to it as its admin.

    It is a real server in a process of its own, reachable from this machine only, which answers as the services
    of a Gen3 commons do. It ends with :meth:`Commons.close`, at the end of a ``with`` block, or with this process.

    Parameters
    ----------
    folder : path, optional
        Where the data is kept, made if it is not there; by default a temporary folder, which goes away.
    users : Mapping[str, Mapping[str, Iterable[str]]], optional
        Who may do what: user to project id (``"DEMO-alpha"``) or resource path to methods. ``admin`` may do all;
        by default ``submitter`` creates, reads, updates and deletes everywhere, ``reader`` reads everywhere,
        ``nobody`` nothing.
    demo : bool
        Load the demo project: 686 breast-cancer patients of a published trial.
    dictionary : path, optional
        Another data model: a folder of YAML schemas, or a JSON file with what ``_dictionary/_all`` answers.
    faults : iterable of Mapping
        What shall go wrong from the start: the arguments of :meth:`Faults.add`.
    token_lifetime, key_lifetime : int
        Seconds that access tokens (half an hour) and API keys (30 days) live.
    port : int
        The port; by default any that is free.

    Returns
    -------
    Commons
        Signed in as ``admin``; its ``sandbox`` attribute is the :class:`Sandbox`.

    Raises
    ------
    MissingExtra
        If the packages of the extra ``sandbox`` are not installed.
    Gen3Error
        If the server cannot start; the message has its reason.
    """
    server = start_server(
        folder,
        users=users,
        dictionary=dictionary,
        token_lifetime=token_lifetime,
        key_lifetime=key_lifetime,
        port=port,
    )
    try:
        commons = server.as_user("admin")
        commons.sandbox = server
        if demo:
            from importlib import import_module

            import_module("gen3nb.demo").load(commons)
        for fault in faults:
            server.faults.add(**fault)
    except BaseException:
        server.close()
        raise
    return commons
