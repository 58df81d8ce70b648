"""What is said where an executor lost a worker, or takes no more work."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor

__all__ = ["lost", "takes_no_more"]


def takes_no_more(error: BaseException) -> str:
    """Say that an executor takes no more work, why, and what to do.

    A ``ProcessPoolExecutor`` is broken for good once one of its processes dies: what it is given after that
    fails, so nothing is handed to it again.
    """
    kind = type(error).__name__
    if isinstance(error, BrokenExecutor):
        return (
            f"the executor takes no more work, since a worker of it died ({kind}; often for want of memory): "
            "the same call with a new executor goes on"
        )
    return f"the executor takes no more work ({str(error) or kind})"


def lost(error: BaseException) -> str:
    """Say that a worker went with the file that was in its hands.

    Dask gives such a file to another worker by itself, and gives up on one that cost several of them. Here it
    is not handed out again: it may be what kills them.
    """
    return f"it was lost with its worker ({type(error).__name__}); the same call again goes on with it"
