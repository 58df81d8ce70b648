"""The form of Submit: rows, target, columns; and the code for what was chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd
from ipywidgets import Dropdown, VBox

from gen3nb.errors import Gen3Error, NotConnected, ValidationError
from gen3nb.frames.casting import cast
from gen3nb.frames.origin import origin_of
from gen3nb.panels.base import Panel
from gen3nb.panels.choices import projects_of
from gen3nb.panels.code import Name, call, literal
from gen3nb.panels.mapping import Mapping, guess_node
from gen3nb.panels.source import Source
from gen3nb.panels.style import button, counted, escape, gap, icon, row, text

if TYPE_CHECKING:
    from gen3nb.commons import Commons
    from gen3nb.frames.outcomes import SubmissionReport

__all__ = ["SubmitForm", "step"]


class SubmitForm(Panel):
    """Where the rows come from, where they go, and which column is which property.

    Finished steps fold to one line. Any change makes what was found out about the rows void.
    """

    heading = "Submit"

    def __init__(
        self,
        commons: Commons | None = None,
        frame: pd.DataFrame | None = None,
        *,
        project: str | None = None,
        node: str | None = None,
    ) -> None:
        super().__init__(commons)
        self.frame: pd.DataFrame | None = None
        self.check_report: SubmissionReport | None = None
        self.report: SubmissionReport | None = None
        self.mapping: Mapping | None = None
        self._given = (frame, project, node)
        self._fixed = 0
        self._corrections: list[str] = []
        self._edits: dict[tuple[int, int], Any] = {}  # (row, column) of the rows to send: what was typed
        self._following = True
        self.source = Source(self._source_chosen, self.guard)
        self.project = Dropdown(description="Project")
        self.node = Dropdown(description="Node")
        self.check = button("Check", primary=True)
        self.when(self.project, "value", self._target_chosen)
        self.when(self.node, "value", self._target_chosen)

    def _build(self) -> None:
        commons = self._connected()
        frame, project, node = self._given
        dictionary = commons.dictionary
        self._nodes = {
            name: dictionary[name]
            for name in dictionary.order
            if name not in ("program", "project") and dictionary[name].submittable
        }
        self._following = False
        names = projects_of(commons)
        self.project.options = [("choose…", ""), *((name, name) for name in names)]
        self.project.value = names[0] if len(names) == 1 else ""
        self.node.options = [("choose…", ""), *((name, name) for name in self._nodes)]
        self._following = True
        self._draw()  # what is given may be wrong: then the form is there to choose again
        if project is not None:
            self.project.value = self._one_of(self.project, str(commons.project_id(project)))
        if node is not None:
            self.node.value = self._one_of(self.node, dictionary[node].name)
        if frame is not None:
            self.source.take(frame, "rows")

    @staticmethod
    def _one_of(field: Dropdown, name: str) -> str:
        if name not in [value for _, value in field.options]:
            raise Gen3Error(
                f"{name} is not open to you to submit to: choose another {field.description.lower()}"
            )
        return name

    def _connected(self) -> Commons:
        if self.commons is None or self.commons.closed:
            raise NotConnected("the commons is not open any more: connect again")
        return self.commons

    def _source_chosen(self) -> None:
        frame = self.source.frame
        if frame is None or self.commons is None:
            return
        origin = origin_of(frame)
        self._following = False
        if self._given[2] is None:
            self.node.value = guess_node(frame, self._nodes, origin.node)
        if self._given[1] is None and origin.project in [value for _, value in self.project.options]:
            self.project.value = origin.project
        self._following = True
        self._target_chosen()

    def _target_chosen(self) -> None:
        if not self._following:
            return
        self.quiet()
        self._forget()
        if self.source.frame is not None and self.node.value:
            self.mapping = Mapping(
                self.source.frame, self._nodes[self.node.value], lambda: self.guard(self._mapped)
            )
            self._mapped()
        else:
            self._draw()

    def _mapped(self) -> None:
        self._forget()
        if self.mapping is not None:
            rows = self.mapping.apply()
            # what a file holds is text; typed as far as all cells of a column read as their type
            self.frame = self._typed(rows) if self.source.file else rows
        self._draw()

    def _typed(self, rows: pd.DataFrame) -> pd.DataFrame:
        separator = "#" if self.source.file.lower().endswith(".csv") else ","
        return cast(rows, self._nodes[self.node.value], separator=separator)

    def _forget(self) -> None:
        """Forget what was found out about rows that have changed."""
        self.check_report = self.report = None
        self._fixed = 0
        self._corrections = []
        self._edits = {}

    def _ready(self) -> tuple[Commons, pd.DataFrame, str, str]:
        commons, frame = self._connected(), self.frame
        if frame is None:
            raise Gen3Error("choose the rows first")
        if self.mapping is not None and self.mapping.twice:
            raise ValidationError(f"two columns go to {self.mapping.twice}: choose one of them")
        if not self.project.value or not self.node.value:
            raise Gen3Error("choose a project and a node first")
        return commons, frame, self.project.value, self.node.value

    def _correct(self, position: int, place: int, column: str, value: Any) -> None:
        """Note the code of a correction; the column may have to hold another kind of value first."""
        name = self.source.name
        freed = f"{name} = {name}.astype({{{literal(column)}: object}})"
        if freed not in self._corrections:
            self._corrections.append(freed)
        plain = None if not isinstance(value, list) and pd.isna(value) else value
        said = literal(plain.item() if plain is not None and hasattr(plain, "item") else plain)
        self._corrections.append(f"{name}.iloc[{position}, {place}] = {said}")
        self._write_code()

    def _start_over(self) -> None:
        self.quiet()
        self.source.frame = None
        self.source.look()
        self.frame = self.mapping = None
        self._given = (None, None, None)
        self._forget()
        self.body.children = ()
        self._draw()

    def _draw(self) -> None:
        """Draw the steps: those that are settled as one line each."""
        frame, project, node = self.source.frame, self.project.value, self.node.value
        self.title(subtitle=f"{project} · {node}" if frame is not None and node else "")
        parts: list[Any] = []
        if frame is None:
            parts += [step(1, "Source"), self.source.box]
            self.foot.children = ()
        else:
            parts.append(self._settled("Source", self.source.words, self._start_over))
            target = VBox([self.project, self.node])
            target.add_class("g3-cols")
            parts += [step(2, "Target"), target]
            if self.mapping is not None:
                folded = not self.mapping.choices
                parts.append(step(3, "Columns", self.mapping.words, done=folded))
                if not folded:
                    parts.append(self.mapping.box)
            self._write_code()
            if self.check_report is None:
                self.check.description = f"Check {counted(len(frame), 'row')}"
                self.check.disabled = not node or not project
                where = text("nothing is sent yet", "g3-sub")
                self.foot.children = (self.check, where, gap(), self.drawer.button)
            else:
                parts += self._found()
        self.after.children = ()
        self.body.children = tuple(parts)

    def _found(self) -> list[Any]:
        """Draw what a check found."""
        return []

    def _settled(self, name: str, words: str, change: Callable[[], None]) -> Any:
        pressed = button("Change", "g3-link", tooltip=f"change the {name.lower()}")
        self.on(pressed, change)
        return row([step(1, name, words, done=True), pressed], "g3-steprow")

    def _write_code(self) -> None:
        name, node, project = self.source.name, self.node.value, self.project.value
        lines = []
        if self.source.file:
            typed = call("gen3nb.read_tsv", self.source.file, node, Name("commons.dictionary"))
            lines.append(f"{name} = {typed}")
        if self.mapping is not None:
            if self.mapping.dropped:
                lines.append(f"{name} = {call(f'{name}.drop', columns=self.mapping.dropped)}")
            if self.mapping.renamed:
                renamed = call(f"{name}.rename", columns=self.mapping.renamed)
                if self.source.file:
                    renamed = f'cast({renamed}, commons.dictionary["{node}"])'
                lines.append(f"{name} = {renamed}")
        lines += self._corrections
        lines.append(f"report = {call('commons.submit', {node: Name(name)}, project=project)}")
        start = "import gen3nb\n" if self.source.file else ""
        start += (
            "from gen3nb.frames.casting import cast\n" if any("= cast(" in line for line in lines) else ""
        )
        start += "\n" if start else ""
        self.code = start + "\n".join(lines)


def step(place: int, name: str, words: str = "", *, done: bool = False) -> Any:
    """Draw the head of a step: its number, or a check when it is settled."""
    mark = (
        f"<span class='g3-n g3-d'>{icon('check', 'settled')}</span>"
        if done
        else f"<span class='g3-n'>{place}</span>"
    )
    return text(
        f"<div class='g3-step'>{mark}{escape(name)} <span class='g3-sub g3-ell'>{escape(words)}</span></div>"
    )
