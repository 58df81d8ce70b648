"""The packages of this Python, and whether the notebook's widgets are of one family."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from gen3nb.doctor.findings import Finding

__all__ = ["examine_packages"]

OLDEST = (3, 11)
SHOWN = ("pandas", "gen3", "jupyterlab", "ipywidgets")
MANAGER = "labextensions/@jupyter-widgets/jupyterlab-manager/package.json"
# ipywidgets' major version, and that of the manager in the browser which it speaks to
FAMILIES = {7: 3, 8: 5}


def examine_packages() -> Iterator[Finding]:
    """Look at Python, at what gen3nb requires, and at the widgets."""
    version = platform.python_version()
    if sys.version_info < OLDEST:
        yield Finding(
            "Python", "wrong", f"this is Python {version}, gen3nb needs 3.11 or newer", "Install a newer one."
        )
    else:
        yield Finding("Python", "ok", f"{version}, {sys.executable}")
    yield _required()
    yield _widgets()


def _version(name: str) -> str | None:
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(name)
    return None


def _required() -> Finding:
    """Compare what is installed with what gen3nb says it needs."""
    own = _version("gen3nb")
    found = {name: _version(name) for name in SHOWN}
    shown = ", ".join(f"{name} {number or 'not installed'}" for name, number in found.items())
    said = f"gen3nb {own or 'is not installed as a package'}, {shown}"
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return Finding("packages", "ok", said + "; their bounds were not compared (no 'packaging' here)")
    bad = []
    for line in (metadata.requires("gen3nb") or []) if own else []:
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        number = _version(wanted.name)
        if number is None:
            bad.append(f"{wanted.name} is not installed")
        elif not wanted.specifier.contains(number, prereleases=True):
            bad.append(f"{wanted.name} is {number}, needed is {wanted.specifier}")
    if bad:
        remedy = f"{Path(sys.executable).name} -m pip install --upgrade gen3nb"
        return Finding("packages", "wrong", f"{said}; but {'; '.join(bad)}", remedy)
    return Finding("packages", "ok", said)


def _widgets() -> Finding:
    """See that the widgets in Python and the manager in the browser are of one family."""
    number = _version("ipywidgets")
    if number is None:
        return Finding(
            "widgets", "wrong", "ipywidgets is not installed: no panel works", "pip install gen3nb"
        )
    folder, manager = _manager()
    if manager is None:
        if _version("jupyterlab") is None and _version("notebook") is None:
            return Finding(
                "widgets", "skipped", f"ipywidgets {number}; there is no JupyterLab in this Python"
            )
        return Finding(
            "widgets",
            "wrong",
            f"JupyterLab has no widget manager for ipywidgets {number}, so panels show as text",
            "pip install --force-reinstall jupyterlab_widgets, then reload the page.",
        )
    python, browser = (int(part.split(".")[0]) for part in (number, manager))
    said = f"ipywidgets {number}, widget manager {manager} in {folder}"
    if FAMILIES.get(python, browser) != browser:
        wanted = "3.0" if python == 8 else "1.1"
        return Finding(
            "widgets",
            "wrong",
            f"{said}: they do not understand each other, so panels stay empty",
            f"Where JupyterLab runs: pip install 'jupyterlab_widgets~={wanted}', then reload the page. If it "
            "was installed with --user over another one, remove that folder.",
        )
    return Finding("widgets", "ok", said)


def _manager() -> tuple[Path, str | None]:
    """Give the first widget manager where JupyterLab looks, and its version."""
    home = os.environ.get("JUPYTER_DATA_DIR") or "~/.local/share/jupyter"
    if sys.platform == "darwin" and "JUPYTER_DATA_DIR" not in os.environ:
        home = "~/Library/Jupyter"
    named = [part for part in os.environ.get("JUPYTER_PATH", "").split(os.pathsep) if part]
    own = f"{sys.prefix}/share/jupyter"
    # within a virtual environment its own packages go before the user's
    near = [own, home] if sys.prefix != sys.base_prefix else [home, own]
    for place in [*named, *near, "/usr/local/share/jupyter", "/usr/share/jupyter"]:
        file = Path(place).expanduser() / MANAGER
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            return file.parent, str(json.loads(file.read_text(encoding="utf-8"))["version"])
    return Path(), None
