"""``gen3nb sandbox``: a practice commons from a terminal."""

from __future__ import annotations

import contextlib
import signal
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gen3nb.cli.grammar import Commands
from gen3nb.cli.output import AsJson, failed, note, show, show_json, show_rows
from gen3nb.cli.target import Credentials, Endpoint, Profile, connected
from gen3nb.errors import Gen3Error

if TYPE_CHECKING:
    from gen3nb.launch.background import Running

__all__ = ["app", "ends_on_request", "start"]

app = Commands("A practice commons: a real Gen3 server on this machine.")

Port = Annotated[int, typer.Option(min=0, max=65535, help="The port; 0: any that is free.")]
Dictionary = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="Another data model: a folder of YAML schemas, or a JSON file."),
]


@app.command()
def start(
    place: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", help="Keep the data here; otherwise it goes away at the end."),
    ] = None,
    folder: Annotated[Path | None, typer.Option(metavar="FOLDER", help="The same as the argument.")] = None,
    background: Annotated[
        bool, typer.Option("--background", help="Let it go on, and give the terminal back.")
    ] = False,
    port: Port = 0,
    demo: Annotated[bool, typer.Option("--demo", help="Load the demo project, 686 patients.")] = False,
    dictionary: Dictionary = None,
    as_json: AsJson = False,
) -> None:
    """Run a practice commons in the foreground, until Ctrl-C, or with `--background` until `sandbox stop`.

    Shows its address and the API key files of its users: admin, submitter, reader, nobody.
    """
    import gen3nb
    from gen3nb.launch.background import noted, start_in_background

    if place is not None and folder is not None and place != folder:
        raise typer.BadParameter("the folder is given twice, and not the same")
    folder = place if place is not None else folder
    if background:
        started = start_in_background(folder, port=port, demo=demo, dictionary=dictionary)
        _say(started.facts(), as_json=as_json, end=f"gen3nb sandbox stop {_port(started)} ends it")
        return
    with ends_on_request(), gen3nb.sandbox(folder, port=port, demo=demo, dictionary=dictionary) as commons:
        server: Any = commons.sandbox
        facts = {
            "endpoint": server.endpoint,
            "folder": str(server.folder),
            "temporary": folder is None,
            "credentials": {user: str(server.credentials(user)) for user in server.users},
        }
        with noted(server, temporary=folder is None) as paper:
            _say(facts, as_json=as_json, end="Ctrl-C ends it")
            try:
                while server.running and paper.exists():
                    time.sleep(0.5)
                asked = not paper.exists()
            except KeyboardInterrupt:
                asked = True
        if not asked:
            raise Gen3Error("The practice commons has ended by itself.")
    note("The practice commons has ended.")


@app.command()
def status(as_json: AsJson = False) -> None:
    """List the practice commons that run on this machine, with their folders and API key files."""
    from gen3nb.launch.background import running_commons

    found = running_commons()
    if as_json:
        show_json([one.facts() for one in found])
        return
    if not found:
        show("No practice commons is running. gen3nb sandbox start starts one.")
        return
    for one in found:
        goes = "goes away with it" if one.temporary else "stays"
        show(f"{one.endpoint}, since {one.started}, in {one.folder} ({goes})")
        rows = [{"user": f"  {user}", "file": file} for user, file in one.credentials.items()]
        show_rows(rows, ["user", "file"], heads=False)


@app.command()
def stop(
    which: Annotated[
        str | None, typer.Argument(metavar="PORT|ADDRESS|FOLDER", help="Which, where several run.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that run.")] = False,
    as_json: AsJson = False,
) -> None:
    """End a practice commons that runs; data in a folder that was named stays."""
    from gen3nb.launch.background import running_commons, stop_commons

    found = running_commons()
    chosen = found if which is None else [one for one in found if which in _names(one)]
    if which is not None and not chosen:
        # a folder as it is typed
        place = str(Path(which).expanduser().absolute())
        chosen = [one for one in found if one.folder == place]
    if which is not None and not chosen:
        raise Gen3Error(f"No practice commons {which} is running. {_listed(found)}")
    if len(chosen) > 1 and not everything:
        raise Gen3Error(f"Several practice commons are running: say which, or --all. {_listed(found)}")
    for one in chosen:
        stop_commons(one)
        note(f"The practice commons at {one.endpoint} has ended.")
    if not chosen:
        note("No practice commons was running.")
    if as_json:
        show_json([one.facts() for one in chosen])


@app.command()
def clone(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the copy is kept.")],
    project: Annotated[
        list[str], typer.Option("--project", metavar="PROGRAM-PROJECT", help="What to copy; repeatable.")
    ],
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Copy projects of a commons, with its dictionary, into a practice commons that is kept in a folder.

    Records only, no files. `gen3nb sandbox start FOLDER` then serves it, to nobody without a key. The exit
    code is 1 if some records were not taken.
    """
    import gen3nb
    from gen3nb.launch.cloning import ClonedInPart

    with (
        ends_on_request(),
        connected(profile, endpoint, cred) as source,
        warnings.catch_warnings(record=True) as said,
    ):
        warnings.simplefilter("always", ClonedInPart)
        with gen3nb.sandbox(folder, clone=source, project=list(project)) as copy:
            table = copy.counts()
    lost = [str(one.message) for one in said if issubclass(one.category, ClonedInPart)]
    for one in lost:
        failed(one)
    counts = {name: int(rows["records"].sum()) for name, rows in table.groupby("project")}
    if as_json:
        show_json({"folder": str(folder.expanduser().absolute()), "records": counts, "lost": lost})
    else:
        show_rows(
            [{"project": name, "records": count} for name, count in counts.items()], ["project", "records"]
        )
        show(f"gen3nb sandbox start {folder} serves the copy.")
    if lost:
        raise typer.Exit(1)


def _port(one: Running) -> str:
    return one.endpoint.rpartition(":")[2]


def _names(one: Running) -> set[str]:
    return {_port(one), one.endpoint, one.endpoint + "/", one.folder}


def _listed(found: list[Running]) -> str:
    if not found:
        return "None is."
    return "There are: " + "; ".join(f"{one.endpoint} in {one.folder}" for one in found)


def _say(facts: Mapping[str, Any], *, as_json: bool, end: str) -> None:
    """Say where a practice commons is, and how to connect to it."""
    if as_json:
        show_json(facts)
        return
    keys = facts["credentials"]
    show(f"A practice commons is running at {facts['endpoint']}\n\nAPI key files:")
    show_rows([{"user": user, "file": path} for user, path in keys.items()], ["user", "file"], heads=False)
    name = "submitter" if "submitter" in keys else next(iter(keys))
    show(f'\nIn Python: gen3nb.connect("{facts["endpoint"]}", credentials="{keys[name]}")')
    kept = "its data goes away" if facts["temporary"] else f"its data stays in {facts['folder']}"
    show(f"{end}; {kept}.")


@contextlib.contextmanager
def ends_on_request() -> Iterator[None]:
    """Let a request to end (SIGTERM) act as Ctrl-C does, so that what we started ends in order."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
