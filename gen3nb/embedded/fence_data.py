"""fence's routes for files: presigned URLs up and down, in parts and in bulk, and deletion.

``read`` on a project stands here for arborist's ``read-storage`` too, and ``create`` for ``write-storage``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from .access import Refused, User
from .fence import Failure, page, paged
from .objects import NoSuchUpload
from .state import State
from .storage import BUCKETS
from .web import Handler, Json, route

LONGEST = 3600  # seconds that a presigned URL lives at most
MOST_DRS = 100  # objects in one request for DRS access
UPLOADS = ("/data_file", "file_upload")
CANNOT_UPLOAD = (
    "You do not have access to upload data. You either need general file uploader permissions or create and "
    "write-storage permissions on the authz resources you specified (if you specified any)."
)
CANNOT_READ = (
    "Either you weren't authenticated successfully or you don't have read-storage permission on "
    "authorization resource: {}."
)


def routes(state: State) -> list[BaseRoute]:
    """Give the routes, with the paths that fence has itself."""
    files = Files(state)
    table: list[tuple[str, str, Handler]] = [
        ("POST", "/data/upload", files.start_upload),
        ("GET", "/data/upload/{guid:did}", files.upload_url),
        ("POST", "/data/multipart/init", files.start_multipart),
        ("POST", "/data/multipart/upload", files.part_url),
        ("POST", "/data/multipart/complete", files.complete_multipart),
        ("POST", "/data/download/bulk", files.download_urls),
        ("GET", "/data/download/{guid:did}", files.download_url),
        ("DELETE", "/data/{guid:did}", files.delete),
    ]
    return [route(methods, path, paged(handler), _refuse) for methods, path, handler in table]


def drs_routes(state: State, base: str) -> list[BaseRoute]:
    """Give the routes of DRS that the proxy hands to fence: how to reach the bytes of an object."""
    files = Files(state)
    base += "/drs/v1/objects"
    table: list[tuple[str, str, Handler]] = [
        ("POST", f"{base}/access", files.drs_access_in_bulk),
        ("GET|POST", f"{base}/{{guid:did}}/access/{{access_id:str}}", files.drs_access),
        ("GET|POST", f"{base}/{{guid:did}}/access", files.drs_access_to_nothing),
    ]
    return [route(methods, path, paged(handler), _refuse) for methods, path, handler in table]


def _refuse(refused: Refused) -> Response:
    return page(refused.status, refused.message)


class Files:
    """The handlers."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.access = state.access
        self.index = state.index

    # -- up ------------------------------------------------------------------------------------------------

    def start_upload(self, request: Request, body: bytes) -> Response:
        """Make a blank record in the index, and give a URL to upload its file."""
        guid, url = self.begin_upload(self._user(request), _facts(body))
        return Json({"guid": guid, "url": url}, 201)

    def begin_upload(self, user: User, facts: Mapping[str, Any]) -> tuple[str, str]:
        """Give the GUID of a file to come, and a URL for its bytes."""
        name = facts.get("file_name")
        if not name:
            raise Failure(400, "wrong Content-Type; expected application/json")
        self._may_upload(user, facts.get("authz"))
        bucket = _bucket(facts.get("bucket"))
        expires = _expires(facts.get("expires_in"))
        guid = self._guid(facts, user, name)
        url = self.state.storage.url("PUT", bucket, f"{guid}/{name}", expires, self.access.clock.now())
        return guid, url

    def upload_url(self, request: Request, body: bytes) -> Response:
        """Give a URL to upload the file of a record."""
        user = self._user(request)
        guid = request.path_params["guid"]
        record = self._record(guid)
        if not self._may(user, record, "create") and not self._may_upload_any(user):
            raise Failure(403, CANNOT_UPLOAD)
        bucket = _bucket(request.query_params.get("bucket"))
        expires = _expires(request.query_params.get("expires_in"))
        name = request.query_params.get("file_name") or record["did"].replace("/", "_")
        key = f"{record['did']}/{name}"
        return Json({"url": self.state.storage.url("PUT", bucket, key, expires, self.access.clock.now())})

    def start_multipart(self, request: Request, body: bytes) -> Response:
        """Make a blank record, or take the one that is named, and begin an upload in parts."""
        user = self._user(request)
        if not self._may_upload_any(user):
            raise Failure(403, "user does not have privileges to access this endpoint")
        facts = _facts(body)
        name = facts.get("file_name")
        if not name:
            raise Failure(400, "wrong Content-Type; expected application/json")
        bucket = _bucket(facts.get("bucket"))
        guid = self._guid(facts, user, name)
        upload = self.state.storage.bucket(bucket).start(f"{guid}/{name}")
        return Json({"guid": guid, "uploadId": upload}, 201)

    def part_url(self, request: Request, body: bytes) -> Response:
        """Give a URL to upload one part."""
        self._uploader(request)
        facts = _facts(body)
        missing = [name for name in ("key", "uploadId", "partNumber") if facts.get(name) is None]
        if missing:
            raise Failure(400, f"missing required arguments: {missing}")
        query = {"uploadId": str(facts["uploadId"]), "partNumber": str(facts["partNumber"])}
        bucket, expires = _bucket(facts.get("bucket")), _expires(facts.get("expires_in"))
        now = self.access.clock.now()
        url = self.state.storage.url("PUT", bucket, str(facts["key"]), expires, now, query)
        return Json({"presigned_url": url})

    def complete_multipart(self, request: Request, body: bytes) -> Response:
        """Put the parts together."""
        self._uploader(request)
        facts = _facts(body)
        missing = [name for name in ("key", "uploadId", "parts") if facts.get(name) is None]
        if missing:
            raise Failure(400, f"missing required arguments: {missing}")
        bucket, key = _bucket(facts.get("bucket")), str(facts["key"])
        try:
            stored = self.state.storage.bucket(bucket).complete(str(facts["uploadId"]), key, facts["parts"])
        except (NoSuchUpload, KeyError, TypeError, ValueError):
            words = (
                f"Can not complete multipart upload for {key}. Detail An error occurred (500) when calling "
                "the CompleteMultipartUpload operation (reached max retries: 4): Internal Server Error"
            )
            return Json({"message": words}, 500)
        self.state.storage.on_stored(bucket, key, stored.size, stored.hashes)
        return Json({"message": "OK"})

    def _guid(self, facts: Mapping[str, Any], user: User, name: str) -> str:
        """Give the record that an upload is for, made where none is named."""
        given = facts.get("guid")
        if given:
            return str(self._record(str(given))["did"])
        authz = facts.get("authz")
        blank: dict[str, Any] = {"did": self.index.new_did(), "file_name": name}
        blank |= {"authz": list(authz)} if authz else {"uploader": user.username}
        return str(self.index.create(blank)["did"])

    def _uploader(self, request: Request) -> User:
        user = self._user(request)
        if not self._may_upload_any(user):
            raise Failure(403, "user does not have privileges to access this endpoint")
        return user

    def _may_upload(self, user: User, authz: Any) -> None:
        resources = authz if isinstance(authz, list) else []
        by_resource = bool(resources) and all(self.access.allowed(user, "create", one) for one in resources)
        if not by_resource and not self._may_upload_any(user):
            raise Failure(403, CANNOT_UPLOAD)

    def _may_upload_any(self, user: User) -> bool:
        return self.access.allowed(user, UPLOADS[1], UPLOADS[0])

    # -- down ----------------------------------------------------------------------------------------------

    def download_url(self, request: Request, body: bytes) -> Response:
        """Give a URL to download a file."""
        expires = _expires(request.query_params.get("expires_in"))
        record = self._record(request.path_params["guid"])
        user = self._readable(request, record)
        return Json({"url": self._download(record, user, request.query_params, expires)})

    def download_urls(self, request: Request, body: bytes) -> Response:
        """Give URLs to download many files; what has none is listed with its code."""
        facts = _facts(body)
        guids = facts.get("guids")
        if not isinstance(guids, list):
            raise Failure(400, "missing required argument `guids`")
        if not guids:
            raise Failure(503, "The server is currently unable to handle the request")
        user, urls, failed = self._whoever(request), [], dict[int, list[str]]()
        expires = _expires(request.query_params.get("expires_in"))
        found = {record["did"]: record for record in self.index.every(str(guid) for guid in guids)}
        for guid in map(str, guids):
            record = found.get(guid)
            code = 404 if record is None else 200 if self._may_in_bulk(user, record) else 401
            if record is not None and code == 200:
                try:
                    url = self._download(record, user, request.query_params, expires)
                    urls.append({"drs_object_id": guid, "url": url})
                except Failure as failure:
                    code = failure.status
            if code != 200:
                failed.setdefault(code, []).append(guid)
        refused = [{"error_code": code, "object_ids": ids} for code, ids in sorted(failed.items())]
        return Json({"failed_guids": refused, "urls": urls})

    def drs_access(self, request: Request, body: bytes) -> Response:
        """Give a URL to download a file, by the id of its access method."""
        record = self._record(request.path_params["guid"])
        user = self._readable(request, record)
        query = {"protocol": request.path_params["access_id"]}
        return Json({"url": self._download(record, user, query, LONGEST)})

    def drs_access_to_nothing(self, request: Request, body: bytes) -> Response:
        """Refuse a request that names no access method."""
        raise Failure(400, "Access ID/Protocol is required.")

    def drs_access_in_bulk(self, request: Request, body: bytes) -> Response:
        """Give URLs to download many files."""
        wanted = _facts(body).get("bulk_object_access_ids")
        pairs = [
            (str(one["bulk_object_id"]), str(way)) for one in wanted or () for way in one["bulk_access_ids"]
        ]
        if len(pairs) > MOST_DRS:
            words = f"Request too large: {len(pairs)} objects requested, maximum is {MOST_DRS}"
            return Json({"error_code": 413, "error_description": words}, 413)
        user, resolved, failed = self._whoever(request), [], dict[int, list[str]]()
        for guid, way in pairs:
            try:
                record = self._record(guid)
                if not self._may(user, record, "read"):
                    raise Failure(401, CANNOT_READ.format(record["authz"]))
                url = self._download(record, user, {"protocol": way}, LONGEST)
                resolved.append({"drs_access_id": way, "drs_object_id": guid, "headers": [], "url": url})
            except Failure as failure:
                failed.setdefault(failure.status, []).append(guid)
        refused = [{"error_code": code, "object_ids": ids} for code, ids in sorted(failed.items())]
        lost = sum(map(len, failed.values()))
        summary = {"requested": len(pairs), "resolved": len(resolved), "unresolved": lost}
        return Json(
            {
                "resolved_drs_object_access_urls": resolved,
                "summary": summary,
                "unresolved_drs_objects": refused,
            }
        )

    def _download(
        self, record: Mapping[str, Any], user: User | None, query: Mapping[str, str], expires: int
    ) -> str:
        """Sign a URL for the first place of a record, or the first with a protocol."""
        protocol = query.get("protocol")
        places: Iterable[str] = record["urls"]
        fitting = [url for url in places if protocol in (None, "", urlsplit(url).scheme)]
        if not record["urls"]:
            raise Failure(404, "Can't find any file locations.")
        if not fitting:
            raise Failure(
                404, f"File {record['did']} does not have a location with specified protocol {protocol}."
            )
        place = urlsplit(fitting[0])
        if place.scheme in ("http", "https"):
            return fitting[0]
        if place.scheme != "s3" or place.netloc not in BUCKETS:
            raise Failure(500, "")
        key = fitting[0].partition("://")[2].partition("/")[2]
        if query.get("no_force_sign", "").lower() == "true":
            return self.state.storage.plain_url(place.netloc, key)
        who = {
            "user_id": str(user.number) if user else "anonymous",
            "username": user.username if user else "anonymous",
            "client_id": user.client_id if user else "",
        }
        return self.state.storage.url("GET", place.netloc, key, expires, self.access.clock.now(), who)

    # -- away ----------------------------------------------------------------------------------------------

    def delete(self, request: Request, body: bytes) -> Response:
        """Delete a file's bytes and its record."""
        user = self._user(request)
        record = self._record(request.path_params["guid"])
        if not self._may(user, record, "delete"):
            return Json({"message": "You do not have arborist permissions to delete this file."}, 403)
        for url in record["urls"]:
            place = urlsplit(url)
            if place.scheme == "s3" and place.netloc in BUCKETS:
                self.state.storage.bucket(place.netloc).delete(url.partition("://")[2].partition("/")[2])
        self.index.delete(record["did"], None)
        return HTMLResponse("", 204)

    # -- who and what --------------------------------------------------------------------------------------

    def _user(self, request: Request) -> User:
        return self.access.user_of(request.headers.get("authorization"))

    def _whoever(self, request: Request) -> User | None:
        try:
            return self._user(request)
        except Refused:
            return None

    def _record(self, guid: str) -> dict[str, Any]:
        record = self.index.get(guid)
        if record is None:
            raise Failure(404, f"No indexed document found with id {guid}")
        return record

    def _readable(self, request: Request, record: Mapping[str, Any]) -> User | None:
        user = self._whoever(request)
        if not self._may(user, record, "read"):
            raise Failure(401, CANNOT_READ.format(record["authz"]))
        return user

    def _may(self, user: User | None, record: Mapping[str, Any], method: str) -> bool:
        """Say whether a user may do something with the file of a record."""
        if method == "read" and ("*" in record["acl"] or "/open" in record["authz"]):
            return True
        if record["authz"]:
            return all(self.access.allowed(user, method, one) for one in record["authz"])
        return user is not None and record["uploader"] == user.username

    def _may_in_bulk(self, user: User | None, record: Mapping[str, Any]) -> bool:
        """Say the same as the service does in bulk, where a grant on ``/`` counts for nothing."""
        if not self._may(user, record, "read"):
            return False
        if user is None or not record["authz"]:
            return True
        rest = {place for place in user.grants if place != "/"}
        return all(
            any(one == place or one.startswith(place + "/") for place in rest) for one in record["authz"]
        )


def _facts(body: bytes) -> dict[str, Any]:
    """Read a JSON object."""
    try:
        facts = json.loads(body)
    except ValueError:
        raise Failure(
            400, "The browser (or proxy) sent a request that this server could not understand."
        ) from None
    if facts is None:
        raise Failure(400, "The browser (or proxy) sent a request that this server could not understand.")
    return facts if isinstance(facts, dict) else {}


def _bucket(given: Any) -> str:
    if given and given not in BUCKETS:
        raise Failure(403, f"Uploading to bucket '{given}' is not allowed")
    return str(given or BUCKETS[0])


def _expires(given: Any) -> int:
    """Read ``expires_in``: more than an hour is cut to one."""
    if given is None or given == "":
        return LONGEST
    if not str(given).isdecimal() or int(given) == 0:
        raise Failure(400, f"Requested expiry must be a positive integer; instead got {given}")
    return min(int(given), LONGEST)
