"""What became of a change of people's access: one row per user and policy."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from gen3nb.errors import Gen3Error
from gen3nb.frames.reports import page, refuse_bool

__all__ = ["AccessReport", "Step"]

DONE = frozenset(
    {
        "granted",
        "already granted",
        "requested",
        "already requested",
        "revoked",
        "not held",
        "revocation requested",
        "revocation already requested",
        "updated",
        "unchanged",
    }
)
_MARKS = {"not approved": "! not approved", "refused": "✗ refused", "not sent": "– not sent"}


@dataclass
class Step:
    """One policy of one user, and what became of it.

    Attributes
    ----------
    username, project, policy_id : str
        ``project`` is empty where the request is about something else.
    role, resource : str
        What the policy gives on what; empty where only its id is known.
    revoke : bool
        Whether access is to be taken back.
    request_id, status : str or None
        The request, and its status as the service has it.
    outcome : str
    reason : str
        Why not, or what is worth to know.
    seen : bool or None
        Whether the user was seen to have the access afterwards; None where the commons does not tell.
    error : Gen3Error or None
        What the reason is taken from.
    """

    username: str
    project: str
    policy_id: str
    role: str = ""
    resource: str = ""
    revoke: bool = False
    request_id: str | None = None
    status: str | None = None
    outcome: str = "not sent"
    reason: str = ""
    seen: bool | None = None
    error: Gen3Error | None = None

    def take(self, row: dict[str, object]) -> None:
        """Take over what a request says."""
        self.request_id = str(row.get("request_id"))
        self.policy_id = str(row.get("policy_id") or self.policy_id)
        self.status = str(row.get("status"))


class AccessReport:
    """One row for each policy of each user: what stands and what does not.

    Made by ``commons.collaborators``. The same call again finishes what is left.

    Attributes
    ----------
    endpoint : str
        The commons.
    notes : list of str
        What is worth to know.
    """

    def __init__(self, steps: Sequence[Step], *, endpoint: str, notes: Sequence[str] = ()) -> None:
        self.endpoint = endpoint
        self.notes = list(notes)
        self._steps = list(steps)

    @property
    def ok(self) -> bool:
        """Whether every policy is as was asked for."""
        return all(step.outcome in DONE for step in self._steps)

    @property
    def counts(self) -> dict[str, int]:
        """How many policies have which outcome."""
        return dict(Counter(step.outcome for step in self._steps))

    @property
    def request_ids(self) -> list[str]:
        """The ids of the requests, in order."""
        return [step.request_id for step in self._steps if step.request_id]

    def to_frame(self) -> pd.DataFrame:
        """Give one row per policy of a user.

        ``username``, ``project``, ``role``, ``policy_id``, ``revoke``, ``outcome``, ``status`` (the
        service's), ``seen`` (in the user's permissions afterwards; empty where the commons does not tell),
        ``request_id``, ``reason``.
        """
        texts = ("username", "project", "role", "policy_id", "outcome", "status", "request_id", "reason")
        columns = {
            name: pd.array([getattr(step, name) for step in self._steps], dtype="string") for name in texts
        }
        flags = {
            name: pd.array([getattr(step, name) for step in self._steps], dtype="boolean")
            for name in ("revoke", "seen")
        }
        order = [
            "username",
            "project",
            "role",
            "policy_id",
            "revoke",
            "outcome",
            "status",
            "seen",
            "request_id",
            "reason",
        ]
        return pd.DataFrame({**columns, **flags})[order]

    def __str__(self) -> str:
        if not self._steps:
            return "nothing to do: there are no users"
        return ", ".join(f"{count:,} {outcome}" for outcome, count in self.counts.items())

    def __repr__(self) -> str:
        return f"<AccessReport: {self}; {self.endpoint}>"

    def __bool__(self) -> bool:
        return refuse_bool(self)

    def _repr_html_(self) -> str:
        shown = sorted(self._steps, key=lambda step: step.outcome in DONE)
        rows = [(_MARKS.get(step.outcome, step.outcome), self._sentence(step)) for step in shown[:20]]
        more = f"… and {len(shown) - 20} more: see <code>.to_frame()</code>" if len(shown) > 20 else ""
        return page(f"Access at {self.endpoint}", str(self), rows, [*map(html.escape, self.notes), more])

    def _sentence(self, step: Step) -> str:
        reason = f": {step.reason}" if step.reason else ""
        return f"{step.username} `{step.policy_id}`{reason}"

    def problems(self) -> list[str]:
        """Give a sentence for each policy that is not as was asked for."""
        return [
            f"{step.username}, {step.policy_id}: {step.outcome}{f' ({step.reason})' if step.reason else ''}"
            for step in self._steps
            if step.outcome not in DONE
        ]
