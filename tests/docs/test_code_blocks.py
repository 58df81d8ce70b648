"""Run every code block of README and docs, page by page, against one practice commons.

A page's ``python`` blocks share one namespace and run in order, in a folder of their own. A block that needs
another commons is marked in the page by an HTML comment above it, ``<!-- not run: why -->``, and is compiled
only. ``console`` blocks run where they start with ``$ gen3nb`` or ``$ python``, and the text below the
command is compared with what it prints (``…`` stands for anything).
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"(?P<mark><!--\s*not run:[^>]*-->\s*\n)?"
    r"^(?P<fence>`{3,})(?P<kind>python|console|bash|pycon)\n(?P<code>.*?)^(?P=fence)\s*$",
    re.MULTILINE | re.DOTALL,
)


def blocks(page: Path) -> list[tuple[int, str, str, bool]]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("code")) + 1
        found.append((line, match["kind"], match["code"], bool(match["mark"])))
    return found


PAGES_WITH_CODE = [page for page in PAGES if "_build" not in page.parts and blocks(page)]


def test_pages_have_code():
    assert ROOT / "README.md" in PAGES_WITH_CODE


@pytest.mark.parametrize("page", PAGES_WITH_CODE, ids=lambda page: str(page.relative_to(ROOT)))
def test_page(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    namespace: dict[str, object] = {"__name__": "__main__"}
    try:
        for line, kind, code, marked in blocks(page):
            where = f"{page.relative_to(ROOT)}:{line}"
            if kind == "python":
                compiled = compile("\n" * (line - 1) + code, str(page), "exec")
                if not marked:
                    exec(compiled, namespace)
            elif kind == "console" and not marked:
                run_console(code, where)
            elif kind in ("bash", "pycon"):
                assert marked, f"{where}: a {kind} block is not run; use python or console, or say why not"
    finally:
        for value in namespace.values():
            if type(value).__name__ == "Commons":
                value.close()  # type: ignore[attr-defined]


def run_console(code: str, where: str) -> None:
    environment = dict(
        os.environ, PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", COLUMNS="100"
    )
    for part in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        assert shlex.split(command)[0] in ("gen3nb", "python"), (
            f"{where}: {command}: mark it as not run, and say why"
        )
        done = subprocess.run(
            shlex.split(command), capture_output=True, text=True, env=environment, timeout=240
        )
        assert done.returncode == 0, f"{where}: {command}\n{done.stdout}{done.stderr}"
        if expected.strip():
            pattern = ".*".join(re.escape(piece.strip()) for piece in re.split("…", expected.strip()))
            assert re.search(pattern, done.stdout.strip(), re.DOTALL), (
                f"{where}: {command} printed\n{done.stdout}"
            )
