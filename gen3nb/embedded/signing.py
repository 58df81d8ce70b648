"""Presigned URLs, signed and checked as S3 does it (AWS signature version 4, signed query)."""

from __future__ import annotations

import calendar
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, urlencode

ACCESS_KEY = "AKIAPRACTICE"
REGION = "us-east-1"
LONGEST = 604_800  # seconds: a week
_ALGORITHM = "AWS4-HMAC-SHA256"


class Denied(Exception):
    """A URL that is not taken; ``code`` and the message are S3's."""

    def __init__(self, code: str, message: str, status: int = 403) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


@dataclass(frozen=True)
class Signer:
    """Signs URLs of one object store, and checks them.

    Parameters
    ----------
    secret : str
        The secret key, which never leaves this machine.
    """

    secret: str

    def url(
        self,
        method: str,
        origin: str,
        path: str,
        *,
        expires: int,
        now: float | None = None,
        query: Mapping[str, str] | None = None,
    ) -> str:
        """Give a URL that lets its holder do one thing with one object for some seconds.

        Parameters
        ----------
        method : str
            ``"GET"`` or ``"PUT"``.
        origin : str
            ``http://127.0.0.1:<port>``.
        path : str
            ``/<bucket>/<key>``, not quoted.
        expires : int
            Seconds.
        now : float, optional
            When it is signed, in seconds since 1970.
        query : Mapping, optional
            Further parameters, signed too.
        """
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() if now is None else now))
        scope = f"{date[:8]}/{REGION}/s3/aws4_request"
        pairs = [
            *(query or {}).items(),
            ("X-Amz-Algorithm", _ALGORITHM),
            ("X-Amz-Credential", f"{ACCESS_KEY}/{scope}"),
            ("X-Amz-Date", date),
            ("X-Amz-Expires", str(expires)),
            ("X-Amz-SignedHeaders", "host"),
        ]
        host = origin.partition("://")[2]
        signature = self._signature(method, path, pairs, host, date)
        signed = urlencode([*pairs, ("X-Amz-Signature", signature)], quote_via=quote)
        return f"{origin}{quote(path, safe='/~')}?{signed}"

    def check(
        self, method: str, path: str, pairs: Sequence[tuple[str, str]], host: str, now: float | None = None
    ) -> None:
        """Let a signed request pass.

        Parameters
        ----------
        method : str
        path : str
            Not quoted.
        pairs : sequence of pairs
            The query.
        host : str
            The ``Host`` header.
        now : float, optional
            Seconds since 1970.

        Raises
        ------
        Denied
            It is not signed, signed for something else, or has expired.
        """
        facts = dict(pairs)
        given = facts.get("X-Amz-Signature")
        if given is None or facts.get("X-Amz-Algorithm") != _ALGORITHM:
            raise Denied("AccessDenied", "Access Denied")
        date, expires = facts.get("X-Amz-Date", ""), facts.get("X-Amz-Expires", "")
        try:
            signed = _seconds(date)
            ends = signed + min(int(expires), LONGEST)
        except ValueError:
            words = "X-Amz-Date and X-Amz-Expires must be a date and a number of seconds"
            raise Denied("AuthorizationQueryParametersError", words, 400) from None
        rest = [pair for pair in pairs if pair[0] != "X-Amz-Signature"]
        # a URL that is signed for GET does not serve HEAD
        wanted = self._signature(method, path, rest, host, date)
        if not hmac.compare_digest(wanted, given):
            raise Denied(
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. "
                "Check your key and signing method.",
            )
        if (time.time() if now is None else now) > ends:
            raise Denied("AccessDenied", "Request has expired")

    def _signature(
        self, method: str, path: str, pairs: Sequence[tuple[str, str]], host: str, date: str
    ) -> str:
        scope = f"{date[:8]}/{REGION}/s3/aws4_request"
        query = "&".join(sorted(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs))
        canonical = "\n".join(
            (method, quote(path, safe="/~"), query, f"host:{host}\n", "host", "UNSIGNED-PAYLOAD")
        )
        text = "\n".join((_ALGORITHM, date, scope, hashlib.sha256(canonical.encode()).hexdigest()))
        return hmac.digest(_key(self.secret, date[:8]), text.encode(), "sha256").hex()


# what follows is the same for thousands of requests


@lru_cache(maxsize=8)
def _key(secret: str, day: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, REGION, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


@lru_cache(maxsize=256)
def _quoted(text: str) -> str:
    return quote(text, safe="~")


@lru_cache(maxsize=256)
def _seconds(date: str) -> float:
    return float(calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ")))
