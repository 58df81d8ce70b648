"""The command of the Go clients that does nothing any more."""

from __future__ import annotations

from gen3nb.cli.output import note

__all__ = ["generate_tsv"]


def generate_tsv() -> None:
    """Do nothing, as in gen3-client; gen3nb dictionary template NODE writes an empty table."""
    note("generate-tsv does nothing any more; gen3nb dictionary template NODE writes an empty table.")
