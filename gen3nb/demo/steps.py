"""The main job, step by step: make the project, submit, read back, draw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from gen3nb.accessor import of
from gen3nb.demo.results import curves, medians, medians_of_the_file, survival
from gen3nb.demo.trial import PROJECT, constants, patients, plant_mistakes, records, without_a_place
from gen3nb.errors import IntegrityError, SubmissionError
from gen3nb.launch import sandbox

if TYPE_CHECKING:
    from gen3nb.commons import Commons
    from gen3nb.frames.submission import SubmissionReport


def make_project(commons: Commons) -> None:
    """Make the demo's program and project where they are not there yet.

    Parameters
    ----------
    commons : Commons
        Where to.

    Raises
    ------
    PermissionDenied
        The user may not create a program or a project.
    """
    program, code = PROJECT.split("-", 1)
    have = commons.projects()
    if program not in set(have["program"]):
        commons.create_program(program)
    if PROJECT not in set(have["project"]):
        commons.create_project(
            (program, code),
            name="GBSG-2, 686 breast-cancer patients",
            dbgap_accession_number=code,
            availability_type="Open",
        )


def load(commons: Commons, *, progress: bool = True) -> SubmissionReport:
    """Make the project and submit all 3,431 records to a commons.

    Parameters
    ----------
    commons : Commons
        Where to; a practice commons, or one whose project ``DEMO-GBSG2`` you may fill.
    progress : bool
        Show progress.

    Returns
    -------
    SubmissionReport
        One status per row, looked up in the commons afterwards.

    Raises
    ------
    PermissionDenied
        The user may not create the program, the project or records.
    SubmissionError
        Not every record is stored; its ``report`` says which and why.
    """
    make_project(commons)
    report = commons.submit(records(), project=PROJECT, progress=progress)
    if not report.ok:
        raise SubmissionError(f"Not all of the demo's records are in {PROJECT}: {report}", report=report)
    return report


def run(output: Path, *, commons: Commons | None = None, say: Callable[[Any], None] = lambda _: None) -> Path:
    """Carry the main job all the way through, and save its figure.

    Parameters
    ----------
    output : pathlib.Path
        Folder for ``survival.png``, ``constants.tsv`` and the mapped rows of each node as TSV; made if
        absent.
    commons : Commons, optional
        Where to; a practice commons of its own, which ends with the call, without it.
    say : callable
        Takes each line or DataFrame to show.

    Returns
    -------
    pathlib.Path
        The figure.

    Raises
    ------
    IntegrityError
        A median differs from that of the trial's file.
    """
    if commons is None:
        say("Starting a practice commons on this machine (no account, no internet) …")
        with sandbox() as practice:
            return run(output, commons=practice, say=say)
    output.mkdir(parents=True, exist_ok=True)
    table, frames = patients(), records()
    say(f"{len(table)} patients of the GBSG-2 trial become records of {len(frames)} nodes:")
    say(pd.DataFrame({"node": list(frames), "records": [len(frame) for frame in frames.values()]}))
    say("What the trial does not say had to be filled in:")
    say(constants())
    say("What the dictionary has no place for:")
    say(without_a_place())

    make_project(commons)
    say("A spreadsheet with planted mistakes, checked before anything is sent:")
    others = {node: frame for node, frame in frames.items() if node != "demographic"}
    spoilt = plant_mistakes(frames["demographic"])
    checked = of(spoilt).validate("demographic", project=PROJECT, commons=commons, others=others)
    say(checked.summary)

    say(f"Submitting to {PROJECT} at {commons.endpoint} …")
    report = load(commons)
    say(str(report))
    found = survival(commons)
    same = medians(found)
    expected = medians_of_the_file()
    say("Median days without recurrence, from the commons:")
    say(same)
    if not same.equals(expected):
        raise IntegrityError(f"medians differ from those of the trial's file:\n{same}\n{expected}")
    say("They equal those computed from the trial's file.")
    figure = output / "survival.png"
    curves(found).savefig(figure, dpi=150)
    constants().to_csv(output / "constants.tsv", sep="\t", index=False)
    for node, frame in frames.items():
        of(frame).to_tsv(output / f"{node}.tsv", node=node, commons=commons)
    say(f"The figure: {figure}")
    return figure
