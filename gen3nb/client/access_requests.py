"""What the access request service's answers say: tables, the ids of policies, and which status grants."""

from __future__ import annotations

import ast
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import pandas as pd

from gen3nb.errors import NotFound, ServiceError

__all__ = [
    "REQUEST_COLUMNS",
    "USUAL",
    "Texts",
    "granting",
    "ident",
    "policy_of",
    "requests_table",
    "statuses_in",
    "texts",
]

REQUEST_COLUMNS = (
    "request_id",
    "username",
    "policy_id",
    "revoke",
    "status",
    "created_time",
    "updated_time",
    "resource_id",
    "resource_display_name",
)
# The status that grants in the service's own default settings; a commons may have another.
USUAL = "SIGNED"
_REFUSALS = re.compile(r"REJECT|DEN(Y|IED)|DECLIN|REFUS|CANCEL|WITHDR|CLOSE|EXPIRE|REVOK", re.IGNORECASE)

Texts: TypeAlias = "str | Iterable[str] | None"


def granting(
    statuses: Sequence[str], rows: Iterable[Mapping[str, Any]], active: Iterable[Mapping[str, Any]]
) -> list[str]:
    """Give the statuses in which requests have ended, those left out that by their name refuse.

    Parameters
    ----------
    statuses : sequence of str
        Those that the commons has; any if empty.
    rows, active : iterable of Mapping
        All requests, and those that have not ended.
    """
    still = {row.get("request_id") for row in active}
    ended = {str(row.get("status")) for row in rows if row.get("request_id") not in still}
    return sorted(name for name in ended if not _REFUSALS.search(name) and (not statuses or name in statuses))


def policy_of(resource: str, role: str) -> str:
    """Give the id that the service makes for a role on a resource: ``programs.P.projects.Q_reader``."""
    return f"{resource.strip('/').replace('/', '.')}_{role}"


def requests_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Give requests as a table, with times in UTC."""
    columns: dict[str, Any] = {}
    for name in REQUEST_COLUMNS:
        values = [row.get(name) for row in rows]
        if name == "revoke":
            columns[name] = pd.array([bool(value) for value in values], dtype="boolean")
        elif name.endswith("_time"):
            # the service leaves the zone out in lists and writes Z in the answer to a change
            texts = [str(value).removesuffix("Z") if value else None for value in values]
            columns[name] = pd.to_datetime(pd.Series(texts, dtype=object), utc=True, format="ISO8601")
        else:
            columns[name] = pd.array([None if v is None else str(v) for v in values], dtype="string")
    return pd.DataFrame(columns)


def texts(given: Texts) -> list[str]:
    """Give one text or several as a list."""
    if given is None:
        return []
    return [given] if isinstance(given, str) else [str(one) for one in given]


def ident(request_id: str) -> str:
    """Read the id of a request, before the service calls anything else unprocessable."""
    try:
        return str(uuid.UUID(str(request_id).strip()))
    except ValueError:
        pass
    raise NotFound(
        f"{request_id!r} is not the id of an access request: one looks like "
        "'7a0006d6-a096-4467-bba1-80e5397c3682' (see the list of requests)"
    )


def statuses_in(error: ServiceError) -> list[str]:
    """Read the statuses out of the service's refusal: ``… not an allowed request status (['A', 'B'])``."""
    found = re.search(r"not an allowed request status \((\[.*\])\)", str(error.facts.get("said") or ""))
    if not found:
        return []
    try:
        return [str(one) for one in ast.literal_eval(found[1])]
    except (ValueError, SyntaxError):
        return re.findall(r"'([^']+)'", found[1])
