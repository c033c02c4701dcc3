"""access: who is calling, and whether it is within what was allowed."""

from __future__ import annotations

import hmac
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from service.access_settings import AccessSettings
from service.clock import now
from service.errors import TuneGateError
from service.records.access import SCOPES, ApiKey, Caller
from service.verbs.entering.tokens import Tokens
from service.verbs.keys import digest_of, key_id

if TYPE_CHECKING:
    from service.store.store import Store

OPEN = Caller("default", "open", frozenset(SCOPES))
_MINUTE = 60
_KEY = "key"
# a key is 65 bytes; a token of an identity provider with many groups some thousands
_LONGEST_CREDENTIAL = 16_384
_REMEDY = (
    "Send a key as `Authorization: Bearer KEY` or `X-API-Key: KEY` (TUNEGATE_API_KEY for the CLI); "
    "`tunegate keys create` makes one."
)


class Allowance(msgspec.Struct, frozen=True):
    """Requests of the running minute: how many are allowed, how many are left, seconds to the next minute."""

    limit: int
    left: int
    seconds: int


class Doorkeeper:
    """Knows callers by their keys or tokens; one per process, over a database that all processes share."""

    def __init__(self, store: Store, settings: AccessSettings) -> None:
        self._store = store
        self._settings = settings
        self._tokens = Tokens(settings.oidc) if settings.oidc is not None else None

    def closed(self) -> bool:
        """Whether callers must show who they are."""
        return self._settings.required or self._settings.oidc is not None or self._store.keys.exist()

    def admit(self, credentials: Sequence[bytes]) -> Caller:
        """Who calls, by all the keys and tokens that a request carries; call it in a thread, for it may read the
        database and the provider's keys.

        Raises:
            TuneGateError: `unauthorized`, `forbidden` (a token without a scope or project of ours),
                `identity_unreachable`.
        """
        if not self.closed():
            return OPEN
        shown = set(credentials)
        if not shown:
            raise TuneGateError("unauthorized", "The request carries no key.", remedy=_REMEDY)
        if len(shown) > 1:
            raise TuneGateError("unauthorized", "The request carries more than one key.", remedy="Send one.")
        secret = shown.pop()
        if len(secret) > _LONGEST_CREDENTIAL:
            raise _unknown()
        identifier = key_id(secret)
        if identifier is not None:
            return self._of_key(identifier, secret)
        if self._tokens is None:
            raise _unknown()
        return self._tokens.caller(secret)

    def still(self, caller: Caller) -> bool:
        """Whether a caller who was let in would be let in again: its key or token is good, or nobody is asked."""
        if caller is OPEN:
            return not self.closed()
        if caller.until is not None and caller.until <= time.time():
            return False
        kind, _, identifier = caller.actor.partition(":")
        if kind != _KEY:
            return True
        found = self._store.keys.find(identifier)
        return found is not None and _refusal(found[0]) is None

    def count(self, caller: Caller) -> Allowance | None:
        """Count a request where it is limited; null where it is not.

        The count stands in the database: several processes that serve one project share it.

        Raises:
            TuneGateError: `rate_limited`.
        """
        limit = caller.requests_per_minute or self._settings.requests_per_minute
        if limit is None:
            return None
        minute, passed = divmod(int(time.time()), _MINUTE)
        seen = self._store.keys.count(caller.actor, minute)
        return Allowance(limit, limit - seen, _MINUTE - passed)

    def _of_key(self, identifier: str, secret: bytes) -> Caller:
        found = self._store.keys.find(identifier)
        # compared although none was found, so that the time does not tell which ids exist
        key, digest = found if found is not None else (None, "")
        if not hmac.compare_digest(digest_of(secret).encode(), digest.encode().ljust(64, b"-")) or key is None:
            raise _unknown()
        if refusal := _refusal(key):
            raise TuneGateError("unauthorized", refusal, remedy=_REMEDY)
        self._store.keys.used(key)
        return Caller(key.project, f"{_KEY}:{key.id}", frozenset(key.scopes), key.requests_per_minute)


def _refusal(key: ApiKey) -> str | None:
    """Why a key that is known is not taken."""
    if key.revoked_at is not None:
        return "The key was revoked."
    if key.expires_at is not None and key.expires_at <= now():
        return "The key has expired."
    return None


def _unknown() -> TuneGateError:
    return TuneGateError("unauthorized", "The key is none of this service's.", remedy=_REMEDY)
