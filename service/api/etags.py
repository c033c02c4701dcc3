"""ETags: what has not changed since it was last read is not sent again (RFC 9110, 8.8.3 and 13.1.2)."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

_OK = 200
# a 304 says what the 200 would have said of these (RFC 9110, 15.4.5)
_KEPT = {b"cache-control", b"content-location", b"date", b"expires", b"vary"}


class ETags(ASGIMiddleware):
    """Gives what a GET of /v1 answers in one piece a strong ETag of its bytes; 304 to who has them. Streams pass by."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Hold the head of the answer back until its body is known."""
        if scope.get("method") != "GET" or not scope["path"].startswith("/v1/"):
            await next_app(scope, receive, send)
            return
        known = known_tags(scope)
        held: list[Message] = []

        async def holding(message: Message) -> None:
            if message["type"] == "http.response.start":
                held.append(message)
                return
            if held:
                start = held.pop()
                if message["type"] == "http.response.body" and not message.get("more_body"):
                    await _sent(start, message, known, send)
                    return
                await send(start)
            await send(message)

        await next_app(scope, receive, holding)


async def _sent(start: Message, body: Message, known: set[str], send: Send) -> None:
    headers = list(start["headers"])  # type: ignore[typeddict-item]
    if start["status"] == _OK and not any(name.lower() == b"etag" for name, _ in headers):  # type: ignore[typeddict-item]
        tag = f'"{sha256(body["body"]).hexdigest()}"'  # type: ignore[typeddict-item]
        headers.append((b"etag", tag.encode()))
        if tag in known or "*" in known:
            kept = [(name, value) for name, value in headers if name.lower() in _KEPT | {b"etag"}]
            await send({"type": "http.response.start", "status": 304, "headers": kept})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
    start["headers"] = headers  # type: ignore[typeddict-unknown-key]
    await send(start)
    await send(body)


def known_tags(scope: Scope) -> set[str]:
    """The tags that the client has; a weak one is as good for a comparison (RFC 9110, 13.1.2)."""
    sent = b",".join(value for name, value in scope["headers"] if name == b"if-none-match").decode("latin-1")
    return {tag.strip().removeprefix("W/") for tag in sent.split(",") if tag.strip()}
