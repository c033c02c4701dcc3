"""seen: what a client was told of an evaluation or a synthesis, and what is new to it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from typing import Generic

import msgspec

from service.errors import TuneGateError
from service.records.job import ENDED
from service.store.works import J
from service.verbs.context import Context
from service.verbs.following import Event, Feeds, follow

_EVENT_ID = re.compile(r"(\d{1,9})\.(\d{1,9})", re.ASCII)


class Seen(Generic[J]):
    """How many states were told, and how far it was then; an event's id says both."""

    def __init__(self, after: str | None, how_far: Callable[[J], int]) -> None:
        self._how_far: Callable[[J], int] = how_far
        found = _EVENT_ID.fullmatch(after) if after else None
        if after and found is None:
            remedy = "Leave it out to start anew."
            raise TuneGateError("invalid_input", "The Last-Event-ID is not one of ours.", remedy=remedy)
        self._states, self._far = (int(found[1]), int(found[2])) if found else (0, 0)

    async def news(self, job: J | None) -> tuple[list[Event], bool]:
        """What is new, and whether that is all there will be; None is one that was removed."""
        if job is None:
            return [Event(self._id, "end", {"state": "removed"})], True
        ended = job.state in ENDED
        found = []
        for moment in job.timeline[self._states : len(job.timeline) - ended]:
            self._states += 1
            found.append(Event(self._id, "state", {"state": moment.state}))
        if (far := self._how_far(job)) != self._far:
            self._far = far
            found.append(Event(self._id, "progress", msgspec.to_builtins(job.progress)))
        if ended and self._states < len(job.timeline):
            self._states = len(job.timeline)
            data = {"state": job.state} | ({"error": msgspec.to_builtins(job.error)} if job.error else {})
            found.append(Event(self._id, "end", data))
        return found, ended

    @property
    def _id(self) -> str:
        return f"{self._states}.{self._far}"


def told_on(
    context: Context, feeds: Feeds[J], identifier: str, after: str | None, how_far: Callable[[J], int]
) -> AsyncIterator[Event | None]:
    """States, how far it is, and the end, from the event `after` on; None now and then while nothing happens.

    An id is how many states were entered and how far it was by then, as in `2.150`.

    Raises:
        TuneGateError: `invalid_input` for an id that can be none of ours.
    """
    seen: Seen[J] = Seen(after, how_far)
    return follow(feeds, identifier, seen.news, context.still_admitted)
