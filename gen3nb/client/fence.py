"""fence: who is signed in, and API keys; its routes for files are in :mod:`.fence_files`."""

from __future__ import annotations

from typing import Any

from gen3nb.client.failures import no_commons
from gen3nb.client.fence_files import FileRoutes
from gen3nb.client.redaction import Secret
from gen3nb.errors import ServiceError

__all__ = ["Fence"]

SERVICE = "fence"


class Fence(FileRoutes):
    """The sign-in service (``/user``).

    Parameters
    ----------
    transport : Transport
        To the commons.
    """

    def __repr__(self) -> str:
        return f"Fence({self.transport.endpoint})"

    def user(self) -> dict[str, Any]:
        """Give what the commons knows of the user (``GET /user/user``)."""
        answer = self.transport.json("GET", "/user/user", service=SERVICE)
        if not isinstance(answer, dict):
            raise ServiceError("the sign-in service did not say who you are", service=SERVICE)
        return answer

    def see(self) -> None:
        """See that there is a commons, and that it takes the token if there is one.

        Raises
        ------
        NotFound
            Nobody can sign in at this address.
        Gen3Error
            What :meth:`user` raises.
        """
        status: int | None = None
        try:
            _ = self.user() if self.transport.auth is not None else self.keys()
        except ServiceError as error:
            status = error.facts["status"]
            if status not in (404, 405):
                raise
        if status is not None:
            raise no_commons(self.transport.endpoint, status)

    def keys(self) -> dict[str, str]:
        """Give the public keys that tokens are signed with, by id (``GET /user/jwt/keys``)."""
        answer = self.transport.json("GET", "/user/jwt/keys", service=SERVICE, signed=False)
        return dict(answer.get("keys", [])) if isinstance(answer, dict) else {}

    def api_keys(self) -> list[dict[str, Any]]:
        """Give id and end of each of the user's API keys (``GET /user/credentials/api``)."""
        answer = self.transport.json("GET", "/user/credentials/api", service=SERVICE)
        return list(answer.get("jtis", [])) if isinstance(answer, dict) else []

    def create_api_key(self, *, expires_in: int | None = None) -> dict[str, str]:
        """Make an API key (``POST /user/credentials/api``).

        Parameters
        ----------
        expires_in : int, optional
            Seconds until it ends; the commons has a maximum, usually 30 days.

        Returns
        -------
        dict
            ``api_key`` and ``key_id``, as in a key file. It is a secret: a repr does not show it.
        """
        params = {"expires_in": expires_in} if expires_in is not None else None
        answer = self.transport.json(
            "POST", "/user/credentials/api", service=SERVICE, params=params, json={"scope": ["data", "user"]}
        )
        return {"api_key": Secret(answer["api_key"]), "key_id": str(answer["key_id"])}

    def delete_api_key(self, key_id: str) -> None:
        """Delete an API key (``DELETE /user/credentials/api/{key_id}``)."""
        self.transport.request("DELETE", f"/user/credentials/api/{key_id}", service=SERVICE)
