"""Addresses of commons: how they must look, and which of them are safe to send a token to."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Container
from urllib.parse import urlsplit

from gen3nb.errors import NotConnected

__all__ = ["Hosts", "check_endpoint", "is_loopback", "looks_like_address", "origin"]

logger = logging.getLogger("gen3nb.client")

_PORTS = {"http": 80, "https": 443}


class Hosts(Container[str]):
    """Host names of several lists.

    Parameters
    ----------
    *lists : container of str
        What holds the names.
    """

    def __init__(self, *lists: Container[str]) -> None:
        self._lists = lists

    def __contains__(self, host: object) -> bool:
        return any(host in each for each in self._lists)


def origin(url: str) -> tuple[str, str, int | None]:
    """Give scheme, host and port, as browsers compare them."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ("", url, None)
    return (parts.scheme.lower(), (parts.hostname or "").lower(), port or _PORTS.get(parts.scheme.lower()))


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def looks_like_address(text: str) -> bool:
    """Tell an address, also one without its scheme, from a profile's name."""
    if "://" in text:
        return True
    host = text.split("/")[0].split(":")[0]
    return host == "localhost" or ("." in host and not host.startswith(".")) or "/" in text


def check_endpoint(url: str, allow_http: Container[str] = ()) -> str:
    """Give a commons' address without a final slash.

    Parameters
    ----------
    url : str
        What the user wrote; without a scheme it is taken for ``https://``, and that is said.
    allow_http : container of str
        Host names which may be spoken to without encryption.

    Raises
    ------
    NotConnected
        No host, a page instead of the commons, or unencrypted to another machine.
    """
    text = url.strip()
    if "://" not in text:
        scheme = "http" if is_loopback(text.split("/")[0].rsplit(":", 1)[0]) else "https"
        text = f"{scheme}://{text}"
    scheme, host, _ = origin(text)
    if scheme not in _PORTS or not host or len(text.split()) > 1:
        raise NotConnected(
            f"{text!r} is not the address of a commons: one looks like 'https://data.example.org'",
            endpoint=text,
        )
    parts = urlsplit(text)
    if parts.username or parts.password:
        raise NotConnected(
            f"the address of {host} holds a name or password: give the address alone, "
            "and credentials= for the key"
        )
    base = f"{scheme}://{parts.netloc}"
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise NotConnected(
            f"{base}{parts.path} is a page of the commons, not the commons itself: connect to {base!r}",
            endpoint=base,
        )
    if scheme == "http" and not is_loopback(host) and host not in allow_http:
        raise NotConnected(
            f"{base} is not encrypted, so your key could be read on the way: use 'https://{parts.netloc}'; "
            f"if this host really must be reached so, name it: connect(…, allow_http=[{host!r}]), "
            f"or for a profile: gen3nb configure … --allow-http={host}",
            endpoint=base,
        )
    if "://" not in url:
        logger.warning("the address %r has no scheme: trying %s", url.strip(), base)
    return base
