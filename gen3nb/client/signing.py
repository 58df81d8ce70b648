"""Who signs requests to a commons: one credential, one token for all threads, nothing of the gen3 SDK."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, NoReturn

import requests

from gen3nb.client.addresses import Hosts, check_endpoint
from gen3nb.client.credentials import Credential
from gen3nb.client.curling import curl
from gen3nb.client.sources import TokenSource
from gen3nb.client.tokens import (
    TokenKeeper,
    claims_of,
    endpoint_of_issuer,
    linked_google_account,
    when,
)
from gen3nb.client.transport import Transport
from gen3nb.errors import AuthError, TokenExpired

__all__ = ["SignIn"]


class SignIn:
    """Signs in to a commons by one credential.

    Nothing is sent when one is made. The first request fetches an access token, and later ones renew it
    before it ends.

    Parameters
    ----------
    credential : Credential
        What to sign in with.
    endpoint : str, optional
        The commons; by default the credential's.
    timeout, verify, proxies
        As in ``gen3nb.connect``.
    allow_http : container of str
        Host names that may be spoken to without encryption.

    Raises
    ------
    AuthError
        The key was issued by another commons.
    KeyExpired
        The key has run out.
    """

    def __init__(
        self,
        credential: Credential,
        endpoint: str | None = None,
        *,
        timeout: Any = (10, 120),
        verify: Any = True,
        proxies: Mapping[str, str] | None = None,
        allow_http: Container[str] = (),
    ) -> None:
        allow_http = Hosts(allow_http, credential.allow_http)
        self._allow_http: Container[str] = allow_http
        self._credential = credential
        if endpoint or credential.endpoint or credential.issuer or not credential.workspace:
            self._credential = credential.at(endpoint or credential.endpoint)
            self._endpoint = check_endpoint(self._credential.endpoint, allow_http)
        else:
            self._endpoint = ""  # a workspace's own commons: its first token says which
        self._options: dict[str, Any] = {"timeout": timeout, "verify": verify, "proxies": proxies}
        self._source = source = TokenSource(self._credential, self._endpoint, allow_http, self._options)
        ready = credential.access_token if credential.api_key is None else None
        self._keeper = TokenKeeper(source.fetch if source else None, ready)

    def __repr__(self) -> str:
        who = f" as {self.username}" if self.username else ""
        ends = self.expires_at
        until = f", token until {when(ends)}" if ends is not None else ""
        where = self._endpoint or "workspace"
        return f"<{type(self).__name__}: {where}{who}, by {self._credential.source}{until}>"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(
            f"a sign-in ({type(self).__name__}) holds a key, so it is not pickled; "
            "pickle the Commons, which holds none"
        )

    @property
    def endpoint(self) -> str:
        """The commons' address."""
        if not self._endpoint:
            self.get_access_token()
        return self._endpoint

    @property
    def source(self) -> str:
        """Where the credentials were found, in words."""
        return self._credential.source

    @property
    def username(self) -> str:
        """The user's name as the token has it; empty before there is one."""
        token = self._keeper.token
        context = token.claims.get("context") if token is not None else None
        user = context.get("user") if isinstance(context, Mapping) else None
        return str(user.get("name") or "") if isinstance(user, Mapping) else ""

    @property
    def google_account(self) -> str:
        """The Google account that the user has linked at fence, as the token has it; empty if none."""
        token = self._keeper.token
        context = token.claims.get("context") if token is not None else None
        return linked_google_account(context.get("user") if isinstance(context, Mapping) else None)

    @property
    def expires_at(self) -> float | None:
        """When the present access token ends, in seconds since 1970 by the commons' clock."""
        token = self._keeper.token
        return token.exp if token is not None else None

    @property
    def key_expires_at(self) -> float | None:
        """When the API key ends, in seconds since 1970."""
        return self._credential.key_expires

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the commons' clock is ahead of this machine's; None before it issued a token."""
        token = self._keeper.token
        return token.skew if token is not None and token.fresh else None

    @property
    def renewable(self) -> bool:
        """Whether a new access token can be fetched when this one ends."""
        return self._keeper.renewable

    def get_access_token(self) -> str:
        """Give an access token that is good now; fetch one if need be (fence or workspace).

        Raises
        ------
        KeyExpired, AuthError
            The commons does not take the key.
        Unavailable
            It cannot be reached.
        """
        token = self._keeper.current()
        self._learn(token.value)
        return token.value

    def refresh_access_token(self, endpoint: str | None = None) -> str:
        """Fetch a new access token whatever the present one is worth (fence or workspace).

        Raises
        ------
        TokenExpired
            There is only a ready access token, and no key to get another with.
        """
        if not self._keeper.renewable:
            raise TokenExpired(
                "this access token was given without a key, so it cannot be renewed: connect again"
            )
        token = self._keeper.renew()
        self._learn(token.value)
        return token.value

    def run_out(self, token: str, said: str = "") -> bool:
        """Tell whether a token that the commons refused had run out, so that a new one helps."""
        return self._keeper.run_out(token, said)

    def get_api_key(self) -> str | None:
        """Give the API key, as gen3 5 does."""
        return self._credential.api_key

    def transport(self) -> Transport:
        """Give a way to the commons, signed by this, with the same time-outs, CA file and proxies.

        It goes on by the connections on which the token was fetched: to a commons far away, each new one
        takes two round trips.
        """
        if self.endpoint == self._source.endpoint:
            return self._source.transport.signed(self)
        return Transport(self.endpoint, auth=self, **self._options)  # a workspace's own commons

    def curl(self, path: str, request: str | None = None, data: str | None = None) -> requests.Response:
        """Send a request to the commons, as the gen3 SDK's method of this name does.

        Parameters
        ----------
        path : str
            Under the commons' address: ``"/user/user"``, ``"/index/index"``, ``"/authz/mapping"``.
        request : "GET", "POST", "PUT", "PATCH" or "DELETE", optional
            By default GET, or POST where there is data.
        data : str, optional
            JSON, or ``"@file.json"``, or ``"@-"`` for standard input.

        Returns
        -------
        requests.Response
            Of whatever status. The token is not sent on to another host.

        Raises
        ------
        Gen3Error
            The path, the method or the data is none, or there is no answer.
        """
        transport = self.transport()
        try:
            return curl(transport, path, request, data, accept=range(400, 600))
        finally:
            transport.close()

    def _learn(self, token: str) -> None:
        """Take the commons from the first token of a workspace."""
        if not self._endpoint:
            issuer = endpoint_of_issuer(claims_of(token))
            if not issuer:
                raise AuthError(
                    "the workspace's token does not say which commons it is for: give its address"
                )
            self._endpoint = check_endpoint(issuer, self._allow_http)
