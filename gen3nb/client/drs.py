"""DRS, the GA4GH view of files: by ids that any commons understands, and in bundles."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from time import monotonic
from typing import Any
from urllib.parse import quote

from gen3nb.client.drs_hosts import Hosts
from gen3nb.client.drs_ids import parse
from gen3nb.client.drs_objects import AccessMethod, Content, DrsObject, read_object
from gen3nb.client.failures import Needs
from gen3nb.client.fence_files import LIFETIME, Presigned, lifetime
from gen3nb.client.redaction import Secret
from gen3nb.client.transport import Transport
from gen3nb.errors import AuthError, NotFound, PermissionDenied, ServiceError

__all__ = ["AccessMethod", "Content", "Drs", "DrsObject"]

OBJECTS = "/ga4gh/drs/v1/objects"
PAGE = 1000
AT_ONCE = 100  # what the service takes at most in one request
DEEPEST = 32  # bundles in bundles
_SOON = ("https", "s3", "gs", "az", "http")  # which way is taken where none is named


class Drs:
    """Objects of the commons and of others (``/ga4gh/drs/v1``).

    Ids are a GUID, ``drs://host/id``, ``drs://dg.4503:id`` or ``dg.4503/id``. Another host is asked without
    anything that says who is asking.

    Parameters
    ----------
    transport : Transport
        To the commons.
    resolver : str, optional
        Who names the host of a foreign prefix, see :class:`~gen3nb.client.drs_hosts.Hosts`.
    """

    def __init__(self, transport: Transport, *, resolver: str | None = None) -> None:
        self.transport = transport
        self.hosts = Hosts(transport, resolver)
        self._prefix: str | None = None

    def __repr__(self) -> str:
        return f"Drs({self.transport.endpoint})"

    def close(self) -> None:
        """Close the connections to other hosts."""
        self.hosts.close()

    # -- objects -------------------------------------------------------------------------------------------

    def object(self, ident: str) -> DrsObject:
        """Give what DRS knows of a file or bundle (``GET /ga4gh/drs/v1/objects/{id}``).

        Parameters
        ----------
        ident : str
            A GUID or any DRS id.

        Returns
        -------
        DrsObject

        Raises
        ------
        NotFound
            There is no such object, or nobody knows the host of its prefix.
        Gen3Error
            It is no DRS id.
        """
        wanted = parse(ident)
        if wanted.host is not None:
            return _object(self.hosts.at(wanted.host), wanted.id)
        if wanted.prefix is None or self._ours(wanted.prefix):
            return _object(self.transport, wanted.id)
        try:
            return _object(self.transport, wanted.id)  # an index may hold GUIDs of others
        except NotFound:
            there = self.hosts.of(wanted.prefix, wanted.id)
        return _object(there, wanted.id)

    def bulk(self, idents: Iterable[str]) -> dict[str, DrsObject]:
        """Give many objects by their ids, 100 at a request (``POST /ga4gh/drs/v1/objects``).

        Returns
        -------
        dict of str to DrsObject
            Without those that there are not.
        """
        here: dict[str, str] = {}
        found: dict[str, DrsObject] = {}
        for ident in dict.fromkeys(idents):
            wanted = parse(ident)
            if wanted.host is None and (wanted.prefix is None or self._ours(wanted.prefix)):
                here[ident] = wanted.id
            else:
                found |= self._if_there(ident)
        rest = iter(here.items())
        while part := dict(islice(rest, AT_ONCE)):
            answers = _many(self.transport, list(part.values()))
            for ident, guid in part.items():
                answer = answers.get(guid)
                found |= {ident: answer} if answer else self._if_there(ident)
        return {ident: found[ident] for ident in dict.fromkeys([*here, *found]) if ident in found}

    def objects(self, *, limit: int | None = None, bundles: bool = False) -> Iterator[DrsObject]:
        """Give all objects of the commons, page by page (``GET /ga4gh/drs/v1/objects``).

        Parameters
        ----------
        limit : int, optional
            No more than so many.
        bundles : bool
            The bundles instead of the files.
        """
        params: dict[str, Any] = {"form": "bundle" if bundles else "object"}
        before, number, left = "", 0, limit
        while left is None or left > 0:
            here = {**params, "limit": PAGE if left is None else min(PAGE, left)}
            if bundles:  # the service orders files by id, and bundles not at all
                here["page"] = number
            elif before:
                here["start"] = before
            answer = self.transport.json("GET", OBJECTS, service="indexd", params=here, signed=None)
            listed = answer.get("drs_objects") if isinstance(answer, dict) else None
            if not isinstance(listed, list):
                raise ServiceError("the file index gave no list of DRS objects", service="indexd")
            page = [read_object(one, self.transport.endpoint) for one in listed][:left]
            if not page:
                return
            if page[-1].id == before:
                raise ServiceError("the file index gives the same DRS objects again", service="indexd")
            yield from page
            before, number = page[-1].id, number + 1
            left = None if left is None else left - len(page)

    def files(self, ident: str, *, limit: int | None = None) -> Iterator[DrsObject]:
        """Give the files of a bundle, of the bundles in it, and so on; a file gives itself.

        Each once, whatever bundles it lies in (``POST /ga4gh/drs/v1/objects``, 100 at a request).

        Parameters
        ----------
        ident : str
            A GUID or any DRS id.
        limit : int, optional
            No more than so many.

        Raises
        ------
        NotFound
            Something that lies in a bundle is not there.
        ServiceError
            Bundles lie in bundles more than 32 deep.
        """
        first = self.object(ident)
        seen = {(first.endpoint, first.id)}
        waiting = deque([(first, 0)])
        count = 0
        while waiting and (limit is None or count < limit):
            one, depth = waiting.popleft()
            if not one.is_bundle:
                count += 1
                yield one
                continue
            if depth >= DEEPEST:
                raise ServiceError(f"bundles in {ident} lie more than {DEEPEST} deep", service="indexd")
            inside = self._inside(one)
            new = [part for part in inside if (part.endpoint, part.id) not in seen]
            seen |= {(part.endpoint, part.id) for part in new}
            waiting.extendleft((part, depth + 1) for part in reversed(new))

    def _inside(self, bundle: DrsObject) -> list[DrsObject]:
        """Give the objects that lie directly in a bundle."""
        at = self.hosts.at(bundle.endpoint)
        wanted = [part.id or "" for part in bundle.contents]
        known: dict[str, DrsObject] = {}
        rest = iter(dict.fromkeys(filter(None, wanted)))
        while ids := list(islice(rest, AT_ONCE)):
            known |= _many(at, ids)
        return [
            known.get(guid) or self._lies_in(part, at)
            for guid, part in zip(wanted, bundle.contents, strict=True)
        ]

    def _lies_in(self, part: Content, at: Transport) -> DrsObject:
        if part.id:
            try:
                return _object(at, part.id)
            except NotFound:
                if part.drs_uri is None:
                    raise
        if part.drs_uri is None:
            words = f"an entry of a bundle ({part.name!r}) does not say which object it is"
            raise NotFound(words, service="indexd")
        return self.object(part.drs_uri)

    # -- bytes ---------------------------------------------------------------------------------------------

    def access_url(self, ident: str, type: str | None = None) -> Presigned:
        """Give a URL of an object's bytes (``GET /ga4gh/drs/v1/objects/{id}/access/{access_id}``).

        Parameters
        ----------
        ident : str
            A GUID or any DRS id.
        type : str, optional
            ``"s3"``, ``"gs"``, ``"https"`` …: which of its access methods; by default the first of those.

        Raises
        ------
        NotFound
            There is no such object, none of its bytes, or none by this method: the message names those that
            there are.
        PermissionDenied
            You may not read it.
        AuthError
            It lies in another commons, which wants to know who you are: connect there.
        """
        one = self.object(ident)
        method = _chosen(one, type)
        at = self.hosts.at(one.endpoint)
        if method.access_id is None:
            return Presigned(one.id, Secret(method.url or ""), monotonic() + LIFETIME)
        path = f"{OBJECTS}/{_part(one.id)}/access/{quote(method.access_id, safe='')}"
        needs = Needs(f"download {one.id}", "its authz", ("read-storage",))
        elsewhere = at.auth is None  # nobody is signed in there
        try:
            answer = at.json("GET", path, service="fence", needs=None if elsewhere else needs)
        except (AuthError, PermissionDenied) as error:
            if not elsewhere:
                raise
            raise AuthError(
                f"{one.id} lies in a commons, {at.endpoint}, which gives it only to those who are "
                f"signed in there: connect to it with gen3nb.connect({at.endpoint!r}), and ask that one",
                endpoint=at.endpoint,
                status=error.facts.get("status"),
            ) from None
        url = answer.get("url") if isinstance(answer, dict) else None
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise ServiceError(f"{at.endpoint} gave no URL for {one.id}", service="fence")
        if answer.get("headers"):
            raise ServiceError(
                f"{at.endpoint} wants headers of its own with the URL of {one.id}, which is not supported",
                service="fence",
            )
        return Presigned(one.id, Secret(url), monotonic() + lifetime(url))

    # -- below ---------------------------------------------------------------------------------------------

    def _ours(self, prefix: str) -> bool:
        """Tell whether a prefix is the commons' own."""
        if self._prefix is None:
            try:
                answer = self.transport.json("GET", "/index/guid/prefix", service="indexd", signed=None)
            except NotFound:  # an older index
                answer = {}
            self._prefix = str(answer.get("prefix") or "") if isinstance(answer, dict) else ""
        return prefix.lower() == self._prefix.strip("/:").lower()

    def _if_there(self, ident: str) -> dict[str, DrsObject]:
        try:
            return {ident: self.object(ident)}
        except NotFound:
            return {}


def _object(at: Transport, guid: str) -> DrsObject:
    try:
        answer = at.json("GET", f"{OBJECTS}/{_part(guid)}", service="indexd", signed=None)
    except NotFound as error:
        if error.facts.get("absent"):
            raise
        missing = NotFound(f"{at.endpoint} has no object {guid}: check the GUID", **error.facts)
    else:
        return read_object(answer, at.endpoint)
    raise missing


def _many(at: Transport, guids: list[str]) -> dict[str, DrsObject]:
    """Ask for up to 100 objects at once; a server that cannot gives none."""
    if len(guids) < 2:
        return {}
    body = {"bulk_object_ids": guids}
    try:
        answer = at.json("POST", OBJECTS, service="indexd", json=body, retry=True, signed=None)
    except ServiceError as error:
        if error.facts.get("status") not in (400, 404, 405, 413, 501):
            raise
        return {}
    listed = answer.get("resolved_drs_objects") if isinstance(answer, dict) else None
    found = [read_object(one, at.endpoint) for one in listed or ()]
    return {one.id: one for one in found}


def _chosen(one: DrsObject, kind: str | None) -> AccessMethod:
    """Choose the way to an object's bytes."""
    usable = [way for way in one.access_methods if way.access_id or (way.url or "").startswith("http")]
    there = ", ".join(dict.fromkeys(way.type for way in usable))
    if one.is_bundle:
        raise NotFound(f"{one.id} is a bundle, which has no bytes of its own: take its files, drs.files(…)")
    if not usable:
        raise NotFound(f"no bytes of {one.id} are known: {one.endpoint} names no access method")
    if kind is not None:
        usable = [way for way in usable if kind in (way.type, way.access_id)]
        if not usable:
            raise NotFound(f"{one.id} cannot be had by {kind!r}; there is: {there}")
    return min(usable, key=lambda way: _SOON.index(way.type) if way.type in _SOON else len(_SOON))


def _part(guid: str) -> str:
    return quote(guid, safe="/:")
