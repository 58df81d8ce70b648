"""sheepdog: programs, projects, dictionary, submission, export."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import requests

from gen3nb.client.failures import Needs, absent
from gen3nb.client.project import ProjectId
from gen3nb.client.transactions import Transaction
from gen3nb.client.transport import Transport
from gen3nb.client.words import words_of
from gen3nb.errors import ServiceError

__all__ = ["Sheepdog", "Transaction"]

SERVICE = "sheepdog"
ROOT = "/api/v0/submission"
PROGRAMS = "/services/sheepdog/submission/program"
PROJECTS = "/services/sheepdog/submission/project"
IDS_PER_REQUEST = 90  # request lines end at 4,094 bytes, ids are 36 long


class Sheepdog:
    """The submission service (``/api/v0/submission``).

    Parameters
    ----------
    transport : Transport
        To the commons.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def __repr__(self) -> str:
        return f"Sheepdog({self.transport.endpoint})"

    # programs and projects

    def programs(self) -> list[str]:
        """Give the names of all programs (``GET /api/v0/submission/``)."""
        return self._links("/")

    def projects(self, program: str) -> list[str]:
        """Give the codes of a program's projects (``GET /api/v0/submission/{program}``).

        Raises
        ------
        NotFound
            There is no such program.
        """
        return [link.removeprefix(f"{program}/") for link in self._links(_path(program))]

    def all_projects(self) -> list[ProjectId]:
        """Give every project, also those that the user has no access to (one request for each program)."""
        return [ProjectId(program, code) for program in self.programs() for code in self.projects(program)]

    def create_program(self, name: str, dbgap_accession_number: str | None = None) -> dict[str, Any]:
        """Create a program, or update its dbGaP number (``PUT /api/v0/submission/``).

        Raises
        ------
        PermissionDenied
            Only administrators may.
        """
        answer = self.transport.json(
            "PUT",
            ROOT + "/",
            service=SERVICE,
            json={"type": "program", "name": name, "dbgap_accession_number": dbgap_accession_number or name},
            needs=Needs(f"create the program {name!r}", PROGRAMS, ("*",)),
        )
        return dict(answer) if isinstance(answer, dict) else {}

    def create_project(self, program: str, document: Mapping[str, Any]) -> Transaction:
        """Create or update a project (``PUT /api/v0/submission/{program}``).

        Parameters
        ----------
        program : str
            An existing program.
        document : Mapping
            ``code`` and ``dbgap_accession_number`` at least.

        Raises
        ------
        Conflict
            The code is taken in another program.
        PermissionDenied
            Only administrators may.
        """
        needs = Needs(f"create the project {program}-{document.get('code')}", PROJECTS, ("*",))
        return self._transaction("PUT", _path(program), json={"type": "project", **document}, needs=needs)

    def delete_program(self, name: str) -> None:
        """Delete an empty program (``DELETE /api/v0/submission/{program}``)."""
        needs = Needs(f"delete the program {name!r}", PROGRAMS, ("*",))
        self.transport.request("DELETE", ROOT + _path(name), service=SERVICE, needs=needs)

    def delete_project(self, project: ProjectId) -> None:
        """Delete an empty project (``DELETE /api/v0/submission/{program}/{project}``)."""
        needs = Needs(f"delete the project {project}", PROJECTS, ("*",))
        self.transport.request("DELETE", ROOT + _at(project), service=SERVICE, needs=needs)

    # dictionary

    def dictionary(self) -> dict[str, Any]:
        """Give the resolved schemas of all nodes (``GET /api/v0/submission/_dictionary/_all``)."""
        answer = self.transport.json("GET", ROOT + "/_dictionary/_all", service=SERVICE, signed=None)
        if not isinstance(answer, dict):
            raise ServiceError("the commons gave no data dictionary", service=SERVICE)
        return answer

    def template(self, node: str, format: str = "tsv") -> str:
        """Give a node's submission template (``GET /api/v0/submission/template/{node}``)."""
        answer = self.transport.request(
            "GET", f"{ROOT}/template{_path(node)}", service=SERVICE, params={"format": format}, signed=None
        )
        return answer.content.decode("utf-8")

    # submission

    def submit(
        self,
        project: ProjectId,
        records: Sequence[Mapping[str, Any]],
        *,
        method: str = "PUT",
        dry_run: bool = False,
        timeout: float | tuple[float, float] | None = None,
    ) -> Transaction:
        """Send records in one request, of which all are taken or none (``PUT`` or ``POST {P}/{Q}``).

        Parameters
        ----------
        project : ProjectId
            Where they go.
        records : sequence of Mapping
            JSON-ready, each with ``type``.
        method : str
            ``PUT`` creates and updates, ``POST`` only creates.
        dry_run : bool
            Have it checked and thrown away (``{P}/{Q}/_dry_run``).
        timeout : float or pair, optional
            Instead of the connection's own.

        Returns
        -------
        Transaction
            Also where records were refused: then ``ok`` is false.

        Raises
        ------
        PermissionDenied
            The user may not create (PUT: create and update) there.
        Conflict
            The project is closed.
        TimedOut
            What was done is unknown.
        """
        return self._transaction(
            method,
            _at(project, dry_run),
            json=list(records),
            needs=_to_write(project, method),
            timeout=timeout,
        )

    def submit_text(
        self,
        project: ProjectId,
        text: str | bytes,
        content_type: str = "text/tab-separated-values",
        *,
        method: str = "PUT",
        dry_run: bool = False,
        timeout: float | tuple[float, float] | None = None,
    ) -> Transaction:
        """Send a text as it is, TSV, CSV or JSON; otherwise as :meth:`submit`."""
        return self._transaction(
            method,
            _at(project, dry_run),
            data=text,
            headers={"Content-Type": content_type},
            needs=_to_write(project, method),
            timeout=timeout,
        )

    def delete(self, project: ProjectId, ids: Iterable[str], *, dry_run: bool = False) -> Transaction:
        """Delete records by id, all or none (``DELETE {P}/{Q}/entities/{ids}``).

        About 100 ids fit into one request.
        """
        tail = ("/_dry_run" if dry_run else "") + "/" + ",".join(ids)
        needs = Needs(f"delete records in {project}", project.resource, ("delete",))
        return self._transaction("DELETE", f"{_at(project)}/entities{tail}", needs=needs)

    # reading

    def export(
        self,
        project: ProjectId,
        node: str | None = None,
        *,
        ids: Iterable[str] | None = None,
        format: str = "json",
        without_id: bool = False,
    ) -> requests.Response:
        """Open the export of a node, or of records of one node by id (``GET {P}/{Q}/export``).

        Returns
        -------
        requests.Response
            Its body has not been read: a context manager, to be closed.

        Raises
        ------
        PermissionDenied
            The user may not read there.
        """
        needs = Needs(f"export records of {project}", project.resource, ("read",))
        options: dict[str, Any] = {"params": {"node_label": node, "format": format}}
        if ids is not None:
            options = {"json": {"ids": list(ids), "format": format}, "retry": True}
        elif without_id:
            options["params"]["without_id"] = "true"
        response = self.transport.request(
            "GET" if ids is None else "POST",
            _at_root(project, "export"),
            service=SERVICE,
            stream=True,
            needs=needs,
            **options,
        )
        if "html" in response.headers.get("Content-Type", ""):
            with response:
                said, _ = words_of(response)
            raise absent(SERVICE, self.transport.endpoint, status=response.status_code, said=said)
        return response

    def entities(self, project: ProjectId, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Give records with all properties by id (``GET {P}/{Q}/entities/{ids}``).

        The service does not check that a record is in that project.
        """
        found: list[dict[str, Any]] = []
        needs = Needs(f"read records of {project}", project.resource, ("read",))
        for start in range(0, len(ids), IDS_PER_REQUEST):
            part = ",".join(ids[start : start + IDS_PER_REQUEST])
            answer = self.transport.json(
                "GET", f"{ROOT}{_at(project)}/entities/{part}", service=SERVICE, needs=needs
            )
            found += answer.get("entities", []) if isinstance(answer, dict) else []
        return found

    def manifest(self, project: ProjectId, ids: Iterable[str]) -> str:
        """Give a YAML manifest of data files by id (``GET {P}/{Q}/manifest``)."""
        answer = self.transport.request(
            "GET",
            _at_root(project, "manifest"),
            service=SERVICE,
            params={"ids": ",".join(ids)},
            needs=Needs(f"read records of {project}", project.resource, ("read",)),
        )
        return answer.content.decode("utf-8")

    # states and transactions

    def transition(self, project: ProjectId, to: str, *, dry_run: bool = False) -> Transaction:
        """Move a project to another state (``PUT {P}/{Q}/review``, ``open``, ``submit``, ``release``)."""
        if to not in ("review", "open", "submit", "release"):
            raise ValueError(f"a project is moved by 'review', 'open', 'submit' or 'release', not {to!r}")
        tail = f"/{to}" + ("/_dry_run" if dry_run else "")
        needs = Needs(f"{to} the project {project}", project.resource, ("release",))
        return self._transaction("PUT", _at(project) + tail, needs=needs)

    def commit(self, project: ProjectId, transaction_id: int) -> Transaction:
        """Do what a dry run tried (``PUT {P}/{Q}/transactions/{id}/commit``)."""
        tail = f"/transactions/{transaction_id}/commit"
        return self._transaction("PUT", _at(project) + tail, needs=_to_write(project, "PUT"))

    def close_transaction(self, project: ProjectId, transaction_id: int) -> None:
        """Close a dry run that will not be committed (``PUT {P}/{Q}/transactions/{id}/close``)."""
        self.transport.request(
            "PUT",
            _at_root(project, f"transactions/{transaction_id}/close"),
            service=SERVICE,
            needs=_to_write(project, "PUT"),
        )

    def _links(self, path: str) -> list[str]:
        """Give the names that a listing's links end in."""
        answer = self.transport.json("GET", ROOT + path, service=SERVICE)
        links = answer.get("links") if isinstance(answer, dict) else None
        if not isinstance(links, list):
            raise ServiceError("the commons' list of programs and projects is not readable", service=SERVICE)
        return [str(link).partition("/submission/")[2].rstrip("/") for link in links]

    def _transaction(self, method: str, path: str, **options: Any) -> Transaction:
        """Send a change; a refusal that says which records were wrong is an answer, not an error."""
        needs: Needs | None = options.get("needs")
        response = self.transport.request(method, ROOT + path, service=SERVICE, accept=(400,), **options)
        body: Any = None
        if response.status_code >= 400:
            with contextlib.suppress(ServiceError):
                body = response.json()
            if not isinstance(body, dict) or "entities" not in body:
                raise self.transport.refused(response, SERVICE, needs)
        else:
            body = self.transport.decode(response, SERVICE)
        if not isinstance(body, dict):
            raise ServiceError("the submission service's answer is not readable", service=SERVICE)
        return Transaction.of(body, response.status_code)


def _to_write(project: ProjectId, method: str) -> Needs:
    """Say what a submission takes."""
    if method.upper() == "POST":
        return Needs(f"create records in {project}", project.resource, ("create",))
    return Needs(f"create and update records in {project}", project.resource, ("create", "update"))


def _path(*names: str) -> str:
    """Quote names into a path."""
    return "".join("/" + quote(name, safe="") for name in names)


def _at(project: ProjectId, dry_run: bool = False) -> str:
    return _path(project.program, project.code) + ("/_dry_run" if dry_run else "")


def _at_root(project: ProjectId, tail: str) -> str:
    return f"{ROOT}{_at(project)}/{tail}"
