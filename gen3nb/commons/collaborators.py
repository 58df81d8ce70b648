"""Collaborators: give people access to a project, and take it back, by access requests.

Source service: requestor; arborist to look afterwards, which tells users their own grants only.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gen3nb.client.access_requests import policy_of, requests_table
from gen3nb.client.arborist import Arborist, methods_on
from gen3nb.client.project import ProjectId, ProjectLike
from gen3nb.client.requestor import Requestor
from gen3nb.commons.access_report import AccessReport, Step
from gen3nb.commons.access_steps import History, Steps
from gen3nb.errors import NotFound, ValidationError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Collaborators"]

logger = logging.getLogger("gen3nb")

# The names that data-client uses; a commons may call its roles otherwise.
ROLES = {"read": "reader", "write": "writer", "guppy": "guppy_admin_user"}
GUPPY = "/guppy_admin"
_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\"]+")


class Collaborators:
    """Who works on a project. Reached as ``commons.collaborators``.

    A request is made for each role; it grants once someone who may has approved it. Every method can be
    called again: what stands already is left as it is, and what is open is used.

    Attributes
    ----------
    roles : dict of str to str
        What this commons calls its roles for ``"read"``, ``"write"`` and ``"guppy"``; change them where it
        has other names.
    """

    def __init__(
        self,
        requestor: Requestor,
        arborist: Arborist,
        project_id: Callable[[ProjectLike], ProjectId],
        *,
        roles: dict[str, str] | None = None,
    ) -> None:
        self._requestor = requestor
        self._arborist = arborist
        self._project_id = project_id
        self.roles = dict(ROLES) if roles is None else roles

    def __repr__(self) -> str:
        return f"<Collaborators {self._requestor.transport.endpoint}>"

    def list(
        self,
        project: ProjectLike | None = None,
        *,
        mine: bool = False,
        active: bool = False,
        username: str | None = None,
    ) -> pd.DataFrame:
        """List the requests that you may read, the newest first (requestor, ``GET /request``).

        Parameters
        ----------
        project : str, pair or ProjectId, optional
            Only those about this project.
        mine : bool
            Only those for yourself.
        active : bool
            Only those that have not ended.
        username : str, optional
            Only those for this user.

        Returns
        -------
        pandas.DataFrame
            As ``commons.requestor.requests()`` gives it.

        Raises
        ------
        NotFound
            No such project, or a commons without access requests.
        """
        rows = self._requestor.rows(mine=mine, active=active, username=username)
        if project is not None:
            target = self._known(project)
            rows = [row for row in rows if _about(row, target)]
        return requests_table(rows)

    def pending(self, project: ProjectLike | None = None) -> pd.DataFrame:
        """List the requests that wait for a decision (requestor, ``GET /request?active``)."""
        return self.list(project, active=True)

    def add(
        self,
        project: ProjectLike,
        email: str,
        *,
        write: bool = False,
        guppy: bool = False,
        approve: bool = False,
        status: str | None = None,
        again: bool = False,
        any_name: bool = False,
    ) -> AccessReport:
        """Ask that a person gets access to a project, and approve that (requestor, ``POST /request``).

        Parameters
        ----------
        project : str, pair or ProjectId
            Which.
        email : str
            The name that the person signs in with, usually an e-mail address.
        write : bool
            Also to write.
        guppy : bool
            Also to administer the search index. As with data-client this grants writing too.
        approve : bool
            Approve at once, which takes the right to.
        status : str, optional
            The status that grants on this commons, if it is not SIGNED.
        again : bool
            Ask again also where an earlier request has been granted (access may have been taken by other
            ways since).
        any_name : bool
            Take a name that is no e-mail address.

        Returns
        -------
        AccessReport
            One row for each policy.

        Raises
        ------
        NotFound
            No such project; or a commons without access requests.
        ValidationError
            The address is none.
        PermissionDenied, ServiceError
            Nothing was done at all, for the reason of the first policy; ``report`` has each.
        """
        wanted = [(self._known(project), _user(email, any_name), write, guppy)]
        return self._add(wanted, approve=approve, status=status, again=again)

    def bulk_add(
        self,
        people: str | os.PathLike[str] | pd.DataFrame | Iterable[Mapping[str, Any]],
        *,
        approve: bool = False,
        status: str | None = None,
        again: bool = False,
        any_name: bool = False,
    ) -> AccessReport:
        """Add many people at once (requestor, ``POST /request``); nothing is sent if a row is wrong.

        Parameters
        ----------
        people : path, DataFrame or iterable of Mapping
            Rows with ``project_id`` (or ``project``), ``email`` (or ``username``), and if need be ``write``
            and ``guppy`` (yes or no); a CSV or TSV file has these in its first line.
        approve, status, again, any_name
            As for :meth:`add`.

        Returns
        -------
        AccessReport
            One row for each policy of each person, in the order of the rows.

        Raises
        ------
        ValidationError
            Rows are wrong; the message names each by its line.
        """
        from gen3nb.commons.people import people_of

        wanted = people_of(people, self._known, lambda text: _user(text, any_name))
        return self._add(wanted, approve=approve, status=status, again=again)

    def remove(
        self,
        project: ProjectLike,
        email: str,
        *,
        approve: bool = False,
        status: str | None = None,
        any_name: bool = False,
    ) -> AccessReport:
        """Ask that a person loses access to a project, and approve that (``POST /requestor/request?revoke``).

        Reading, writing, and whatever else was granted by requests about the project; what the person does
        not have counts as done. Access by other ways (a group, the commons' user file) stays, and is noted
        where the commons tells; so does the right to administer the search index.

        Parameters
        ----------
        project, email, approve, status, any_name
            As for :meth:`add`.

        Returns
        -------
        AccessReport
            One row for each policy.
        """
        target, user = self._known(project), _user(email, any_name)
        self._says("take access to", str(target), [user])
        history = History.of(self._requestor, [user], status)
        steps = [self._step(user, target, role, revoke=True) for role in ("read", "write")]
        known = {step.policy_id for step in steps}
        steps += [
            Step(user, str(target), policy, revoke=True)
            for policy in history.held(user)
            if policy not in known and _about({"policy_id": policy}, target)
        ]
        run = Steps(self._requestor, self._arborist, history, approve=approve, status=status)
        report = self._report(run.revoke(steps), [target])
        search = policy_of(GUPPY, self.roles["guppy"])
        if search in history.held(user):
            report.notes.append(
                f"{user} still administers the search index ({search}), which is of no single project: "
                f"gen3nb request create --policy {search} --username {user} --revoke takes that back"
            )
        return report

    def approve(self, request_ids: str | Iterable[str], *, status: str | None = None) -> AccessReport:
        """Approve requests (requestor, ``PUT /request/{request_id}``).

        Parameters
        ----------
        request_ids : str or iterable of str
        status : str, optional
            The status that grants on this commons, if it is not SIGNED.

        Returns
        -------
        AccessReport
            One row for each request.

        Raises
        ------
        NotFound
            There is no such request, and it was the only one.
        PermissionDenied
            You may not approve it, and it was the only one.
        """
        return self._decide(
            request_ids, lambda run, steps: run.approve(steps, strict=len(steps) == 1), status
        )

    def update(self, request_ids: str | Iterable[str], status: str) -> AccessReport:
        """Give requests another status (requestor, ``PUT /request/{request_id}``).

        Parameters
        ----------
        request_ids : str or iterable of str
        status : str
            One of the commons' own; the error of an unknown one names them.

        Returns
        -------
        AccessReport
            One row for each request.
        """
        return self._decide(
            request_ids, lambda run, steps: run.update(steps, status, strict=len(steps) == 1), None
        )

    def _decide(
        self,
        request_ids: str | Iterable[str],
        decide: Callable[[Steps, Sequence[Step]], Sequence[Step]],
        status: str | None,
    ) -> AccessReport:
        idents = [request_ids] if isinstance(request_ids, str) else [*request_ids]
        steps = [Step("", "", "", request_id=ident) for ident in idents]
        run = Steps(self._requestor, self._arborist, History([], [], status), approve=True, status=status)
        return self._report(decide(run, steps), [])

    def _add(
        self,
        wanted: Sequence[tuple[ProjectId, str, bool, bool]],
        *,
        approve: bool,
        status: str | None,
        again: bool,
    ) -> AccessReport:
        steps: dict[tuple[str, str], Step] = {}
        for target, user, write, guppy in wanted:
            for role in ["read"] + ["write"] * (write or guppy) + ["guppy"] * guppy:
                step = self._step(user, target, role)
                steps.setdefault((user, step.policy_id), step)
        users = [*dict.fromkeys(user for _, user, _, _ in wanted)]
        targets = [*dict.fromkeys(target for target, _, _, _ in wanted)]
        self._says("give access to", ", ".join(map(str, targets)), users)
        history = History.of(self._requestor, users, status)
        run = Steps(self._requestor, self._arborist, history, approve=approve, status=status)
        return self._report(run.add([*steps.values()], again=again), targets)

    def _step(self, user: str, project: ProjectId, kind: str, *, revoke: bool = False) -> Step:
        resource = GUPPY if kind == "guppy" else project.resource
        role = self.roles[kind]
        return Step(user, str(project), policy_of(resource, role), role, resource, revoke)

    def _report(self, steps: Sequence[Step], targets: Sequence[ProjectId]) -> AccessReport:
        report = AccessReport(
            steps, endpoint=self._requestor.transport.endpoint, notes=self._left(steps, targets)
        )
        error = next((step.error for step in steps if step.error is not None), None)
        if error is not None and all(step.outcome in ("refused", "not sent") for step in steps):
            error.facts["report"] = report  # nothing at all was done
            raise error
        return report

    def _left(self, steps: Sequence[Step], targets: Sequence[ProjectId]) -> Sequence[str]:
        """Note who still has access after it was taken, by another way."""
        users = dict.fromkeys(step.username for step in steps if step.outcome in ("revoked", "not held"))
        notes = []
        for user in users:
            mapping = self._arborist.mapping_of(user)
            for target in targets if mapping else ():
                methods = sorted(methods_on(mapping or {}, target.resource))
                if methods:
                    notes.append(
                        f"{user} still has {', '.join(methods)} on {target}: by another way than these"
                    )
        return notes

    def _known(self, project: ProjectLike) -> ProjectId:
        """Find the project; on a commons without a submission service take it as it is written."""
        failed: NotFound | None = None
        try:
            return self._project_id(project)
        except NotFound as error:
            failed = error
        if failed.facts.get("absent"):
            return ProjectId.parse(project)
        raise failed

    def _says(self, what: str, project: str, users: Sequence[str]) -> None:
        """Say endpoint, project and people before anything is written."""
        who = users[0] if len(users) == 1 else f"{len(users)} people"
        logger.info("%s %s on %s: %s", what, project, self._requestor.transport.endpoint, who)


def _about(row: Mapping[str, Any], project: ProjectId) -> bool:
    """Tell whether a request is about a project, by what it shows people or by the id of its policy."""
    policy = str(row.get("policy_id") or "")
    return row.get("resource_display_name") == str(project) or policy.startswith(
        (policy_of(project.resource, ""), f"{project}_")
    )


def _user(text: str, any_name: bool) -> str:
    """Read the name of a user."""
    name = str(text).strip()
    if not name or len(name.split()) > 1:
        raise ValidationError(f"{text!r} is no name of a user")
    if not any_name and not _EMAIL.fullmatch(name):
        raise ValidationError(
            f"{name!r} is no e-mail address; if people sign in to this commons by other names, say so: "
            "any_name=True (--any-name)"
        )
    return name
