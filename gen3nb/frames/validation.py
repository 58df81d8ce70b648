"""What the commons would say to each row, said before anything is sent; and what it would not say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gen3nb.dictionary import Dictionary, Node, Property
from gen3nb.dictionary.elements import nearest
from gen3nb.dictionary.rules import check_column
from gen3nb.errors import ValidationError
from gen3nb.frames.allowed import check_readable
from gen3nb.frames.casting import typed_by_origin
from gen3nb.frames.codec import NEVER_SENT, link_column, plain_column, plain_columns
from gen3nb.frames.findings import GEN3NB, SERVICE, Findings
from gen3nb.frames.formats import conforms, wrong_formats
from gen3nb.frames.keys import KeyTable, Texts, marks
from gen3nb.frames.links import LinkCheck
from gen3nb.frames.looking import Look
from gen3nb.frames.naming import NameCheck
from gen3nb.frames.origin import origin_of, row_numbers
from gen3nb.frames.privacy import personal
from gen3nb.frames.progress import Progress
from gen3nb.frames.progress import report as showing
from gen3nb.frames.refusing import refused_cells
from gen3nb.frames.reports import ValidationReport

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectId, ProjectLike
    from gen3nb.frames.connection import Connection

__all__ = ["submitter_ids", "validate"]

NOT_BY_ROWS = {"program": "commons.create_program(name)", "project": "commons.create_project(project)"}


def validate(
    frame: pd.DataFrame,
    node: str,
    *,
    dictionary: Dictionary,
    project: ProjectLike | None = None,
    connection: Connection | None = None,
    others: Mapping[str, pd.DataFrame] | None = None,
    progress: Progress = True,
    look: Look | None = None,
    privacy: bool = True,
) -> ValidationReport:
    """Check rows against the dictionary, each other and the commons; nothing is sent, or changed.

    With a commons, links and submitter_ids are looked up there in bulk (peregrine ``POST
    /api/v0/submission/graphql``); without one, only the rules of the dictionary and the frames at hand count.
    Rows whose record exists may leave required properties out: what is stored is sent along.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per record; links as ``<link>.submitter_id``.
    node : str
        Whose records the rows are.
    dictionary : Dictionary
    project : str, pair of str or ProjectId, optional
        Where the rows are to go.
    connection : Connection, optional
        The commons to look in.
    others : Mapping of str to DataFrame, optional
        Node to rows that are to be submitted together with these: links may lead there.
    progress : bool or callable
    look : Look, optional
        What is already known of the project's records.
    privacy : bool
        Note columns that look like names, record numbers, birth dates or ages over 89.

    Returns
    -------
    ValidationReport
        One row per problem.

    Raises
    ------
    DictionaryError
        There is no such node.
    ValidationError
        The table is none: a MultiIndex, two columns of one name; or this node is not made by rows.
    NotFound
        There is no such project.
    """
    kind = dictionary[node]
    if kind.name in NOT_BY_ROWS:
        raise ValidationError(
            f"{kind.name}s are not submitted as rows: make one with {NOT_BY_ROWS[kind.name]}."
        )
    if not isinstance(frame, pd.DataFrame):
        raise ValidationError(f"Rows come as a pandas DataFrame, not as a {type(frame).__name__}.")
    target = _project(project, connection)
    if look is None and connection is not None and target is not None:
        check_readable(connection, target)
        look = Look(connection, target)
    frame = typed_by_origin(frame, kind)
    check = _Check(frame, kind, target, look)
    read_by = origin_of(frame).dictionary
    if read_by is not None and read_by != dictionary.digest:
        check.findings.note(
            "The dictionary has changed since these rows were read; they are checked by the new one."
        )
    with showing(progress, len(frame), f"Checking {kind.name}") as meter:
        check.run(others or {})
        for words in personal(frame, kind) if privacy else ():
            check.findings.note(words)
        meter.advance(len(frame))
    return ValidationReport(frame, kind, check.findings, check.rows, check.keys, project=target)


def _project(project: ProjectLike | None, connection: Connection | None) -> ProjectId | None:
    from gen3nb.client.project import ProjectId

    if project is None:
        return None
    return connection.project_id(project) if connection is not None else ProjectId.parse(project)


def submitter_ids(frame: pd.DataFrame) -> Sequence[str | None]:
    """Give the submitter_ids of a frame as text, None where there is none.

    Parameters
    ----------
    frame : pandas.DataFrame

    Returns
    -------
    sequence of str or None
        The frame's own texts, not copies of them.
    """
    names = plain_columns(frame)
    if "submitter_id" not in names:
        return [None] * len(frame)
    column = frame.iloc[:, names.index("submitter_id")]
    texts = Texts.of(column)
    if texts is not None:
        return texts
    values = plain_column(column, None)
    if isinstance(column.dtype, pd.StringDtype):
        return values
    return [value if value is None or isinstance(value, str) else str(value) for value in values]


class _Check:
    """One pass over one frame."""

    def __init__(self, frame: pd.DataFrame, node: Node, project: ProjectId | None, look: Look | None) -> None:
        self.frame = frame
        self.node = node
        self.project = project
        self.look = look
        self.names = plain_columns(frame)
        self.rows = row_numbers(frame)
        self.keys = submitter_ids(frame)
        self.findings = Findings()
        self.marks = marks(self.keys)
        self.stored = KeyTable()

    def run(self, others: Mapping[str, pd.DataFrame]) -> None:
        """Do all checks, the cheap ones first."""
        if not len(self.frame):
            self.findings.note("The frame has no rows.")
        if not self.node.submittable:
            self.findings.note(
                f"The dictionary says that {self.node.name} is not submitted; services do not enforce it."
            )
        if self.look is not None:
            self.stored = self.look.keys(self.node.name, self.keys)
        known: np.ndarray[Any, Any] = (self.stored.places(self.marks) >= 0) & (self.marks != hash(""))
        self.columns()
        self.cells()
        self.required(known)
        names = NameCheck(
            self.frame,
            self.node,
            self.names,
            self.rows,
            self.keys,
            self.marks,
            self.stored,
            self.look,
            self.findings,
        )
        names.submitter_ids()
        names.other_keys()
        names.ids()
        links = LinkCheck(self.frame, self.node, self.rows, self.findings)
        links.required(known)
        links.types()
        if self.project is not None:
            links.project(self.project)
        at_hand: dict[str, list[Sequence[str | None]]] = {
            name: [submitter_ids(other)] for name, other in others.items()
        }
        at_hand.setdefault(self.node.name, []).append(self.keys)
        links.targets(at_hand, self.look)
        links.taken(self.look, self.keys)

    # --- columns and cells ----------------------------------------------------------------------------

    def columns(self) -> None:
        """Check the columns that are no properties or links, and those that the commons fills in itself."""
        ours = (set(self.node.system_properties) | NEVER_SENT) - {"project_id", "id"}
        for at, name in enumerate(self.names):
            if name == "type":
                self._type(at)
            elif name == "project_id":
                self._project_id(at)
            elif name in ours:
                if self.frame.iloc[:, at].notna().any():
                    self.findings.note(f"{name} is the commons' own: it is not sent.")
            elif name != "id" and not self._known(name):
                self._unknown(at, name)

    def _known(self, name: str) -> bool:
        is_urls = name == "urls" and self.node.is_file
        return name in self.node.properties or link_column(self.node, name)[0] is not None or is_urls

    def _cells(self, at: int) -> list[Any]:
        return plain_column(self.frame.iloc[:, at], None)

    def _type(self, at: int) -> None:
        column = self.frame.iloc[:, at]
        if isinstance(column.dtype, pd.StringDtype) and column.dropna().eq(self.node.name).all():
            return
        cells = self._cells(at)
        bad = [i for i, value in enumerate(cells) if value is not None and value != self.node.name]
        self.findings.add(
            bad,
            "type",
            "node",
            [f"says {cells[i]!r}, but these rows are checked as records of {self.node.name}" for i in bad],
            values=[cells[i] for i in bad],
            suggestions=[self.node.name] * len(bad),
        )

    def _project_id(self, at: int) -> None:
        if self.project is None:
            return
        cells, wanted = self._cells(at), str(self.project)
        bad = [i for i, value in enumerate(cells) if value is not None and value != wanted]
        self.findings.add(
            bad,
            "project_id",
            "project",
            [f"says {cells[i]!r}, but the rows are to go to {wanted}" for i in bad],
            values=[cells[i] for i in bad],
        )

    def _unknown(self, at: int, name: str) -> None:
        cells = self._cells(at)
        filled = [i for i, value in enumerate(cells) if value is not None]
        if not filled:
            self.findings.note(f"{name!r} is no property of {self.node.name}; it is empty, and left out.")
            return
        present = set(self.names)
        close = [one for one in nearest(name, self.node.columns) if one not in present]
        hint = f"; did you mean {close[0]!r}?" if close else "; drop the column"
        self.findings.add(
            filled,
            name,
            "unknown",
            f"{self.node.name} has no property {name!r}{hint}",
            values=[cells[i] for i in filled],
            suggestions=[close[0] if close else None] * len(filled),
        )

    def cells(self) -> None:
        """Check each column against its property, and for what no service can carry."""
        refused: dict[str, list[int]] = {}
        for cell in refused_cells(self.frame, self.node):
            refused.setdefault(cell.column, []).append(cell.position)
            self.findings.add([cell.position], cell.column, "value", cell.why, values=[cell.value])
        for at, name in enumerate(self.names):
            prop = self.node.properties.get(name)
            skipped = name in {"type", "id", "project_id", *self.node.system_properties}
            if prop is None or skipped or name in NEVER_SENT:
                continue
            column = self.frame.iloc[:, at]
            if name in refused:
                # a cell may hold anything, a whole frame too: nobody else has to cope with it
                column = column.astype(object)
                column.iloc[refused[name]] = None
            self._rules(name, prop, column)

    def _rules(self, name: str, prop: Property, column: pd.Series[Any]) -> None:
        """Check one column against its property."""
        told = set()
        for found in check_column(prop, column):
            if found.rule == "format":
                ours = not isinstance(found.value, str) or conforms(prop.format or "", found.value)
            else:
                ours = False
            told.add(found.position)
            self.findings.add(
                [found.position],
                name,
                found.rule,
                found.message,
                values=[found.value],
                suggestions=[found.suggestion],
                origin=GEN3NB if ours else SERVICE,
            )
        for position, value, message in wrong_formats(prop, column):
            if position not in told:
                self.findings.add([position], name, "format", message, values=[value])

    def required(self, known: np.ndarray[Any, Any]) -> None:
        """Check that required properties are filled in, but for rows whose record has them already."""
        given_elsewhere = {"type", "id", "project_id", *self.node.system_properties}
        places = {name: at for at, name in enumerate(self.names)}
        for name in self.node.required:
            if name in given_elsewhere or name not in self.node.properties:
                continue
            ignored = np.zeros(len(self.frame), dtype=bool) if name == "submitter_id" else known
            if name in places and name != "submitter_id" and self.node.properties[name].nullable:
                continue  # the dictionary asks for an answer, and takes "none": an empty cell is sent as null
            if name in places:
                empty = self.frame.iloc[:, places[name]].isna().to_numpy(dtype=bool)
                self.findings.add(
                    np.flatnonzero(empty & ~ignored), name, "required", "is empty, but required"
                )
            else:
                where = "; it is the index: df.reset_index()" if name in self.frame.index.names else ""
                self.findings.add(
                    np.flatnonzero(~ignored), name, "required", f"the column is missing, but required{where}"
                )
