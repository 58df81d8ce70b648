"""``gen3nb register``, ``unmapped`` and ``map``: files that are there already, and their records."""

from __future__ import annotations

import filecmp
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gen3nb.cli.download import manifest_file, show_failures, show_transfer
from gen3nb.cli.output import AsJson, confirmed, failed, note, show, show_frame, show_json
from gen3nb.cli.progress import progress
from gen3nb.cli.submit import show_submission, submission_facts
from gen3nb.cli.target import Credentials, Endpoint, Profile, connected
from gen3nb.cli.upload import Authz, Collection, Property, validated
from gen3nb.errors import TransferError

if TYPE_CHECKING:
    from gen3nb.transfer.register_report import RegisterReport

__all__ = ["map_files", "register", "unmapped"]

#: So many files are named on a terminal; all of them stand in the manifest to repair.
NAMED = 20


def register(
    manifest: Annotated[
        Path,
        typer.Argument(metavar="MANIFEST", help="JSON, TSV or CSV: urls, size, md5 of each; GUID, authz."),
    ],
    project: Annotated[
        str | None,
        typer.Option("--project", metavar="PROGRAM-PROJECT", help="Whose members may read them."),
    ] = None,
    authz: Authz = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only; register nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Register nothing unless every entry is right.")
    ] = False,
    repair: Annotated[
        Path | None,
        typer.Option(
            "--repair",
            metavar="FILE.tsv",
            help="Where to write what is wrong, with reasons; by default NAME-to-repair.tsv.",
        ),
    ] = None,
    parallel: Annotated[
        int, typer.Option("--numparallel", metavar="N", min=1, help="Requests at a time.")
    ] = 8,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Register files that lie in a bucket already, by manifest; all is checked first, and shown.

    What is wrong is written as a manifest with the reasons, to be repaired and given again. The same command
    again registers nothing twice. The exit code is 0 only if every file is in the index.
    """
    given = manifest_file(manifest)
    options: dict[str, Any] = {"project": project, "authz": authz or None, "parallel": parallel}
    with connected(profile, endpoint, cred) as commons:
        report = commons.files.register(given, dry_run=True, progress=progress(), **options)
        written = _write_what_is_wrong(report, manifest, repair)
        if not dry_run and report.counts.get("registered") and not (strict and not report.ok):
            if not as_json and not yes:  # else they are shown once, at the end
                show_failures(report, NAMED)
            note(f"{manifest} at {commons.endpoint}: {report}")
            if not yes and not confirmed("Register the others?" if written else "Register?", instead="--yes"):
                note("Nothing was registered.")
                raise typer.Exit(1)
            try:
                report = commons.files.register(given, progress=progress(), **options)
            except TransferError as error:
                held = error.facts.get("report")
                if held is not None:
                    _show(held, _write_what_is_wrong(held, manifest, repair or written), as_json=as_json)
                raise
            try:
                written = _write_what_is_wrong(report, manifest, repair or written)
            except TransferError as error:  # what became of the files is to be said all the same
                failed(str(error))
        elif not dry_run and not report.counts.get("registered"):
            report.dry_run = False  # there is nothing to do
    _show(report, written, as_json=as_json)
    if not report.ok:
        if strict and not dry_run and report.dry_run:
            note("Nothing was registered, since not every entry is right (--strict).")
        raise typer.Exit(1)


def _write_what_is_wrong(report: RegisterReport, manifest: Path, target: Path | None) -> Path | None:
    """Write the entries that are to be repaired, if there are any; without a target under a free name."""
    if target is not None:
        return target if report.to_manifest(target) else None
    stem = manifest.stem.partition("-to-repair")[0]
    number, name, before = 1, Path(f"{stem}-to-repair.tsv"), None
    while name.exists():
        number += 1
        name, before = Path(f"{stem}-to-repair-{number}.tsv"), name
    if not report.to_manifest(name):
        return None
    # the same command again leaves no further copy
    if before is not None and filecmp.cmp(before, name, shallow=False):
        name.unlink()
        return before
    return name


def _show(report: RegisterReport, written: Path | None, *, as_json: bool) -> None:
    """Show what became of a manifest, and where what is to be repaired was written."""
    if as_json:
        show_transfer(report, as_json=True, more={"repair": str(written) if written else None})
    else:
        show_transfer(report, as_json=False, named=NAMED)
    if written:
        note(f"To repair and give again, with the reason of each: {written}")


def unmapped(
    project: Annotated[
        str | None,
        typer.Option(
            "--project", metavar="PROGRAM-PROJECT", help="Its files, and those that you uploaded for nobody."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="A manifest: .tsv, .csv, .json, .xlsx …; else a table."
        ),
    ] = None,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """List the files that are in the commons and that no record describes.

    Without --project those that you uploaded for nobody else yet. `gen3nb map` makes their records.
    """
    from gen3nb.frames.files import ENDINGS, write_frame
    from gen3nb.frames.reports import counted

    if output is not None and output.suffix.lower() not in ENDINGS:
        raise typer.BadParameter(f"{output.name} ends in none of {', '.join(ENDINGS)}", param_hint="--output")
    with connected(profile, endpoint, cred) as commons:
        frame = commons.files.unmapped(project)
        if output is not None:
            write_frame(frame, output, commons.dictionary)
    if output is None:
        show_frame(frame, as_json=as_json)
    elif as_json:
        show_json({"files": len(frame), "columns": list(frame.columns), "file": str(output)})
    else:
        note(f"{counted(len(frame), 'file')} without a record written to {output}")
    waiting = int((~frame["ready"]).sum())
    if waiting:
        note(f"Of {counted(waiting, 'file')} the index knows no size and hash yet: they cannot be mapped.")
    if frame.empty and output is None and not as_json:
        note("Every file has a record.")


def map_files(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A table with a column object_id, as `gen3nb unmapped -o FILE` writes it."
        ),
    ],
    node: Annotated[
        str, typer.Option("--node", metavar="NODE", help="Of the records: submitted_aligned_reads …")
    ],
    project: Annotated[
        str, typer.Option("--project", metavar="PROGRAM-PROJECT", help="Where the records belong.")
    ],
    properties: Property = None,
    collection: Collection = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only; send nothing.")] = False,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Make the records that describe files which are in the commons.

    Names, sizes and hashes come from the index; further columns of the file are properties and links of the
    records. The exit code is 0 only if every record is stored.
    """
    from gen3nb.frames.files import properties_of
    from gen3nb.transfer.mapping import read_files_to_map

    more = "Properties and links are columns of the file, or --property NAME=VALUE for all of its files."
    with connected(profile, endpoint, cred) as commons, validated(more):
        frame = read_files_to_map(file, node, commons.dictionary)
        note(f"Describing {len(frame):,} files as {node} of {project} at {commons.endpoint}")
        done = commons.files.map(
            frame,
            node=node,
            project=project,
            properties=properties_of(properties or (), commons.dictionary[node]),
            collection=collection,
            dry_run=dry_run,
            progress=progress(),
        )
    if as_json:
        show_json(submission_facts(done))
    else:
        show_submission(done, as_json=False)
        if done.ok and not dry_run:
            show(f"gen3nb read {node} --project {project} shows the records.")
    if not done.ok:
        raise typer.Exit(1)
