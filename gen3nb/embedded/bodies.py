"""How much a request may send: what a commons' proxy takes from its users, and little from anybody else.

Whoever shares the machine reaches the server, and a body is held in memory until it is whole.
"""

from __future__ import annotations

from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .access import Refused
from .indexd_rules import basic
from .state import State

STRANGERS = 1 << 20
USERS = 200 << 20  # what a commons' proxy takes
PAGE = (
    "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n"
    "<center><h1>413 Request Entity Too Large</h1></center>\r\n<hr><center>nginx</center>\r\n"
    "</body>\r\n</html>\r\n"
)


class TooLarge(Exception):
    """More came than may come."""


class Bodies:
    """Refuses bodies that are too large, by what is announced and by what comes.

    Parameters
    ----------
    app : ASGIApp
        Answers the others; it must let :class:`TooLarge` pass.
    state : State
        Knows the users.
    """

    def __init__(self, app: ASGIApp, state: State) -> None:
        self.app = app
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or refuse it."""
        headers = dict(scope["headers"])
        announced = headers.get(b"content-length", b"0")
        limit = STRANGERS
        come = 0
        started = False

        def check(size: int) -> None:
            nonlocal limit
            if size > limit:
                # a signature takes time to verify: only where it matters
                limit = USERS if self._known(headers.get(b"authorization", b"")) else STRANGERS
                if size > limit:
                    raise TooLarge

        async def counted() -> Message:
            nonlocal come
            message = await receive()
            come += len(message.get("body", b""))
            check(come)
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            check(int(announced))  # the server has made sure that it is a number
            await self.app(scope, counted, watched)
        except TooLarge:
            if not started:
                # what still comes is not waited for
                await HTMLResponse(PAGE, 413, headers={"Connection": "close"})(scope, receive, send)

    def _known(self, authorization: bytes) -> bool:
        """Say whether a header is a user's or a service's, if only of one whose token has run out."""
        text = authorization.decode("latin-1")
        kind, _, rest = text.partition(" ")
        if kind.lower() == "basic":
            return basic(self.state, rest)
        try:
            self.state.access.user_of(text)
        except Refused as refused:
            return refused.reason == "expired"
        return True
