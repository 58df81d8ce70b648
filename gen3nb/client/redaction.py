"""Keep keys, tokens and presigned URLs out of whatever people read or store."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from typing import Any, NoReturn

__all__ = ["Secret", "SecretBytes", "hide", "redact"]

HIDDEN = "[hidden]"
PLAIN = ("api_key", "key_id", "access_token")  # names that are no secret themselves

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # a JWT: three base64url parts, of which the first two begin like '{"'
    (re.compile(r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"), HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (
        re.compile(
            r"(?i)([?&;](?:x-amz-[a-z-]+|x-goog-[a-z-]+|signature|sig|awsaccesskeyid|googleaccessid"
            r"|token|access_token|api_key|key)=)[^&\s\"'<>]+"
        ),
        rf"\1{HIDDEN}",
    ),
    (
        re.compile(
            r"(?i)([\"']?(?:api_key|access_token|refresh_token|client_secret|password)[\"']?\s*[:=]\s*[\"']?)"
            r"(?!\[hidden\])[^\s\"',;&}]{6,}"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(https?://)[^/\s:@]+:[^/\s@]+@"), rf"\1{HIDDEN}@"),
)


def redact(text: str) -> str:
    """Give a text with everything that looks like a key, token or signature taken out."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


class Secret(str):
    """A key or token: works as text, but neither ``repr`` nor a pickle shows it.

    Tracebacks with local variables, debuggers and containers print values by ``repr``, so a secret that is
    only ever held like this does not get into them.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return HIDDEN

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise pickle.PicklingError("keys and tokens are not pickled")

    def __getitem__(self, part: Any) -> Secret:
        return Secret(str.__getitem__(self, part))  # some printers of tracebacks shorten before they repr

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self


class SecretBytes(bytes):
    """What is sent or came, where it may hold a secret: the same for bytes."""

    def __repr__(self) -> str:
        return HIDDEN

    def __getitem__(self, part: Any) -> Any:
        piece = bytes.__getitem__(self, part)
        return SecretBytes(piece) if isinstance(piece, bytes) else piece

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise pickle.PicklingError("keys and tokens are not pickled")


def hide(value: Any) -> Any:
    """Give a copy of what a user gave or a file held, in which every text is a :class:`Secret`."""
    if isinstance(value, str):
        return Secret(value)
    if isinstance(value, Mapping):
        return {
            key if isinstance(key, str) and key in PLAIN else hide(key): hide(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [hide(item) for item in value]
    return value
