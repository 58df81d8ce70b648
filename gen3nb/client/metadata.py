"""The metadata service: any JSON object by GUID, and other names for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from gen3nb.client.failures import Needs
from gen3nb.client.transport import Transport
from gen3nb.errors import NotFound, ServiceError

__all__ = ["Metadata"]

SERVICE = "mds"
LARGEST_PAGE = 2000
AT_ONCE = 500  # objects in one request
WRITE = Needs("change metadata", "/mds_gateway", ("access",))


class Metadata:
    """The metadata service (``/mds``; what changes anything goes by its gateway, ``/mds-admin``).

    A commons that does not run it says so with a :class:`~gen3nb.errors.NotFound`.

    Parameters
    ----------
    transport : Transport
        To the commons.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def __repr__(self) -> str:
        return f"Metadata({self.transport.endpoint})"

    # -- look ----------------------------------------------------------------------------------------------

    def get(self, guid: str) -> dict[str, Any]:
        """Give the metadata of a GUID or alias (``GET /mds/metadata/{guid}``).

        Raises
        ------
        NotFound
            There is none, or no metadata service.
        """
        answer = self._json("GET", f"/mds/metadata/{_part(guid)}", guid=guid)
        if not isinstance(answer, dict):
            raise ServiceError(f"the metadata service gave no metadata of {guid}", service=SERVICE)
        return answer

    def query(
        self, where: Mapping[str, Any] | None = None, *, limit: int | None = None
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give GUIDs with their metadata, page by page (``GET /mds/metadata?data=true``).

        Parameters
        ----------
        where : Mapping, optional
            Dotted path to a value, to several (any of them), or to ``"*"`` (it is there):
            ``{"study.id": "S1"}``.
        limit : int, optional
            No more than so many.
        """
        for page in self._pages(where, limit, data=True):
            yield from page.items()

    def guids(self, where: Mapping[str, Any] | None = None, *, limit: int | None = None) -> Iterator[str]:
        """Give GUIDs alone (``GET /mds/metadata``); takes what :meth:`query` takes."""
        for page in self._pages(where, limit, data=False):
            yield from page

    def aliases(self, guid: str) -> list[str]:
        """Give the other names of a GUID (``GET /mds/metadata/{guid}/aliases``)."""
        answer = self._json("GET", f"/mds/metadata/{_part(guid)}/aliases", guid=guid)
        return list(answer.get("aliases", [])) if isinstance(answer, dict) else []

    # -- change --------------------------------------------------------------------------------------------

    def create(self, guid: str, data: Mapping[str, Any], *, overwrite: bool = False) -> None:
        """Add the metadata of a GUID (``POST /mds-admin/metadata/{guid}``).

        Parameters
        ----------
        guid : str
        data : Mapping
            What JSON can hold.
        overwrite : bool
            Replace what is there.

        Raises
        ------
        Conflict
            There is some already.
        PermissionDenied
            You may not change metadata.
        """
        params = {"overwrite": str(overwrite).lower()}
        self._json("POST", f"/mds-admin/metadata/{_part(guid)}", params=params, json=dict(data), needs=WRITE)

    def create_many(
        self, data: Mapping[str, Mapping[str, Any]], *, overwrite: bool = False
    ) -> dict[str, list[str]]:
        """Add the metadata of many GUIDs, 500 at a request (``POST /mds-admin/metadata``).

        Returns
        -------
        dict of str to list of str
            GUIDs under ``created``, ``updated``, ``conflict`` (it was there, and stays) and ``bad_input``.
        """
        done: dict[str, list[str]] = {"created": [], "updated": [], "conflict": [], "bad_input": []}
        rows = [{"guid": guid, "data": dict(content)} for guid, content in data.items()]
        params = {"overwrite": str(overwrite).lower()}
        for start in range(0, len(rows), AT_ONCE):
            part = rows[start : start + AT_ONCE]
            answer = self._json("POST", "/mds-admin/metadata", params=params, json=part, needs=WRITE)
            for name, guids in (answer if isinstance(answer, dict) else {}).items():
                done.setdefault(name, []).extend(guids)
        return done

    def update(self, guid: str, data: Mapping[str, Any], *, merge: bool = False) -> dict[str, Any]:
        """Replace the metadata of a GUID (``PUT /mds-admin/metadata/{guid}``).

        Parameters
        ----------
        guid : str
        data : Mapping
        merge : bool
            Change only the top-level keys that ``data`` has, instead of replacing all.

        Returns
        -------
        dict
            What it is now.

        Raises
        ------
        NotFound
            There is none.
        """
        params = {"merge": str(merge).lower()}
        path = f"/mds-admin/metadata/{_part(guid)}"
        return dict(self._json("PUT", path, guid=guid, params=params, json=dict(data), needs=WRITE))

    def delete(self, guid: str) -> dict[str, Any]:
        """Delete the metadata of a GUID, and give what it was (``DELETE /mds-admin/metadata/{guid}``)."""
        return dict(self._json("DELETE", f"/mds-admin/metadata/{_part(guid)}", guid=guid, needs=WRITE))

    def add_aliases(self, guid: str, aliases: Iterable[str]) -> None:
        """Give a GUID other names (``POST /mds-admin/metadata/{guid}/aliases``).

        Raises
        ------
        Conflict
            One is taken.
        """
        path = f"/mds-admin/metadata/{_part(guid)}/aliases"
        self._json("POST", path, guid=guid, json={"aliases": list(aliases)}, needs=WRITE)

    def remove_alias(self, guid: str, alias: str) -> None:
        """Take one other name away (``DELETE /mds-admin/metadata/{guid}/aliases/{alias}``)."""
        path = f"/mds-admin/metadata/{_part(guid)}/aliases/{_part(alias)}"
        self.transport.request("DELETE", path, service=SERVICE, needs=WRITE)

    # -- below ---------------------------------------------------------------------------------------------

    def _pages(self, where: Mapping[str, Any] | None, limit: int | None, *, data: bool) -> Iterator[Any]:
        params: dict[str, Any] = {path: _texts(value) for path, value in (where or {}).items()}
        offset, left = 0, limit
        while left is None or left > 0:
            size = LARGEST_PAGE if left is None else min(left, LARGEST_PAGE)
            paging = {"data": str(data).lower(), "limit": size, "offset": offset}
            page = self._json("GET", "/mds/metadata", params={**params, **paging})
            if not isinstance(page, dict if data else list):
                raise ServiceError("the metadata service gave no list of metadata", service=SERVICE)
            if page:
                yield page
            if len(page) < size:
                return
            offset, left = offset + len(page), None if left is None else left - len(page)

    def _json(self, method: str, path: str, *, guid: str | None = None, **options: Any) -> Any:
        """Send a request; an unknown GUID is told from a commons without the service."""
        signed = None if method == "GET" else True
        try:
            return self.transport.json(method, path, service=SERVICE, signed=signed, **options)
        except NotFound as error:
            if guid is None or error.facts.get("absent"):
                raise
            missing = NotFound(
                f"{self.transport.endpoint} has no metadata of {guid}: check the GUID", **error.facts
            )
        raise missing


def _texts(value: Any) -> list[str]:
    """Write the values of a filter as the service compares them."""
    several = value if isinstance(value, list | tuple | set | frozenset) else [value]
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in several]


def _part(text: str) -> str:
    return quote(text, safe="/:")
