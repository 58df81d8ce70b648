"""``gen3nb sandbox``: a practice commons from a terminal."""

from __future__ import annotations

import contextlib
import json
import shlex
import signal
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gen3nb.cli.grammar import Commands
from gen3nb.cli.output import AsJson, confirmed, failed, note, show, show_json, show_rows
from gen3nb.cli.target import Credentials, Endpoint, Profile, connected
from gen3nb.errors import Gen3Error

if TYPE_CHECKING:
    from gen3nb.commons import Commons
    from gen3nb.launch.background import Running

__all__ = ["app", "ends_on_request", "start"]

app = Commands("A practice commons: a real Gen3 server on this machine.")

Port = Annotated[int, typer.Option(min=0, max=65535, help="The port; 0: any that is free.")]
Dictionary = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="Another data model: a folder of YAML schemas, or a JSON file."),
]


Prefix = Annotated[
    str | None,
    typer.Option(metavar="PREFIX", help="What the GUIDs of new files begin with: dg.ABCD/, or ''."),
]
Users = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.json", help='Who may do what: {"submitter": {"DEMO-alpha": ["create", "read"]}}.'
    ),
]
Without = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SERVICE",
        help="Leave it out: arborist, metadata, requestor, shepherd, sower, wts; repeatable.",
    ),
]
Projects = Annotated[
    list[str] | None,
    typer.Option("--project", metavar="PROGRAM-PROJECT", help="Make this project; repeatable."),
]
Lifetime = Annotated[
    int, typer.Option(min=1, metavar="SECONDS", help="How long access tokens live; half an hour by default.")
]
Which = Annotated[str | None, typer.Argument(metavar="PORT|ADDRESS|FOLDER", help="Which, where several run.")]


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
    prefix: Prefix = None,
    users: Users = None,
    without: Without = None,
    token_lifetime: Lifetime = 1800,
    projects: Projects = None,
    as_json: AsJson = False,
) -> None:
    """Run a practice commons in the foreground, until Ctrl-C, or with `--background` until `sandbox stop`.

    Shows its address and the API key files of its users: admin, submitter, reader, nobody.
    """
    import gen3nb
    from gen3nb.launch.background import noted, start_in_background, stop_commons

    if place is not None and folder is not None and place != folder:
        raise typer.BadParameter("the folder is given twice, and not the same")
    folder = place if place is not None else folder
    for one in projects or ():
        if not all(one.partition("-")):
            raise typer.BadParameter(f"{one!r} is not as DEMO-alpha", param_hint="--project")
    options: dict[str, Any] = {
        "port": port,
        "demo": demo,
        "dictionary": dictionary,
        "prefix": prefix,
        "users": _users_of(users),
        "without": without or [],
        "token_lifetime": token_lifetime,
    }
    if background:
        started = start_in_background(folder, **options)
        try:
            if projects:
                with gen3nb.connect(started.endpoint, credentials=started.credentials["admin"]) as commons:
                    _make(commons, projects)
        except BaseException:  # whatever it is: nobody knows yet that it runs
            stop_commons(started)
            raise
        _say(started.facts(), as_json=as_json, end=f"gen3nb sandbox stop {_port(started)} ends it")
        return
    with ends_on_request(), gen3nb.sandbox(folder, **options) as commons:
        server: Any = commons.sandbox
        _make(commons, projects or ())
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
    which: Which = None,
    everything: Annotated[bool, typer.Option("--all", help="All that run.")] = False,
    as_json: AsJson = False,
) -> None:
    """End a practice commons that runs; data in a folder that was named stays."""
    from gen3nb.launch.background import stop_commons

    chosen = _chosen(which)
    if len(chosen) > 1 and not everything:
        raise Gen3Error(f"Several practice commons are running: say which, or --all. {_listed(chosen)}")
    for one in chosen:
        stop_commons(one)
        note(f"The practice commons at {one.endpoint} has ended.")
    if not chosen:
        note("No practice commons was running.")
    if as_json:
        show_json([one.facts() for one in chosen])


@app.command()
def reset(
    which: Which = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Empty a practice commons that runs: no program, record or file is left; users and keys stay."""
    from gen3nb.launch.background import reset_commons

    chosen = _chosen(which)
    if len(chosen) > 1:
        raise Gen3Error(f"Several practice commons are running: say which. {_listed(chosen)}")
    if not chosen:
        raise Gen3Error("No practice commons is running. gen3nb sandbox start starts one.")
    (one,) = chosen
    note(f"The practice commons at {one.endpoint}, in {one.folder}")
    if not yes and not confirmed("Delete all that is in it?", instead="--yes"):
        note("Nothing was deleted.")
        raise typer.Exit(1)
    reset_commons(one)
    note("It is empty.")
    if as_json:
        show_json(one.facts())


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


def _make(commons: Commons, projects: Sequence[str]) -> None:
    """Make projects, and their programs, that are not there yet."""
    programs = set(commons.programs()["program"]) if projects else set()
    known = set(commons.projects()["project"]) if projects else set()
    for project in projects:
        program = project.partition("-")[0]
        if program not in programs:
            programs.add(commons.create_program(program))
        if project not in known:
            commons.create_project(project)
            known.add(project)


def _users_of(file: Path | None) -> Any:
    """Read who may do what."""
    if file is None:
        return None
    problem = ""
    held: Any = None
    try:
        held = json.loads(file.expanduser().read_text("utf-8"))
    except OSError as error:
        problem = error.strerror or type(error).__name__
    except ValueError as error:
        problem = f"it is not JSON: {error}"
    if not problem and not (isinstance(held, dict) and all(isinstance(one, dict) for one in held.values())):
        problem = 'it is not of the form {"submitter": {"DEMO-alpha": ["create", "read"]}}'
    if problem:
        raise Gen3Error(f"Who may do what cannot be read from {file}: {problem}")
    return held


def _chosen(which: str | None) -> list[Running]:
    """Give those that run and are meant; without a name all."""
    from gen3nb.launch.background import running_commons

    found = running_commons()
    if which is None:
        return found
    place = str(Path(which).expanduser().absolute())  # a folder as it is typed
    chosen = [one for one in found if which in _names(one)] or [one for one in found if one.folder == place]
    if not chosen:
        raise Gen3Error(f"No practice commons {which} is running. {_listed(found)}")
    return chosen


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
    show(f"At a terminal: gen3nb configure --profile practice --cred {shlex.quote(keys[name])}")
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
