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
            GraphQL refused it; ``errors``, ``line`` and ``column`` say what and where, ``data`` what came too.
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
        answer = self.transport.json("GET", "/api/v0/submission/getschema", service=SERVICE, signed=False)
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
    line, column = _place(errors)
    first = said[0].split("\n")[0] if said else "no reason given"
    more = f" (and {len(said) - 1} more)" if len(said) > 1 else ""
    where = f"line {line}, column {column}: " if line else ""
    excerpt = _excerpt(text, line, column) if line else ""
    return QueryError(
        f"the query failed: {where}{PLACE.sub('', first).replace('  ', ' ')}{more}{excerpt}",
        errors=said,
        data=data if isinstance(data, dict) else None,
        line=line,
        column=column,
    )


def _message(error: Any) -> str:
    """Give one error's words, which are plain text here and an object elsewhere."""
    words = error.get("message", error) if isinstance(error, Mapping) else error
    return redact(str(words)).strip()


def _place(errors: Any) -> tuple[int | None, int | None]:
    """Give line and column, from the words or from ``locations``."""
    for error in errors if isinstance(errors, list) else [errors]:
        found = PLACE.search(str(error.get("message", "")) if isinstance(error, Mapping) else str(error))
        if found:
            return int(found[1]), int(found[2])
        if isinstance(error, Mapping) and error.get("locations"):
            place = error["locations"][0]
            return int(place.get("line", 0)) or None, int(place.get("column", 0)) or None
    return None, None


def _excerpt(text: str, line: int, column: int | None) -> str:
    """Show the line of the query, with a caret below the place."""
    lines = text.splitlines() or [""]
    shown = lines[min(line, len(lines)) - 1].replace("\t", " ")
    return f"\n  {shown}\n  {' ' * (max(column or 1, 1) - 1)}^"
