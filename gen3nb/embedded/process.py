"""One server process: settings in, sockets, key files, "ready" out, and the end."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from .parent import watch
from .policies import SettingsRefused
from .schemas import SchemaError
from .server import OPTIONAL, application
from .state import CREDENTIALS, FolderRefused, State, build

SETTINGS = (
    "folder",
    "dictionary",
    "users",
    "token_lifetime",
    "key_lifetime",
    "passwords",
    "private",
    "requestor",
    "without",
    "external",
    "prefix",
)
OTHER_SETTINGS = ("secret", "parent", "port")


CLIENT_FILE = "oidc-client.json"


class CannotStart(Exception):
    """The server cannot start; the message says why."""


class Protocol(H11Protocol):
    """HTTP that lets a fault reach the connection, to cut it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        inner: Any = self.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await inner({**scope, "gen3nb.transport": lambda: self.transport}, receive, send)

        self.app = app


class Server(uvicorn.Server):
    """A uvicorn server that ends when it is told to, not when the terminal says so."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave Ctrl-C to who started us: it is meant for them."""
        for name in ("SIGINT", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self.handle_exit)
        yield


def listen(port: int) -> list[socket.socket]:
    """Open the loopback sockets, IPv4 and where there is one IPv6, of one port.

    ``localhost`` may mean either; if the port were ours on one only, another user of the machine could take
    it on the other, and be sent our tokens.
    """
    for _ in range(20):
        first = _bind(socket.AF_INET, "127.0.0.1", port)
        try:
            second = _bind(socket.AF_INET6, "::1", first.getsockname()[1])
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                first.close()
                if port:
                    raise
                continue
            return [first]  # no IPv6 here, for nobody
        return [first, second]
    raise OSError(errno.EADDRINUSE, "no free port found")


def _bind(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    # asyncio switches Nagle's algorithm off (40 ms an answer) only where the protocol is named
    one = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":
            one.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((address, port))
        one.listen(128)
    except OSError:
        one.close()
        raise
    return one


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read, from the first byte, and all at once."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def write_client(state: State) -> str:
    """Write the file of the OIDC client; give its path."""
    path = state.settings.folder / CREDENTIALS / CLIENT_FILE
    path.parent.mkdir(mode=0o700, exist_ok=True)
    access = state.access
    facts = {"client_id": access.client.client_id, "client_secret": access.client_secret}
    write_secret(path, json.dumps(facts, indent=2))
    return str(path)


def write_keys(state: State) -> dict[str, str]:
    """Write one API key file per user; give their paths by user."""
    folder = state.settings.folder / CREDENTIALS
    folder.mkdir(mode=0o700, exist_ok=True)
    paths: dict[str, str] = {}
    for name, user in state.access.users.items():
        stem = "".join(letter if letter.isalnum() or letter in "-_@" else "_" for letter in name)
        path = folder / f"{stem}.json"
        # two names that differ in what a file name cannot hold, or the client's
        if str(path) in paths.values() or path.name == CLIENT_FILE:
            path = folder / f"{stem}-{user.number}.json"
        write_secret(path, json.dumps(state.access.api_key(user), indent=2))
        paths[name] = str(path)
    return paths


def read_settings(source: BinaryIO) -> dict[str, Any]:
    """Read the first line of standard input."""
    try:
        settings = json.loads(source.readline())
    except ValueError as error:
        raise CannotStart(f"The settings on standard input are no JSON: {error}.") from None
    if not isinstance(settings, dict):
        raise CannotStart("The settings on standard input are no JSON object.")
    unknown = set(settings) - {*SETTINGS, *OTHER_SETTINGS}
    if unknown:
        raise CannotStart(f"There is no setting {', '.join(sorted(unknown))}.")
    absent = set(settings.get("without") or ()) - set(OPTIONAL)
    if absent:
        raise CannotStart(
            f"A practice commons cannot do without {', '.join(sorted(absent))}; it can without"
            f" {', '.join(OPTIONAL)}."
        )
    return settings


def run(source: BinaryIO, out: TextIO) -> int:
    """Serve until the pipe closes, the parent is gone, or a control request says so."""
    try:
        settings = read_settings(source)
        state, sockets = prepare(settings)
    except (CannotStart, FolderRefused, SchemaError, SettingsRefused) as error:
        _say(out, {"error": str(error)})
        return 1
    try:
        serve(state, sockets, source, out, settings.get("parent"))
    finally:
        for one in sockets:
            one.close()
        state.close()
    return 0


def prepare(settings: dict[str, Any]) -> tuple[State, list[socket.socket]]:
    """Open the port and make the state."""
    port = int(settings.get("port") or 0)
    try:
        sockets = listen(port)
    except OSError as error:
        raise CannotStart(f"Port {port} of this machine cannot be opened: {error.strerror}.") from None
    endpoint = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    given = {name: settings[name] for name in SETTINGS if settings.get(name) is not None}
    try:
        return build(endpoint, secret=settings.get("secret"), **given), sockets
    except BaseException:
        for one in sockets:
            one.close()
        raise


def serve(
    state: State,
    sockets: list[socket.socket],
    source: BinaryIO,
    out: TextIO,
    parent: int | None,
) -> None:
    """Run the server; say so when it answers."""
    config = uvicorn.Config(
        application(state, lambda: setattr(server, "should_exit", True)),
        http=Protocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
    )
    server = Server(config)

    def end() -> None:
        server.should_exit = True

    async def main() -> None:
        task = asyncio.ensure_future(server.serve(sockets=sockets))
        while not server.started and not task.done():
            await asyncio.sleep(0.005)
        if server.started:
            ready = {
                "ready": True,
                "endpoint": state.settings.endpoint,
                "folder": str(state.settings.folder),
                "temporary": state.settings.temporary,
                "credentials": write_keys(state),
                "client": write_client(state),
                "pid": os.getpid(),
            }
            _say(out, ready)
        await task

    watch(source, end, state.close, parent)
    asyncio.run(main())


def _say(out: TextIO, facts: dict[str, Any]) -> None:
    """Write a line to who started us, who may be gone."""
    with suppress(OSError):
        out.write(json.dumps(facts) + "\n")
        out.flush()
