"""A list of people to be added, as a file or a table; each wrong row is named."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gen3nb.client.project import ProjectId
from gen3nb.errors import Gen3Error, NotFound, ValidationError

__all__ = ["people_of"]

_PROJECT = ("project_id", "project")
_USER = ("email", "username", "user")
_FLAGS = ("write", "guppy")
_YES = {"yes", "y", "true", "t", "1", "x"}
_NO = {"", "no", "n", "false", "f", "0", "none", "nan", "<na>"}


def people_of(
    people: Any, project: Callable[[str], ProjectId], user: Callable[[str], str]
) -> list[tuple[ProjectId, str, bool, bool]]:
    """Read rows of project, user, and whether they may write and administer the search index.

    Parameters
    ----------
    people : path, DataFrame or iterable of Mapping
    project, user : callable
        Read a project's id, and a user's name.

    Raises
    ------
    ValidationError
        Rows or columns are wrong: all of them are named.
    """
    rows = _rows(people)
    found: list[tuple[ProjectId, str, bool, bool]] = []
    problems: list[str] = []
    projects: dict[str, ProjectId | str] = {}
    for line, row in rows:
        try:
            name = _cell(row, _PROJECT)
            if name not in projects:
                try:
                    projects[name] = project(name)
                except NotFound as error:
                    projects[name] = error.message
            target = projects[name]
            if isinstance(target, str):
                raise ValidationError(target)
            write, guppy = (_flag(row, flag) for flag in _FLAGS)
            found.append((target, user(_cell(row, _USER)), write, guppy))
        except ValidationError as error:
            problems.append(f"line {line}: {error.message}")
    if problems:
        shown = "\n".join(problems[:50]) + (
            f"\n… and {len(problems) - 50} more" if len(problems) > 50 else ""
        )
        raise ValidationError(f"nothing was sent, because rows are wrong:\n{shown}", problems=problems)
    return found


def _rows(people: Any) -> Sequence[tuple[int, Mapping[str, Any]]]:
    """Give rows with their line in the file, the header being line 1."""
    if isinstance(people, str | os.PathLike):
        return _file(Path(people).expanduser())
    given: Iterable[Mapping[str, Any]] = (
        people.to_dict(orient="records")
        if hasattr(people, "to_dict") and hasattr(people, "columns")
        else people
    )
    rows = [(line, dict(row)) for line, row in enumerate(given, 2)]
    if rows:
        _check([str(name) for name in rows[0][1]], "the table")
    return rows


def _file(path: Path) -> Sequence[tuple[int, Mapping[str, Any]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValidationError(f"{path} is no text in UTF-8: save it as CSV (UTF-8)") from None
    except OSError as error:
        raise Gen3Error(f"{path} cannot be read: {error.strerror}") from None
    first = text.partition("\n")[0]
    mark = max(",;\t", key=first.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=mark, skipinitialspace=True)
    _check(list(reader.fieldnames or []), str(path))
    rows: list[tuple[int, Mapping[str, Any]]] = []
    try:
        for row in reader:
            if any((value or "").strip() for name, value in row.items() if name is not None):
                if None in row:
                    raise ValidationError(
                        f"{path}, line {reader.line_num}: more cells than the first line has"
                    )
                rows.append((reader.line_num, {name.strip().lower(): value for name, value in row.items()}))
    except csv.Error as error:
        raise ValidationError(f"{path}, line {reader.line_num}: {error}") from None
    return rows


def _check(columns: Sequence[str], where: str) -> None:
    """See that the columns are there, and none that would be passed over in silence."""
    names = [name.strip().lower() for name in columns if name is not None]
    missing = [given[0] for given in (_PROJECT, _USER) if not any(name in names for name in given)]
    unknown = [name for name in names if name not in (*_PROJECT, *_USER, *_FLAGS)]
    if missing or unknown:
        parts = [f"no column {' and '.join(missing)}"] if missing else []
        parts += [f"unknown columns: {', '.join(map(repr, unknown))}"] if unknown else []
        raise ValidationError(
            f"{where} has {'; '.join(parts)}. Its first line has to be project_id,email and, if need be, "
            "write,guppy"
        )


def _cell(row: Mapping[str, Any], names: Sequence[str]) -> str:
    value = next((row[name] for name in names if row.get(name) is not None), "")
    text = str(value).strip()
    if not text:
        raise ValidationError(f"{names[0]} is empty")
    return text


def _flag(row: Mapping[str, Any], name: str) -> bool:
    value = str(row.get(name) if row.get(name) is not None else "").strip().lower()
    if value not in _YES | _NO:
        raise ValidationError(f"{name} is {row[name]!r}: write yes or no")
    return value in _YES
