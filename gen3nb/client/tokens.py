"""Access tokens: where they come from, how long they are good, and one renewal at a time."""

from __future__ import annotations

import base64
import binascii
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gen3nb.client.redaction import Secret
from gen3nb.errors import AuthError, Gen3Error, TokenExpired

__all__ = [
    "Token",
    "TokenKeeper",
    "claims_of",
    "endpoint_of_issuer",
    "linked_google_account",
    "moment",
    "when",
]

logger = logging.getLogger("gen3nb.client")

LONGEST_MARGIN = 300.0
ROUNDING = 1.0  # iat and exp are whole seconds, so a token may end up to a second before its age says so


def claims_of(token: str) -> dict[str, Any]:
    """Read what a JWT says, without checking who signed it.

    Raises
    ------
    AuthError
        It is no JWT. The message does not show it.
    """
    claims = _decoded(token)
    if claims is None:
        raise AuthError("this is not a Gen3 key or token: one has three parts, joined by dots")
    return claims


def _decoded(token: str) -> dict[str, Any] | None:
    """Read the middle part of a JWT. Raises nothing: its local variables would show the parts."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error):
        return None
    return claims if isinstance(claims, dict) else None


def endpoint_of_issuer(claims: Mapping[str, Any]) -> str:
    """Give the commons that issued a key or token, from its ``iss``; empty where it names none."""
    issuer = str(claims.get("iss") or "")
    scheme, separator, rest = issuer.partition("://")
    return f"{scheme}://{rest.split('/')[0]}" if separator and rest else ""


def linked_google_account(user: object) -> str:
    """Give the Google account that fence says a user has linked; empty if none.

    Parameters
    ----------
    user : object
        What a token's ``context.user`` or ``GET /user/user`` says.
    """
    google = user.get("google") if isinstance(user, Mapping) else None
    return str(google.get("linked_google_account") or "") if isinstance(google, Mapping) else ""


def moment(seconds: float | None) -> datetime | None:
    """Give a time in this machine's time zone."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, tz=UTC).astimezone()
    except (OverflowError, ValueError, OSError):
        return None


def when(seconds: float | None) -> str:
    """Say a moment as people write it, in their own time zone."""
    at = moment(seconds)
    return "an unknown time" if at is None else at.strftime("%Y-%m-%d %H:%M %Z")


@dataclass(frozen=True)
class Token:
    """An access token and what is known of its age.

    ``fresh`` ones were issued while we watched: ``monotonic`` and ``wall`` are this machine's clocks just
    before, so its age needs no agreement with the commons' clock. Of others only ``exp`` is known.
    """

    value: Secret
    claims: Mapping[str, Any]
    monotonic: float
    wall: float
    fresh: bool

    def __repr__(self) -> str:
        return f"Token(until {when(self.exp)})"

    @property
    def exp(self) -> float | None:
        """When it ends, by the commons' clock."""
        return _number(self.claims.get("exp"))

    @property
    def lifetime(self) -> float | None:
        """Seconds from issue to end."""
        issued = _number(self.claims.get("iat"))
        return None if self.exp is None or issued is None else max(self.exp - issued, 0.0)

    @property
    def skew(self) -> float:
        """Seconds by which the commons' clock is ahead of this machine's."""
        issued = _number(self.claims.get("iat"))
        return issued - self.wall if self.fresh and issued is not None else 0.0

    def remaining(self) -> float:
        """Seconds for which it is certainly still good; infinite where it says nothing."""
        if self.exp is None:
            return float("inf")
        if self.fresh and self.lifetime is not None:
            # the monotonic clock halts while a laptop sleeps, the wall clock may be set back
            age = max(time.monotonic() - self.monotonic, time.time() - self.wall)
            return self.lifetime - ROUNDING - age
        return self.exp - time.time()

    @property
    def margin(self) -> float:
        """Seconds before its end at which a new one is fetched."""
        return min(LONGEST_MARGIN, (self.lifetime or 4 * LONGEST_MARGIN) / 4)


class TokenKeeper:
    """Holds one token for all threads and renews it, one renewal at a time.

    Parameters
    ----------
    fetch : callable, optional
        Gets a new token; None where there is no way to.
    value : str, optional
        A token to begin with.
    """

    def __init__(self, fetch: Callable[[], str] | None, value: str | None = None) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._token = _token(value, fresh=False) if value else None
        self._tries = 0
        self._failure: Gen3Error | None = None

    def __repr__(self) -> str:
        return f"TokenKeeper({self._token!r})"

    @property
    def token(self) -> Token | None:
        """The token at hand, good or not."""
        return self._token

    @property
    def renewable(self) -> bool:
        """Whether a new one can be fetched."""
        return self._fetch is not None

    def current(self) -> Token:
        """Give a token that is good now.

        Raises
        ------
        TokenExpired
            The token cannot be renewed. Not raised for a token that was handed to us: whether its time is
            up is for the commons to say, whose clock may differ.
        Gen3Error
            What fetching one raised.
        """
        token = self._token
        if token is not None and (self._fetch is None or token.remaining() > token.margin):
            return token
        return self._renew(token)

    def renew(self) -> Token:
        """Fetch a new token whatever the present one is worth."""
        return self._renew(self._token)

    def run_out(self, value: str, said: str = "") -> bool:
        """Tell whether a refused token had run out, so that another one is worth a try."""
        token = self._token
        if self._fetch is None:
            return False
        if token is None or token.value != value:
            return True  # another thread has renewed it in the meantime
        if token.remaining() > 0 and "expired" not in said.lower():
            return False
        with self._lock:
            if self._token is token:
                self._token = None
        return True

    def _renew(self, seen: Token | None) -> Token:
        """Fetch a new token, unless another thread has done so while this one waited."""
        if self._fetch is None:
            if self._token is None:
                raise TokenExpired("there is no access token, and no key to get one with")
            return self._token
        tries = self._tries
        with self._lock:
            token = self._token
            if token is not None and token is not seen:
                return token
            if self._tries != tries and self._failure is not None:
                raise type(self._failure)(self._failure.message, **self._failure.facts)
            monotonic, wall = time.monotonic(), time.time()
            failure: Gen3Error | None = None
            try:
                fetched = Secret(self._fetch())
                fresh = _token(fetched, monotonic=monotonic, wall=wall, fresh=True)
            except Gen3Error as error:
                failure = error
            self._tries += 1
            self._failure = failure
            if failure is None:
                self._token = fresh
                logger.debug("a new access token, good until %s", when(fresh.exp))
                return fresh
        if token is not None and token.remaining() > 0 and not isinstance(failure, AuthError):
            logger.debug("the access token could not be renewed yet: %s", failure)
            return token
        raise failure


def _token(value: str, *, fresh: bool, monotonic: float | None = None, wall: float | None = None) -> Token:
    """Make a Token of a JWT."""
    return Token(
        Secret(value),
        claims_of(value),
        time.monotonic() if monotonic is None else monotonic,
        time.time() if wall is None else wall,
        fresh,
    )


def _number(value: Any) -> float | None:
    """Give a claim that is a number."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
