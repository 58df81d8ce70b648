"""``gen3nb configure``: make a profile."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gen3nb.cli.output import AsJson, show, show_json
from gen3nb.cli.target import Credentials, Endpoint, Profile
from gen3nb.errors import ProfileError

__all__ = ["configure"]


def configure(
    profile: Profile = None,
    cred: Credentials = None,
    endpoint: Endpoint = None,
    use_shepherd: Annotated[
        str | None,
        typer.Option(
            "--use-shepherd",
            metavar="BOOL",
            help="Begin uploads at Shepherd where the commons runs it: true or false.",
        ),
    ] = None,
    min_shepherd_version: Annotated[
        str | None,
        typer.Option("--min-shepherd-version", metavar="VERSION", help="Not an older one; 2.0.0 by default."),
    ] = None,
    token_file: Annotated[
        str | None,
        typer.Option(
            "--fenceToken",
            "--token-file",
            metavar="FILE",
            help="In place of a key: a file that holds an access token, or - for standard input.",
        ),
    ] = None,
    allow_http: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-http",
            metavar="HOST",
            help="Speak to this host without encryption; the profile keeps that.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a profile, or give one another key; both are tried at the commons before anything is written.

    The file, ~/.gen3/gen3_client_config.ini, is the one of gen3-client and data-client. An existing profile
    keeps what is not said here.
    """
    from gen3nb import profiles

    if profile is None:
        raise typer.BadParameter('required flag(s) "profile" not set', param_hint="--profile")
    if cred is None and token_file is None:
        raise typer.BadParameter('required flag(s) "cred" not set', param_hint="--cred")
    made = profiles.configure(
        profile,
        str(cred) if cred is not None else None,
        endpoint or None,
        access_token=_token(token_file) if cred is None and token_file is not None else None,
        use_shepherd=use_shepherd,
        min_shepherd_version=min_shepherd_version,
        allow_http=allow_http or (),
    )
    if as_json:
        show_json(described(made))
        return
    show(f"Profile '{made.name}' has been configured successfully.")


def described(profile: Any) -> dict[str, Any]:
    """Give what may be shown of a profile, and nothing secret."""
    from gen3nb.client.profiles import home_of
    from gen3nb.client.tokens import moment
    from gen3nb.errors import Gen3Error

    problem, expires = "", None
    try:
        expires = moment(profile.credential().key_expires)
    except Gen3Error as error:
        problem = error.message
    return {
        "profile": profile.name,
        "endpoint": profile.endpoint,
        "key_id": profile.settings.get("key_id", ""),
        "key_expires": expires.isoformat() if expires else None,
        "problem": problem or None,
        "allow_http": list(profile.allow_http),
        "file": str(home_of(profile.name)),
    }


def _token(name: str) -> str:
    """Read an access token from a file or from standard input."""
    if name == "-":
        return sys.stdin.read().strip()
    problem = ""
    try:
        return Path(name).expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        problem = getattr(error, "strerror", None) or "it is not text"
    raise ProfileError(f"the token file {name} cannot be read: {problem}")
