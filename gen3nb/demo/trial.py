"""The trial's file, and its mapping to nodes of the default Gen3 dictionary."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gen3nb.errors import MissingExtra

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
