"""Profiles: ``~/.gen3/gen3_client_config.ini``, shared with ``gen3-client`` and ``data-client``."""

from __future__ import annotations

import configparser
import difflib
import logging
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gen3nb.client.credentials import Credential, from_access_token, from_key
from gen3nb.client.redaction import Secret
from gen3nb.errors import ProfileError

__all__ = ["Profile", "default", "get", "names", "path"]

logger = logging.getLogger("gen3nb.client")

KEYS = ("key_id", "api_key", "access_token", "api_endpoint", "use_shepherd", "min_shepherd_version")


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
                f"{source} in {path()} has neither api_key nor access_token", profile=self.name
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
        )


def path() -> Path:
    """Give the profile file's path."""
    return Path("~/.gen3/gen3_client_config.ini").expanduser()


def names() -> list[str]:
    """Give the names of all profiles, in the order of the file."""
    return list(_read().sections())


def get(name: str) -> Profile:
    """Give one profile.

    Raises
    ------
    ProfileError
        There is none of this name, or the file is broken.
    """
    parser = _read()
    if not parser.has_section(name):
        known = parser.sections()
        near = difflib.get_close_matches(name, known, n=1)
        if near:
            hint = f"; did you mean {near[0]!r}?"
        elif known:
            hint = "; it has " + ", ".join(repr(item) for item in known[:8])
        else:
            hint = ": there are no profiles on this machine yet"
        raise ProfileError(f"there is no profile {name!r} in {path()}{hint}", profile=name)
    section: dict[str, str] = {k: Secret(v.strip()) for k, v in parser.items(name) if v is not None}
    return Profile(
        name,
        str(section.get("api_endpoint", "")).rstrip("/"),
        {
            key: str(value)
            for key, value in section.items()
            if key not in ("api_key", "access_token", "access_key")
        },
        Secret(section.get("api_key", "")),
        Secret(section.get("access_token", "") or section.get("access_key", "")),
    )


def default() -> str | None:
    """Give the profile that counts when none is named: ``default``, or the only one there is."""
    found = names()
    chosen = [name for name in found if name.lower() == "default"] or found
    return chosen[0] if len(chosen) == 1 else None


def _read() -> configparser.ConfigParser:
    """Read the file as its Go writers mean it: no interpolation, no special sections."""
    parser = configparser.ConfigParser(
        interpolation=None, default_section="\0", strict=False, delimiters=("=",), allow_no_value=True
    )
    file = path()
    problem = ""
    try:
        mode = file.stat().st_mode
        with file.open(encoding="utf-8-sig") as opened:
            parser.read_file(opened)
    except FileNotFoundError:
        return parser
    except configparser.MissingSectionHeaderError as error:
        problem = f"line {error.lineno} stands before the first [profile]"
    except configparser.ParsingError as error:
        problem = "line " + ", ".join(str(line) for line, _ in error.errors[:3]) + " is not 'key = value'"
    except (OSError, UnicodeDecodeError) as error:
        problem = type(error).__name__
    if problem:
        raise ProfileError(f"the profile file {file} cannot be read: {problem}", path=str(file))
    if os.name == "posix" and mode & (stat.S_IRGRP | stat.S_IROTH):
        logger.warning("other users of this machine can read your keys in %s: chmod 600 it", file)
    return parser
