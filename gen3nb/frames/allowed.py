"""What must be so before anything begins: the permissions, and a project that is open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gen3nb.errors import Conflict, Gen3Error, PermissionDenied

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectId
    from gen3nb.frames.connection import Connection

__all__ = ["check_allowed", "check_open", "check_readable"]


def check_allowed(
    methods: Sequence[str], connection: Connection, project: ProjectId, doing: str = "submit to"
) -> None:
    """Refuse to begin what the user may not do (arborist ``GET /authz/mapping``).

    Parameters
    ----------
    methods : sequence of str
        ``"create"``, ``"read"``, ``"update"``, ``"delete"``.
    connection : Connection
    project : ProjectId
    doing : str
        What is begun, for the message: ``"submit to"``.

    Raises
    ------
    PermissionDenied
        A method is missing.
    """
    for method in methods:
        try:
            allowed = connection.may(method, project)
        except PermissionDenied:
            raise
        except Gen3Error:
            return  # a commons that does not say who may do what: its answer to the first request will
        if not allowed:
            raise PermissionDenied(
                f"To {doing} {project} you need the method {method!r} on {project.resource}, which your "
                f"account lacks; nothing was sent. Ask the data access contact of {connection.endpoint} "
                "for it.",
                method=method,
                resource=project.resource,
            )


def check_readable(connection: Connection, project: ProjectId | None) -> None:
    """Tell records that are not shown from records that are not there (peregrine ``project``).

    Queries answer both with an empty list. Projects that are open to all are shown without a permission.

    Parameters
    ----------
    connection : Connection
    project : ProjectId or None
        ``None`` asks whether any project is shown.

    Raises
    ------
    PermissionDenied
        The user may not read there.
    """
    if project is None:
        if connection.peregrine.query("{ project(first: 1) { id } }").get("project"):
            return
        if not connection.sheepdog.all_projects():
            return
        raise PermissionDenied(
            f"You may read no project of {connection.endpoint}: the permission 'read' is missing on all of "
            "them. Ask the commons' data access contact for it.",
            method="read",
        )
    text = "query ($project_id: [String]) { project(first: 1, project_id: $project_id) { id } }"
    if not connection.peregrine.query(text, {"project_id": [str(project)]}).get("project"):
        raise PermissionDenied(
            f"You may not read the records of {project}: the permission 'read' on {project.resource} is "
            "missing. Ask the commons' data access contact for it.",
            method="read",
            resource=project.resource,
        )


def check_open(connection: Connection, project: ProjectId) -> None:
    """Refuse to begin with a project that takes no changes at the moment (peregrine ``project``).

    Parameters
    ----------
    connection : Connection
    project : ProjectId

    Raises
    ------
    Conflict
        The project is closed.
    """
    text = "query ($project: [String]) { project(first: 1, project_id: $project) { state } }"
    try:
        found = connection.peregrine.query(text, {"project": [str(project)]}).get("project")
    except Gen3Error:
        return  # the first request will tell
    state = found[0].get("state") if found else None
    if state is not None and state != "open":
        raise Conflict(
            f"The project {project} is closed: it is in state {state!r}, and takes records only while it is "
            "'open'. Nothing was sent; an administrator of the commons can open it again.",
            state=state,
            project=str(project),
        )
