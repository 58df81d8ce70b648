"""fence's routes for files: URLs that move their bytes, for as long as they live, without a sign-in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic
from typing import Any
from urllib.parse import quote

from gen3nb.client.failures import Needs
from gen3nb.client.redaction import Secret
from gen3nb.client.transport import Transport
from gen3nb.errors import Gen3Error, NotFound, PermissionDenied, ServiceError

__all__ = ["FileRoutes", "Presigned", "lifetime", "presigned_of"]

SERVICE = "fence"
AT_ONCE = 500  # GUIDs in one request for URLs
PROBES = 16  # GUIDs without a prefix that are asked for singly before bulk is believed about all of them
SINGLY = 16  # requests at a time where the commons signs one URL a request
LIFETIME = 3600  # seconds, where a URL does not say when it ends
UPLOADS = "/data_file"
_EXPIRES = re.compile(r"[?&]X-(?:Amz|Goog)-Expires=(\d+)(?=[&#]|$)", re.ASCII)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@dataclass(frozen=True, slots=True)
class Presigned:
    """A presigned URL: whoever holds it may move the bytes, so its repr and its pickle do not show it.

    Attributes
    ----------
    guid : str
        Of the file.
    url : Secret
        Works as text.
    ends : float
        When it runs out, by ``time.monotonic()``.
    """

    guid: str
    url: Secret = field(repr=False)
    ends: float

    @property
    def seconds(self) -> float:
        """How long it lives still."""
        return self.ends - monotonic()


class FileRoutes:
    """What fence does for files (``/user/data``).

    Parameters
    ----------
    transport : Transport
        To the commons.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._in_bulk = True  # until the commons shows that it cannot

    # -- down ----------------------------------------------------------------------------------------------

    def download_url(
        self, guid: str, *, protocol: str | None = None, expires_in: int | None = None
    ) -> Presigned:
        """Give a URL to download a file (``GET /user/data/download/{guid}``).

        Parameters
        ----------
        guid : str
        protocol : str, optional
            ``"s3"``, ``"gs"`` …: which of its places.
        expires_in : int, optional
            Seconds; the commons has a maximum, usually an hour.

        Raises
        ------
        PermissionDenied
            You may not read the file.
        NotFound
            There is no such file, or none of its bytes, or none by this protocol.
        """
        given = {"protocol": protocol, "expires_in": expires_in}
        params = {name: value for name, value in given.items() if value is not None}
        needs = Needs(f"download {guid}", "its authz", ("read-storage",))
        path = f"/user/data/download/{_part(guid)}"
        try:
            answer = self.transport.json("GET", path, service=SERVICE, params=params, needs=needs)
        except NotFound as error:
            raise _named(error, guid) from None
        return presigned_of(guid, answer, "url")

    def download_urls(
        self, guids: Iterable[str], *, protocol: str | None = None, expires_in: int | None = None
    ) -> tuple[dict[str, Presigned], dict[str, Gen3Error]]:
        """Give URLs to download many files (``POST /user/data/download/bulk``, 500 at a request).

        Where the commons has no such route, or refuses there what it allows singly, one request each, several
        at a time. What it refuses both ways is asked for singly once of each kind, to learn why.

        Parameters
        ----------
        guids : iterable of str
        protocol, expires_in
            As for :meth:`download_url`.

        Returns
        -------
        tuple of dict
            The URLs by GUID, and for each GUID that has none the error that says why.
        """
        found = _Found(lambda guid: self.download_url(guid, protocol=protocol, expires_in=expires_in))
        rest = iter(dict.fromkeys(guids))
        while part := list(islice(rest, AT_ONCE)):
            codes: dict[str, int] = {}
            if self._in_bulk and len(part) > 1:
                urls, codes = self._bulk(part, protocol, expires_in)
                found.urls |= urls
            left = [guid for guid in part if guid not in found.urls]
            needless = found.settle(left, codes)
            if needless and len(left) == len(part):
                self._in_bulk = False  # it refuses there whatever this user may have
        return found.urls, found.refused

    def _bulk(
        self, guids: Sequence[str], protocol: str | None, expires_in: int | None
    ) -> tuple[dict[str, Presigned], dict[str, int]]:
        """Ask for many URLs at once; give them, and the status of each GUID that has none."""
        try:
            answer = self.transport.json(
                "POST",
                "/user/data/download/bulk",
                service=SERVICE,
                params=_given({"protocol": protocol, "expires_in": expires_in}),
                json={"guids": list(guids)},
                retry=True,
            )
        except ServiceError as error:
            if error.facts["status"] not in (404, 405, 501):
                raise
            self._in_bulk = False
            return {}, {}
        listed = answer.get("urls") if isinstance(answer, dict) else None
        if not isinstance(listed, list):
            raise ServiceError("the sign-in service gave no list of URLs", service=SERVICE)
        try:
            urls = {one["drs_object_id"]: presigned_of(one["drs_object_id"], one, "url") for one in listed}
            failed = answer.get("failed_guids") or ()
            return urls, {guid: int(one["error_code"]) for one in failed for guid in one["object_ids"]}
        except (KeyError, TypeError, ValueError):
            what = "the sign-in service gave a list of URLs that is none"
        raise ServiceError(what, service=SERVICE)

    # -- up ------------------------------------------------------------------------------------------------

    def start_upload(
        self,
        file_name: str,
        *,
        authz: Sequence[str] = (),
        guid: str | None = None,
        bucket: str | None = None,
        expires_in: int | None = None,
    ) -> Presigned:
        """Make a record for a file to come, and give the URL to upload it (``POST /user/data/upload``).

        Parameters
        ----------
        file_name : str
        authz : sequence of str
            Resources that a reader must have access to; without any, only you can read it until a record says
            otherwise.
        guid : str, optional
            Of a record that is there already.
        bucket : str, optional
            By default the commons' own choice.
        expires_in : int, optional
            Seconds.

        Raises
        ------
        PermissionDenied
            You may not upload files.
        """
        given: dict[str, Any] = {"guid": guid, "bucket": bucket, "expires_in": expires_in}
        body = {"file_name": file_name, **({"authz": list(authz)} if authz else {}), **_given(given)}
        with _of_bucket(bucket):
            answer = self.transport.json(
                "POST", "/user/data/upload", service=SERVICE, json=body, needs=_uploading(authz)
            )
        return presigned_of(str(answer["guid"]), answer, "url")

    def upload_url(
        self, guid: str, *, file_name: str, bucket: str | None = None, expires_in: int | None = None
    ) -> Presigned:
        """Give a URL to upload the file of a record (``GET /user/data/upload/{guid}``)."""
        params = _given({"file_name": file_name, "bucket": bucket, "expires_in": expires_in})
        path = f"/user/data/upload/{_part(guid)}"
        with _of_bucket(bucket):
            answer = self.transport.json("GET", path, service=SERVICE, params=params, needs=_uploading(()))
        return presigned_of(guid, answer, "url")

    def start_multipart(
        self, file_name: str, *, guid: str | None = None, bucket: str | None = None
    ) -> tuple[str, str]:
        """Begin an upload in parts (``POST /user/data/multipart/init``); gives GUID and upload id."""
        body = {"file_name": file_name, **_given({"guid": guid, "bucket": bucket})}
        path = "/user/data/multipart/init"
        answer = self.transport.json("POST", path, service=SERVICE, json=body, needs=_uploading(()))
        return str(answer["guid"]), str(answer["uploadId"])

    def part_url(
        self, guid: str, file_name: str, upload_id: str, number: int, *, bucket: str | None = None
    ) -> Presigned:
        """Give a URL to upload one part, counted from 1 (``POST /user/data/multipart/upload``)."""
        body = {
            "key": f"{guid}/{file_name}",
            "uploadId": upload_id,
            "partNumber": number,
            **_given({"bucket": bucket}),
        }
        path = "/user/data/multipart/upload"
        answer = self.transport.json("POST", path, service=SERVICE, json=body, retry=True)
        return presigned_of(guid, answer, "presigned_url")

    def complete_multipart(
        self,
        guid: str,
        file_name: str,
        upload_id: str,
        parts: Sequence[tuple[int, str]],
        *,
        bucket: str | None = None,
    ) -> None:
        """Put the parts together (``POST /user/data/multipart/complete``).

        Parameters
        ----------
        guid, file_name, upload_id : str
        parts : sequence of (int, str)
            Number and ETag of each part; the ETag is what the storage answered.
        bucket : str, optional
        """
        listed = [{"PartNumber": number, "ETag": etag} for number, etag in sorted(parts)]
        body = {
            "key": f"{guid}/{file_name}",
            "uploadId": upload_id,
            "parts": listed,
            **_given({"bucket": bucket}),
        }
        # asked twice, the service answers the same
        self.transport.json("POST", "/user/data/multipart/complete", service=SERVICE, json=body, retry=True)

    # -- away, and where -----------------------------------------------------------------------------------

    def delete_file(self, guid: str) -> None:
        """Delete a file: its bytes and its record (``DELETE /user/data/{guid}``)."""
        needs = Needs(f"delete {guid}", "its authz", ("delete",))
        try:
            self.transport.request("DELETE", f"/user/data/{_part(guid)}", service=SERVICE, needs=needs)
        except NotFound as error:
            if error.facts.get("absent") or not error.facts.get("said"):
                raise
            raise NotFound(f"the commons has no file {guid}: check the GUID", **error.facts) from None

    def buckets(self) -> dict[str, dict[str, Any]]:
        """Give the commons' buckets, by kind and name (``GET /user/data/buckets``).

        Returns
        -------
        dict
            ``{"S3_BUCKETS": {name: {"region", "endpoint_url", "programs"}}, "GS_BUCKETS": {…}}``
        """
        answer = self.transport.json("GET", "/user/data/buckets", service=SERVICE)
        return {str(kind).upper(): dict(held) for kind, held in answer.items() if isinstance(held, Mapping)}


class _Found:
    """URLs that were found and refusals, and what was learnt of the kinds of refusals in bulk."""

    def __init__(self, ask: Callable[[str], Presigned]) -> None:
        self.urls: dict[str, Presigned] = {}
        self.refused: dict[str, Gen3Error] = {}
        self._ask = ask
        self._kinds: dict[tuple[int, str], Gen3Error | None] = {}  # None: bulk is wrong about them

    def singly(self, guid: str) -> None:
        """Ask for one URL."""
        try:
            self.urls[guid] = self._ask(guid)
        except Gen3Error as error:
            self.refused[guid] = error

    def settle(self, guids: Sequence[str], codes: Mapping[str, int]) -> bool:
        """Find URLs of what bulk gave none for, or say why there is none.

        Refusals of one status, for GUIDs of one prefix, are of one kind. A few of each are asked for singly;
        if none of them is given, bulk is believed for the others.

        Returns
        -------
        bool
            Whether permissions that bulk denies are there.
        """
        groups: dict[tuple[int, str], list[str]] = {}
        for guid in guids:
            groups.setdefault((codes.get(guid, 0), guid.rpartition("/")[0]), []).append(guid)
        for kind, group in groups.items():
            if kind not in self._kinds and kind[0]:
                # bulk knows no GUID without its prefix
                few = PROBES if kind[0] == 404 and not kind[1] else 1
                probes, group = group[:few], group[few:]
                _each(self.singly, probes)
                self._kinds[kind] = None if self.urls.keys() & set(probes) else self.refused[probes[0]]
            like = self._kinds.get(kind)
            if like is None:
                _each(self.singly, group)
            else:
                self.refused |= {guid: _alike(guid, kind[0], like) for guid in group}
        denied = [kind for kind in groups if kind[0] in (401, 403)]
        return bool(denied) and all(self._kinds[kind] is None for kind in denied)


@contextmanager
def _of_bucket(bucket: str | None) -> Iterator[None]:
    """Say so where it is the bucket that is refused, not the person."""
    try:
        yield
    except PermissionDenied as error:
        said = str(error.facts.get("said") or "")
        if not bucket or "bucket" not in said.lower():
            raise
        raise PermissionDenied(
            f"the commons takes no files into the bucket {bucket!r} (the sign-in service said: {said!r}); "
            "name none, and it chooses, or one of those that commons.fence.buckets() gives",
            **error.facts,
        ) from None


def _named(error: NotFound, guid: str) -> NotFound:
    """Say which file it is that there is no URL for."""
    said = error.facts.get("said")
    if error.facts.get("absent") or not said or guid in error.message:
        return error
    words = f'there is no URL for {guid} (the sign-in service said, with 404: "{said}")'
    return NotFound(f"{words}; check the GUID, and that the file was uploaded", **error.facts)


def _alike(guid: str, status: int, like: Gen3Error) -> Gen3Error:
    """Make the error of a GUID that was refused in bulk, as another of its kind was singly."""
    facts = {**like.facts, "said": None, "path": None}
    if isinstance(like, PermissionDenied):
        words = f"you may not download {guid}: you lack 'read-storage' on what its authz names"
        return PermissionDenied(f"{words}; ask the commons' data access contact for it", **facts)
    if isinstance(like, NotFound):
        return NotFound(f"the commons has no file {guid}, or none of its bytes", **facts)
    words = f"the commons gave no URL for {guid} (status {status})"
    return type(like)(f"{words}; another like it: {like.message}", **facts)


def _each(act: Callable[[str], None], guids: Sequence[str]) -> None:
    """Do something for each of several, some at a time."""
    if len(guids) < 2:
        for guid in guids:
            act(guid)
        return
    with ThreadPoolExecutor(SINGLY, thread_name_prefix="gen3nb-presign") as pool:
        list(pool.map(act, guids))


def presigned_of(guid: str, answer: Any, name: str) -> Presigned:
    """Read a URL out of an answer, where it has a name."""
    url = answer.get(name) if isinstance(answer, Mapping) else None
    if not isinstance(url, str) or not _SCHEME.match(url):
        raise ServiceError(f"the sign-in service gave no URL for {guid}", service=SERVICE)
    return Presigned(guid, Secret(url), monotonic() + lifetime(url))


def lifetime(url: str) -> float:
    """Read how long a URL lives, as S3 and Google write it."""
    found = _EXPIRES.search(url)  # thousands of URLs come at once: to take them apart costs ten times as much
    return float(found[1] if found else LIFETIME)


def _uploading(authz: Sequence[str]) -> Needs:
    if authz:
        return Needs("upload files there", ", ".join(authz), ("create", "write-storage"))
    return Needs("upload files", UPLOADS, ("file_upload",))


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _part(guid: str) -> str:
    return quote(guid, safe="/:")
