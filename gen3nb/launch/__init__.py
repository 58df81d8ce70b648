"""Start a practice commons on this machine: :func:`sandbox`, which ends with the process that started it.

Source service: all of them, imitated by ``python -m gen3nb.embedded`` in a process of its own.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from gen3nb.client.redaction import hide
from gen3nb.launch import cloning
from gen3nb.launch.faults import Faults
from gen3nb.launch.linking import External
from gen3nb.launch.running import Sandbox
from gen3nb.launch.starting import Users, begin, start_server

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectLike
    from gen3nb.commons import Commons

__all__ = ["Faults", "Sandbox", "sandbox", "start_server"]


def sandbox(
    folder: str | os.PathLike[str] | None = None,
    *,
    users: Users | None = None,
    demo: bool = False,
    dictionary: str | os.PathLike[str] | None = None,
    faults: Iterable[Mapping[str, Any]] = (),
    token_lifetime: int = 1800,
    key_lifetime: int = 30 * 86400,
    port: int = 0,
    clone: Commons | None = None,
    project: ProjectLike | list[ProjectLike] | None = None,
    requestor: Mapping[str, Any] | None = None,
    without: Iterable[str] = (),
    external: External | None = None,
    prefix: str | None = None,
    passwords: Mapping[str, str] | None = None,
) -> Commons:
    """Start a practice commons on this machine, and connect to it as its admin.

    It is a real server in a process of its own, reachable from this machine only, which answers as the
    services of a Gen3 commons do. It ends with :meth:`Commons.close`, at the end of a ``with`` block, or
    with this process.

    Parameters
    ----------
    folder : path, optional
        Where the data is kept, made if it is not there; by default a temporary folder, which goes away.
    users : Mapping[str, Mapping[str, Iterable[str]]], optional
        Who may do what: user to project id (``"DEMO-alpha"``) or resource path to methods. ``admin`` may do
        all; by default ``submitter`` creates, reads, updates and deletes everywhere, ``reader`` reads
        everywhere, ``nobody`` nothing.
    demo : bool
        Load the demo project: 686 breast-cancer patients of a published trial.
    dictionary : path, optional
        Another data model: a folder of YAML schemas, or a JSON file with what ``_dictionary/_all`` answers.
    faults : iterable of Mapping
        What shall go wrong from the start: the arguments of :meth:`Faults.add`.
    token_lifetime, key_lifetime : int
        Seconds that access tokens (half an hour) and API keys (30 days) live.
    port : int
        The port; by default any that is free.
    clone : Commons, optional
        Copy projects of this commons, with its dictionary. Every route then needs a token, since other users
        of this machine could reach real records otherwise; files are not copied.
    project : str, pair, ProjectId or list of these, optional
        Which projects to copy; with ``clone`` only.
    requestor : Mapping, optional
        What a deployment sets for its access requests, by the names of requestor's configuration in lower
        case: ``allowed_request_statuses``, ``default_initial_status``, ``draft_statuses``,
        ``update_access_statuses``, ``final_statuses``; and further ``roles`` (name to methods) and
        ``policies`` (name to ``{"resource_paths": […], "role_ids": […]}``).
    without : iterable of str
        Services that this commons does not run: ``"arborist"``, ``"metadata"``, ``"requestor"``,
        ``"shepherd"`` (a part of the metadata service), ``"sower"``, ``"wts"``.
    external : Mapping, optional
        Further commons of the workspace token service, by the name of their identity provider: a practice
        commons, to which users of the same name are linked, or an address, to which nobody is.
    prefix : str, optional
        What the GUIDs of new files begin with; ``"dg.TEST/"`` by default, ``""`` for nothing.
    passwords : Mapping, optional
        Service accounts, name to password, that may write to the file index and the metadata service by basic
        authentication; by default there are none.

    Returns
    -------
    Commons
        Signed in as ``admin``; its ``sandbox`` attribute is the :class:`Sandbox`.

    Raises
    ------
    MissingExtra
        If the packages of the extra ``sandbox`` are not installed.
    Gen3Error
        If the server cannot start; the message has its reason.
    NotFound, PermissionDenied
        If there is no such project to copy, or you may not read it.
    """
    copied = cloning.projects_of(clone, project)
    with contextlib.ExitStack() as held:
        if dictionary is None and clone is not None:
            dictionary = held.enter_context(cloning.dictionary_of(clone))
        server = _started(
            folder,
            users=users,
            dictionary=dictionary if dictionary is not None else cloning.kept_dictionary(folder),
            token_lifetime=token_lifetime,
            key_lifetime=key_lifetime,
            port=port,
            private=clone is not None,
            requestor=requestor,
            without=without,
            external=external,
            prefix=prefix,
            passwords=hide(passwords),
        )
        try:
            commons = server.as_user("admin")
            commons.sandbox = server
            if clone is not None:
                if folder is not None and dictionary is not None:
                    cloning.keep_dictionary(dictionary, server.folder)
                cloning.clone_projects(clone, commons, copied)
            if demo:
                import_module("gen3nb.demo").load(commons)
            for fault in faults:
                server.faults.add(**fault)
        except BaseException:
            server.close()
            raise
    return commons


def _started(folder: str | os.PathLike[str] | None, **options: Any) -> Sandbox:
    """Start a server, and meanwhile load what a connection needs."""
    starting = begin(folder, **options)
    try:
        import_module("gen3nb.client.auth")  # takes as long as the server: let both go on at once
        import_module("gen3nb.commons")
    except BaseException:
        starting.stop()
        raise
    return starting.wait()
