"""DRS ids: which host they name, if any, and what they are called there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from gen3nb.errors import Gen3Error

__all__ = ["DrsId", "parse"]

_SCHEME = "drs://"
_WITH_PORT = re.compile(r"(?P<host>[^/:]+:\d{1,5})/(?P<id>.+)")
_COMPACT = re.compile(r"(?:(?P<provider>[^/:.]+)/)?(?P<prefix>[^/:]+):(?P<accession>.+)")
_PREFIXED = re.compile(r"(?P<prefix>dg\.[A-Za-z0-9]+)/.+")


@dataclass(frozen=True)
class DrsId:
    """An id, taken apart.

    Attributes
    ----------
    id : str
        As its host knows it: a GUID with its prefix.
    host : str or None
        The host that it names, with its port if it has one.
    prefix : str or None
        What the GUID begins with, ``"dg.4503"``, where it says so.
    """

    id: str
    host: str | None = None
    prefix: str | None = None


def parse(text: str) -> DrsId:
    """Take a DRS id apart.

    Parameters
    ----------
    text : str
        ``drs://host/id``, ``drs://dg.4503:id``, ``dg.4503/id``, or a GUID.

    Raises
    ------
    Gen3Error
        It is none of these.
    """
    wanted = text.strip()
    is_uri = wanted[: len(_SCHEME)].lower() == _SCHEME
    if (
        not wanted
        or ("://" in wanted and not is_uri)
        or (not is_uri and any(letter.isspace() for letter in wanted))
    ):
        raise _no_id(text)
    if not is_uri:
        prefixed = _PREFIXED.fullmatch(wanted)
        return _checked(DrsId(wanted, None, prefixed["prefix"] if prefixed else None), text)
    rest = wanted[len(_SCHEME) :].split("?")[0].split("#")[0].rstrip("/")
    if found := _WITH_PORT.fullmatch(rest):
        return _checked(DrsId(unquote(found["id"]), found["host"]), text)
    if found := _COMPACT.fullmatch(rest):
        prefix, accession = found["prefix"], unquote(found["accession"])
        whole = accession if accession.startswith(f"{prefix}/") else f"{prefix}/{accession}"
        return _checked(DrsId(whole, None, prefix), text)
    rest = unquote(rest)
    if found := _PREFIXED.fullmatch(rest):
        return _checked(DrsId(rest, None, found["prefix"]), text)
    host, _, inner = rest.partition("/")
    return _checked(DrsId(inner, host) if inner else DrsId(host), text)


def _checked(found: DrsId, text: str) -> DrsId:
    """Refuse ids that would lead to another place of a service."""
    if not found.id or any(part in ("", ".", "..") for part in found.id.split("/")):
        raise _no_id(text)
    return found


def _no_id(text: str) -> Gen3Error:
    shown = text if len(text) <= 100 else f"{text[:100]}…"
    return Gen3Error(
        f"{shown!r} is no DRS id: one looks like 'drs://data.example.org/GUID', 'drs://dg.4503:GUID' or "
        "'dg.4503/GUID'"
    )
