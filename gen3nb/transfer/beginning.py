"""Who gives a new file its GUID: fence, or Shepherd where a profile asks for it, as the Go clients do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gen3nb.client import profiles
from gen3nb.client.fence_files import Presigned
from gen3nb.client.shepherd import OLDEST, Shepherd, is_at_least
from gen3nb.errors import NotFound, ProfileError
from gen3nb.transfer.annotating import FileMetadata

if TYPE_CHECKING:
    from gen3nb.client.fence import Fence
    from gen3nb.client.transport import Transport

__all__ = ["Beginnings", "shepherd_of"]

INSTEAD = "files go by fence, and what --metadata says of them to the metadata service and the index"


def shepherd_of(profile: str | None, transport: Transport) -> tuple[Shepherd | None, str]:
    """Give Shepherd where a profile asks for it and the commons has it.

    Parameters
    ----------
    profile : str or None
        Its ``use_shepherd`` and ``min_shepherd_version`` count.
    transport : Transport

    Returns
    -------
    tuple
        Shepherd or ``None``; and why it is not used although the profile asks for it, else empty.
    """
    if profile is None:
        return None, ""
    try:
        settings = profiles.get(profile).settings
    except ProfileError:  # it was taken away since
        return None, ""
    if settings.get("use_shepherd", "").strip().lower() != "true":
        return None, ""
    oldest = settings.get("min_shepherd_version", "").strip() or OLDEST
    shepherd = Shepherd(transport)
    version = shepherd.version()
    asks = f"The profile {profile!r} asks for Shepherd"
    if version is None:
        return None, f"{asks}, which {transport.endpoint} does not run: {INSTEAD}."
    if not is_at_least(version, oldest):
        return None, f"{asks} {oldest} or newer, and {transport.endpoint} has {version}: {INSTEAD}."
    return shepherd, ""


class Beginnings:
    """Gets GUIDs for new files. Threads share it.

    Parameters
    ----------
    fence : Fence
    shepherd : Shepherd or None
    bucket : str
        Empty: the commons' own choice. Shepherd takes none, so that fence is asked where one is named.
    told : callable
        Takes a note for the report.
    """

    def __init__(
        self, fence: Fence, shepherd: Shepherd | None, bucket: str, told: Callable[[str], None]
    ) -> None:
        self.fence = fence
        self.bucket = bucket
        self._told = told
        self._lock = threading.Lock()
        if shepherd is not None and bucket:
            told(f"Shepherd takes no bucket, and one is named: {INSTEAD}.")
            shepherd = None
        self.shepherd = shepherd

    def start(self, name: str, authz: Sequence[str], said: FileMetadata) -> Presigned:
        """Get a GUID, and the URL for its bytes.

        Other names are not given here, since a name that is taken would leave a record without a file:
        they are stored once the file is there.
        """
        shepherd = self.shepherd
        if shepherd is not None:
            try:
                return shepherd.start_upload(name, authz=authz, metadata=said.metadata)
            except NotFound as error:
                self._gone(str(error))
        return self.fence.start_upload(name, authz=list(authz), bucket=self.bucket or None)

    def _gone(self, why: str) -> None:
        """Do without Shepherd from here on; say so once."""
        with self._lock:
            if self.shepherd is not None:
                self.shepherd = None
                self._told(f"The profile asks for Shepherd, which does not answer ({why}): {INSTEAD}.")
