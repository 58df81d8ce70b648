"""What the functions of this package need of a commons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gen3nb.client.peregrine import Peregrine
    from gen3nb.client.project import ProjectId, ProjectLike
    from gen3nb.client.sheepdog import Sheepdog
    from gen3nb.dictionary import Dictionary

__all__ = ["Connection"]


class Connection(Protocol):
    """An open commons, as far as frames care: ``gen3nb.Commons`` is one.

    Attributes
    ----------
    endpoint : str
        The commons' address.
    profile : str or None
        The profile that it was opened with.
    dictionary : Dictionary
    sheepdog : Sheepdog
        Submission and export.
    peregrine : Peregrine
        GraphQL.
    """

    @property
    def endpoint(self) -> str:
        """The commons' address."""

    @property
    def profile(self) -> str | None:
        """The profile that it was opened with, if any."""

    @property
    def dictionary(self) -> Dictionary:
        """The commons' data dictionary."""

    @property
    def sheepdog(self) -> Sheepdog:
        """The submission service."""

    @property
    def peregrine(self) -> Peregrine:
        """The GraphQL service."""

    def project_id(self, project: ProjectLike) -> ProjectId:
        """Resolve a project among those of this commons; ``NotFound`` where there is none."""

    def may(self, method: str, project: ProjectLike) -> bool:
        """Say whether the user may do this in that project."""
