"""What there is in a commons and what the user may do there, as tables."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from gen3nb.client.arborist import Grants, methods_on
from gen3nb.client.peregrine import Peregrine
from gen3nb.client.project import ProjectId
from gen3nb.errors import Gen3Error, NotFound

__all__ = ["access_table", "counts_of", "counts_table", "programs_table", "projects_table"]

logger = logging.getLogger("gen3nb.client")

METHODS = ("create", "read", "update", "delete")
DETAILS = ("name", "state", "availability_type")


def access_table(grants: Grants, projects: Iterable[ProjectId]) -> pd.DataFrame:
    """Give one row for each project and one boolean column for each method."""
    rows = [(project, methods_on(grants, project.resource)) for project in projects]
    others = sorted({name for _, methods in rows for name in methods} - set(METHODS) - {"*"})
    columns: dict[str, Any] = {
        "program": pd.array([project.program for project, _ in rows], dtype="string"),
        "project": pd.array([str(project) for project, _ in rows], dtype="string"),
    }
    for method in (*METHODS, *others):
        held = [method in methods or "*" in methods for _, methods in rows]
        columns[method] = pd.array(held, dtype="boolean")
    return pd.DataFrame(columns)


def programs_table(names: Sequence[str], projects: Sequence[ProjectId]) -> pd.DataFrame:
    """Give one row for each program, with the number of its projects."""
    numbers = [sum(project.program == name for project in projects) for name in names]
    return pd.DataFrame(
        {"program": pd.array(list(names), dtype="string"), "projects": pd.array(numbers, dtype="Int64")}
    )


def projects_table(projects: Sequence[ProjectId], peregrine: Peregrine) -> pd.DataFrame:
    """Give one row for each project, with what the query service tells of those that the user may read."""
    details: dict[str, Any] = {}
    try:
        answer = peregrine.query(f"{{ project(first: 0) {{ project_id {' '.join(DETAILS)} }} }}")
        details = {row.get("project_id"): row for row in answer.get("project") or []}
    except Gen3Error as error:  # another dictionary, or no query service: the list does without
        logger.debug("no details of projects: %s", error)
    columns: dict[str, list[Any]] = {
        "program": [project.program for project in projects],
        "code": [project.code for project in projects],
        "project": [str(project) for project in projects],
    }
    for name in DETAILS:
        columns[name] = [details.get(str(project), {}).get(name) for project in projects]
    return pd.DataFrame({name: pd.array(values, dtype="string") for name, values in columns.items()})


def counts_of(
    peregrine: Peregrine, nodes: Sequence[str], projects: Callable[[], Sequence[ProjectId]]
) -> dict[str, dict[str, int]]:
    """Count the records of all nodes: by ``datasets``, or by one GraphQL query where that is not offered."""
    try:
        return peregrine.datasets(nodes)
    except NotFound:
        logger.debug("no datasets route; counting by GraphQL")
    counts: dict[str, dict[str, int]] = {}
    for project in projects():
        fields = " ".join(f"{node}: _{node}_count(project_id: $project)" for node in nodes)
        text = f"query ($project: [String]) {{ {fields} }}"
        counts[str(project)] = peregrine.query(text, {"project": [str(project)]})
    return counts


def counts_table(
    counts: Mapping[str, Mapping[str, int]], nodes: Sequence[str], project: str | None
) -> pd.DataFrame:
    """Give one row for each project and node that has records, nodes in submission order."""
    rows = [
        (name, node, int(numbers[node]))
        for name, numbers in sorted(counts.items())
        if project is None or name == project
        for node in nodes
        if numbers.get(node)
    ]
    return pd.DataFrame(
        {
            "project": pd.array([row[0] for row in rows], dtype="string"),
            "node": pd.array([row[1] for row in rows], dtype="string"),
            "records": pd.array([row[2] for row in rows], dtype="Int64"),
        }
    )
