"""following: what happens to a job or an evaluation, as numbered events that go on after the last one that was seen."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec

_POLL_SECONDS = 0.2
_HEARTBEAT_SECONDS = 15.0
# how long a stream goes on after its key was taken back
_ADMITTED_SECONDS = 2.0


class Event(msgspec.Struct, frozen=True):
    """One event; its `id` is what a client that comes back names as the last that it saw."""

    id: str
    event: str
    data: dict[str, Any]


async def follow(
    look: Callable[[], tuple[Sequence[Event], bool]],
    stopping: threading.Event,
    admitted: Callable[[], bool],
    *,
    poll_seconds: float = _POLL_SECONDS,
    heartbeat_seconds: float = _HEARTBEAT_SECONDS,
) -> AsyncIterator[Event | None]:
    """Events until the end, or until `stopping` is set or who follows is no more `admitted`; None now and then while
    nothing happens.

    Both are called in threads; `look` gives what is new since its last call and whether that is the end.
    """
    silent, unasked = 0.0, 0.0
    while not stopping.is_set():
        if unasked >= _ADMITTED_SECONDS:
            unasked = 0.0
            if not await asyncio.to_thread(admitted):
                return
        events, ended = await asyncio.to_thread(look)
        for event in events:
            silent = 0.0
            yield event
        if ended:
            return
        await asyncio.sleep(poll_seconds)
        silent += poll_seconds
        unasked += poll_seconds
        if silent >= heartbeat_seconds:
            silent = 0.0
            yield None
