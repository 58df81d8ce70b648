"""Project ids: ``PROGRAM-PROJECT`` as in the graph, or a pair."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from gen3nb.errors import NotFound

__all__ = ["ProjectId", "ProjectLike"]


@dataclass(frozen=True, order=True)
class ProjectId:
    """A project's program and code.

    Both may hold dashes, so the text ``A-b-c`` alone does not say where the program ends: the projects of
    the commons do.

    Parameters
    ----------
    program : str
        The program's name.
    code : str
        The project's code.
    """

    program: str
    code: str

    def __str__(self) -> str:
        return f"{self.program}-{self.code}"

    @property
    def resource(self) -> str:
        """The path that permissions are given on: ``/programs/P/projects/Q``."""
        return f"/programs/{self.program}/projects/{self.code}"

    @classmethod
    def parse(cls, value: ProjectLike, known: Iterable[ProjectId] | None = None) -> ProjectId:
        """Read a project as a person writes it.

        Parameters
        ----------
        value : str or pair of str or ProjectId
            ``"P-Q"``, ``("P", "Q")`` or a ``ProjectId``.
        known : iterable of ProjectId, optional
            The projects of the commons. With it, the answer is one of them.

        Raises
        ------
        NotFound
            It is none of the known ones, or a bare code; the message names the nearest.
        """
        if isinstance(value, ProjectId):
            pair: ProjectId | None = value
        elif isinstance(value, tuple | list) and len(value) == 2 and all(isinstance(p, str) for p in value):
            pair = cls(*value)
        elif isinstance(value, str):
            pair = None
        else:
            raise NotFound(
                f"a project is written 'PROGRAM-PROJECT' or as a pair (program, project), not {value!r}"
            )
        if known is None:
            return pair if pair is not None else cls._split(str(value))
        projects = list(known)
        return cls._among(pair if pair is not None else str(value), projects)

    @classmethod
    def _split(cls, text: str) -> ProjectId:
        """Cut at the first dash, for want of anything better."""
        program, dash, code = text.partition("-")
        if not (program and dash and code):
            raise NotFound(
                f"{text!r} names no program: write the full id 'PROGRAM-PROJECT', or ('PROGRAM', {text!r})"
            )
        return cls(program, code)

    @classmethod
    def _among(cls, wanted: str | ProjectId, known: list[ProjectId]) -> ProjectId:
        """Find the project among those of the commons, or say which are near."""
        if isinstance(wanted, ProjectId):
            if wanted in known:
                return wanted
        else:
            same = [project for project in known if str(project) == wanted]
            if len(same) == 1:
                return same[0]
            if same:
                pairs = " or ".join(repr((p.program, p.code)) for p in same)
                raise NotFound(f"{wanted!r} may be read in {len(same)} ways: give the pair, {pairs}")
            coded = [project for project in known if project.code == wanted]
            if coded:
                ids = " or ".join(repr(str(project)) for project in coded)
                raise NotFound(f"{wanted!r} is a project's code alone: write the full id, {ids}")
        raise NotFound(f"this commons has no project {str(wanted)!r}{_near(str(wanted), known)}")


ProjectLike: TypeAlias = "str | tuple[str, str] | ProjectId"


def _near(wanted: str, known: list[ProjectId]) -> str:
    """Name the nearest projects, or the first few."""
    names = sorted(str(project) for project in known)
    folded = {name.casefold(): name for name in names}
    near = [folded[name] for name in difflib.get_close_matches(wanted.casefold(), folded, n=3, cutoff=0.6)]
    if near:
        return "; did you mean " + " or ".join(repr(name) for name in near) + "?"
    if not names:
        return ": it has no projects yet, or shows you none"
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return f"; it has {shown}"
