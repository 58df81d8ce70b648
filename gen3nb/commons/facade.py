"""Commons: what users hold. One method per verb, each delegating to the room that does it."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from gen3nb.client.arborist import Arborist, methods_on
from gen3nb.client.drs import Drs
from gen3nb.client.failures import Needs
from gen3nb.client.fence import Fence
from gen3nb.client.identity import grants_in, identity_of
from gen3nb.client.indexd import Indexd
from gen3nb.client.metadata import Metadata
from gen3nb.client.overview import (
    access_table,
    counts_of,
    counts_table,
    programs_table,
    projects_table,
)
from gen3nb.client.peregrine import Peregrine
from gen3nb.client.project import ProjectId, ProjectLike
from gen3nb.client.requestor import Requestor
from gen3nb.client.sheepdog import Sheepdog
from gen3nb.client.sower import Sower
from gen3nb.client.transport import Transport
from gen3nb.client.workspace import Workspace
from gen3nb.commons.collaborators import ROLES, Collaborators
from gen3nb.commons.files import Files
from gen3nb.commons.making_verbs import MakingVerbs
from gen3nb.commons.reading_verbs import ReadingVerbs
from gen3nb.commons.registry import forget, remember
from gen3nb.commons.writing_verbs import WritingVerbs
from gen3nb.errors import NotFound

if TYPE_CHECKING:
    from gen3nb.client.auth import Auth
    from gen3nb.client.identity import Identity
    from gen3nb.dictionary import Dictionary

__all__ = ["Commons"]


class Commons(ReadingVerbs, WritingVerbs, MakingVerbs):
    """An open Gen3 commons. Made by ``gen3nb.connect`` and ``gen3nb.sandbox``.

    A context manager. Its repr, its pickle and its errors hold no key; a pickled one is opened again by its
    profile.

    Attributes
    ----------
    endpoint : str
        The commons' address.
    profile : str or None
        The profile that it was opened with.
    auth : Auth
        A ``gen3.auth.Gen3Auth``: any class of the gen3 SDK takes it.
    sandbox : Sandbox or None
        The practice commons' controls, where it is one that this process started.
    fence, indexd, drs, metadata, arborist, sheepdog, peregrine, workspace, requestor
        Thin clients of the services; one that this commons does not run says so when it is asked.
    """

    def __init__(self, auth: Auth, transport: Transport, *, profile: str | None = None) -> None:
        self.auth = auth
        self.profile = profile
        self.sandbox: Any = None
        self.closed = False
        self.transport = transport
        self.fence = Fence(transport)
        self.indexd = Indexd(transport)
        self.drs = Drs(transport)
        self.metadata = Metadata(transport)
        self.arborist = Arborist(transport)
        transport.lacking = self.arborist.lacking
        self.sheepdog = Sheepdog(transport)
        self.peregrine = Peregrine(transport)
        self.workspace = Workspace(transport)
        self.requestor = Requestor(transport)
        self._roles = dict(ROLES)
        # what the transport and others hold of this commons must not keep it open
        asking = weakref.WeakMethod(self._asking)
        transport.asking = lambda needs: how(needs) if (how := asking()) is not None else ""
        self._dictionary: Dictionary | None = None
        self._projects: list[ProjectId] | None = None
        self._lock = threading.Lock()
        remember(self)

    @property
    def sower(self) -> Sower:
        """The job service: starts jobs, lists them (sower, ``POST /job/dispatch``, ``GET /job/list``)."""
        return Sower(self.transport, commons=self)

    @property
    def collaborators(self) -> Collaborators:
        """Who works on a project: access requests in one step (requestor, ``POST /requestor/request``)."""
        return Collaborators(self.requestor, self.arborist, self.project_id, roles=self._roles)

    @property
    def files(self) -> Files:
        """Its files: :meth:`.Files.download`, :meth:`.Files.upload` … (fence, indexd, the object stores)."""
        return Files(self)

    @property
    def endpoint(self) -> str:
        """The commons' address."""
        return self.transport.endpoint

    def __repr__(self) -> str:
        who = f" as {self.auth.username}" if self.auth.username else ""
        return f"<Commons {self.endpoint}{who}{', closed' if self.closed else ''}>"

    def __enter__(self) -> Commons:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Callable[..., Commons], tuple[str, str | None]]:
        from gen3nb.commons.connecting import reopen

        return (reopen, (self.endpoint, self.profile))

    def __dask_tokenize__(self) -> tuple[str, ...]:
        """Give what names this commons for Dask: tasks that read by it are the same tasks."""
        return ("gen3nb.Commons", self.endpoint, self.profile or "", self.auth.username)

    def close(self) -> None:
        """Close the connections; a practice commons ends."""
        if self.closed:
            return
        self.closed = True
        forget(self)
        self.transport.close()
        self.drs.close()
        if self.sandbox is not None:
            self.sandbox.close()

    # who am I, what may I

    def whoami(self) -> Identity:
        """Say who is signed in, by which credentials, and until when (fence, ``GET /user/user``).

        Raises
        ------
        AuthError
            The commons does not take the token.
        """
        user = self.fence.user()
        try:
            known = self._known()
        except NotFound:  # no submission service
            known = []
        return identity_of(
            user,
            self._grants(user),
            known,
            endpoint=self.endpoint,
            source=self.auth.source,
            profile=self.profile,
            expires=self.auth.expires_at,
            key_expires=self.auth.key_expires_at,
            google_account=self.auth.google_account,
        )

    def access(self) -> pd.DataFrame:
        """Give what the user may do in each project (arborist, ``GET /authz/mapping``).

        Returns
        -------
        pandas.DataFrame
            ``program``, ``project``, and one boolean column for each method.
        """
        return access_table(self._grants(), self._known(fresh=True))

    def may(self, method: str, project: ProjectLike, *, service: str | None = None) -> bool:
        """Tell whether the user has a method on a project (arborist, ``GET /authz/mapping``).

        Parameters
        ----------
        method : str
            ``"create"``, ``"read"``, ``"update"``, ``"delete"`` …
        project : str, pair or ProjectId
            Which; or the path of any resource, such as ``"/sower"``.
        service : str, optional
            Whose method: ``"requestor"`` for access requests. By default that on records.
        """
        path = isinstance(project, str) and project.startswith("/")
        resource = str(project) if path else self.project_id(project).resource
        methods = methods_on(self._grants(), resource, service)
        return method in methods or "*" in methods

    def _asking(self, needs: Needs) -> str:
        """Say how the user can ask for what a request needed, if this commons takes access requests."""
        if needs.service == "requestor" or not needs.resource.startswith("/") or not self.requestor.there():
            return ""
        return (
            f", or ask by an access request: commons.requestor.create({needs.resource!r}), "
            f"gen3nb request create --resource {needs.resource}"
        )

    def _grants(self, user: Mapping[str, Any] | None = None) -> dict[str, list[dict[str, str]]]:
        """Give the user's grants, from arborist or from what fence says of them."""
        try:
            return self.arborist.mapping()
        except NotFound:
            return grants_in(user if user is not None else self.fence.user())

    # what is there

    @property
    def dictionary(self) -> Dictionary:
        """The commons' data dictionary (sheepdog, ``GET /api/v0/submission/_dictionary/_all``), read once."""
        with self._lock:
            if self._dictionary is None:
                from gen3nb.dictionary import Dictionary

                self._dictionary = Dictionary.from_json(self.sheepdog.dictionary(), source=self.endpoint)
            return self._dictionary

    def programs(self) -> pd.DataFrame:
        """Give the programs and how many projects each has (sheepdog, ``GET /api/v0/submission/``)."""
        return programs_table(self.sheepdog.programs(), self._known(fresh=True))

    def projects(self) -> pd.DataFrame:
        """Give all projects (sheepdog, ``GET /api/v0/submission/{program}``; peregrine for the details).

        Returns
        -------
        pandas.DataFrame
            ``program``, ``code``, ``project`` (the full id), and, where the user may read them, ``name``,
            ``state``, ``availability_type``.
        """
        return projects_table(self._known(fresh=True), self.peregrine)

    def counts(self, project: ProjectLike | None = None) -> pd.DataFrame:
        """Count the records of every node (peregrine, ``GET /api/v0/datasets``).

        Parameters
        ----------
        project : str, pair or ProjectId, optional
            By default all that the user may read.

        Returns
        -------
        pandas.DataFrame
            ``project``, ``node``, ``records``; nodes without records are left out.
        """
        wanted = self.project_id(project) if project is not None else None
        nodes = [node for node in self.dictionary.order if node not in ("program", "project")]
        found = counts_of(self.peregrine, nodes, lambda: [wanted] if wanted else self._known())
        return counts_table(found, nodes, str(wanted) if wanted else None)

    def project_id(self, project: ProjectLike) -> ProjectId:
        """Find a project of this commons (sheepdog, ``GET /api/v0/submission/{program}``).

        Parameters
        ----------
        project : str, pair or ProjectId
            ``"PROGRAM-PROJECT"`` or ``("PROGRAM", "PROJECT")``.

        Raises
        ------
        NotFound
            There is none; the message names the nearest, or the full id for a bare code.
        """
        with contextlib.suppress(NotFound):
            return ProjectId.parse(project, self._known())
        return ProjectId.parse(project, self._known(fresh=True))

    def _known(self, *, fresh: bool = False) -> list[ProjectId]:
        """Give the projects of the commons, asked for once unless they may have changed."""
        if self._projects is None or fresh:
            self._projects = self.sheepdog.all_projects()
        return self._projects
