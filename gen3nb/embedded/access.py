"""Who may do what: users, their grants, and the tokens that prove who they are.

Words and status codes are those of the real services: authutils' for tokens, arborist's for decisions.
"""

from __future__ import annotations

import secrets
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

KEY_ID = "fence_key_practice"
SCOPES = ["user", "fence", "openid", "admin", "data"]
MAIL_DOMAIN = "commons.test"
KEY_LIFETIME = 30 * 86400
DEFAULT_USERS: dict[str, Mapping[str, Iterable[str]]] = {
    "admin": {"/": ["*"]},
    "submitter": {"/programs": ["create", "read", "update", "delete"], "/data_file": ["file_upload"]},
    "reader": {"/programs": ["read"]},
    "nobody": {},
}
#: Where arborist says who may run jobs, and by which method.
JOBS = ("/sower", "access")
CLIENT = "practice-client"
CLIENT_GRANTS: dict[str, list[str]] = {"/programs": ["read"]}

Grants = dict[str, set[str]]


class Refused(Exception):
    """A request that is turned away.

    Parameters
    ----------
    status : int
        The HTTP status, 401 or 403.
    message : str
        The words that sheepdog and peregrine use.
    reason : str
        ``"missing"`` (no header), ``"unparsable"`` (no token in it), ``"expired"``, ``"invalid"`` or
        ``"forbidden"``, for services that say it in other words.
    detail : str
        The token library's own words ("Signature has expired"), without a prefix.
    body : str
        ``"message"`` for ``{"message": …}``, ``"error"`` for ``{"code": …, "error": …}``.
    """

    def __init__(
        self, status: int, message: str, *, reason: str = "invalid", detail: str = "", body: str = "message"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason
        self.detail = detail or message
        self.body = body

    def json(self) -> dict[str, Any]:
        """Give the JSON body as sheepdog and peregrine phrase it."""
        if self.body == "error":
            return {"code": self.status, "error": self.message}
        return {"message": self.message}


@dataclass
class User:
    """One user: ``name`` is how the sandbox calls it, ``username`` how the services do.

    Attributes
    ----------
    own : dict[str, set[str]]
        What the user may do since the start, or since somebody set it: methods by resource.
    policies : dict[str, dict[str, set[str]]]
        What requests for access have granted, by policy.
    client_id : str
        Of an OIDC client that signs in by itself: it is nobody's account, and has no number.
    """

    name: str
    number: int
    own: Grants = field(default_factory=dict)
    policies: dict[str, Grants] = field(default_factory=dict)
    client_id: str = ""

    @property
    def grants(self) -> Grants:
        """What the user may do, whatever gives it; not to be changed."""
        if not self.policies:
            return self.own
        found = {place: set(methods) for place, methods in self.own.items()}
        for policy in self.policies.values():
            for place, methods in policy.items():
                found[place] = found.get(place, set()) | methods
        return found

    @property
    def username(self) -> str:
        """The name in tokens and answers, shaped as an e-mail address."""
        return self.name if "@" in self.name or self.client_id else f"{self.name}@{MAIL_DOMAIN}"

    @property
    def is_admin(self) -> bool:
        """Whether the user may do everything everywhere."""
        return "*" in self.grants.get("/", ())


class Clock:
    """The server's time, which a fault can set wrong; the signing and the checking of tokens follow it."""

    def __init__(self) -> None:
        self.offset = 0.0

    def now(self) -> float:
        """Give the seconds since 1970."""
        return time.time() + self.offset


def grants_of(given: Mapping[str, Iterable[str]]) -> Grants:
    """Read grants: project ids or resource paths to methods; who may do anything may run jobs too."""
    found = {resource_of(place): set(methods) for place, methods in given.items()}
    if found and "/" not in found:
        found.setdefault(JOBS[0], {JOBS[1]})
    return found


def resource_of(place: str) -> str:
    """Turn ``PROGRAM-PROJECT`` or a resource path into a resource path."""
    if place.startswith("/"):
        return place.rstrip("/") or "/"
    if place == "*":
        return "/programs"
    program, dash, code = place.partition("-")
    return f"/programs/{program}/projects/{code}" if dash else f"/programs/{program}"


class Access:
    """Users, grants, signing key and denylist of one practice commons.

    Parameters
    ----------
    issuer : str
        The ``iss`` of every token, ``<endpoint>/user``.
    users : Mapping[str, Mapping[str, Iterable[str]]], optional
        Grants by user: project id or resource path to methods. They replace the default grants of the users
        named; the four default users always exist.
    token_lifetime, key_lifetime : int
        Seconds.
    """

    def __init__(
        self,
        issuer: str,
        users: Mapping[str, Mapping[str, Iterable[str]]] | None = None,
        *,
        token_lifetime: int = 1800,
        key_lifetime: int = KEY_LIFETIME,
    ) -> None:
        self.issuer = issuer
        self.token_lifetime = token_lifetime
        self.key_lifetime = key_lifetime
        self.clock = Clock()
        self.at_work: str | None = None  # the user in whose workspace this machine is
        self.users: dict[str, User] = {}
        self._usernames: dict[str, User] = {}
        self._numbers: dict[str, User] = {}
        self.client = User(CLIENT, 0, grants_of(CLIENT_GRANTS), client_id=CLIENT)
        self.client_secret = secrets.token_urlsafe(32)
        self._keys: dict[str, dict[str, int]] = {}
        self._denied: set[str] = set()
        self._lock = threading.Lock()
        self._private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._public = self._private.public_key()
        for name, grants in {**DEFAULT_USERS, **(users or {})}.items():
            self.grant(name, grants)

    # -- users -------------------------------------------------------------------------------------------

    def grant(self, name: str, grants: Mapping[str, Iterable[str]]) -> User:
        """Set what a user may do, in place of all that it could; a new name is a new user."""
        with self._lock:
            user = self.users.get(name) or User(name, len(self.users) + 1)
            user.own, user.policies = grants_of(grants), {}
            self.users[name] = self._usernames[user.username] = self._numbers[str(user.number)] = user
            return user

    def named(self, name: str) -> User | None:
        """Find a user by short name or by username."""
        return self.users.get(name) or self._usernames.get(name)

    def give(self, username: str, policy_id: str, grants: Mapping[str, Iterable[str]]) -> None:
        """Let a user, who need not be known yet, do what a policy says."""
        user = self.named(username) or self.grant(username, {})
        with self._lock:
            policy = {place: set(methods) for place, methods in grants.items()}
            user.policies = {**user.policies, policy_id: policy}

    def take(self, username: str, policy_id: str) -> None:
        """Take a policy from a user; what others give stays."""
        user = self.named(username)
        if user is not None:
            with self._lock:
                user.policies = {name: one for name, one in user.policies.items() if name != policy_id}

    def take_all(self) -> None:
        """Take from every user what requests for access have granted."""
        with self._lock:
            for user in self.users.values():
                user.policies = {}

    def allowed(self, user: User | None, method: str, resource: str) -> bool:
        """Say whether a user may do ``method`` on ``resource``; a grant covers what lies below it."""
        if user is None:
            return False
        for place, methods in user.grants.items():
            covered = place == "/" or resource == place or resource.startswith(place + "/")
            if covered and (method in methods or "*" in methods):
                return True
        return False

    # -- tokens ------------------------------------------------------------------------------------------

    def _sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self._private, algorithm="RS256", headers={"kid": KEY_ID})

    def _claims(
        self, user: User, purpose: str, lifetime: float, scope: list[str] | None, issuer: str | None
    ) -> dict[str, Any]:
        now = int(self.clock.now())
        subject = {} if user.client_id else {"sub": str(user.number)}
        return {
            "pur": purpose,
            "iss": issuer or self.issuer,
            "aud": [issuer or self.issuer, *(scope or SCOPES)],
            "iat": now if lifetime > 0 else int(now + lifetime) - 60,
            "exp": int(now + lifetime),
            "jti": str(uuid.uuid4()),
            "scope": list(scope or SCOPES),
            "azp": user.client_id,
            **subject,
        }

    def access_token(
        self,
        user: User,
        lifetime: float | None = None,
        issuer: str | None = None,
        scope: list[str] | None = None,
    ) -> str:
        """Sign an access token that ends in ``lifetime`` seconds (negative: it ended that long ago)."""
        seconds = self.token_lifetime if lifetime is None else lifetime
        claims = self._claims(user, "access", seconds, scope, issuer)
        if user.client_id:
            return self._sign({**claims, "context": {"user": {}}})
        facts = {"name": user.username, "is_admin": user.is_admin, "google": {"proxy_group": None}}
        return self._sign({**claims, "context": {"user": facts}})

    def api_key(
        self,
        user: User,
        lifetime: float | None = None,
        scope: list[str] | None = None,
        issuer: str | None = None,
    ) -> dict[str, str]:
        """Make an API key: the JSON of a key file, ``{"api_key", "key_id"}``."""
        seconds = self.key_lifetime if lifetime is None else lifetime
        claims = self._claims(user, "api_key", seconds, scope, issuer)
        with self._lock:
            self._keys.setdefault(user.name, {})[claims["jti"]] = claims["exp"]
        return {"api_key": self._sign(claims), "key_id": claims["jti"]}

    def keys_of(self, user: User) -> dict[str, int]:
        """Give the ids of a user's API keys, and when they end."""
        with self._lock:
            return dict(self._keys.get(user.name, {}))

    def deny_key(self, user: User, jti: str) -> bool:
        """Put an API key of a user on the denylist; ``False`` if the user has no such key."""
        with self._lock:
            if self._keys.get(user.name, {}).pop(jti, None) is None:
                return False
            self._denied.add(jti)
            return True

    def claims_of(self, token: str, purpose: str = "access") -> dict[str, Any]:
        """Verify a token of ours.

        Raises
        ------
        Refused
            With the token library's words in ``detail``.
        """
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._public,
                algorithms=["RS256"],
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False},
            )
        except jwt.InvalidTokenError as error:
            raise _refused(str(error)) from None
        if claims.get("jti") in self._denied:
            raise _refused("token is denylisted")
        if claims.get("pur") != purpose:
            raise _refused(f"claims have incorrect purpose: expected {purpose}, got {claims.get('pur')}")
        if claims["exp"] <= self.clock.now():
            raise _refused("Signature has expired", reason="expired")
        return claims

    def user_of_claims(self, claims: Mapping[str, Any]) -> User:
        """Find the user, or the client, whom verified claims are about."""
        if "sub" not in claims and claims.get("azp") == self.client.client_id:
            return self.client
        user = self._numbers.get(str(claims.get("sub")))
        if user is None:
            raise _refused("User does not exist")
        return user

    def user_of(self, authorization: str | None) -> User:
        """Say who sent an ``Authorization`` header.

        Raises
        ------
        Refused
            401 with authutils' words: "Authentication Error: Signature has expired" and others.
        """
        if not authorization:
            raise _refused("no authorization header provided", reason="missing")
        parts = authorization.split(" ")
        if len(parts) != 2 or parts[0].lower() != "bearer" or not parts[1]:
            raise _refused("could not parse authorization header", reason="unparsable")
        return self.user_of_claims(self.claims_of(parts[1]))

    def authorize(self, authorization: str | None, method: str, *resources: str) -> User:
        """Let through who may do ``method`` on every one of ``resources``, as sheepdog asks arborist.

        Raises
        ------
        Refused
            401 without a token or with one that arborist refuses, 403 without the permission.
        """
        try:
            user = self.user_of(authorization)
        except Refused as refused:
            if refused.reason in ("missing", "unparsable"):
                words = "Authentication Error: Didn't receive JWT correctly"
                raise Refused(401, words, reason=refused.reason) from None
            words = f"request to arborist failed: could not verify token: {refused.detail}"
            raise Refused(401, words, reason=refused.reason, detail=refused.detail, body="error") from None
        if not all(self.allowed(user, method, resource) for resource in resources):
            words = "You don't have access to this resource: user is unauthorized"
            raise Refused(403, words, reason="forbidden")
        return user

    def authorize_admin(self, authorization: str | None, kind: str) -> User:
        """Let through only who may administer programs or projects (``kind``) in sheepdog."""
        user = self.authorize(authorization, "*")
        if not self.allowed(user, "*", f"/services/sheepdog/submission/{kind}"):
            words = (
                f"You don't have access to this resource: Unauthorized: User must be Sheepdog {kind} admin"
            )
            raise Refused(403, words, reason="forbidden")
        return user

    # -- the public half of the key ----------------------------------------------------------------------

    def public_pem(self) -> str:
        """Give the public key in PEM, as ``/user/jwt/keys`` shows it."""
        encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        return self._public.public_bytes(encoding, form).decode()

    def jwk(self) -> dict[str, Any]:
        """Give the public key as a JSON Web Key."""
        key = jwt.algorithms.RSAAlgorithm.to_jwk(self._public, as_dict=True)
        return {**key, "kid": KEY_ID, "use": "sig", "alg": "RS256", "key_ops": ["verify"]}


def _refused(words: str, *, reason: str = "invalid") -> Refused:
    return Refused(401, f"Authentication Error: {words}", reason=reason, detail=words)
