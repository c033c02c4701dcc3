"""Heads of requests that never end: the server library waits for them for ever (CWE-400, "Slowloris")."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# a connection that nobody asks on is kept so long: longer than clients and load balancers keep theirs (httpx and Node 5
# seconds, an AWS load balancer and NGINX's upstreams 60), so that they close it first. The library's own 5 seconds meet
# a client that asks every 5: it sends as the service hangs up, and is told "Server disconnected"
IDLE_SECONDS = 75


def bounded_heads(seconds: float) -> type[HttpToolsProtocol]:
    """The server library's HTTP/1.1, for connections that say a whole head in `seconds` or are closed.

    The time runs from the connection, and again from the first byte of each later request; between two requests it
    may be silent for as long as the library is told (IDLE_SECONDS).
    """

    class BoundedHeads(HttpToolsProtocol):
        _closing: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            self._wait()
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._stop_waiting()
            super().on_headers_complete()

        def _wait(self) -> None:
            if self._closing is None:
                self._closing = self.loop.call_later(seconds, self.transport.close)

        def _stop_waiting(self) -> None:
            if self._closing is not None:
                self._closing.cancel()
                self._closing = None

    return BoundedHeads
