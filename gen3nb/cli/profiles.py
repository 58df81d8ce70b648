"""``gen3nb profiles``: which commons you have keys for."""

from __future__ import annotations

from typing import Annotated

import typer

from gen3nb.cli.configure import described
from gen3nb.cli.grammar import Commands
from gen3nb.cli.output import AsJson, note, show, show_json, show_rows
from gen3nb.errors import ProfileError

__all__ = ["app"]

app = Commands("Profiles: which commons you use, and the key of each.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The profile.")]
_COLUMNS = ("profile", "default", "endpoint", "key until")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the profiles, their commons, and until when their keys are good; no commons is asked."""
    from gen3nb import profiles

    chosen = profiles.default()
    rows = [{**described(profiles.get(name)), "default": name == chosen} for name in profiles.names()]
    if as_json:
        show_json(rows)
        return
    for row in rows:
        row["key until"] = row["problem"] or (row["key_expires"] or "").replace("T", " ")[:16]
    show_rows(rows, _COLUMNS)
    if not rows:
        note("There are no profiles yet: gen3nb configure --profile=NAME --cred=FILE --apiendpoint=URL")


@app.command("show")
def show_(name: Name, as_json: AsJson = False) -> None:
    """Show one profile, without its key."""
    from gen3nb import profiles

    profile = profiles.get(name)
    facts = {
        **described(profile),
        "default": name == profiles.default(),
        "api_key": "[hidden]" if profile.api_key else None,
        "access_token": "[hidden]" if profile.access_token else None,
        "settings": {key: value for key, value in profile.settings.items() if key != "key_id"},
    }
    if as_json:
        show_json(facts)
        return
    settings = facts.pop("settings")
    rows = [
        {"key": key, "value": value}
        for key, value in {**facts, **settings}.items()
        if value not in (None, [])
    ]
    show_rows(rows, ["key", "value"], heads=False)


@app.command()
def remove(name: Name, as_json: AsJson = False) -> None:
    """Remove a profile. Its key stays valid: delete that on the commons' profile page."""
    from gen3nb import profiles

    endpoint = profiles.get(name).endpoint
    profiles.remove(name)
    if as_json:
        show_json({"removed": name, "endpoint": endpoint})
        return
    show(f"Profile '{name}' has been removed.")
    note(f"Its key is still valid until it ends; you can delete it on the profile page of {endpoint}.")


@app.command()
def default(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The profile; without it, say which it is.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Choose the profile that counts when none is named, or say which it is."""
    from gen3nb import profiles

    if name is not None:
        profiles.set_default(name)
    chosen = profiles.default()
    if as_json:
        show_json({"default": chosen})
    elif chosen is None:
        raise ProfileError("no profile is the default: choose one with gen3nb profiles default NAME")
    else:
        show(chosen)
