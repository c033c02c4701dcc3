"""Tokens of an identity provider: JSON Web Tokens (RFC 7519) as Entra ID and others sign them.

What is checked follows RFC 8725 (JWT Best Current Practices): an allow-list of asymmetric algorithms, issuer, audience
and times; keys come from the one address that the operator names, never from the token.
"""

from __future__ import annotations

import binascii
import hashlib
import time
from typing import TYPE_CHECKING, Any

from service.access_settings import OidcSettings
from service.errors import TuneGateError, missing_extra
from service.records.access import SCOPES, Caller

if TYPE_CHECKING:
    from jwt import PyJWK

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
# clocks of two machines differ
_LEEWAY_SECONDS = 60
_KEYS_SECONDS = 300
# between two looks for a key that is not known: made-up key ids must not become requests to the provider
_COOLDOWN_SECONDS = 30.0
_TIMEOUT_SECONDS = 5.0
# after a fetch that failed: while a provider hangs, not every caller may wait for it in turn
_PAUSE_SECONDS = 5.0
_DEFAULT = "default"
# a subject has 255 characters at most (OpenID Connect Core 1.0, section 2), as many as a column of ours
_LONGEST_NAME = 200
_WRONG = "The token is not valid here"
_REMEDY = "Get a new token of the issuer for the audience that this service expects."


class Tokens:
    """Verifies tokens of one issuer; its keys are fetched when first needed and kept for five minutes."""

    def __init__(
        self,
        settings: OidcSettings,
        *,
        cooldown_seconds: float = _COOLDOWN_SECONDS,
        pause_seconds: float = _PAUSE_SECONDS,
    ) -> None:
        try:
            from jwt import PyJWKClient
        except ImportError as error:
            raise missing_extra("service", "Checking tokens", error) from error
        self._settings = settings
        self._pause_seconds, self._paused_until = pause_seconds, 0.0
        self._keys = PyJWKClient(
            settings.jwks_url,
            lifespan=_KEYS_SECONDS,
            timeout=_TIMEOUT_SECONDS,
            cooldown_duration=cooldown_seconds,
        )

    def caller(self, token: bytes) -> Caller:
        """Who a token speaks for.

        Raises:
            TuneGateError: `unauthorized`, `forbidden` for a good token that grants nothing here,
                `identity_unreachable`.
        """
        claims = self._claims(token)
        # Entra ID names app roles and delegated scopes apart; `scope` is RFC 9068's (section 2.2.3)
        named = {name for claim in ("roles", "scp", "scope") for name in _texts(claims.get(claim))}
        granted = {scope for claim, scope in self._settings.scopes if claim in named}
        scopes = frozenset(scope for scope in SCOPES if scope in granted)
        if not scopes:
            wanted = ", ".join(claim for claim, _ in self._settings.scopes)
            raise TuneGateError("forbidden", "The token grants nothing here.", remedy=f"Roles that do: {wanted}.")
        until = claims["exp"] + _LEEWAY_SECONDS
        return Caller(self._project(claims), f"oidc:{_who(claims)}", scopes, until=until)

    def _claims(self, token: bytes) -> dict[str, Any]:
        import jwt

        try:
            # the address of the keys is ours; `jku`, `jwk` and `x5u` of a token are not looked at
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS or not isinstance(header.get("kid"), str):
                raise _invalid("its algorithm or key id is none that is taken")
            key = self._key(header["kid"])
            found: dict[str, Any] = jwt.decode(
                token, key, algorithms=list(ALGORITHMS), issuer=self._settings.issuer, audience=self._settings.audience,
                leeway=_LEEWAY_SECONDS, options={"require": ["exp", "iss", "aud", "sub"]},
            )  # fmt: skip
        except jwt.ExpiredSignatureError as error:
            raise _invalid("it has expired") from error
        except (jwt.PyJWTError, ValueError, TypeError, binascii.Error) as error:
            raise _invalid("signature, issuer, audience, times or form") from error
        return found

    def _key(self, kid: str) -> PyJWK:
        import jwt

        if time.monotonic() < self._paused_until and not self._known(kid):
            raise _unreachable()
        try:
            return self._keys.get_signing_key(kid)
        except jwt.PyJWKClientConnectionError as error:
            self._paused_until = time.monotonic() + self._pause_seconds
            raise _unreachable() from error

    def _known(self, kid: str) -> bool:
        cached = self._keys.jwk_set_cache.get() if self._keys.jwk_set_cache is not None else None
        return cached is not None and any(one.key_id == kid for one in cached.keys)

    def _project(self, claims: dict[str, Any]) -> str:
        if not self._settings.projects:
            return _DEFAULT
        held = {*_texts(claims.get("tid")), *_texts(claims.get("groups"))}
        for claim, project in self._settings.projects:
            if claim in held:
                return project
        raise TuneGateError(
            "forbidden", "The token belongs to no project here.", remedy="The operator maps tenants and groups."
        )


def _who(claims: dict[str, Any]) -> str:
    """The object id of Entra, else the subject; its SHA-256 where that is no word for a table and a line of a log."""
    who = str(claims.get("oid") or claims["sub"])
    return who if len(who) <= _LONGEST_NAME and who.isprintable() else hashlib.sha256(who.encode()).hexdigest()


def _texts(claim: object) -> list[str]:
    """A claim's names: a list of them, or one text with spaces between."""
    if isinstance(claim, str):
        return claim.split()
    return [one for one in claim if isinstance(one, str)] if isinstance(claim, list) else []


def _unreachable() -> TuneGateError:
    return TuneGateError(
        "identity_unreachable",
        "The keys of the identity provider cannot be fetched.",
        remedy="Try again; the operator can check TUNEGATE_OIDC_JWKS_URL.",
    )


def _invalid(why: str) -> TuneGateError:
    return TuneGateError("unauthorized", f"{_WRONG} ({why}).", remedy=_REMEDY)
