"""``gen3nb download``, ``download-single``, ``download-multiple``: files of a commons into a folder."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gen3nb.cli.messages import is_terminal
from gen3nb.cli.output import AsJson, confirmed, note, show, show_frame, show_json
from gen3nb.cli.progress import progress
from gen3nb.cli.target import Credentials, Endpoint, Profile, connected
from gen3nb.errors import TransferError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from gen3nb.transfer.plan import Plan
    from gen3nb.transfer.report import TransferReport

__all__ = [
    "download",
    "download_multiple",
    "download_single",
    "facts_of_transfer",
    "manifest_file",
    "show_failures",
    "show_transfer",
]

Folder = Annotated[Path, typer.Option("--download-path", metavar="FOLDER", help="Made if it is not there.")]
Named = Annotated[
    Literal["original", "guid", "combined"],
    typer.Option("--filename-format", help="Names as in the commons, GUIDs, or GUID_name."),
]
Rename = Annotated[
    bool, typer.Option("--rename", help="Number a file whose name is taken, rather than replace one.")
]
NoPrompt = Annotated[bool, typer.Option("--no-prompt", help="Do not ask; files of that name are replaced.")]
Protocol = Annotated[
    str, typer.Option("--protocol", metavar="PROTOCOL", help="From which of its places: s3, gs, …")
]
SkipCompleted = Annotated[
    bool,
    typer.Option(
        "--skip-completed",
        help="Trust a file's size where there is no hash. What is there and right is never fetched twice.",
    ),
]
Parallel = Annotated[int, typer.Option("--numparallel", metavar="N", min=1, help="Requests at a time.")]
Shard = Annotated[
    str | None,
    typer.Option("--shard", metavar="N/OF", help="One part of the files, for one of several machines: 3/16."),
]
#: How many files that were not begun are named.
_NOT_STARTED = 5

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be downloaded.")]


def download_single(
    guid: Annotated[str, typer.Option("--guid", metavar="GUID", help="Of the file.")],
    folder: Folder = Path("."),
    filename_format: Named = "original",
    rename: Rename = False,
    no_prompt: NoPrompt = False,
    protocol: Protocol = "",
    skip_completed: SkipCompleted = False,
    dry_run: DryRun = False,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Download one file, checked by its hash; the same command again goes on where it stopped."""
    options = _options(filename_format, rename, no_prompt, protocol, skip_completed, dry_run)
    _download(guid, folder, options, no_prompt, (profile, endpoint, cred), as_json=as_json)


def download_multiple(
    manifest: Annotated[
        Path, typer.Option("--manifest", metavar="FILE", help="JSON or TSV of a portal, client or the SDK.")
    ],
    folder: Folder = Path("."),
    filename_format: Named = "original",
    rename: Rename = False,
    no_prompt: NoPrompt = False,
    protocol: Protocol = "",
    parallel: Parallel = 16,
    skip_completed: SkipCompleted = False,
    shard: Shard = None,
    dry_run: DryRun = False,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Download the files of a manifest, each checked by its hash; the same command again goes on.

    The exit code is 0 only if every file is there and right.
    """
    options = _options(filename_format, rename, no_prompt, protocol, skip_completed, dry_run)
    options |= {"parallel": parallel, "shard": _shard(shard)}
    _download(manifest_file(manifest), folder, options, no_prompt, (profile, endpoint, cred), as_json=as_json)


def download(
    guid: Annotated[
        list[str] | None, typer.Option("--guid", metavar="GUID", help="Of a file; several times for several.")
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option("--manifest", metavar="FILE", help="JSON or TSV that lists files.")
    ] = None,
    folder: Folder = Path("."),
    filename_format: Named = "original",
    rename: Rename = False,
    no_prompt: NoPrompt = False,
    protocol: Protocol = "",
    parallel: Parallel = 16,
    skip_completed: SkipCompleted = False,
    shard: Shard = None,
    dry_run: DryRun = False,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Download files by GUID or manifest, each checked by its hash; the same command again goes on.

    The exit code is 0 only if every file is there and right.
    """
    if bool(guid) == (manifest is not None):
        raise typer.BadParameter("give --guid, or --manifest")
    options = _options(filename_format, rename, no_prompt, protocol, skip_completed, dry_run)
    options |= {"parallel": parallel, "shard": _shard(shard)}
    files = manifest_file(manifest) if manifest is not None else list(guid or ())
    _download(files, folder, options, no_prompt, (profile, endpoint, cred), as_json=as_json)


def _options(
    filename_format: str, rename: bool, no_prompt: bool, protocol: str, skip_completed: bool, dry_run: bool
) -> dict[str, Any]:
    return {
        "filename_format": filename_format,
        "rename": rename,
        # as the Go clients do, after asking
        "overwrite": not rename,
        "protocol": protocol or None,
        "skip_completed": skip_completed,
        "dry_run": dry_run,
    }


def manifest_file(manifest: Path) -> Path:
    """Give the path of a manifest that is there; another text would be taken for a GUID."""
    if not manifest.expanduser().exists():
        raise TransferError(f"The manifest {manifest} cannot be read: there is no such file.")
    return manifest


def _shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is not as 3/16", param_hint="--shard")
    return int(match[1]), int(match[2])


def _download(
    files: Any,
    folder: Path,
    options: dict[str, Any],
    no_prompt: bool,
    target: tuple[str | None, str | None, Path | None],
    *,
    as_json: bool,
) -> None:
    with connected(*target) as commons:

        def agreed(plan: Plan) -> bool:
            note(f"{plan} (from {commons.endpoint})")
            for text in plan.notes:
                note(text)
            if no_prompt or not (plan.counts["wanted"] or plan.counts["check"]):
                return True
            if not is_terminal(sys.stdin) and not plan.replaced and not plan.counts["check"]:
                return True  # nothing of the user's own can be lost
            return confirmed("Proceed?", instead="--no-prompt")

        try:
            report = commons.files.download(files, folder, confirm=agreed, progress=progress(), **options)
        except TransferError as error:
            held = error.facts.get("report")
            if held is not None:
                show_transfer(held, as_json=as_json)
            raise
    show_transfer(report, as_json=as_json)
    if not len(report) and options.get("shard") is None:
        raise TransferError(f"{files} lists no files: nothing was downloaded.")
    if not report.ok:
        raise typer.Exit(1)


def show_transfer(
    report: TransferReport,
    *,
    as_json: bool,
    every: bool = False,
    named: int | None = None,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Show what became of files: those that are not where they should be, and a sentence.

    Parameters
    ----------
    report : TransferReport
    as_json : bool
    every : bool
        A program is told of each file, as it has to be of the GUIDs that are new.
    named : int, optional
        At most so many files are named to a person, where all of them stand elsewhere.
    more : Mapping, optional
        What a program is told besides.
    """
    if as_json:
        show_json({**facts_of_transfer(report, every=every), **(more or {})})
        return
    show_failures(report, named)
    done = report.counts.get(report.verb, 0)
    if not report.dry_run:
        show(f"{done:,} files {report.verb}.")
    show(f"{str(report)[:1].upper()}{str(report)[1:]}.")


def facts_of_transfer(report: TransferReport, *, every: bool = False) -> dict[str, Any]:
    """Give what became of files as a program is told it: of those that are not there, or of every one."""
    return {
        "ok": report.ok,
        "where": report.where,
        "dry_run": report.dry_run,
        "counts": report.counts,
        "bytes": report.bytes,
        "seconds": round(report.seconds, 3),
        "failed": _told(report.failed),
        "notes": report.notes,
        **({"files": _told(report.to_frame())} if every else {}),
    }


def show_failures(report: TransferReport, named: int | None = None) -> None:
    """Show the files that are not where they should be, at most so many of them.

    Those that were not begun all have one reason: a few of them will do.
    """
    rows = report.failed[["guid", "name", "status", "why"]]
    waiting = rows["status"] == "not started"
    shown = rows[~waiting | (waiting.cumsum() <= _NOT_STARTED)]
    shown = shown if named is None else shown.head(named)
    if len(shown):
        show_frame(shown)
    if len(shown) < len(rows):
        show(f"… and {len(rows) - len(shown):,} more{' that were not started' if named is None else ''}")


def _told(frame: pd.DataFrame) -> Any:
    """Give rows as JSON has them."""
    return frame.astype({"status": str}).to_dict("records")
