"""What is wrong with a set-up: :func:`examine`, which looks from the packages up to the permissions.

It changes nothing, needs neither a network nor a profile, and shows no key or token.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from gen3nb.doctor.findings import Examination, Finding, Status

if TYPE_CHECKING:
    from gen3nb.client.finding import Found

__all__ = ["Examination", "Finding", "Status", "examine"]


def examine(
    target: str | os.PathLike[str] | None = None,
    *,
    credentials: str | os.PathLike[str] | None = None,
    profile: str | None = None,
    timeout: float = 10,
    verify: bool | str | os.PathLike[str] = True,
    proxies: Mapping[str, str] | None = None,
) -> Examination:
    """Look for what keeps gen3nb from working here, and say what to do about it.

    Versions of the packages; the widgets of the notebook; the profile file and the API key; name, connection,
    certificate and proxy; the clock; the token (fence, ``POST /user/credentials/api/access_token``); the
    permissions (arborist, ``GET /authz/mapping``); the services that this commons runs.

    Parameters
    ----------
    target : str, optional
        The commons' address, or a profile's name.
    credentials : path, optional
        An API key file.
    profile : str, optional
        A profile's name.
    timeout : float
        Seconds to wait for each answer.
    verify : bool or path
        A CA bundle, as in ``gen3nb.connect``.
    proxies : Mapping of str to str, optional
        As in ``gen3nb.connect``.

    Returns
    -------
    Examination
        One finding for each thing looked at, whatever happens.
    """
    found: list[Finding] = []
    endpoint = ""
    for part in _parts(target, credentials, profile, timeout, verify, proxies):
        if isinstance(part, str):
            endpoint = part
        elif part.check == "clock":  # two have told the time: the further off counts
            told = [one for one in found if one.check == "clock"] + [part]
            found = [one for one in found if one.check != "clock"]
            found.append(max(told, key=lambda one: ("ok", "warning", "wrong").index(one.status)))
        else:
            found.append(part)
    return Examination(found, endpoint=endpoint)


def _parts(
    target: str | os.PathLike[str] | None,
    credentials: str | os.PathLike[str] | None,
    profile: str | None,
    timeout: float,
    verify: bool | str | os.PathLike[str],
    proxies: Mapping[str, str] | None,
) -> Iterator[Finding | str]:
    """Give findings, and the address once it is known; what cannot be looked at is said too."""
    from gen3nb.doctor.network import examine_way
    from gen3nb.doctor.packages import examine_packages
    from gen3nb.doctor.signing_in import examine_access, examine_credential, examine_files, workspace_address

    yield from examine_packages()
    yield from examine_files(credentials)
    place: Found | None
    place, endpoint, findings = examine_credential(target, credentials, profile)
    yield from findings
    options = {"timeout": timeout, "verify": verify, "proxies": proxies}
    if not endpoint and place is not None and place.credential.workspace:
        endpoint, findings = workspace_address(place, options)
        yield from findings
    if not endpoint:
        yield Finding(
            "commons",
            "skipped",
            "no address is known, so no commons was asked; name one: gen3nb doctor --apiendpoint=URL, or a "
            "profile: --profile=NAME",
        )
        return
    yield endpoint
    reached = True
    for finding in examine_way(endpoint, timeout=timeout, verify=verify, proxies=proxies):
        reached = reached and finding.status != "wrong"
        yield finding
    if not reached:
        yield Finding("commons", "skipped", "token, permissions and services were not looked at")
        return
    yield from examine_access(place, options)
