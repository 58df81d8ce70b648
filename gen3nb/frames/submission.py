"""DataFrames into a commons, each row once: plan → send → journal → look."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import pandas as pd

from gen3nb.errors import SubmissionError, ValidationError
from gen3nb.frames.allowed import check_allowed, check_open
from gen3nb.frames.journal import Journal
from gen3nb.frames.looking import Look
from gen3nb.frames.matching import Missing
from gen3nb.frames.outcomes import SubmissionReport
from gen3nb.frames.planning import NodePlan, plan
from gen3nb.frames.progress import Progress
from gen3nb.frames.progress import report as showing
from gen3nb.frames.reports import counted
from gen3nb.frames.sending import Sender
from gen3nb.frames.verifying import Verifier

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectLike
    from gen3nb.frames.connection import Connection

__all__ = ["SubmissionReport", "submit"]


def submit(
    frames: Mapping[str, pd.DataFrame],
    *,
    connection: Connection,
    project: ProjectLike,
    missing: Missing = "keep",
    dry_run: bool = False,
    verify: Literal["keys", "values"] = "keys",
    chunk: int = 100,
    progress: Progress = True,
    stop: threading.Event | None = None,
    strict: bool = False,
    privacy: bool = True,
) -> SubmissionReport:
    """Submit the rows of one or several nodes, parents first, and look up what is stored.

    Every row is checked first. Rows with problems are not sent; of the others only those that are new
    (sheepdog ``POST /v0/submission/{program}/{project}``) or changed (``PUT``). Whatever was sent is then
    looked up (peregrine), since an answer is no proof. The same call again sends what is not stored yet, and
    nothing twice: after a power cut or a lost connection, just run it again.

    Parameters
    ----------
    frames : Mapping of str to DataFrame
        Rows by node: ``{"case": cases, "diagnosis": diagnoses}``. They stay as they are.
    connection : Connection
        The commons.
    project : str, pair of str or ProjectId
        Where the rows go.
    missing : {"keep", "clear"}
        What an empty cell does to a stored value. A column that is absent always keeps.
    dry_run : bool
        Only plan: check, compare, send nothing.
    verify : {"keys", "values"}
        What to look up afterwards: that the records are there, or every value too.
    chunk : int
        How many rows to begin with in one request; it adapts.
    progress : bool or callable
        A bar; or a function (done, total, label).
    stop : threading.Event, optional
        Set it to stop: requests under way are finished, the rest is "not sent".
    strict : bool
        Send nothing if any row has a problem.
    privacy : bool
        Note columns that look like names, record numbers, birth dates or ages over 89.

    Returns
    -------
    SubmissionReport
        One status per row: created, updated, unchanged, rejected (why), not sent, unknown.

    Raises
    ------
    DictionaryError
        There is no such node.
    NotFound
        There is no such project.
    PermissionDenied
        You may not create or update there; nothing was sent.
    Conflict
        The project is closed; nothing was sent.
    ValidationError
        A frame is no table of records; or ``strict``, and there are problems (``report``).
    SubmissionError
        It ended early, by Ctrl-C too; ``report`` says what is stored by now.
    """
    if not isinstance(frames, Mapping):
        raise ValidationError("Frames come by node: submit({'case': cases}, …).")
    if missing not in {"keep", "clear"} or verify not in {"keys", "values"}:
        raise ValidationError('missing is "keep" or "clear", and verify is "keys" or "values".')
    for frame in frames.values():
        if not isinstance(frame, pd.DataFrame):
            raise ValidationError(f"Rows come as a pandas DataFrame, not as a {type(frame).__name__}.")
    if not isinstance(chunk, int) or chunk < 1:
        raise ValidationError(f"chunk is how many rows go in one request, 1 or more, not {chunk!r}.")
    target = connection.project_id(project)
    look = Look(connection, target)
    total = sum(map(len, frames.values()))
    _announce(progress, f"{counted(total, 'row')} to {target} at {connection.endpoint}")
    # without it nobody could look up what is stored
    check_allowed(["read"], connection, target)
    try:
        plans = plan(
            frames, connection=connection, project=target, look=look, missing=missing, privacy=privacy
        )
    except KeyboardInterrupt:
        raise SubmissionError(
            "Interrupted while the rows were checked and compared; nothing was sent. The same call again "
            "begins anew.",
            interrupted=True,
        ) from None
    if strict:
        _refuse_problems(plans)
    rows = sum(len(one.rows.to_send) for one in plans)
    if dry_run or not rows:
        return SubmissionReport(plans, endpoint=connection.endpoint, project=str(target), dry_run=dry_run)
    check_allowed(_methods(plans), connection, target)
    check_open(connection, target)
    with (
        Journal(connection.endpoint, str(target)) as journal,
        showing(progress, rows, f"Submitting to {target} at {connection.endpoint}") as meter,
    ):
        sender = Sender(
            connection,
            target,
            look,
            journal,
            chunk=chunk,
            stop=stop or threading.Event(),
            settled=meter.advance,
        )
        verifier = Verifier(sender, values=verify == "values")
        for one in plans:
            if len(one.rows.to_send) and not sender.stopping:
                try:
                    sender.send(one.node.name, one.rows, one.rows.to_send)
                except KeyboardInterrupt:
                    sender.interrupted = True
                verifier.verify(one.node, one.rows)
        _say_why_not(plans, sender)
        report = SubmissionReport(
            plans,
            endpoint=connection.endpoint,
            project=str(target),
            dry_run=False,
            journal=journal.path,
            transactions=sender.transactions,
        )
        sender.note_end(report.counts)
    return _finished(report, sender, plans)


def _announce(progress: Progress, text: str) -> None:
    """Say what goes where before anything does."""
    if progress is True:
        from tqdm.auto import tqdm

        tqdm.write(f"Submitting {text}", file=sys.stderr)


def _refuse_problems(plans: Sequence[NodePlan]) -> None:
    bad = [one for one in plans if one.refused]
    if not bad:
        return
    reports = {one.node.name: one.validation for one in plans}
    worst = next((one.validation for one in bad if not one.validation.ok), bad[0].validation)
    words = "; ".join(f"{counted(len(one.refused), 'row')} of {one.node.name}" for one in bad)
    position, first = next(iter(bad[0].refused.items()))
    raise ValidationError(
        f"Nothing was sent, since some rows have problems: {words}. Row {bad[0].numbers[position]}: {first}",
        report=worst,
        reports=reports,
    )


def _methods(plans: Sequence[NodePlan]) -> list[str]:
    """Say what the rows to be sent take: an update needs both."""
    return ["create"] + ["update"] * any(one.rows.updates for one in plans)


def _say_why_not(plans: Sequence[NodePlan], sender: Sender) -> None:
    """Say of the rows that were left why they were."""
    why = "interrupted" if sender.interrupted else "stopped" if sender.fatal is None else str(sender.fatal)
    for one in plans:
        one.rows.left_because = why


def _finished(report: SubmissionReport, sender: Sender, plans: Sequence[NodePlan]) -> SubmissionReport:
    """Give the report, or raise with it what ended the submission early."""
    touched = any(one.rows.touched for one in plans)
    if sender.interrupted:
        raise SubmissionError(
            f"Interrupted: {report}. The same call again goes on where this one stopped.",
            report=report,
            interrupted=True,
        ) from None
    if sender.fatal is not None and not touched:
        raise sender.fatal
    if sender.fatal is not None:
        raise SubmissionError(
            f"The submission ended early: {str(sender.fatal).rstrip('. ')}. So far: {report}. "
            "The same call again goes on from here.",
            report=report,
        ) from sender.fatal
    return report
