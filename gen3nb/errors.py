"""The one exception tree: what happened, to what, why, and what to do next.

::

    Gen3Error
    ├── NotConnected                     no commons is open, or a pickled one could not be reopened
    ├── AuthError
    │   ├── TokenExpired                 the access token ran out and could not be renewed
    │   ├── KeyExpired                   the API key itself has run out
    │   └── PermissionDenied             (PermissionError) which method on which resource is missing
    ├── ServiceError                     a service answered with an error, or with something unreadable
    │   ├── NotFound                     (LookupError) no such program, project, record, route
    │   │   └── NoSuchFile               (FileNotFoundError) no file of this address
    │   ├── Conflict                     the state of the commons forbids it (project closed, key taken)
    │   ├── RateLimited                  429; ``retry_after`` seconds
    │   └── Unavailable                  (ConnectionError) no answer, 502, 503, 504
    │       └── TimedOut                 (TimeoutError) no answer in time: what happened is unknown
    ├── DictionaryError                  (LookupError) unknown node, property or link; unreadable dictionary
    ├── ValidationError                  (ValueError) carries its ``report``
    ├── SubmissionError                  carries its ``report``
    ├── QueryError                       (ValueError) GraphQL errors, with line and column
    ├── TransferError                    carries its ``report``
    ├── ReadOnly                         (OSError) files of a commons are only read by their addresses
    ├── IntegrityError                   a checksum or a count does not agree
    ├── ProfileError                     (ValueError) the profile file or an API key file is wrong
    └── MissingExtra                     (ImportError) an optional dependency is not installed

Every error pickles, and none holds a key or a token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "AuthError",
    "Conflict",
    "DictionaryError",
    "Gen3Error",
    "IntegrityError",
    "KeyExpired",
    "MissingExtra",
    "NoSuchFile",
    "NotConnected",
    "NotFound",
    "PermissionDenied",
    "ProfileError",
    "QueryError",
    "RateLimited",
    "ReadOnly",
    "ServiceError",
    "SubmissionError",
    "TimedOut",
    "TokenExpired",
    "TransferError",
    "Unavailable",
    "ValidationError",
]


class Gen3Error(Exception):
    """Anything that gen3nb raises on purpose.

    Parameters
    ----------
    message : str
        What happened, to what, why, and what to do next.
    **facts : Any
        Plain facts about the failure (row, column, project …); each becomes an attribute.
    """

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts

    def __getattr__(self, name: str) -> Any:
        """Give the facts as attributes, also after unpickling."""
        if name.startswith("__") or name == "facts":
            raise AttributeError(name)
        try:
            return self.facts[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}") from None

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.facts))


def _rebuild(kind: type[Gen3Error], message: str, facts: Mapping[str, Any]) -> Gen3Error:
    """Make an error again from what a pickle holds."""
    return kind(message, **facts)


class NotConnected(Gen3Error):
    """No commons is open, or a commons that came out of a pickle could not be reopened."""


class AuthError(Gen3Error):
    """Signing in failed, or the commons did not take the token."""


class TokenExpired(AuthError):
    """The access token has run out and there was no way to get another."""


class KeyExpired(AuthError):
    """The API key itself has run out: make a new one on the commons' profile page."""


class PermissionDenied(AuthError, PermissionError):
    """The user lacks a permission; ``method`` and ``resource`` say which, where they are known."""

    def __str__(self) -> str:
        return self.message


class ServiceError(Gen3Error):
    """A service answered with an error, or with something that cannot be read.

    Parameters
    ----------
    message : str
        What happened, in words for the person who made the call.
    service, method, path : str, optional
        Which service and which request.
    status : int, optional
        The HTTP status; ``None`` where no answer came.
    request_id : str, optional
        The service's own id of the request, for its operators.
    said : str, optional
        The service's own words (never an HTML page).
    **facts : Any
        Further plain facts.
    """

    def __init__(
        self,
        message: str,
        *,
        service: str | None = None,
        method: str | None = None,
        path: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        said: str | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(
            message,
            service=service,
            method=method,
            path=path,
            status=status,
            request_id=request_id,
            said=said,
            **facts,
        )


class NotFound(ServiceError, LookupError):
    """There is no such program, project, record or route."""


class NoSuchFile(NotFound, FileNotFoundError):
    """There is no file of this address, or none of its bytes."""

    def __str__(self) -> str:
        return self.message


class Conflict(ServiceError):
    """The state of the commons forbids it: a closed project, a name that is taken."""


class RateLimited(ServiceError):
    """The service asked to slow down; ``retry_after`` gives the seconds it named."""


class Unavailable(ServiceError, ConnectionError):
    """The service gave no usable answer: no connection, 502, 503 or 504."""

    def __str__(self) -> str:
        return self.message


class TimedOut(Unavailable, TimeoutError):
    """No answer came in time. Whether the service did the work is unknown: look before doing it again."""


class DictionaryError(Gen3Error, LookupError):
    """The dictionary has no such node, property or link, or cannot be read."""


class ValidationError(Gen3Error, ValueError):
    """The rows break rules of the dictionary; ``report`` (a ValidationReport) says which."""


class SubmissionError(Gen3Error):
    """A submission could not be planned or finished; ``report`` says what is stored."""


class QueryError(Gen3Error, ValueError):
    """A GraphQL query failed.

    Parameters
    ----------
    message : str
        What happened, with line and column where the service named them.
    errors : sequence of str, optional
        The service's own messages.
    data : Mapping, optional
        What came along with the errors, if anything did.
    **facts : Any
        ``line``, ``column`` and others.
    """

    def __init__(
        self,
        message: str,
        *,
        errors: Sequence[str] = (),
        data: Mapping[str, Any] | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(message, errors=tuple(errors), data=data, **facts)


class ReadOnly(Gen3Error, OSError):
    """Files of a commons are only read by their addresses; other verbs upload and delete."""

    def __str__(self) -> str:
        return self.message


class TransferError(Gen3Error):
    """Some files did not arrive; ``report`` says which and why."""


class IntegrityError(Gen3Error):
    """What arrived is not what was promised: a count or a checksum does not agree."""


class ProfileError(Gen3Error, ValueError):
    """The profile file or an API key file is missing, broken or of another commons."""


class MissingExtra(Gen3Error, ImportError):
    """An optional dependency is not installed; the message holds the install command."""

    def __init__(self, message: str, **facts: Any) -> None:
        Gen3Error.__init__(self, message, **facts)

    @classmethod
    def named(cls, extra: str, purpose: str) -> MissingExtra:
        """Say in one sentence what to install, and for what.

        Parameters
        ----------
        extra : str
            The extra's name in ``pip install 'gen3nb[extra]'``.
        purpose : str
            What needs it, as the start of a sentence: ``"A practice commons"``.
        """
        return cls(f"{purpose} needs more packages: pip install 'gen3nb[{extra}]'", extra=extra)
