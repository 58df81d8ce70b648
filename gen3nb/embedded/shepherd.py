"""Shepherd: files with their metadata in one request, as the metadata service has it under ``/mds/objects``.

It makes the blank record by fence, with the rights of whoever asks, and keeps the metadata itself; so it
takes metadata from people who may not write to the metadata service.
"""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .access import User
from .detailed import Failure, detailed_routes
from .fence import Failure as FenceFailure
from .fence_data import Files
from .indexd import shown
from .indexd_store import IndexRefused
from .metadata import json_of
from .state import State
from .web import Handler, Json

NOT_UPLOADED = "not_uploaded"
UNPROVEN = "Could not verify, parse, and/or validate scope from provided access token."
NO_UPLOAD = "You do not have access to generate the upload url for: {}"
NO_ALIASES = "You do not have access to create the aliases you are trying to assign: {} to the guid {}"
TAKEN = "Some of the aliases you are trying to assign to guid {} ({}) already exist"
NO_URL = "Unable to get signed download url from data access service for GUID or alias '{0}'"
NO_READING = NO_URL + ". You do not have access to generate the download url for GUID or alias '{0}'."


def routes(state: State) -> list[Route]:
    """Give the routes, with the paths below ``/mds/objects``."""
    shepherd = Shepherd(state)
    table: list[tuple[str, str, Handler]] = [
        ("POST", "/", shepherd.create),
        ("GET", "/{guid:did}/download", shepherd.download),
        ("GET", "/{guid:did}", shepherd.get),
        ("DELETE", "/{guid:did}", shepherd.delete),
    ]
    return detailed_routes(table, lambda _: Json({"detail": UNPROVEN}, 401))


class Shepherd:
    """The handlers."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.files = Files(state)
        self.documents = state.documents

    def create(self, request: Request, body: bytes) -> Response:
        """Make a blank record with its metadata, and give a URL to upload its file."""
        user = self._user(request)
        facts = json_of(body)
        name, authz = facts.get("file_name"), facts.get("authz")
        for field, held, kind in (("file_name", name, str), ("authz", authz, dict)):
            if not isinstance(held, kind):
                missing = {"type": "missing", "loc": ["body", field], "msg": "Field required", "input": facts}
                raise Failure(422, [missing])
        paths = authz.get("resource_paths")
        if str(authz.get("version", "")) != "0":
            raise Failure(400, f"Unsupported authz version: {authz}")
        if not isinstance(paths, list):
            words = "Invalid authz.resource_paths, must be valid list of resources, got"
            raise Failure(400, f"{words}: {paths}")
        asked = {"file_name": name, "authz": paths}
        try:
            guid, url = self.files.begin_upload(user, asked)
        except FenceFailure as failure:
            if failure.status in (401, 403):
                raise Failure(403, NO_UPLOAD.format(asked)) from None
            raise Failure(
                500, f"Unable to create signed upload url for guid None with params: {asked}."
            ) from None
        aliases = list(facts.get("aliases") or [])
        self._name(user, guid, paths, aliases)
        own = {"_resource_paths": paths, "_uploader_id": str(user.number), "_upload_status": NOT_UPLOADED}
        metadata = {**(facts.get("metadata") or {}), **own}
        self.documents.put("metadata", guid, metadata)
        return Json({"guid": guid, "aliases": aliases, "metadata": metadata, "upload_url": url}, 201)

    def _name(self, user: User, guid: str, paths: list[str], aliases: list[str]) -> None:
        """Give a record its other names; where that does not go, the blank record stays, as it does there."""
        if not aliases:
            return
        if not paths or not all(self.state.access.allowed(user, "update", path) for path in paths):
            raise Failure(403, NO_ALIASES.format(aliases, guid))
        try:
            self.state.index.add_aliases(guid, aliases)
        except IndexRefused:
            raise Failure(409, TAKEN.format(guid, aliases)) from None

    def get(self, request: Request, body: bytes) -> Response:
        """Give the record and the metadata of a file."""
        guid = str(request.path_params["guid"])
        record = self.state.index.get(guid)
        key = record["did"] if record is not None else guid
        metadata = self.documents.get("metadata", key)
        if record is None and metadata is None:
            raise Failure(404, f"Not found: '{guid}'")
        return Json({"record": shown(record) if record else {}, "metadata": metadata or {}})

    def download(self, request: Request, body: bytes) -> Response:
        """Give a URL to download a file."""
        guid = str(request.path_params["guid"])
        try:
            return Json({"url": json.loads(bytes(self.files.download_url(request, body).body))["url"]})
        except FenceFailure as failure:
            if failure.status in (401, 403):
                raise Failure(403, NO_READING.format(guid)) from None
            raise Failure(404 if failure.status == 404 else 500, NO_URL.format(guid)) from None

    def delete(self, request: Request, body: bytes) -> Response:
        """Delete a file's bytes, its record and its metadata."""
        guid = str(request.path_params["guid"])
        self._user(request)
        try:
            answer = self.files.delete(request, body)
        except FenceFailure as failure:
            raise Failure(failure.status, f"Not found: '{guid}'") from None
        if answer.status_code == 204:
            self.documents.delete("metadata", guid)
        return answer

    def _user(self, request: Request) -> User:
        return self.state.access.user_of(request.headers.get("authorization"))
