"""Headers of a signed message (Standard Webhooks 1.0, standardwebhooks.com)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence


def signed_headers(message: str, timestamp: int, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """webhook-id, webhook-timestamp (seconds since 1970) and webhook-signature, one signature for each secret."""
    content = f"{message}.{timestamp}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(secret, content, "sha256")).decode() for secret in secrets]
    return {
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{one}" for one in signatures),
    }
