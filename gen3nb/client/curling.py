"""Any request to a commons by its path, for what has no function of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Container
from pathlib import Path
from typing import Any

import requests

from gen3nb.client.redaction import Secret
from gen3nb.client.transport import Transport
from gen3nb.errors import Gen3Error

__all__ = ["curl"]

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")


def curl(
    transport: Transport,
    path: str,
    request: str | None = None,
    data: str | None = None,
    *,
    accept: Container[int] = (),
    stream: bool = False,
) -> requests.Response:
    """Send a request to a path of the commons.

    Parameters
    ----------
    transport : Transport
        To the commons.
    path : str
        ``"/user/user"``; an address of this commons is taken, too.
    request : str, optional
        The method; by default GET, or POST where there is data.
    data : str, optional
        JSON, ``"@file.json"``, or ``"@-"`` for standard input.
    accept : container of int
        Statuses from 400 on that are answers, not errors.
    stream : bool
        Leave the answer to be read bit by bit.

    Raises
    ------
    Gen3Error
        The path leads to another host, the method is none, or the data is no JSON; or what the transport
        raises.
    """
    method = (request or ("GET" if data is None else "POST")).upper()
    if method not in METHODS:
        raise Gen3Error(f"{request!r} is no method of HTTP that a commons takes: {', '.join(METHODS)}")
    body = None if data is None else _document(Secret(data))
    return transport.request(
        method, _within(path, transport.endpoint), service="", json=body, accept=accept, stream=stream
    )


def _within(path: str, endpoint: str) -> str:
    """Give a path of this commons."""
    rest = path.removeprefix(endpoint)
    if "://" in rest.partition("?")[0] or (rest != path and rest[:1] not in ("", "/", "?")):
        raise Gen3Error(f"a path of {endpoint} is wanted, such as /user/user: your token goes nowhere else")
    return "/" + rest.lstrip("/")


def _document(data: Secret) -> Any:
    """Read the data: JSON itself, or a file of it."""
    where = "the data"
    text: str = data
    problem = ""
    if data.startswith("@"):
        name = str(data[1:])
        where = "standard input" if name == "-" else f"the file {name}"
        try:
            text = Secret(sys.stdin.read() if name == "-" else Path(name).expanduser().read_text("utf-8-sig"))
        except (OSError, UnicodeDecodeError) as error:
            problem = f"{where} cannot be read ({getattr(error, 'strerror', None) or 'it is not text'})"
    if not problem:
        try:
            return json.loads(text)
        except ValueError as error:
            place = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
            problem = f"{where} is no JSON{place}"
    raise Gen3Error(problem)
