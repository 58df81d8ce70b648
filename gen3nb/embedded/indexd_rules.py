"""What indexd lets in: its JSON schemas, in its own words, and who may write.

The schemas are indexd's own, word for word: their text stands in its error messages.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from pprint import pformat
from textwrap import indent
from typing import Any

import jsonschema
from starlette.requests import Request

from .access import Refused
from .indexd_store import IndexRefused
from .state import State

_UUID = "^.*[a-fA-F0-9]{8}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{12}$"
_SAME = "Refers to the underyling content, not the JSON object."
_TEXTS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
HASHES: dict[str, Any] = {
    "type": "object",
    "properties": {
        "md5": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "sha1": {"type": "string", "pattern": "^[0-9a-f]{40}$"},
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "sha512": {"type": "string", "pattern": "^[0-9a-f]{128}$"},
        "crc": {"type": "string", "pattern": "^[0-9a-f]{8}$"},
        "etag": {"type": "string", "pattern": "^[0-9a-f]{32}(-\\d+)?$"},
    },
    "anyOf": [
        {"required": ["md5"]},
        {"required": ["sha1"]},
        {"required": ["sha256"]},
        {"required": ["sha512"]},
        {"required": ["crc"]},
        {"required": ["etag"]},
    ],
}
HASH_TYPES = frozenset(HASHES["properties"])
_SIZE = {"description": "Size of the data being indexed in bytes", "type": "integer", "minimum": 0}
CREATE: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema",
    "type": "object",
    "additionalProperties": False,
    "description": "Create a new index from hash & size",
    "required": ["size", "hashes", "urls", "form"],
    "properties": {
        "baseid": {"type": "string", "pattern": _UUID},
        "form": {"enum": ["object", "container", "multipart"]},
        "size": _SIZE,
        "file_name": {"type": "string", "description": "optional file name of the object"},
        "metadata": {"type": "object", "description": "optional metadata of the object"},
        "urls_metadata": {"type": "object", "description": "optional urls metadata of the object"},
        "version": {"type": "string", "description": "optional version string of the object"},
        "uploader": {"type": "string", "description": "optional uploader of the object"},
        "description": {"type": "string", "description": "optional description string of the object"},
        "content_created_date": {
            "type": "string",
            "format": "date-time",
            "description": f"Timestamp of content creation. {_SAME}",
        },
        "content_updated_date": {
            "type": "string",
            "format": "date-time",
            "description": "Timestamp of content update, identical to created_time in systems that do not "
            f"support updates. {_SAME}",
        },
        "urls": _TEXTS,
        "acl": _TEXTS,
        "authz": {**_TEXTS, "description": "optional authorization rules of the object"},
        "did": {"type": "string", "pattern": _UUID},
        "hashes": HASHES,
    },
}
_OPTIONAL_TEXT = {"type": ["string", "null"]}
_OPTIONAL_DATE = {"type": ["string", "null"], "format": "date-time"}
UPDATE: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema",
    "type": "object",
    "additionalProperties": False,
    "description": "Update an index",
    "properties": {
        "urls": _TEXTS,
        "acl": _TEXTS,
        "authz": _TEXTS,
        "file_name": _OPTIONAL_TEXT,
        "version": _OPTIONAL_TEXT,
        "uploader": _OPTIONAL_TEXT,
        "metadata": {"type": "object"},
        "urls_metadata": {"type": "object"},
        "description": _OPTIONAL_TEXT,
        "content_created_date": _OPTIONAL_DATE,
        "content_updated_date": _OPTIONAL_DATE,
    },
}
BLANK_FILL: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema",
    "type": "object",
    "additionalProperties": False,
    "description": "Update index properties for a blank index",
    "required": ["size", "hashes"],
    "properties": {"size": _SIZE, "hashes": HASHES, "urls": _TEXTS, "authz": _TEXTS},
}
ALIASES: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema",
    "type": "object",
    "properties": {
        "aliases": {
            "type": "array",
            "items": {"type": "object", "properties": {"value": {"type": "string"}}},
        }
    },
}
BUNDLE: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema",
    "type": "object",
    "required": ["name", "bundles"],
    "properties": {
        "bundle_id": {"type": "string"},
        "name": {"type": "string"},
        "bundles": _TEXTS,
        "size": {"type": "integer", "minimum": 0},
        "checksums": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["checksum", "type"],
                "properties": {"checksum": {"type": "string"}, "type": {"type": "string"}},
            },
        },
        "description": {"type": "string"},
        "version": {"type": "string"},
        "aliases": _TEXTS,
    },
}


class NotJson(Exception):
    """The body is no JSON; ``status`` is 415 or 400."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


def document(request: Request, body: bytes, schema: dict[str, Any] | None = None) -> Any:
    """Read the body as JSON, and hold it against a schema.

    Raises
    ------
    NotJson
        For another content type, or broken JSON.
    IndexRefused
        400 with jsonschema's words.
    """
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise NotJson(415)
    try:
        content = json.loads(body)
    except ValueError:
        raise NotJson(400) from None
    if schema is not None:
        errors = list(jsonschema.Draft7Validator(schema).iter_errors(content))
        if errors:
            raise IndexRefused(400, _words(errors))
    return content


def _words(errors: list[jsonschema.ValidationError]) -> str:
    """Phrase the first of the errors as the jsonschema of indexd does, which sorts what it quotes."""

    def weight(error: jsonschema.ValidationError) -> tuple[int, bool]:
        return -len(error.path), error.validator not in ("anyOf", "oneOf")

    worst = max(errors, key=weight)
    while worst.context:
        worst = min(worst.context, key=weight)
    schema_path = "".join(f"[{part!r}]" for part in list(worst.relative_schema_path)[:-1])
    path = "".join(f"[{part!r}]" for part in worst.relative_path)
    quoted_schema = indent(pformat(worst.schema, width=72), "    ")
    quoted = indent(pformat(worst.instance, width=72), "    ")
    return (
        f"{worst.message}\n\nFailed validating {worst.validator!r} in schema{schema_path}:\n{quoted_schema}"
        f"\n\nOn instance{path}:\n{quoted}"
    )


def authorize(state: State, request: Request, method: str, resources: list[str]) -> None:
    """Let through a service's password, or a user who may do ``method`` on all of ``resources``.

    Raises
    ------
    IndexRefused
        401 "Permission denied." without either, 403 for a wrong password.
    """
    authorization = request.headers.get("authorization") or ""
    kind, _, rest = authorization.partition(" ")
    if kind.lower() == "basic":
        if not basic(state, rest):
            raise IndexRefused(403, "username / password mismatch")
        return
    try:
        user = state.access.user_of(authorization)
    except Refused as refused:
        if refused.reason == "expired":
            words = f"[401] - request to arborist failed: could not verify token: {refused.detail}"
            raise IndexRefused(401, words) from None
        raise IndexRefused(401, "Permission denied.") from None
    # what is open to nobody in particular is the index's own
    for resource in resources or ["/services/indexd/admin"]:
        if not state.access.allowed(user, method, resource):
            raise IndexRefused(401, "Permission denied.")


def basic(state: State, encoded: str) -> bool:
    """Say whether basic credentials are those of a service."""
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return False
    known = state.passwords.get(name)
    return known is not None and hmac.compare_digest(known.encode(), password.encode())
