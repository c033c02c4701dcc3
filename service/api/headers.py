"""Headers on every answer: what browsers must not guess, load or keep, and what is left of a limit."""

from __future__ import annotations

from litestar.types import Message, Scope

from service.api.access import allowance_of

# our pages hold their style and drawings, and run and load nothing (OWASP Secure Headers Project)
_PAGE = (
    b"default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    b"frame-ancestors 'none'"
)
_SAFE = {
    b"content-security-policy": _PAGE,
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"x-frame-options": b"DENY",
    b"cross-origin-resource-policy": b"same-origin",
}


async def safe_headers(message: Message, scope: Scope) -> None:
    """Add what the answer has not set itself."""
    if message["type"] != "http.response.start":
        return
    added = dict(_SAFE)
    # the router takes //v1 for /v1
    if scope["path"].lstrip("/").startswith("v1/"):
        added[b"cache-control"] = b"no-store"
    allowance = allowance_of(scope.get("state") or {})
    if allowance is not None:
        added[b"ratelimit-limit"] = str(allowance.limit).encode()
        added[b"ratelimit-remaining"] = str(max(0, allowance.left)).encode()
        added[b"ratelimit-reset"] = str(allowance.seconds).encode()
        if allowance.left < 0:
            added[b"retry-after"] = str(allowance.seconds).encode()
    set_already = {name.lower() for name, _ in message["headers"]}
    message["headers"] = [*message["headers"], *(one for one in added.items() if one[0] not in set_already)]
