"""The links of a frame's rows: as many as there must be, to records that exist."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gen3nb.dictionary import Link, LinkGroup, Node
from gen3nb.frames.codec import link_column, plain_column, plain_columns
from gen3nb.frames.findings import GEN3NB, Findings, fold
from gen3nb.frames.keys import Marks, Texts, marks, taken
from gen3nb.frames.sinks import Each

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectId
    from gen3nb.frames.looking import Look

__all__ = ["Ends", "LinkCheck", "ends_of"]

Mask = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Ends:
    """The targets that one column names, one entry per target.

    Attributes
    ----------
    link : Link
    part : str
        By which property of the target: its key, or ``id``.
    column : str
        As the frame calls it.
    positions : array of int
        Of the rows that name a target; a row with several stands here several times.
    targets : sequence of str
    raw : sequence
        The same as they stand in the frame.
    """

    link: Link
    part: str
    column: str
    positions: Marks
    targets: Sequence[str]
    raw: Sequence[Any]

    @cached_property
    def marks(self) -> Marks:
        """The marks of the targets: equal where only case differs."""
        return marks(self.targets)


def ends_of(frame: pd.DataFrame, node: Node) -> list[Ends]:
    """Read the link columns of a frame.

    Parameters
    ----------
    frame : pandas.DataFrame
    node : Node

    Returns
    -------
    list of Ends
    """
    found = []
    for at, name in enumerate(plain_columns(frame)):
        link, part = link_column(node, name)
        if link is None:
            continue
        found.append(_ends(link, part, name, frame.iloc[:, at]))
    return found


def _ends(link: Link, part: str, name: str, column: pd.Series[Any]) -> Ends:
    if isinstance(column.dtype, pd.StringDtype):
        present = column.notna().to_numpy(dtype=bool)
        held = column if present.all() else column[present]
        texts: Any = Texts.of(held)
        texts = held.tolist() if texts is None else texts
        return Ends(link, part, name, np.flatnonzero(present), texts, texts)
    positions, targets, raw = array("q"), [], []
    for position, value in enumerate(plain_column(column, None)):
        if value is None:
            continue
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                positions.append(position)
                targets.append(one if isinstance(one, str) else str(one))
                raw.append(one)
    return Ends(link, part, name, np.array(positions, dtype=np.int64), targets, raw)


class LinkCheck:
    """All checks of the links of one frame.

    Parameters
    ----------
    frame : pandas.DataFrame
    node : Node
    rows : sequence of int
        The user's row numbers.
    findings : Findings
        Where problems go.
    """

    def __init__(self, frame: pd.DataFrame, node: Node, rows: Sequence[int], findings: Findings) -> None:
        self.node = node
        self.rows = rows
        self.count = len(frame)
        self.findings = findings
        self.ends = ends_of(frame, node)
        self.given: dict[str, Mask] = {link.name: np.zeros(self.count, dtype=bool) for link in node.links}
        for ends in self.ends:
            self.given[ends.link.name][ends.positions] = True

    # --- how many -------------------------------------------------------------------------------------

    def required(self, stored: Mask) -> None:
        """Check that each row has the links it must have, and no more than it may.

        Parameters
        ----------
        stored : array of bool
            Rows whose records exist: what they leave out is taken from there.
        """
        for entry in self.node.link_groups:
            if isinstance(entry, Link):
                if entry.required or entry.name in self.node.required:
                    missing = np.flatnonzero(~self.given[entry.name] & ~stored)
                    self.findings.add(
                        missing,
                        entry.column,
                        "required",
                        f"is empty, but every {self.node.name} must name its {entry.target}",
                    )
            else:
                self._group(entry, stored)
        self._single()

    def _group(self, group: LinkGroup, stored: Mask) -> Mask:
        """Check a group and those in it; give which rows have any link of it."""
        has = [
            self.given[member.name] if isinstance(member, Link) else self._group(member, stored)
            for member in group.members
        ]
        count = np.sum(has, axis=0) if has else np.zeros(self.count, dtype=int)
        names = [link.column for link in group.links()]
        for link in group.links():
            if link.required or link.name in self.node.required:
                missing = np.flatnonzero(~self.given[link.name] & ~stored)
                self.findings.add(missing, link.column, "required", f"is empty, but {link.name} is required")
        if group.required:
            self.findings.add(
                np.flatnonzero((count == 0) & ~stored),
                names[0],
                "required",
                f"is empty, and so are the others of which a {self.node.name} needs one: {', '.join(names)}",
            )
        if group.exclusive:
            self.findings.add(
                np.flatnonzero(count > 1),
                names[0],
                "links",
                f"a {self.node.name} may have only one of these links, but has several: {group}",
            )
        any_link: Mask = count > 0
        return any_link

    def _single(self) -> None:
        """Check that links to one target name one."""
        for link in self.node.links:
            if link.to_many:
                continue
            held: dict[int, set[str]] = {}
            named = [ends for ends in self.ends if ends.link == link and ends.part != "id"]
            if sum(len(ends.positions) for ends in named) <= np.count_nonzero(self.given[link.name]):
                continue  # no row can name two
            for ends in named:
                for position, target in zip(ends.positions, ends.targets, strict=True):
                    held.setdefault(position, set()).add(fold(target))
            several = [position for position, targets in held.items() if len(targets) > 1]
            self.findings.add(
                several,
                link.column,
                "links",
                f"names several, but a {self.node.name} has one {link.target}",
                values=[", ".join(sorted(held[position])) for position in several],
            )

    # --- which ----------------------------------------------------------------------------------------

    def types(self) -> None:
        """Find targets that pandas made a decimal number of: ``1.0`` for ``1``."""
        for ends in self.ends:
            if ends.raw is ends.targets:
                continue  # a column of text
            bad = [number for number, value in enumerate(ends.raw) if isinstance(value, float)]
            self.findings.add(
                [ends.positions[number] for number in bad],
                ends.column,
                "type",
                [
                    f"{ends.raw[number]!r} is a number; links name a {ends.part}, which is text"
                    for number in bad
                ],
                values=[ends.raw[number] for number in bad],
                suggestions=[
                    str(int(value)) if (value := ends.raw[number]).is_integer() else None for number in bad
                ],
                origin=GEN3NB,
            )

    def project(self, project: ProjectId) -> None:
        """Check that links to the project name this one."""
        for ends in self.ends:
            if ends.link.target != "project" or ends.part == "id":
                continue
            bad = [number for number, target in enumerate(ends.targets) if target != project.code]
            self.findings.add(
                [ends.positions[number] for number in bad],
                ends.column,
                "links",
                [
                    f"links to the project {ends.targets[number]!r}, but the rows go to {project}"
                    for number in bad
                ],
                values=[ends.targets[number] for number in bad],
                suggestions=[project.code for _ in bad],
            )

    def targets(self, at_hand: Mapping[str, Iterable[Sequence[str | None]]], look: Look | None) -> None:
        """Check that the targets exist: in the frames at hand, else in the commons.

        Parameters
        ----------
        at_hand : Mapping of str to iterable of sequence of str or None
            Node to the submitter_ids that are about to be submitted with these rows, frame by frame.
        look : Look or None
            None: no commons to look in.
        """
        for ends in self.ends:
            if ends.link.target in {"project", "program"} and ends.part != "id":
                continue
            if ends.part == "id":
                self._by_id(ends, look)
                continue
            held = [marks(keys) for keys in at_hand.get(ends.link.target, ())]
            names: Marks = np.concatenate(held) if held else np.zeros(0, dtype=np.int64)
            names = names[names != hash("")]
            left = np.flatnonzero(~np.isin(ends.marks, names))
            if not len(left):
                continue
            if look is None:
                self.findings.note(
                    f"The links in {ends.column} were not looked up: no commons was given to look in."
                )
                continue
            self._by_key(ends, left, names, look)

    def _by_key(self, ends: Ends, left: Marks, held: Marks, look: Look) -> None:
        target = ends.link.target
        stored = look.keys(
            target, ends.targets if len(left) == len(ends.targets) else taken(ends.targets, left)
        )
        bad = left[stored.places(ends.marks[left]) < 0].tolist()
        bare = [ends.targets[number].strip() for number in bad]
        spaced = [name for number, name in zip(bad, bare, strict=True) if name != ends.targets[number]]
        near = look.keys(target, spaced) if spaced else stored
        found = np.isin(marks(bare), held) | (near.places(marks(bare)) >= 0)
        hints = [name if exists and name else None for name, exists in zip(bare, found.tolist(), strict=True)]
        elsewhere = look.elsewhere(target, [ends.targets[number] for number in bad])

        def more(name: str, hint: str | None) -> str:
            if hint:
                return f"; did you mean {hint!r}?"
            place = elsewhere.get(name)
            return f"; there is one in {place}, but links stay within a project" if place else ""

        self.findings.add(
            [ends.positions[number] for number in bad],
            ends.column,
            "links",
            [
                f"there is no {target} {ends.targets[number]!r} in {look.project}, "
                f"nor among the rows to be submitted{more(ends.targets[number], hint)}"
                for number, hint in zip(bad, hints, strict=True)
            ],
            values=[ends.targets[number] for number in bad],
            suggestions=hints,
        )

    def _by_id(self, ends: Ends, look: Look | None) -> None:
        if look is None or not ends.targets:
            return
        target = ends.link.target
        found = look.ids(target, ends.targets)
        positions, messages, values = [], [], []
        for position, one in zip(ends.positions, ends.targets, strict=True):
            there = found.get(one)
            if there is None:
                messages.append(f"there is no {target} with the id {one!r} in the commons")
            elif "project_id" in there and there["project_id"] != str(look.project):
                messages.append(f"this {target} belongs to {there['project_id']}, not to {look.project}")
            elif "code" in there and there["code"] != look.project.code:
                messages.append(f"this is the project {there['code']!r}, but the rows go to {look.project}")
            else:
                continue
            positions.append(position)
            values.append(one)
        self.findings.add(positions, ends.column, "links", messages, values=values)

    def taken(self, look: Look | None, keys: Sequence[str | None]) -> None:
        """Check that targets which only one record may have are named once, and are free.

        Parameters
        ----------
        look : Look or None
        keys : sequence of str or None
            The rows' own submitter_ids.
        """
        for ends in self.ends:
            if ends.part == "id" or not ends.link.multiplicity.startswith("one_to_"):
                continue
            found, times = np.unique(ends.marks, return_counts=True)
            again = np.flatnonzero(np.isin(ends.marks, found[times > 1])).tolist()
            places: dict[int, list[int]] = {}
            for number in again:
                held = places.setdefault(int(ends.marks[number]), [])
                if len(held) < 5:
                    held.append(self.rows[ends.positions[number]])
            self.findings.add(
                [ends.positions[number] for number in again],
                ends.column,
                "links",
                [
                    f"rows {', '.join(map(str, places[int(ends.marks[number])]))} all link to the "
                    f"{ends.link.target} {ends.targets[number]!r}, which may have one {self.node.name} only"
                    for number in again
                ],
                values=[ends.targets[number] for number in again],
            )
            if look is not None and look.count(self.node.name):
                self._free(ends, look, keys)

    def _free(self, ends: Ends, look: Look, keys: Sequence[str | None]) -> None:
        """Find targets that a record in the commons has, other than the row's own."""
        order = np.argsort(ends.marks, kind="stable")
        ordered = ends.marks[order]
        owner: dict[int, str] = {}

        def take(record: Mapping[str, Any]) -> None:
            for end in record.get(ends.link.name) or ():
                mark = hash(fold(str(end.get("submitter_id"))))
                low, high = (int(np.searchsorted(ordered, mark, side=side)) for side in ("left", "right"))
                name = str(record.get("submitter_id"))
                for number in order[low:high].tolist():
                    if fold(name) != fold(keys[ends.positions[number]] or ""):
                        owner[number] = name
                    else:
                        owner.pop(number, None)

        look.have_taken(self.node, lambda: Each(take))
        bad = sorted(owner)
        self.findings.add(
            [ends.positions[number] for number in bad],
            ends.column,
            "links",
            [
                f"the {ends.link.target} {ends.targets[number]!r} already has the {self.node.name} "
                f"{owner[number]!r}, and may have one only"
                for number in bad
            ],
            values=[ends.targets[number] for number in bad],
        )
