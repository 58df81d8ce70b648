"""Formats of text (``date-time``, ``date`` …), as the services check them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd

from gen3nb.dictionary import Property
from gen3nb.frames.codec import plain_column

if TYPE_CHECKING:
    from jsonschema import FormatChecker

__all__ = ["conforms", "wrong_formats"]

#: RFC 3339: a date and a time of day with a zone.
_DATE_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
#: Others are not checked by every service, since they need further packages.
CHECKED = frozenset({"date-time", "date", "email", "ipv4", "ipv6", "regex", "time", "uuid"})
_EXAMPLES = {
    "date-time": "a date and time with its zone, as in 2024-05-31T13:45:00+00:00",
    "date": "a date as in 2024-05-31",
    "time": "a time as in 13:45:00",
    "email": "an e-mail address",
    "ipv4": "an IP address",
    "ipv6": "an IP address",
    "regex": "a regular expression",
    "uuid": "a UUID",
}


def conforms(format: str, text: str) -> bool:
    """Say whether the services take a text for one of a format.

    Parameters
    ----------
    format : str
    text : str

    Returns
    -------
    bool
    """
    if format not in CHECKED:
        return True
    if format == "date-time":
        found = _DATE_TIME.fullmatch(text.upper())
        if not found:
            return False
        try:
            dt.date.fromisoformat(found[1])
        except ValueError:
            return False
        return True
    return _checker().conforms(text, format)


@cache
def _checker() -> FormatChecker:
    from jsonschema import FormatChecker

    return FormatChecker()


def wrong_formats(prop: Property, column: pd.Series[Any]) -> Iterator[tuple[int, Any, str]]:
    """Find the cells of a column that the services refuse for their format.

    Parameters
    ----------
    prop : Property
    column : pandas.Series

    Yields
    ------
    (int, Any, str)
        Position, value, and what is wrong.
    """
    own, inner = prop.format, prop.items.format if prop.items is not None else None
    if own not in CHECKED and inner not in CHECKED:
        return
    known: dict[str, bool] = {}
    for position, value in enumerate(plain_column(column, prop)):
        kind = inner if isinstance(value, list) else own
        for text in value if isinstance(value, list) else [value]:
            if kind is None or not isinstance(text, str):
                continue
            if text not in known:
                known[text] = conforms(kind, text)
            if not known[text]:
                yield position, value, f"{text!r} is not {_EXAMPLES.get(kind, kind)}"
                break
