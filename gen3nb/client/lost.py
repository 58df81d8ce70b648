"""Requests without an answer: why none came, in words, and whether another try makes sense."""

from __future__ import annotations

import socket
from typing import Any

import requests
from urllib3.exceptions import NewConnectionError
from urllib3.exceptions import TimeoutError as PoolTimeout

from gen3nb.client.addresses import is_loopback, origin
from gen3nb.client.failures import SERVICES, changes
from gen3nb.client.redaction import redact
from gen3nb.client.surroundings import ca_setting, proxy_setting
from gen3nb.errors import Gen3Error, ServiceError, TimedOut, Unavailable

__all__ = ["Lost", "lost"]

UNKNOWN = ", so whether it did what was asked is unknown; look before doing it again"


class Lost:
    """A request without an answer."""

    def __init__(self, error: Gen3Error, *, unsent: bool, temporary: bool) -> None:
        self.error = error
        self.unsent = unsent  # certain not to have arrived
        self.temporary = temporary


def lost(error: BaseException, endpoint: str, service: str, method: str, path: str) -> Lost:
    """Say in words why no answer came."""
    facts: dict[str, Any] = {"service": service.partition(":")[0], "method": method, "path": redact(path)}
    causes = list(_causes(error))
    text = redact(" ".join(str(error).split()))

    def unreached(words: str, *, temporary: bool = False) -> Lost:
        return Lost(Unavailable(words, **facts), unsent=True, temporary=temporary)

    def is_or_wraps(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    by_proxy = proxy_setting(endpoint) != "proxies=" and is_or_wraps(requests.exceptions.InvalidURL)
    if by_proxy or is_or_wraps(requests.exceptions.ProxyError, requests.exceptions.InvalidProxyURL):
        return unreached(
            f"the proxy on the way to {endpoint} did not let the request pass: "
            f"check {proxy_setting(endpoint)}, which names it; hosts in NO_PROXY are reached without it"
        )
    if is_or_wraps(socket.gaierror):
        return unreached(
            f"there is no machine of the name in {endpoint}: check the spelling, and that you are online"
        )
    if is_or_wraps(requests.exceptions.SSLError):
        return unreached(_tls(endpoint, text))
    if is_or_wraps(requests.exceptions.ConnectTimeout):
        return unreached(f"{endpoint} cannot be reached: it does not answer", temporary=True)
    if is_or_wraps(NewConnectionError):
        here = is_loopback(origin(endpoint)[1])  # on this machine, waiting does not change it
        return unreached(
            f"{endpoint} cannot be reached: nothing takes the connection there", temporary=not here
        )
    if is_or_wraps(requests.exceptions.Timeout, PoolTimeout):
        who = SERVICES.get(service.partition(":")[0]) or "a service"
        words = f"{who} of {endpoint} did not answer in time"
        if changes(service, method):
            words += UNKNOWN
        words += "; give it more time with timeout="
        return Lost(TimedOut(words, **facts), unsent=False, temporary=False)
    if "TLS CA certificate bundle" in text or "TLS certificate file" in text:
        return unreached(
            f"{ca_setting(text)} names no file: give the path of a CA bundle in PEM form, or leave it away"
        )
    if isinstance(error, ValueError):
        words = f"the request to {endpoint} could not be made ({type(error).__name__})"
        return Lost(ServiceError(words, **facts), unsent=True, temporary=False)
    words = f"the connection to {endpoint} broke off before the answer was complete"
    words += UNKNOWN if changes(service, method) else "; try again"
    return Lost(Unavailable(words, **facts), unsent=False, temporary=True)


def _causes(error: BaseException | None) -> list[BaseException]:
    """Give an exception and all that are wrapped in it."""
    found: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting and len(found) < 20:
        item = waiting.pop()
        if isinstance(item, BaseException) and item not in found:
            found.append(item)
            waiting += [item.__cause__, item.__context__, getattr(item, "reason", None), *item.args]
    return found


def _tls(endpoint: str, text: str) -> str:
    """Say what is wrong with a certificate, and what to do."""
    lowered = text.lower()
    if "no_certificate_or_crl_found" in lowered or "pem lib" in lowered or "[x509]" in lowered:
        return (
            f"the CA file that {ca_setting()} names holds no certificate in PEM form: "
            "give another, or leave it away; nothing was sent"
        )
    if "self-signed" in lowered or "self signed" in lowered or "unable to get local issuer" in lowered:
        return (
            f"the certificate of {endpoint} is not signed by anyone this machine trusts: "
            "if it is your institution's, give its CA file as verify='path/to/ca.pem' or REQUESTS_CA_BUNDLE"
            + ("" if ca_setting() == "verify=" else f"; now it is {ca_setting()} that says whom to trust")
        )
    if "expired" in lowered:
        return f"the certificate of {endpoint} has expired: tell its operators; nothing was sent"
    if "hostname mismatch" in lowered or "doesn't match" in lowered:
        return f"the certificate of {endpoint} belongs to another name: check the address; nothing was sent"
    if "wrong version number" in lowered or "unknown protocol" in lowered:
        return f"{endpoint} does not speak HTTPS there: check the address and the port"
    return f"no secure connection to {endpoint} could be made (TLS); nothing was sent"
