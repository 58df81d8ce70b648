"""What requestor, the metadata service and Shepherd have in common: what is wrong stands in a ``detail``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from .access import Refused
from .web import Handler, Json, refusal, route

__all__ = ["Failure", "detailed_routes"]


class Failure(Exception):
    """An error, in the service's words; ``None`` where it did not foresee it."""

    def __init__(self, status: int, detail: Any) -> None:
        super().__init__(str(detail))
        self.status = status
        self.detail = detail


def detailed_routes(
    table: Iterable[tuple[str, str, Handler]], refuse: Callable[[Refused], Response] = refusal
) -> list[Route]:
    """Give the routes of such a service.

    Parameters
    ----------
    table : iterable of (str, str, callable)
        Methods, path, and what answers.
    refuse : callable
        Answers whoever is not let in.
    """
    return [route(methods, path, _answered(handler), refuse) for methods, path, handler in table]


def _answered(handler: Handler) -> Handler:
    def inner(request: Request, body: bytes) -> Response:
        try:
            return handler(request, body)
        except Failure as failure:
            if failure.detail is None:
                return PlainTextResponse("Internal Server Error", failure.status)
            return Json({"detail": failure.detail}, failure.status)

    return inner
