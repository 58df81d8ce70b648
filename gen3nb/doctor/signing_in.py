"""Files, key, token, permissions, and the services behind them."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gen3nb.client import profiles
from gen3nb.client.addresses import check_endpoint, looks_like_address
from gen3nb.client.finding import Found, find
from gen3nb.client.tokens import when
from gen3nb.client.words import is_html
from gen3nb.doctor.findings import Finding
from gen3nb.doctor.network import clock_finding
from gen3nb.errors import Gen3Error, KeyExpired, NotConnected

if TYPE_CHECKING:
    from gen3nb.commons import Commons

__all__ = ["examine_access", "examine_credential", "examine_files", "workspace_address"]

SOON = 3 * 86400.0
METHODS = ("read", "create", "update", "delete")
# a route of each service that costs it little, and whether gen3nb can do without
SERVICES: tuple[tuple[str, str, bool], ...] = (
    ("sheepdog (submission)", "/api/v0/submission/_dictionary", False),
    ("peregrine (queries)", "/api/v0/datasets?nodes=program", False),
    ("arborist (permissions)", "/authz/mapping", True),
    ("indexd (files)", "/index/index/?limit=1", True),
    ("requestor (access requests)", "/requestor/request/user", True),
    ("sower (jobs)", "/job/list", True),
    ("metadata", "/mds/version", True),
    ("workspace tokens", "/wts/external_oidc/", True),
)


def examine_files(credentials: str | os.PathLike[str] | None = None) -> Iterator[Finding]:
    """Look at the profile file and at the key files that would be read.

    Parameters
    ----------
    credentials : path, optional
        The key file that is named.

    Yields
    ------
    Finding
    """
    file = profiles.path()
    if not file.exists() and not file.is_symlink():
        yield Finding("profiles", "skipped", f"there are none: no {file}")
    else:
        # before anything reads it: reading may repair the permissions
        open_to = _open_to_others(file)
        problem, names = "", list[str]()
        try:
            names = profiles.names()
        except Gen3Error as error:
            problem = error.message
        if problem:
            yield Finding(
                "profiles", "wrong", problem, f"Correct that line of {file}, or move the file away."
            )
        elif open_to:
            yield Finding("profiles", "wrong", f"others may read the keys in {file}", f"chmod 600 {file}")
        else:
            yield Finding("profiles", "ok", f"{file} holds {', '.join(names) or 'no profile'}")
    home = file.with_name("credentials.json")
    named = Path(credentials).expanduser() if credentials is not None else None
    for key in dict.fromkeys(one for one in (named, home) if one is not None and one.is_file()):
        if _open_to_others(key):
            yield Finding("key file", "wrong", f"others may read the key in {key}", f"chmod 600 {key}")


def examine_credential(
    target: str | os.PathLike[str] | None,
    credentials: str | os.PathLike[str] | None,
    profile: str | None,
) -> tuple[Found | None, str, list[Finding]]:
    """Find what one would sign in with, and whether it is still good; nobody is asked.

    Parameters
    ----------
    target, credentials, profile
        As ``gen3nb.connect`` takes them.

    Returns
    -------
    (Found or None, str, list of Finding)
        What was found, the commons' address if it is known, and the findings.
    """
    failed: Gen3Error | None = None
    found: Found | None = None
    try:
        found = find(target, credentials=credentials, profile=profile)
    except Gen3Error as error:
        failed = error
    if failed is not None:
        return None, _address(target, failed), [_unfit(failed)]
    if found is None:  # for the type checker: one of the two is there
        return None, "", []
    expires = found.credential.key_expires
    said = f"signing in by {found.credential.source}"
    if expires is None:
        return found, found.endpoint, [Finding("key", "ok", said)]
    left = expires - time.time()
    new = f"Make a new one on the profile page of {found.endpoint} and save it in its place."
    if left <= 0:
        finding = Finding("key", "wrong", f"{said}: its API key ended at {when(expires)}", new)
    elif left < SOON:
        finding = Finding("key", "warning", f"{said}: its API key ends soon, at {when(expires)}", new)
    else:
        finding = Finding("key", "ok", f"{said}, whose API key is good until {when(expires)}")
    return found, found.endpoint, [finding]


def workspace_address(place: Found, options: Mapping[str, Any]) -> tuple[str, list[Finding]]:
    """Learn from the workspace's token service which commons it belongs to.

    Parameters
    ----------
    place : Found
        The workspace.
    options : Mapping
        ``timeout``, ``verify``, ``proxies``.

    Returns
    -------
    (str, list of Finding)
        The address; else empty, and what to set.
    """
    from gen3nb.client.auth import Auth

    problem = ""
    try:
        auth = Auth(None, credential=place.credential, **options)
        auth.get_access_token()
        return auth.endpoint, []
    except Gen3Error as error:
        problem = error.message
    remedy = (
        "If this is no Gen3 workspace, make a profile: gen3nb configure --profile=NAME --cred=FILE "
        "--apiendpoint=URL. If it is one, set GEN3NB_WORKSPACE_URL to the address of its token service, "
        "which its operators know, or set NAMESPACE to its namespace in the cluster"
    )
    said = f"this looks like a Gen3 workspace, and its token service gave no token: {problem}"
    return "", [Finding("workspace", "wrong", said, remedy)]


def _address(target: str | os.PathLike[str] | None, failed: Gen3Error) -> str:
    """Give the address that was meant, so that the way there can be looked at all the same."""
    text = os.fspath(target) if target is not None else ""
    if not text or not looks_like_address(text):
        text = str(failed.facts.get("endpoint") or "")
    with contextlib.suppress(Gen3Error):
        return check_endpoint(text) if text else ""
    return ""


def _unfit(failed: Gen3Error) -> Finding:
    """Say what is wrong with what one would sign in with, and the way out."""
    remedy = "Correct what the message names, or configure the profile anew: gen3nb configure --help"
    if isinstance(failed, KeyExpired):
        remedy = "Make a new key on the commons' profile page, and save it in its place."
    elif isinstance(failed, NotConnected) and failed.facts.get("unsigned"):
        remedy = (
            "Download an API key from the commons' profile page, then gen3nb configure --profile=NAME "
            "--cred=FILE --apiendpoint=URL; or practise without an account: gen3nb sandbox start"
        )
    return Finding("key", "wrong", failed.message, remedy)


def examine_access(place: Found | None, options: Mapping[str, Any]) -> Iterator[Finding]:
    """Sign in, and see what that opens (fence, arborist, then one route of each service).

    Parameters
    ----------
    place : Found or None
        What to sign in with.
    options : Mapping
        ``timeout``, ``verify``, ``proxies``.

    Yields
    ------
    Finding
    """
    if place is None:
        yield Finding("token", "skipped", "there is nothing to sign in with")
        return
    from gen3nb.client.auth import Auth
    from gen3nb.client.transport import Transport
    from gen3nb.commons import Commons
    from gen3nb.commons.registry import forget

    problem = ""
    try:
        auth = Auth(place.endpoint or None, credential=place.credential, **options)
        auth.get_access_token()
        commons = Commons(auth, Transport(auth.endpoint, auth=auth, retries=0, **options))
    except Gen3Error as error:
        problem = error.message
    if problem:
        yield Finding("token", "wrong", problem, "Make a new key on the commons' profile page.")
        return
    forget(commons)
    try:
        yield from _signed_in(commons)
    finally:
        commons.close()


def _signed_in(commons: Commons) -> Iterator[Finding]:
    """Look at token, clock, permissions and services."""
    skew = commons.auth.clock_skew
    if skew is not None:
        yield clock_finding(skew, "the token that it issued")
    failed: Gen3Error | None = None
    try:
        user = commons.fence.user()
    except Gen3Error as error:
        failed = error
    if failed is not None:
        yield Finding(
            "token", "wrong", f"the commons issued a token and does not take it: {failed.message}",
            "Sign in on the commons' website once, then make a new key there.",
        )  # fmt: skip
        return
    ends = when(commons.auth.expires_at)
    yield Finding("token", "ok", f"signed in as {user.get('username')}, token until {ends}")
    yield _permissions(commons)
    missing, there = list[str](), list[str]()
    for name, route, optional in SERVICES:
        problem = _lacking(commons, route)
        if problem and not optional:
            yield Finding(
                "services", "wrong", f"{name}: {problem}", f"Tell the operators of {commons.endpoint}."
            )
        (missing if problem else there).append(name)
    lacks = f"; not run here: {', '.join(missing)}" if missing else ""
    yield Finding("services", "ok", f"this commons runs {', '.join(there) or 'nothing that is known'}{lacks}")


def _permissions(commons: Commons) -> Finding:
    """Count the projects in which the user may do something."""
    problem = ""
    try:
        access = commons.access()
    except Gen3Error as error:
        problem = error.message
    if problem:
        return Finding("permissions", "warning", problem, "Ask the commons' operators.")
    counts = {name: int(access[name].sum()) if name in access else 0 for name in METHODS}
    said = ", ".join(f"{name} in {count:,}" for name, count in counts.items())
    if not any(counts.values()):
        return Finding(
            "permissions",
            "warning",
            f"you may do nothing in any of {len(access):,} projects",
            f"Ask the data access contact of {commons.endpoint} for 'read' on your project.",
        )
    return Finding("permissions", "ok", f"of {len(access):,} project{'s' * (len(access) != 1)}: {said}")


def _lacking(commons: Commons, route: str) -> str:
    """Say why a service is not there; empty if it is."""
    failed: Gen3Error | None = None
    try:
        answer = commons.transport.request("GET", route, service="services", accept=range(400, 600))
    except Gen3Error as error:
        failed = error
    if failed is not None:
        return failed.message
    with answer:
        if answer.status_code == 404 or is_html(answer):
            return "there is none"
        if answer.status_code >= 500:
            return f"it answers with an error ({answer.status_code})"
    return ""


def _open_to_others(file: Path) -> bool:
    """Tell whether other users of this machine may read a file."""
    with contextlib.suppress(OSError):
        return os.name == "posix" and bool(file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    return False
