"""Write docs/reference/cli.md: every command with its own help, as the program shows it.

python scripts/cli_reference.py          write it
python scripts/cli_reference.py --check  say whether it is current (exit code 1 if not)
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.update(COLUMNS="100", TERM="dumb", NO_COLOR="1")
PAGE = Path(__file__).parents[1] / "docs" / "reference" / "cli.md"
HEAD = Path(__file__).with_name("cli_reference_head.md")


def page() -> str:
    """Give the page."""
    import typer.main
    from typer.core import TyperGroup

    from gen3nb.cli.app import app

    root = typer.main.get_command(app)
    parts = [HEAD.read_text(encoding="utf-8")]

    def add(command: object, name: str, parent: object) -> None:
        context = command.make_context(name, [], parent=parent, resilient_parsing=True)  # type: ignore[attr-defined]
        if not command.hidden:  # type: ignore[attr-defined]
            parts.append(
                f"## `{context.command_path}`\n\n```text\n{command.get_help(context).strip()}\n```\n"
            )  # type: ignore[attr-defined]
        if isinstance(command, TyperGroup):
            for each in command.list_commands(context):
                found = command.get_command(context, each)
                if found is not None:
                    add(found, each, context)

    add(root, "gen3nb", None)
    return "\n".join("\n".join(parts).splitlines()) + "\n"


def main() -> int:
    """Write the page, or compare it."""
    text = page()
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
            sys.stderr.write(f"{PAGE.name} is not what the program says: python scripts/cli_reference.py\n")
            return 1
        return 0
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
