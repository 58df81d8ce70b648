"""arborist: who may do what."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from gen3nb.client.failures import Needs
from gen3nb.client.transport import Transport
from gen3nb.errors import Gen3Error

__all__ = ["Arborist", "methods_on"]

logger = logging.getLogger("gen3nb.client")

SERVICE = "arborist"
DATA_METHODS = ("create", "read", "update", "delete", "release")
DATA_SERVICES = ("*", "sheepdog", "peregrine")

Grants = Mapping[str, Sequence[Mapping[str, str]]]


class Arborist:
    """The permissions service (``/authz``).

    Parameters
    ----------
    transport : Transport
        To the commons.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def __repr__(self) -> str:
        return f"Arborist({self.transport.endpoint})"

    def mapping(self) -> dict[str, list[dict[str, str]]]:
        """Give the user's grants, by resource (``GET /authz/mapping``).

        Returns
        -------
        dict
            ``{"/programs/P": [{"service": "*", "method": "read"}, …], …}``; a grant covers all below it.
        """
        answer: Any = self.transport.json("GET", "/authz/mapping", service=SERVICE)
        return (
            {str(path): list(grants) for path, grants in answer.items()} if isinstance(answer, dict) else {}
        )

    def resources(self, method: str | None = None, *, below: str = "/") -> list[str]:
        """Give the resources that the user has grants on (``GET /authz/mapping``).

        Parameters
        ----------
        method : str, optional
            Only where this method is granted.
        below : str
            Only this resource and those below it.
        """
        base = below.rstrip("/")
        return sorted(
            path
            for path, grants in self.mapping().items()
            if (path == below or path.startswith(base + "/"))
            and (method is None or any(grant.get("method") in (method, "*") for grant in grants))
        )

    def mapping_of(self, username: str) -> Grants | None:
        """Give a user's grants (``GET /authz/mapping``); None for others than oneself.

        A commons tells each user their own grants; those of others it tells inside its cluster only.

        Parameters
        ----------
        username : str
        """
        auth = self.transport.auth
        if auth is None or auth.username != username:
            return None
        try:
            return self.mapping()
        except Gen3Error as error:
            logger.debug("the grants could not be asked: %s", error)
            return None

    def lacking(self, needs: Needs) -> tuple[str, ...]:
        """Give those of several methods that the user does not have, for the message of a refusal."""
        try:
            held = methods_on(self.mapping(), needs.resource)
        except Gen3Error as error:  # the refusal is what matters
            logger.debug("which method is missing could not be asked: %s", error)
            return needs.methods
        return tuple(method for method in needs.methods if method not in held) or needs.methods


def methods_on(mapping: Grants, resource: str, service: str | None = None) -> set[str]:
    """Give the methods that grants allow on a resource; ``"*"`` stands for all.

    Parameters
    ----------
    mapping : Mapping
        As :meth:`Arborist.mapping` gives it.
    resource : str
        A path; grants on what is above it count.
    service : str, optional
        Whose methods. By default methods on records (create, read, update, delete, release) count where the
        submission and query services are meant, others whichever service is.
    """
    found: set[str] = set()
    for path, grants in mapping.items():
        base = path.rstrip("/")
        if resource == base or resource.startswith(base + "/"):
            for grant in grants:
                method, whose = grant.get("method", ""), grant.get("service", "*")
                if service is not None:
                    counts = whose in ("*", service)
                else:
                    counts = whose in DATA_SERVICES or method not in (*DATA_METHODS, "*")
                if counts:
                    found.add(method)
    return found
