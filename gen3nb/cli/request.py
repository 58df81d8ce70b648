"""``gen3nb request``: access requests, for oneself or others."""

from __future__ import annotations

from typing import Annotated

import typer

from gen3nb.cli.grammar import Commands
from gen3nb.cli.output import AsJson, note, show_frame, show_json, show_rows
from gen3nb.cli.target import Credentials, Endpoint, Profile, connected

__all__ = ["app"]

app = Commands("Access requests: ask for access, see what became of it.")

RequestId = Annotated[str, typer.Argument(metavar="REQUEST_ID", help="Which.")]


@app.command("ls")
def ls(
    mine: Annotated[bool, typer.Option("--mine", help="Only those for yourself.")] = False,
    active: Annotated[bool, typer.Option("--active", help="Only those that have not ended.")] = False,
    username: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only for this user.")] = None,
    policy: Annotated[
        list[str] | None, typer.Option(metavar="POLICY_ID", help="Only of this policy.")
    ] = None,
    status: Annotated[list[str] | None, typer.Option(metavar="STATUS", help="Only with this status.")] = None,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """List the requests that you may read, the newest first."""
    with connected(profile, endpoint, cred) as commons:
        found = commons.requestor.requests(
            mine=mine, active=active, username=username, policy_id=policy, status=status
        )
        show_frame(found, as_json=as_json)


@app.command()
def policies(
    profile: Profile = None, endpoint: Endpoint = None, cred: Credentials = None, as_json: AsJson = False
) -> None:
    """List the policies that requests were made for."""
    with connected(profile, endpoint, cred) as commons:
        show_frame(commons.requestor.policies(), as_json=as_json)


@app.command()
def create(
    resource: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="/programs/P/projects/Q; repeatable.")
    ] = None,
    role: Annotated[
        list[str] | None, typer.Option(metavar="ROLE", help="Such as reader; repeatable.")
    ] = None,
    policy: Annotated[
        str | None, typer.Option(metavar="POLICY_ID", help="In place of resource and role.")
    ] = None,
    username: Annotated[
        str | None, typer.Option(metavar="NAME", help="For whom; by default yourself.")
    ] = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="Ask that the policy is taken back.")] = False,
    status: Annotated[
        str | None, typer.Option(metavar="STATUS", help="By default the commons' first.")
    ] = None,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Ask for access, by resource and role or by policy."""
    with connected(profile, endpoint, cred) as commons:
        made = commons.requestor.create(
            resource, role, policy_id=policy, username=username, status=status, revoke=revoke
        )
    _show(made, as_json=as_json)


@app.command()
def show(
    request_id: RequestId,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Show one request."""
    with connected(profile, endpoint, cred) as commons:
        _show(commons.requestor.request(request_id), as_json=as_json)


@app.command()
def delete(
    request_id: RequestId,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Delete a request; access that it has granted stays."""
    with connected(profile, endpoint, cred) as commons:
        commons.requestor.delete(request_id)
    if as_json:
        show_json({"deleted": request_id})
    else:
        note(f"The request {request_id} has been deleted.")


def _show(facts: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        show_json(facts)
        return
    rows = [{"name": name, "value": value} for name, value in facts.items() if value is not None]
    show_rows(rows, ["name", "value"], heads=False)
