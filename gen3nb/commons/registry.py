"""Which commons are open in this process."""

from __future__ import annotations

import itertools
import threading
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gen3nb.commons.facade import Commons

__all__ = ["forget", "open_commons", "remember"]

_open: weakref.WeakKeyDictionary[Commons, int] = weakref.WeakKeyDictionary()
_lock = threading.Lock()
_numbers = itertools.count()


def remember(commons: Commons) -> None:
    """Note a commons that has been opened; it is not kept alive by this."""
    with _lock:
        _open[commons] = next(_numbers)


def forget(commons: Commons) -> None:
    """Note that a commons has been closed."""
    with _lock:
        _open.pop(commons, None)


def open_commons() -> list[Commons]:
    """Give the commons that are open in this process, the oldest first."""
    with _lock:
        return sorted(_open, key=_open.__getitem__)
