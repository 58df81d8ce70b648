"""``gen3nb job``: jobs that run in the commons itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gen3nb.cli.grammar import Commands
from gen3nb.cli.output import AsJson, note, show, show_frame, show_json
from gen3nb.cli.progress import progress
from gen3nb.cli.target import Credentials, Endpoint, Profile, connected
from gen3nb.errors import ValidationError

__all__ = ["app"]

app = Commands("Jobs that run in the commons itself, such as exports.")

Uid = Annotated[str, typer.Argument(metavar="UID", help="As `run` and `ls` show it.")]
Timeout = Annotated[float | None, typer.Option(metavar="SECONDS", help="Wait no longer; the job goes on.")]


@app.command("ls")
def ls(
    profile: Profile = None, endpoint: Endpoint = None, cred: Credentials = None, as_json: AsJson = False
) -> None:
    """List your jobs; one that the commons has forgotten since it ended is Gone, not Failed."""
    with connected(profile, endpoint, cred) as commons:
        show_frame(commons.sower.jobs(), as_json=as_json)


@app.command()
def actions(
    profile: Profile = None, endpoint: Endpoint = None, cred: Credentials = None, as_json: AsJson = False
) -> None:
    """List the actions that are known here; a commons has no list of them, its operators do."""
    with connected(profile, endpoint, cred) as commons:
        show_frame(commons.sower.actions(), as_json=as_json)


@app.command()
def run(
    action: Annotated[str, typer.Argument(metavar="ACTION", help="As the commons' operators have named it.")],
    input_file: Annotated[
        str | None,
        typer.Option(
            "--input", "-i", metavar="FILE", help="A JSON object, what the job works on; - is standard input."
        ),
    ] = None,
    access_format: Annotated[
        str | None, typer.Option(metavar="FORM", help="In which form it gives files, such as presigned_url.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until it has ended, and show its output.")
    ] = False,
    timeout: Timeout = None,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Start a job; it goes on when this command has ended."""
    given = read_input(input_file)
    with connected(profile, endpoint, cred) as commons:
        job = commons.sower.run(action, given, access_format=access_format)
        if not as_json:
            note(f"The job {action} has started: {job.uid}")
        if wait:
            job.wait(timeout, progress=progress())
        _show(job, as_json=as_json, output=wait)


@app.command()
def status(
    uid: Uid,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Show how a job is doing."""
    with connected(profile, endpoint, cred) as commons:
        _show(commons.sower.job(uid), as_json=as_json, output=False)


@app.command()
def output(uid: Uid, profile: Profile = None, endpoint: Endpoint = None, cred: Credentials = None) -> None:
    """Write the output of a job: one line, often a link."""
    with connected(profile, endpoint, cred) as commons:
        show(commons.sower.job(uid).output)


@app.command()
def log(uid: Uid, profile: Profile = None, endpoint: Endpoint = None, cred: Credentials = None) -> None:
    """Show what was seen of a job from here; its own log is with the commons' operators."""
    with connected(profile, endpoint, cred) as commons:
        show(commons.sower.job(uid).log)


@app.command()
def wait(
    uid: Uid,
    timeout: Timeout = None,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Wait until a job has ended, and show its output; interrupting this does not touch the job."""
    with connected(profile, endpoint, cred) as commons:
        job = commons.sower.job(uid)
        job.wait(timeout, progress=progress())
        _show(job, as_json=as_json, output=True)


@app.command()
def cancel(uid: Uid, profile: Profile = None, endpoint: Endpoint = None, cred: Credentials = None) -> None:
    """Say that a job cannot be stopped, and who can: job services have no way to."""
    with connected(profile, endpoint, cred) as commons:
        commons.sower.job(uid).cancel()


def read_input(name: str | None) -> dict[str, Any] | None:
    """Read the input of a job from a file or from standard input.

    Raises
    ------
    ValidationError
        It cannot be read, or is no JSON object; the message says where.
    """
    if name is None:
        return None
    where = "standard input" if name == "-" else name
    problem = ""
    document: Any = None
    try:
        text = sys.stdin.read() if name == "-" else Path(name).expanduser().read_text("utf-8")
        document = json.loads(text)
    except json.JSONDecodeError as error:
        problem = f"is no JSON: line {error.lineno}, column {error.colno}: {error.msg}"
    except (OSError, UnicodeDecodeError) as error:
        problem = f"cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}"
    if not problem and not isinstance(document, dict):
        problem = 'is no JSON object, which a job\'s input is: {"name": value, …}'
    if problem:
        raise ValidationError(f"{where} {problem}; nothing was started")
    found: dict[str, Any] = document
    return found


def _show(job: Any, *, as_json: bool, output: bool) -> None:
    """Show a job, and its output if that was waited for."""
    if as_json:
        facts = {"uid": job.uid, "name": job.name, "action": job.action, "status": job.status}
        show_json({**facts, "last_status": job.last_status, **({"output": job.output} if output else {})})
    elif output:
        show(job.output)
    else:
        show(f"{job.uid} {job.status}")
