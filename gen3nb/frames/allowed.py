"""What must be so before anything is written: the permissions, and a project that is open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gen3nb.errors import Conflict, Gen3Error, PermissionDenied

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectId
    from gen3nb.frames.connection import Connection

__all__ = ["check_allowed", "check_open"]


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
