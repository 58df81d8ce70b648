"""Roles and policies: what arborist knows of them, and what a deployment sets for requestor.

A policy gives roles on resources, and a role is a list of methods. Three sorts of policies are there: those
named at the start, as a ``user.yaml`` does; ``PROGRAM-PROJECT_role`` for each project; and those that
requestor makes on the fly, ``programs.PROGRAM.projects.PROJECT_role``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from .access import Access, resource_of
from .documents import Documents
from .graph import Graph

MADE = "policy"
ROLES: dict[str, list[str]] = {
    "reader": ["read", "read-storage"],
    "writer": ["create", "update", "delete", "write-storage"],
    "creator": ["create"],
    "updater": ["update"],
    "deleter": ["delete"],
    "storage_reader": ["read-storage"],
    "storage_writer": ["write-storage"],
    "guppy_admin_user": ["read"],
}


class SettingsRefused(ValueError):
    """A setting of requestor that cannot be meant; the message says which, and why."""


@dataclass(frozen=True)
class RequestorSettings:
    """What a deployment sets for requestor, by the names of its configuration file in lower case.

    Attributes
    ----------
    allowed_request_statuses : list[str]
        What a request may be set to.
    default_initial_status : str
        Of a request that names none.
    draft_statuses : list[str]
        Asking again gives a request in one of these back.
    update_access_statuses : list[str]
        Those that grant, or take away.
    final_statuses : list[str]
        A request in one of these is over: the same may be asked again.
    roles : dict[str, list[str]]
        Methods by role; they are added to the usual roles, or replace one of the same name.
    policies : dict[str, dict[str, list[str]]]
        Further policies: name to ``{"resource_paths": […], "role_ids": […]}``.
    """

    allowed_request_statuses: list[str] = field(
        default_factory=lambda: ["DRAFT", "SUBMITTED", "APPROVED", "SIGNED", "REJECTED"]
    )
    default_initial_status: str = "DRAFT"
    draft_statuses: list[str] = field(default_factory=lambda: ["DRAFT"])
    update_access_statuses: list[str] = field(default_factory=lambda: ["SIGNED"])
    final_statuses: list[str] = field(default_factory=lambda: ["SIGNED", "REJECTED"])
    roles: dict[str, list[str]] = field(default_factory=dict)
    policies: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    @classmethod
    def read(cls, given: Mapping[str, Any] | None) -> RequestorSettings:
        """Read settings.

        Raises
        ------
        SettingsRefused
            For a name or a status that does not exist, or a policy of a role that does not.
        """
        known = [one.name for one in fields(cls)]
        unknown = sorted(set(given or {}) - set(known))
        if unknown:
            raise SettingsRefused(
                f"requestor has no setting {', '.join(unknown)}; it has {', '.join(known)}."
            )
        settings = cls(**(given or {}))
        allowed = settings.allowed_request_statuses
        groups = {name: getattr(settings, name) for name in known if name.endswith("_statuses")}
        for name, statuses in {**groups, "default_initial_status": [settings.default_initial_status]}.items():
            if not isinstance(statuses, list) or not set(statuses) <= set(allowed):
                raise SettingsRefused(
                    f"requestor's {name} is {statuses!r}: statuses have to be among {allowed}."
                )
        for name, policy in settings.policies.items():
            absent = set(policy.get("role_ids", ())) - {*ROLES, *settings.roles}
            if absent or not policy.get("resource_paths"):
                raise SettingsRefused(
                    f"The policy {name!r} needs resource_paths, and role_ids that exist: {policy!r}."
                )
        return settings


@dataclass(frozen=True)
class Policy:
    """One policy: roles on resources."""

    id: str
    resources: list[str]
    roles: list[str]
    description: str = ""


class Policies:
    """The roles and policies of one practice commons.

    Parameters
    ----------
    access : Access
        Users and what they may do.
    documents : Documents
        Keeps the policies that were made on the fly.
    graph : Graph
        Knows the projects.
    settings : RequestorSettings
        Further roles and policies.
    """

    def __init__(
        self, access: Access, documents: Documents, graph: Graph, settings: RequestorSettings
    ) -> None:
        self.access = access
        self.documents = documents
        self.graph = graph
        self.roles = {**ROLES, **settings.roles}
        self.configured = {
            name: Policy(name, policy["resource_paths"], policy.get("role_ids", []))
            for name, policy in settings.policies.items()
        }

    def find(self, policy_id: str) -> Policy | None:
        """Find a policy."""
        if policy_id in self.configured:
            return self.configured[policy_id]
        made = self.documents.get(MADE, policy_id)
        if made is not None:
            return Policy(policy_id, made["resources"], made["roles"], "policy created by requestor")
        for role in sorted(self.roles, key=len, reverse=True):
            place = policy_id.removesuffix(f"_{role}")
            if place not in (policy_id, "") and self._known(place):
                return Policy(policy_id, [resource_of(place)], [role])
        return None

    def _known(self, place: str) -> bool:
        """Say whether there is such a project or program, here or in what the users may do."""
        program, dash, code = place.partition("-")
        stored = self.graph.project(program, code) if dash else self.graph.program(program)
        resource = resource_of(place)
        return stored is not None or any(resource in user.own for user in list(self.access.users.values()))

    def make(self, resources: list[str], roles: list[str]) -> str:
        """Make a policy, or find the one that says the same; give its id.

        Raises
        ------
        KeyError
            With the list of roles that do not exist.
        """
        unknown = [role for role in roles if role not in self.roles]
        if unknown:
            raise KeyError(unknown)
        places = "_".join(resource.strip("/").replace("/", ".") for resource in resources)
        policy_id = f"{places}_{'_'.join(roles) or 'accessor'}"
        self.documents.put(MADE, policy_id, {"resources": resources, "roles": roles})
        return policy_id

    def methods(self, roles: Iterable[str]) -> set[str]:
        """Give the methods of roles; without a role a policy lets read, in the records and in storage."""
        named = list(roles) or ["reader", "storage_reader"]
        return {method for role in named for method in self.roles[role]}

    def grant(self, username: str, policy_id: str) -> None:
        """Let a user do what a policy says, now and at the next start in the same folder."""
        policy = self.find(policy_id)
        if policy is not None:
            methods = self.methods(policy.roles)
            self.access.give(username, policy_id, dict.fromkeys(policy.resources, methods))
            self._remember(username)

    def take(self, username: str, policy_id: str) -> None:
        """Take a policy from a user."""
        self.access.take(username, policy_id)
        self._remember(username)

    def held(self, username: str) -> list[str]:
        """Give the policies that a user was granted."""
        user = self.access.named(username)
        return sorted(user.policies) if user else []

    def _remember(self, username: str) -> None:
        self.documents.put("policies of", username, self.held(username))

    def forget(self, username: str) -> None:
        """Forget at the next start what a user was granted."""
        self.documents.delete("policies of", username)

    def restore(self) -> None:
        """Grant again what was granted before, in this folder."""
        for username, policies in self.documents.all("policies of").items():
            for policy_id in policies:
                self.grant(username, policy_id)

    def all(self) -> list[Policy]:
        """Give every policy."""
        found = dict(self.configured)
        for project in self.graph.projects():
            for role in self.roles:
                name = f"{project['program']}-{project['code']}_{role}"
                found[name] = self.find(name) or found[name]
        for name in self.documents.all(MADE):
            policy = self.find(name)
            if policy is not None:
                found[name] = policy
        return list(found.values())
