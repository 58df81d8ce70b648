"""``gen3nb validate``, ``diff``, ``submit`` and ``delete``: files of records into a commons."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gen3nb.cli.output import AsJson, confirmed, failed, note, show, show_frame, show_json
from gen3nb.cli.progress import progress
from gen3nb.cli.runlog import RunLog
from gen3nb.cli.target import Credentials, Endpoint, Profile, connected
from gen3nb.errors import Gen3Error, SubmissionError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from gen3nb.commons import Commons
    from gen3nb.frames.reports import ValidationReport
    from gen3nb.frames.submission import SubmissionReport

__all__ = ["delete", "diff", "show_submission", "submission_facts", "submit", "validate"]

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE|FOLDER...", help="TSV, CSV, XLSX, Parquet or JSON, named after their nodes."
    ),
]
Node = Annotated[
    str | None, typer.Option("--node", metavar="NODE", help="Of all records, if files do not tell.")
]
Where = Annotated[str, typer.Option("--project", metavar="PROGRAM-PROJECT", help="Where the records belong.")]
Report = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE.xlsx", help="The rows again, bad cells coloured and commented."),
]
Missing = Annotated[Literal["keep", "clear"], typer.Option(help="What an empty cell does to a stored value.")]
Privacy = Annotated[
    bool, typer.Option("--privacy/--no-privacy", help="Note columns that look like names, birth dates, …")
]


def validate(
    files: Files,
    project: Annotated[
        str | None, typer.Option("--project", metavar="PROGRAM-PROJECT", help="Where they will belong.")
    ] = None,
    node: Node = None,
    report: Report = None,
    privacy: Privacy = True,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Check records against the dictionary; nothing is sent. The exit code is 1 if there are problems."""
    from gen3nb.frames.files import read_files

    with connected(profile, endpoint, cred) as commons:
        frames = read_files(files, commons.dictionary, node)
        reports = {
            name: commons.validate(
                frame,
                name,
                project=project,
                others=_others(frames, name),
                privacy=privacy,
                progress=progress(),
            )
            for name, frame in frames.items()
        }
    _write_report(reports, report)
    _show_problems(reports, as_json=as_json)
    if not all(one.ok for one in reports.values()):
        raise typer.Exit(1)


def diff(
    files: Files,
    project: Where,
    node: Node = None,
    missing: Missing = "keep",
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Show what a submission would change, cell by cell; nothing is sent."""
    from gen3nb.frames.files import read_files

    told: dict[str, Any] = {}
    with connected(profile, endpoint, cred) as commons:
        for name, frame in read_files(files, commons.dictionary, node).items():
            found = commons.diff(frame, name, project=project, missing=missing, progress=progress())
            if as_json:
                cells = found.to_frame().astype(object).where(lambda table: table.notna(), None)
                told[name] = {"counts": found.counts, "cells": cells.to_dict("records"), "notes": found.notes}
                continue
            show(str(found))
            if len(found.to_frame()):
                show_frame(found.to_frame())
            for text in found.notes:
                note(text)
    if as_json:
        show_json(told)


def submit(
    files: Files,
    project: Where,
    node: Node = None,
    report: Report = None,
    log: Annotated[
        Path | None,
        typer.Option("--log", metavar="FILE", help="Append what is done: JSON, one event a line."),
    ] = None,
    missing: Missing = "keep",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and compare only; send nothing.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Send nothing unless every row is right.")] = False,
    verify: Annotated[
        Literal["keys", "values"],
        typer.Option(help="Look up afterwards that records are there, or every value."),
    ] = "keys",
    privacy: Privacy = True,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Submit files of records in link order; only what is new or changed is sent, and looked up afterwards.

    The exit code is 0 only if every row is stored as its file says. The same command again sends nothing
    twice, and finishes what was left.
    """
    from gen3nb.frames.files import read_files

    _writable(report)
    events = RunLog(log)
    try:
        with connected(profile, endpoint, cred) as commons:
            frames = read_files(files, commons.dictionary, node)
            rows = {name: len(frame) for name, frame in frames.items()}
            events.write("start", endpoint=commons.endpoint, project=project, rows=rows, dry_run=dry_run)
            note(f"Submitting {sum(rows.values()):,} rows to {project} at {commons.endpoint}")
            done = commons.submit(
                frames,
                project=project,
                missing=missing,
                dry_run=dry_run,
                strict=strict,
                verify=verify,
                privacy=privacy,
                progress=events.progress(),
            )
    except (SubmissionError, ValidationError) as error:
        events.failed(error)
        try:
            _write_report(_reports_of(error), report)
        except Gen3Error as other:  # what became of the rows is the error that matters
            failed(str(other))
        raise
    except (Gen3Error, OSError, KeyboardInterrupt) as error:
        events.failed(error)
        raise
    # what is stored is said first, whatever becomes of the report
    events.write("end", ok=done.ok, report=str(report) if report else None, **done.counts)
    show_submission(done, as_json=as_json)
    _write_report(done.validation, report)
    if not done.ok:
        raise typer.Exit(1)


def delete(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE|FOLDER...]", help="Whose records to delete.")
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", metavar="PROGRAM-PROJECT", help="Where the records are.")
    ] = None,
    guid: Annotated[
        list[str] | None,
        typer.Option("--guid", metavar="GUID", help="A data file: its bytes, and its record in the index."),
    ] = None,
    node: Node = None,
    with_children: Annotated[
        bool, typer.Option("--with-children", help="Delete all that hangs on the records too.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Delete the records that files name, children first, after showing what would go.

    With --guid delete data files: their bytes, and their records in the index.
    """
    from gen3nb.frames.files import read_files

    if guid:
        if files or project or node or with_children:
            raise typer.BadParameter("--guid deletes data files; records are deleted by files that name them")
        with connected(profile, endpoint, cred) as commons:
            delete_guids(commons, guid, dry_run=dry_run, yes=yes, as_json=as_json)
        return
    if not files or project is None:
        raise typer.BadParameter("name files of records and --project, or --guid for data files")
    with connected(profile, endpoint, cred) as commons:
        frames = read_files(files, commons.dictionary, node)
        options: dict[str, Any] = {"project": project, "with_children": with_children, "progress": progress()}
        report = commons.delete(frames, dry_run=True, **options)
        if not dry_run:
            note(f"{project} at {commons.endpoint}: {report}")
            if not yes and not confirmed("Delete these records?", instead="--yes"):
                note("Nothing was deleted.")
                raise typer.Exit(1)
            report = commons.delete(frames, **options)
    show_frame(report.to_frame(), as_json=as_json)
    if not as_json:
        show(f"\n{str(report)[:1].upper()}{str(report)[1:]}.")
    if not report.ok:
        raise typer.Exit(1)


def delete_guids(commons: Commons, guids: list[str], *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Delete data files, after showing which they are."""
    from gen3nb.cli.download import show_transfer

    if not all(guid.strip() for guid in guids):
        raise typer.BadParameter("an empty text is no GUID", param_hint="--guid")
    found = commons.indexd.bulk(guids)
    for guid in dict.fromkeys(guids):
        record = found.get(guid)
        what = (
            f"{record['file_name'] or 'a file'}, {record['size'] or 0:,} bytes" if record else "no such file"
        )
        note(f"{guid}: {what}")
    if dry_run:
        return
    if not yes and not confirmed("Delete these files, with their bytes?", instead="--yes"):
        note("Nothing was deleted.")
        raise typer.Exit(1)
    report = commons.files.delete(guids)
    show_transfer(report, as_json=as_json)
    if not report.ok:
        raise typer.Exit(1)


def _others(frames: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {other: frame for other, frame in frames.items() if other != name}


def _reports_of(error: Gen3Error) -> Mapping[str, ValidationReport]:
    """Give what was found of the rows, where an error carries it."""
    held = error.facts.get("report")
    found: Mapping[str, ValidationReport] = (
        error.facts.get("reports") or getattr(held, "validation", None) or {}
    )
    return found


def _writable(path: Path | None) -> None:
    """See that a report can be written, before anything is sent."""
    if path is None:
        return
    folder = path.expanduser().absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise Gen3Error(
            f"the report {path} cannot be written: there is no folder {folder} that you may write to"
        )


def _write_report(reports: Mapping[str, ValidationReport], path: Path | None) -> None:
    """Write the rows again with their problems, all nodes in one workbook."""
    if path is None or not reports:
        return
    first, *others = reports.values()
    first.to_excel(path, others=others)
    note(f"The rows with their problems: {path}")


def _show_problems(reports: Mapping[str, ValidationReport], *, as_json: bool) -> None:
    if as_json:
        show_json(
            {
                name: {
                    "ok": one.ok,
                    "problems": one.to_frame()
                    .astype(object)
                    .where(lambda t: t.notna(), None)
                    .to_dict("records"),
                    "notes": one.notes,
                }
                for name, one in reports.items()
            }
        )
        return
    for name, one in reports.items():
        if len(one.problems):
            show_frame(one.summary.drop(columns=["first_row"]).assign(node=name))
        for text in one.notes:
            note(f"{name}: {text}")
    for one in reports.values():
        show(f"{str(one)[:1].upper()}{str(one)[1:]}.")


def submission_facts(done: SubmissionReport) -> dict[str, Any]:
    """Give what a program is told of a submission."""
    left = _left(done)
    return {
        "ok": done.ok,
        "endpoint": done.endpoint,
        "project": done.project,
        "dry_run": done.dry_run,
        **done.counts,
        "left": left.astype(object).where(lambda held: held.notna(), None).to_dict("records"),
        "notes": done.notes,
    }


def show_submission(done: SubmissionReport, *, as_json: bool) -> None:
    """Show what became of a submission: the rows that are not stored, and a sentence."""
    if as_json:
        show_json(submission_facts(done))
        return
    left = _left(done)
    if len(left):
        show_frame(left.drop(columns=["id"]))
    for text in done.notes:
        note(text)
    show(f"{str(done)[:1].upper()}{str(done)[1:]}.")


def _left(done: SubmissionReport) -> pd.DataFrame:
    """Give the rows that are not stored."""
    table = done.to_frame()
    return table[table["status"].isin(["rejected", "not sent", "unknown"])]
