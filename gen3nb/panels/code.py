"""The code that does the same as a panel: written, coloured, ready to copy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import anywidget
import traitlets
from ipywidgets import VBox

from gen3nb.panels.style import button, escape, gap, row, static, text

__all__ = ["CodeDrawer", "CopyButton", "Name", "call", "graphql_html", "literal", "python_html"]

_WIDTH = 88

_PYTHON = re.compile(
    r"(?P<s>[rf]?\"(?:[^\"\\\n]|\\.)*\"|[rf]?'(?:[^'\\\n]|\\.)*')|(?P<c>\#[^\n]*)"
    r"|(?P<k>\b(?:import|from|as|for|in|with|if|else|None|True|False)\b)|(?P<v>\b\d[\d_.]*\b)"
)
_GRAPHQL = re.compile(
    r"(?P<s>\"(?:[^\"\\\n]|\\.)*\")|(?P<c>\#[^\n]*)|(?P<k>\b(?:query|mutation|fragment|on|true|false|null)\b)"
    r"|(?P<v>\b\d[\d.]*\b|\b(?:Int|String|Float|Boolean|ID)\b)|(?P<p>\b[A-Za-z_]\w*\b(?!\s*:)(?<!\$))"
)


class Name(str):
    """A name in code, not a text: ``commons``, not ``"commons"``."""

    __slots__ = ()


def literal(value: Any) -> str:
    """Write a plain value as Python that gives it back, with double quotes."""
    if isinstance(value, Name):
        return str(value)
    if isinstance(value, str):
        plain = repr(value)
        if plain.startswith("'") and '"' not in plain:
            return '"' + plain[1:-1].replace("\\'", "'") + '"'
        return plain
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(key)}: {literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    if isinstance(value, tuple):
        inner = ", ".join(literal(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value)


def call(function: str, *arguments: Any, **options: Any) -> str:
    """Write a call, over several lines where one would be too long.

    Parameters
    ----------
    function : str
        What is called, as in ``"commons.read"``.
    *arguments, **options : Any
        Plain values; ``None`` options are left out.
    """
    parts = [literal(value) for value in arguments]
    given = {name: value for name, value in options.items() if value is not None}
    parts += [f"{name}={literal(value)}" for name, value in given.items()]
    line = f"{function}({', '.join(parts)})"
    if len(line) <= _WIDTH:
        return line
    lines = [literal(value) for value in arguments]
    lines += [f"{name}={_folded(value, len(name) + 6)}" for name, value in given.items()]
    return f"{function}(\n" + "".join(f"    {part},\n" for part in lines) + ")"


def _folded(value: Any, indent: int) -> str:
    """Write a list or mapping, its items under each other where one line is too short."""
    whole = literal(value)
    if indent + len(whole) <= _WIDTH or not isinstance(value, list | dict) or len(value) < 2:
        return whole
    if isinstance(value, dict):
        pieces = [f"{literal(key)}: {literal(item)}" for key, item in value.items()]
        opening, closing = "{", "}"
    else:
        pieces, opening, closing = [literal(item) for item in value], "[", "]"
    lines: list[str] = []
    for piece in pieces:
        if lines and isinstance(value, list) and indent + len(lines[-1]) + len(piece) + 2 <= _WIDTH:
            lines[-1] += ", " + piece
        else:
            lines.append(piece)
    return opening + (",\n" + " " * indent).join(lines) + closing


def python_html(code: str) -> str:
    """Colour Python; everything is escaped."""
    return _coloured(code, _PYTHON)


def graphql_html(code: str) -> str:
    """Colour GraphQL; everything is escaped."""
    return _coloured(code, _GRAPHQL)


def _coloured(code: str, pattern: re.Pattern[str]) -> str:
    made, end = [], 0
    for match in pattern.finditer(code):
        made.append(escape(code[end : match.start()]))
        made.append(f"<span class='{match.lastgroup}'>{escape(match.group())}</span>")
        end = match.end()
    made.append(escape(code[end:]))
    return "".join(made)


class CopyButton(anywidget.AnyWidget):  # type: ignore[misc] # anywidget has no types of its base
    """A button that copies a text to the clipboard, or selects it where there is none."""

    _esm = static("copy.js")
    text = traitlets.Unicode("").tag(sync=True)
    label = traitlets.Unicode("Copy").tag(sync=True)


class CodeDrawer:
    """“Show code”, and the code under it.

    Attributes
    ----------
    button : ipywidgets.Button
        For the foot of a panel.
    box : ipywidgets.VBox
        What opens.
    """

    def __init__(self) -> None:
        self.button = button("Show code ▸", "g3-quiet")
        self.box = VBox()
        self.box.add_class("g3-drawer")
        self.box.add_class("g3-none")
        self._copy = CopyButton()
        self._view = text()
        self._code = ""
        self.button.on_click(lambda _: self.toggle())
        head = text(
            "<b class='g3-strong'>The same in Python</b> <span class='g3-mut'>runs as it stands</span>"
        )
        self.box.children = [row([head, gap(), self._copy], "g3-bar"), self._view]

    @property
    def code(self) -> str:
        """The code that does the same."""
        return self._code

    @code.setter
    def code(self, code: str) -> None:
        self._code = code
        self._copy.text = code
        self._view.value = f"<pre class='g3-code'>{python_html(code)}</pre>"

    @property
    def open(self) -> bool:
        """Whether the code is shown."""
        return "g3-none" not in self.box._dom_classes

    def toggle(self) -> None:
        """Show or hide the code."""
        if self.open:
            self.box.add_class("g3-none")
            self.button.description = "Show code ▸"
        else:
            self.box.remove_class("g3-none")
            self.button.description = "Hide code ▾"
