"""Which host knows the GUIDs of a prefix: the commons itself, or one that it or a resolver names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from gen3nb.client.addresses import check_endpoint
from gen3nb.client.transport import Transport
from gen3nb.errors import Gen3Error, NotFound

__all__ = ["Hosts"]

SERVICE = "indexd"
RESOLVER = "https://dataguids.org"  # the resolver of the Data GUIDs project


class Hosts:
    """Hosts by the prefixes of their GUIDs, each asked for once.

    Asked are, in this order: the commons' metadata service (``GET /mds/aggregate/info/{prefix}``), the list
    of other indexes that the commons' index knows (``GET /index/_dist``), the same list of a resolver, and
    the resolver's own look-up (``GET /index/{guid}``). Only the last one learns which file is meant.

    Parameters
    ----------
    transport : Transport
        To the commons.
    resolver : str, optional
        By default what the environment variable ``DRS_RESOLVER_HOSTNAME`` names, as for the gen3 SDK, or
        ``https://dataguids.org``; empty: none.
    """

    def __init__(self, transport: Transport, resolver: str | None = None) -> None:
        self.transport = transport
        usual = os.environ.get("DRS_RESOLVER_HOSTNAME", RESOLVER)
        self.resolver = usual if resolver is None else resolver
        self._known: dict[str, str] = {}
        self._others: dict[str, Transport] = {}

    def close(self) -> None:
        """Close the connections to other hosts."""
        for other in self._others.values():
            other.close()
        self._others.clear()

    def at(self, host: str) -> Transport:
        """Give a way to a host; to none but the commons does anything say who is asking.

        Raises
        ------
        NotConnected
            The host is another machine's that is not encrypted.
        """
        if host in (self.transport.endpoint, urlsplit(self.transport.endpoint).netloc):
            return self.transport
        scheme = "http" if urlsplit(self.transport.endpoint).scheme == "http" and _here(host) else "https"
        endpoint = check_endpoint(host if "://" in host else f"{scheme}://{host}")
        if endpoint == self.transport.endpoint:
            return self.transport
        if endpoint not in self._others:
            self._others[endpoint] = self.transport.unsigned(endpoint)
        return self._others[endpoint]

    def of(self, prefix: str, guid: str) -> Transport:
        """Give a way to the host that knows the GUIDs of a prefix.

        Raises
        ------
        NotFound
            Nobody names one; the message says who was asked.
        """
        wanted = prefix.lower()
        said = []
        if wanted not in self._known:
            for who, found in self._asked(prefix, guid):
                try:
                    host = found()
                except Gen3Error as error:
                    host = None
                    if not isinstance(error, NotFound):
                        said.append(f"{who}: {error.message}")
                if host:
                    self._known[wanted] = host
                    break
                said += [] if said and said[-1].startswith(who) else [who]
            else:
                raise NotFound(
                    f"nobody knows which commons has GUIDs that begin with {prefix} (asked: "
                    f"{'; '.join(said)}); where you know it, write drs://HOST/{guid}",
                    service=SERVICE,
                )
        return self.at(self._known[wanted])

    def _asked(self, prefix: str, guid: str) -> Iterator[tuple[str, Callable[[], str | None]]]:
        """Give who may know, each with the question."""
        here = self.transport
        yield f"the metadata of {here.endpoint}", lambda: _named(here, f"/mds/aggregate/info/{prefix}", "mds")
        yield f"the index of {here.endpoint}", lambda: _hinted(here, prefix)
        if not self.resolver:
            return
        there = self.at(self.resolver)
        yield there.endpoint, lambda: _hinted(there, prefix)
        yield there.endpoint, lambda: _owner(there, guid)


def _here(host: str) -> bool:
    return urlsplit(f"//{host}").hostname in ("127.0.0.1", "localhost", "::1")


def _address(text: Any) -> str | None:
    """Give the address of a host from what a service wrote: ``https://host/index/`` or the host alone."""
    if not isinstance(text, str) or not text.strip():
        return None
    parts = urlsplit(text if "://" in text else f"//{text}")
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme else parts.netloc


def _named(transport: Transport, path: str, service: str) -> str | None:
    answer = transport.json("GET", path, service=service, signed=None)
    return _address(answer.get("host")) if isinstance(answer, Mapping) else None


def _owner(transport: Transport, guid: str) -> str | None:
    answer = transport.json("GET", f"/index/{quote(guid, safe='/:')}", service=SERVICE, signed=None)
    source = answer.get("from_index_service") if isinstance(answer, Mapping) else None
    return _address(source.get("host")) if isinstance(source, Mapping) else None


def _hinted(transport: Transport, prefix: str) -> str | None:
    """Look a prefix up in a list of indexes, each with patterns of its GUIDs (``.*dg[.]4503.*``)."""
    answer = transport.json("GET", "/index/_dist", service=SERVICE, signed=None)
    for entry in answer if isinstance(answer, list) else ():
        if not isinstance(entry, Mapping) or entry.get("type", "indexd") not in ("indexd", "drs"):
            continue
        hints = [
            str(hint).replace("\\.", ".").replace(".*", "").strip("^$/") for hint in entry.get("hints") or ()
        ]
        if prefix.lower() in (hint.lower() for hint in hints):
            return _address(entry.get("host"))
    return None
