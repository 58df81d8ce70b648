"""(a) Validate diagnosis rows, a tenth of them wrong: all findings, against three ways over the schema."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from table import Row, busy, faster

from gen3nb.dictionary import Dictionary
from gen3nb.frames.codec import to_records
from gen3nb.frames.validation import validate


def dictionary() -> Dictionary:
    found = importlib.util.find_spec("gdcdictionary")
    assert found is not None
    assert found.origin is not None
    return Dictionary.from_folder(Path(found.origin).parent / "schemas")


def diagnoses(count: int) -> pd.DataFrame:
    """Make rows as ``pandas.read_csv`` would give them; every tenth has one wrong cell, of five kinds."""
    frame = pd.DataFrame(
        {
            "type": "diagnosis",
            "submitter_id": [f"diagnosis-{n:07d}" for n in range(count)],
            "cases.submitter_id": [f"case-{n:07d}" for n in range(count)],
            "age_at_diagnosis": [9_000 + n % 20_000 for n in range(count)],
            "classification_of_tumor": ["primary", "metastasis", "recurrence", "other"] * (count // 4),
            "days_to_last_follow_up": [n % 3_000 for n in range(count)],
            "days_to_last_known_disease_status": [n % 3_000 for n in range(count)],
            "days_to_recurrence": [n % 3_000 for n in range(count)],
            "last_known_disease_status": ["Tumor free", "With tumor"] * (count // 2),
            "morphology": "8140/3",
            "primary_diagnosis": ["Adenocarcinoma, NOS", "Squamous cell carcinoma, NOS"] * (count // 2),
            "progression_or_recurrence": ["yes", "no"] * (count // 2),
            "site_of_resection_or_biopsy": ["Lung, NOS", "Breast, NOS"] * (count // 2),
            "tissue_or_organ_of_origin": ["Lung, NOS", "Breast, NOS"] * (count // 2),
            "tumor_grade": ["G1", "G2", "G3", "G4"] * (count // 4),
            "tumor_stage": ["stage i", "stage iia"] * (count // 2),
            "vital_status": ["alive", "dead"] * (count // 2),
        }
    )
    bad = frame.index[::10]
    kinds: list[tuple[str, Any]] = [
        ("vital_status", "living"),
        ("age_at_diagnosis", -5),
        ("vital_status", "DEAD"),
        ("age_at_diagnosis", 40_000),
        ("progression_or_recurrence", "Y"),
    ]
    for number, (column, value) in enumerate(kinds):
        frame.loc[bad[number :: len(kinds)], column] = value
    return frame


def all_ways(count: int) -> list[Row]:
    import jsonschema
    import jsonschema_rs
    from gen3_validator.validate import validate_object

    node = dictionary()["diagnosis"]
    frame = diagnoses(count)
    records = to_records(frame, node)
    schema = dict(node.schema)
    loop, rust = jsonschema.Draft4Validator(schema), jsonschema_rs.Draft4Validator(schema)
    wrong: dict[str, set[int]] = {}

    def ours() -> None:
        report = validate(frame, "diagnosis", dictionary=whole, progress=False, privacy=False)
        wrong["ours"] = {row - 2 for row in report.problems["row"]}

    def by(name: str, errors: Callable[[int, Any], list[Any]], some: list[Any]) -> Callable[[], None]:
        def run() -> None:
            found = [errors(at, record) for at, record in enumerate(some)]
            wrong[name] = {at for at, errors_ in enumerate(found) if errors_}

        return run

    whole = dictionary()
    seconds = busy(ours)
    few = records[: max(1_000, count // 10)]
    slow = busy(by("loop", lambda _, record: list(loop.iter_errors(record)), few), 2) * count / len(few)
    theirs = busy(by("gen3", lambda at, record: validate_object(record, at, loop), few), 2) * count / len(few)
    quick = busy(
        by("rust", lambda _, record: [(e.message, e.instance) for e in rust.iter_errors(record)], records)
    )
    checks = busy(by("valid", lambda _, record: [] if rust.is_valid(record) else [1], records))
    assert wrong["ours"] == wrong["rust"] == wrong["valid"], "they do not agree"
    assert {at for at in wrong["ours"] if at < len(few)} == wrong["loop"] == wrong["gen3"], (
        "they do not agree"
    )
    what = f"(a) validate {count:,} diagnoses, a tenth wrong, all findings"
    return [
        faster(f"{what}; a `jsonschema` loop, one validator", count, seconds, slow, "50 ×"),
        faster(f"{what}; `gen3_validator`", count, seconds, theirs, "50 ×"),
        faster(f"{what}; `jsonschema-rs`, error and value of each", count, seconds, quick, "1 ×"),
        faster("the same; `jsonschema-rs`, only valid or not", count, seconds, checks),
    ]


if __name__ == "__main__":
    from table import markdown

    print(markdown(all_ways(100_000)))
