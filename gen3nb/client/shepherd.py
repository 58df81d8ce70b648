"""Shepherd: files to come with their metadata in one request, where a commons runs it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gen3nb.client.failures import Needs
from gen3nb.client.fence_files import Presigned, presigned_of
from gen3nb.client.transport import Transport
from gen3nb.errors import NotFound, ServiceError

__all__ = ["OLDEST", "Shepherd", "is_at_least"]

SERVICE = "mds"
#: The version from which the Go clients use it, unless a profile says otherwise (``min_shepherd_version``).
OLDEST = "2.0.0"


class Shepherd:
    """Shepherd, a part of the metadata service (``/mds/objects``).

    Unlike the rest of that service it takes metadata from whoever may upload the file.

    Parameters
    ----------
    transport : Transport
        To the commons.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def version(self) -> str | None:
        """Give the version (``GET /mds/version``); ``None`` where there is no such service."""
        try:
            answer = self.transport.json("GET", "/mds/version", service=SERVICE, signed=None)
        except NotFound:
            return None
        except ServiceError as error:
            if error.facts.get("status") is None:
                raise
            return None  # a page of the portal, or whatever else stands there
        return answer if isinstance(answer, str) else None

    def start_upload(
        self,
        file_name: str,
        *,
        authz: Sequence[str] = (),
        aliases: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> Presigned:
        """Make a record for a file to come, keep its metadata, and give the URL (``POST /mds/objects``).

        Parameters
        ----------
        file_name : str
        authz : sequence of str
            Resources that a reader must have access to.
        aliases : sequence of str
            Other names, in the index.
        metadata : Mapping, optional
            Everybody can read it.

        Raises
        ------
        PermissionDenied
            You may not upload files there.
        NotFound
            The commons does not run it.
        """
        body = {
            "file_name": file_name,
            "authz": {"version": "0", "resource_paths": list(authz)},
            "aliases": list(aliases),
            "metadata": dict(metadata or {}),
        }
        needs = Needs("upload files there", ", ".join(authz) or "/data_file", ("create", "write-storage"))
        if not authz:
            needs = Needs("upload files", "/data_file", ("file_upload",))
        answer = self.transport.json("POST", "/mds/objects", service=SERVICE, json=body, needs=needs)
        guid = answer.get("guid") if isinstance(answer, Mapping) else None
        if not isinstance(guid, str):
            raise ServiceError("Shepherd gave no GUID for a new file", service=SERVICE)
        return presigned_of(guid, answer, "upload_url")


def is_at_least(version: str, oldest: str) -> bool:
    """Say whether a version is not older than another; one that is no version is.

    Parameters
    ----------
    version, oldest : str
        ``"2.0.0"``, also with a ``v`` before it and more after it.
    """
    found, wanted = (re.match(r"v?(\d+(?:\.\d+)*)", text.strip()) for text in (version, oldest))
    if found is None or wanted is None:
        return False
    numbers = [[int(part) for part in match[1].split(".")] for match in (found, wanted)]
    longest = max(map(len, numbers))
    ours, theirs = (part + [0] * (longest - len(part)) for part in numbers)
    return ours >= theirs
