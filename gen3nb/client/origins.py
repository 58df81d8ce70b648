"""Connections to one object store that no proxy is on the way to, kept from one request to the next."""

from __future__ import annotations

import http.client
import re
import ssl
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

__all__ = ["Answer", "Origin", "is_plain"]

KEPT = 64  # connections that nobody uses at the moment
# what urllib3 sends as it is: signs, and between them what is encoded already
_SIGNS = r"[A-Za-z0-9._~!$&'()*+,;=:@/?-]*"
_PLAIN = re.compile(f"/{_SIGNS}(?:%[0-9A-F]{{2}}{_SIGNS})*")
_PLAIN_HOST = re.compile(r"[a-z0-9.-]+")

#: An answer, and what to call once its body was read (true) or is left (false).
Answer: TypeAlias = "tuple[urllib3.BaseHTTPResponse, Callable[[bool], None]]"


def is_plain(target: str) -> bool:
    """Say whether a path with its query needs no encoding any more."""
    return _PLAIN.fullmatch(target) is not None


class Origin:
    """Connections to one origin. Threads may share it; a connection serves one request at a time.

    A pool of urllib3 takes every URL apart and encodes it anew, sign by sign. That costs a small file as much
    as all else, and a presigned URL is good only as it was signed.

    Parameters
    ----------
    scheme, host : str
    port : int
    timeout : pair of float
        Seconds to connect, and seconds without a byte.
    trusted : Mapping
        Whose certificates are trusted, in urllib3's words.
    """

    def __init__(
        self,
        scheme: str,
        host: str,
        port: int | None,
        timeout: tuple[float, float],
        trusted: Mapping[str, Any],
    ) -> None:
        connect, self._read = timeout
        make: Callable[[], HTTPConnection] = partial(HTTPConnection, host, port, timeout=connect)
        if scheme == "https":
            make = partial(HTTPSConnection, host, port, timeout=connect, **trusted)
        self._make = make
        self._idle: list[HTTPConnection] = []
        weakref.finalize(self, _close, self._idle)

    @staticmethod
    def suits(host: str) -> bool:
        """Say whether a host's name needs no encoding."""
        return _PLAIN_HOST.fullmatch(host) is not None

    def get(self, target: str, headers: Mapping[str, str]) -> Answer:
        """Ask for something that is plain.

        Raises
        ------
        urllib3.exceptions.HTTPError
            As the pools raise it.
        """
        connection = self._taken()
        try:
            if connection.sock is None:
                connection.connect()
                connection.timeout = self._read  # as soon as there is a connection
            connection.request("GET", target, headers=headers, preload_content=False, decode_content=False)
            return connection.getresponse(), partial(self._leave, connection)
        except BaseException as error:
            connection.close()
            if (as_theirs := _as_theirs(error)) is error:
                raise
        raise as_theirs

    def close(self) -> None:
        """Close the connections that nobody uses."""
        _close(self._idle)

    def _taken(self) -> HTTPConnection:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._make()
            if connection.is_connected:
                return connection
            connection.close()

    def _leave(self, connection: HTTPConnection, read: bool) -> None:
        """Keep a connection whose answer was read; what is still to come would be taken for the next one."""
        if read and connection.sock is not None and len(self._idle) < KEPT:
            self._idle.append(connection)
        else:
            connection.close()


def _close(connections: list[HTTPConnection]) -> None:
    while connections:
        connections.pop().close()


def _as_theirs(error: BaseException) -> BaseException:
    """Give the exception that a pool would raise."""
    if isinstance(error, urllib3.exceptions.HTTPError):
        return error
    if isinstance(error, ssl.SSLError):
        return urllib3.exceptions.SSLError(error)
    if isinstance(error, TimeoutError):
        return urllib3.exceptions.TimeoutError("no byte in time")
    if isinstance(error, OSError | http.client.HTTPException):
        return urllib3.exceptions.ProtocolError("Connection aborted.", error)
    return error
