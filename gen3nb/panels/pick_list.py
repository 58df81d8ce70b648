"""A list to search and to pick from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import anywidget
import traitlets

from gen3nb.panels.style import static

__all__ = ["PickList"]


class PickList(anywidget.AnyWidget):  # type: ignore[misc] # anywidget has no types of its base
    """A searchable list of names, of which one or many are picked; arrow keys move, Space picks.

    Parameters
    ----------
    label : str
        What the list holds, for screen readers.
    find : str
        What the search field says; without it there is none.
    multiple : bool
        Whether many can be picked.
    height : str
        Of the list, as CSS.
    empty : str
        What an empty list says.

    Attributes
    ----------
    items : list of dict
        ``name``; optionally ``category`` (adm, cli, bio, fil), ``figure``, ``badge``, ``required``,
        ``disabled``, and ``words``, which is searched too and shown as a tooltip.
    picked : list of str
        The names that are picked, in the order of the ticks.
    """

    _esm = static("pick_list.js")

    items = traitlets.List(traitlets.Dict()).tag(sync=True)
    picked = traitlets.List(traitlets.Unicode()).tag(sync=True)
    label = traitlets.Unicode("").tag(sync=True)
    find = traitlets.Unicode("").tag(sync=True)
    searchable = traitlets.Bool(True).tag(sync=True)
    multiple = traitlets.Bool(False).tag(sync=True)
    height = traitlets.Unicode("").tag(sync=True)
    empty = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        label: str,
        *,
        find: str = "",
        multiple: bool = False,
        height: str = "",
        empty: str = "nothing here",
    ) -> None:
        super().__init__(
            label=label, find=find, searchable=bool(find), multiple=multiple, height=height, empty=empty
        )

    @property
    def names(self) -> list[str]:
        """The names in the list."""
        return [str(item["name"]) for item in self.items]

    def show(self, items: Sequence[Mapping[str, Any]], picked: Iterable[str] = ()) -> None:
        """Show other items; of ``picked``, what is not among them is left out."""
        shown = [dict(item) for item in items]
        known = {item["name"] for item in shown}
        chosen = [name for name in picked if name in known]
        with self.hold_trait_notifications():
            self.items = shown
            self.picked = chosen
