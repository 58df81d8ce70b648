"""``drs://``: files and bundles by the ids of GA4GH, of any host."""

from __future__ import annotations

from collections.abc import Callable

from gen3nb.client.fence_files import Presigned
from gen3nb.commons import Commons
from gen3nb.commons.named import at_host
from gen3nb.errors import NoSuchFile, NotFound
from gen3nb.filesystem.described import Info, folder
from gen3nb.filesystem.gen3 import Gen3FileSystem

__all__ = ["DrsFileSystem"]


class DrsFileSystem(Gen3FileSystem):
    """Files and bundles by DRS ids: ``drs://host/id``, ``drs://dg.4503:id``.

    A host that is open, or that a profile names, is asked as its user; any other without anything that says
    who is asking. A prefix is looked up as :class:`gen3nb.client.drs.Drs` does it.
    """

    protocol = "drs"

    def _split(self, path: str) -> tuple[str, Commons, str]:
        host = path.partition("/")[0]
        explicit = self._commons is not None or self._named is not None
        found = None if explicit or "/" not in path else at_host(host)
        return "", found if found is not None else self.commons, path

    def _found(self, prefix: str, commons: Commons, rest: str) -> Info:
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

    def _listed(self, prefix: str, commons: Commons, rest: str) -> list[Info]:
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

    def _signer(self, commons: Commons, one: Info) -> Callable[[], Presigned]:
        return lambda: commons.drs.access_url(f"drs://{one['name']}", self._via)
