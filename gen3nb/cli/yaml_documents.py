"""Flat records as YAML documents, as data-client writes them for scripts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["yaml_documents"]

# what every reader of YAML takes for text as it stands; all else is quoted as JSON does, which is YAML too
_PLAIN = re.compile(
    r"[A-Za-z][A-Za-z0-9_.@+/-]*|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|/[A-Za-z0-9_./-]+"
)
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})


def yaml_documents(records: Iterable[Mapping[str, Any]]) -> str:
    """Give a document for each record: ``key: value`` a line, empty fields left out.

    Parameters
    ----------
    records : iterable of Mapping
        Their values are text, numbers, booleans or missing.
    """
    documents = []
    for record in records:
        held = {key: value for key, value in record.items() if value not in (None, "", False)}
        documents.append("---\n" + "".join(f"{key}: {_scalar(value)}\n" for key, value in held.items()))
    return "".join(documents)


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=True, default=str)
