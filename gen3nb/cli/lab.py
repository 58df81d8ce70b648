"""``gen3nb lab``: JupyterLab with the notebooks, on a practice commons."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from gen3nb.cli.output import note, show
from gen3nb.cli.sandbox import ends_on_request
from gen3nb.errors import Gen3Error, MissingExtra

__all__ = ["lab"]


def lab(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", help="Notebooks to open; by default ./notebooks, or else ."),
    ] = None,
    copy: Annotated[
        Path | None,
        typer.Option("--copy", metavar="FOLDER", help="Work on a copy there; what is there already stays."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="JupyterLab's port; 0: any.")] = 8888,
    demo: Annotated[bool, typer.Option("--demo", help="Load the demo project, 686 patients.")] = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
) -> None:
    """Open JupyterLab (this machine only, with a token) with notebooks, on a practice commons.

    In a notebook `gen3nb.connect()` then gives that commons, as its admin. Ctrl-C ends both.
    """
    import gen3nb

    if importlib.util.find_spec("jupyterlab") is None:
        raise MissingExtra.named("demo", "gen3nb lab")
    root = _notebooks(folder, copy)
    with ends_on_request(), gen3nb.sandbox(demo=demo) as commons:
        server = commons.sandbox
        if server is None:
            raise Gen3Error("The practice commons did not start.")
        show(f"A practice commons is running at {server.endpoint}: in a notebook, gen3nb.connect() gives it.")
        show(f"JupyterLab opens {root}; its address, with a token, follows. Ctrl-C ends both.")
        environment = {name: value for name, value in os.environ.items() if name != "GEN3NB_PROFILE"}
        environment["GEN3_API_KEY"] = str(server.credentials("admin"))
        code = _run(_command(root, port, browser=browser), environment)
    note("JupyterLab and the practice commons have ended.")
    if code:
        raise typer.Exit(1)


def _notebooks(folder: Path | None, copy: Path | None) -> Path:
    """Give the folder to open, copied if that is wanted."""
    here = Path("notebooks")
    root = folder if folder is not None else here if here.is_dir() else Path()
    if not root.is_dir():
        raise Gen3Error(f"There is no folder {str(root)!r} with notebooks.")
    if copy is None:
        return root.resolve()
    copy.mkdir(parents=True, exist_ok=True)
    for file in sorted(root.iterdir()):
        if file.is_file() and not (copy / file.name).exists():
            shutil.copy2(file, copy / file.name)
    return copy.resolve()


def _command(root: Path, port: int, *, browser: bool) -> list[str]:
    command = [sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1", f"--port={port}", "-y"]
    command += [f"--ServerApp.root_dir={root}", "--ServerApp.allow_remote_access=False"]
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return command


def _run(command: list[str], environment: dict[str, str]) -> int:
    """Run JupyterLab until it ends; Ctrl-C reaches it by itself, a request to end we pass on."""
    process = subprocess.Popen(command, env=environment)  # noqa: S603 - a command of ours
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C does not leave it behind
            process.wait(30)
        return 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
