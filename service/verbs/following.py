"""following: what happens to a job or an evaluation, as numbered events that go on after the last one that was seen.

One look at the database serves everybody who follows in this process; a change that is made here is looked at at once.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import msgspec

from service.observe.logs import place_of
from service.records.access import Caller
from service.records.evaluation_job import EvaluationJob
from service.records.job import JobEvent
from service.records.synth_job import SynthJob
from service.store.changes import CHANGES

if TYPE_CHECKING:
    from service.store.standing import JobStanding
    from service.store.store import Store

V = TypeVar("V")
# how those stand that are there, by how each stood before (None at first); called in a thread
Read = Callable[[Mapping[str, V | None]], dict[str, V]]
_LOG = logging.getLogger("tunegate.following")
# of what other processes change, and of whether the service ends
_POLL_SECONDS = 0.5
# changes within this time are one look
_GATHER_SECONDS = 0.05
_HEARTBEAT_SECONDS = 15.0
# who is farther behind reads the rest from the database
_KEPT_EVENTS = 256
# a stream goes on for at most the sum of the two after its key was taken back
_ADMITTED_SECONDS, _ASKED_SECONDS = 1.5, 1.0
# what is new to one follower by how it stands now (None where it is gone), and whether that is the end
News = Callable[[V | None], Awaitable[tuple[Sequence["Event"], bool]]]


class Event(msgspec.Struct, frozen=True):
    """One event; its `id` is what a client that comes back names as the last that it saw."""

    id: str
    event: str
    data: dict[str, Any]


class JobView(NamedTuple):
    """How far a job is: the number of its last event, and the events up to that one, as many as are kept here."""

    ended: bool
    last: int
    events: tuple[Event, ...] = ()

    def after(self, seen: int) -> Sequence[Event] | None:
        """Those numbered above `seen`; None where some of them are not kept here."""
        new = max(0, self.last - seen)
        return self.events[len(self.events) - new :] if new <= len(self.events) else None


def job_news(after: int, earlier: Callable[[int], Awaitable[list[JobEvent]]]) -> News[JobView]:
    """What is new to who has seen the events up to `after`; `earlier` gives those above a number from the database."""
    seen = after

    async def news(view: JobView | None) -> tuple[Sequence[Event], bool]:
        nonlocal seen
        if view is None:
            return [Event(str(seen), "end", {"state": "removed"})], True
        found = view.after(seen)
        if found is None:
            found = [_event(one) for one in await earlier(seen)]
        seen = int(found[-1].id) if found else seen
        # whoever asks for what comes after the end is given nothing
        return found, found[-1].event == "end" if found else view.ended

    return news


def of_jobs(store: Store) -> Read[JobView]:
    """How jobs are looked at: only those with news are read, and only their news."""

    def read(known: Mapping[str, JobView | None]) -> dict[str, JobView]:
        return {
            identifier: _moved(store, identifier, known[identifier], standing)
            for identifier, standing in store.standing.jobs(known).items()
        }

    return read


def _moved(store: Store, identifier: str, before: JobView | None, standing: JobStanding) -> JobView:
    if before is None:
        return JobView(*standing)
    if before[:2] == standing:
        return before
    new = [_event(one) for one in store.events(identifier, after=before.last)]
    last = int(new[-1].id) if new else before.last
    return JobView(standing.ended, last, (*before.events, *new)[-_KEPT_EVENTS:])


def _event(one: JobEvent) -> Event:
    return Event(str(one.n), one.event, one.data)


def of_evaluations(store: Store) -> Read[EvaluationJob]:
    """How evaluations are looked at."""
    return store.standing.evaluations


def of_syntheses(store: Store) -> Read[SynthJob]:
    """How syntheses are looked at."""
    return store.standing.syntheses


class Feed(Generic[V]):
    """One thing that is followed: how it stands (None where it is gone), and how often that changed."""

    def __init__(self) -> None:
        self.view: V | None = None
        self.number = 0
        self.followers = 0
        self._changed = asyncio.Event()

    def tell(self, view: V | None) -> None:
        """How it stands now."""
        if not self.number or view != self.view:
            self.view, self.number = view, self.number + 1
            self.wake()

    def wake(self) -> None:
        """End all waits."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def after(self, number: int, seconds: float) -> None:
        """Wait until it changed oftener than that, for so long at most."""
        if self.number == number:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), seconds)


class Feeds(Generic[V]):
    """All of one kind that are followed in this process."""

    def __init__(self, read: Read[V], stopping: threading.Event, *, poll_seconds: float = _POLL_SECONDS) -> None:
        self._read, self._poll = read, poll_seconds
        self.stopping = stopping
        self._feeds: dict[str, Feed[V]] = {}
        self._woken = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    @contextmanager
    def followed(self, identifier: str) -> Iterator[Feed[V]]:
        """What is looked at while somebody follows it."""
        feed = self._feeds.setdefault(identifier, Feed())
        feed.followers += 1
        if self._looking is None:
            # of no request: it goes on when the one that began it has ended
            self._looking = asyncio.create_task(self._look_on(), context=contextvars.Context())
        elif not feed.number:
            self._woken.set()
        try:
            yield feed
        finally:
            feed.followers -= 1
            if not feed.followers:
                del self._feeds[identifier]

    async def _look_on(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            with CHANGES.told(lambda: loop.call_soon_threadsafe(self._woken.set)):
                while self._feeds:
                    self._woken.clear()
                    await self._look()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._woken.wait(), self._poll)
                        await asyncio.sleep(_GATHER_SECONDS)
        finally:
            self._looking = None

    async def _look(self) -> None:
        known = {identifier: feed.view for identifier, feed in self._feeds.items()}
        try:
            found = await asyncio.to_thread(self._read, known)
        except Exception as error:  # noqa: BLE001 - the database may be away: who follows is told once it is back
            _LOG.warning("A look at what is followed failed: %s at %s", type(error).__name__, place_of(error))
            found = None
        for identifier, feed in self._feeds.items():
            if found is not None and identifier in known:
                feed.tell(found.get(identifier))
            if self.stopping.is_set():
                feed.wake()


class Admissions:
    """Whether callers would still be let in, asked once for all the streams of one."""

    def __init__(self, still: Callable[[Caller], bool]) -> None:
        self._still = still
        self._asked: dict[Caller, tuple[float, asyncio.Future[bool]]] = {}

    async def admitted(self, caller: Caller) -> bool:
        """What was answered a moment ago, or is answered now."""
        now = time.monotonic()
        before = self._asked.get(caller)
        if before is None or now - before[0] > _ASKED_SECONDS:
            self._asked = {one: kept for one, kept in self._asked.items() if now - kept[0] <= _ASKED_SECONDS}
            before = self._asked[caller] = now, asyncio.ensure_future(asyncio.to_thread(self._still, caller))
        # one stream that is cut off takes the answer from no other
        return await asyncio.shield(before[1])


async def follow(
    feeds: Feeds[V],
    identifier: str,
    news: News[V],
    admitted: Callable[[], Awaitable[bool]],
    *,
    heartbeat_seconds: float = _HEARTBEAT_SECONDS,
) -> AsyncIterator[Event | None]:
    """Events until the end, or until the service ends or who follows is no more `admitted`; None now and then while
    nothing happens.
    """
    seen = 0
    heard = asked = time.monotonic()
    with feeds.followed(identifier) as feed:
        while not feeds.stopping.is_set():
            await feed.after(seen, min(_ADMITTED_SECONDS, heartbeat_seconds))
            if time.monotonic() - asked >= _ADMITTED_SECONDS:
                if not await admitted():
                    return
                asked = time.monotonic()
            if feed.number != seen:
                seen = feed.number
                events, ended = await news(feed.view)
                for event in events:
                    heard = time.monotonic()
                    yield event
                if ended:
                    return
            if time.monotonic() - heard >= heartbeat_seconds:
                heard = time.monotonic()
                yield None
