"""What is wrong with the rows, told in lines with their next step, and the rows themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ipywidgets import VBox

from gen3nb.panels.style import button, code, escape, icon, number, row, text

if TYPE_CHECKING:
    from gen3nb.frames.reports import ValidationReport

__all__ = ["Problems", "flags_of", "words_of"]

_SHOWN = 12


class Problems:
    """One line per kind of problem: where, what, how often; “Show” narrows the grid to its rows.

    Parameters
    ----------
    report : ValidationReport
    show : callable
        Gets the positions of a problem's rows.

    Attributes
    ----------
    box : ipywidgets.VBox
    """

    def __init__(self, report: ValidationReport, show: Callable[[list[int]], None]) -> None:
        lines = []
        groups = _groups(report)
        for column, origin, sentence, positions in groups[:_SHOWN]:
            rejected = origin == "service"
            mark = icon("x" if rejected else "warn", "would be rejected" if rejected else "would be spoiled")
            kind = "bad" if rejected else "odd"
            pressed = button("Show", "g3-link", tooltip=f"show the rows with this problem in {column}")
            pressed.on_click(lambda _, held=positions: show(held))
            line = row(
                [
                    text(
                        f"<div class='g3-problem'><span class='g3-{kind}'>{mark}</span>"
                        f"<b class='g3-strong g3-ell'>{escape(column)}</b><span>{sentence}</span></div>"
                    ),
                    pressed,
                ],
                "g3-prob",
            )
            lines.append(line)
        if len(groups) > _SHOWN:
            lines.append(
                text(f"<div class='g3-sub' style='padding:8px'>and {len(groups) - _SHOWN} more kinds</div>")
            )
        self.box = VBox(lines)
        self.box.add_class("g3-box")


def _groups(report: ValidationReport) -> list[tuple[str, str, str, list[int]]]:
    """Give column, origin, sentence (HTML) and positions of each kind of problem, the most frequent first."""
    found: dict[tuple[str, str, str, str], list[Any]] = {}
    for one in report.found:
        told = one.rule if one.rule in ("enum", "type") else one.message
        found.setdefault((one.column, one.rule, told, repr(one.value)), []).append(one)
    made = []
    for (column, _, _, _), held in found.items():
        positions = sorted({one.position for one in held})
        made.append((column, held[0].origin, words_of(held[0], len(positions)), positions))
    return sorted(made, key=lambda entry: -len(entry[3]))


def words_of(problem: Any, rows: int) -> str:
    """Say a problem as HTML: how many rows, the value, what is meant."""
    many = f"{number(rows)} row{'' if rows == 1 else 's'}"
    value, suggestion = problem.value, problem.suggestion
    if suggestion is not None and isinstance(value, str) and value != str(suggestion):
        says = "says" if rows == 1 else "say"
        return f"{many} {says} {code(value)}, did you mean {code(suggestion)}?"
    parts = escape(problem.message).split("`")
    said = "".join(f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(parts))
    return f"{many}: {said}"


def flags_of(report: ValidationReport, positions: list[int]) -> dict[tuple[int, str], str]:
    """Give what is wrong with each cell of some rows, by place among them and column."""
    place = {position: at for at, position in enumerate(positions)}
    flags: dict[tuple[int, str], str] = {}
    for one in report.found:
        if one.position in place:
            key = (place[one.position], one.column)
            flags[key] = f"{flags[key]}; {one.message}" if key in flags else one.message
    return flags
