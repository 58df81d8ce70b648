"""Signing in, as a ``gen3.auth.Gen3Auth`` that any class of the gen3 SDK takes."""

from __future__ import annotations

import os
from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Any

import requests
from gen3.auth import Gen3Auth

from gen3nb.client.addresses import check_endpoint, origin
from gen3nb.client.credentials import (
    Credential,
    from_access_token,
    from_file,
    from_key,
    from_text,
    same_commons,
)
from gen3nb.client.redaction import Secret
from gen3nb.client.signing import SignIn
from gen3nb.client.sources import TokenSource
from gen3nb.client.surroundings import keep_proxies_off
from gen3nb.client.tokens import claims_of, endpoint_of_issuer
from gen3nb.errors import AuthError

__all__ = ["Auth"]


class Auth(SignIn, Gen3Auth):  # type: ignore[misc]  # the SDK has no types
    """Sign in to a Gen3 commons; takes what ``gen3.auth.Gen3Auth`` takes.

    Nothing is sent when one is made. The first request fetches an access token from fence
    (``POST /user/credentials/api/access_token``) or from the workspace token service
    (``GET /wts/token/``), and later ones renew it before it ends: by its age since it was issued, so a wrong
    clock on this machine does not matter. Threads share one token and one renewal. The token goes to the
    commons' own origin only, and is held in memory only.

    Parameters
    ----------
    endpoint : str, optional
        The commons' address; by default the one that issued the key.
    refresh_file : str or path, optional
        An API key file, its name in ``~/.gen3/``, ``idp://wts/<idp>`` or ``accesstoken:///<token>``.
        Without any argument: ``GEN3_API_KEY``, ``~/.gen3/credentials.json``, the workspace.
    refresh_token : Mapping, optional
        An API key file's content.
    idp : str, optional
        In a workspace, which of its commons.
    client_credentials : pair of str, optional
        Id and secret of an OIDC client (``POST /user/oauth2/token``).
    client_scopes : str, optional
        What such a client asks for.
    access_token : str, optional
        A ready access token, which cannot be renewed.
    cred_file : str or path, optional
        ``refresh_file`` by the name that ``dtp`` had for it.
    credential : Credential, optional
        Instead of all these, what ``gen3nb.connect`` found.
    timeout, verify, proxies
        As in ``gen3nb.connect``.
    allow_http : container of str
        Host names that may be spoken to without encryption.

    Raises
    ------
    ProfileError
        The key file is missing or wrong.
    AuthError
        The key was issued by another commons.
    KeyExpired
        The key has run out.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        refresh_file: str | os.PathLike[str] | None = None,
        refresh_token: Mapping[str, Any] | None = None,
        idp: str | None = None,
        client_credentials: tuple[str, str] | None = None,
        client_scopes: str | None = None,
        access_token: str | None = None,
        *,
        cred_file: str | os.PathLike[str] | None = None,
        credential: Credential | None = None,
        timeout: float | tuple[float, float] = (10, 120),
        verify: bool | str | os.PathLike[str] = True,
        proxies: Mapping[str, str] | None = None,
        allow_http: Container[str] = (),
    ) -> None:
        # Gen3Auth.__init__ asks the network and writes files, so it is not called; its attributes are kept
        if refresh_file is not None and cred_file is not None:
            raise ValueError("Only one of 'refresh_file' and 'cred_file' can be specified.")
        refresh_file = refresh_file if refresh_file is not None else cred_file
        if credential is None:
            _check(endpoint, refresh_file, refresh_token, idp, client_credentials, client_scopes)
            credential = _credential(
                endpoint, refresh_file, refresh_token, idp, client_credentials, client_scopes, access_token
            )
        options: dict[str, Any] = {"timeout": timeout, "verify": verify, "proxies": proxies}
        SignIn.__init__(self, credential, endpoint, allow_http=allow_http, **options)
        keep_proxies_off(self._endpoint)
        self._use_wts = credential.workspace
        self._wts_idp = credential.idp
        self._wts_namespace = os.environ.get("NAMESPACE", "default")
        self._external_wts_host = None
        self._refresh_file = None
        self._client_credentials = None
        self._client_scopes = credential.scopes

    @property
    def _access_token(self) -> str | None:
        token = self._keeper.token
        return token.value if token is not None else None

    @property
    def _access_token_info(self) -> Mapping[str, Any] | None:
        token = self._keeper.token
        return token.claims if token is not None else None

    @property
    def _token_info(self) -> Mapping[str, Any]:
        return self._keeper.current().claims

    @property
    def _refresh_token(self) -> dict[str, str] | None:
        key = self._credential.api_key
        return None if key is None else {"api_key": key, "key_id": self._credential.key_id}

    def _get_auth_value(self) -> str:
        return Secret("bearer " + self.get_access_token())

    def get_access_token_from_wts(self, endpoint: str | None = None) -> str:
        """Give a token from the workspace token service, as the SDK's method of this name does.

        The service is the one of the workspace that this runs in (``GET /wts/token/``); with an API key it is
        the one of the commons that issued the key.

        Parameters
        ----------
        endpoint : str, optional
            The commons that the token is for, by its address; without it the token of this sign-in is given.

        Raises
        ------
        AuthError
            The service does not know that commons, or your account there is not linked.
        """
        own = self._credential
        if endpoint is None:
            return self.get_access_token()
        by_key = own.api_key is not None and not own.client
        credential = replace(own, workspace=True) if by_key else Credential("the workspace", workspace=True)
        wanted = check_endpoint(endpoint, self._allow_http)
        # which commons it is for is looked up by its address
        source = TokenSource(replace(credential, idp="local"), wanted, self._allow_http, self._options)
        token = source.fetch()
        issuer = endpoint_of_issuer(claims_of(token))
        if issuer and not same_commons(issuer, wanted):
            raise AuthError(
                f"the workspace token service gave a token of {issuer}, not of {wanted}: it does not know "
                "that commons; gen3nb auth --all lists those that it knows"
            )
        return token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request of the SDK or of plain ``requests``, if it goes to the commons."""
        if origin(str(request.url)) != origin(self.endpoint):
            return request
        request.headers["Authorization"] = self._get_auth_value()
        request.hooks.setdefault("response", []).append(self._handle_401)
        return request

    def _handle_401(self, response: requests.Response, **options: Any) -> requests.Response:
        """Send once more what was refused because the token had run out, and nothing else."""
        request = response.request
        sent = Secret(request.headers.get("Authorization") or "")
        can_resend = request.body is None or isinstance(request.body, str | bytes)
        if response.status_code != 401 or not sent or not can_resend or response.history:
            return response
        if origin(str(request.url)) != origin(self.endpoint):
            return response
        if not self._keeper.run_out(Secret(sent.removeprefix("bearer ")), response.text):
            return response
        response.close()
        again = request.copy()
        again.headers["Authorization"] = self._get_auth_value()
        again.hooks = {"response": []}
        answer = response.connection.send(again, **options)
        answer.history.append(response)
        answer.request = again
        return answer


def _check(
    endpoint: str | None,
    refresh_file: object,
    refresh_token: object,
    idp: str | None,
    client_credentials: object,
    client_scopes: str | None,
) -> None:
    """Refuse what the SDK refuses."""
    if client_scopes and not client_credentials:
        raise ValueError("'client_scopes' cannot be specified without 'client_credentials'")
    if refresh_file and refresh_token:
        raise ValueError("Only one of 'refresh_file' and 'refresh_token' can be specified.")
    if endpoint and idp:
        raise ValueError("Only one of 'endpoint' and 'idp' can be specified.")
    if client_credentials and not endpoint:
        raise ValueError("'endpoint' must be specified when using client credentials")


def _credential(
    endpoint: str | None,
    refresh_file: str | os.PathLike[str] | None,
    refresh_token: Mapping[str, Any] | None,
    idp: str | None,
    client_credentials: tuple[str, str] | None,
    client_scopes: str | None,
    access_token: str | None,
) -> Credential:
    """Read the SDK's seven arguments."""
    if client_credentials:
        name, secret = client_credentials
        return Credential(
            f"the OIDC client {name}",
            endpoint=endpoint or "",
            client=(name, Secret(secret)),
            scopes=client_scopes or "user data openid",
        )
    if access_token:
        return from_access_token(access_token)
    if refresh_token:
        return from_key(refresh_token)
    if refresh_file:
        text = os.fspath(refresh_file)
        return from_text(text, "the API key file")
    if idp:
        return Credential(f"the workspace (idp {idp})", workspace=True, idp=idp)
    if os.environ.get("GEN3_API_KEY"):
        return from_text(os.environ["GEN3_API_KEY"], "GEN3_API_KEY:")
    home = os.path.expanduser("~/.gen3/credentials.json")
    if os.path.isfile(home):
        return from_file(home)
    return Credential("the workspace", workspace=True)
