"""Bodies that arrive: as slowly as they like for a while, but never for ever (RFC 9110, 15.5.9)."""

from __future__ import annotations

import asyncio

from litestar.types import HTTPReceiveMessage, Receive

from service.errors import TuneGateError
from service.settings import Settings


class Arrival:
    """One body on its way: within every `seconds` that are waited for it, so many bytes must come, or its end.

    Only waiting counts: what the service itself takes to work on a piece is not the client's. A total would cut large
    uploads off that make progress.
    """

    def __init__(self, settings: Settings) -> None:
        self._seconds = settings.body_idle_seconds
        self._least = settings.body_idle_seconds * settings.body_bytes_per_second
        self._left, self._came = float(self._seconds), 0
        self._whole = False

    async def next(self, receive: Receive) -> HTTPReceiveMessage:
        """What the server gives next.

        Raises:
            TuneGateError: `body_stalled`.
        """
        if self._whole:
            return await receive()  # type: ignore[return-value]
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(self._left):
                message: HTTPReceiveMessage = await receive()  # type: ignore[assignment]
        except TimeoutError as error:
            raise self._stalled() from error
        self._left -= clock() - began
        if message["type"] != "http.request":
            self._whole = True
            return message
        self._whole = not message.get("more_body", False)
        self._came += len(message.get("body", b""))
        if self._came >= self._least:
            self._left, self._came = float(self._seconds), 0
        return message

    def _stalled(self) -> TuneGateError:
        return TuneGateError(
            "body_stalled",
            f"{self._came} bytes of the body came in {self._seconds} seconds; what had come was removed.",
            remedy=f"Send it again, at least {self._least} bytes in that time or all of it; TUNEGATE_BODY_IDLE_SECONDS "
            "and TUNEGATE_BODY_BYTES_PER_SECOND of the service set the two.",
        )
