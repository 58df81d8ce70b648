"""The file commands of the Go clients, which this version does not have."""

from __future__ import annotations

import typer

from gen3nb.cli.output import failed, note

__all__ = ["generate_tsv", "no_files"]

_ROWS = (".tsv", ".csv", ".xlsx", ".parquet", ".txt")


def no_files(context: typer.Context) -> None:
    """Say that this version uploads no files yet; gen3-client and data-client do, with the same profile."""
    rows = [word for word in context.args if word.rpartition("=")[2].lower().endswith(_ROWS)]
    if rows and (context.info_name or "").startswith("upload"):
        failed(
            f"{rows[0]} holds rows of records, which are submitted, not uploaded: "
            f"gen3nb submit {rows[0].rpartition('=')[2]} --project PROGRAM-PROJECT"
        )
        raise typer.Exit(2)
    failed(
        f"gen3nb {context.info_name} is not there yet: this version uploads no files. gen3-client and "
        "data-client do, with the same profile"
    )
    raise typer.Exit(1)


def generate_tsv(context: typer.Context) -> None:
    """Do nothing, as in gen3-client; gen3nb dictionary template NODE writes an empty table."""
    note("generate-tsv does nothing any more; gen3nb dictionary template NODE writes an empty table.")
