"""``gen3nb doctor``: what is wrong with my set-up."""

from __future__ import annotations

import typer

from gen3nb.cli.output import AsJson, show, show_json
from gen3nb.cli.target import Credentials, Endpoint, Profile

__all__ = ["doctor"]

_MARKS = {"ok": "✓", "warning": "!", "wrong": "✗", "skipped": "–"}


def doctor(
    profile: Profile = None, endpoint: Endpoint = None, cred: Credentials = None, as_json: AsJson = False
) -> None:
    """Find what is wrong with the set-up, from packages to permissions, and say what to do.

    It works without a profile and without a network, changes nothing, and shows no key. The exit code is 1 if
    something is wrong.
    """
    from gen3nb.doctor import examine

    found = examine(endpoint, credentials=cred, profile=profile)
    if as_json:
        show_json(found.to_json())
    else:
        for one in found.findings:
            show(f"{_MARKS[one.status]} {one.check}: {one.said}")
            if one.remedy and one.status in ("warning", "wrong"):
                show(f"    → {one.remedy}")
        show(f"\n{str(found)[:1].upper()}{str(found)[1:]}.")
    if not found.ok:
        raise typer.Exit(1)
