"""Commons: what users hold. One method per verb, each delegating to the room that does it."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Callable, Container, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from gen3nb.client.arborist import Arborist, methods_on
from gen3nb.client.fence import Fence
from gen3nb.client.finding import find
from gen3nb.client.overview import (
    access_table,
    counts_table,
    identity_of,
    programs_table,
    projects_table,
)
from gen3nb.client.peregrine import Peregrine
from gen3nb.client.project import ProjectId, ProjectLike
from gen3nb.client.redaction import hide
from gen3nb.client.sheepdog import Sheepdog
from gen3nb.client.transport import Transport
from gen3nb.client.workspace import Workspace
from gen3nb.errors import Gen3Error, NotConnected, NotFound, SubmissionError

if TYPE_CHECKING:
    from gen3nb.client.auth import Auth
    from gen3nb.client.failures import Needs
    from gen3nb.client.identity import Identity
    from gen3nb.dictionary import Dictionary
    from gen3nb.frames.comparing import Difference
    from gen3nb.frames.selection import Selection
    from gen3nb.frames.submission import SubmissionReport
    from gen3nb.frames.validation import ValidationReport

__all__ = ["Commons", "connect", "open_commons"]

logger = logging.getLogger("gen3nb")

_open: weakref.WeakSet[Commons] = weakref.WeakSet()
_open_lock = threading.Lock()


def open_commons() -> list[Commons]:
    """Give the commons that are open in this process, the oldest first."""
    with _open_lock:
        return sorted(
            (commons for commons in _open if not commons.closed), key=lambda commons: commons._number
        )


def connect(
    target: str | os.PathLike[str] | None = None,
    *,
    credentials: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    profile: str | None = None,
    access_token: str | None = None,
    timeout: float | tuple[float, float] = (10, 120),
    verify: bool | str | os.PathLike[str] = True,
    proxies: Mapping[str, str] | None = None,
    allow_http: Container[str] = (),
) -> Commons:
    """Connect to a Gen3 commons (fence: ``POST /user/credentials/api/access_token``).

    What is not named is looked for in this order: ``GEN3NB_PROFILE``; ``GEN3_API_KEY``; the profile
    ``default`` or the only one in ``~/.gen3/gen3_client_config.ini``; ``~/.gen3/credentials.json``; the
    workspace. ``commons.whoami()`` says which it was.

    Parameters
    ----------
    target : str, optional
        The commons' address, ``"https://data.example.org"``, or a profile's name.
    credentials : str, path or Mapping, optional
        The API key file from the commons' profile page, or its content.
    profile : str, optional
        A profile's name.
    access_token : str, optional
        A ready access token. It cannot be renewed.
    timeout : float or pair of float
        Seconds to connect, and seconds without a byte of an answer.
    verify : bool or path
        A CA bundle, where the commons' certificate is your institution's own.
    proxies : Mapping of str to str, optional
        As in ``requests``; by default those of the environment.
    allow_http : container of str
        Names of hosts, other than this machine, that may be spoken to without encryption.

    Returns
    -------
    Commons
        Signed in.

    Raises
    ------
    NotConnected
        The address is none, or there is nothing to sign in with.
    ProfileError
        A profile or key file is missing or wrong.
    AuthError
        The commons does not take the key, or it is another commons' key.
    KeyExpired
        The key has run out.
    Unavailable
        There is no answer: no such name, no connection, no valid certificate.
    """
    credentials, access_token = hide(credentials), hide(access_token)
    try:
        found = find(
            target, credentials=credentials, profile=profile, access_token=access_token, allow_http=allow_http
        )
    except NotConnected as error:
        if error.facts.get("unsigned") and error.facts.get("endpoint"):
            # nothing to sign in with; but if the address is wrong, that is the better answer
            probe = Transport(str(error.facts["endpoint"]), timeout=timeout, verify=verify, proxies=proxies)
            Fence(probe).keys()
        raise
    from gen3nb.client.auth import Auth

    auth = Auth(
        found.endpoint or None,
        credential=found.credential,
        timeout=timeout,
        verify=verify,
        proxies=proxies,
        allow_http=allow_http,
    )
    auth.get_access_token()
    transport = Transport(auth.endpoint, auth=auth, timeout=timeout, verify=verify, proxies=proxies)
    if not auth.renewable:
        Fence(transport).user()  # nothing was asked of the commons yet: see that it takes the token
    return Commons(auth, transport, profile=found.credential.profile)


class Commons:
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
    fence, arborist, sheepdog, peregrine, workspace
        Thin clients of the services.
    """

    _count = 0

    def __init__(self, auth: Auth, transport: Transport, *, profile: str | None = None) -> None:
        self.auth = auth
        self.profile = profile
        self.sandbox: Any = None
        self.closed = False
        self.transport = transport
        transport.lacking = self._lacking
        self.fence = Fence(transport)
        self.arborist = Arborist(transport)
        self.sheepdog = Sheepdog(transport)
        self.peregrine = Peregrine(transport)
        self.workspace = Workspace(transport)
        self._dictionary: Dictionary | None = None
        self._projects: list[ProjectId] | None = None
        self._lock = threading.Lock()
        with _open_lock:
            Commons._count += 1
            self._number = Commons._count
            _open.add(self)

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
        return (_reopen, (self.endpoint, self.profile))

    def close(self) -> None:
        """Close the connections; a practice commons ends."""
        if self.closed:
            return
        self.closed = True
        with _open_lock:
            _open.discard(self)
        self.transport.close()
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
        )

    def access(self) -> pd.DataFrame:
        """Give what the user may do in each project (arborist, ``GET /authz/mapping``).

        Returns
        -------
        pandas.DataFrame
            ``program``, ``project``, and one boolean column for each method.
        """
        return access_table(self._grants(), self._known(fresh=True))

    def may(self, method: str, project: ProjectLike) -> bool:
        """Tell whether the user has a method on a project (arborist, ``GET /authz/mapping``).

        Parameters
        ----------
        method : str
            ``"create"``, ``"read"``, ``"update"``, ``"delete"`` …
        project : str, pair or ProjectId
            Which.
        """
        methods = methods_on(self._grants(), self.project_id(project).resource)
        return method in methods or "*" in methods

    def _grants(self, user: Mapping[str, Any] | None = None) -> dict[str, list[dict[str, str]]]:
        """Give the user's grants, from arborist or from what fence says of them."""
        try:
            return self.arborist.mapping()
        except NotFound:
            authz = (user if user is not None else self.fence.user()).get("authz")
            return dict(authz) if isinstance(authz, Mapping) else {}

    def _lacking(self, needs: Needs) -> tuple[str, ...]:
        """Give those of several methods that the user does not have, for the message of a refusal."""
        try:
            held = methods_on(self.arborist.mapping(), needs.resource)
        except Gen3Error as error:  # the refusal is what matters
            logger.debug("which method is missing could not be asked: %s", error)
            return needs.methods
        return tuple(method for method in needs.methods if method not in held) or needs.methods

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
        wanted = str(self.project_id(project)) if project is not None else None
        nodes = [node for node in self.dictionary.order if node not in ("program", "project")]
        return counts_table(self.peregrine.datasets(nodes), nodes, wanted)

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
        try:
            return ProjectId.parse(project, self._known())
        except NotFound:
            return ProjectId.parse(project, self._known(fresh=True))

    def _known(self, *, fresh: bool = False) -> list[ProjectId]:
        """Give the projects of the commons, asked for once unless they may have changed."""
        if self._projects is None or fresh:
            self._projects = self.sheepdog.all_projects()
        return self._projects

    # make

    def create_program(self, name: str, dbgap_accession_number: str | None = None) -> str:
        """Create a program (sheepdog, ``PUT /api/v0/submission/``). Administrators only.

        Raises
        ------
        PermissionDenied
            The user is no administrator.
        SubmissionError
            It is not there afterwards.
        """
        self._says("create the program", name)
        self.sheepdog.create_program(name, dbgap_accession_number)
        self._projects = None
        if name not in self.sheepdog.programs():
            raise SubmissionError(
                f"{self.endpoint} said that it made the program {name!r}, but it is not there"
            )
        return name

    def create_project(self, project: ProjectLike, **properties: Any) -> ProjectId:
        """Create a project (sheepdog, ``PUT /api/v0/submission/{program}``). Administrators only.

        Parameters
        ----------
        project : str, pair or ProjectId
            Its program, which exists, and its code.
        **properties : Any
            ``name``, ``availability_type``, ``dbgap_accession_number`` … as the dictionary has them.

        Raises
        ------
        PermissionDenied
            The user is no administrator.
        Conflict
            Another program has a project of this code.
        SubmissionError
            It was refused, or is not there afterwards.
        """
        wanted = self._new_project(project)
        self._says("create the project", str(wanted))
        document = {
            "dbgap_accession_number": wanted.code,
            "name": str(wanted),
            **properties,
            "code": wanted.code,
        }
        answer = self.sheepdog.create_project(wanted.program, document)
        self._projects = None
        if not answer.ok:
            reasons = "; ".join(answer.problems()) or answer.message
            raise SubmissionError(f"{self.endpoint} did not make the project {wanted}: {reasons}")
        if wanted.code not in self.sheepdog.projects(wanted.program):
            raise SubmissionError(
                f"{self.endpoint} said that it made the project {wanted}, but it is not there"
            )
        return wanted

    def _new_project(self, project: ProjectLike) -> ProjectId:
        """Read the id of a project that is to be: its program is one of the commons."""
        if not isinstance(project, str):
            return ProjectId.parse(project)
        found = [name for name in self.sheepdog.programs() if project.startswith(name + "-")]
        if found:
            program = max(found, key=len)
            return ProjectId(program, project[len(program) + 1 :])
        return ProjectId.parse(project)

    def _says(self, what: str, name: str) -> None:
        """Say endpoint and project before anything is written."""
        logger.info("%s %s on %s", what, name, self.endpoint)

    # frames

    def query(self, text: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run any GraphQL query and give its data (peregrine, ``POST /api/v0/submission/graphql``).

        Warns where a list came back cut at the server's default of 10 rows.

        Raises
        ------
        QueryError
            GraphQL refused it: with line and column.
        """
        from gen3nb.frames.queries import query

        return query(self, text, variables)

    def read(
        self,
        node: str,
        *,
        project: ProjectLike | None = None,
        ids: Iterable[str] | None = None,
        columns: Iterable[str] | None = None,
        where: Mapping[str, Any] | None = None,
        with_: Iterable[str] | None = None,
        per: str | None = None,
        progress: Any = True,
    ) -> pd.DataFrame:
        """Read every record of a node, typed by the dictionary (sheepdog, ``GET {P}/{Q}/export``).

        See ``gen3nb.frames.reading.read``, which does it.
        """
        from gen3nb.frames.reading import read

        options = {"ids": ids, "columns": columns, "where": where, "with_": with_, "per": per}
        return read(self, node, project=project, progress=progress, **_given(options))

    def select(
        self,
        node: str,
        *,
        project: ProjectLike | None = None,
        columns: Iterable[str] | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> Selection:
        """Build a query without sending it (peregrine, ``POST /api/v0/submission/graphql`` when it is read).

        See ``gen3nb.frames.selection.Selection``.
        """
        from gen3nb.frames.selection import Selection

        return Selection(self, node, project=project, **_given({"columns": columns, "where": where}))

    def join(
        self,
        left: str | pd.DataFrame,
        right: str | pd.DataFrame,
        *,
        project: ProjectLike | None = None,
        via: Any = None,
        how: str = "left",
        progress: Any = True,
    ) -> pd.DataFrame:
        """Join two nodes along the dictionary's links, all rows (sheepdog's export of each, merged here).

        See ``gen3nb.frames.joining.join``.
        """
        from gen3nb.frames.joining import join

        return join(self, left, right, project=project, via=via, how=how, progress=progress)

    def validate(
        self,
        frame: pd.DataFrame,
        node: str,
        *,
        project: ProjectLike | None = None,
        others: Mapping[str, pd.DataFrame] | None = None,
        progress: Any = True,
    ) -> ValidationReport:
        """Check rows against the dictionary; nothing is sent but look-ups of links (peregrine).

        See ``gen3nb.frames.validation.validate``.
        """
        from gen3nb.frames.validation import validate

        return validate(
            frame,
            node,
            dictionary=self.dictionary,
            project=project,
            connection=self,
            others=dict(others or {}),
            progress=progress,
        )

    def diff(
        self,
        frame: pd.DataFrame,
        node: str,
        *,
        project: ProjectLike,
        missing: str = "keep",
        progress: Any = True,
    ) -> Difference:
        """Say what a submission would change (sheepdog, ``GET {P}/{Q}/export``).

        See ``gen3nb.frames.comparing.diff``.
        """
        from gen3nb.frames.comparing import diff

        return diff(frame, node, connection=self, project=project, missing=missing, progress=progress)

    def submit(
        self,
        frames: Mapping[str, pd.DataFrame],
        *,
        project: ProjectLike,
        progress: Any = True,
        **options: Any,
    ) -> SubmissionReport:
        """Submit the rows of several nodes, in link order (sheepdog, ``PUT`` and ``POST {P}/{Q}``).

        Only what is new or changed is sent, and it is looked up afterwards.

        Parameters
        ----------
        frames : Mapping of str to DataFrame
            Rows by node.
        project : str, pair or ProjectId
            Where they go.
        progress : bool or callable
            Whether to show progress.
        **options : Any
            ``missing``, ``dry_run``, ``verify``, ``chunk``, ``stop``, ``strict``: see
            ``gen3nb.frames.submission.submit``.
        """
        from gen3nb.frames.submission import submit

        target = self.project_id(project)
        self._says("submit to", str(target))
        return submit(frames, connection=self, project=target, progress=progress, **options)


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what was not given, so that the defaults stand in one place."""
    return {name: value for name, value in options.items() if value is not None}


def _reopen(endpoint: str, profile: str | None) -> Commons:
    """Open a commons that comes out of a pickle, by its profile."""
    if profile is None:
        raise NotConnected(
            f"a Commons of {endpoint} came out of a pickle, which holds no key: connect again with "
            f"gen3nb.connect({endpoint!r}), or open it by a profile, which pickles can name",
            endpoint=endpoint,
        )
    reason = ""
    try:
        commons = connect(endpoint, profile=profile)
    except Gen3Error as error:
        reason = error.message
    if reason:
        raise NotConnected(
            f"a Commons of {endpoint} came out of a pickle and could not be opened again: {reason}"
        )
    return commons
