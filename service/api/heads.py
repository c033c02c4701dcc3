"""Heads of requests that never end: the server library waits for them for ever (CWE-400, "Slowloris")."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


def bounded_heads(seconds: float) -> type[HttpToolsProtocol]:
    """The server library's HTTP/1.1, for connections that say a whole head in `seconds` or are closed.

    The time runs from the connection, and again from the first byte of each later request; between two requests the
    library's own keep-alive holds.
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
