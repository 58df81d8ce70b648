"""The verbs that make programs and projects, for administrators. What was made is looked up afterwards."""

from __future__ import annotations

import logging
from typing import Any

from gen3nb.client.project import ProjectId, ProjectLike
from gen3nb.commons.foundation import Foundation
from gen3nb.errors import SubmissionError

__all__ = ["MakingVerbs"]

logger = logging.getLogger("gen3nb")


class MakingVerbs(Foundation):
    """Create programs and projects."""

    def create_program(self, name: str, dbgap_accession_number: str | None = None) -> str:
        """Create a program (sheepdog, ``PUT /api/v0/submission/``). Administrators only.

        Raises
        ------
        PermissionDenied
            The user is no administrator.
        SubmissionError
            It is not there afterwards.
        """
        self._says("create the program", name)
        self.sheepdog.create_program(name, dbgap_accession_number)
        self._projects = None
        if name not in self.sheepdog.programs():
            raise SubmissionError(
                f"{self.endpoint} said that it made the program {name!r}, but it is not there"
            )
        return name

    def create_project(self, project: ProjectLike, **properties: Any) -> ProjectId:
        """Create a project (sheepdog, ``PUT /api/v0/submission/{program}``). Administrators only.

        Parameters
        ----------
        project : str, pair or ProjectId
            Its program, which exists, and its code.
        **properties : Any
            ``name``, ``availability_type``, ``dbgap_accession_number`` … as the dictionary has them.

        Raises
        ------
        PermissionDenied
            The user is no administrator.
        Conflict
            Another program has a project of this code.
        SubmissionError
            It was refused, or is not there afterwards.
        """
        wanted = self._new_project(project)
        self._says("create the project", str(wanted))
        document = {
            "dbgap_accession_number": wanted.code,
            "name": str(wanted),
            **properties,
            "code": wanted.code,
        }
        answer = self.sheepdog.create_project(wanted.program, document)
        self._projects = None
        if not answer.ok:
            reasons = "; ".join(answer.problems()) or answer.message
            raise SubmissionError(f"{self.endpoint} did not make the project {wanted}: {reasons}")
        if wanted.code not in self.sheepdog.projects(wanted.program):
            raise SubmissionError(
                f"{self.endpoint} said that it made the project {wanted}, but it is not there"
            )
        return wanted

    def _new_project(self, project: ProjectLike) -> ProjectId:
        """Read the id of a project that is to be: its program is one of the commons."""
        if not isinstance(project, str):
            return ProjectId.parse(project)
        found = [name for name in self.sheepdog.programs() if project.startswith(name + "-")]
        if found:
            program = max(found, key=len)
            return ProjectId(program, project[len(program) + 1 :])
        return ProjectId.parse(project)

    def _says(self, what: str, name: str) -> None:
        """Say endpoint and project before anything is written."""
        logger.info("%s %s on %s", what, name, self.endpoint)
