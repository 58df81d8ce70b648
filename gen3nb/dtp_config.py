"""The configuration files of ``dtp``: they name a commons and an API key file, in JSON or in INI."""

from __future__ import annotations

import configparser
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gen3nb.client.auth import Auth
from gen3nb.errors import ProfileError

__all__ = ["auth_of_config"]


def auth_of_config(path: str | os.PathLike[str]) -> Auth:
    """Sign in as a configuration file of ``dtp`` says.

    Parameters
    ----------
    path : path
        JSON with ``gen3_endpoint`` and ``gen3_cred_file``, or INI with ``endpoint``, ``cred_file`` and, if
        need be, ``ssl_cert`` (a CA file) in the section ``[gen3]``. Paths in it are relative to it.

    Raises
    ------
    ProfileError
        The file cannot be read, or does not name both.
    """
    file = Path(path).expanduser()
    settings = _settings(file)
    endpoint = str(settings.get("endpoint") or settings.get("gen3_endpoint") or "").strip()
    key = str(settings.get("cred_file") or settings.get("gen3_cred_file") or "").strip()
    if not endpoint or not key:
        raise ProfileError(
            f"the configuration file {file} names no commons with an API key file: in JSON these are "
            "gen3_endpoint and gen3_cred_file, in INI endpoint and cred_file under [gen3]"
        )
    certificate = str(settings.get("ssl_cert") or "").strip()
    verify: bool | str = str(_beside(file, certificate)) if certificate else True
    return Auth(endpoint, _beside(file, key), verify=verify)


def _beside(file: Path, name: str) -> Path:
    """Give a path that a configuration file names."""
    return file.parent / Path(name).expanduser()


def _settings(file: Path) -> Mapping[str, Any]:
    """Read either kind."""
    problem = ""
    try:
        text = file.read_text("utf-8-sig")
        if text.lstrip().startswith("{"):
            found = json.loads(text)
            return found if isinstance(found, dict) else {}
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(text)
        return dict(parser["gen3"]) if parser.has_section("gen3") else {}
    except OSError as error:
        problem = error.strerror or type(error).__name__
    except (ValueError, configparser.Error) as error:
        # the message may quote a line with a password
        problem = f"it is neither JSON nor INI ({type(error).__name__})"
    raise ProfileError(f"the configuration file {file} cannot be read: {problem}", path=str(file))
