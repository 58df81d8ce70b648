"""A hand for tests of the submission service: sends what it is told to, and looks at what is stored."""

from __future__ import annotations

import itertools
import json
import uuid
from typing import Any

import requests

from gen3nb.launch import Sandbox

_numbers = itertools.count(1)


class Hand:
    """Submits to one fresh project of a practice commons, as its admin."""

    def __init__(self, server: Sandbox, session: requests.Session) -> None:
        self.server = server
        self.session = session
        self.code = f"t{next(_numbers)}{uuid.uuid4().hex[:6]}"
        self.project_id = f"P-{self.code}"
        self.base = server.endpoint + "/api/v0/submission"
        self.session.headers["Authorization"] = f"bearer {server.token('admin')}"
        self.call("PUT", "", json={"type": "program", "name": "P", "dbgap_accession_number": "P"})
        project = {"type": "project", "code": self.code, "name": "T", "dbgap_accession_number": self.code}
        assert self.call("PUT", "/P", json=project).status_code == 200

    def call(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        return self.session.request(method, self.base + path, timeout=60, **kwargs)

    def here(self, method: str, path: str = "", **kwargs: Any) -> requests.Response:
        return self.call(method, f"/P/{self.code}{path}", **kwargs)

    def send(self, *records: dict[str, Any], method: str = "PUT", path: str = "") -> dict[str, Any]:
        """Submit records and return the answer's body, whatever it says."""
        answer = self.here(method, path, json=list(records))
        body: dict[str, Any] = answer.json()
        assert body.get("code", answer.status_code) == answer.status_code
        return body

    def put(self, *records: dict[str, Any]) -> list[dict[str, Any]]:
        """Submit records that must be taken, and return the entities."""
        body = self.send(*records)
        assert body["success"], body
        return body["entities"]

    def table(self, text: str, kind: str = "text/tab-separated-values") -> dict[str, Any]:
        """Submit a table."""
        return self.here("PUT", data=text.encode(), headers={"Content-Type": kind}).json()

    def stored(self, node: str) -> dict[str, dict[str, Any]]:
        """Return all records of a type by submitter_id, with nulls, from where nothing is joined."""
        try:
            listed = self.here("GET", "/export", params={"node_label": node, "format": "json"}).json()
        except requests.RequestException:  # types that link to themselves are not exported
            return {}
        ids = [one["id"] for one in listed["data"]]
        return {one["submitter_id"]: one for one in self.by_id(*ids)}

    def by_id(self, *ids: str) -> list[dict[str, Any]]:
        found = []
        for start in range(0, len(ids), 50):
            some = ",".join(ids[start : start + 50])
            found += [one["properties"] for one in self.here("GET", f"/entities/{some}").json()["entities"]]
        return found

    def errors(self, *records: dict[str, Any]) -> list[tuple[str, list[str], str]]:
        """Submit records that must be refused; return kind, keys and message of every error."""
        body = self.send(*records)
        assert not body["success"], json.dumps(body)
        return [
            (error["type"], error["keys"], error["message"])
            for entity in body["entities"]
            for error in entity["errors"]
        ]
