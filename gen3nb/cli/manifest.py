"""``gen3nb manifest``: lists of files, made, checked, split and joined."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gen3nb.cli.download import manifest_file
from gen3nb.cli.grammar import Commands
from gen3nb.cli.output import AsJson, note, show, show_frame, show_json, show_rows
from gen3nb.cli.target import Credentials, Endpoint, Profile, connected

if TYPE_CHECKING:
    from gen3nb.transfer.manifest_checking import ManifestCheck

__all__ = ["app"]

app = Commands("Manifests, the lists of files: make, check, split and join them.")

#: So many problems are named on a terminal.
NAMED = 50

Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="JSON, or a table: .tsv, .csv.")]
Form = Annotated[
    Literal["portal", "data-client", "gen3"],
    typer.Option("--form", help="Whose names to use; the portal's are also gen3-client's."),
]


@app.command()
def make(
    output: Output,
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[GUID|FILE...]", help="GUIDs, or lists of files in any form."),
    ] = None,
    node: Annotated[
        str | None, typer.Option("--node", metavar="NODE", help="The files of this node's records.")
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", metavar="PROGRAM-PROJECT", help="Only records of this project.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=VALUE", help="Only such records: as for gen3nb read; repeatable."),
    ] = None,
    complete: Annotated[
        bool,
        typer.Option("--complete", help="Fill in names, sizes and hashes as the commons' index has them."),
    ] = False,
    form: Form = "portal",
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Make a manifest of a node's records, of GUIDs, or of a list in another form."""
    if (node is None) == (not files):
        raise typer.BadParameter("name a --node, or GUIDs and files; one of both")
    if node is None and (project or where):
        raise typer.BadParameter("--project and --where choose records, and no --node says of which")
    from gen3nb.transfer.manifest import joined
    from gen3nb.transfer.manifest_checking import completed
    from gen3nb.transfer.manifest_writing import write_manifest

    if node is None and not complete:
        _tell(write_manifest(joined(files or ()), output, form), output, as_json=as_json)
        return
    with connected(profile, endpoint, cred) as commons:
        source: Any = joined(files or ())
        if node is not None:
            from gen3nb.frames.files import where_of

            chosen = where_of(where, commons.dictionary, node) if where else None
            source = joined([commons.select(node, project=project, where=chosen)])
        if complete:
            source = completed(source, commons.indexd)
        count = write_manifest(source, output, form)
    _tell(count, output, as_json=as_json)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON, TSV or CSV.")],
    in_commons: Annotated[
        bool,
        typer.Option("--in-commons", help="Compare GUIDs, sizes and hashes with the commons' index too."),
    ] = False,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Look for what is wrong with a manifest. The exit code is 1 if something is."""
    from gen3nb.transfer.manifest_checking import check_manifest

    given = manifest_file(file)
    if in_commons:
        with connected(profile, endpoint, cred) as commons:
            found = commons.files.check_manifest(given)
    else:
        found = check_manifest(given)
    _show(found, as_json=as_json)
    if not found.ok:
        raise typer.Exit(1)


@app.command()
def split(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON, TSV or CSV.")],
    parts: Annotated[int, typer.Argument(metavar="N", help="How many parts.", min=1)],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="files.json becomes files-1-of-4.json …; by default named after FILE, beside it.",
        ),
    ] = None,
    form: Form = "portal",
    as_json: AsJson = False,
) -> None:
    """Split a manifest, for several machines: which part a file is in hangs on its GUID alone."""
    from gen3nb.transfer.manifest import read_manifest
    from gen3nb.transfer.manifest_writing import split_manifest

    given = manifest_file(file)
    written = split_manifest(read_manifest(given), parts, output or given, form)
    rows = [{"file": str(path), "files": count} for path, count in written]
    if as_json:
        show_json(rows)
    else:
        show_rows(rows, ["file", "files"])


@app.command()
def join(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="JSON, TSV or CSV.")],
    output: Output,
    form: Form = "portal",
    as_json: AsJson = False,
) -> None:
    """Join manifests; a file that several list comes once, and where they disagree nothing is written."""
    from gen3nb.transfer.manifest import joined
    from gen3nb.transfer.manifest_writing import write_manifest

    count = write_manifest(joined([manifest_file(file) for file in files]), output, form)
    _tell(count, output, as_json=as_json)


def _tell(count: int, output: Path, *, as_json: bool) -> None:
    from gen3nb.frames.reports import counted

    if as_json:
        show_json({"files": count, "file": str(output)})
    else:
        note(f"{counted(count, 'file')} listed in {output}")


def _show(found: ManifestCheck, *, as_json: bool) -> None:
    table = found.to_frame()
    if as_json:
        rows = table.astype(object).where(table.notna(), None).to_dict("records")
        show_json(
            {
                "ok": found.ok,
                "files": found.files,
                "bytes": found.bytes,
                "problems": rows,
                "notes": found.notes,
            }
        )
        return
    if len(table):
        show_frame(table.head(NAMED))
    if len(table) > NAMED:
        show(f"… and {len(table) - NAMED:,} more: --json names all")
    for text in found.notes:
        note(text)
    show(f"{found}.")
