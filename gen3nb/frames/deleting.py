"""Records out of a commons, children first: what would go is known before anything does."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from gen3nb.errors import DictionaryError, NotConnected, NotFound, SubmissionError, ValidationError
from gen3nb.frames.allowed import check_allowed, check_open
from gen3nb.frames.casting import typed_by_origin
from gen3nb.frames.codec import plain_column, plain_columns
from gen3nb.frames.deletions import DeletionReport, Doomed, listed
from gen3nb.frames.dependents import Dependents, Family
from gen3nb.frames.findings import fold
from gen3nb.frames.journal import Journal
from gen3nb.frames.keys import StoredKey
from gen3nb.frames.looking import Look
from gen3nb.frames.origin import origin_of, row_numbers
from gen3nb.frames.progress import Progress
from gen3nb.frames.progress import report as showing
from gen3nb.frames.removing import Remover
from gen3nb.frames.reports import counted
from gen3nb.frames.validation import submitter_ids

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectId, ProjectLike
    from gen3nb.frames.connection import Connection

__all__ = ["DeletionReport", "delete"]

NOT_BY_ROWS = {
    "program": "commons.sheepdog.delete_program(name)",
    "project": "commons.sheepdog.delete_project(commons.project_id(project))",
}


def delete(
    frames: pd.DataFrame | Mapping[str, pd.DataFrame],
    node: str | None = None,
    *,
    connection: Connection,
    project: ProjectLike | None = None,
    dry_run: bool = False,
    with_children: bool = False,
    progress: Progress = True,
    stop: threading.Event | None = None,
) -> DeletionReport:
    """Delete the records that rows name, children before parents, and look up that they are gone.

    A record that others could not stay without is not deleted unless they go too: then nothing is, and the
    error says how many of which node there are. Rows name records by ``submitter_id``, by ``id``, or by both
    (which then have to agree). Files of deleted records stay in the index.

    Sheepdog ``DELETE /v0/submission/{P}/{Q}/entities/{ids}``, 90 ids at a time; peregrine before and after.

    Parameters
    ----------
    frames : pandas.DataFrame or Mapping of str to DataFrame
        Rows of one node, or rows by node. They stay as they are.
    node : str, optional
        Whose records the rows of a single frame are; by default as the frame remembers.
    connection : Connection
        The commons.
    project : str, pair of str or ProjectId, optional
        Where they are deleted; by default as the frames remember.
    dry_run : bool
        Only look: the report says what would go, and what would be in the way.
    with_children : bool
        Delete what hangs on the records too, all the way down.
    progress : bool or callable
        A bar; or a function (done, total, label).
    stop : threading.Event, optional
        Set it to stop after the request under way.

    Returns
    -------
    DeletionReport
        One status per row: deleted, not there, rejected (why), not sent, unknown.

    Raises
    ------
    DictionaryError
        There is no such node, or a frame does not say of which node its rows are.
    NotFound
        There is no such project, or the frames do not say which.
    NotConnected
        The frame comes from another commons, and no project is named here.
    PermissionDenied
        You may not read or delete there; nothing was deleted.
    Conflict
        The project is closed; nothing was deleted.
    ValidationError
        Other records hang on these; nothing was deleted. ``report`` says which.
    SubmissionError
        It ended early, by Ctrl-C too; ``report`` says what is gone by now.
    """
    kinds = _by_node(frames, node, connection)
    target = connection.project_id(_project(kinds, project, connection))
    check_allowed(["read", "delete"], connection, target, "delete from")
    look = Look(connection, target)
    rows = [row for kind, frame in kinds.items() for row in _named(frame, kind, look, target)]
    family = Family(connection, target, look)
    going = _going(rows)
    hanging = family.dependents(going)
    if with_children:
        for child in hanging.records:
            rows.append(Doomed(child.node, None, child.submitter_id, child.id, reason="hangs on another"))
            going.setdefault(child.node, {})[child.id] = [rows[-1]]
    report = _report(rows, hanging, connection, target, dry_run=dry_run, with_children=with_children)
    if hanging.records and not with_children:
        _hold_back(rows, hanging)
        if not dry_run:
            raise ValidationError(_in_the_way(hanging, rows), report=report)
    if dry_run:
        for row in (row for row in rows if row.status == "not sent"):
            row.status = "deleted"
        return report
    if any(going.values()):
        check_open(connection, target)
        _remove(report, going, family, look, progress, stop or threading.Event())
    return report


# --- which records -----------------------------------------------------------------------------------------


def _by_node(
    frames: pd.DataFrame | Mapping[str, pd.DataFrame], node: str | None, connection: Connection
) -> dict[str, pd.DataFrame]:
    """Give the frames by node, typed, in the dictionary's order."""
    if not isinstance(frames, Mapping):
        if not isinstance(frames, pd.DataFrame):
            raise ValidationError(f"Rows come as a pandas DataFrame, not as a {type(frames).__name__}.")
        named = node or origin_of(frames).node or _only_type(frames)
        if named is None:
            raise DictionaryError("The frame does not say of which node its records are: give node='case'.")
        frames = {named: frames}
    elif node is not None:
        raise ValidationError("Frames that come by node have their node already: leave node= out.")
    for name, frame in frames.items():
        if connection.dictionary[name].name in NOT_BY_ROWS:
            raise ValidationError(f"A {name} is not deleted by rows: {NOT_BY_ROWS[name]}, once it is empty.")
        if not isinstance(frame, pd.DataFrame):
            raise ValidationError(f"Rows come as a pandas DataFrame, not as a {type(frame).__name__}.")
    order = [name for name in connection.dictionary.order if name in frames]
    return {name: typed_by_origin(frames[name], connection.dictionary[name]) for name in order}


def _only_type(frame: pd.DataFrame) -> str | None:
    if list(frame.columns).count("type") != 1:
        return None
    values = frame["type"].dropna().unique()
    return str(values[0]) if len(values) == 1 else None


def _project(
    frames: Mapping[str, pd.DataFrame], project: ProjectLike | None, connection: Connection
) -> ProjectLike:
    if project is not None:
        return project
    origins = [origin_of(frame) for frame in frames.values()]
    elsewhere = sorted({one.commons for one in origins if one.commons not in {None, connection.endpoint}})
    if elsewhere:
        raise NotConnected(
            f"These rows come from {elsewhere[0]}, not from {connection.endpoint}. To delete records of the "
            "same names here, say so: project='PROGRAM-PROJECT'."
        )
    known = {one.project for one in origins}
    if len(known) != 1 or None in known:
        raise NotFound("The rows do not say which project they are of: give project='PROGRAM-PROJECT'.")
    return str(known.pop())


def _named(frame: pd.DataFrame, node: str, look: Look, project: ProjectId) -> list[Doomed]:
    """Find the record of each row, by id and by name."""
    names = plain_columns(frame)
    keys = submitter_ids(frame)

    def cells(column: str) -> list[str | None]:
        if column not in names:
            return [None] * len(frame)
        values = plain_column(frame.iloc[:, names.index(column)], None)
        return [str(value) if value is not None and value != "" else None for value in values]

    ids, projects, types = cells("id"), cells("project_id"), cells("type")
    by_name = look.keys(node, keys)
    by_id = look.ids(node, [one for one in ids if one])
    rows = []
    for at, number in enumerate(row_numbers(frame)):
        row = Doomed(node, number, keys[at] or None)
        rows.append(row)
        held = by_name.get(fold(keys[at] or "")) if keys[at] else []
        if types[at] not in {None, node}:
            row.status, row.reason = "rejected", f"is a {types[at]}, not a {node}"
        elif projects[at] not in {None, str(project)}:
            row.status, row.reason = "rejected", f"belongs to {projects[at]}, not to {project}"
        elif ids[at] is not None:
            _by_id(row, str(ids[at]), by_id.get(str(ids[at])), held, project)
        elif not keys[at]:
            row.status, row.reason = "rejected", "has neither submitter_id nor id, so no record is meant"
        else:
            _by_name(row, held)
    return rows


def _by_id(
    row: Doomed,
    one: str,
    there: Mapping[str, object] | None,
    held: Sequence[StoredKey],
    project: ProjectId,
) -> None:
    if there is None and held:
        row.status = "rejected"
        row.reason = (
            f"the commons has {row.submitter_id!r} with another id, {held[0].id}: it was made anew since. "
            "Drop the column id to go by the submitter_id"
        )
    elif there is None:
        row.status, row.reason = "not there", f"there is no such record in {project}"
    elif there.get("project_id") != str(project):
        row.status, row.reason = "rejected", f"this id belongs to {there.get('project_id')}, not to {project}"
    elif row.submitter_id is not None and fold(row.submitter_id) != fold(str(there.get("submitter_id"))):
        row.status, row.reason = "rejected", f"this id is that of {there.get('submitter_id')!r}"
    else:
        row.id, row.submitter_id = one, str(there.get("submitter_id"))


def _by_name(row: Doomed, held: Sequence[StoredKey]) -> None:
    exact = [one for one in held if one.submitter_id == row.submitter_id] or list(held)
    if not exact:
        row.status, row.reason = "not there", "there is no such record in the project"
    elif len(exact) > 1:
        row.status = "rejected"
        row.reason = f"{counted(len(exact), 'record')} have this submitter_id: say which by their id"
    else:
        row.id, row.submitter_id = exact[0].id, exact[0].submitter_id


def _going(rows: Sequence[Doomed]) -> dict[str, dict[str, list[Doomed]]]:
    """Give the rows that can go by node and id; several rows may name one record."""
    going: dict[str, dict[str, list[Doomed]]] = {}
    for row in rows:
        if row.status == "not sent" and row.id is not None:
            going.setdefault(row.node, {}).setdefault(row.id, []).append(row)
    return going


# --- what is in the way ------------------------------------------------------------------------------------


def _hold_back(rows: Sequence[Doomed], hanging: Dependents) -> None:
    for row in rows:
        held = hanging.held.get(row.id or "")
        if held and row.status == "not sent":
            row.status = "rejected"
            row.reason = f"{listed(held)} cannot stay without it: delete them too"


def _in_the_way(hanging: Dependents, rows: Sequence[Doomed]) -> str:
    parents = {row.id for row in rows if row.id in hanging.held}
    named = counted(len(parents), "record")
    return (
        f"Nothing was deleted: {listed(hanging.counts)} cannot stay without {named} of those named, directly "
        "or further down. Name them too, commons.delete({…}), or delete all that hangs on the records by "
        "with_children=True; dry_run=True shows what would go."
    )


def _report(
    rows: Sequence[Doomed],
    hanging: Dependents,
    connection: Connection,
    project: ProjectId,
    *,
    dry_run: bool,
    with_children: bool,
) -> DeletionReport:
    notes = []
    if hanging.records:
        verb = "go along with" if with_children else "cannot stay without"
        notes.append(f"{listed(hanging.counts)} {verb} the records named.")
    if hanging.loosened:
        notes.append(f"{listed(hanging.loosened)} stay, and lose a link that they need not have.")
    files = [row.node for row in rows if row.id and connection.dictionary[row.node].is_file]
    if files:
        notes.append(f"The files of {counted(len(files), 'record')} stay in storage and in the index.")
    return DeletionReport(
        rows, hanging, endpoint=connection.endpoint, project=str(project), dry_run=dry_run, notes=notes
    )


# --- away with them ----------------------------------------------------------------------------------------


def _remove(
    report: DeletionReport,
    going: Mapping[str, Mapping[str, list[Doomed]]],
    family: Family,
    look: Look,
    progress: Progress,
    stop: threading.Event,
) -> None:
    connection, project = family.connection, family.project
    total = sum(map(len, going.values()))
    where = f"{project} at {connection.endpoint}"
    if progress is True:
        from tqdm.auto import tqdm

        tqdm.write(f"Deleting {counted(total, 'record')} from {where}", file=sys.stderr)
    with (
        Journal(connection.endpoint, str(project)) as journal,
        showing(progress, total, f"Deleting from {where}") as meter,
    ):
        report.journal = journal.path
        remover = Remover(connection, project, look, journal, stop=stop, settled=meter.advance)
        for node in reversed(connection.dictionary.order):
            held = going.get(node)
            if held and not remover.stopping:
                batches = family.leaves_first(node, held)
                remover.remove(node, [[held[one][0] for one in batch] for batch in batches])
        _finish(report, going, remover)
        journal.write("end", **report.counts)


def _finish(
    report: DeletionReport, going: Mapping[str, Mapping[str, list[Doomed]]], remover: Remover
) -> None:
    """Give rows that name one record one status, say why rows were left, and raise if it ended early."""
    why = "interrupted" if remover.interrupted else str(remover.fatal) if remover.fatal else "stopped"
    for held in going.values():
        for first, *others in held.values():
            if first.status == "not sent" and not (first.tries and first.reason):
                first.reason = why
            elif first.status == "deleted" and first.row is None:
                first.reason = "hung on another"
            for other in others:
                other.status, other.reason = first.status, first.reason
    if remover.interrupted:
        raise SubmissionError(
            f"Interrupted: {report}. The same call again goes on where this one stopped.", report=report
        ) from None
    if remover.fatal is not None and not report.counts["deleted"] and not report.counts["unknown"]:
        raise remover.fatal
    if remover.fatal is not None:
        raise SubmissionError(
            f"The deletion ended early: {str(remover.fatal).rstrip('. ')}. So far: {report}. The same call "
            "again goes on from here.",
            report=report,
        ) from remover.fatal
