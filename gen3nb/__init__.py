"""Gen3 data commons in pandas and notebook panels: connect, validate, submit, query, join.

>>> import gen3nb
>>> commons = gen3nb.sandbox()  # doctest: +SKIP
>>> cases = commons.read("case", project="DEMO-GBSG2")  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gen3nb.registration import register_accessor

__version__ = "0.1.0"

__all__ = [
    "Commons",
    "__version__",
    "connect",
    "errors",
    "of",
    "panels",
    "profiles",
    "read_tsv",
    "read_workbook",
    "sandbox",
]

if TYPE_CHECKING:
    from gen3nb import errors, panels, profiles
    from gen3nb.accessor import of
    from gen3nb.commons import Commons, connect
    from gen3nb.frames.tsv import read_tsv
    from gen3nb.frames.workbooks import read_workbook
    from gen3nb.launch import sandbox

# Loaded when first used, so that `import gen3nb` is quick and takes no memory for what is not used.
_HOMES = {
    "Commons": "gen3nb.commons",
    "connect": "gen3nb.commons",
    "errors": "gen3nb.errors",
    "of": "gen3nb.accessor",
    "panels": "gen3nb.panels",
    "profiles": "gen3nb.profiles",
    "read_tsv": "gen3nb.frames.tsv",
    "read_workbook": "gen3nb.frames.workbooks",
    "sandbox": "gen3nb.launch",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its room."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'gen3nb' has no attribute {name!r}")
    module = importlib.import_module(home)
    value = module if home == f"gen3nb.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Name what is public."""
    return sorted(__all__)


register_accessor()
