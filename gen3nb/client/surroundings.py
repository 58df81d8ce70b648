"""What the environment says of the way to a commons: proxies and CA files, and which setting to blame."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from gen3nb.client.addresses import is_loopback, origin

__all__ = ["ca_setting", "keep_proxies_off", "proxies_for", "proxy_setting"]


def proxies_for(endpoint: str, given: Mapping[str, str] | None) -> dict[str, str] | None:
    """Keep the environment's proxies out of the way to this machine; one that is given by name stays."""
    proxies = dict(given or {})
    _, host, _ = origin(endpoint)
    if is_loopback(host):
        proxies["no_proxy"] = ",".join(filter(None, (proxies.get("no_proxy"), host)))
    return proxies or None


def keep_proxies_off(endpoint: str) -> None:
    """Keep the environment's proxies off this machine for the gen3 SDK, too.

    The SDK leaves proxies to ``requests``, which reads them from the environment: a request to this machine
    would go, token and all, to a proxy that could not reach it anyway. So ``NO_PROXY`` gets the name, in this
    process and in those that it starts, and only where a proxy is set.
    """
    scheme, host, _ = origin(endpoint)
    if not is_loopback(host) or not any(_environment(name) for name in (f"{scheme}_proxy", "all_proxy")):
        return
    for name in [one for one in ("no_proxy", "NO_PROXY") if os.environ.get(one)] or ["no_proxy"]:
        names = [one.strip() for one in os.environ.get(name, "").split(",") if one.strip()]
        if host not in names and "*" not in names:
            os.environ[name] = ",".join([*names, host])


def proxy_setting(endpoint: str) -> str:
    """Name the setting that sends requests to an endpoint by a proxy, and the proxy, without its password."""
    scheme, _, _ = origin(endpoint)
    for small in (f"{scheme}_proxy", "all_proxy"):
        for name in (small, small.upper()):
            value = os.environ.get(name)
            if value:
                return f"{name} ({_shown(value)})"
    return "proxies="


def ca_setting(text: str = "") -> str:
    """Name the setting that says which certificate authorities are trusted.

    Parameters
    ----------
    text : str
        What went wrong; where it holds the path of one of the settings, that is the one.
    """
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        value = os.environ.get(name)
        if value and (not text or value in text):
            return f"{name} ({value})"
    return "verify="


def _environment(name: str) -> str:
    return os.environ.get(name) or os.environ.get(name.upper()) or ""


def _shown(proxy: str) -> str:
    """Give a proxy's host and port."""
    parts = urlsplit(proxy if "://" in proxy else f"//{proxy}")
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return f"{parts.hostname}{port}" if parts.hostname else "no address"
