"""named_data: a dataset that is named by URL, as a body on its way."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio.to_thread

from service.storage.sources import Source, allowed
from service.verbs.context import Context
from service.verbs.receiving.uploads import Upload


async def named(context: Context, url: str) -> Upload:
    """What lies under a URL.

    Raises:
        TuneGateError: `source_not_allowed`, `source_unreadable`, `storage_unreachable`.
    """
    address = allowed(url, context.settings.storage.sources, context.caller.project)
    source = await anyio.to_thread.run_sync(Source, address)

    async def chunks() -> AsyncIterator[bytes]:
        start = 0
        while piece := await anyio.to_thread.run_sync(source.part, start):
            start += len(piece)
            yield piece

    return Upload(chunks(), source.bytes)
