"""The look of the panels: one style sheet, icons, and pieces of escaped HTML."""

from __future__ import annotations

import html as _html
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from ipywidgets import HTML, Box, Button, HBox

__all__ = [
    "CATEGORIES",
    "badge",
    "button",
    "code",
    "counted",
    "escape",
    "figure",
    "gap",
    "icon",
    "number",
    "row",
    "says",
    "static",
    "style",
    "table",
    "text",
]

_ICONS = {
    "check": "M3 8.5l3.2 3L13 4.5",
    "x": "M4 4l8 8M12 4l-8 8",
    "warn": "M8 2.5L14.5 13.5h-13zM8 6.5v3M8 11.6v.1",
    "info": "M8 7.5v4M8 4.6v.1",
    "lock": "M3.5 7.5h9v6h-9zM5.5 7.5V5a2.5 2.5 0 015 0v2.5",
}
_KINDS = {"e": ("x", "alert"), "w": ("warn", "status"), "o": ("check", "status"), "i": ("info", "status")}
#: The four hues of node categories; what is none of these counts as administrative.
CATEGORIES = {"administrative": "adm", "clinical": "cli", "biospecimen": "bio", "data_file": "fil"}

_THIN = "\N{THIN SPACE}"


@cache
def static(name: str) -> str:
    """Read one of the files that are shipped with the panels.

    Parameters
    ----------
    name : str
        As in ``"panels.css"``.
    """
    return (files("gen3nb.panels") / "static" / name).read_text(encoding="utf-8")


def style() -> HTML:
    """Give a hidden widget that carries the style sheet; every panel brings its own."""
    made = HTML(f"<style>{static('panels.css')}</style>")
    made.add_class("g3-style")
    return made


def escape(value: object) -> str:
    """Make any text safe to stand in HTML, also within quotes."""
    return _html.escape(str(value), quote=True)


def code(value: object) -> str:
    """Give a name or value as it is, in the code font."""
    return f"<code>{escape(value)}</code>"


def number(value: float) -> str:
    """Write a number with thin gaps between thousands: 12 345."""
    return f"{value:,}".replace(",", _THIN)


def counted(value: int, word: str) -> str:
    """Write a number with its word: 1 row, 12 345 rows."""
    return f"{number(value)} {word}{'' if value == 1 else 's'}"


def figure(value: float) -> str:
    """Write a number in the code font, as HTML."""
    return f"<span class='g3-num'>{number(value)}</span>"


def badge(words: object, kind: str = "") -> str:
    """Give a small label; ``kind`` is ``e`` (error), ``w`` (warning), ``o`` (good), ``i`` (chosen)."""
    return f"<span class='g3-b g3-{kind}'>{escape(words)}</span>"


def icon(name: str, label: str = "") -> str:
    """Draw an icon; without a label it is decoration, hidden from screen readers."""
    role = f"role='img' aria-label='{escape(label)}'" if label else "aria-hidden='true'"
    return f"<svg class='g3-ic' viewBox='0 0 16 16' {role}><path d='{_ICONS[name]}'/></svg>"


def says(kind: str, content: str, picture: str | None = None) -> str:
    """Give a message: an icon and HTML, announced by screen readers.

    Parameters
    ----------
    kind : str
        ``"e"`` error, ``"w"`` look at it, ``"o"`` done, ``"i"`` to know.
    content : str
        HTML, escaped already.
    picture : str, optional
        Another icon than the kind's own.
    """
    own, role = _KINDS[kind]
    return f"<div class='g3-says g3-{kind}' role='{role}'>{icon(picture or own)}<div>{content}</div></div>"


def text(content: str = "", *classes: str) -> HTML:
    """Give a widget that shows HTML (escaped already)."""
    made = HTML(content)
    for name in classes:
        made.add_class(name)
    return made


def button(
    label: str,
    *classes: str,
    primary: bool = False,
    tooltip: str | None = None,
) -> Button:
    """Give a button: plain, ``primary``, or with classes ``g3-quiet``, ``g3-sm``, ``g3-link``."""
    made = Button(description=label, button_style="primary" if primary else "", tooltip=tooltip)
    for name in classes:
        made.add_class(name)
    return made


def gap() -> Box:
    """Give the empty space that pushes what follows to the right."""
    made = Box()
    made.add_class("g3-gap")
    return made


def row(children: Sequence[Any], *classes: str) -> HBox:
    """Give a row of widgets."""
    made = HBox(list(children))
    for name in classes:
        made.add_class(name)
    return made


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> str:
    """Give a small table as HTML.

    Parameters
    ----------
    columns : sequence of str
        The heads, plain text.
    rows : iterable of sequence of str
        The cells, as HTML escaped already.
    right : iterable of int
        Which columns hold numbers.
    """
    ends = set(right)
    marks = [" class='g3-r'" if i in ends else "" for i in range(len(columns))]
    head = "".join(
        f"<th scope='col'{mark}>{escape(name)}</th>" for name, mark in zip(columns, marks, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(f"<td{mark}>{cell}</td>" for cell, mark in zip(cells, marks, strict=True)) + "</tr>"
        for cells in rows
    )
    return f"<table class='g3-table'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
