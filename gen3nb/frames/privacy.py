"""What looks as if it should not leave the house: names, record numbers, birth dates, ages over 89.

A guess by names and a sample of values, told as a note and never as a problem: only the person who knows the
data can judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pandas as pd

from gen3nb.dictionary import Node
from gen3nb.frames.codec import plain_column, plain_columns

__all__ = ["personal"]

SAMPLE = 2_000
#: The share of a column's values that has to look so.
MANY = 0.2
OLDEST = 89
_DAYS = 365.25

_PEOPLE = re.compile(
    r"(patient|participant|subject|first|last|family|given|middle|maiden|sur|mother|father)s?_?names?"
    r"|initials|ssn|social_security(_number)?|mrn|(medical_)?record_(number|no|id)|hospital_(number|no|id)"
    r"|nhs(_number)?|insurance_(number|id)|phone(_number)?|telephone|mobile|fax|e?_?mail(_address)?"
    r"|(home_|street_|postal_)?address|street|zip(_?code)?|post_?code"
)
_BIRTH = re.compile(r"dob|birth_?(date|day)|date_of_birth")
_AGE = re.compile(r"(^|_)age(_|$)")
_VALUES = (
    (re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"), "e-mail addresses"),
    (re.compile(r"\d{3}-\d{2}-\d{4}"), "social security numbers"),
    (re.compile(r"\+?\d{1,3}[ ()-]+\d{2,4}[ ()-]+\d{3,4}[ -]?\d{2,4}"), "telephone numbers"),
)
_NUMBERED = re.compile(r"(MRN)?[-_ ]?\d{6,10}")


def personal(frame: pd.DataFrame, node: Node) -> Iterator[str]:
    """Name the columns that look personal.

    Parameters
    ----------
    frame : pandas.DataFrame
    node : Node

    Yields
    ------
    str
        A sentence.
    """
    for at, column in enumerate(plain_columns(frame)):
        name = re.sub(r"[\s-]+", "_", column.strip()).lower()
        present = frame.iloc[:, at].dropna()
        if present.empty:
            continue
        looks = _by_name(name) or _by_values(present) or _by_age(name, column, present, node)
        if column == "submitter_id" and _share(_NUMBERED, _texts(present)) > 1 - MANY:
            looks = "record numbers of a hospital"
        if looks:
            yield f"{column} looks like {looks}: make sure that it may leave your institution."


def _by_name(name: str) -> str:
    if _BIRTH.fullmatch(name):
        return "dates of birth"
    return "what identifies a person" if _PEOPLE.fullmatch(name) else ""


def _texts(present: pd.Series[Any]) -> list[str]:
    return [value for value in plain_column(present.iloc[:SAMPLE], None) if isinstance(value, str)]


def _share(pattern: re.Pattern[str], texts: list[str]) -> float:
    return sum(bool(pattern.fullmatch(text.strip())) for text in texts) / len(texts) if texts else 0.0


def _by_values(present: pd.Series[Any]) -> str:
    if pd.api.types.is_numeric_dtype(present.dtype):
        return ""
    texts = _texts(present)
    return next((words for pattern, words in _VALUES if _share(pattern, texts) >= MANY), "")


def _by_age(name: str, column: str, present: pd.Series[Any], node: Node) -> str:
    """Find ages over 89, in years or (as the dictionary says) in days, and years of birth as long ago."""
    born = name in {"year_of_birth", "birth_year"}
    if not born and not _AGE.search(name):
        return ""
    numbers = pd.to_numeric(present.astype(object), errors="coerce")
    prop = node.properties.get(column)
    in_days = prop is not None and ("day" in prop.description.lower() or (prop.maximum or 0) > 1_000)
    limit = (OLDEST + 1) * _DAYS if in_days else OLDEST + 1
    over = numbers < pd.Timestamp.now().year - OLDEST if born else numbers >= limit
    count = int(over.sum())
    return f"ages over {OLDEST} ({count:,} of them)" if count else ""
