"""What there is in a commons and what the user may do there, as tables."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from gen3nb.client.arborist import Grants, methods_on
from gen3nb.client.listing import PROJECT_COLUMNS, program_rows, project_rows
from gen3nb.client.peregrine import Peregrine
from gen3nb.client.project import ProjectId
from gen3nb.errors import NotFound

__all__ = ["access_table", "counts_of", "counts_table", "programs_table", "projects_table"]

logger = logging.getLogger("gen3nb.client")

METHODS = ("create", "read", "update", "delete")


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
    rows = program_rows(names, projects)
    return pd.DataFrame(
        {
            "program": pd.array([row["program"] for row in rows], dtype="string"),
            "projects": pd.array([row["projects"] for row in rows], dtype="Int64"),
        }
    )


def projects_table(projects: Sequence[ProjectId], peregrine: Peregrine) -> pd.DataFrame:
    """Give one row for each project, with what the query service tells of those that the user may read."""
    rows = project_rows(projects, peregrine)
    return pd.DataFrame(
        {name: pd.array([row[name] for row in rows], dtype="string") for name in PROJECT_COLUMNS}
    )


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
