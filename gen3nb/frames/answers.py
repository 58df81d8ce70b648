"""What an answer of the service says: which row its parts mean, in which words, and whether to ask again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gen3nb.errors import Gen3Error, NotFound, RateLimited, ServiceError, Unavailable

if TYPE_CHECKING:
    from gen3nb.frames.rows import Row

__all__ = ["is_passing", "key_of", "matched", "words_of_error"]


def is_passing(error: Gen3Error) -> bool:
    """Say whether an error may be gone the next time, and leaves open what was done.

    Parameters
    ----------
    error : Gen3Error

    Returns
    -------
    bool
    """
    status = getattr(error, "status", None)
    if isinstance(error, NotFound):
        # a web page where the answer of a service was expected
        return bool(error.facts.get("absent")) and (status is None or status < 400)
    if isinstance(error, Unavailable | RateLimited):
        return True
    return type(error) is ServiceError and (status is None or status < 300 or status >= 500)


def key_of(entity: Mapping[str, Any]) -> str | None:
    """Give the submitter_id of a record in an answer, where it says one."""
    for keys in entity.get("unique_keys") or ():
        if isinstance(keys, Mapping) and keys.get("submitter_id") is not None:
            return str(keys["submitter_id"])
    return None


def matched(
    rows: Sequence[Row], entities: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Give which entity of an answer is which row: they come in the order sent, and mostly with their key."""
    in_order = len(rows) == len(entities)
    at_key = {row.key: at for at, row in enumerate(rows)}
    for at, entity in enumerate(entities):
        key = key_of(entity)
        if key in at_key:
            yield at_key[str(key)], entity
        elif in_order:
            yield at, entity


def words_of_error(error: Any) -> str:
    """Give an error of the service's answer in its own words.

    Parameters
    ----------
    error : Any
        A mapping with ``keys`` and ``message``, or a text.

    Returns
    -------
    str
    """
    if not isinstance(error, Mapping):
        return str(error)
    keys = ", ".join(map(str, error.get("keys") or ()))
    message = str(error.get("message", error))
    return f"{keys}: {message}" if keys else message
