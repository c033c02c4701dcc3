"""Secrets that messages are signed with: made from the service's key and a salt, so that the database holds none."""

from __future__ import annotations

import base64
import hmac
import os
from pathlib import Path

from service.clock import now
from service.errors import TuneGateError
from service.secret_file import KEY_BYTES, kept_key
from service.store.outbox import KeptSecret

FILE = "webhook.key"
_PREFIX = "whsec_"
_SALT_BYTES = 16
_USE, _NAME = b"tunegate webhook secret 1\0", b"tunegate webhook key 1"
_NAME_DIGITS = 16


class Secrets:
    """Makes the secrets of webhooks, and makes them again from what is kept of them."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        # names the key without telling anything of it
        self._key_id = hmac.digest(key, _NAME, "sha256").hex()[:_NAME_DIGITS]

    def new(self) -> KeptSecret:
        """What is kept of a new secret."""
        salt = base64.b64encode(os.urandom(_SALT_BYTES)).decode()
        return KeptSecret(salt=salt, key_id=self._key_id, made_at=now())

    def of(self, webhook: str, kept: KeptSecret) -> bytes | None:
        """The 32 bytes that sign; null for one that was made with another key."""
        if not hmac.compare_digest(kept.key_id, self._key_id):
            return None
        # a pseudorandom function over all that tells secrets apart, as HKDF's expansion is (RFC 5869, 2.3)
        return hmac.digest(self._key, _USE + f"{webhook}\0{kept.salt}".encode(), "sha256")


def shown(secret: bytes) -> str:
    """A secret as Standard Webhooks writes it: whsec_ and base64."""
    return _PREFIX + base64.b64encode(secret).decode()


def secrets_of(home: Path, file: Path | None) -> Secrets:
    """Over the key in `file`, or over one of our own in the data folder, made once.

    Raises:
        TuneGateError: `environment` when there is no key to be had.
    """
    if file is None:
        key = kept_key(home / FILE)
        if key is None:
            remedy = "Make the data folder writable, or name a file in TUNEGATE_WEBHOOK_KEY_FILE."
            detail = f"{home / FILE}: no {KEY_BYTES} bytes that only this user can read."
            raise TuneGateError("environment", detail, remedy=remedy)
        return Secrets(key)
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        raise _unusable(f"cannot be read ({error.strerror})") from error
    if len(key) < KEY_BYTES:
        raise _unusable(f"holds {len(key)} bytes")
    return Secrets(key)


def _unusable(what: str) -> TuneGateError:
    return TuneGateError(
        "environment",
        f"The file of TUNEGATE_WEBHOOK_KEY_FILE {what}.",
        remedy=f"It holds at least {KEY_BYTES} random bytes, the same for every service over one database: "
        "openssl rand -hex 32.",
    )
