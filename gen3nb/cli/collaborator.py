"""``gen3nb collaborator``: who works on a project; the grammar is data-client's."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gen3nb.cli.grammar import Commands
from gen3nb.cli.messages import is_terminal
from gen3nb.cli.output import AsJson, note, show, show_frame, show_json, written
from gen3nb.cli.target import Credentials, Endpoint, Profile, connected
from gen3nb.cli.yaml_documents import yaml_documents

if TYPE_CHECKING:
    import pandas as pd

    from gen3nb.commons.access_report import AccessReport

__all__ = ["app", "end"]

app = Commands("Who works on a project: give people access, and take it back, by access requests.")

Project = Annotated[str, typer.Argument(metavar="PROJECT_ID", help="PROGRAM-PROJECT.")]
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The name that the person signs in with.")]
Approve = Annotated[bool, typer.Option("--approve", "-a", help="Approve at once; that takes the right to.")]
Status = Annotated[
    str | None,
    typer.Option(metavar="STATUS", help="What this commons calls a request that grants, if not SIGNED."),
]
AnyName = Annotated[bool, typer.Option("--any-name", help="Take a name that is no e-mail address.")]
Roles = Annotated[
    list[str] | None,
    typer.Option(
        "--role",
        metavar="KIND=NAME",
        help="What this commons calls a role: read=…, write=… or guppy=…; repeatable. "
        "By default reader, writer, guppy_admin_user.",
    ),
]
COLUMNS = ["request_id", "username", "policy_id", "revoke", "status", "created_time", "resource_display_name"]


@app.command("ls")
def ls(
    mine: Annotated[bool, typer.Option("--mine", help="Only those for yourself.")] = False,
    active: Annotated[bool, typer.Option("--active", help="Only those that have not ended.")] = False,
    username: Annotated[str | None, typer.Option(metavar="EMAIL", help="Only those for this user.")] = None,
    project: Annotated[
        str | None, typer.Option(metavar="PROJECT_ID", help="Only about this project.")
    ] = None,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """List the access requests that you may read, the newest first."""
    with connected(profile, endpoint, cred) as commons:
        found = commons.collaborators.list(project, mine=mine, active=active, username=username)
        _show_requests(found, as_json=as_json)


@app.command()
def pending(
    profile: Profile = None, endpoint: Endpoint = None, cred: Credentials = None, as_json: AsJson = False
) -> None:
    """List the requests that wait for a decision."""
    with connected(profile, endpoint, cred) as commons:
        found = commons.collaborators.pending()
        _show_requests(found, as_json=as_json)


@app.command()
def add(
    project: Project,
    email: Email,
    write: Annotated[bool, typer.Option("--write", "-w", help="Also to write.")] = False,
    guppy: Annotated[
        bool, typer.Option("--guppy", "-g", help="Also to administer the search index; grants writing too.")
    ] = False,
    approve: Approve = False,
    status: Status = None,
    again: Annotated[
        bool, typer.Option("--again", help="Ask again also where an earlier request was granted.")
    ] = False,
    any_name: AnyName = False,
    role: Roles = None,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Ask that a person gets access to a project; the same again does only what is left to do."""
    with connected(profile, endpoint, cred) as commons:
        _name_roles(commons.collaborators.roles, role)
        report = commons.collaborators.add(
            project,
            email,
            write=write,
            guppy=guppy,
            approve=approve,
            status=status,
            again=again,
            any_name=any_name,
        )
    end(report, as_json=as_json)


@app.command("rm")
def remove(
    project: Project,
    email: Email,
    approve: Approve = False,
    status: Status = None,
    any_name: AnyName = False,
    role: Roles = None,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Ask that a person loses access to a project; what they do not have counts as done."""
    with connected(profile, endpoint, cred) as commons:
        _name_roles(commons.collaborators.roles, role)
        report = commons.collaborators.remove(
            project, email, approve=approve, status=status, any_name=any_name
        )
    end(report, as_json=as_json)


@app.command("bulk-add")
def bulk_add(
    people: Annotated[
        Path,
        typer.Argument(metavar="FILE.csv", help="Columns project_id, email, and if need be write, guppy."),
    ],
    approve: Approve = False,
    status: Status = None,
    again: Annotated[
        bool, typer.Option("--again", help="Ask again also where an earlier request was granted.")
    ] = False,
    any_name: AnyName = False,
    role: Roles = None,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Add all people of a table; nothing is sent if a row is wrong."""
    with connected(profile, endpoint, cred) as commons:
        _name_roles(commons.collaborators.roles, role)
        report = commons.collaborators.bulk_add(
            people, approve=approve, status=status, again=again, any_name=any_name
        )
    end(report, as_json=as_json)


@app.command()
def approve(
    request_ids: Annotated[list[str], typer.Argument(metavar="REQUEST_ID...", help="Which.")],
    status: Status = None,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Approve access requests."""
    with connected(profile, endpoint, cred) as commons:
        report = commons.collaborators.approve(request_ids, status=status)
    end(report, as_json=as_json)


@app.command()
def update(
    request_id: Annotated[str, typer.Argument(metavar="REQUEST_ID", help="Which.")],
    status: Annotated[str, typer.Argument(metavar="STATUS", help="One of the commons' own.")],
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Give a request another status."""
    with connected(profile, endpoint, cred) as commons:
        report = commons.collaborators.update(request_id, status)
    end(report, as_json=as_json)


def _name_roles(roles: dict[str, str], given: list[str] | None) -> None:
    """Take over what this commons calls its roles."""
    for text in given or ():
        kind, _, name = text.partition("=")
        if kind not in roles or not name.strip():
            raise typer.BadParameter(
                f"{text!r}: write KIND=NAME, where KIND is {', '.join(roles)}", param_hint="--role"
            )
        roles[kind] = name.strip()


def _show_requests(found: pd.DataFrame, *, as_json: bool) -> None:
    """Show requests: JSON, a table for a person, or the YAML documents that scripts for data-client read."""
    if as_json or is_terminal(sys.stdout):
        show_frame(found if as_json else found[[name for name in COLUMNS if name in found]], as_json=as_json)
        return
    written(yaml_documents(json.loads(found.to_json(orient="records", date_format="iso"))))


def end(report: AccessReport, *, as_json: bool) -> None:
    """Show a report: a row for each policy of each user, notes, and exit code 1 unless all was done."""
    table = report.to_frame()
    if as_json:
        rows: Any = json.loads(table.to_json(orient="records"))
        show_json({"ok": report.ok, "requests": rows, "notes": list(report.notes)})
    elif not is_terminal(sys.stdout):
        # the fields of data-client, and what became of each; a script reads no sentence among them
        written(yaml_documents(json.loads(table.drop(columns="seen").to_json(orient="records"))))
        note(f"{str(report)[:1].upper()}{str(report)[1:]}.")
    else:
        show_frame(table[["username", "project", "role", "outcome", "status", "request_id", "reason"]])
        show(f"\n{str(report)[:1].upper()}{str(report)[1:]}.")
    for text in report.notes:
        note(text)
    if not report.ok:
        raise typer.Exit(1)
