"""A running practice commons, as the process that started it sees it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import threading
import weakref
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from gen3nb.client.redaction import Secret
from gen3nb.errors import Gen3Error, Unavailable
from gen3nb.launch.faults import Faults

if TYPE_CHECKING:
    from gen3nb.commons import Commons

CONTROL_HEADER = "X-Practice-Secret"
# a connection as another user keeps the server that it leads to
_servers: weakref.WeakKeyDictionary[Commons, Sandbox] = weakref.WeakKeyDictionary()


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
        self._client = Path(ready["client"])
        self.secret = Secret(secret)  # of the control routes
        self._log = log
        self._drain = drain
        # also when the last reference goes, and at the end of this process
        facts = (process, drain, self.folder if self._temporary else None, os.getpid())
        self._end = weakref.finalize(self, _end, *facts)

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

    def credentials(
        self, user: str = "admin", *, expires_in: float | None = None, deleted: bool = False
    ) -> Path:
        """Give the path of a user's API key file, the JSON that a commons' profile page offers.

        Parameters
        ----------
        user : str
            Whose. Who was granted access by a request, and is not among :attr:`users`, gets a file now.
        expires_in : float, optional
            Seconds until the key ends; negative: it ended so long ago. Then a new file is made.
        deleted : bool
            Make a file with a key that its user has deleted.

        Raises
        ------
        Gen3Error
            If there is no such user.
        """
        if expires_in is None and not deleted and user in self._keys:
            return self._keys[user]
        key = self.control("key", {"user": user, "expires_in": expires_in, "deleted": deleted})
        path = self._client.parent / f"key-{key['key_id']}.json"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(key, file, indent=2)
        if expires_in is None and not deleted:
            self._keys[user] = path
        return path

    def client_credentials(self) -> Path:
        """Give the path of the file of an OIDC client: ``{"client_id", "client_secret"}``.

        The client may read all projects. It is a program that signs in by itself, and no user
        (``POST /user/oauth2/token``).
        """
        return self._client

    def workspace(self, user: str | None = "submitter") -> str:
        """Let this machine be a user's workspace, until it is another's; ``None``: nobody's.

        Then the workspace token service gives that user's tokens to whoever on this machine asks without
        one, as it does in the cluster of a commons.

        Returns
        -------
        str
            The address of the service, for the environment variable ``GEN3NB_WORKSPACE_URL``.
        """
        self.control("workspace", {"user": user})
        return f"{self.endpoint}/wts"

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

        key = str(self.credentials(user))
        commons = connect(self.endpoint, credentials=key, proxies={"no_proxy": "127.0.0.1,localhost"})
        _servers[commons] = self
        return commons

    def token(self, user: str = "admin", *, expires_in: float | None = None) -> str:
        """Make an access token of any age.

        Parameters
        ----------
        user : str
            Whose.
        expires_in : float, optional
            Seconds until it ends; negative: it ended so long ago. By default a token's usual lifetime.
        """
        return str(self.control("token", {"user": user, "expires_in": expires_in})["access_token"])

    def api_key(self, user: str = "admin", *, expires_in: float | None = None) -> dict[str, str]:
        """Make an API key of any age: the content of a key file, ``{"api_key", "key_id"}``."""
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
            seconds that the server's clock is ahead; for jobs ``job_delay``, seconds until one starts,
            ``job_duration``, the fewest seconds that one runs, and ``job_lifetime``, seconds after its start
            when one that has ended is no longer listed; ``indexing``, whether a file that comes in is looked
            at, and its record filled with size and hashes.
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

        headers = {CONTROL_HEADER: self.secret}
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
        self._end()

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


def _end(process: subprocess.Popen[str], drain: threading.Thread, folder: Path | None, owner: int) -> None:
    """Stop a server and tidy up, unless this is a child that was forked: the server is the parent's."""
    if os.getpid() != owner:
        return
    stop(process, drain)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def stop(process: subprocess.Popen[str], drain: threading.Thread) -> None:
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
