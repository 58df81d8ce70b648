"""Bodies of requests as JSON."""

from __future__ import annotations

import json
from typing import Any

from gen3nb.client.redaction import SecretBytes, redact
from gen3nb.errors import ServiceError

__all__ = ["encoded"]


def encoded(value: Any) -> SecretBytes:
    """Give a value as JSON.

    Raises
    ------
    ServiceError
        It has no JSON form.
    """
    problem = ""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
        try:
            return SecretBytes(text.encode())
        except UnicodeEncodeError:  # half a character, which only an escape can carry
            return SecretBytes(json.dumps(value, allow_nan=False, default=_plain).encode())
    except (TypeError, ValueError, RecursionError) as error:
        problem = redact(str(error))
    raise ServiceError(f"this cannot be sent, because JSON has no form for it: {problem}")


def _plain(value: Any) -> Any:
    """Give a number of numpy's as one of Python's."""
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a value of the type {type(value).__name__}")
