"""Further commons for the workspace token service of a practice commons: who is linked to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Union
from urllib.parse import urlsplit

from gen3nb.errors import Gen3Error

if TYPE_CHECKING:
    from gen3nb.commons import Commons
    from gen3nb.launch.running import Sandbox

#: Name of the identity provider to a practice commons, or to an address.
External = Mapping[str, Union["Commons", "Sandbox", str]]


def providers(external: External) -> list[dict[str, Any]]:
    """Describe the commons as the server wants them.

    Raises
    ------
    Gen3Error
        For what is neither a practice commons nor an address.
    """
    return [_provider(idp, commons) for idp, commons in external.items()]


def _provider(idp: str, commons: Any) -> dict[str, Any]:
    server = commons if hasattr(commons, "api_key") else getattr(commons, "sandbox", None)
    if server is not None:
        # a key of their own, so that the link ends when that commons deletes it
        keys = {user: server.api_key(user)["api_key"] for user in server.users}
        return {"idp": idp, "name": f"Commons {idp}", "base_url": server.endpoint, "keys": keys}
    parts = urlsplit(commons) if isinstance(commons, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise Gen3Error(
            f"The external commons {idp!r} is a practice commons or an address, such as "
            f"'https://data.example.org'; this is {commons!r}."
        )
    return {"idp": idp, "name": f"Commons {idp}", "base_url": str(commons).rstrip("/")}
