"""The demo: 686 real patients of a published trial, mapped to the default Gen3 dictionary.

The data are those of the German Breast Cancer Study Group's trial 2 (GBSG-2; Schumacher and others, Journal
of Clinical Oncology 12, 1994), as the package `lifelines` ships them: hormone therapy, age, menopausal
status, tumour size and grade, positive lymph nodes, two receptors, and the time to recurrence or death.

Everything here goes through gen3nb's public functions: what the demo does, a reader can do.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from gen3nb.accessor import of
from gen3nb.errors import IntegrityError, MissingExtra, SubmissionError
from gen3nb.launch import sandbox

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gen3nb.commons import Commons
    from gen3nb.frames.submission import SubmissionReport

__all__ = [
    "PROJECT",
    "constants",
    "curves",
    "load",
    "make_project",
    "medians",
    "medians_of_the_file",
    "patients",
    "plant_mistakes",
    "records",
    "run",
    "survival",
    "without_a_place",
]

PROJECT = "DEMO-GBSG2"
DAYS_IN_A_YEAR = 365.25
DESCRIPTION = (
    "German Breast Cancer Study Group trial 2: hormone therapy in node-positive primary breast cancer, "
    "686 patients with complete data"
)
# What the trial's file does not say, or says of all its patients at once, and why the value stands here.
_CONSTANTS: list[tuple[str, str, Any, str]] = [
    ("experiment", "experimental_description", DESCRIPTION, "from the publication"),
    ("case", "primary_site", "Breast", "all patients of the trial"),
    (
        "case",
        "disease_type",
        "Ductal and Lobular Neoplasms",
        "the GDC's word for breast cancer; types not given",
    ),
    ("demographic", "gender", "female", "the trial enrolled women"),
    ("demographic", "race", "not reported", "not in the file"),
    ("demographic", "ethnicity", "not reported", "not in the file"),
    ("diagnosis", "primary_diagnosis", "Breast cancer, node-positive", "condition of enrolment"),
    ("diagnosis", "morphology", "8000/3", "malignant neoplasm; the histology is not in the file"),
    ("diagnosis", "tissue_or_organ_of_origin", "Breast, NOS", "all patients of the trial"),
    ("diagnosis", "site_of_resection_or_biopsy", "Breast, NOS", "all patients of the trial"),
    ("diagnosis", "classification_of_tumor", "primary", "condition of enrolment"),
    ("diagnosis", "tumor_stage", "not reported", "not in the file"),
    ("diagnosis", "vital_status", "not reported", "the file does not part recurrence from death"),
    (
        "diagnosis",
        "last_known_disease_status",
        "not reported",
        "the file does not part recurrence from death",
    ),
    ("sample", "sample_type", "Primary Tumor", "the size in the file is that of the primary tumour"),
    ("treatment", "treatment_type", "Hormone Therapy", "the question of the trial"),
]


def patients() -> pd.DataFrame:
    """Give the trial's file as it is: one row per patient, 686 rows × 10 columns.

    Returns
    -------
    pandas.DataFrame
        ``horTh`` (hormone therapy, yes/no), ``age`` (years), ``menostat``, ``tsize`` (mm), ``tgrade``
        (I–III), ``pnodes`` (count), ``progrec`` and ``estrec`` (fmol/mg), ``time`` (days to recurrence,
        death or end of follow-up), ``cens`` (1: recurrence or death, 0: neither until then).

    Raises
    ------
    MissingExtra
        `lifelines`, which ships the file, is not installed.
    """
    try:
        from lifelines.datasets import load_gbsg2
    except ImportError:
        raise MissingExtra.named("demo", "The demo's patients") from None
    table: pd.DataFrame = load_gbsg2()
    return table


def constants() -> pd.DataFrame:
    """Say which values had to be filled in for what the trial's file does not hold, and why each.

    Returns
    -------
    pandas.DataFrame
        One row per constant: ``node``, ``property``, ``value``, ``why``.
    """
    return pd.DataFrame(_CONSTANTS, columns=["node", "property", "value", "why"])


def without_a_place() -> pd.DataFrame:
    """Say which columns of the trial's file the default dictionary has no property for.

    Returns
    -------
    pandas.DataFrame
        One row per column: ``column``, ``why``.
    """
    rows = [
        ("menostat", "no property for the menopausal status"),
        ("progrec", "receptors have a place as IHC results only; these are biochemical, in fmol/mg"),
        ("estrec", "receptors have a place as IHC results only; these are biochemical, in fmol/mg"),
    ]
    return pd.DataFrame(rows, columns=["column", "why"])


def records(table: pd.DataFrame | None = None) -> dict[str, pd.DataFrame]:
    """Map the trial's file to nodes of the default Gen3 dictionary.

    Ages become days (× 365.25) and tumour sizes centimetres, as the dictionary's properties have them.

    Parameters
    ----------
    table : pandas.DataFrame, optional
        What `patients` gives; read anew without it.

    Returns
    -------
    dict of str to pandas.DataFrame
        ``experiment`` (1 row), ``case``, ``demographic``, ``diagnosis``, ``sample``, ``treatment``
        (686 rows each).
    """
    table = patients() if table is None else table
    name = pd.Series([f"GBSG2-{number:03d}" for number in range(1, len(table) + 1)], index=table.index)
    event = table["cens"].eq(1)
    frames = {
        "experiment": pd.DataFrame({"submitter_id": ["GBSG2"], "projects.code": [PROJECT.split("-", 1)[1]]}),
        "case": pd.DataFrame({"submitter_id": name, "experiments.submitter_id": "GBSG2"}),
        "demographic": pd.DataFrame({"submitter_id": name + "-dem", "cases.submitter_id": name}),
        "diagnosis": pd.DataFrame(
            {
                "submitter_id": name + "-dx",
                "cases.submitter_id": name,
                "age_at_diagnosis": table["age"] * DAYS_IN_A_YEAR,
                "tumor_grade": "G" + table["tgrade"].map({"I": "1", "II": "2", "III": "3"}),
                "lymph_nodes_positive": table["pnodes"].astype("Int64"),
                "progression_or_recurrence": event.map({True: "yes", False: "no"}),
                "days_to_recurrence": table["time"].where(event).astype("Float64"),
                "days_to_last_follow_up": table["time"].astype("Float64"),
                "days_to_last_known_disease_status": table["time"].astype("Float64"),
            }
        ),
        "sample": pd.DataFrame(
            {
                "submitter_id": name + "-tumour",
                "cases.submitter_id": name,
                "longest_dimension": (table["tsize"] / 10).map("{:.1f}".format),
            }
        ),
        "treatment": pd.DataFrame(
            {
                "submitter_id": name + "-hormone",
                "diagnoses.submitter_id": name + "-dx",
                "treatment_or_therapy": table["horTh"],
                "therapeutic_agents": table["horTh"].map({"yes": "Tamoxifen", "no": None}),
            }
        ),
    }
    for node, column, value, _why in _CONSTANTS:
        frames[node][column] = value
    return frames


def plant_mistakes(demographic: pd.DataFrame) -> pd.DataFrame:
    """Spoil a copy of the `demographic` rows in five ways that spreadsheets know.

    Parameters
    ----------
    demographic : pandas.DataFrame
        The rows of ``records()["demographic"]``; left as they are.

    Returns
    -------
    pandas.DataFrame
        The same rows with 41 genders as ``F``, a trailing space in an ethnicity, a year that is text, a case
        that does not exist, and one submitter_id twice in two spellings.
    """
    spoilt = demographic.copy()
    spoilt["year_of_birth"] = pd.Series([None] * len(spoilt), index=spoilt.index, dtype="object")
    at = spoilt.index
    spoilt.loc[at[12:53], "gender"] = "F"
    spoilt.loc[at[100], "ethnicity"] = "not reported "
    spoilt.loc[at[117], "year_of_birth"] = "19?3"
    spoilt.loc[at[683], "cases.submitter_id"] = "GBSG2-0684"
    spoilt.loc[at[685], "submitter_id"] = str(spoilt.loc[at[684], "submitter_id"]).upper()
    return spoilt


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


def survival(commons: Commons, *, progress: bool = True) -> pd.DataFrame:
    """Read what the survival curves need back from a commons, one row per patient.

    Parameters
    ----------
    commons : Commons
        A commons that holds the demo's project.
    progress : bool
        Show progress.

    Returns
    -------
    pandas.DataFrame
        ``case``, ``hormone_therapy``, ``grade``, ``days`` (to recurrence, death or end of follow-up),
        ``event``.

    Raises
    ------
    IntegrityError
        The commons gave other than one treatment for each diagnosis.
    """
    joined = commons.join("treatment", "diagnosis", project=PROJECT, progress=progress)
    if not joined["submitter_id"].is_unique:
        raise IntegrityError(f"{PROJECT} holds several treatments for one diagnosis: not the demo's data")
    return pd.DataFrame(
        {
            "case": joined["cases.submitter_id"].astype(str),
            "hormone_therapy": joined["treatment_or_therapy"].astype(str),
            "grade": joined["tumor_grade"].astype(str),
            "days": joined["days_to_last_follow_up"].astype(float),
            "event": joined["progression_or_recurrence"].astype(str).eq("yes"),
        }
    )


def medians(table: pd.DataFrame) -> pd.DataFrame:
    """Estimate the median recurrence-free time of each group after Kaplan and Meier.

    Parameters
    ----------
    table : pandas.DataFrame
        What `survival` gives.

    Returns
    -------
    pandas.DataFrame
        ``by``, ``group``, ``patients``, ``events``, ``median`` (days; infinite where it was never
        reached).
    """
    from lifelines import KaplanMeierFitter

    rows = []
    for by in ("hormone_therapy", "grade"):
        for group, part in table.groupby(by):
            fit = KaplanMeierFitter().fit(part["days"], part["event"])
            rows.append((by, group, len(part), int(part["event"].sum()), float(fit.median_survival_time_)))
    return pd.DataFrame(rows, columns=["by", "group", "patients", "events", "median"])


def medians_of_the_file() -> pd.DataFrame:
    """Estimate the same medians straight from the trial's file, with no commons between.

    Returns
    -------
    pandas.DataFrame
        As `medians`.
    """
    table = patients()
    return medians(
        pd.DataFrame(
            {
                "hormone_therapy": table["horTh"],
                "grade": "G" + table["tgrade"].str.len().astype(str),
                "days": table["time"].astype(float),
                "event": table["cens"].eq(1),
            }
        )
    )


def curves(table: pd.DataFrame) -> Figure:
    """Draw Kaplan–Meier curves by hormone therapy and by grade.

    Parameters
    ----------
    table : pandas.DataFrame
        What `survival` gives.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels beside each other, on an Agg canvas: `Figure.savefig` writes it, a notebook shows it.
    """
    from lifelines import KaplanMeierFitter
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 4.2), layout="constrained")
    names = {"hormone_therapy": "hormone therapy", "grade": "tumour grade"}
    hues = {"hormone_therapy": ["#9aa5b1", "#1f6fb5"], "grade": ["#3f9142", "#d99a2b", "#b5392f"]}
    for axes, (by, name) in zip(figure.subplots(1, 2, sharey=True), names.items(), strict=True):
        for colour, (group, part) in zip(hues[by], table.groupby(by), strict=True):
            fit = KaplanMeierFitter().fit(
                part["days"] / DAYS_IN_A_YEAR, part["event"], label=f"{group}  (n={len(part)})"
            )
            fit.plot_survival_function(ax=axes, color=colour, ci_alpha=0.15, linewidth=2)
        axes.axhline(0.5, color="#888", linewidth=0.8, linestyle=":")
        axes.set(title=f"by {name}", xlabel="years", ylim=(0, 1.02), xlim=(0, None))
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(title=name, frameon=False, loc="lower left")
    figure.axes[0].set_ylabel("alive without recurrence")
    figure.suptitle(f"{len(table)} patients of the GBSG-2 trial, read back from a Gen3 commons")
    return figure


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
