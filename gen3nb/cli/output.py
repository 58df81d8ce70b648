"""What a command shows, and the option that chooses between tables for people and JSON for programs."""

from __future__ import annotations

from typing import Annotated

import typer

from gen3nb.cli.messages import confirmed, failed, note, said, written
from gen3nb.cli.showing import show, show_frame, show_json, show_rows

__all__ = [
    "AsJson",
    "confirmed",
    "failed",
    "note",
    "said",
    "show",
    "show_frame",
    "show_json",
    "show_rows",
    "written",
]

AsJson = Annotated[bool, typer.Option("--json", help="JSON for a program in place of a table.")]
