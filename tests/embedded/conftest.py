"""A practice commons over real HTTP, and a hand to call it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import requests

from gen3nb.launch import Sandbox, start_server

Call = Callable[..., requests.Response]


@pytest.fixture(scope="session")
def practice() -> Iterator[Sandbox]:
    """Give a practice commons that the whole session shares."""
    with start_server() as server:
        yield server


@pytest.fixture
def call(practice: Sandbox) -> Iterator[Call]:
    """Give ``call(method, path, user=…)``, which sends a request as a user, or as nobody."""
    with requests.Session() as session:
        session.trust_env = False

        def send(
            method: str, path: str, user: str | None = None, server: Sandbox = practice, **kwargs: object
        ) -> requests.Response:
            headers = dict(kwargs.pop("headers", {}))  # type: ignore[call-overload]
            if user is not None:
                headers["Authorization"] = f"bearer {server.token(user)}"
            return session.request(
                method, server.endpoint + path, headers=headers, timeout=60, allow_redirects=False, **kwargs
            )

        yield send
