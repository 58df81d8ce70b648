"""Projects and rows in a practice commons to measure with, and the SDK beside."""

from __future__ import annotations

import contextlib
import io
import itertools
import tempfile
from pathlib import Path

import pandas as pd

import gen3nb

PROGRAM = "BENCH"
_numbers = itertools.count(1)


def cases(count: int) -> pd.DataFrame:
    sites = ["Breast", "Lung", "Skin", "Colon"]
    return pd.DataFrame(
        {
            "submitter_id": [f"case-{number:07d}" for number in range(count)],
            "experiments.submitter_id": "exp",
            "primary_site": [sites[number % 4] for number in range(count)],
            "disease_type": "Adenomas and Adenocarcinomas",
        }
    )


def samples(count: int, each: int) -> pd.DataFrame:
    """Make ``each`` samples for each of so many cases."""
    whose = [number for number in range(count) for _ in range(each)]
    return pd.DataFrame(
        {
            "submitter_id": [f"sample-{number:07d}" for number in range(len(whose))],
            "cases.submitter_id": [f"case-{number:07d}" for number in whose],
            "sample_type": "Primary Tumor",
            "days_to_collection": [number % 900 for number in range(len(whose))],
        }
    )


def project(commons: gen3nb.Commons) -> str:
    """Make an empty project with an experiment ``exp``."""
    code = f"p{next(_numbers)}"
    commons.create_project((PROGRAM, code))
    experiment = pd.DataFrame({"submitter_id": ["exp"], "projects.code": [code]})
    assert commons.submit({"experiment": experiment}, project=(PROGRAM, code), progress=False).ok
    return f"{PROGRAM}-{code}"


def path_of(where: str) -> str:
    """Give the path that rows of a project are sent to."""
    return f"/api/v0/submission/{where.replace('-', '/', 1)}"


def put(commons: gen3nb.Commons, where: str, node: str, frame: pd.DataFrame) -> None:
    report = commons.submit({node: frame}, project=where, chunk=500, progress=False)
    assert report.counts["created"] == len(frame), str(report)


def put_by_sdk(commons: gen3nb.Commons, where: str, node: str, frame: pd.DataFrame, chunk: int) -> None:
    from gen3.submission import Gen3Submission

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder) / f"{node}.tsv"
        frame.assign(type=node).to_csv(path, sep="\t", index=False)
        Gen3Submission(commons.auth).submit_file(where, str(path), chunk_size=chunk)
