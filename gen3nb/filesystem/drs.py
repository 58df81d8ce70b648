"""``drs://``: files and bundles by the ids of GA4GH, of any host."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from gen3nb.client.addresses import check_endpoint
from gen3nb.client.drs import Drs
from gen3nb.client.drs_ids import parse
from gen3nb.client.fence_files import Presigned
from gen3nb.client.transport import Transport
from gen3nb.commons import Commons
from gen3nb.commons.named import at_host
from gen3nb.errors import NoSuchFile, NotConnected, NotFound
from gen3nb.filesystem.described import Info, folder
from gen3nb.filesystem.gen3 import Gen3FileSystem

__all__ = ["DrsFileSystem"]


class Nobody:
    """A host where nobody is signed in: what is open to everybody can be read there."""

    def __init__(self, host: str) -> None:
        self.endpoint = check_endpoint(host)
        self.drs = Drs(Transport(self.endpoint), resolver="")


class DrsFileSystem(Gen3FileSystem):
    """Files and bundles by DRS ids: ``drs://host/id``, ``drs://dg.4503:id``.

    A host that is open, or that a profile names, is asked as its user; any other without anything that says
    who is asking. A prefix is looked up as :class:`gen3nb.client.drs.Drs` does it.
    """

    protocol = "drs"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._nobody: dict[str, Nobody] = {}

    def _split(self, path: str) -> tuple[str, Any, str]:
        host = parse(f"drs://{path}").host
        if host is None or self._commons is not None or self._named is not None:
            return "", self.commons, path
        return "", at_host(host) or self._unknown(host), path

    def _unknown(self, host: str) -> Commons | Nobody:
        """Give the usual commons if it is at this host; else ask as nobody."""
        with suppress(NotConnected):
            usual = self.commons
            if usual.endpoint.partition("://")[2] == host:
                return usual
        with self._lock:
            if host not in self._nobody:
                self._nobody[host] = Nobody(host)
            return self._nobody[host]

    def _found(self, prefix: str, commons: Commons | Nobody, rest: str) -> Info:
        missing: NoSuchFile | None = None
        try:
            one = commons.drs.object(f"drs://{rest}")
        except NotFound as error:
            missing = NoSuchFile(error.message, **error.facts)
        if missing is not None:
            raise missing
        if one.is_bundle:
            return {**folder(rest), "guid": one.id}
        return {
            "name": rest,
            "type": "file",
            "size": one.size,
            "guid": one.id,
            "host": one.endpoint,
            "file_name": one.name,
            "hashes": dict(one.checksums),
            "created": None,
            "modified": None,
        }

    def _listed(self, prefix: str, commons: Commons | Nobody, rest: str) -> list[Info]:
        one = commons.drs.object(f"drs://{rest}")
        if not one.is_bundle:
            return [self._found(prefix, commons, rest)]
        host = one.endpoint.partition("://")[2]
        inside = commons.drs.bulk(f"drs://{host}/{part.id}" for part in one.contents if part.id)
        return [
            {
                "name": ident.removeprefix("drs://"),
                "type": "directory" if part.is_bundle else "file",
                "size": part.size,
                "guid": part.id,
                "file_name": part.name,
                "hashes": dict(part.checksums),
            }
            for ident, part in inside.items()
        ]

    def _signer(self, commons: Commons | Nobody, one: Info) -> Callable[[], Presigned]:
        return lambda: commons.drs.access_url(f"drs://{one['name']}", self._via)
