"""Server-sent events: how the ones that are followed are written (html.spec.whatwg.org, section 9.2)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from litestar.params import HeaderParameter
from litestar.response import Stream

from service.verbs.following import Event

MEDIA_TYPE = "text/event-stream"
LastEvent = Annotated[str | None, HeaderParameter(name="Last-Event-ID", max_length=20)]


def event_stream(events: AsyncIterator[Event | None]) -> Stream:
    """Events as they come; a comment for each None, so that no proxy takes the connection for dead."""
    return Stream(_written(events), media_type=MEDIA_TYPE)


async def _written(events: AsyncIterator[Event | None]) -> AsyncIterator[bytes]:
    async for event in events:
        if event is None:
            yield b": still here\n\n"
        else:
            data = msgspec.json.encode(event.data).decode()
            yield f"id: {event.id}\nevent: {event.event}\ndata: {data}\n\n".encode()
