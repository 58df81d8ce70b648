"""Access requests one after the other: what is there already, what is new, what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from gen3nb.client.access_requests import USUAL, granting
from gen3nb.client.arborist import Arborist, Grants, methods_on
from gen3nb.client.requestor import Requestor
from gen3nb.commons.access_report import Step
from gen3nb.errors import (
    AuthError,
    Conflict,
    Gen3Error,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServiceError,
    TimedOut,
    Unavailable,
)

__all__ = ["History", "Steps"]

# Users in one question: their names go into the address, which has a limit.
USERS_AT_ONCE = 40


class History:
    """The requests that there are for some users.

    Parameters
    ----------
    rows : sequence of Mapping
        All of them.
    active : sequence of Mapping
        Those that have not ended.
    status : str, optional
        Which status grants; by default SIGNED, or the one in which requests have ended that were not refused.
    """

    def __init__(
        self, rows: Sequence[Mapping[str, Any]], active: Sequence[Mapping[str, Any]], status: str | None
    ) -> None:
        self._open = {str(row.get("request_id")) for row in active}
        self._rows = sorted(rows, key=lambda row: str(row.get("updated_time") or "").removesuffix("Z"))
        ended = granting((), rows, active)
        self.granting = {status} if status else ({USUAL} if USUAL in ended or len(ended) != 1 else set(ended))

    @classmethod
    def of(cls, requestor: Requestor, users: Sequence[str], status: str | None) -> History:
        """Ask for the requests of some users."""
        rows: list[dict[str, Any]] = []
        active: list[dict[str, Any]] = []
        for start in range(0, len(users), USERS_AT_ONCE):
            some = users[start : start + USERS_AT_ONCE]
            rows += requestor.rows(username=some)
            active += requestor.rows(username=some, active=True)
        return cls(rows, active, status)

    def open(self, step: Step) -> Mapping[str, Any] | None:
        """Give the request that is open for a policy of a user."""
        return next((row for row in self._of(step) if str(row.get("request_id")) in self._open), None)

    def granted(self, step: Step) -> Mapping[str, Any] | None:
        """Give the request that granted a policy to a user, unless a later one took it back."""
        last: Mapping[str, Any] | None = None
        for row in self._of(step, both=True):
            if str(row.get("request_id")) not in self._open and row.get("status") in self.granting:
                last = row
        return last if last is not None and not last.get("revoke") else None

    def held(self, user: str) -> list[str]:
        """Give the policies that requests have granted to a user and not taken back, in order."""
        policies = dict.fromkeys(
            str(row.get("policy_id")) for row in self._rows if row.get("username") == user
        )
        return [policy for policy in policies if self.granted(Step(user, "", policy)) is not None]

    def _of(self, step: Step, *, both: bool = False) -> Iterable[Mapping[str, Any]]:
        """Give the requests of a user for a policy, the oldest first."""
        for row in self._rows:
            if row.get("username") == step.username and (both or bool(row.get("revoke")) == step.revoke):
                policy = str(row.get("policy_id") or "")
                # the same role on the same project, where the commons makes ids in another way than usual
                named = row.get("resource_display_name") == step.project and policy.endswith(f"_{step.role}")
                if policy == step.policy_id or (step.project and step.role and named):
                    yield row


class Steps:
    """Does steps in their order; what goes wrong with one is noted, and the rest goes on.

    Parameters
    ----------
    requestor, arborist
        The services.
    history : History
        What is there.
    approve : bool
        Whether to approve what is requested.
    status : str, optional
        The status that grants.
    """

    def __init__(
        self,
        requestor: Requestor,
        arborist: Arborist,
        history: History,
        *,
        approve: bool,
        status: str | None,
    ) -> None:
        self._requestor = requestor
        self._arborist = arborist
        self._history = history
        self._approve = approve
        self._status = status
        self._mappings: dict[str, Grants | None] = {}
        self._over = ""

    def add(self, steps: Sequence[Step], *, again: bool = False) -> Sequence[Step]:
        """Ask for what is not granted yet."""
        for step in steps:
            self._do(step, lambda one: self._add(one, again))
        return self._look(steps)

    def revoke(self, steps: Sequence[Step]) -> Sequence[Step]:
        """Ask that access be taken back."""
        for step in steps:
            self._do(step, self._revoke)
        return self._look(steps)

    def approve(self, steps: Sequence[Step], *, strict: bool) -> Sequence[Step]:
        """Approve requests by their ids; a single one that fails raises."""
        for step in steps:
            self._do(step, self._sign, strict=strict)
        return self._look(steps)

    def update(self, steps: Sequence[Step], status: str, *, strict: bool) -> Sequence[Step]:
        """Set the status of requests by their ids; a single one that fails raises."""

        def set_one(step: Step) -> None:
            self._known(step, self._requestor.update(str(step.request_id), status))
            step.outcome = "updated"

        for step in steps:
            self._do(step, set_one, strict=strict)
        return steps

    def _do(self, step: Step, action: Callable[[Step], None], *, strict: bool = False) -> None:
        """Do a step, and note what went wrong; after a lost connection or sign-in nothing more is sent."""
        if self._over:
            step.outcome, step.reason = "not sent", self._over
            return
        try:
            action(step)
        except TimedOut as error:
            step.outcome, step.error = "unknown", error
            self._over = "the commons did not answer the one before"
        except (Unavailable, RateLimited) as error:
            step.outcome, step.error = "not sent", error
            self._over = "the commons could not be reached"
        except (PermissionDenied, ServiceError) as error:
            if error.facts.get("absent"):
                raise
            step.outcome, step.error = "not approved" if step.request_id else "refused", error
        except AuthError as error:
            step.outcome, step.error = "not sent", error
            self._over = "the commons no longer takes the sign-in"
        if step.error is not None:
            step.reason = step.error.message
            if strict:
                raise step.error

    def _add(self, step: Step, again: bool) -> None:
        granted = self._history.granted(step)
        if granted is not None and not again and self._still(step):
            step.take(dict(granted))
            step.outcome = "already granted"
            return
        found = self._history.open(step)
        if found is not None:
            step.take(dict(found))
            step.outcome = "already requested"
        else:
            self._ask(step)
        if self._approve and step.request_id:
            self._sign(step)

    def _ask(self, step: Step) -> None:
        """Make a request for a role on a resource."""
        try:
            made = self._requestor.create(
                step.resource,
                step.role,
                username=step.username,
                resource_display_name=step.project,
            )
        except Conflict as error:
            self._open_elsewhere(step, error)
            return
        step.take(made)
        step.outcome = "requested"

    def _revoke(self, step: Step) -> None:
        found = self._history.open(step)
        if found is not None:
            step.take(dict(found))
            step.outcome = "revocation already requested"
        else:
            try:
                step.take(self._requestor.revoke(step.policy_id, step.username))
                step.outcome = "revocation requested"
            except Conflict as error:
                if error.facts.get("not_held"):
                    step.outcome = "not held"
                    return
                self._open_elsewhere(step, error)
            except NotFound as error:
                if error.facts.get("absent"):
                    raise
                # a policy that there is not is held by nobody
                step.outcome = "not held"
                return
        if self._approve and step.request_id:
            self._sign(step)

    def _open_elsewhere(self, step: Step, error: Conflict) -> None:
        """Find the request that is in the way; it may be one that the user cannot see."""
        rows = self._requestor.rows(username=step.username, policy_id=step.policy_id, active=True)
        for row in rows:
            if bool(row.get("revoke")) == step.revoke:
                step.take(row)
                step.outcome = "revocation already requested" if step.revoke else "already requested"
                return
        if self._approve:
            step.outcome = "not approved"
            step.reason = (
                f"a request is open that you may not see: {error.facts.get('said') or error.message}"
            )
        else:
            step.outcome = "revocation already requested" if step.revoke else "already requested"

    def _sign(self, step: Step) -> None:
        """Approve a request."""
        self._known(step, self._requestor.approve(str(step.request_id), status=self._status))
        self._status = self._status or step.status  # what was found to grant grants the rest too
        step.outcome = "revoked" if step.revoke else "granted"

    def _known(self, step: Step, row: dict[str, Any]) -> None:
        step.take(row)
        step.username = str(row.get("username") or step.username)
        step.revoke = bool(row.get("revoke"))
        step.project = step.project or str(row.get("resource_display_name") or "")

    def _still(self, step: Step) -> bool:
        """Tell whether a user still has what a request once granted; True where the commons does not tell."""
        mapping = self._mapping(step.username)
        return mapping is None or not step.resource or bool(methods_on(mapping, step.resource))

    def _mapping(self, username: str) -> Grants | None:
        if username not in self._mappings:
            self._mappings[username] = self._arborist.mapping_of(username)
        return self._mappings[username]

    def _look(self, steps: Sequence[Step]) -> Sequence[Step]:
        """Look what came of it: requests that are still open have granted nothing."""
        signed = [step for step in steps if step.outcome in ("granted", "revoked")]
        if not signed:
            return steps
        self._mappings.clear()
        users = [*dict.fromkeys(step.username for step in signed)]
        try:
            still: set[str] = set()
            for start in range(0, len(users), USERS_AT_ONCE):
                rows = self._requestor.rows(username=users[start : start + USERS_AT_ONCE], active=True)
                still |= {str(row.get("request_id")) for row in rows}
        except Gen3Error as error:
            for step in signed:
                step.reason = f"could not be looked up afterwards: {error.message}"
            return steps
        for step in signed:
            self._look_at(step, still)
        return steps

    def _look_at(self, step: Step, still: set[str]) -> None:
        if step.request_id in still:
            step.outcome = "not approved"
            step.reason = (
                f"it is {step.status}, but still open: on this commons another status grants; name it "
                "(status=…, --status)"
            )
            return
        mapping = self._mapping(step.username)
        if mapping is None or not step.resource:
            return
        has = bool(methods_on(mapping, step.resource))
        if step.revoke:
            step.seen = has
            return
        step.seen = has
        if not has:
            step.outcome = "unknown"
            step.reason = f"it is {step.status}, but no permission of theirs on {step.resource} is seen"
