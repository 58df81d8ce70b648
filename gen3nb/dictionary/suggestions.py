"""What was probably meant: a value near the one that breaks a rule, and that would pass."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from typing import Any

from gen3nb.dictionary.elements import Property

__all__ = ["suggest"]

_TRUE = {"true", "t", "yes", "y", "1", "1.0"}
_FALSE = {"false", "f", "no", "n", "0", "0.0"}
_NUMBER = re.compile(r"\s*([-+]?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?)\s*$")


def suggest(prop: Property, value: Any, passes: Callable[[Any], bool]) -> Any | None:
    """Give the value that was probably meant.

    Parameters
    ----------
    prop : Property
    value : Any
        A JSON value that breaks a rule of the property.
    passes : callable
        The referee's verdict on a value.

    Returns
    -------
    Any or None
        A value that passes; ``None`` where nothing is near.
    """
    for candidate in _candidates(prop, value):
        if candidate is not None and passes(candidate):
            return candidate
    return None


def _candidates(prop: Property, value: Any) -> Iterator[Any]:
    if prop.kind == "array":
        yield _list(prop, value)
        return
    if prop.enum is not None:
        yield _from_vocabulary(prop, value)
        return
    if isinstance(value, str):
        yield value.strip()
        if prop.pattern:
            yield value.strip().lower()
            yield value.strip().upper()
        yield from _from_text(prop, value)
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif isinstance(value, int | float):
        yield int(value) if isinstance(value, float) and value.is_integer() else None
        yield str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        if "boolean" in prop.types and value in {0, 1}:
            yield bool(value)


def _from_text(prop: Property, text: str) -> Iterator[Any]:
    """Read a number or a truth value out of text, where the property takes one."""
    found = _NUMBER.match(text)
    if found and {"integer", "number"} & set(prop.types):
        number = float(found[1].replace(",", "."))
        yield int(number) if number.is_integer() and abs(number) < 2**53 else number
        yield number
    if "boolean" in prop.types:
        folded = text.strip().casefold()
        yield True if folded in _TRUE else False if folded in _FALSE else None


def _from_vocabulary(prop: Property, value: Any) -> Any | None:
    """Find the nearest value of an enum.

    That is: the same but for case and spaces; the only one that begins so; the most alike.
    """
    current = [entry for entry in prop.enum or () if entry not in prop.deprecated]
    folded: dict[str, Any] = {}
    for entry in current:
        folded.setdefault(_folded(entry), entry)
    asked = _folded(value)
    if asked in folded:
        return folded[asked]
    if asked in _TRUE | _FALSE:
        word = "yes" if asked in _TRUE else "no"
        if word in folded:
            return folded[word]
    begin = [key for key in folded if asked and key.startswith(asked)]
    if len(begin) == 1:
        return folded[begin[0]]
    close = difflib.get_close_matches(asked, folded, n=1, cutoff=0.7)
    return folded[close[0]] if close else None


def _folded(value: Any) -> str:
    return " ".join(re.split(r"[\s_\-]+", str(value).strip().casefold()))


def _list(prop: Property, value: Any) -> list[Any] | None:
    """Part text at its commas, take a single value as a list of one, and mend the items."""
    if isinstance(value, str):
        parts: list[Any] = [part.strip() for part in value.split(",") if part.strip()]
    elif isinstance(value, list):
        parts = list(value)
    else:
        parts = [value]
    item = prop.items
    if item is None:
        return parts
    from gen3nb.dictionary.referee import referee

    fits = referee(item).is_valid
    mended = [part if fits(part) else suggest(item, part, fits) for part in parts]
    if any(part is None for part in mended):
        return None
    unique = list({repr(part): part for part in mended}.values())
    return unique if prop.schema.get("uniqueItems") else mended
