"""Put ``df.gen3`` on pandas' frames without loading pandas for it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from importlib.abc import Loader

__all__ = ["register_accessor"]

ACCESSOR = "gen3nb.accessor"


def register_accessor() -> None:
    """Register ``df.gen3`` now if pandas is loaded, else as soon as it is.

    ``gen3nb --help`` and the like need no pandas, whose import takes most of a second.
    """
    if "pandas" in sys.modules:
        importlib.import_module(ACCESSOR)
    else:
        sys.meta_path.insert(0, _PandasFinder())


class _PandasFinder:
    """Waits for pandas to be imported.

    No subclass of the abstract one: its module takes half as long to load as all of ours at the start.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Give pandas' own spec, with a loader that registers the accessor afterwards."""
        if fullname != "pandas":
            return None
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        spec = importlib.util.find_spec("pandas")
        if spec is not None and spec.loader is not None:
            spec.loader = cast("Loader", _PandasLoader(spec.loader))
        return spec


class _PandasLoader:
    """Loads pandas by its own loader, then the accessor."""

    def __init__(self, own: Loader) -> None:
        self.own = own

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Make the module as pandas' own loader does."""
        return self.own.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run pandas, which is to see its own loader, and then register the accessor."""
        if module.__spec__ is not None:
            module.__spec__.loader = self.own
        module.__loader__ = self.own
        self.own.exec_module(module)
        importlib.import_module(ACCESSOR)
