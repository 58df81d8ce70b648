"""A hand for tests of the query service: asks, and gives what comes back."""

from __future__ import annotations

import json
from typing import Any

import requests

from gen3nb.launch import Sandbox

GRAPHQL = "/api/v0/submission/graphql"


class Ask:
    """Asks a practice commons, as its admin if nothing else is said."""

    def __init__(self, server: Sandbox, session: requests.Session) -> None:
        self.server = server
        self.session = session

    def raw(self, body: Any, user: str | None = "admin", path: str = GRAPHQL) -> requests.Response:
        """Send a body as it is."""
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        headers = {"Authorization": f"bearer {self.server.token(user)}"} if user else {"Authorization": ""}
        return self.session.post(self.server.endpoint + path, data=data, headers=headers, timeout=60)

    def get(self, path: str, user: str | None = "admin", **params: str) -> requests.Response:
        headers = {"Authorization": f"bearer {self.server.token(user)}"} if user else {"Authorization": ""}
        url = f"{self.server.endpoint}/api/v0{path}"
        return self.session.get(url, params=params, headers=headers, timeout=60)

    def __call__(self, text: str, variables: Any = None, user: str = "admin") -> Any:
        """Ask what must be answered; give the data."""
        answer = self.raw({"query": text, "variables": variables or {}}, user)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def wrong(self, text: str, variables: Any = None) -> tuple[Any, list[str]]:
        """Ask what must fail; give what data there is, and the messages."""
        answer = self.raw({"query": text, "variables": variables or {}})
        assert answer.status_code == 400, answer.text
        return answer.json()["data"], answer.json()["errors"]
