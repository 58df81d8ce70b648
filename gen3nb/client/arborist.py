"""arborist: who may do what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gen3nb.client.transport import Transport

__all__ = ["Arborist", "methods_on"]

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


def methods_on(mapping: Grants, resource: str) -> set[str]:
    """Give the methods that grants allow on a resource; ``"*"`` stands for all.

    Methods on records (create, read, update, delete, release) count where the submission and query services
    are meant, others whichever service is.
    """
    found: set[str] = set()
    for path, grants in mapping.items():
        base = path.rstrip("/")
        if resource == base or resource.startswith(base + "/"):
            for grant in grants:
                method, service = grant.get("method", ""), grant.get("service", "*")
                if service in DATA_SERVICES or method not in (*DATA_METHODS, "*"):
                    found.add(method)
    return found
