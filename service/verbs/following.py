"""following: what happens to a job or an evaluation, as numbered events that go on after the last one that was seen."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec

_POLL_SECONDS = 0.2
_HEARTBEAT_SECONDS = 15.0


class Event(msgspec.Struct, frozen=True):
    """One event; its `id` is what a client that comes back names as the last that it saw."""

    id: str
    event: str
    data: dict[str, Any]


async def follow(
    look: Callable[[], tuple[Sequence[Event], bool]],
    stopping: threading.Event,
    *,
    poll_seconds: float = _POLL_SECONDS,
    heartbeat_seconds: float = _HEARTBEAT_SECONDS,
) -> AsyncIterator[Event | None]:
    """Events until the end, or until `stopping` is set; None now and then while nothing happens.

    `look` is called in a thread, and gives what is new since its last call and whether that is the end.
    """
    silent = 0.0
    while not stopping.is_set():
        events, ended = await asyncio.to_thread(look)
        for event in events:
            silent = 0.0
            yield event
        if ended:
            return
        await asyncio.sleep(poll_seconds)
        silent += poll_seconds
        if silent >= heartbeat_seconds:
            silent = 0.0
            yield None
