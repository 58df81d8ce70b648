"""The one way to a commons: who signs, what is tried again, and answers turned into data or exceptions."""

from __future__ import annotations

import copy
import json as jsonlib
import logging
import os
import random
import re
from collections.abc import Callable, Container, Mapping
from time import sleep
from typing import Any, Protocol

import requests

from gen3nb.client.encoding import encoded
from gen3nb.client.failures import SERVICES, Needs, absent, changes, failure, retry_after
from gen3nb.client.lost import Lost
from gen3nb.client.redaction import Secret, SecretBytes, redact
from gen3nb.client.sending import REDIRECTS, Sender, astray
from gen3nb.client.storage import Storage
from gen3nb.client.words import is_html, words_of
from gen3nb.errors import Gen3Error, NotConnected, NotFound, ServiceError

__all__ = ["Signer", "Transport"]

logger = logging.getLogger("gen3nb.client")

_DOTS = re.compile(r"(?i)/(?:\.|%2e){1,2}(?=[/?#]|$)")
RETRIED = (429, 502, 503, 504)
WHOLE_SERVICES = ("peregrine", "arborist")  # these answer 404 to nothing that we ask
HTML_SERVICES = ("fence", "fence:key")  # their errors are pages, so a page there means nothing


class Signer(Protocol):
    """What a transport needs to know of an ``Auth``."""

    @property
    def username(self) -> str:
        """Who is signed in, as far as the token says."""

    @property
    def expires_at(self) -> float | None:
        """When the token ends, in seconds since 1970."""

    def get_access_token(self) -> str:
        """Give a token that is good now."""

    def run_out(self, token: str, said: str = "") -> bool:
        """Tell whether a token that was refused had run out by then."""


class Transport:
    """Requests to one commons.

    Parameters
    ----------
    endpoint : str
        The commons' address, ``"https://data.example.org"``.
    auth : Signer, optional
        Who signs; only requests to the commons' own origin are signed.
    timeout : pair of float
        Seconds to connect, and seconds without a byte of an answer.
    verify : bool or str
        As in ``requests``: a CA bundle's path where the commons' certificate is private.
    proxies : Mapping, optional
        As in ``requests``. The proxies that the environment names are never used for this machine itself:
        a key or token would be shown to them.
    retries : int
        How often an idempotent request is tried again.
    backoff : float
        Seconds before the first retry; each further one waits twice as long.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        auth: Signer | None = None,
        timeout: float | tuple[float, float] = (10, 120),
        verify: bool | str | os.PathLike[str] = True,
        proxies: Mapping[str, str] | None = None,
        retries: int = 3,
        backoff: float = 0.5,
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.auth = auth
        self._sender = Sender(
            self.endpoint,
            timeout if isinstance(timeout, tuple) else (min(10.0, timeout), timeout),
            verify if isinstance(verify, bool) else os.fspath(verify),
            proxies,
        )
        self._proxies = dict(proxies or {})
        self.retries = retries
        self.backoff = backoff
        self.closed = False
        # set by who knows the user's grants: which of the methods that a request needs are missing
        self.lacking: Callable[[Needs], tuple[str, ...]] | None = None
        # the same for how the user can ask for them here
        self.asking: Callable[[Needs], str] | None = None

    def __repr__(self) -> str:
        return f"Transport({self.endpoint!r})"

    def signed(self, auth: Signer) -> Transport:
        """Give the way to the same commons, by the same connections, on which someone signs."""
        other = copy.copy(self)
        other.auth, other.closed, other.lacking, other.asking = auth, False, None, None
        return other

    def unsigned(self, endpoint: str) -> Transport:
        """Give a way to another host by the same settings, on which nothing says who is asking."""
        return Transport(
            endpoint,
            timeout=self._sender.timeout,
            verify=self._sender.verify,
            proxies=self._sender.proxies,
            retries=self.retries,
            backoff=self.backoff,
        )

    def storage(self) -> Storage:
        """Give a way to object stores, with the same time-outs, certificates and proxies."""
        sender = self._sender
        return Storage(timeout=sender.timeout, verify=sender.verify, proxies=self._proxies)

    def close(self) -> None:
        """Close all connections."""
        self.closed = True
        self._sender.close()

    def json(self, method: str, path: str, *, service: str, **options: Any) -> Any:
        """Send a request and decode its JSON answer.

        Takes what :meth:`request` takes.

        Raises
        ------
        ServiceError
            The answer is a page, empty, or broken off.
        Gen3Error
            What :meth:`request` raises.
        """
        response = self.request(method, path, service=service, **options)
        return self.decode(response, service)

    def decode(self, response: requests.Response, service: str) -> Any:
        """Decode a JSON answer, or say in words what came instead."""
        text = SecretBytes(response.content)
        facts: dict[str, Any] = {
            "service": service.partition(":")[0],
            "method": response.request.method,
            "path": redact(response.request.path_url),
            "status": response.status_code,
        }
        name = SERVICES.get(service.partition(":")[0], service)
        done = "; whether it did what was asked is unknown: look before doing it again"
        then = done if changes(service, str(response.request.method)) else "; try again"
        if is_html(response):
            said, _ = words_of(response)
            facts["said"] = said
            page = f'answered with a web page ("{said[:80]}")'
            if service in HTML_SERVICES:
                raise ServiceError(
                    f"{self.endpoint} {page} where the answer of a Gen3 commons was expected: "
                    "is this the address of the commons itself?",
                    **facts,
                )
            if then != done:
                raise absent(service, self.endpoint, status=facts["status"], path=facts["path"], said=said)
            raise ServiceError(f"{name} of {self.endpoint} {page}{then}", **facts)
        if not text.strip():
            raise ServiceError(f"{name} of {self.endpoint} answered with nothing{then}", **facts)
        try:
            return jsonlib.loads(text)
        except ValueError as error:
            what = f"{type(error).__name__} in {len(text)} bytes"
        raise ServiceError(
            f"the answer of {name} of {self.endpoint} is not readable, or broke off ({what}){then}",
            **facts,
        )

    def request(
        self,
        method: str,
        path: str,
        *,
        service: str,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
        retry: bool | None = None,
        signed: bool | None = True,
        accept: Container[int] = (),
        needs: Needs | None = None,
        timeout: float | tuple[float, float] | None = None,
    ) -> requests.Response:
        """Send a request and give its answer.

        Parameters
        ----------
        method, path : str
            The path starts with the service's prefix: ``"/api/v0/submission/"``.
        service : str
            Which service this goes to, for messages.
        params, json, data, headers
            As in ``requests``.
        stream : bool
            Leave the body to be read bit by bit; close the answer afterwards.
        retry : bool, optional
            Whether it may be sent again when it is unknown if it arrived; by default GET and HEAD only.
        signed : bool or None
            Whether to show who is asking; ``None``: only where the service asks for it.
        accept : container of int
            Statuses from 400 on that are answers, not errors.
        needs : Needs, optional
            The permission that it takes, for the message if that is missing.
        timeout : float or pair, optional
            Instead of the transport's own.

        Raises
        ------
        Gen3Error
            The exception for the answer; Unavailable or TimedOut where none came.
        """
        if self.closed:
            raise NotConnected(f"the connection to {self.endpoint} has been closed: connect again")
        if _DOTS.search(path):  # libraries take such parts out: the request would go to another route
            words = f"no name or GUID has . or .. as a part: nothing was sent to {redact(path)}"
            raise NotFound(words, service=service, method=method, path=redact(path), status=None)
        if json is not None:
            data = encoded(json)
            headers = {"Content-Type": "application/json", **(headers or {})}
        elif data is not None:
            data = SecretBytes(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
        idempotent = method.upper() in ("GET", "HEAD") if retry is None else retry
        again = _Again(self.retries, self.backoff)
        renewed = False
        while True:
            token = Secret(self.auth.get_access_token()) if signed and self.auth is not None else None
            answer = self._sender.send(method, path, service, token, params, data, headers, stream, timeout)
            if isinstance(answer, Lost):
                if (idempotent or answer.unsent) and answer.temporary and again.after(None):
                    logger.debug("%s %s: %s; trying again", method, path, answer.error)
                    continue
                raise answer.error
            status = answer.status_code
            if status < 300 or status in accept:
                return answer
            if status in RETRIED and (idempotent or status == 429) and again.after(retry_after(answer)):
                logger.debug("%s %s answered %s; trying again", method, path, status)
                answer.close()
                continue
            if status == 401 and signed is None and self.auth is not None:
                answer.close()
                signed = True
                continue
            error = self.refused(answer, service, needs)
            if status == 401 and token is not None and not renewed and self.auth is not None:
                renewed = self.auth.run_out(token, str(error.facts.get("said", "")))
                if renewed:
                    continue
            raise error

    def refused(self, answer: requests.Response, service: str, needs: Needs | None = None) -> Gen3Error:
        """Make the exception for an answer of 300 and more, having read it whole."""
        try:
            _ = answer.content
        except Gen3Error as broken:
            logger.debug("the answer of status %s broke off: %s", answer.status_code, broken)
        answer.close()
        status = answer.status_code
        if status in REDIRECTS:
            return astray(answer, self.endpoint, service)
        if status == 404 and service in WHOLE_SERVICES:
            return absent(service, self.endpoint, status=status, path=answer.request.path_url)
        if status in (404, 405) and service not in HTML_SERVICES and is_html(answer):
            said, _ = words_of(answer)
            return absent(service, self.endpoint, status=status, path=answer.request.path_url, said=said)
        if status == 403 and needs is not None and len(needs.methods) > 1 and self.lacking is not None:
            needs = needs._replace(methods=self.lacking(needs))
        user = self.auth.username if self.auth is not None else ""
        until = self.auth.expires_at if self.auth is not None else None
        return failure(
            answer,
            service=service,
            needs=needs,
            user=user,
            until=until,
            endpoint=self.endpoint,
            asking=self.asking,
        )


class _Again:
    """Counts retries and waits between them."""

    def __init__(self, retries: int, backoff: float) -> None:
        self.left = retries
        self.pause = backoff

    def after(self, seconds: float | None) -> bool:
        """Wait as long as the service asks, or as long as it is usual; say whether there is a next time."""
        if self.left <= 0:
            return False
        self.left -= 1
        sleep(seconds if seconds is not None else self.pause * random.uniform(0.75, 1.25))  # noqa: S311
        self.pause *= 2
        return True
