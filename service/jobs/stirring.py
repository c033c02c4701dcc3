"""Ends the pause between two looks at a remote job whose target was just asked to halt it, or to go on with it.

Whoever asked may be another service: what it noted is looked for among the jobs that have not ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from service.jobs.carrying import patiently
from service.store.store import Store


class Stirred:
    """The pauses of one job; to be used by one task."""

    def __init__(self) -> None:
        self._loop, self._event = asyncio.get_running_loop(), asyncio.Event()

    def stir(self) -> None:
        """The next pause, or the one that goes on, is over; from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._event.set)
        except RuntimeError:  # that loop is closed: nobody pauses there
            return

    async def pause(self, seconds: float) -> bool:
        """Wait so long; whether it was stirred since the pause before."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


# jobs that are followed in this process
_FOLLOWED: dict[str, Stirred] = {}
# when the target of each was last asked, as this process has seen
_SEEN: dict[str, str] = {}


@contextmanager
def followed(job_id: str) -> Iterator[Stirred]:
    """While the block runs, the job's pauses can be ended."""
    one = _FOLLOWED[job_id] = Stirred()
    try:
        yield one
    finally:
        if _FOLLOWED.get(job_id) is one:
            del _FOLLOWED[job_id]


def stir(job_id: str) -> None:
    """Have the job looked at now, if it is followed in this process."""
    if (one := _FOLLOWED.get(job_id)) is not None:
        one.stir()


async def look(store: Store) -> None:
    """Stir what another service has asked to halt since the last call."""
    if not _FOLLOWED:
        return
    halted = await patiently(store.launches.halted)
    for job_id, at in halted.items():
        if _SEEN.get(job_id) != at:
            stir(job_id)
    _SEEN.clear()
    _SEEN.update(halted)
