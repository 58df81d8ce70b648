"""Programs and projects as plain rows, for what does without pandas."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from gen3nb.client.peregrine import Peregrine
from gen3nb.client.project import ProjectId
from gen3nb.errors import Gen3Error

__all__ = ["PROGRAM_COLUMNS", "PROJECT_COLUMNS", "program_rows", "project_rows"]

logger = logging.getLogger("gen3nb.client")

DETAILS = ("name", "state", "availability_type")
PROGRAM_COLUMNS = ("program", "projects")
PROJECT_COLUMNS = ("program", "code", "project", *DETAILS)


def program_rows(names: Sequence[str], projects: Sequence[ProjectId]) -> list[dict[str, Any]]:
    """Give one row for each program, with the number of its projects."""
    return [
        {"program": name, "projects": sum(project.program == name for project in projects)} for name in names
    ]


def project_rows(projects: Sequence[ProjectId], peregrine: Peregrine) -> list[dict[str, Any]]:
    """Give one row for each project, with what the query service tells of those that the user may read."""
    details: dict[str, Any] = {}
    try:
        answer = peregrine.query(f"{{ project(first: 0) {{ project_id {' '.join(DETAILS)} }} }}")
        details = {row.get("project_id"): row for row in answer.get("project") or []}
    except Gen3Error as error:  # another dictionary, or no query service: the list does without
        logger.debug("no details of projects: %s", error)
    return [
        {
            "program": project.program,
            "code": project.code,
            "project": str(project),
            **{name: details.get(str(project), {}).get(name) for name in DETAILS},
        }
        for project in projects
    ]
