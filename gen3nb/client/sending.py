"""One request on its way: a session per thread, redirects within the commons, and no answer as a value."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from time import monotonic
from typing import Any
from urllib.parse import urljoin

import requests

from gen3nb.client.addresses import origin
from gen3nb.client.answers import Adapter, Answer
from gen3nb.client.lost import Lost
from gen3nb.client.lost import lost as explain
from gen3nb.client.redaction import Secret, redact
from gen3nb.client.surroundings import proxies_for
from gen3nb.errors import Gen3Error, ServiceError, TimedOut

__all__ = ["REDIRECTS", "Sender", "astray", "user_agent"]

logger = logging.getLogger("gen3nb.client")

REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 5


class Sender:
    """Sends requests to one commons, each once.

    Every thread has a session of its own (``requests`` sessions are not made for several), with kept-alive
    connections.

    Parameters
    ----------
    endpoint : str
        The commons' address.
    timeout : pair of float
        Seconds to connect, and seconds without a byte of an answer.
    verify : bool or str
        As in ``requests``.
    proxies : Mapping, optional
        As in ``requests``.
    """

    def __init__(
        self,
        endpoint: str,
        timeout: tuple[float, float],
        verify: bool | str,
        proxies: Mapping[str, str] | None,
    ) -> None:
        self.endpoint = endpoint
        self.timeout = timeout
        self.verify = verify
        self.proxies = proxies_for(endpoint, proxies)
        self._local = threading.local()
        self._sessions: weakref.WeakSet[requests.Session] = weakref.WeakSet()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            session.close()

    def send(
        self,
        method: str,
        path: str,
        service: str,
        token: str | None,
        params: Mapping[str, Any] | None,
        data: bytes | None,
        headers: Mapping[str, str] | None,
        stream: bool,
        timeout: float | tuple[float, float] | None,
    ) -> requests.Response | Lost:
        """Send once, and after redirects within the commons; what goes wrong on the way is a value.

        Exceptions of the libraries below hold requests, with their headers, in the local variables of their
        frames. None of them is chained to ours: ours are raised where no other is being handled.
        """
        url = f"{self.endpoint}/{path.lstrip('/')}"
        bearer = {"Authorization": Secret("bearer " + token)} if token else {}
        interrupted = False
        lost: Lost | None = None
        started = monotonic()
        response = requests.Response()
        for _ in range(MOST_REDIRECTS + 1):
            try:
                response = self.session().request(
                    method,
                    url,
                    params=params,
                    data=data,
                    headers={**(headers or {}), **bearer},
                    auth=_as_it_is,
                    stream=True,
                    timeout=timeout or self.timeout,
                    verify=self.verify,
                    proxies=self.proxies,
                    allow_redirects=False,
                )
                if isinstance(response, Answer):
                    response.service = service
                if not stream:
                    _ = response.content
            except KeyboardInterrupt:
                interrupted = True
            except Gen3Error as error:
                lost = Lost(error, unsent=False, temporary=not isinstance(error, TimedOut))
            except (requests.RequestException, OSError, ValueError) as error:
                lost = explain(error, self.endpoint, service, method, path)
            if interrupted:
                raise KeyboardInterrupt
            if lost is not None:
                return lost
            logger.debug("%s %s → %s in %.3f s", method, path, response.status_code, monotonic() - started)
            onward = self._onward(method, response)
            if onward is None:
                return response
            response.close()
            url, params = onward, None
        return Lost(astray(response, self.endpoint, service), unsent=False, temporary=False)

    def _onward(self, method: str, response: requests.Response) -> str | None:
        """Give where a redirect leads, if that is within the commons and means the same request."""
        if response.status_code not in REDIRECTS or "Location" not in response.headers:
            return None
        if method.upper() not in ("GET", "HEAD") and response.status_code not in (307, 308):
            return None
        target = urljoin(response.url, response.headers["Location"])
        return target if origin(target) == origin(self.endpoint) else None

    def session(self) -> requests.Session:
        """Give this thread's session; a forked process gets its own."""
        if getattr(self._local, "process", None) != os.getpid():
            session = requests.Session()
            session.headers["User-Agent"] = user_agent()
            adapter = Adapter(pool_connections=4, pool_maxsize=4, max_retries=0)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            self._local.session, self._local.process = session, os.getpid()
            with self._lock:
                self._sessions.add(session)
        session = self._local.session
        assert isinstance(session, requests.Session)  # noqa: S101 - narrows threading.local's Any
        return session


def astray(response: requests.Response, endpoint: str, service: str) -> ServiceError:
    """Say that the commons sends us elsewhere."""
    target = urljoin(response.url, response.headers.get("Location", ""))
    scheme, host, _ = origin(target)
    there = f"{scheme}://{host}" if host else "nowhere"
    return ServiceError(
        f"{endpoint} sends this request on to {there}, where your sign-in is not sent: "
        f"if the commons has moved, connect to its new address",
        service=service.partition(":")[0],
        method=response.request.method,
        path=redact(response.request.path_url),
        status=response.status_code,
    )


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add nothing: without this ``requests`` would look into ``~/.netrc``."""
    return request


@cache
def user_agent() -> str:
    """Say what is asking."""
    return f"gen3nb/{metadata.version('gen3nb')} python-requests/{requests.__version__}"
