"""The object stores that presigned URLs lead to: bytes, in ranges, and nothing that says who is asking.

A presigned URL is permission enough. So no token, cookie or password is ever sent here, and no URL is in any
message.
"""

from __future__ import annotations

import html
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from time import monotonic
from types import TracebackType
from typing import Any, BinaryIO, Self, cast
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests import utils

from gen3nb.client.addresses import is_loopback, origin
from gen3nb.client.failures import retry_after
from gen3nb.client.lost import lost
from gen3nb.client.origins import Answer, Origin, is_plain
from gen3nb.client.redaction import Secret, redact
from gen3nb.client.sending import REDIRECTS, user_agent
from gen3nb.errors import Gen3Error, IntegrityError, NotFound, RateLimited, ServiceError, Unavailable

__all__ = ["Body", "Storage"]

SERVICE = "storage"
MOST_REDIRECTS = 3
CONNECTIONS = 64  # kept alive for each origin
#: Bytes read at a time: at most, at first, and where even these take longer than so many seconds.
BLOCK, FIRST_BLOCK, LEAST_BLOCK, SOON = 1 << 20, 1 << 18, 1 << 16, 0.05
LONGEST_ERROR = 1 << 16

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_SIZE = re.compile(r"bytes \*/(\d+)")
_CODE = re.compile(r"<Code>([^<]{1,100})</Code>")
_WORDS = re.compile(r"<Message>([^<]{1,300})</Message>")


class Body:
    """The bytes of an object, or of a range of it, on their way.

    A context manager: where it is left before its end, the connection is closed.

    Attributes
    ----------
    first : int
        The offset of its first byte in the object.
    length : int or None
        How many bytes come; ``None`` where the store does not say.
    size : int or None
        Of the whole object, in bytes.
    etag : str
        Of the object, as the store wrote it; empty where it has none.
    """

    def __init__(
        self, response: urllib3.BaseHTTPResponse, host: str, leave: Callable[[bool], None] = lambda _: None
    ) -> None:
        self._response = response
        self._host = host
        self._leave = leave
        self._whole = False  # whether its last byte was read
        given = response.headers.get("Content-Length")
        self.length = int(given) if given is not None and given.isdecimal() else None
        self.etag = response.headers.get("ETag", "")
        self.first, self.size = 0, self.length
        if response.status == 206:
            match = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
            if match is None:
                response.close()
                leave(False)
                raise ServiceError(f"{host} gave a part of a file without saying which", service=SERVICE)
            self.first, self.size = int(match[1]), None if match[3] == "*" else int(match[3])
            self.length = int(match[2]) - self.first + 1

    def blocks(self, size: int = BLOCK) -> Iterator[bytes]:
        """Give the bytes, at most so many at a time: fewer where they come slowly.

        Raises
        ------
        Unavailable
            They broke off before their end.
        """
        count, broken = 0, False
        step = min(size, FIRST_BLOCK)
        while not (count == self.length and self._response.closed):
            asked = monotonic()
            try:
                block = self._response.read(step, decode_content=False)
            except (urllib3.exceptions.HTTPError, OSError):
                broken = True
                break
            if not block:
                break
            step = min(size, 2 * step if monotonic() - asked < SOON else max(step // 2, LEAST_BLOCK))
            count += len(block)
            yield block
        self._whole = not broken and (self.length is None or count >= self.length)
        if not self._whole:
            self._response.close()
            raise Unavailable(
                f"the connection to {self._host} broke off after {count:,} bytes; try again",
                service=SERVICE,
                got=count,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._whole:
            self._response.close()  # what is still to come would be taken for the next answer
        self._response.release_conn()
        self._leave(self._whole)


class Storage:
    """Requests to presigned URLs, by one pool of connections for all threads.

    Its pickle holds the settings, no connection.

    Parameters
    ----------
    timeout : pair of float
        Seconds to connect, and seconds without a byte.
    verify : bool or str
        As in ``requests``: the path of a CA bundle.
    proxies : Mapping, optional
        As in ``requests``; by default those that the environment names, never for this machine itself.
    """

    def __init__(
        self,
        *,
        timeout: tuple[float, float] = (10.0, 120.0),
        verify: bool | str = True,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        self.timeout = timeout
        self.verify = verify
        self.proxies = dict(proxies or {})
        self._pools: dict[str | None, urllib3.PoolManager] = {}
        #: Connections to an origin (scheme, host and port as in the URL) that no proxy is on the way to.
        self._direct: dict[tuple[str, str], urllib3.HTTPConnectionPool] = {}
        #: The same for what is read, where nothing has to be encoded.
        self._origins: dict[tuple[str, str], Origin] = {}
        self._process = os.getpid()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return "Storage()"

    def __reduce__(self) -> tuple[Callable[..., Storage], tuple[Any, ...]]:
        return (_again, (self.timeout, self.verify, self.proxies))

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            for pool in self._pools.values():
                pool.clear()
            for origin in self._origins.values():
                origin.close()
            self._pools.clear()
            self._direct.clear()
            self._origins.clear()

    def get(self, url: str, *, first: int = 0, last: int | None = None) -> Body:
        """Begin to read an object.

        Parameters
        ----------
        url : str
            Presigned.
        first, last : int, optional
            Offsets of the first and the last byte wanted. A store that knows no ranges gives the whole:
            ``first`` of the body says so.

        Raises
        ------
        NotFound
            The object is not there.
        ServiceError
            The store refuses; ``expired`` says whether the URL's time is over.
        RateLimited, Unavailable
            For now; ``retry_after`` may say for how long.
        """
        headers = {}
        url = Secret(url)
        if first or last is not None:
            headers["Range"] = f"bytes={first}-{'' if last is None else last}"
        response, leave = self._request("GET", url, headers, None)
        return Body(response, _host(url), leave)

    def put(
        self, url: str, content: bytes | memoryview | BinaryIO | Iterable[bytes | memoryview], length: int
    ) -> str:
        """Store an object, or a part of one.

        Parameters
        ----------
        url : str
            Presigned.
        content : bytes, file or iterable of bytes
            Binary; a file is read from where it stands, an iterable from its start. What an iterable raises
            of ours comes through.
        length : int
            How many bytes of it.

        Returns
        -------
        str
            The ETag, without its quotes.

        Raises
        ------
        ServiceError
            The store refuses; ``expired`` says whether the URL's time is over.
        RateLimited, Unavailable
            For now. Whether the bytes are stored is unknown in the latter case; to send them again is safe.
        """
        url = Secret(url)
        response, _ = self._request("PUT", url, {"Content-Length": str(length)}, _Source.of(content, length))
        etag = response.headers.get("ETag", "").strip('"')
        response.drain_conn()
        response.release_conn()
        return etag

    def _request(self, method: str, url: str, headers: Mapping[str, str], content: Any) -> Answer:
        here = Secret(url)
        for _ in range(MOST_REDIRECTS + 1):
            response, leave = self._once(method, here, headers, content)
            if response.status < 300:
                return response, leave
            if response.status not in REDIRECTS or "Location" not in response.headers:
                refusal = _refusal(response, _host(here))
                leave(False)
                raise refusal
            onward = Secret(urljoin(here, response.headers["Location"]))
            response.close()
            leave(False)
            if urlsplit(here).scheme == "https" and urlsplit(onward).scheme != "https":
                raise ServiceError(f"{_host(here)} sends on to an address without TLS", service=SERVICE)
            if isinstance(content, _Source):
                content.again()
            here = onward
        raise ServiceError(f"{_host(url)} sends on and on", service=SERVICE)

    def _once(self, method: str, url: str, headers: Mapping[str, str], content: Any) -> Answer:
        connect, read = self.timeout
        sent = {"User-Agent": user_agent(), "Accept-Encoding": "identity", **headers}
        failure: Gen3Error | None = None
        scheme = urlsplit(url).scheme
        if scheme not in ("http", "https"):
            kind = f"{scheme}:" if scheme else "no web address"
            raise ServiceError(f"bytes come by https: here, and this URL is {kind}", service=SERVICE)
        try:
            pool, target, plain = self._pool(url)
            if plain is not None and method == "GET" and is_plain(target):
                return plain.get(target, sent)
            response = pool.urlopen(
                method,
                target,
                body=content,
                headers=sent,
                timeout=urllib3.Timeout(connect=connect, read=read),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except Gen3Error as error:  # what is sent has raised it; the libraries' frames hold the URL
            failure = error.with_traceback(None)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            # the libraries' exceptions hold the URL: theirs are neither shown nor chained
            failure = lost(_as_requests(error), _where(url), SERVICE, method, "").error
        else:
            return response, lambda _: None  # what is released goes back to the pool by itself
        raise failure

    def _pool(self, url: str) -> tuple[urllib3.PoolManager | urllib3.HTTPConnectionPool, str, Origin | None]:
        """Give the connections to an origin, what to ask for there, and a shorter way to read it."""
        place, target = _parted(url)
        known = self._direct.get(place)
        if known is not None and self._process == os.getpid():
            return known, target, self._origins.get(place)
        where = origin(url)
        proxy = self._proxy(url)
        with self._lock:
            if self._process != os.getpid():  # a fork shares no connection
                self._pools, self._direct, self._origins = {}, {}, {}
                self._process = os.getpid()
            if proxy not in self._pools:
                self._pools[proxy] = self._made(proxy)
            manager = self._pools[proxy]
        if proxy is not None:
            return manager, Secret(url), None
        scheme, host, port = where
        pool = manager.connection_from_host(host, port, scheme)
        with self._lock:
            if self.verify is not False and Origin.suits(host) and place not in self._origins:
                trusted = _trusted(self.verify) if scheme == "https" else {}
                self._origins[place] = Origin(scheme, host, port, self.timeout, trusted)
        self._direct[place] = pool
        return pool, target, self._origins.get(place)

    def _proxy(self, url: str) -> str | None:
        if is_loopback(origin(url)[1]):
            return None
        known = {**utils.get_environ_proxies(str(url), self.proxies.get("no_proxy")), **self.proxies}
        return utils.select_proxy(str(url), known)

    def _made(self, proxy: str | None) -> urllib3.PoolManager:
        options: dict[str, Any] = {"num_pools": 32, "maxsize": CONNECTIONS, "block": False}
        options |= _trusted(self.verify)
        if not proxy:
            return urllib3.PoolManager(**options)
        where = proxy if "://" in proxy else f"http://{proxy}"
        if where.startswith("socks"):
            from urllib3.contrib.socks import SOCKSProxyManager

            return SOCKSProxyManager(where, **options)
        user, password = utils.get_auth_from_url(where)
        shown = urllib3.make_headers(proxy_basic_auth=f"{user}:{password}") if user else None
        return urllib3.ProxyManager(where, proxy_headers=shown, **options)


class _Source:
    """So many bytes of a file, from where it stands; a whole file would be sent to its end."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file = file
        self._length = self._left = length
        self._start = file.tell()

    @classmethod
    def of(cls, content: bytes | memoryview | BinaryIO | Iterable[bytes | memoryview], length: int) -> Any:
        """Give what is sent for bytes, a file or an iterable."""
        return cls(cast("BinaryIO", content), length) if hasattr(content, "read") else content

    def read(self, size: int = -1) -> bytes:
        """Give the next bytes."""
        block = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(block)
        return block

    def again(self) -> None:
        """Go back to the first byte."""
        self._file.seek(self._start)
        self._left = self._length


def _parted(url: str) -> tuple[tuple[str, str], str]:
    """Give scheme and host with port of a URL, and the rest, which is secret."""
    parts = urlsplit(url)
    return (parts.scheme, parts.netloc), Secret(f"{parts.path or '/'}?{parts.query}")


def _again(timeout: tuple[float, float], verify: bool | str, proxies: Mapping[str, str]) -> Storage:
    return Storage(timeout=timeout, verify=verify, proxies=proxies)


def _trusted(verify: bool | str) -> dict[str, Any]:
    """Give whose certificates are trusted, by the same settings as for the commons."""
    if verify is False:
        return {"cert_reqs": "CERT_NONE", "assert_hostname": False}
    known = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    path = verify if isinstance(verify, str) else known or utils.DEFAULT_CA_BUNDLE_PATH
    if not os.path.exists(path):
        raise OSError(f"Could not find a suitable TLS CA certificate bundle, invalid path: {path}")
    return {"cert_reqs": "CERT_REQUIRED", "ca_cert_dir" if os.path.isdir(path) else "ca_certs": path}


def _host(url: str) -> str:
    return urlsplit(url).hostname or "storage"


def _where(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.scheme else "no address"


def _as_requests(error: BaseException) -> BaseException:
    """Give the kind of exception that :func:`lost` knows for one of urllib3."""
    kinds: tuple[tuple[type[BaseException], type[BaseException]], ...] = (
        (urllib3.exceptions.ProxyError, requests.exceptions.ProxyError),
        (urllib3.exceptions.SSLError, requests.exceptions.SSLError),
        (urllib3.exceptions.ConnectTimeoutError, requests.exceptions.ConnectTimeout),
        (urllib3.exceptions.ReadTimeoutError, requests.exceptions.ReadTimeout),
    )
    for theirs, ours in kinds:
        if isinstance(error, theirs) and not isinstance(error, urllib3.exceptions.NewConnectionError):
            return ours(error)
    return error


def _refusal(response: urllib3.BaseHTTPResponse, host: str) -> Gen3Error:
    """Make the exception for an answer that is no success, in the store's own words."""
    try:
        text = response.read(LONGEST_ERROR, decode_content=False).decode("utf-8", "replace")
    except (urllib3.exceptions.HTTPError, OSError):
        text = ""
    wait = retry_after(response)
    response.close()
    code, words = _CODE.search(text), _WORDS.search(text)
    said = redact(html.unescape(words[1])) if words else ""
    status = response.status
    facts: dict[str, Any] = {
        "service": SERVICE,
        "status": status,
        "said": said,
        "code": code[1] if code else "",
        "expired": status in (400, 401, 403) and "expired" in f"{said} {code[1] if code else ''}".lower(),
    }
    tail = f": {said.rstrip('.')}" if said else ""
    if status == 404:
        return NotFound(f"the bytes are not in the storage at {host}{tail}", **facts)
    if status in (412, 416):
        size = _SIZE.fullmatch(response.headers.get("Content-Range", "").strip())
        known = {"size": int(size[1])} if size is not None else {}
        changed = f"the object at {host} has changed since its first bytes came"
        return IntegrityError(changed, status=status, **known)
    if status == 429:
        return RateLimited(f"{host} asked to slow down{tail}", retry_after=wait, **facts)
    if status >= 500:
        return Unavailable(
            f"the storage at {host} is not available ({status}){tail}", retry_after=wait, **facts
        )
    return ServiceError(f"the storage at {host} refused ({status}){tail}", **facts)
