"""A commons by its name alone: for addresses of files, which have no room for more."""

from __future__ import annotations

import os
import re
import threading
from typing import Any
from urllib.parse import urlsplit

from gen3nb.client import profiles
from gen3nb.client.addresses import looks_like_address
from gen3nb.commons.connecting import connect
from gen3nb.commons.facade import Commons
from gen3nb.commons.registry import forget, open_commons
from gen3nb.errors import NotConnected

__all__ = ["at_host", "named"]

#: What GUIDs begin with that the registry of prefixes gave out.
_PREFIX = re.compile(r"dg\.[A-Za-z0-9]+", re.IGNORECASE)

_kept: dict[tuple[int, str, str], Commons] = {}  # by process: a fork shares no connection
_lock = threading.Lock()


def named(name: str | None, *, user: str | None = None, **options: Any) -> Commons:
    """Give an open commons of this name, or open it; it stays open.

    Parameters
    ----------
    name : str or None
        A profile, or the host or address of a commons; ``None``: what ``gen3nb.connect()`` finds, or the one
        that is open.
    user : str, optional
        Of several that are open, whose.
    **options : Any
        As for ``gen3nb.connect``; with any, the commons is one of its own.

    Raises
    ------
    NotConnected
        There is no such profile, and it is no host; or several commons are open and none is named.
    Gen3Error
        What ``gen3nb.connect`` raises.
    """
    options = {key: value for key, value in options.items() if value is not None}
    found = None if options else _open(name, user)
    if found is not None:
        return found
    key = (os.getpid(), name or "", repr(sorted(options.items())))
    with _lock:
        held = _kept.get(key)
        if held is None or held.closed:
            held = _kept[key] = _connected(name, options)
            forget(held)  # verbs that name no commons must not take one that an address opened
        return held


def at_host(host: str) -> Commons | None:
    """Give the commons at a host: one that is open, or that a profile names; ``None`` where there is none."""
    for one in reversed(open_commons()):
        if _host(one.endpoint) == host.lower():
            return one
    for name in profiles.names():
        if _host(profiles.get(name).endpoint or "") == host.lower():
            return named(name)
    return None


def _connected(name: str | None, options: dict[str, Any]) -> Commons:
    if name is None:
        return connect(**options)
    if "credentials" not in options and name in profiles.names():
        return connect(profile=name, **options)
    if _PREFIX.fullmatch(name):
        raise NotConnected(
            f"{name!r} is what GUIDs begin with, and no profile: an address is gen3://PROFILE/{name}/…, or "
            "it goes with storage_options={'commons': commons}, a commons that is open"
        )
    if looks_like_address(name) or ":" in name:
        return connect(name, **options)
    known = ", ".join(profiles.names()) or "there is none"
    raise NotConnected(
        f"{name!r} is neither a profile ({known}) nor the host of a commons: an address is "
        "gen3://PROFILE/GUID; gen3nb.profiles.configure makes a profile"
    )


def _open(name: str | None, user: str | None) -> Commons | None:
    candidates = open_commons()
    if user is not None:
        candidates = [one for one in candidates if one.auth.username == user]
    if name is None:
        if len(candidates) > 1:
            listed = ", ".join(sorted({one.endpoint for one in candidates}))
            raise NotConnected(f"several commons are open ({listed}): name one of them, gen3://PROFILE/GUID")
        return candidates[0] if candidates else None
    for one in reversed(candidates):
        if name in (one.profile, one.endpoint, urlsplit(one.endpoint).netloc):
            return one
    return None


def _host(endpoint: str) -> str:
    return urlsplit(endpoint).netloc.lower()
