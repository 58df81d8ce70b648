"""Who is signed in, and what they may do, as ``gen3nb auth`` shows it. Loads no parser: see :mod:`.quick`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gen3nb.cli.showing import show, show_json, show_rows
from gen3nb.cli.signing_in import signed_in

if TYPE_CHECKING:
    from gen3nb.client.identity import Identity

__all__ = ["show_identity"]

SHOWN = 25  # resources in a window; a file or a pipe gets all


def show_identity(
    profile: str | None, endpoint: str | None, cred: Path | None, *, everything: bool, as_json: bool
) -> None:
    """Ask who is signed in, and show it (fence, ``GET /user/user``).

    Parameters
    ----------
    profile, endpoint : str or None
    cred : Path or None
        As the options name them.
    everything : bool
        Every project too, and the linked commons.
    as_json : bool
    """
    from gen3nb.client.fence import Fence
    from gen3nb.client.identity import grants_in, identity_of

    signer, transport, credential = signed_in(profile, endpoint, cred)
    user = Fence(transport).user()
    me = identity_of(
        user,
        grants_in(user),
        _projects(transport) if everything else None,
        endpoint=transport.endpoint,
        source=signer.source,
        profile=credential.profile,
        expires=signer.expires_at,
        key_expires=signer.key_expires_at,
        google_account=signer.google_account,
    )
    linked = _linked(transport) if everything else None
    if as_json:
        show_json(_document(me, linked))
    else:
        _show(me, linked)


def _projects(transport: Any) -> Any:
    """Give all projects of the commons; None where it has no submission service."""
    from gen3nb.client.sheepdog import Sheepdog
    from gen3nb.errors import NotFound

    try:
        return Sheepdog(transport).all_projects()
    except NotFound:
        return None


def _linked(transport: Any) -> list[dict[str, Any]]:
    """Give the commons that are linked to this one; none where it runs no workspace token service."""
    from gen3nb.client.workspace import Workspace
    from gen3nb.errors import ServiceError

    try:
        return Workspace(transport).linked()
    except ServiceError:
        return []


def _document(me: Identity, linked: list[dict[str, Any]] | None) -> dict[str, Any]:
    document: dict[str, Any] = {
        "username": me.username,
        "name": me.name,
        "email": me.email,
        "identity_provider": me.identity_provider or None,
        "google_account": me.google_account or None,
        "endpoint": me.endpoint,
        "source": me.source,
        "profile": me.profile,
        "admin": me.admin,
        "token_expires": me.expires.isoformat() if me.expires else None,
        "key_expires": me.key_expires.isoformat() if me.key_expires else None,
        "projects": {project: list(methods) for project, methods in me.projects.items()},
        "resources": {path: list(methods) for path, methods in me.resources.items()},
    }
    return document if linked is None else {**document, "linked_commons": linked}


def _show(me: Identity, linked: list[dict[str, Any]] | None) -> None:
    show("\n".join(f"{label:>14}: {value}" for label, value in me.facts().items()))
    show("")
    if not me.resources:
        show(f"You don't currently have access to any resources at {me.endpoint}")
    else:
        show(f"You have access to the following resource(s) at {me.endpoint}:")
        _show_grants(me.resources, whole=linked is not None or not sys.stdout.isatty())
    if linked is not None and me.projects:
        show("\nProjects:")
        _show_grants(me.projects, whole=True)
    if linked:
        show("\nCommons that a workspace here can sign in to:")
        show_rows(linked, ["name", "idp", "endpoint", "linked", "ends_in"])


def _show_grants(grants: Mapping[str, tuple[str, ...]], *, whole: bool) -> None:
    """Show one line for each resource, sorted, as the Go clients do."""
    lines = [f"{path} [{' '.join(methods)}]" for path, methods in sorted(grants.items())]
    for line in lines if whole else lines[:SHOWN]:
        show(line)
    if not whole and len(lines) > SHOWN:
        show(f"… and {len(lines) - SHOWN} more: --all shows them")
