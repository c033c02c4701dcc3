"""named_data: a dataset that is named by URL, as a body on its way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import anyio.to_thread

from service.errors import TuneGateError
from service.storage.sources import Source, allowed
from service.verbs.context import Context
from service.verbs.receiving.uploads import Upload


async def named(context: Context, url: str) -> Upload:
    """What lies under a URL.

    Raises:
        TuneGateError: `source_not_allowed`, `source_unreadable`, `storage_unreachable`; `body_stalled` from its chunks.
    """
    address = allowed(url, context.settings.storage.sources, context.caller.project)
    source = await anyio.to_thread.run_sync(Source, address)

    async def chunks() -> AsyncIterator[bytes]:
        start = 0
        while piece := await _in_time(source, start, context.settings.body_idle_seconds):
            start += len(piece)
            yield piece

    return Upload(chunks(), source.bytes)


async def _in_time(source: Source, start: int, seconds: float) -> bytes:
    try:
        async with asyncio.timeout(seconds):
            return await anyio.to_thread.run_sync(source.part, start)
    except TimeoutError as error:
        raise TuneGateError(
            "body_stalled",
            f"No whole part came from there in {seconds:g} seconds; what had come was removed.",
            remedy="Ask again; TUNEGATE_BODY_IDLE_SECONDS of the service sets how long it waits for 4 MiB.",
        ) from error
