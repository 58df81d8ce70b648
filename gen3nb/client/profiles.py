"""Profiles: ``~/.gen3/gen3_client_config.ini``, shared with ``gen3-client`` and ``data-client``.

Profiles that the gen3 SDK's ``gen3 configure`` wrote to ``~/.gen3/config`` count as well.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gen3nb.client.credentials import Credential, from_access_token, from_key
from gen3nb.client.profile_file import path, read, sdk_path
from gen3nb.client.redaction import Secret
from gen3nb.errors import Gen3Error, ProfileError

__all__ = ["Profile", "default", "get", "home_of", "names", "path"]

logger = logging.getLogger("gen3nb.client")

KEYS = ("key_id", "api_key", "access_token", "api_endpoint", "use_shepherd", "min_shepherd_version")
SECRETS = ("api_key", "access_token", "access_key")
DEFAULT = "default"  # a profile of this name, or a key ``default = true`` in one


@dataclass(frozen=True)
class Profile:
    """One section of the profile file.

    Parameters
    ----------
    name : str
        The section's name.
    endpoint : str
        Its ``api_endpoint``, without a final slash.
    settings : Mapping of str to str
        All keys of the section but the secrets.
    api_key, access_token : Secret
        The secrets; a repr does not show them.
    """

    name: str
    endpoint: str
    settings: Mapping[str, str]
    api_key: Secret
    access_token: Secret

    @property
    def workspace(self) -> bool:
        """Whether ``token_service = workspace`` says that another commons' key signs in here."""
        return self.settings.get("token_service", "").lower() == "workspace"

    @property
    def allow_http(self) -> tuple[str, ...]:
        """Host names that may be spoken to without encryption, from ``allow_http = one.example.org two``."""
        return tuple(self.settings.get("allow_http", "").replace(",", " ").split())

    def credential(self) -> Credential:
        """Give what to sign in with.

        Raises
        ------
        ProfileError
            The section has neither key nor token.
        """
        source = f"the profile {self.name!r}"
        if self.api_key:
            found = from_key({"api_key": self.api_key, "key_id": self.settings.get("key_id", "")}, source)
        elif self.access_token:
            found = from_access_token(self.access_token, source)
        elif self.workspace:
            found = Credential(source)
        else:
            raise ProfileError(
                f"{source} in {home_of(self.name)} has neither api_key nor access_token", profile=self.name
            )
        return Credential(
            source,
            endpoint=self.endpoint,
            api_key=found.api_key,
            access_token=found.access_token,
            key_id=found.key_id,
            workspace=self.workspace,
            idp=self.settings.get("idp", "local"),
            profile=self.name,
            allow_http=self.allow_http,
        )


def names() -> list[str]:
    """Give the names of all profiles, in the order of the file.

    Raises
    ------
    ProfileError
        The file is broken.
    """
    return list(_sections())


def get(name: str) -> Profile:
    """Give one profile.

    Raises
    ------
    ProfileError
        There is none of this name, or the file is broken.
    """
    section = _sections()
    if name not in section:
        raise _unknown(name, list(section))
    values = section[name][1]
    return Profile(
        name,
        str(values.get("api_endpoint", "")).rstrip("/"),
        {key: str(value) for key, value in values.items() if key not in SECRETS},
        Secret(values.get("api_key", "")),
        Secret(values.get("access_token", "") or values.get("access_key", "")),
    )


def home_of(name: str) -> Path:
    """Give the file that a profile stands in.

    Raises
    ------
    ProfileError
        There is none of this name, or the file is broken.
    """
    section = _sections()
    if name not in section:
        raise _unknown(name, list(section))
    return section[name][0]


def default() -> str | None:
    """Give the profile that counts when none is named.

    The one with ``default = true``, else one that is called ``default``, else the only one there is.

    Raises
    ------
    ProfileError
        The file is broken.
    """
    section = _sections()
    marked = [name for name, (_, values) in section.items() if is_default(values)]
    chosen = marked or [name for name in section if name.lower() == DEFAULT] or list(section)
    return chosen[0] if len(chosen) == 1 else None


def is_default(values: Mapping[str, str]) -> bool:
    """Tell whether a section says that it is the default."""
    return values.get(DEFAULT, "").lower() in ("true", "yes", "1")


def _sections() -> dict[str, tuple[Path, dict[str, Secret]]]:
    """Give file and values of every profile; the Go clients' file counts before the SDK's."""
    found: dict[str, tuple[Path, dict[str, Secret]]] = {}
    for file in (path(), sdk_path()):
        try:
            ini = read(file)
        except Gen3Error as error:
            if file == path():
                raise
            logger.warning("%s", error)
            continue
        for name in ini.sections():
            found.setdefault(name, (file, ini.values(name)))
    return found


def _unknown(name: str, known: list[str]) -> ProfileError:
    """Say that there is no such profile, and which is near."""
    near = difflib.get_close_matches(name, known, n=1) or [
        one for one in known if one.lower() == name.lower()
    ]
    if near:
        hint = f"; did you mean {near[0]!r}?"
    elif known:
        more = f" and {len(known) - 8} more" if len(known) > 8 else ""
        hint = "; it has " + ", ".join(repr(item) for item in known[:8]) + more
    else:
        hint = ": there are no profiles on this machine yet; make one with `gen3nb configure`"
    return ProfileError(f"there is no profile {name!r} in {path()}{hint}", profile=name)
