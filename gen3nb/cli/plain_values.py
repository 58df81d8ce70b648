"""Values of options that need no conversion, taken without Pydantic.

Typer converts every value by Pydantic, whose import takes longer than many a command. What is text, a path or
missing needs none of it; all else is left to Typer.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["taken_plainly"]

# what makes more of a path than a name; Typer looks into these
_LOOKED_AT = ("exists", "writable", "resolve_path", "allow_dash", "path_type", "parser")


class _Plain:
    """Takes the values of one option; stands where Typer keeps its converter."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Give a value as the command gets it."""
        many = param.multiple or param.nargs == -1
        if value is None:
            return () if many else None
        kind, info = param.type_descriptor.annotation, param.type_descriptor.parameter_info
        if getattr(info, "parser", None) is None and not many and param.nargs == 1:
            if kind is str and type(value) is str:
                return value
            if kind is int and type(value) is int and info.min is None and info.max is None:
                return value
            if kind is Path and isinstance(value, str | Path) and _is_only_named(value, info):
                return Path(value)
        if kind == list[str] and many and all(type(each) is str for each in value):
            return list(value)
        param._runtime_param = None
        return param.get_runtime_param().coerce(value, param=param, ctx=ctx)


def taken_plainly(params: Iterable[Any]) -> list[Any]:
    """Let options take plain values themselves, where Typer keeps a converter to stand in for."""
    params = list(params)
    for param in params:
        if getattr(param, "_runtime_param", param) is None:
            param._runtime_param = _Plain()
    return params


def _is_only_named(path: str | Path, info: Any) -> bool:
    """Tell whether nothing of a path is to be looked at, and what is there, if anything, can be read."""
    if any(getattr(info, name, None) for name in _LOOKED_AT) or not (info.file_okay and info.dir_okay):
        return False
    return not os.path.exists(path) or os.access(path, os.R_OK)
