"""One table from a service's answer to an exception and the next step."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import requests
import urllib3

from gen3nb.client.redaction import redact
from gen3nb.client.tokens import when
from gen3nb.client.words import words_of
from gen3nb.errors import (
    AuthError,
    Conflict,
    Gen3Error,
    KeyExpired,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServiceError,
    TimedOut,
    TokenExpired,
    Unavailable,
)

__all__ = ["Needs", "absent", "failure", "no_commons", "retry_after"]

SERVICES = {
    "fence": "the sign-in service",
    "arborist": "the permissions service",
    "sheepdog": "the submission service",
    "peregrine": "the query service",
    "indexd": "the file index",
    "workspace": "the workspace token service",
    "requestor": "the access request service",
    "sower": "the job service",
    "mds": "the metadata service",
    "storage": "the object store",
}


class Needs(NamedTuple):
    """What a request needs: to do what, by which methods, on which resource.

    ``service`` is named where a method of this name means another thing to other services.
    """

    purpose: str
    resource: str
    methods: tuple[str, ...]
    service: str = ""


class Rule(NamedTuple):
    """A row of the table: which answers, which exception, what to say and what to do next."""

    service: str
    status: Sequence[int]
    words: str
    error: type[Gen3Error]
    says: str
    then: str


# The first row that fits wins; a service of "" is any.
TABLE: tuple[Rule, ...] = (
    Rule(
        "fence:key",
        (400, 401),
        r"signature has expired|outlive|expire after the provided api key",
        KeyExpired,
        "the API key has run out",
        "make a new one on the commons' profile page",
    ),
    Rule(
        "fence:key",
        (401,),
        r"denylisted|blacklisted|revoked",
        AuthError,
        "the API key has been deleted",
        "make a new one on the commons' profile page",
    ),
    Rule(
        "fence:key",
        (401,),
        r"incorrect purpose",
        AuthError,
        "an access token was given where an API key belongs",
        "pass it as access_token=, or make an API key on the commons' profile page",
    ),
    Rule(
        "fence:key",
        (400, 401, 403),
        r"",
        AuthError,
        "the commons does not take this API key",
        "make a new one on its profile page",
    ),
    Rule(
        "",
        (401,),
        r"expired",
        TokenExpired,
        "the access token has run out",
        "connect again, with an API key so that it renews itself",
    ),
    Rule(
        "fence",
        (401,),
        r"permission on authorization|have access to",
        PermissionDenied,
        "you lack the permission to do this",
        "ask the commons' data access contact for it",
    ),
    Rule(
        "indexd",
        (401,),
        r"permission denied",
        PermissionDenied,
        "the file index does not let you do this",
        "ask the commons' data access contact for it",
    ),
    Rule(
        "",
        (401,),
        r"",
        AuthError,
        "the commons did not take your sign-in",
        "connect again with a fresh API key",
    ),
    Rule(
        "",
        (403,),
        r"",
        PermissionDenied,
        "you lack the permission to do this",
        "ask the commons' data access contact for it",
    ),
    Rule(
        "sheepdog",
        (400,),
        r"project is in state|not releasable|in state '",
        Conflict,
        "the project is closed",
        "an administrator can open it again",
    ),
    Rule(
        "sheepdog",
        (400,),
        r"already exists in db|can not delete the p|was committed already",
        Conflict,
        "the state of the commons forbids it",
        "",
    ),
    Rule(
        "indexd",
        (400,),
        r"not supported for non-empty record",
        Conflict,
        "the record is filled already",
        "look at what it says now",
    ),
    Rule("", (404,), r"", NotFound, "there is no such thing", "check the spelling"),
    Rule("", (409,), r"", Conflict, "the state of the commons forbids it", ""),
    Rule("", (413,), r"", ServiceError, "the request was too large", "send less at once"),
    Rule(
        "",
        (400, 414),
        r"request.?(line|uri).{0,20}too l",
        ServiceError,
        "the request was too long",
        "ask for less at once",
    ),
    Rule("", (429,), r"", RateLimited, "the commons asks to slow down", "try again later"),
    Rule("", (502, 503), r"", Unavailable, "the service is not available at the moment", "try again later"),
    Rule(
        "",
        (504,),
        r"",
        TimedOut,
        "no answer came in time, so whether it was done is unknown",
        "look at what is stored before doing it again",
    ),
    Rule(
        "",
        range(500, 600),
        r"",
        ServiceError,
        "the service failed",
        "if it happens again, tell the commons' operators",
    ),
    Rule("", range(300, 600), r"", ServiceError, "the service refused the request", ""),
)


def failure(
    response: requests.Response,
    *,
    service: str,
    needs: Needs | None = None,
    user: str = "",
    until: float | None = None,
    endpoint: str = "",
    asking: Callable[[Needs], str] | None = None,
) -> Gen3Error:
    """Make the exception for an answer of status 300 and more.

    Parameters
    ----------
    response : requests.Response
        The answer.
    service : str
        Which service gave it; ``"fence:key"`` is fence asked for a token.
    needs : Needs, optional
        Which permission the request needs.
    user : str
        Who is signed in, for the message.
    until : float, optional
        When their token ends, for the message.
    endpoint : str
        The commons.
    asking : callable, optional
        Gives how the user can ask for what is missing.
    """
    said, request_id = words_of(response)
    name = service.partition(":")[0]
    rule = next(
        rule
        for rule in TABLE
        if rule.service in ("", service, name)
        and response.status_code in rule.status
        and re.search(rule.words, said, re.IGNORECASE)
    )
    facts: dict[str, Any] = {
        "service": name,
        "method": response.request.method if response.request is not None else None,
        "path": redact(response.request.path_url) if response.request is not None else None,
        "status": response.status_code,
        "request_id": request_id,
        "said": said,
    }
    if rule.error is PermissionDenied:
        return _denied(rule, facts, needs, user, endpoint, asking)
    if rule.error is RateLimited:
        facts["retry_after"] = retry_after(response)
    who = SERVICES.get(name, name) or "the service"
    where = f" of {endpoint}" if endpoint else ""
    quoted = (
        f' ({who}{where} said, with {response.status_code}: "{said}")'
        if said
        else f" ({who}{where} answered {response.status_code})"
    )
    ending = f"; {rule.then}" if rule.then else ""
    says = rule.says
    if rule.error is TimedOut and not changes(service, str(facts["method"])):
        says, ending = "no answer came in time", "; try again later, or ask for less at once"
    if rule.error is TokenExpired and until is not None:
        facts["expired"] = until
        says = f"the access token was valid until {when(until)}"
    return rule.error(f"{says}{quoted}{ending}", **facts)


def _denied(
    rule: Rule,
    facts: dict[str, Any],
    needs: Needs | None,
    user: str,
    endpoint: str,
    asking: Callable[[Needs], str] | None,
) -> PermissionDenied:
    """Say which method on which resource is missing, and how to ask for it."""
    who = f"user {user!r}" if user else "your account"
    said = f' (the commons said: "{facts["said"]}")' if facts["said"] else ""
    facts["http_method"] = facts.pop("method")
    if needs is None:
        return PermissionDenied(f"{rule.says}: {who}{said}; {rule.then}", user=user, **facts)
    methods = " and ".join(repr(method) for method in needs.methods)
    kind = "method" if len(needs.methods) == 1 else "methods"
    of = f" (service {needs.service})" if needs.service else ""
    how = asking(needs) if asking is not None else ""
    return PermissionDenied(
        f"to {needs.purpose} you need the {kind} {methods}{of} on {needs.resource}, which {who} lacks"
        f"{said}; ask the data access contact of {endpoint or 'the commons'} for exactly that{how}",
        method=needs.methods[0],
        methods=needs.methods,
        resource=needs.resource,
        user=user,
        **facts,
    )


def changes(service: str, method: str) -> bool:
    """Tell whether a request may have changed something, so that a lost answer leaves that unknown."""
    return method.upper() not in ("GET", "HEAD") and service not in ("peregrine", "fence:key")


def absent(
    service: str, endpoint: str, *, status: int | None = None, path: str | None = None, said: str = ""
) -> NotFound:
    """Say that a commons does not run a service."""
    instead = f'a web page ("{said[:80]}")' if said else "nothing of it"
    return NotFound(
        f"{endpoint} does not seem to run {SERVICES.get(service, service)} ({service}): there is {instead} "
        "at its usual place; what needs it cannot be done on this commons",
        service=service,
        status=status,
        path=path,
        said=said or None,
        absent=True,
    )


def no_commons(endpoint: str, status: int | None) -> NotFound:
    """Say that an address is not that of a commons: nobody can sign in there."""
    return NotFound(
        f"{endpoint} has no sign-in service where a Gen3 commons has one: is this the commons' own address?",
        service="fence",
        status=status,
        absent=True,
    )


def retry_after(response: requests.Response | urllib3.BaseHTTPResponse, cap: float = 60.0) -> float | None:
    """Give the seconds that ``Retry-After`` names, as a number or as a date, at most ``cap``."""
    value = response.headers.get("Retry-After", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = email.utils.parsedate_to_datetime(value)
            now = email.utils.parsedate_to_datetime(response.headers["Date"])
            seconds = (when - now).total_seconds()
        except KeyError:
            seconds = when.timestamp() - time.time()
        except (TypeError, ValueError):
            return None
    return min(max(seconds, 0.0), cap) if seconds == seconds else None
