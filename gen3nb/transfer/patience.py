"""Asking again what may be asked again, after a pause, where a service is not well at the moment."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from typing import TypeVar

from gen3nb.errors import Gen3Error, RateLimited, ServiceError, Unavailable

__all__ = ["is_passing", "patiently"]

logger = logging.getLogger("gen3nb")

T = TypeVar("T")

TRIES = 5
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds
# what S3 answers where the bytes did not come as they were meant to
_CUT = ("IncompleteBody", "RequestTimeout", "BadDigest", "SlowDown", "InternalError")


def is_passing(error: Gen3Error) -> bool:
    """Say whether an error may be gone the next time."""
    if isinstance(error, RateLimited | Unavailable):
        return True
    if type(error) is not ServiceError:
        return False
    status = error.facts.get("status")
    return error.facts.get("code") in _CUT or (isinstance(status, int) and (status >= 500 or status < 300))


def patiently(act: Callable[[], T], stop: threading.Event, tries: int = TRIES) -> T:
    """Do what can be done twice without harm, again after a pause if it fails for the moment.

    Parameters
    ----------
    act : callable
    stop : threading.Event
        Ends the pauses.
    tries : int

    Raises
    ------
    Gen3Error
        The last one.
    """
    pause = FIRST_PAUSE
    while True:
        tries -= 1
        try:
            return act()
        except Gen3Error as error:
            if tries <= 0 or stop.is_set() or not is_passing(error):
                raise
            logger.debug("%s; trying again", error)
            asked = error.facts.get("retry_after")
        stop.wait(asked if asked is not None else pause * random.uniform(0.75, 1.25))  # noqa: S311
        pause = min(2 * pause, LONGEST_PAUSE)
