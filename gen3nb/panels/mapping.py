"""Which column goes to which property; the third step of Submit."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd
from ipywidgets import Dropdown, VBox

from gen3nb.dictionary.elements import nearest
from gen3nb.panels.cells import shown
from gen3nb.panels.style import badge, escape, text

if TYPE_CHECKING:
    from gen3nb.dictionary import Node

__all__ = ["NOT_SENT", "Mapping", "guess_node"]

NOT_SENT = ""
#: Columns that every export has and no submission takes; they are left out without a word.
_OWN = {"id", "state", "created_datetime", "updated_datetime", "type", "project_id"}


def guess_node(frame: pd.DataFrame, nodes: dict[str, Node], tagged: str | None) -> str:
    """Guess the node of rows: what they say themselves, else whose columns fit best."""
    if tagged in nodes:
        return str(tagged)
    if "type" in frame.columns:
        said = frame["type"].dropna().unique()
        if len(said) == 1 and str(said[0]) in nodes:
            return str(said[0])
    columns = {str(name) for name in frame.columns}

    def fit(name: str) -> tuple[int, int]:
        node = nodes[name]
        links = {link.column for link in node.links}
        return len(columns & set(node.columns)) + 2 * len(columns & links), -len(node.columns)

    return max(nodes, key=fit)


class Mapping:
    """A line for each column whose name is no property: where it goes, guessed, to be corrected.

    Parameters
    ----------
    frame : pandas.DataFrame
    node : Node
    changed : callable
        Called when a choice changes.

    Attributes
    ----------
    choices : dict of str to ipywidgets.Dropdown
        By column.
    box : ipywidgets.VBox
    """

    def __init__(self, frame: pd.DataFrame, node: Node, changed: Callable[[], None]) -> None:
        self._frame, self._node = frame, node
        self._labels = {str(name): name for name in frame.columns}  # 2020 is a number in many a frame
        known = [*node.columns, "id"]
        self.same = [str(name) for name in frame.columns if str(name) in known]
        free = [name for name in known if name not in self.same and name != "id"]
        links = {link.name: link.column for link in node.links}
        self.choices: dict[str, Dropdown] = {}
        lines: list[object] = []
        required = set(node.required) | {links.get(name, name) for name in node.required}
        options = [("— do not send —", NOT_SENT)]
        options += [(f"{name} *" if name in required else name, name) for name in free]
        taken: set[str] = set()
        for column in frame.columns:
            name = str(column)
            if name in self.same or name in _OWN:
                continue
            guess, how = _guess(name, [option for option in free if option not in taken])
            taken.add(guess)
            choice = Dropdown(options=options, value=guess, description=f"Property for {name}")
            choice.add_class("g3-unlabelled")
            choice.observe(lambda _: changed(), "value")
            self.choices[name] = choice
            lines += [
                text(f"<div class='g3-mono g3-ell'>{escape(name)}</div>"),
                text(f"<div class='g3-mut g3-ell'>{escape(_first(frame[column]))}</div>"),
                choice,
                text(badge(how, "o" if guess else "w")),
            ]
        heads = [
            text(f"<span class='g3-sub'>{head}</span>")
            for head in ("your column", "first values", f"property of {escape(node.name)}", "guess")
        ]
        self.box = VBox([*heads, *lines] if lines else [])
        self.box.add_class("g3-map")

    @property
    def renamed(self) -> dict[Any, str]:
        """Which columns get another name, by their labels in the frame."""
        return {
            self._labels[name]: str(choice.value) for name, choice in self.choices.items() if choice.value
        }

    @property
    def dropped(self) -> list[Any]:
        """Which columns are not sent, by their labels in the frame."""
        return [self._labels[name] for name, choice in self.choices.items() if not choice.value]

    @property
    def words(self) -> str:
        """How many columns go to the commons (plain text)."""
        left_out = len(self.dropped)
        total = len(self.same) + len(self.choices)
        said = f"{total - left_out} of {total} go to the commons"
        twice = self.twice
        return said + (f"; two of them to {twice}" if twice else "")

    @property
    def twice(self) -> str | None:
        """A property that two columns go to, if there is one."""
        targets = [*self.same, *self.renamed.values()]
        return next((name for name in targets if targets.count(name) > 1), None)

    def apply(self) -> pd.DataFrame:
        """Give the rows under the names of the properties, without what is not sent."""
        if not self.renamed and not self.dropped:
            return self._frame
        return self._frame.drop(columns=self.dropped).rename(columns=self.renamed)


def _guess(name: str, free: list[str]) -> tuple[str, str]:
    plain = {re.sub(r"[\W_]+", "", option).lower(): option for option in free}
    bare = re.sub(r"[\W_]+", "", name).lower()
    if bare in plain:
        return plain[bare], "by name"
    near = nearest(name, free, 1)
    if near and (bare in near[0].replace("_", "") or near[0].split(".")[0].startswith(bare[:4])):
        return near[0], "near name"
    return NOT_SENT, "no match"


def _first(values: pd.Series) -> str:
    cells = [str(cell) for cell in shown(values.dropna().head(3))]
    return ", ".join(cells) if cells else "all missing"
