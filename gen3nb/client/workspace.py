"""The workspace token service: tokens without a key, inside a Gen3 workspace."""

from __future__ import annotations

import os
from collections.abc import Container
from typing import Any

from gen3nb.client.addresses import is_loopback, origin
from gen3nb.client.credentials import same_commons
from gen3nb.client.redaction import Secret
from gen3nb.client.transport import Transport
from gen3nb.errors import AuthError, Gen3Error, NotConnected, ServiceError

__all__ = ["Workspace", "in_workspace"]

SERVICE = "workspace"


def in_workspace() -> bool:
    """Tell whether this looks like a Gen3 workspace: it runs in the commons' own cluster."""
    return any(
        os.environ.get(name)
        for name in ("GEN3NB_WORKSPACE_URL", "KUBERNETES_SERVICE_HOST", "NAMESPACE", "GEN3_ENDPOINT")
    )


def _within(host: str) -> bool:
    """Tell whether a name is one of the cluster's own services."""
    return bool(host) and ("." not in host or host.endswith((".svc", ".cluster.local")))


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
    def in_cluster(cls, *, allow_http: Container[str] = (), **options: Any) -> Workspace:
        """Give the service of the workspace that this runs in.

        Its address is that of its Kubernetes service, in ``NAMESPACE``; ``GEN3NB_WORKSPACE_URL`` names
        another one. Within the cluster it is reached without encryption.

        Raises
        ------
        NotConnected
            ``GEN3NB_WORKSPACE_URL`` names a host outside of the cluster, without encryption.
        """
        namespace = os.environ.get("NAMESPACE", "default")
        url = os.environ.get("GEN3NB_WORKSPACE_URL") or (
            f"http://workspace-token-service.{namespace}.svc.cluster.local"
        )
        scheme, host, _ = origin(url)
        if scheme == "http" and not (_within(host) or is_loopback(host) or host in allow_http):
            raise NotConnected(
                f"GEN3NB_WORKSPACE_URL names {host}, which is not in this cluster, without encryption: "
                f"your token could be read on the way; use 'https://{host}'",
                endpoint=url,
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

    def linked(self) -> list[dict[str, Any]]:
        """Give each commons that this workspace knows, and whether your account there is linked.

        (``GET /wts/external_oidc/``)

        Returns
        -------
        list of dict
            ``idp``, ``name``, ``endpoint``, ``linked``, ``ends_in`` (the service's words: ``"29 days"``) and
            ``link``, the page on which you link it.
        """
        return [_provider(item) for item in self.providers()]

    def idp_of(self, endpoint: str) -> str | None:
        """Give the name by which the workspace knows a commons; None if it does not, or is that commons."""
        for provider in self.providers():
            if same_commons(str(provider.get("base_url", "")), endpoint):
                return str(provider.get("idp"))
        return None


def _provider(item: dict[str, Any]) -> dict[str, Any]:
    """Read one provider; what has run out is not linked."""
    left = str(item.get("refresh_token_expiration") or "")
    urls = item.get("urls")
    first = urls[0] if isinstance(urls, list) and urls else None
    return {
        "idp": str(item.get("idp", "")),
        "name": str(item.get("name") or item.get("idp", "")),
        "endpoint": str(item.get("base_url", "")),
        "linked": bool(left) and "expired" not in left.lower(),
        "ends_in": left,
        "link": str(first.get("url", "")) if isinstance(first, dict) else "",
    }
