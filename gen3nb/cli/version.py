"""``gen3nb version``."""

from __future__ import annotations

import importlib.metadata
import platform

from gen3nb import __version__
from gen3nb.cli.output import AsJson, show_json, show_rows

__all__ = ["version"]

_PACKAGES = ("gen3", "pandas", "pyarrow", "ipywidgets", "anywidget", "ipyaggrid", "jupyterlab")


def version(as_json: AsJson = False) -> None:
    """Show the versions of gen3nb and of what it stands on."""
    found = {"gen3nb": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    if as_json:
        show_json(found)
        return
    rows = [{"package": name, "version": number} for name, number in found.items()]
    show_rows(rows, ["package", "version"], heads=False)
