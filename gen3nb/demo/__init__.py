"""The demo: 686 real patients of a published trial, mapped to the default Gen3 dictionary.

The data are those of the German Breast Cancer Study Group's trial 2 (GBSG-2; Schumacher and others, Journal
of Clinical Oncology 12, 1994), as the package `lifelines` ships them: hormone therapy, age, menopausal
status, tumour size and grade, positive lymph nodes, two receptors, and the time to recurrence or death.

Everything here goes through gen3nb's public functions: what the demo does, a reader can do.
"""

from __future__ import annotations

from gen3nb.demo.results import curves, medians, medians_of_the_file, survival
from gen3nb.demo.steps import load, make_project, run
from gen3nb.demo.trial import PROJECT, constants, patients, plant_mistakes, records, without_a_place

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
