"""indexd: what the commons knows of files, by GUID: size, hashes, places, who may read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any
from urllib.parse import quote

from gen3nb.client.failures import Needs
from gen3nb.client.project import ProjectId, ProjectLike
from gen3nb.client.transport import Transport
from gen3nb.errors import NotFound, ServiceError

__all__ = ["Indexd"]

SERVICE = "indexd"
LARGEST_PAGE = 1024
AT_ONCE = 1000  # GUIDs in one look-up


class Indexd:
    """The file index (``/index``).

    Parameters
    ----------
    transport : Transport
        To the commons.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._prefix: str | None = None

    def __repr__(self) -> str:
        return f"Indexd({self.transport.endpoint})"

    # -- look ----------------------------------------------------------------------------------------------

    def get(self, guid: str) -> dict[str, Any]:
        """Give what the index knows of one file (``GET /index/{guid}``).

        Parameters
        ----------
        guid : str
            With or without the commons' prefix; or an alias.

        Returns
        -------
        dict
            ``did``, ``file_name``, ``size`` (bytes), ``hashes``, ``urls``, ``authz``, ``acl``, ``rev`` …

        Raises
        ------
        NotFound
            The index has no such file.
        """
        return _record(self._json("GET", f"/index/{_part(guid)}", signed=None), guid)

    def bulk(self, guids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Look many files up, 1,000 at a request (``POST /index/bulk/documents``).

        The service leaves out what it does not find, and finds no GUID that lacks its prefix: such are asked
        for again with it.

        Parameters
        ----------
        guids : iterable of str

        Returns
        -------
        dict of str to dict
            The record of each GUID that there is, by the GUID as it was given.
        """
        found: dict[str, dict[str, Any]] = {}
        for part in _batches(dict.fromkeys(guids), AT_ONCE):
            here = {record["did"]: record for record in self._documents(part)}
            found |= {guid: here[guid] for guid in part if guid in here}
            others = {self._other(guid): guid for guid in part if guid not in here}
            others.pop("", None)
            if others:
                again = {record["did"]: record for record in self._documents(list(others))}
                found |= {others[did]: record for did, record in again.items() if did in others}
        return found

    def records(
        self,
        *,
        project: ProjectLike | None = None,
        authz: str | Sequence[str] = (),
        hashes: Mapping[str, str] | None = None,
        size: int | None = None,
        file_name: str | None = None,
        url: str | None = None,
        uploader: str | None = None,
        metadata: Mapping[str, str] | None = None,
        version: str | None = None,
        limit: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Give the files that fit, in the order of their GUIDs, page by page (``GET /index/``).

        Parameters
        ----------
        project : str or ProjectId, optional
            Files whose authz is exactly this project's.
        authz : str or sequence of str
            Resources that a file must all have.
        hashes : Mapping, optional
            Type to value: ``{"md5": "…"}``.
        size : int, optional
            Bytes.
        file_name, url, uploader, version : str, optional
            Exactly.
        metadata : Mapping, optional
            Key to value.
        limit : int, optional
            Give no more than so many.
        """
        resources = [authz] if isinstance(authz, str) else list(authz)
        resources += [ProjectId.parse(project).resource] if project is not None else []
        given = {
            "authz": ",".join(resources) or None,
            "hash": [f"{kind}:{value.lower()}" for kind, value in (hashes or {}).items()] or None,
            "size": size,
            "file_name": file_name,
            "url": url,
            "uploader": uploader,
            "metadata": [f"{key}:{value}" for key, value in (metadata or {}).items()] or None,
            "version": version,
        }
        params = {name: value for name, value in given.items() if value is not None}
        start, left = None, limit
        while left is None or left > 0:
            page = LARGEST_PAGE if left is None else min(left, LARGEST_PAGE)
            here = {**params, "limit": page, **({"start": start} if start else {})}
            answer = self._json("GET", "/index/", params=here, signed=None)
            records = answer.get("records") if isinstance(answer, dict) else None
            if not isinstance(records, list):
                raise ServiceError("the file index gave no list of files", service=SERVICE)
            yield from records
            if len(records) < page:
                return
            start = records[-1]["did"]
            left = None if left is None else left - len(records)

    def by_hash(self, kind: str, value: str) -> list[dict[str, Any]]:
        """Give the files with this hash (``GET /index/?hash=``)."""
        return list(self.records(hashes={kind: value}))

    def versions(self, guid: str) -> list[dict[str, Any]]:
        """Give all versions of a file, oldest first (``GET /index/{guid}/versions``)."""
        answer = self._json("GET", f"/index/{_part(guid)}/versions", signed=None)
        return [answer[key] for key in sorted(answer, key=int)] if isinstance(answer, dict) else []

    def latest(self, guid: str) -> dict[str, Any]:
        """Give the newest version of a file (``GET /index/{guid}/latest``)."""
        return _record(self._json("GET", f"/index/{_part(guid)}/latest", signed=None), guid)

    def aliases(self, guid: str) -> list[str]:
        """Give the other names of a file (``GET /index/{guid}/aliases``)."""
        answer = self._json("GET", f"/index/{_part(guid)}/aliases", signed=None)
        return [str(one["value"]) for one in answer.get("aliases", [])] if isinstance(answer, dict) else []

    def by_alias(self, alias: str) -> dict[str, Any]:
        """Give the file of another name (``GET /{alias}``)."""
        return _record(self._json("GET", f"/{_part(alias)}", signed=None), alias)

    def stats(self) -> dict[str, int]:
        """Count all files and their bytes (``GET /_stats``): ``fileCount``, ``totalFileSize``."""
        answer = self._json("GET", "/_stats", signed=None)
        return {str(name): int(value) for name, value in answer.items()} if isinstance(answer, dict) else {}

    def prefix(self) -> str:
        """Give what the commons' GUIDs begin with (``GET /guid/prefix``); empty where it has none."""
        if self._prefix is None:
            try:
                answer = self._json("GET", "/guid/prefix", signed=None)
            except NotFound:  # an older index
                answer = {}
            self._prefix = str(answer.get("prefix") or "") if isinstance(answer, dict) else ""
        return self._prefix

    def mint(self, count: int = 1) -> list[str]:
        """Give new GUIDs that nothing has yet (``GET /guid/mint``)."""
        answer = self._json("GET", "/guid/mint", params={"count": count}, signed=None)
        return list(answer.get("guids", [])) if isinstance(answer, dict) else []

    # -- change --------------------------------------------------------------------------------------------

    def create(
        self,
        *,
        size: int,
        hashes: Mapping[str, str],
        urls: Sequence[str] = (),
        authz: Sequence[str] = (),
        guid: str | None = None,
        file_name: str | None = None,
        **more: Any,
    ) -> dict[str, str]:
        """Register a file (``POST /index/``).

        Parameters
        ----------
        size : int
            Bytes.
        hashes : Mapping
            Type to value, in any case: ``{"md5": "…"}``.
        urls : sequence of str
            Where it is.
        authz : sequence of str
            Resources that a reader must have access to.
        guid : str, optional
            By default a new one.
        file_name : str, optional
        **more : Any
            ``acl``, ``metadata``, ``urls_metadata``, ``version``, ``baseid`` …

        Returns
        -------
        dict
            ``did``, ``baseid``, ``rev``.

        Raises
        ------
        Conflict
            The GUID is taken.
        """
        document = {
            "form": "object",
            "size": size,
            "hashes": _hashes(hashes),
            "urls": list(urls),
            "authz": list(authz),
            **({"did": guid} if guid else {}),
            **({"file_name": file_name} if file_name else {}),
            **more,
        }
        needs = Needs("register a file", ", ".join(authz) or "the index", ("create",))
        return dict(self._json("POST", "/index/", json=document, needs=needs))

    def update(self, guid: str, changes: Mapping[str, Any], rev: str | None = None) -> dict[str, str]:
        """Change what the index says of a file (``PUT /index/{guid}?rev=``).

        Parameters
        ----------
        guid : str
        changes : Mapping
            ``file_name``, ``urls``, ``urls_metadata``, ``acl``, ``authz``, ``metadata``, ``version``. Size
            and hashes of a file cannot change.
        rev : str, optional
            The revision that the change is meant for; by default the present one.

        Raises
        ------
        Conflict
            Somebody else has changed it since that revision.
        """
        known = self._known(guid, rev)
        needs = Needs("change this file's record", ", ".join(known["authz"]) or "the index", ("update",))
        path = f"/index/{_part(known['did'])}"
        return dict(self._json("PUT", path, params={"rev": known["rev"]}, json=dict(changes), needs=needs))

    def delete(self, guid: str, rev: str | None = None) -> None:
        """Delete a file's record, not its bytes (``DELETE /index/{guid}?rev=``)."""
        known = self._known(guid, rev)
        needs = Needs("delete this file's record", ", ".join(known["authz"]) or "the index", ("delete",))
        path = f"/index/{_part(known['did'])}"
        self.transport.request(
            "DELETE", f"/index{path}", service=SERVICE, params={"rev": known["rev"]}, needs=needs
        )

    def add_version(self, guid: str, document: Mapping[str, Any]) -> dict[str, str]:
        """Register a new version of a file (``POST /index/{guid}``).

        ``acl`` and ``authz`` are not taken over by the service: name them.
        """
        return dict(self._json("POST", f"/index/{_part(guid)}", json={"form": "object", **document}))

    def add_aliases(self, guid: str, aliases: Iterable[str]) -> None:
        """Give a file other names (``POST /index/{guid}/aliases/``)."""
        document = {"aliases": [{"value": alias} for alias in aliases]}
        self._json("POST", f"/index/{_part(guid)}/aliases/", json=document)

    def remove_alias(self, guid: str, alias: str) -> None:
        """Take one other name of a file away (``DELETE /index/{guid}/aliases/{alias}``)."""
        path = f"/index/index/{_part(guid)}/aliases/{_part(alias)}"
        self.transport.request("DELETE", path, service=SERVICE)

    def create_blank(self, *, file_name: str, uploader: str, authz: Sequence[str] = ()) -> dict[str, str]:
        """Make a record for a file that is still to come (``POST /index/blank/``)."""
        document = {"file_name": file_name, "uploader": uploader, **({"authz": list(authz)} if authz else {})}
        return dict(self._json("POST", "/index/blank/", json=document))

    def fill_blank(
        self,
        guid: str,
        *,
        size: int,
        hashes: Mapping[str, str],
        urls: Sequence[str] = (),
        authz: Sequence[str] = (),
    ) -> dict[str, str]:
        """Say of a file that has come what it is (``PUT /index/blank/{guid}?rev=``).

        Raises
        ------
        Conflict
            It is filled already, or somebody else is filling it.
        """
        rev = self.get(guid)["rev"]
        document = {
            "size": size,
            "hashes": _hashes(hashes),
            **({"urls": list(urls)} if urls else {}),
            **({"authz": list(authz)} if authz else {}),
        }
        path = f"/index/blank/{_part(guid)}"
        return dict(self._json("PUT", path, params={"rev": rev}, json=document))

    def upsert(self, *, size: int, hashes: Mapping[str, str], **facts: Any) -> dict[str, Any]:
        """Register a file unless one of this hash, size and authz is there; then add to that one's places.

        Takes what :meth:`create` takes. It adds URLs, never takes any away.
        """
        wanted = _hashes(hashes)
        authz = sorted(facts.get("authz") or ())
        for record in self.records(hashes=wanted, size=size):
            if sorted(record["authz"]) == authz:
                new = [url for url in facts.get("urls") or () if url not in record["urls"]]
                if new:
                    self.update(record["did"], {"urls": [*record["urls"], *new]}, record["rev"])
                return self.get(record["did"])
        return self.get(self.create(size=size, hashes=wanted, **facts)["did"])

    def _known(self, guid: str, rev: str | None) -> dict[str, Any]:
        """Give the record that a change is meant for."""
        return self.get(guid) if rev is None else {"did": guid, "rev": rev, "authz": []}

    # -- below ---------------------------------------------------------------------------------------------

    def _json(self, method: str, path: str, **options: Any) -> Any:
        return self.transport.json(method, f"/index{path}", service=SERVICE, **options)

    def _documents(self, guids: Sequence[str]) -> list[dict[str, Any]]:
        """Look up to 1,000 GUIDs up, as they are written."""
        if not guids:
            return []
        try:
            answer = self._json("POST", "/bulk/documents", json=list(guids), retry=True, signed=None)
        except NotFound as error:
            if not error.facts.get("absent"):
                raise
            answer = self._singly(guids)  # an older index
        if not isinstance(answer, list):
            raise ServiceError("the file index gave no list of files", service=SERVICE)
        return answer

    def _singly(self, guids: Sequence[str]) -> list[dict[str, Any]]:
        found = []
        for guid in guids:
            with suppress(NotFound):
                found.append(self.get(guid))
        return found

    def _other(self, guid: str) -> str:
        """Give a GUID with the commons' prefix where it lacks it, and without it where it has it."""
        prefix = self.prefix()
        if not prefix:
            return ""
        return guid.removeprefix(prefix) if guid.startswith(prefix) else prefix + guid


def _part(guid: str) -> str:
    """Write a GUID into a path; its prefix ends with a slash that stays one."""
    return quote(guid, safe="/:")


def _hashes(given: Mapping[str, str]) -> dict[str, str]:
    """Write hashes as the index takes them: in lower case."""
    return {kind: value.lower() for kind, value in given.items()}


def _record(answer: Any, guid: str) -> dict[str, Any]:
    if isinstance(answer, dict) and answer.get("form") == "bundle":
        words = f"{guid} is a bundle of files, not a file: commons.drs.files({guid!r}) gives its files"
        raise NotFound(words, service=SERVICE)
    if not isinstance(answer, dict) or "did" not in answer:
        raise ServiceError(f"the file index gave no record of {guid}", service=SERVICE)
    return answer


def _batches(items: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part
