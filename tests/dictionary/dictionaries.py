"""Where the dictionaries are that the tests of this folder read."""

from __future__ import annotations

import importlib.util
from pathlib import Path

SCHEMAS = Path(__file__).parent / "schemas"


def default_folder() -> Path:
    """Give the folder of the default dictionary's schemas (package gen3dictionary), without importing it."""
    spec = importlib.util.find_spec("gdcdictionary")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "schemas"
