"""``gen3nb sandbox``: a practice commons from a terminal."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gen3nb.cli.grammar import Commands
from gen3nb.cli.output import AsJson, note, show, show_json, show_rows
from gen3nb.errors import Gen3Error

if TYPE_CHECKING:
    from gen3nb.commons import Commons

__all__ = ["app", "ends_on_request", "start"]

app = Commands("A practice commons: a real Gen3 server on this machine.")


@app.command()
def start(
    folder: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Keep the data here; otherwise it goes away at the end."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0: any that is free.")] = 0,
    demo: Annotated[bool, typer.Option("--demo", help="Load the demo project, 686 patients.")] = False,
    dictionary: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Another data model: a folder of YAML schemas, or a JSON file."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a practice commons in the foreground; Ctrl-C ends it.

    Shows its address and the API key files of its users: admin, submitter, reader, nobody.
    """
    import gen3nb

    with ends_on_request(), gen3nb.sandbox(folder, port=port, demo=demo, dictionary=dictionary) as commons:
        _say(commons, kept=folder is not None, as_json=as_json)
        server = _server(commons)
        try:
            while server.running:
                time.sleep(0.5)
        except KeyboardInterrupt:
            note("The practice commons has ended.")
            return
        raise Gen3Error("The practice commons has ended by itself.")


def _server(commons: Commons) -> Any:
    """Give the server's handle of a commons that we have started."""
    return commons.sandbox


def _say(commons: Commons, *, kept: bool, as_json: bool) -> None:
    server = _server(commons)
    keys = {user: str(server.credentials(user)) for user in server.users}
    if as_json:
        show_json({"endpoint": server.endpoint, "folder": str(server.folder), "credentials": keys})
        return
    show(f"A practice commons is running at {server.endpoint}\n\nAPI key files:")
    show_rows([{"user": user, "file": path} for user, path in keys.items()], ["user", "file"], heads=False)
    name = "submitter" if "submitter" in keys else next(iter(keys))
    show(f'\nIn Python: gen3nb.connect("{server.endpoint}", credentials="{keys[name]}")')
    end = f"its data stays in {server.folder}" if kept else "its data goes away"
    show(f"Ctrl-C ends it; {end}.")


@contextlib.contextmanager
def ends_on_request() -> Iterator[None]:
    """Let a request to end (SIGTERM) act as Ctrl-C does, so that what we started ends in order."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
