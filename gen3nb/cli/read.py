"""``gen3nb read``, ``query``, ``counts``, ``programs`` and ``projects``: what is in a commons."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from gen3nb.cli.output import AsJson, note, show_frame, show_json, show_rows
from gen3nb.cli.progress import progress
from gen3nb.cli.target import Credentials, Endpoint, Profile, connected, signed_in
from gen3nb.errors import ValidationError

__all__ = ["Project", "counts", "programs", "projects", "query", "read"]

Project = Annotated[
    str | None, typer.Option("--project", metavar="PROGRAM-PROJECT", help="Only this project.")
]


def read(
    node: Annotated[str, typer.Argument(metavar="NODE", help="Whose records, such as case.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help=".parquet, .tsv, .csv, .xlsx, .json or .jsonl, folders are made; else a table.",
        ),
    ] = None,
    project: Project = None,
    columns: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only these, with commas; also along links.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE", help="a=x,y for any of several, a=1..9 for a range; repeatable."
        ),
    ] = None,
    beside: Annotated[
        str | None,
        typer.Option("--with", metavar="NODE,NODE", help="The records of these nodes beside each."),
    ] = None,
    per: Annotated[
        str | None, typer.Option(metavar="NODE", help="One row for each record of this node.")
    ] = None,
    ids: Annotated[str | None, typer.Option(metavar="ID,ID", help="Only the records of these ids.")] = None,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Read all records of a node, typed by the dictionary, into a file or a table."""
    from gen3nb.frames.files import where_of, write_frame
    from gen3nb.frames.reports import counted

    with connected(profile, endpoint, cred) as commons:
        options: dict[str, Any] = {
            "columns": _listed(columns),
            "with_": _listed(beside),
            "ids": _listed(ids),
            "per": per,
            "where": where_of(where, commons.dictionary, node) if where else None,
        }
        given = {name: value for name, value in options.items() if value is not None}
        frame = commons.read(node, project=project, progress=progress(), **given)
        if output is None:
            show_frame(frame, as_json=as_json)
            return
        alone = beside is None and per is None and columns is None
        write_frame(frame, output, commons.dictionary, node if alone else None)
    if as_json:
        show_json({"node": node, "records": len(frame), "columns": list(frame.columns), "file": str(output)})
    else:
        note(f"{counted(len(frame), 'row')} of {node} written to {output}")


def query(
    text: Annotated[
        str, typer.Argument(metavar="QUERY|FILE|-", help="GraphQL, a file that holds it, or standard input.")
    ],
    variables: Annotated[
        str | None,
        typer.Option("--variables", metavar="JSON|FILE", help="A JSON object, or a file with one."),
    ] = None,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
) -> None:
    """Run any GraphQL query and write its data as JSON; lists that were cut are warned about."""
    held = _query_text(text)
    given = _variables(variables)
    with connected(profile, endpoint, cred) as commons:
        show_json(commons.query(held, given))


def counts(
    project: Project = None,
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Count the records of every node, by project."""
    with connected(profile, endpoint, cred) as commons:
        show_frame(commons.counts(project), as_json=as_json)


def programs(
    profile: Profile = None, endpoint: Endpoint = None, cred: Credentials = None, as_json: AsJson = False
) -> None:
    """List the programs."""
    from gen3nb.client.listing import PROGRAM_COLUMNS, program_rows
    from gen3nb.client.sheepdog import Sheepdog

    sheepdog = Sheepdog(signed_in(profile, endpoint, cred)[1])
    rows = program_rows(sheepdog.programs(), sheepdog.all_projects())
    _show_list(rows, PROGRAM_COLUMNS, as_json=as_json)


def projects(
    profile: Profile = None, endpoint: Endpoint = None, cred: Credentials = None, as_json: AsJson = False
) -> None:
    """List the projects."""
    from gen3nb.client.listing import PROJECT_COLUMNS, project_rows
    from gen3nb.client.peregrine import Peregrine
    from gen3nb.client.sheepdog import Sheepdog

    transport = signed_in(profile, endpoint, cred)[1]
    rows = project_rows(Sheepdog(transport).all_projects(), Peregrine(transport))
    _show_list(rows, PROJECT_COLUMNS, as_json=as_json)


def _show_list(rows: list[dict[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Show plain rows as :func:`show_frame` shows a frame, without loading pandas for them."""
    if as_json:
        show_json(rows)
    else:
        show_rows(rows, columns)


def _listed(text: str | None) -> list[str] | None:
    return [part.strip() for part in text.split(",") if part.strip()] if text is not None else None


def _query_text(text: str) -> str:
    """Give a query: as it stands, from a file, or from standard input."""
    if text == "-":
        return sys.stdin.read()
    return text if "{" in text else _content(text)


def _variables(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    held = text if text.lstrip()[:1] in ("{", "[") else _content(text.removeprefix("@"))
    problem = ""
    value: Any = None
    try:
        value = json.loads(held)
    except json.JSONDecodeError as error:
        problem = f"line {error.lineno}, column {error.colno}: {error.msg}"
    if problem or not isinstance(value, dict):
        raise ValidationError(f"--variables takes a JSON object{f' ({problem})' if problem else ''}")
    return value


def _content(name: str) -> str:
    problem = ""
    try:
        return Path(name).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = getattr(error, "strerror", None) or "it is not text"
    raise ValidationError(f"the file {name} cannot be read: {problem}")
