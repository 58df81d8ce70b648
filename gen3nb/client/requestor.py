"""requestor: asking for access and deciding on it; what only looks is in :mod:`.requestor_reading`."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from gen3nb.client.access_requests import USUAL, Texts, granting, ident, statuses_in, texts
from gen3nb.client.failures import Needs
from gen3nb.client.refusals import explained
from gen3nb.client.requestor_reading import FACTS, SERVICE, RequestReader, request_in
from gen3nb.errors import Gen3Error, NotFound, PermissionDenied, ServiceError

__all__ = ["Requestor"]

_ABOUT = "the resources that it is about"
_NO_STATUS = "gen3nb asks which statuses there are"


class Requestor(RequestReader):
    """The access request service (``/requestor``).

    A request asks for a policy (roles on resources) for one user, or to take it back. Which statuses it goes
    through, and which of them grants, is a setting of the commons.

    Parameters
    ----------
    transport : Transport
        To the commons.
    """

    def __repr__(self) -> str:
        return f"Requestor({self.transport.endpoint})"

    # ask

    def create(
        self,
        resource_paths: Texts = None,
        role_ids: Texts = None,
        *,
        policy_id: str | None = None,
        username: str | None = None,
        status: str | None = None,
        revoke: bool = False,
        resource_id: str | None = None,
        resource_display_name: str | None = None,
    ) -> dict[str, Any]:
        """Ask for access (``POST /requestor/request``).

        Asked a second time, the service gives the first request again while that is a draft.

        Parameters
        ----------
        resource_paths, role_ids : str or iterable of str, optional
            Roles on resources; without roles the commons' own choice for readers.
        policy_id : str, optional
            A policy, in place of these two.
        username : str, optional
            For whom; by default for yourself.
        status : str, optional
            The status to give it at once; by default the commons' first one.
        revoke : bool
            Ask that access be taken back; by ``policy_id``.
        resource_id, resource_display_name : str, optional
            What people shall read in the request.

        Returns
        -------
        dict
            The request: ``request_id``, ``policy_id``, ``status`` …

        Raises
        ------
        NotFound
            No such role or policy, or no such service here.
        Conflict
            The same request is open and no draft any more; or, to revoke, the user has no such policy.
        PermissionDenied
            You may not create requests there.
        """
        paths, roles = texts(resource_paths), texts(role_ids)
        body = {
            "username": username,
            "policy_id": policy_id,
            "resource_paths": paths or None,
            "role_ids": roles or None,
            "resource_id": resource_id,
            "resource_display_name": resource_display_name,
        }
        what = policy_id or " and ".join(paths)
        resource = " and ".join(paths) or f"the resources of {what}"
        needs = Needs(f"ask for access to {what}", resource, ("create",), SERVICE)
        failed: ServiceError | None = None
        try:
            made = self.transport.json(
                "POST",
                f"/requestor/request{'?revoke' if revoke else ''}",
                service=SERVICE,
                json={name: value for name, value in body.items() if value is not None},
                needs=needs,
            )
        except ServiceError as error:
            failed = error
        if failed is not None:
            raise explained(failed, self.transport.endpoint, self.rows, paths, policy_id)
        found = request_in(made)
        if status is not None and found.get("status") != status:
            # a status that the service does not know would be stored as it is if it came with the request
            found = self._then(found, status)
        return found

    def revoke(self, policy_id: str, username: str, *, status: str | None = None) -> dict[str, Any]:
        """Ask that a policy be taken from a user (``POST /requestor/request?revoke``).

        Raises
        ------
        Conflict
            The user does not have it.
        """
        return self.create(policy_id=policy_id, username=username, status=status, revoke=True)

    def _then(self, found: dict[str, Any], status: str) -> dict[str, Any]:
        """Give a new request its status; if that fails, say that the request is there."""
        failed: Gen3Error | None = None
        try:
            return self.update(str(found["request_id"]), status)
        except Gen3Error as error:
            failed = error
        made = f"the request {found['request_id']} is made, as {found.get('status')}"
        failed.message = f"{made}, but {failed.message}"
        failed.args = (failed.message,)
        failed.facts["request"] = found
        raise failed

    # decide

    def update(self, request_id: str, status: str) -> dict[str, Any]:
        """Give a request another status (``PUT /requestor/request/{request_id}``).

        Parameters
        ----------
        request_id : str
        status : str
            One of the commons' own.

        Raises
        ------
        NotFound
            No such request.
        PermissionDenied
            You may not decide on it.
        ServiceError
            No such status; ``statuses`` holds those that there are.
        """
        path = f"/requestor/request/{ident(request_id)}"
        failed: ServiceError | None = None
        needs = Needs(f"set the request {request_id} to {status}", _ABOUT, ("update",), SERVICE)
        try:
            return self._one(
                "PUT",
                path,
                f"there is no access request {request_id}",
                json={"status": status},
                needs=needs,
            )
        except ServiceError as error:
            failed = error
        statuses = statuses_in(failed)
        if statuses:
            near = difflib.get_close_matches(status.upper(), statuses, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ServiceError(
                f"the access requests of {self.transport.endpoint} have no status {status!r}, "
                f"but {', '.join(statuses)}{hint}",
                statuses=statuses,
                **{name: failed.facts.get(name) for name in FACTS},
            )
        raise failed

    def statuses(self, request_id: str) -> list[str]:
        """Give the statuses that a request can have (``PUT /requestor/request/{request_id}``).

        There is no route for it: the service names them when it is asked for one that it cannot have. The
        request stays as it is.

        Parameters
        ----------
        request_id : str
            Any request that you may decide on.
        """
        try:
            self.update(request_id, _NO_STATUS)
        except (NotFound, PermissionDenied):
            raise
        except ServiceError as error:
            found = error.facts.get("statuses")
            if found:
                return list(found)
            raise
        return []

    def approve(self, request_id: str, *, status: str | None = None) -> dict[str, Any]:
        """Give a request the status that grants (``PUT /requestor/request/{request_id}``).

        Parameters
        ----------
        request_id : str
        status : str, optional
            Which status grants here. By default SIGNED, as the service has it out of the box; where the
            commons has no such status, the one in which its other requests have ended well.

        Raises
        ------
        ServiceError
            It cannot be told which status grants; the message has those that there are.
        NotFound, PermissionDenied
            As for :meth:`update`.
        """
        statuses: Sequence[str] = ()
        try:
            return self.update(request_id, status or USUAL)
        except ServiceError as error:
            statuses = error.facts.get("statuses") or ()
            if status is not None or not statuses:
                raise
        candidates = granting(statuses, self.rows(), self.rows(active=True))
        if len(candidates) != 1:
            raise ServiceError(
                f"which status grants access is a setting that {self.transport.endpoint} does not tell: "
                f"name it (status=…). It has {', '.join(statuses)}",
                service=SERVICE,
                statuses=list(statuses),
            )
        return self.update(request_id, candidates[0])

    def delete(self, request_id: str) -> None:
        """Delete a request (``DELETE /requestor/request/{request_id}``). Access that it gave stays.

        Raises
        ------
        NotFound
            No such request.
        PermissionDenied
            You may not delete it.
        """
        needs = Needs(f"delete the request {request_id}", _ABOUT, ("delete",), SERVICE)
        path = f"/requestor/request/{ident(request_id)}"
        words = f"there is no access request {request_id}"
        self._one("DELETE", path, words, needs=needs)
