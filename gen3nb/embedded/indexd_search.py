"""indexd's lists: documents by filters, in pages."""

from __future__ import annotations

import json
from typing import Any

from starlette.datastructures import QueryParams

from .indexd_rules import HASH_TYPES
from .indexd_store import IndexRefused, IndexStore

_LIST = "SELECT value FROM json_each(document, '$.{}')"


class Malformed(Exception):
    """A filter that indexd does not survive: it answers 500."""


class Search:
    """What a list request asks for."""

    def __init__(self, query: QueryParams, form: str | None = None) -> None:
        self.conditions: list[str] = []
        self.values: list[Any] = []
        self.limit = _limit(query.get("limit"))
        self.start = query.get("start")
        self.page = _integer(query.get("page"), "page")
        self.size = _integer(query.get("size"), "size")
        self.form = query.get("form") or form
        if self.size is not None and self.size < 0:
            raise IndexRefused(400, "size must be > 0")
        self.hashes = _pairs(query.getlist("hash"))
        self.metadata = _pairs(query.getlist("metadata"))
        self.urls = query.getlist("url")
        self.texts = {name: query.get(name) for name in ("file_name", "version", "uploader")}
        self.lists = {name: _several(query.get(name)) for name in ("acl", "authz")}
        self.ids = _several(query.get("ids"))
        self.urls_metadata = _object(query.get("urls_metadata"))
        if any(kind not in HASH_TYPES for kind in self.hashes):
            raise IndexRefused(400, "invalid hash types specified")
        self._restrict()

    def _where(self, condition: str, *values: Any) -> None:
        self.conditions.append(condition)
        self.values += values

    def _restrict(self) -> None:
        """Turn the filters into SQL."""
        if self.start is not None:
            self._where("did > ?", self.start)
        if self.size is not None:
            self._where("size = ?", self.size)
        for name, text in self.texts.items():
            if text is not None:
                self._where(f"json_extract(document, '$.{name}') = ?", text)
        for kind, value in self.hashes.items():
            self._where("did IN (SELECT did FROM hash WHERE type = ? AND value = ?)", kind, value)
        for url in self.urls:
            self._where(f"? IN ({_LIST.format('urls')})", url)
        for name, wanted in self.lists.items():
            if wanted == []:
                self._where(f"json_array_length(document, '$.{name}') = 0")
            for one in wanted or ():
                self._where(f"? IN ({_LIST.format(name)})", one)
        for key, value in self.metadata.items():
            self._where(
                "EXISTS (SELECT 1 FROM json_each(document, '$.metadata') WHERE key = ? AND value = ?)",
                key,
                value,
            )
        for url, facts in (self.urls_metadata or {}).items():
            self._where(
                "EXISTS (SELECT 1 FROM json_each(document, '$.urls_metadata') WHERE key = ? "
                "AND value <> '{}')",
                url,
            )
            for key, value in (facts or {}).items():
                self._where(
                    "EXISTS (SELECT 1 FROM json_each(document, '$.urls_metadata') u, json_each(u.value) f "
                    "WHERE u.key = ? AND f.key = ? AND f.value = ?)",
                    url,
                    key,
                    value,
                )
        if self.ids is not None:
            marks = ", ".join("?" for _ in self.ids)
            self._where(f"did IN ({marks})", *self.ids)

    def records(self, index: IndexStore) -> list[dict[str, Any]]:
        """Find the documents: by did, or with ``page`` in the order of their last change."""
        if self.form == "bundle":
            return self._bundles(index, self.limit)
        if self.form == "all":
            half = self.limit // 2 + 1  # of each, as the service has it
            both = [*self._bundles(index, half), *self._documents(index, half)]
            return sorted(both, key=lambda one: str(one.get("created_date") or one.get("created_time")))
        return self._documents(index, self.limit)

    def _bundles(self, index: IndexStore, limit: int) -> list[dict[str, Any]]:
        return index.bundles(limit, (self.page or 0) * limit, self.start)

    def _documents(self, index: IndexStore, limit: int) -> list[dict[str, Any]]:
        where = f"WHERE {' AND '.join(self.conditions)}" if self.conditions else ""
        order = "did" if self.page is None else "updated, did"
        offset = 0 if self.page is None else self.page * limit
        rows = index.connection.execute(
            f"SELECT document FROM record {where} ORDER BY {order} LIMIT ? OFFSET ?",  # noqa: S608 - marks only
            [*self.values, limit, offset],
        )
        return [json.loads(row[0]) for row in rows]

    def answer(self, records: list[dict[str, Any]]) -> dict[str, Any]:
        """Give the answer: the documents, and what was asked."""
        return {
            "acl": self.lists["acl"],
            "authz": self.lists["authz"],
            "file_name": self.texts["file_name"],
            "hashes": self.hashes or None,
            "ids": self.ids,
            "limit": self.limit,
            "metadata": self.metadata,
            "page": self.page,
            "records": records,
            "size": self.size,
            "start": self.start,
            "urls": self.urls,
            "urls_metadata": self.urls_metadata,
            "version": self.texts["version"],
        }


def _limit(text: str | None) -> int:
    limit = 100 if text is None else _integer(text, "limit") or 0
    if not 0 <= limit <= 1024:
        raise IndexRefused(400, "limit must be between 0 and 1024")
    return limit


def _integer(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise IndexRefused(400, f"{name} must be an integer") from None


def _pairs(texts: list[str]) -> dict[str, str]:
    """Read ``name:value`` parameters."""
    pairs = {}
    for text in texts:
        name, colon, value = text.partition(":")
        if not colon:
            raise Malformed(text)
        pairs[name] = value
    return pairs


def _several(text: str | None) -> list[str] | None:
    """Read a list with commas; ``null`` is the empty list."""
    if text is None:
        return None
    return [] if text == "null" else text.split(",")


def _object(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        raise IndexRefused(400, "urls_metadata must be a valid JSON string") from None
    if not isinstance(found, dict):
        raise IndexRefused(400, "urls_metadata must be a valid JSON string")
    return found
