"""The way to the commons: name, proxy, connection, certificate, and who answers."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from gen3nb.client.addresses import is_loopback, origin
from gen3nb.client.fence import Fence
from gen3nb.client.transport import Transport
from gen3nb.doctor.findings import Finding
from gen3nb.errors import Gen3Error

__all__ = ["clock_finding", "examine_way"]

BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
NOTED, TOO_MUCH = 30.0, 300.0  # seconds between two clocks


def examine_way(
    endpoint: str,
    *,
    timeout: float,
    verify: bool | str | os.PathLike[str],
    proxies: Mapping[str, str] | None,
) -> Iterator[Finding]:
    """Go to a commons step by step, as far as it goes (fence, ``GET /user/jwt/keys``).

    Parameters
    ----------
    endpoint : str
    timeout : float
    verify : bool or path
    proxies : Mapping, optional

    Yields
    ------
    Finding
    """
    scheme, host, port = origin(endpoint)
    proxy = _proxy(endpoint, proxies)
    if proxy:
        yield (finding := _proxy_finding(proxy, endpoint, timeout))
    else:
        yield (finding := _name_finding(host, port or 443, timeout))
    if finding.status == "wrong":
        return
    bundle = _bundle(verify)
    if scheme == "https":
        yield (finding := _bundle_finding(bundle))
        if finding.status == "ok" and not proxy:
            yield (finding := _certificate_finding(host, port or 443, bundle, timeout))
        if finding.status == "wrong":
            return
    yield from _answer(endpoint, timeout, verify, proxies)


def clock_finding(ahead: float, by: str) -> Finding:
    """Say how far the commons' clock is ahead of this machine's.

    Parameters
    ----------
    ahead : float
        Seconds; negative: behind.
    by : str
        What told: ``"the token"``.
    """
    far = abs(ahead)
    if far < NOTED:
        return Finding("clock", "ok", f"this machine's clock and the commons' agree, by {by}")
    length = f"{far:.0f} seconds" if far < 120 else f"{far / 60:.0f} minutes"
    said = f"this machine's clock is {length} {'behind' if ahead > 0 else 'ahead of'} the commons', by {by}"
    remedy = "Set the clock (timedatectl set-ntp true, or the system's date settings)."
    if far >= TOO_MUCH:
        return Finding("clock", "wrong", f"{said}: other Gen3 tools refuse their own tokens then", remedy)
    return Finding("clock", "warning", said, remedy)


def _proxy(endpoint: str, proxies: Mapping[str, str] | None) -> str:
    """Give the proxy that requests would take; none to this machine itself."""
    import requests

    _, host, _ = origin(endpoint)
    if is_loopback(host) and not proxies:
        return ""
    chosen = requests.utils.select_proxy(
        endpoint, dict(proxies or {}) or requests.utils.get_environ_proxies(endpoint)
    )
    return str(chosen or "")


def _proxy_finding(proxy: str, endpoint: str, timeout: float) -> Finding:
    """See that the proxy is there."""
    where = proxy if "://" in proxy else f"http://{proxy}"
    scheme, host, port = origin(where)
    remedy = "Correct HTTPS_PROXY (or proxies=); to go to this commons without one, add its host to NO_PROXY."
    if not host or scheme not in ("http", "https", "socks5", "socks5h", "socks4"):
        return Finding("proxy", "wrong", f"the proxy setting {proxy!r} is no address of a proxy", remedy)
    problem = _unreachable(host, port or 1080, timeout)
    shown = f"{scheme}://{host}:{port}"
    if problem:
        return Finding("proxy", "wrong", f"requests to {endpoint} go through {shown}, and {problem}", remedy)
    return Finding("proxy", "ok", f"requests to {endpoint} go through {shown}, which is there")


def _name_finding(host: str, port: int, timeout: float) -> Finding:
    """See that the name is known and something takes the connection."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return Finding(
            "name",
            "wrong",
            f"there is no machine of the name {host} ({error})",
            "Check the spelling of the address, and that you are online; in a hospital network you may need "
            "HTTPS_PROXY.",
        )
    problem = _unreachable(host, port, timeout)
    if problem:
        return Finding(
            "connection",
            "wrong",
            f"{host} is {found[0][4][0]}, and {problem}",
            "If the address is right, ask the commons' operators, or your network's for the way out "
            "(HTTPS_PROXY).",
        )
    return Finding("connection", "ok", f"{host} is {found[0][4][0]}, and takes connections at port {port}")


def _unreachable(host: str, port: int, timeout: float) -> str:
    """Say why no connection can be made; empty if one can."""
    try:
        socket.create_connection((host, port), timeout=timeout).close()
    except TimeoutError:
        return f"port {port} does not answer within {timeout:g} seconds"
    except (OSError, UnicodeError) as error:
        return f"port {port} takes no connection ({getattr(error, 'strerror', None) or error})"
    return ""


def _bundle(verify: bool | str | os.PathLike[str]) -> tuple[str, str]:
    """Give the CA bundle that requests would take, and what names it."""
    if not isinstance(verify, bool):
        return os.fspath(verify), "verify="
    for name in BUNDLES:
        if os.environ.get(name):
            return os.environ[name], name
    return "", ""


def _bundle_finding(bundle: tuple[str, str]) -> Finding:
    """See that the certificates that are to be trusted can be read."""
    path, named = bundle
    if not path:
        return Finding("certificates", "ok", "those that come with Python's requests are trusted")
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if Path(path).is_dir():
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except (OSError, ssl.SSLError) as error:
        return Finding(
            "certificates",
            "wrong",
            f"{named} names {path}, which holds no certificates ({error.strerror or type(error).__name__})",
            f"Give the path of your institution's CA file in PEM form, or unset {named}.",
        )
    return Finding("certificates", "ok", f"{path} is trusted, named by {named}")


def _certificate_finding(host: str, port: int, bundle: tuple[str, str], timeout: float) -> Finding:
    """Shake hands, and read what the commons shows."""
    import certifi

    path = bundle[0] or certifi.where()
    folder = Path(path).is_dir()
    context = ssl.create_default_context(cafile=None if folder else path, capath=path if folder else None)
    try:
        with (
            socket.create_connection((host, port), timeout=timeout) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            shown = secure.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return Finding("TLS", "wrong", f"the certificate of {host}: {error.verify_message}", _cure(error))
    except (OSError, ValueError) as error:
        return Finding(
            "TLS",
            "wrong",
            f"{host} does not speak HTTPS at port {port} ({type(error).__name__})",
            "Check the address and its port.",
        )
    return Finding("TLS", "ok", f"the certificate of {host} is good until {shown.get('notAfter')}")


def _cure(error: ssl.SSLCertVerificationError) -> str:
    said = error.verify_message.lower()
    if "expired" in said or "not yet valid" in said:
        return "Look at this machine's clock; if that is right, tell the commons' operators."
    if "hostname" in said or "ip address" in said:
        return "Check the address: the certificate belongs to another name."
    return (
        "If your institution signs certificates itself, or looks into the traffic, set REQUESTS_CA_BUNDLE to "
        "its CA file in PEM form. Do not switch the check off."
    )


def _answer(
    endpoint: str, timeout: float, verify: bool | str | os.PathLike[str], proxies: Mapping[str, str] | None
) -> Iterator[Finding]:
    """Ask without a token, and compare clocks by the answer's date."""
    transport = Transport(endpoint, timeout=timeout, verify=verify, proxies=proxies, retries=0)
    problem = ""
    asked = time.time()
    try:
        Fence(transport).see()
        answer = transport.request("GET", "/user/jwt/keys", service="fence", signed=False)
    except Gen3Error as error:
        problem = error.message
    finally:
        transport.close()
    if problem:
        yield Finding(
            "commons", "wrong", problem, "Give the address of the commons itself, https:// and the host."
        )
        return
    yield Finding("commons", "ok", f"a Gen3 commons answers at {endpoint}")
    with contextlib.suppress(TypeError, ValueError):
        there: datetime = parsedate_to_datetime(answer.headers["Date"])
        yield clock_finding(there.timestamp() - (asked + time.time()) / 2, "the date of its answer")
