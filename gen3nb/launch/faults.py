"""What shall go wrong between a client and a practice commons."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Protocol


class Controlled(Protocol):
    """A practice commons that takes control requests."""

    endpoint: str

    @property
    def running(self) -> bool:
        """Whether the server is still there."""
        ...

    def control(
        self, route: str, facts: dict[str, Any] | None = None, *, method: str = "POST"
    ) -> dict[str, Any]:
        """Send a control request."""
        ...


class Faults:
    """What shall go wrong between a client and a practice commons.

    ``faults.add("504-after-commit", path="/api/v0/submission/*", times=1)`` makes the next submission end
    in a time-out although it is stored. Kinds: ``latency`` and ``cost-per-row`` (``seconds=``),
    ``401-html``, ``429`` and ``503`` (``retry_after=``), ``500``, ``502``, ``504``, ``504-after-commit``,
    ``lost-with-200``, ``drop-before``, ``drop-after``, ``html``, ``html-after``, ``html-in-middle``,
    ``half-json``, ``truncated``, ``404``. Those of the object store: ``storage-latency`` and
    ``storage-slow-start`` (``seconds=``), ``storage-429`` and ``storage-503`` (``retry_after=``),
    ``storage-500``, ``storage-drop``, ``storage-expired``, ``storage-no-range``, ``storage-truncated``,
    ``storage-corrupt``, ``storage-other-etag``, ``storage-lost-part``.

    As a context manager it takes all faults away at the end::

        with commons.sandbox.faults as faults:
            faults.add("latency", seconds=2)
            ...
    """

    def __init__(self, sandbox: Controlled) -> None:
        self._sandbox = sandbox

    def add(
        self,
        kind: str,
        *,
        path: str = "*",
        method: str = "*",
        times: int | None = None,
        after: int = 0,
        seconds: float | None = None,
        retry_after: float | str | None = 1,
    ) -> int:
        """Set a fault.

        Parameters
        ----------
        kind : str
            What goes wrong, see above.
        path : str
            Shell pattern of the paths that it strikes, ``"/api/v0/submission/*"``; all by default.
        method : str
            HTTP method that it strikes; all by default.
        times : int, optional
            How many requests it strikes; by default every one, until it is taken away.
        after : int
            How many requests it lets through first.
        seconds : float, optional
            How long, for ``latency`` (per request) and ``cost-per-row`` (per row sent).
        retry_after : float or str, optional
            The ``Retry-After`` of ``429`` and ``503``, seconds or an HTTP date; ``None`` sends none.

        Returns
        -------
        int
            The fault's number, for :meth:`remove`.

        Raises
        ------
        Gen3Error
            If there is no such kind.
        """
        wait = None if retry_after is None else str(retry_after)
        facts = {
            "kind": kind,
            "path": path,
            "method": method,
            "times": times,
            "after": after,
            "seconds": seconds,
            "retry_after": wait,
        }
        return int(self._sandbox.control("faults", facts)["id"])

    def remove(self, number: int) -> None:
        """Take one fault away."""
        self._sandbox.control("faults", {"id": number}, method="DELETE")

    def clear(self) -> None:
        """Take all faults away."""
        self._sandbox.control("faults", method="DELETE")

    def list(self) -> list[dict[str, Any]]:
        """Give the faults that are set; ``struck`` says how often each has struck."""
        found: list[dict[str, Any]] = self._sandbox.control("faults", method="GET")["faults"]
        return found

    def __enter__(self) -> Faults:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sandbox.running:
            self.clear()

    def __repr__(self) -> str:
        return f"<Faults of {self._sandbox.endpoint}>"
