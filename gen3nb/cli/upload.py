"""``gen3nb upload``, its relations of the Go clients, and ``retry-upload``: files into a commons."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gen3nb.cli.download import show_transfer
from gen3nb.cli.messages import is_terminal, said
from gen3nb.cli.output import AsJson, failed, note, show
from gen3nb.cli.progress import progress
from gen3nb.cli.target import Credentials, Endpoint, Profile, connected
from gen3nb.errors import TransferError, ValidationError

if TYPE_CHECKING:
    from gen3nb.commons import Commons
    from gen3nb.transfer.sources import LocalFile
    from gen3nb.transfer.spool import Outcome
    from gen3nb.transfer.upload_log import FileLog
    from gen3nb.transfer.upload_report import UploadReport

__all__ = [
    "Authz",
    "Collection",
    "Property",
    "sent",
    "upload",
    "upload_multipart",
    "upload_multiple",
    "upload_single",
    "validated",
]

_ROWS = (".tsv", ".csv", ".xlsx", ".parquet", ".txt")

Bucket = Annotated[str, typer.Option("--bucket", metavar="NAME", help="By default the commons' own choice.")]
Parallel = Annotated[
    int, typer.Option("--numparallel", metavar="N", min=1, help="Files at a time, and parts of a file.")
]
Batch = Annotated[bool, typer.Option("--batch/--no-batch", help="Several at a time; without it one by one.")]
ForceMultipart = Annotated[
    bool, typer.Option("--force-multipart", help="In parts from 5 MiB on; else from 64 MiB on.")
]
Authz = Annotated[
    list[str] | None,
    typer.Option("--authz", metavar="RESOURCE", help="/programs/P/projects/Q; several times for several."),
]
Where = Annotated[
    str | None,
    typer.Option("--project", metavar="PROGRAM-PROJECT", help="Whose members may read the files."),
]
Property = Annotated[
    list[str] | None,
    typer.Option(
        "--property", metavar="NAME=VALUE", help="Of all the records: a property, or a link; repeatable."
    ),
]
Collection = Annotated[
    str | None,
    typer.Option(
        "--collection", metavar="SUBMITTER_ID", help="Their core_metadata_collection, made if need be."
    ),
]
Subdirname = Annotated[
    bool,
    typer.Option(
        "--include-subdirname/--no-include-subdirname",
        help="Name files by their path below the upload path; else by their base name.",
    ),
]
Guid = Annotated[str, typer.Option("--guid", metavar="GUID", help="Of a record that is there already.")]


def upload(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE|FOLDER|PATTERN...]", help="What to upload.")
    ] = None,
    upload_path: Annotated[
        list[str] | None,
        typer.Option("--upload-path", metavar="PATH", help="The same: a file, a folder or a pattern."),
    ] = None,
    batch: Batch = True,
    parallel: Parallel = 16,
    include_subdirname: Subdirname = True,
    metadata: Annotated[
        bool, typer.Option("--metadata", help="What a_metadata.json says goes with a.bam.")
    ] = False,
    bucket: Bucket = "",
    force_multipart: ForceMultipart = False,
    project: Where = None,
    authz: Authz = None,
    again: Annotated[
        bool, typer.Option("--again", help="A new GUID also for what the commons has already.")
    ] = False,
    node: Annotated[
        str | None,
        typer.Option(
            "--node",
            metavar="NODE",
            help="Submit a record of this node for each file too. A table (.tsv, .csv, .xlsx) may then name "
            "the files, column path, and hold the properties of each record.",
        ),
    ] = None,
    properties: Property = None,
    collection: Collection = None,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Upload files, each once and checked by its hash; the same command again goes on where it stopped.

    With --node each file gets its record in the graph too, checked before any file is sent. The exit code is
    0 only if every file is there and right.
    """
    rows = [word for word in paths or () if word.lower().endswith(_ROWS)]
    if node is None:
        rows = [word for word in rows if _holds_records(Path(word).expanduser())]
    if node is None and (properties or collection):
        raise typer.BadParameter("it is of records, and no --node says of which", param_hint="--property")
    if node is not None and project is None:
        raise typer.BadParameter("name it: records of --node go to a project", param_hint="--project")
    if rows and node is None:
        failed(
            f"{rows[0]} holds records, which are submitted, not uploaded: gen3nb submit {rows[0]} "
            f"--project PROGRAM-PROJECT. To upload it as a file: --upload-path {rows[0]}. To upload the "
            "files that its column path names: --node NODE"
        )
        raise typer.Exit(2)
    given = [*(paths or ()), *(upload_path or ())]
    if not given:
        raise typer.BadParameter("name what to upload", param_hint="--upload-path")
    if rows and len(given) > 1:
        raise typer.BadParameter(f"{rows[0]} names the files: give it alone, or files without it")
    options: dict[str, Any] = {
        "include_subdirname": include_subdirname,
        "metadata": metadata,
        "bucket": bucket or None,
        "multipart": True if force_multipart else None,
        "parallel": parallel if batch else 1,
        "project": project,
        "authz": authz or None,
        "again": again,
    }
    target = (profile, endpoint, cred)
    if node is None:
        _upload(given, options, target, as_json=as_json)
        return
    described = {"node": node, "collection": collection}
    if rows:
        options.pop("include_subdirname")  # a table names files itself

    def prepared(commons: Commons) -> tuple[Any, dict[str, Any]]:
        from gen3nb.frames.files import properties_of, read_files

        held = properties_of(properties or (), commons.dictionary[node])
        files = read_files(rows, commons.dictionary, node)[node] if rows else given
        return files, {**options, **described, "properties": held}

    _upload(prepared, {}, target, as_json=as_json)


def _holds_records(path: Path) -> bool:
    """Say whether a table is one of records, or names files: else it is a file as any other."""
    from gen3nb.transfer.sources import PATHS

    if not path.is_file():
        return False
    try:
        if path.suffix.lower() == ".parquet":
            from pyarrow import parquet

            columns = list(parquet.read_schema(path).names)
        elif path.suffix.lower() == ".xlsx":
            return True  # of a workbook the dictionary says which sheets are nodes
        else:
            with path.open("rb") as opened:
                columns = re.split(r"[\t,;]", opened.readline(1 << 16).decode("utf-8-sig", "replace"))
    except (OSError, ValueError):  # the upload itself says what is wrong with it
        return False
    names = {column.strip(' \r\n"*').lower() for column in columns}
    return any(name in PATHS or name.endswith("submitter_id") for name in names)


def upload_single(
    guid: Guid,
    file: Annotated[str, typer.Option("--file", metavar="FILE", help="What to upload.")],
    bucket: Bucket = "",
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Upload one file to the record of a GUID, checked by its hash."""
    if not guid.strip():  # a script's variable that is not set makes no new file
        raise typer.BadParameter("it is empty", param_hint="--guid")
    options = {"bucket": bucket or None}
    _upload(_single(file, guid), options, (profile, endpoint, cred), as_json=as_json)


def upload_multiple(
    manifest: Annotated[
        Path, typer.Option("--manifest", metavar="FILE", help="JSON or TSV: GUIDs and file names.")
    ],
    upload_path: Annotated[
        str, typer.Option("--upload-path", metavar="FOLDER", help="Where the files of the manifest are.")
    ],
    batch: Batch = True,
    parallel: Parallel = 16,
    bucket: Bucket = "",
    include_subdirname: Subdirname = True,
    force_multipart: ForceMultipart = False,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Upload the files of a manifest to the records of its GUIDs, each checked by its hash.

    The exit code is 0 only if every file is there and right.
    """
    from gen3nb.transfer.retrying import files_of_manifest

    if not manifest.expanduser().exists():
        raise TransferError(f"The manifest {manifest} cannot be read: there is no such file.")
    frame, notes = files_of_manifest(manifest, upload_path)
    for text in notes:
        note(f"Warning: {text}")
    if not include_subdirname:
        frame["file_name"] = [Path(name).name for name in frame["file_name"]]
    options = {
        "bucket": bucket or None,
        "multipart": True if force_multipart else None,
        "parallel": parallel if batch else 1,
    }
    _upload(frame, options, (profile, endpoint, cred), as_json=as_json)


def upload_multipart(
    file_path: Annotated[str, typer.Option("--file-path", metavar="FILE", help="What to upload.")],
    guid: Annotated[
        str, typer.Option("--guid", metavar="GUID", help="Of a record; by default a new one.")
    ] = "",
    bucket: Bucket = "",
    project: Where = None,
    authz: Authz = None,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Upload one file in parts, several at a time; the same command again sends what is missing."""
    options = {"bucket": bucket or None, "multipart": True, "project": project, "authz": authz or None}
    _upload(_single(file_path, guid), options, (profile, endpoint, cred), as_json=as_json)


def _single(file: str, guid: str) -> Any:
    """Give one file as a frame: with the GUID that it belongs to."""
    import pandas as pd

    return pd.DataFrame({"path": [file], "guid": [guid or None]})


def _upload(
    files: Any,
    options: dict[str, Any],
    target: tuple[str | None, str | None, Path | None],
    *,
    as_json: bool,
) -> None:
    """Upload files; what they are may be asked for once the commons is known."""
    more = "Properties and links are columns of a table of files, or --property NAME=VALUE for all of them."
    with connected(*target) as commons, validated(more):
        if callable(files):
            files, options = files(commons)
        report = sent(commons, files, options, as_json=as_json)
    if not report.ok:
        raise typer.Exit(1)


@contextlib.contextmanager
def validated(more: str) -> Iterator[None]:
    """Show all problems of records that were not right, and what more is to be known, beside the error."""
    try:
        yield
    except ValidationError as error:
        report = error.facts.get("report")
        if report is not None:
            for text in report.sentences():
                note(text)
            note(more)
        raise


def sent(
    commons: Commons, files: Any, options: dict[str, Any], *, as_json: bool, quiet: bool = False
) -> UploadReport:
    """Upload, with the logs of the Go clients, and show what became of it, unless that comes later."""
    from gen3nb.transfer.upload_log import FileLog

    retries = options.pop("retries", 0)
    log = _Told(FileLog(commons.profile or "gen3nb", retries=retries), commons.endpoint)
    try:
        report = commons.files.upload(files, log=log, progress=progress(), **options)
    except TransferError as error:
        held = error.facts.get("report")
        if held is not None and not quiet:
            _show(held, log, as_json=as_json)
        raise
    for text in report.notes:
        note(text)
    if not quiet:
        _show(report, log, as_json=as_json)
    return report


class _Told:
    """The logs, and a line for each file as gen3-client writes it."""

    def __init__(self, log: FileLog, endpoint: str) -> None:
        self.log = log
        self.endpoint = endpoint

    def begin(self, files: Any, authz: Any, **options: Any) -> None:
        from gen3nb.frames.reports import counted

        self.log.begin(files, authz, **options)
        if not is_terminal(sys.stderr):  # there the bar says it
            theirs = all(file.guid for file in files)
            others = "whom their metadata name" if options.get("metadata") else "nobody but you"
            where = ", ".join(authz) or ("whom their records name" if theirs else others)
            note(f"Uploading {counted(len(files), 'file')} for {where} at {self.endpoint}")

    def settle(self, file: LocalFile, outcome: Outcome) -> None:
        self.log.settle(file, outcome)
        if outcome.status == "uploaded":
            said(f'Successfully uploaded file "{file.path}" to GUID {outcome.guid}.')
        elif outcome.status == "already there":
            said(f'File "{file.path}" is there already, as GUID {outcome.guid}.')
        else:
            said(f'Failed to upload file "{file.path}": {outcome.why or outcome.status}', "red")

    def end(self) -> None:
        self.log.end()


def _show(report: UploadReport, log: _Told, *, as_json: bool) -> None:
    from gen3nb.cli.submit import show_submission, submission_facts

    records = report.submission
    if as_json:
        more = {"submission": submission_facts(records)} if records is not None else None
        show_transfer(report, as_json=True, every=True, more=more)
        return
    show_transfer(report, as_json=False)
    counts = report.counts
    done = counts.get("uploaded", 0) + counts.get("already there", 0)
    show("\nSubmission Results")
    for name, count in (
        ("Finished with 0 retries", done),
        ("Failed", len(report) - done),
        ("TOTAL", len(report)),
    ):
        show(f"{name:<24}{count}")
    if records is not None:
        show("\nRecords")
        show_submission(records, as_json=False)
    if len(report.failed) and log.log.failed.exists():
        again = "the same command again, which makes their records too; or " if records is not None else ""
        note(f"To try again what failed: {again}gen3nb retry-upload --failed-log-path {log.log.failed}")
