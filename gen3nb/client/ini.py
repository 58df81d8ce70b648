"""INI text as the Go clients read it, changed without touching what is not meant.

``configparser`` would lose comments, order and alignment, and reads some lines in another way than the Go
library of ``gen3-client`` and ``data-client``: here an indented line is no continuation, two sections of one
name are one, the last value of a key counts, and ``#`` or ``;`` in a value begins a comment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gen3nb.client.redaction import Secret

__all__ = ["Broken", "Ini"]

_SECTION = re.compile(r"\s*\[(?P<name>[^\]\n]+)\]\s*(?:[#;].*)?$")
_ENTRY = re.compile(
    r"(?P<before>\s*(?P<key>[^=:\s][^=:]*?)\s*[=:][ \t]*)(?P<value>[^#;]*?)(?P<after>\s*(?:[#;].*)?)$"
)
_WIDTH = len("min_shepherd_version")  # the Go writer's columns
_QUOTES = ('"', "'", "`")


class Broken(ValueError):
    """A line is no INI.

    Parameters
    ----------
    line : int
        Its number, from 1.
    why : str
        What is wrong with it; its content, which may be a key, is not shown.
    """

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line} {why}")
        self.line = line


@dataclass(frozen=True)
class _Entry:
    """Where a value stands: the line, and what is before and after the value."""

    line: int
    before: str
    value: Secret
    after: str


class Ini:
    """A parsed INI text.

    Parameters
    ----------
    text : str
        The file's content.

    Raises
    ------
    Broken
        A line is neither section, ``key = value``, comment nor blank.
    """

    def __init__(self, text: str) -> None:
        self._lines = [Secret(line) for line in text.split("\n")]
        self._blocks: dict[str, list[tuple[int, int]]] = {}
        self._entries: dict[str, dict[str, _Entry]] = {}
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._parse()

    def __repr__(self) -> str:
        return f"Ini({self.sections()!r})"

    def _parse(self) -> None:
        """Find sections and entries; the text itself stays as it is."""
        name = ""
        start = 0
        for number, line in enumerate(self._lines):
            stripped = line.removesuffix("\r").strip()
            if not stripped or stripped[0] in "#;":
                continue
            if stripped[0] == "[":
                header = _SECTION.match(line)
                if header is None:
                    raise Broken(number + 1, "begins with '[' but is no [profile]")
                if name:
                    self._blocks[name].append((start, number))
                name, start = header["name"], number
                self._blocks.setdefault(name, [])
                self._entries.setdefault(name, {})
                continue
            if not name:
                raise Broken(number + 1, "stands before the first [profile]")
            entry = _ENTRY.match(line.removesuffix("\r"))
            if entry is None:
                raise Broken(number + 1, "is not 'key = value'")
            value = Secret(entry["value"])
            self._entries[name][entry["key"].lower()] = _Entry(number, entry["before"], value, entry["after"])
        if name:
            self._blocks[name].append((start, len(self._lines)))

    def sections(self) -> list[str]:
        """Give the names of the sections, in their order."""
        return list(self._blocks)

    def values(self, section: str) -> dict[str, Secret]:
        """Give the values of a section by key in small letters; none for a section that is not there."""
        return {key: _unquoted(entry.value) for key, entry in self._entries.get(section, {}).items()}

    def with_values(self, section: str, values: Mapping[str, str]) -> str:
        """Give the text with some values of a section changed or added, and all else as it was."""
        lines = list(self._lines)
        known = self._entries.get(section, {})
        end = "\r" if self._newline == "\r\n" else ""
        new: list[Secret] = []
        for key, value in values.items():
            entry = known.get(key)
            if entry is None:
                new.append(Secret(f"{key:<{_WIDTH}} = {value}".rstrip() + end))
            elif _unquoted(entry.value) != value:
                last = "\r" if self._lines[entry.line].endswith("\r") else ""
                lines[entry.line] = Secret(f"{entry.before}{value}{entry.after}{last}")
        if section in self._blocks:
            at = self._end_of(*self._blocks[section][-1])
            lines[at:at] = new
            if at == len(lines) - len(new):  # the text had no last line end
                lines[at - 1] = Secret(lines[at - 1].removesuffix("\r") + end)
                lines.append(Secret(""))
            return "\n".join(lines)
        return self._appended(lines, section, new, end)

    def _appended(self, lines: list[Secret], section: str, new: list[Secret], end: str) -> str:
        """Put a new section at the end, a blank line before it."""
        while lines and not lines[-1].strip():
            lines.pop()
        head = [*lines, Secret(end)] if lines else []
        if lines and not lines[-1].endswith("\r"):
            head[-2] = Secret(lines[-1] + end)
        return "\n".join([*head, f"[{section}]{end}", *new, ""])

    def without(self, section: str) -> str:
        """Give the text without a section; comments after its last line stay: the next one's."""
        gone: set[int] = set()
        for start, stop in self._blocks.get(section, []):
            end = self._end_of(start, stop)
            while end < stop and not self._lines[end].strip():
                end += 1
            gone.update(range(start, end))
        lines = [line for number, line in enumerate(self._lines) if number not in gone]
        if lines and lines[-1].strip():
            lines.append(Secret(""))
        return "\n".join(lines)

    def without_key(self, section: str, key: str) -> str:
        """Give the text without one key of a section."""
        entry = self._entries.get(section, {}).get(key)
        lines = list(self._lines)
        if entry is not None:
            del lines[entry.line]
        return "\n".join(lines)

    def _end_of(self, start: int, stop: int) -> int:
        """Give the line after the last entry of a block: before the blanks and comments that follow it."""
        while stop > start + 1 and (
            not self._lines[stop - 1].strip() or self._lines[stop - 1].lstrip()[:1] in ("#", ";")
        ):
            stop -= 1
        return stop


def _unquoted(value: Secret) -> Secret:
    """Take a pair of quotes off, which people write by hand."""
    if len(value) > 1 and str(value[:1]) in _QUOTES and value.endswith(str(value[:1])):
        return value[1:-1]
    return value
