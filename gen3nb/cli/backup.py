"""``gen3nb export``, ``snapshot`` and ``restore``: projects as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from gen3nb.cli.output import AsJson, show, show_frame
from gen3nb.cli.progress import progress
from gen3nb.cli.submit import Missing, Where, show_submission
from gen3nb.cli.target import Credentials, Endpoint, Profile, connected

__all__ = ["export", "restore", "snapshot"]

Replace = Annotated[bool, typer.Option("--replace", help="Write over files that are there.")]


def export(
    target: Annotated[Path, typer.Argument(metavar="FOLDER|FILE.zip", help="Where the files go.")],
    project: Where,
    nodes: Annotated[
        list[str] | None, typer.Option("--node", metavar="NODE", help="Only this one; repeatable.")
    ] = None,
    form: Annotated[
        Literal["tsv", "json", "parquet", "xlsx"], typer.Option("--format", help="Of each file.")
    ] = "tsv",
    replace: Replace = False,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Write the records of a project, a file for each node, with counts and checksums."""
    from gen3nb.frames.saving import export as save

    with connected(profile, endpoint, cred) as commons:
        wanted = nodes or commons.counts(project)["node"].tolist()
        report = save(commons, project, wanted, form, target, replace=replace, progress=progress())
    show_frame(report.to_frame(), as_json=as_json)
    if not as_json:
        show(f"\n{report}")


def snapshot(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the snapshot goes.")],
    project: Where,
    replace: Replace = False,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Back up all records of a project with its dictionary, whole or not at all."""
    with connected(profile, endpoint, cred) as commons:
        report = commons.snapshot(project, folder, replace=replace, progress=progress())
    show_frame(report.to_frame(), as_json=as_json)
    if not as_json:
        show(f"\n{report}")


def restore(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A snapshot.")],
    project: Annotated[
        str | None,
        typer.Option("--project", metavar="PROGRAM-PROJECT", help="By default that of the snapshot."),
    ] = None,
    missing: Missing = "keep",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and compare only; send nothing.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Send nothing unless every row is right.")] = False,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Submit a snapshot to its project or another; checksums are compared first."""
    with connected(profile, endpoint, cred) as commons:
        done = commons.restore(
            folder, project=project, missing=missing, dry_run=dry_run, strict=strict, progress=progress()
        )
    show_submission(done, as_json=as_json)
    if not done.ok:
        raise typer.Exit(1)
