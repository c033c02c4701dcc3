"""keys: made, listed and taken back on the service's own database, so that the first one can be made."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from service.access_settings import PROJECT
from service.clock import later, now
from service.errors import ErrorItem, TuneGateError, missing_extra
from service.records.access import SCOPES, ApiKey, AuditEntry, Deed, NewKey, Scope
from service.settings import Settings

if TYPE_CHECKING:
    from service.store.store import Store

CLI = "cli"
_ID_BYTES, _SECRET_BYTES = 6, 32
_LONGEST_NAME = 100
_MOST_REQUESTS = 1_000_000
_PAGE = 500
# the secret is 32 bytes in base64url without padding
_SECRET = re.compile(rb"tunegate_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
_AGE = re.compile(r"([1-9][0-9]{0,4})([dh])")
_SECONDS = {"d": 86_400, "h": 3_600}


@contextmanager
def key_store(settings: Settings) -> Iterator[Store]:
    """The service's database, whether the service runs or not.

    Raises:
        TuneGateError: `environment`, `missing_extra`.
    """
    try:
        from service.store.database import migrate, open_engine
        from service.store.store import Store
    except ImportError as error:
        raise missing_extra("service", "tunegate keys", error) from error
    engine = open_engine(settings.database_url)
    try:
        migrate(engine)
        yield Store(engine)
    finally:
        engine.dispose()


def asks_for_keys(settings: Settings) -> bool:
    """Whether the service would ask callers who they are."""
    if settings.access.required or settings.access.oidc is not None:
        return True
    with key_store(settings) as store:
        return store.keys.exist()


def create_key(
    store: Store,
    name: str,
    *,
    project: str,
    scopes: Sequence[str],
    expires: str,
    requests_per_minute: int | None = None,
    actor: str = CLI,
) -> NewKey:
    """A new key with its secret, which is not kept; `expires` is an age like 90d or 12h, or never.

    Raises:
        TuneGateError: `invalid_input`, naming everything that is wrong.
    """
    granted: list[Scope] = [scope for scope in SCOPES if scope in scopes]
    age = _AGE.fullmatch(expires)
    errors = []
    if not 0 < len(name.strip()) <= _LONGEST_NAME or not name.isprintable():
        errors.append(ErrorItem("name", f"{len(name)} characters", f"1 to {_LONGEST_NAME} printable characters"))
    if not PROJECT.fullmatch(project):
        allowed = "small letters, digits and hyphens, at most 63, a letter or digit first"
        errors.append(ErrorItem("project", project[:_LONGEST_NAME], allowed))
    if not scopes or set(scopes) - set(SCOPES):
        errors.append(ErrorItem("scope", " ".join(scopes) or "nothing", f"one or more of {', '.join(SCOPES)}"))
    if age is None and expires != "never":
        errors.append(ErrorItem("expires", expires[:_LONGEST_NAME], "an age like 90d or 12h, or never"))
    if not 0 < (requests_per_minute or 1) <= _MOST_REQUESTS:
        seen, allowed = str(requests_per_minute), f"1 to {_MOST_REQUESTS}, or none"
        errors.append(ErrorItem("requests-per-minute", seen, allowed))
    if errors:
        raise TuneGateError("invalid_input", f"{len(errors)} thing(s) of the key are wrong.", errors=errors)
    identifier = secrets.token_hex(_ID_BYTES)
    secret = f"tunegate_{identifier}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    key = ApiKey(
        id=identifier,
        project=project,
        name=name.strip(),
        scopes=granted,
        requests_per_minute=requests_per_minute,
        created_at=now(),
        expires_at=None if age is None else later(int(age[1]) * _SECONDS[age[2]]),
        revoked_at=None,
        last_used_at=None,
    )
    detail = {"name": key.name, "scopes": list(granted), "expires_at": key.expires_at}
    store.keys.add(key, digest_of(secret.encode()), Deed(actor, "key.created", detail))
    return NewKey(key=key, secret=secret)


def revoke_key(store: Store, identifier: str, *, actor: str = CLI) -> ApiKey:
    """Take a key back; it is refused from the next request on.

    Raises:
        TuneGateError: `unknown_id`.
    """
    return store.keys.revoke(identifier, Deed(actor, "key.revoked"))


def entries(store: Store) -> Iterator[AuditEntry]:
    """The whole audit log, in order."""
    after = 0
    while page := store.audit.page(after=after, limit=_PAGE):
        yield from page
        after = page[-1].n


def digest_of(secret: bytes) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret).hexdigest()


def key_id(secret: bytes) -> str | None:
    """The id in a secret, or None for what is no key of ours."""
    parts = _SECRET.fullmatch(secret)
    return None if parts is None else parts[1].decode()
