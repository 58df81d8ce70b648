"""Where access tokens come from: fence for a key or an OIDC client, or the workspace token service."""

from __future__ import annotations

import base64
import time
from collections.abc import Container, Mapping
from functools import cached_property
from typing import Any

import requests

from gen3nb.client.addresses import check_endpoint
from gen3nb.client.credentials import Credential, key_expired, same_commons
from gen3nb.client.failures import failure, no_commons
from gen3nb.client.redaction import Secret
from gen3nb.client.tokens import Token, claims_of
from gen3nb.client.transport import Transport
from gen3nb.client.workspace import Workspace
from gen3nb.errors import AuthError, Gen3Error, KeyExpired

__all__ = ["TokenSource"]

# gen3 5 uses the first, gen3 4 and older commons the second
TOKEN_ROUTES = ("/user/credentials/api/access_token", "/user/credentials/cdis/access_token")


class TokenSource:
    """Gets access tokens by one credential; false where that is a ready token.

    Parameters
    ----------
    credential : Credential
        The key, the client or the workspace.
    endpoint : str
        The commons; empty where the workspace's token has to say which.
    allow_http : container of str
        Host names that may be spoken to without encryption.
    options : Mapping
        ``timeout``, ``verify`` and ``proxies`` of the connection.
    """

    def __init__(
        self,
        credential: Credential,
        endpoint: str,
        allow_http: Container[str],
        options: Mapping[str, Any],
    ) -> None:
        self.credential = credential
        self.endpoint = endpoint
        self.allow_http = allow_http
        self.options = options

    @cached_property
    def transport(self) -> Transport:
        """The way to the commons; whoever asks there next goes on by its connections."""
        return self._transport(self.endpoint)

    def __bool__(self) -> bool:
        credential = self.credential
        return bool(credential.client or credential.workspace or credential.api_key)

    def fetch(self) -> str:
        """Get a new access token.

        Raises
        ------
        KeyExpired, AuthError
            The commons does not take the key.
        Unavailable
            It cannot be reached.
        """
        if self.credential.client is not None:
            return self._from_client(*self.credential.client)
        if self.credential.workspace:
            return self._from_workspace()
        return self._from_key(self.endpoint)

    def _from_key(self, endpoint: str) -> str:
        """Trade the API key for an access token at the commons that issued it."""
        if endpoint == self.endpoint:
            return _trade(self.transport, self.credential)
        transport = self._transport(endpoint)
        try:
            return _trade(transport, self.credential)
        finally:
            transport.close()

    def _from_workspace(self) -> str:
        """Get a token from the workspace token service, in the cluster or beside the key's issuer."""
        if self.credential.api_key is not None:
            key = _Fixed(self._from_key(self.credential.issuer))
            endpoint = check_endpoint(self.credential.issuer, self.allow_http)
            service = Workspace(Transport(endpoint, auth=key, **self.options))
        else:
            service = Workspace.in_cluster(allow_http=self.allow_http, **self.options)
        try:
            idp = self.credential.idp
            if idp == "local" and self.endpoint:
                found = service.idp_of(self.endpoint)
                issuer = self.credential.issuer
                if found is None and issuer and not same_commons(issuer, self.endpoint):
                    raise AuthError(
                        f"the workspace token service of {issuer} does not know {self.endpoint}: "
                        "gen3nb auth --all lists the commons that it knows"
                    )
                idp = found or "local"
            return Secret(service.token(idp))
        finally:
            service.transport.close()

    def _from_client(self, name: str, secret: str) -> str:
        """Get a token with an OIDC client's id and secret."""
        basic = Secret("Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode())
        answer = self.transport.json(
            "POST",
            "/user/oauth2/token",
            service="fence",
            params={"grant_type": "client_credentials", "scope": self.credential.scopes},
            headers={"Authorization": basic},
        )
        return _token_in(answer, self.endpoint)

    def _transport(self, endpoint: str) -> Transport:
        return Transport(check_endpoint(endpoint, self.allow_http), **self.options)


class _Fixed:
    """Signs with one token."""

    username = ""

    def __init__(self, token: str) -> None:
        self._token = Secret(token)
        self.expires_at = Token(self._token, claims_of(token), 0.0, 0.0, fresh=False).exp

    def get_access_token(self) -> str:
        return self._token

    def run_out(self, token: str, said: str = "") -> bool:
        return False


def _trade(transport: Transport, credential: Credential) -> str:
    """Post the API key, on the newer route or the older one."""
    body = {"api_key": credential.api_key}
    for route in TOKEN_ROUTES:
        response = _post(transport, route, body)
        if response.status_code in (404, 405) and route != TOKEN_ROUTES[-1]:
            continue
        if response.status_code == 400 and "expire after" in response.text:
            # the key ends before an ordinary token would: ask for one that ends first
            rest = int((credential.key_expires or 0) - time.time()) - 5
            response = _post(transport, route, body, expires_in=max(rest, 1))
        if response.status_code >= 400:
            raise _untraded(response, transport.endpoint, credential)
        return _token_in(transport.decode(response, "fence:key"), transport.endpoint)
    raise AssertionError("the last route returns or raises")


def _post(transport: Transport, route: str, body: Mapping[str, Any], **params: int) -> requests.Response:
    """Ask fence for a token; a second token does no harm, so the request may be repeated."""
    return transport.request(
        "POST",
        route,
        service="fence:key",
        json=body,
        params=params,
        retry=True,
        accept=(400, 401, 403, 404, 405),
    )


def _untraded(response: requests.Response, endpoint: str, credential: Credential) -> Gen3Error:
    """Say why a key was not taken."""
    if response.status_code in (404, 405):
        return no_commons(endpoint, response.status_code)
    error = failure(response, service="fence:key", endpoint=endpoint)
    if isinstance(error, KeyExpired):
        return key_expired(credential, endpoint)
    return type(error)(f"{error.message} (it came from {credential.source})", **error.facts)


def _token_in(answer: Any, endpoint: str) -> Secret:
    """Take the token out of an answer."""
    value = answer.get("access_token") if isinstance(answer, Mapping) else None
    if not isinstance(value, str) or not value:
        raise AuthError(f"the sign-in service of {endpoint} gave no access token")
    return Secret(value)
