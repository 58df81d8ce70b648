"""What the verbs of a commons stand on: its address, its dictionary, its projects, two services."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gen3nb.client.peregrine import Peregrine
    from gen3nb.client.project import ProjectId, ProjectLike
    from gen3nb.client.sheepdog import Sheepdog
    from gen3nb.dictionary import Dictionary

__all__ = ["Foundation"]


class Foundation(ABC):
    """What every group of verbs needs; :class:`gen3nb.Commons` says who and where it is."""

    profile: str | None
    sheepdog: Sheepdog
    peregrine: Peregrine
    _projects: list[ProjectId] | None

    @property
    @abstractmethod
    def endpoint(self) -> str:
        """The commons' address."""

    @property
    @abstractmethod
    def dictionary(self) -> Dictionary:
        """The commons' data dictionary."""

    @abstractmethod
    def project_id(self, project: ProjectLike) -> ProjectId:
        """Find a project of this commons."""

    @abstractmethod
    def may(self, method: str, project: ProjectLike) -> bool:
        """Tell whether the user has a method on a project."""
