"""What a researcher looks at: recurrence-free time, read back from a commons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from gen3nb.demo.trial import DAYS_IN_A_YEAR, PROJECT, patients
from gen3nb.errors import IntegrityError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gen3nb.commons import Commons


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
