"""``gen3nb auth``: who am I, and what may I do."""

from __future__ import annotations

from gen3nb.cli.output import AsJson, show, show_frame, show_json
from gen3nb.cli.target import Credentials, Endpoint, Profile, connected

__all__ = ["auth"]


def auth(
    profile: Profile = None, endpoint: Endpoint = None, cred: Credentials = None, as_json: AsJson = False
) -> None:
    """Show who is signed in, how, until when, and what they may do on each project."""
    with connected(profile, endpoint, cred) as commons:
        me = commons.whoami()
        access = commons.access()
        if not as_json:
            show(me)
            if len(access):
                show("")
                show_frame(access)
            return
        show_json(
            {
                "username": me.username,
                "name": me.name,
                "email": me.email,
                "endpoint": me.endpoint,
                "source": me.source,
                "profile": me.profile,
                "admin": me.admin,
                "token_expires": me.expires.isoformat() if me.expires else None,
                "key_expires": me.key_expires.isoformat() if me.key_expires else None,
                "projects": {project: list(methods) for project, methods in me.projects.items()},
            }
        )
