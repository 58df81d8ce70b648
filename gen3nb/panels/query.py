"""Choose records of a node and see them; the face of ``commons.select``."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pandas as pd
from ipywidgets import Dropdown, Textarea, VBox

from gen3nb.errors import DictionaryError, Gen3Error, ValidationError
from gen3nb.panels.base import Job, Panel
from gen3nb.panels.choices import node_items, projects_of, property_items, record_counts, usual
from gen3nb.panels.code import call, graphql_html
from gen3nb.panels.counting import counted_as_shown
from gen3nb.panels.filters import Filter
from gen3nb.panels.grid import Grid
from gen3nb.panels.keep import Keep
from gen3nb.panels.pick_list import PickList
from gen3nb.panels.style import button, counted, escape, gap, number, row, text

if TYPE_CHECKING:
    from gen3nb.commons import Commons
    from gen3nb.frames.selection import Selection

__all__ = ["Query"]

_EVERYWHERE = ""


class Query(Panel):
    """Choose a node, its properties and filters; see how many records, then the records (``commons.select``).

    Parameters
    ----------
    commons : Commons, optional
        By default the only one that is open.
    project : str, optional
        The project to start with.
    node : str, optional
        The node to start with.

    Attributes
    ----------
    frame : pandas.DataFrame or None
        What the last run gave.
    selection : Selection
        What is chosen.
    project, node, properties : widgets
        ``project.value``, ``node.picked``, ``properties.picked``.
    run : ipywidgets.Button

    Examples
    --------
    >>> query = gen3nb.panels.Query(commons, node="diagnosis")  # doctest: +SKIP
    """

    heading = "Query"

    def __init__(
        self, commons: Commons | None = None, *, project: str | None = None, node: str | None = None
    ) -> None:
        super().__init__(commons)
        self.frame: pd.DataFrame | None = None
        self.filters: list[Filter] = []
        self._start_with = (project, node)
        self._counts: dict[str, int] = {}
        self._counting: threading.Thread | None = None
        self._asked = 0
        self._by_hand = False
        self.project = Dropdown(description="Project")
        self.node = PickList("Node", find="Find a node")
        self.properties = PickList("Properties", find="Find a property, also in descriptions", multiple=True)
        self.add_filter = Dropdown(options=[("+ Filter on another property", "")], description="Filter on")
        self.add_filter.add_class("g3-unlabelled")
        self.graphql = Textarea(description="GraphQL", continuous_update=False)
        self.graphql.add_class("g3-unlabelled")
        self.edit = button("Edit by hand", "g3-quiet", "g3-sm")
        self.run = button("Run query", primary=True)
        self._shown = text("", "g3-graphql")
        self._ticked = text()
        self._filter_box = VBox()
        self._count = text()
        self.grid: Grid | None = None
        self.keep = Keep("As DataFrame ▸", "records", lambda: self.frame, self.guard)
        self.on(self.run, self._run)
        self.on(self.edit, self._toggle_hand)
        self.when(self.project, "value", self._project_chosen)
        self.when(self.node, "picked", self._node_chosen)
        self.when(self.properties, "picked", self._changed)
        self.when(self.add_filter, "value", self._filter_asked)
        self.when(self.keep.name, "value", self._write_code)
        self.begin()

    # what is chosen

    @property
    def selection(self) -> Selection:
        """What is chosen, as ``commons.select`` gives it."""
        if self.commons is None or not self.node.picked:
            raise Gen3Error("choose a node first")
        return self.commons.select(
            self.node.picked[0], project=self._project, columns=self._columns, where=self._where or None
        )

    @property
    def _project(self) -> str | None:
        return self.project.value or None

    @property
    def _columns(self) -> list[str]:
        ticked = set(self.properties.picked)
        return [name for name in self.properties.names if name in ticked]

    @property
    def _where(self) -> dict[str, Any]:
        conditions = {one.name: one.condition for one in self.filters}
        return {name: condition for name, condition in conditions.items() if condition is not None}

    def filter(self, name: str) -> Filter:
        """Add a filter on a property, or give the one that is there.

        Raises
        ------
        DictionaryError
            The node has no such property.
        """
        for one in self.filters:
            if one.name == name:
                return one
        if self.commons is None or not self.node.picked:
            raise Gen3Error("choose a node first")
        node = self.commons.dictionary[self.node.picked[0]]
        if name not in node.properties:
            raise DictionaryError(f"{node.name} has no property {name!r}")
        made = Filter(node.properties[name], lambda: self.guard(self._changed), self._filter_removed)
        self.filters.append(made)
        self._changed()
        return made

    # building and following

    def _build(self) -> None:
        commons = self.commons
        assert commons is not None  # noqa: S101 - only called with one
        nodes = VBox([text("<div class='g3-ph'>Node</div>"), self.node])
        properties = VBox([self._ticked, self.properties])
        filters = VBox([text("<div class='g3-ph'>Filters</div>"), self._filter_box, self.add_filter])
        top = VBox([nodes, properties, filters])
        query = VBox(
            [
                row([text("<div class='g3-ph'>GraphQL</div>"), gap(), self.edit], "g3-nowrap"),
                self._shown,
                self.graphql,
            ]
        )
        count = VBox([text("<div class='g3-ph'>Count</div>"), self._count, row([self.run])])
        below = VBox([query, count])
        for box, name in ((top, "g3-q"), (below, "g3-q2")):
            box.add_class(name)
        for box in (nodes, properties, filters, query, count):
            box.add_class("g3-pane")
        self.graphql.add_class("g3-none")
        project = row([self.project])
        self.body.children = (project, top, below)
        self.foot.children = (gap(), self.drawer.button)
        names = projects_of(commons)
        wanted, node = self._start_with
        if wanted is not None:
            wanted = str(commons.project_id(wanted))
        with self.hold_sync():
            self.project.options = [("all that you may read", _EVERYWHERE), *((name, name) for name in names)]
        self._start_node = node
        chosen = wanted or (names[0] if len(names) == 1 else _EVERYWHERE)
        if self.project.value == chosen:
            self._project_chosen()
        else:
            self.project.value = chosen

    def _project_chosen(self) -> None:
        commons = self.commons
        assert commons is not None  # noqa: S101
        self._counts = record_counts(commons, self._project)
        items = node_items(commons, self._counts)
        before = self.node.picked[0] if self.node.picked else self._start_node
        if before is not None:
            before = commons.dictionary[before].name
        most = max(self._counts, key=lambda name: self._counts[name], default=items[0]["name"])
        self.title(subtitle=self.project.value or "all projects")
        chosen = [before or ("case" if self._counts.get("case") else most)]
        if chosen == list(self.node.picked):
            self.node.items = items
            self._changed()
        else:
            self.node.show(items, chosen)

    def _node_chosen(self) -> None:
        if self.commons is None or not self.node.picked:
            return
        node = self.commons.dictionary[self.node.picked[0]]
        self.filters = []
        self.keep.name.value = node.name
        self.properties.show(property_items(node), usual(node))
        self._changed()

    def _filter_asked(self) -> None:
        name = self.add_filter.value
        if name:
            self.filter(name)

    def _filter_removed(self, one: Filter) -> None:
        self.filters = [other for other in self.filters if other is not one]
        self.guard(self._changed)

    def _changed(self) -> None:
        """Follow what was ticked: filters, query, code, count."""
        if self.commons is None or not self.node.picked:
            return
        if self.error is not None and not self.running:
            self.quiet()
        self._show_filters()
        total = len(self.properties.items)
        amount = f"{len(self._columns)} of {total} ticked"
        self._ticked.value = f"<div class='g3-ph'>Properties <span class='g3-sub'>{amount}</span></div>"
        self.run.disabled = not self._columns and not self._by_hand
        if not self._columns:
            self._count.value = "<span class='g3-sub'>Tick at least one property.</span>"
            return
        selection = self.selection
        if not self._by_hand:
            self._shown.value = f"<pre class='g3-code'>{graphql_html(selection.graphql)}</pre>"
        self._write_code()
        self._ask_count(selection)

    def _show_filters(self) -> None:
        node = self.commons.dictionary[self.node.picked[0]] if self.commons is not None else None
        if node is None:
            return
        used = {one.name for one in self.filters}
        choices = [
            name
            for name, prop in node.properties.items()
            if name not in used and prop.kind not in ("array", "object")
        ]
        self.add_filter.options = [("+ Filter on another property", ""), *((name, name) for name in choices)]
        here = [one for one in self.filters if one.kind not in ("string", "enum", "boolean")]
        there = [one for one in self.filters if one not in here]
        children: list[Any] = []
        if there:
            children += [text("<span class='g3-lab'>The commons filters</span>"), *(one.box for one in there)]
        if here:
            children += [
                text("<span class='g3-lab'>Filtered here, after reading</span>"),
                *(one.box for one in here),
            ]
        if tuple(children[1:2]) != tuple(self._filter_box.children[1:2]) or len(children) != len(
            self._filter_box.children
        ):
            self._filter_box.children = tuple(children)

    def _write_code(self) -> None:
        name = self.keep.name.value or "records"
        if self._by_hand:
            self.code = f'data = commons.query("""{self.graphql.value}""", {{"first": 0, "offset": 0}})'
            return
        asked = call(
            "commons.select",
            self.node.picked[0],
            project=self._project,
            columns=self._columns,
            where=self._where or None,
        )
        self.code = f"{name} = {asked}.to_frame()"

    # the count

    def _ask_count(self, selection: Selection) -> None:
        """Count beside everything else; a newer choice makes an older answer void."""
        total = self._counts.get(selection.node, 0)
        self._asked += 1
        if not self._where:
            self._say_count(
                total, "All of them are read, none cut off." if total else _nothing(self, selection)
            )
            return
        self._count.value = "<span class='g3-sub'>counting…</span>"
        mine = self._asked
        where = self._where
        commons = self.commons

        def count() -> None:
            assert commons is not None  # noqa: S101
            try:
                found, words = counted_as_shown(commons, selection, where, total)
                if mine == self._asked:
                    self._say_count(found, words + " All of them are read, none cut off.")
            except Gen3Error as error:
                if mine == self._asked:
                    self._count.value = "<span class='g3-sub'>not counted</span>"
                    self.fail(error)

        self._counting = threading.Thread(target=count, name="gen3nb count", daemon=True)
        self._counting.start()

    def _say_count(self, records: int, words: str) -> None:
        self._count.value = (
            f"<div class='g3-cnt' role='status'>{number(records)} <span class='g3-mut' style='font-size:13px;"
            f"font-weight:400'>records</span></div><div class='g3-sub'>{words}</div>"
        )

    def wait(self, timeout: float = 120.0) -> None:
        """Wait until nothing runs any more, the count included."""
        super().wait(timeout)
        if self._counting is not None:
            self._counting.join(timeout)

    # by hand, and running

    def _toggle_hand(self) -> None:
        self._by_hand = not self._by_hand
        if self._by_hand:
            self.graphql.value = self.selection.graphql
            self.graphql.remove_class("g3-none")
            self._shown.add_class("g3-none")
            self.edit.description = "Follow my ticks"
        else:
            self.graphql.add_class("g3-none")
            self._shown.remove_class("g3-none")
            self.edit.description = "Edit by hand"
        self._changed()

    def _run(self) -> None:
        started = time.monotonic()
        commons = self.commons
        assert commons is not None  # noqa: S101
        if self._by_hand:
            self._write_code()
            asked = self.graphql.value
            selection = self.selection

            def ask(_: Job) -> pd.DataFrame:
                known = {name: value for name, value in selection.variables.items() if f"${name}" in asked}
                return _as_frame(commons.query(asked, known))

            self.start("Asking the commons", ask, lambda frame: self._done(frame, started))
            return
        selection = self.selection
        self._write_code()
        self.start(
            f"Reading {selection.node}",
            lambda job: selection.to_frame(progress=job.progress),
            lambda frame: self._done(frame, started),
        )

    def _done(self, frame: pd.DataFrame, started: float) -> None:
        self.frame = frame
        seconds = time.monotonic() - started
        note = f"<b>{counted(len(frame), 'row')} × {counted(frame.shape[1], 'column')}</b> in {seconds:.1f} s"
        if self.grid is None:
            self.grid = Grid(frame, note=note)
        else:
            self.grid.show(frame, note=note)
        if "submitter_id" in frame.columns:  # the commons gives them in the order of their ids
            self.grid.sort("submitter_id")
        self.after.children = (self.grid,)
        self.foot.children = (self.keep.box, gap(), self.drawer.button)


def _nothing(panel: Query, selection: Selection) -> str:
    where = escape(selection.project or "The commons")
    return (
        f"<b>{where} has no {escape(selection.node)} records yet</b>, or none that you may read. "
        "Choose another node."
    )


def _as_frame(data: dict[str, Any]) -> pd.DataFrame:
    """Make a frame of the first list in an answer to a query written by hand."""
    for value in data.values():
        if isinstance(value, list):
            return pd.json_normalize(value)
    if not data:
        raise ValidationError("the query gave nothing back")
    return pd.DataFrame([data])
