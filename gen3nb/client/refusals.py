"""Why the access request service refused a request, in words, and what there is instead."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gen3nb.client.access_requests import policy_of
from gen3nb.errors import Conflict, Gen3Error, NotFound, ServiceError

__all__ = ["explained"]

_FACTS = ("service", "method", "path", "status", "said")
Rows = Callable[[], Sequence[Mapping[str, Any]]]


def explained(
    error: ServiceError, endpoint: str, rows: Rows, paths: Sequence[str], policy_id: str | None
) -> Gen3Error:
    """Say in other words what the service refused to create, and what there is instead.

    Parameters
    ----------
    error : ServiceError
        As it came.
    endpoint : str
        The commons.
    rows : callable
        Gives the requests that the user may read: their policies name roles.
    paths : sequence of str
        The resources that were asked for.
    policy_id : str or None
        The policy that was asked for.
    """
    said = str(error.facts.get("said") or "")
    facts = {name: error.facts.get(name) for name in _FACTS}
    if re.search(r"roles? .*do(es)? not exist", said):
        unknown = ", ".join(re.findall(r"'([^']+)'", said)) or "of this name"
        seen = _seen_roles(rows, paths)
        known = f"its requests name {', '.join(seen)}" if seen else "its operators know which it has"
        return NotFound(f"{endpoint} has no role {unknown}; {known}", **facts)
    if re.search(r"policy .*does not exist", said):
        near = difflib.get_close_matches(policy_id or "", _seen_policies(rows), n=3)
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        return NotFound(f"{endpoint} has no policy {policy_id!r}{hint}", **facts)
    if "does not have access to policy" in said:
        return Conflict(f"there is nothing to take back: {said}", not_held=True, **facts)
    return error


def _seen_policies(rows: Rows) -> list[str]:
    try:
        return sorted({str(row.get("policy_id")) for row in rows()})
    except Gen3Error:  # the refusal is what matters
        return []


def _seen_roles(rows: Rows, paths: Sequence[str]) -> list[str]:
    """Give the roles that the ids of policies for the same or similar resources end in."""
    heads = [policy_of(path, "") for path in paths]
    policies = _seen_policies(rows)
    found = {one[len(head) :] for one in policies for head in heads if one.startswith(head)}
    found |= {match[1] for one in policies if (match := re.search(r"\.[^._]+_(.+)$", one))}
    return sorted(found - {""})
