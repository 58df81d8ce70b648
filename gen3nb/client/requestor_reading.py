"""requestor: who asked for access to what, and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

import pandas as pd

from gen3nb.client.access_requests import Texts, ident, requests_table, texts
from gen3nb.client.transport import Transport
from gen3nb.errors import Gen3Error, NotFound, ServiceError

__all__ = ["FACTS", "SERVICE", "RequestReader", "request_in"]

SERVICE = "requestor"
FACTS = ("service", "method", "path", "status", "said")


class RequestReader:
    """What the access request service tells (``/requestor``).

    Parameters
    ----------
    transport : Transport
        To the commons.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._there: bool | None = None

    def requests(
        self,
        *,
        mine: bool = False,
        active: bool = False,
        revoke: bool = False,
        username: Texts = None,
        policy_id: Texts = None,
        status: Texts = None,
        resource_id: Texts = None,
    ) -> pd.DataFrame:
        """Give requests as a table (``GET /requestor/request``, or ``…/request/user`` for one's own).

        Parameters
        ----------
        mine : bool
            Only those that are for me; by default all that I may read.
        active : bool
            Only those that have not ended.
        revoke : bool
            Only those that take access back.
        username, policy_id, status, resource_id : str or iterable of str, optional
            Only these.

        Returns
        -------
        pandas.DataFrame
            ``request_id``, ``username``, ``policy_id``, ``revoke``, ``status``, ``created_time``,
            ``updated_time`` (UTC), ``resource_id``, ``resource_display_name``; the newest first.

        Raises
        ------
        NotFound
            This commons runs no access request service.
        """
        return requests_table(
            self.rows(
                mine=mine,
                active=active,
                revoke=revoke,
                username=username,
                policy_id=policy_id,
                status=status,
                resource_id=resource_id,
            )
        )

    def rows(
        self, *, mine: bool = False, active: bool = False, revoke: bool = False, **filters: Texts
    ) -> list[dict[str, Any]]:
        """Give what :meth:`requests` gives as plain dicts, the newest first (``GET /requestor/request``)."""
        pairs = [(name, one) for name, given in filters.items() for one in texts(given)]
        # the service refuses this one if it has a value, if only an empty one
        query = "&".join([*(["active"] * active), *([urlencode(pairs)] * bool(pairs))])
        path = f"/requestor/request{'/user' if mine else ''}{'?' + query if query else ''}"
        answer = self.transport.json("GET", path, service=SERVICE)
        if not isinstance(answer, list):
            raise ServiceError("the access request service gave no list of requests", service=SERVICE)
        return sorted(
            (dict(row) for row in answer if isinstance(row, Mapping) and (row.get("revoke") or not revoke)),
            key=lambda row: str(row.get("created_time") or ""),
            reverse=True,
        )

    def request(self, request_id: str) -> dict[str, Any]:
        """Give one request (``GET /requestor/request/{request_id}``).

        Raises
        ------
        NotFound
            There is none of this id that you may read.
        """
        path = f"/requestor/request/{ident(request_id)}"
        return self._one("GET", path, f"there is no access request {request_id} that you may read")

    def policies(self) -> pd.DataFrame:
        """Give the policies that requests were made for (``GET /requestor/request``).

        The service has no list of policies: these are those of the requests that you may read.

        Returns
        -------
        pandas.DataFrame
            ``policy_id``, and ``requests``: how many there are.
        """
        times = Counter(str(row.get("policy_id")) for row in self.rows())
        return pd.DataFrame(
            {
                "policy_id": pd.array(sorted(times), dtype="string"),
                "requests": pd.array([times[name] for name in sorted(times)], dtype="Int64"),
            }
        )

    def asked(self, resource_paths: Iterable[str]) -> dict[str, bool]:
        """Tell for which resources you have asked already (``POST /requestor/request/user_resource_paths``).

        Parameters
        ----------
        resource_paths : iterable of str
            Such as ``"/programs/P/projects/Q"``.
        """
        answer = self.transport.json(
            "POST",
            "/requestor/request/user_resource_paths",
            service=SERVICE,
            json={"resource_paths": texts(resource_paths)},
            retry=True,
        )
        return {str(path): bool(said) for path, said in dict(answer).items()}

    def there(self) -> bool:
        """Tell whether this commons runs the service, asked once (``GET /requestor/_status``)."""
        if self._there is None:
            try:
                self.transport.json("GET", "/requestor/_status", service=SERVICE, signed=False)
                self._there = True
            except NotFound:
                self._there = False
            except Gen3Error:
                return False
        return self._there

    def _one(self, method: str, path: str, missing: str, **options: Any) -> dict[str, Any]:
        """Ask about one request; say in words if there is none."""
        facts: dict[str, Any] = {}
        try:
            return request_in(self.transport.json(method, path, service=SERVICE, **options))
        except NotFound as error:
            if error.facts.get("absent"):
                raise
            facts = {name: error.facts.get(name) for name in FACTS}
        raise NotFound(missing, **facts)


def request_in(answer: Any) -> dict[str, Any]:
    """Take one request out of an answer."""
    if not isinstance(answer, Mapping) or not answer.get("request_id"):
        raise ServiceError("the access request service did not give the request back", service=SERVICE)
    return dict(answer)
