"""Types, limits and multiplicities in words."""

from __future__ import annotations

from typing import Any

from gen3nb.dictionary.elements import Link, Property

__all__ = ["link_words", "pattern_words", "range_words", "shown", "type_label", "type_words"]

_SINGULAR = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "empty",
}
_PLURAL = {"string": "texts", "integer": "whole numbers", "number": "numbers", "boolean": "true/false values"}
_SHORT = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true/false",
    "array": "list",
    "object": "object",
}
_PATTERNS = {
    "^[a-f0-9]{32}$": "32 characters 0–9 and a–f in lower case",
    "^[a-fA-F0-9]{8}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{12}$": "a UUID, as in "
    "1b2f0c54-6a2e-4b8e-9d6c-0f1e2d3c4b5a",
}
_LINKS = {
    "many_to_one": "each record links to one; several may share it",
    "one_to_one": "each record links to one, which no other may take",
    "many_to_many": "each record may link to several; several may share one",
    "one_to_many": "each record may link to several, which no other may take",
}


def shown(value: Any, longest: int = 60) -> str:
    """Give a value as it stands in a message: quoted if it is text, cut if it is long.

    Parameters
    ----------
    value : Any
    longest : int
        How many characters to keep.

    Returns
    -------
    str
    """
    text = repr(value)
    if len(text) <= longest:
        return text
    return f"{text[: longest - 2]}…{text[-1]}"


def range_words(prop: Property) -> str:
    """Give the limits of a number in words: ``"0 to 32872"``; empty without any."""
    low, high = prop.minimum, prop.maximum
    if low is None and high is None:
        return ""
    if low is None:
        return f"{'below' if prop.exclusive_maximum else 'at most'} {high:g}"
    if high is None:
        return f"{'above' if prop.exclusive_minimum else 'at least'} {low:g}"
    low_word = f"above {low:.12g}" if prop.exclusive_minimum else f"{low:.12g}"
    high_word = f"below {high:.12g}" if prop.exclusive_maximum else f"{high:.12g}"
    return f"{low_word} to {high_word}"


def pattern_words(pattern: str) -> str:
    """Give a regular expression in words where it is a known one, else itself."""
    return _PATTERNS.get(pattern, f"the form {pattern}")


def type_words(types: tuple[str, ...]) -> str:
    """Give what a value must be, for a sentence: ``"a number or text"``."""
    return " or ".join(_SINGULAR.get(entry, entry) for entry in types) or "any value"


def type_label(prop: Property) -> str:
    """Give a property's type for a table: ``"whole number, 0 to 100"``, ``"one of 7 values"``."""
    if prop.kind == "enum":
        count = len(prop.enum or ())
        return "always " + str((prop.enum or ("",))[0]) if count == 1 else f"one of {count} values"
    if prop.kind == "array":
        if prop.items is None:
            return "list"
        if prop.items.kind == "enum":
            return f"list of {type_label(prop.items).removeprefix('one of ')}"
        return "list of " + " or ".join(
            _PLURAL.get(entry, "values") for entry in prop.items.types or ("any",)
        )
    label = " or ".join(_SHORT.get(entry, entry) for entry in prop.types) or "any"
    extra = range_words(prop)
    if prop.format:
        extra = {"date-time": "date and time", "date": "date"}.get(prop.format, prop.format)
    return f"{label}, {extra}" if extra else label


def link_words(link: Link) -> str:
    """Give a link's multiplicity in words."""
    return _LINKS.get(link.multiplicity, link.multiplicity.replace("_", " "))
