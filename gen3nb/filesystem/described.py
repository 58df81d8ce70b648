"""Files and folders as ``fsspec`` describes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

__all__ = ["Info", "file_info", "folder", "moment"]

Info = dict[str, Any]


def folder(name: str) -> Info:
    """Describe a folder."""
    return {"name": name, "type": "directory", "size": 0}


def file_info(name: str, record: Mapping[str, Any]) -> Info:
    """Describe a file by its record in the index."""
    return {
        "name": name,
        "type": "file",
        "size": record["size"],
        "guid": record["did"],
        "file_name": record.get("file_name"),
        "hashes": dict(record.get("hashes") or {}),
        "created": record.get("created_date"),
        "modified": record.get("updated_date"),
    }


def moment(text: Any) -> datetime | None:
    """Read a time of the index, which is in UTC and does not say so."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if isinstance(text, str) and text else None
