"""The workspace token service: tokens without a key, inside a Gen3 workspace."""

from __future__ import annotations

import os
from typing import Any

from gen3nb.client.credentials import same_commons
from gen3nb.client.redaction import Secret
from gen3nb.client.transport import Transport
from gen3nb.errors import AuthError, Gen3Error, ServiceError

__all__ = ["Workspace", "in_workspace"]

SERVICE = "workspace"


def in_workspace() -> bool:
    """Tell whether this looks like a Gen3 workspace: it runs in the commons' own cluster."""
    return any(
        os.environ.get(name)
        for name in ("GEN3NB_WORKSPACE_URL", "KUBERNETES_SERVICE_HOST", "NAMESPACE", "GEN3_ENDPOINT")
    )


class Workspace:
    """A workspace token service.

    Parameters
    ----------
    transport : Transport
        To the service, or to the commons that it belongs to.
    prefix : str
        Where the service is mounted: ``"/wts"`` on a commons, ``""`` in the cluster.
    """

    def __init__(self, transport: Transport, prefix: str = "/wts") -> None:
        self.transport = transport
        self.prefix = prefix

    def __repr__(self) -> str:
        return f"Workspace({self.transport.endpoint}{self.prefix})"

    @classmethod
    def in_cluster(cls, **options: Any) -> Workspace:
        """Give the service of the workspace that this runs in.

        Its address is that of its Kubernetes service, in ``NAMESPACE``; ``GEN3NB_WORKSPACE_URL`` names
        another one.
        """
        namespace = os.environ.get("NAMESPACE", "default")
        url = os.environ.get("GEN3NB_WORKSPACE_URL") or (
            f"http://workspace-token-service.{namespace}.svc.cluster.local"
        )
        return cls(Transport(url, **options), "")

    def token(self, idp: str | None = None) -> str:
        """Give an access token (``GET /wts/token/``).

        Parameters
        ----------
        idp : str, optional
            For which of the commons in :meth:`providers`; by default the workspace's own.

        Raises
        ------
        AuthError
            The service gave none: the commons is not linked, or the link has run out.
        """
        params = {"idp": idp} if idp and idp != "local" else None
        failed: Gen3Error | None = None
        try:
            answer = self.transport.json("GET", f"{self.prefix}/token/", service=SERVICE, params=params)
        except ServiceError as error:
            if error.status is None:
                raise
            failed = error
        if failed is not None:
            raise AuthError(
                f"the workspace gave no token for {idp or 'its own commons'}: "
                f"on the workspace's profile page, link that commons again ({failed.message})"
            )
        value = answer.get("token") if isinstance(answer, dict) else None
        if not isinstance(value, str) or not value:
            raise AuthError("the workspace token service answered without a token")
        return Secret(value)

    def providers(self) -> list[dict[str, Any]]:
        """Give the commons that this workspace can sign in to (``GET /wts/external_oidc/``)."""
        answer = self.transport.json("GET", f"{self.prefix}/external_oidc/", service=SERVICE)
        found = answer.get("providers") if isinstance(answer, dict) else None
        return [item for item in found or [] if isinstance(item, dict)]

    def idp_of(self, endpoint: str) -> str | None:
        """Give the name by which the workspace knows a commons; None if it does not, or is that commons."""
        for provider in self.providers():
            if same_commons(str(provider.get("base_url", "")), endpoint):
                return str(provider.get("idp"))
        return None
