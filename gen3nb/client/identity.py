"""Who is signed in, how, and until when."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gen3nb.client.arborist import Grants, methods_on
from gen3nb.client.project import ProjectId
from gen3nb.client.tokens import linked_google_account, moment, when

__all__ = ["Identity", "grants_in", "identity_of"]


@dataclass(frozen=True)
class Identity:
    """The answer of ``commons.whoami()``.

    Parameters
    ----------
    username, name, email : str
        The user, as fence knows them.
    endpoint : str
        The commons.
    source : str
        Where the credentials were found, in words.
    profile : str or None
        The profile, if it was one.
    admin : bool
        Whether fence calls the user an administrator.
    expires : datetime or None
        When the access token ends; it renews itself while there is a key.
    key_expires : datetime or None
        When the API key ends.
    projects : dict of str to tuple of str
        The methods that the user has on each project; ``("*",)`` is all.
    identity_provider : str
        Where the user signs in, ``"google"``; empty where the commons does not say.
    resources : dict of str to tuple of str
        The methods that are granted on each resource; a grant covers what lies below it.
    google_account : str
        The Google account that the user has linked at fence, for data in Google's storage; empty if none.
    """

    username: str
    name: str
    email: str
    endpoint: str
    source: str
    profile: str | None
    admin: bool
    expires: datetime | None
    key_expires: datetime | None
    projects: dict[str, tuple[str, ...]]
    identity_provider: str = ""
    resources: dict[str, tuple[str, ...]] = field(default_factory=dict)
    google_account: str = ""

    def facts(self) -> dict[str, str]:
        """Give who, where, by what and until when, in words; what the user may do is not in it."""
        person = self.username + (f" ({self.name})" if self.name and self.name != self.username else "")
        rows = [
            ("user", person + (", administrator" if self.admin else "")),
            ("commons", self.endpoint),
            *([("identity", self.identity_provider)] if self.identity_provider else []),
            *([("Google account", self.google_account)] if self.google_account else []),
            ("signed in by", self.source),
            ("token until", _said(self.expires) + (", renews itself" if self.key_expires else "")),
        ]
        if self.key_expires is not None:
            rows.append(("API key until", _said(self.key_expires)))
        return dict(rows)

    def _rows(self) -> list[tuple[str, str]]:
        """Give what there is to say, as pairs."""
        rows = list(self.facts().items())
        shown = [
            f"{project}: {'everything' if '*' in methods else ', '.join(methods)}"
            for project, methods in list(self.projects.items())[:10]
        ]
        if len(self.projects) > 10:
            shown.append(f"and {len(self.projects) - 10} more: commons.access()")
        rows.append(("access", "; ".join(shown) or "to no project"))
        return rows

    def __str__(self) -> str:
        return "\n".join(f"{label:>14}: {value}" for label, value in self._rows())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        body = "".join(
            f"<tr><th style='text-align:left'>{html.escape(label)}</th>"
            f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
            for label, value in self._rows()
        )
        return f"<table>{body}</table>"


def identity_of(
    user: Mapping[str, Any],
    grants: Grants,
    projects: Iterable[ProjectId] | None = None,
    *,
    endpoint: str,
    source: str,
    profile: str | None,
    expires: float | None,
    key_expires: float | None,
    google_account: str = "",
) -> Identity:
    """Put together who is signed in, from what fence and arborist say and what we know of the sign-in.

    Without the list of all projects, those count that the grants name.
    """
    if projects is None:
        projects = named_in(grants)
    allowed = {str(project): tuple(sorted(methods_on(grants, project.resource))) for project in projects}
    return Identity(
        username=str(user.get("username") or user.get("name") or ""),
        name=str(user.get("display_name") or ""),
        email=str(user.get("email") or ""),
        endpoint=endpoint,
        source=source,
        profile=profile,
        admin=bool(user.get("is_admin")),
        expires=moment(expires),
        key_expires=moment(key_expires),
        projects={project: methods for project, methods in allowed.items() if methods},
        identity_provider=provider_of(user),
        resources={
            path: tuple(sorted({grant.get("method", "") for grant in held if isinstance(grant, Mapping)}))
            for path, held in sorted(grants.items())
        },
        google_account=linked_google_account(user) or google_account,
    )


def grants_in(user: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
    """Give the grants that fence tells of: those of arborist, or in an older commons its own, by project."""
    authz = user.get("authz")
    if isinstance(authz, Mapping) and authz:
        return {str(path): list(held) for path, held in authz.items() if isinstance(held, list)}
    own = user.get("project_access")
    if not isinstance(own, Mapping):
        return {}
    return {
        str(project): [{"service": "*", "method": str(method)} for method in held]
        for project, held in own.items()
        if isinstance(held, list)
    }


def named_in(grants: Grants) -> list[ProjectId]:
    """Give the projects that grants name."""
    found = set()
    for path in grants:
        parts = path.strip("/").split("/")
        if len(parts) >= 4 and (parts[0], parts[2]) == ("programs", "projects"):
            found.add(ProjectId(parts[1], parts[3]))
    return sorted(found, key=str)


def provider_of(user: Mapping[str, Any]) -> str:
    """Give the identity provider that fence knows a user by; empty where it does not say."""
    provider = user.get("idp")
    if isinstance(provider, Mapping):
        provider = provider.get("name") or provider.get("idp")
    return str(provider or "")


def _said(time: datetime | None) -> str:
    return when(time.timestamp() if time is not None else None)
