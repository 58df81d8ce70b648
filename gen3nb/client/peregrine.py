"""peregrine: GraphQL over the commons' graph."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gen3nb.client.redaction import redact
from gen3nb.client.transport import Transport
from gen3nb.errors import QueryError, ServiceError

__all__ = ["Peregrine"]

SERVICE = "peregrine"
LONGEST_PATH = 3000  # the services refuse request lines beyond 4,094 bytes
PLACE = re.compile(r"\((\d+):(\d+)\)")
NAMED = re.compile(
    r"(?:field|argument|variable|link name|fragment|type|order by) [\"']?\$?(\w+)", re.IGNORECASE
)


class Peregrine:
    """The query service (``/api/v0/submission/graphql``).

    Parameters
    ----------
    transport : Transport
        To the commons.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def __repr__(self) -> str:
        return f"Peregrine({self.transport.endpoint})"

    def query(
        self,
        text: str,
        variables: Mapping[str, Any] | None = None,
        *,
        timeout: float | tuple[float, float] | None = None,
    ) -> dict[str, Any]:
        """Run a GraphQL query and give its ``data`` (``POST /api/v0/submission/graphql``).

        Parameters
        ----------
        text : str
            The query. Lists have 10 rows at every level unless ``first:`` says otherwise.
        variables : Mapping, optional
            Values of its variables.
        timeout : float or pair, optional
            Instead of the connection's own.

        Raises
        ------
        QueryError
            GraphQL refused it; ``errors``, ``line``, ``column`` say what and where, ``data`` what came too.
        """
        body: dict[str, Any] = {"query": text}
        if variables:
            body["variables"] = dict(variables)
        response = self.transport.request(
            "POST",
            "/api/v0/submission/graphql",
            service=SERVICE,
            json=body,
            retry=True,
            accept=(400,),
            timeout=timeout,
        )
        answer = self.transport.decode(response, SERVICE)
        if not isinstance(answer, dict):
            raise ServiceError("the query service gave no GraphQL answer", service=SERVICE)
        errors = answer.get("errors")
        if errors or response.status_code >= 400:
            raise query_error(text, errors or answer.get("message") or "no reason given", answer.get("data"))
        data = answer.get("data")
        return data if isinstance(data, dict) else {}

    def schema(self) -> dict[str, Any]:
        """Give the result of the introspection query (``GET /api/v0/submission/getschema``)."""
        answer = self.transport.json("GET", "/api/v0/submission/getschema", service=SERVICE, signed=None)
        return answer if isinstance(answer, dict) else {}

    def datasets(self, nodes: Sequence[str]) -> dict[str, dict[str, int]]:
        """Count the records of nodes in every project that the user may read (``GET /api/v0/datasets``).

        Parameters
        ----------
        nodes : sequence of str
            Names of nodes; unknown ones are an error.

        Returns
        -------
        dict
            ``{"P-Q": {"case": 320, …}, …}``
        """
        counts: dict[str, dict[str, int]] = {}
        for part in _parts(nodes):
            answer = self.transport.json(
                "GET", "/api/v0/datasets", service=SERVICE, params={"nodes": ",".join(part)}
            )
            for project, numbers in answer.items() if isinstance(answer, dict) else ():
                if isinstance(numbers, dict):
                    counts.setdefault(str(project), {}).update(numbers)
        return counts


def _parts(nodes: Sequence[str]) -> list[list[str]]:
    """Part a list of names so that each request's line is short enough."""
    parts: list[list[str]] = [[]]
    length = 0
    for node in nodes:
        if length + len(node) > LONGEST_PATH:
            parts.append([])
            length = 0
        parts[-1].append(node)
        length += len(node) + 3
    return [part for part in parts if part]


def query_error(text: str, errors: Any, data: Any) -> QueryError:
    """Make the error of a refused query, with the place in it that the service names."""
    said = [_message(error) for error in (errors if isinstance(errors, list) else [errors])]
    # after an empty line, the service repeats the query
    first = " ".join(said[0].split("\n\n")[0].split()) if said else "no reason given"
    line, column = _place(errors) or _where_named(text, first) or (None, None)
    more = f" (and {len(said) - 1} more)" if len(said) > 1 else ""
    where = f"line {line}, column {column}: " if line else ""
    excerpt = _excerpt(text, line, column) if line else ""
    words = " ".join(PLACE.sub("", first).split())
    return QueryError(
        f"the query failed: {where}{words}{more}{excerpt}",
        errors=said,
        data=data if isinstance(data, dict) else None,
        line=line,
        column=column,
    )


def _message(error: Any) -> str:
    """Give one error's words, which are plain text here and an object elsewhere."""
    words = error.get("message", error) if isinstance(error, Mapping) else error
    return redact(str(words)).strip()


def _place(errors: Any) -> tuple[int, int] | None:
    """Give line and column, from the words or from ``locations``."""
    for error in errors if isinstance(errors, list) else [errors]:
        found = PLACE.search(_message(error))
        if found:
            return int(found[1]), int(found[2])
        places = error.get("locations") if isinstance(error, Mapping) else None
        if places and isinstance(places[0], Mapping) and places[0].get("line"):
            return int(places[0]["line"]), int(places[0].get("column") or 1)
    return None


def _where_named(text: str, words: str) -> tuple[int, int] | None:
    """Find what an error without a place names, if it stands in the query once."""
    named = NAMED.search(words)
    if named is None:
        return None
    places = [found.start() for found in re.finditer(rf"(?<!\w){re.escape(named[1])}(?!\w)", text)]
    if len(places) != 1:
        return None
    before = text[: places[0]]
    return before.count("\n") + 1, places[0] - (before.rfind("\n") + 1) + 1


def _excerpt(text: str, line: int, column: int | None) -> str:
    """Show the line of the query, with a caret below the place."""
    lines = text.splitlines() or [""]
    shown = lines[min(line, len(lines)) - 1].replace("\t", " ")
    return f"\n  {shown}\n  {' ' * (max(column or 1, 1) - 1)}^"
