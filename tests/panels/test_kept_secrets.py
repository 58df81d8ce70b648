"""What a notebook keeps when it is executed by a program: widget state, but no key and no rows."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import nbformat

if TYPE_CHECKING:
    from pathlib import Path

    from gen3nb import Commons

CELLS = [
    "from gen3nb import panels\nlogin = panels.Login()\nlogin",
    """
text = open({path!r}).read()
message = {{"kind": "key", "text": text, "name": "key.json"}}
login.key._received(login.key, message, [])
login.connect.click()
login.wait()
assert login.error is None, login.message
del text
login
""",
    "query = panels.Query(login.commons, project={project!r}, node='case')\nquery",
    "query.run.click()\nquery.wait()\nassert query.error is None, query.message",
    "assert len(query.frame) == 60",
    "query",
]


def test_an_executed_notebook_holds_neither_key_nor_rows(
    commons: Commons, trial: str, tmp_path: Path
) -> None:
    path = commons.sandbox.credentials("submitter")
    cells = [cell.format(path=str(path), project=trial) if "{" in cell else cell for cell in CELLS]
    notebook: Any = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    file = tmp_path / "executed.ipynb"
    nbformat.write(notebook, file)
    convert = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace", str(file)]
    done = subprocess.run(convert, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    written = file.read_text(encoding="utf-8")
    state = json.dumps(json.loads(written)["metadata"]["widgets"])
    assert "Connected" in state  # what the panels show is kept …
    assert "GraphQL" in state
    key = json.loads(path.read_text())
    assert key["api_key"] not in written  # … but no key,
    assert key["api_key"].split(".")[0] not in written  # no token,
    assert "GBSG2-001" not in written  # and no record
