"""Events that are followed: one look at the database serves all who follow, and each is told everything, once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from service.api.events import event_stream
from service.records.job import Job, JobEvent
from service.store.database import migrate, open_engine
from service.store.store import Store
from service.verbs.following import Admissions, Event, Feeds, JobView, follow, job_news, of_jobs

_GUARD_SECONDS = 60
_NEVER_SECONDS = 100_000.0
_FOLLOWERS, _BEFORE, _MEANWHILE = 40, 400, 20


class Kept:
    """A store with one job, and how often the database was asked."""

    def __init__(self, home: Path) -> None:
        engine = open_engine(f"sqlite:///{home / 'store.sqlite'}")
        migrate(engine)
        self.store, self.asked = Store(engine), 0
        self.store.add_job(Job(id="job", plan="p" * 64, state="queued", timeline=[]), None)
        self._said = 0
        sa.event.listen(engine, "before_cursor_execute", self._count)

    def _count(self, *_: object) -> None:
        self.asked += 1

    def say(self, times: int) -> None:
        """More events of the job."""
        for _ in range(times):
            self._said += 1
            self.store.forward("job", self._said, "log", {"message": str(self._said)}, lambda job: job)

    def end(self) -> None:
        """The last event of the job."""
        self.store.update_job(
            "job", lambda _: Job(id="job", plan="p" * 64, state="failed", timeline=[]), ("end", {"state": "failed"})
        )

    def last(self) -> int:
        return self.store.standing.jobs(["job"])["job"].last


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


async def admitted() -> bool:
    return True


def follower(feeds: Feeds[JobView], kept: Kept, seen: list[Event], after: int = 0) -> asyncio.Task[None]:
    """A task that reads events as the route does."""

    async def earlier(told: int) -> list[JobEvent]:
        return await asyncio.to_thread(kept.store.events, "job", after=told)

    async def read() -> None:
        async for event in follow(feeds, "job", job_news(after, earlier), admitted):
            if event is not None:
                seen.append(event)  # noqa: PERF401 - it is looked at meanwhile

    return asyncio.create_task(read())


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(_GUARD_SECONDS):
        while not happened():  # noqa: ASYNC110 - by other tasks and threads
            await asyncio.sleep(0.005)


def test_many_are_told_all_in_order_by_few_looks_that_a_change_here_begins_at_once(kept: Kept) -> None:
    async def run() -> list[list[Event]]:
        # nobody would look unasked before tomorrow
        feeds = Feeds(of_jobs(kept.store), threading.Event(), poll_seconds=_NEVER_SECONDS)
        seen: list[list[Event]] = [[] for _ in range(_FOLLOWERS)]
        # half of them come back, and go on after what they saw
        tasks = [follower(feeds, kept, one, after=_BEFORE // 2 if number % 2 else 0) for number, one in enumerate(seen)]
        await until(lambda: all(seen))
        asked = kept.asked
        for _ in range(_MEANWHILE):
            await asyncio.to_thread(kept.say, 1)
            last = str(await asyncio.to_thread(kept.last))
            await until(lambda last=last: all(one[-1].id == last for one in seen))  # type: ignore[misc]
        # each change is written by some statements of its own; each follower for itself would ask twice
        assert kept.asked - asked < _MEANWHILE * _FOLLOWERS / 2
        await asyncio.to_thread(kept.end)
        async with asyncio.timeout(_GUARD_SECONDS):
            await asyncio.gather(*tasks)
        return seen

    kept.say(_BEFORE)
    seen = asyncio.run(run())
    # the first event of a job says that it is queued
    last = 1 + _BEFORE + _MEANWHILE + 1
    for number, events in enumerate(seen):
        first = _BEFORE // 2 + 1 if number % 2 else 1
        assert [int(event.id) for event in events] == list(range(first, last + 1))
        assert events[-1] == Event(str(last), "end", {"state": "failed"})


def test_what_another_process_changes_is_found_by_looking_and_a_database_that_is_away_is_waited_for(
    kept: Kept, tmp_path: Path
) -> None:
    async def run() -> list[Event]:
        feeds, seen = Feeds(of_jobs(kept.store), threading.Event(), poll_seconds=0.01), list[Event]()
        task = follower(feeds, kept, seen)
        await until(lambda: bool(seen))
        with sa.create_engine(f"sqlite:///{tmp_path / 'store.sqlite'}").begin() as connection:
            connection.exec_driver_sql("ALTER TABLE job_events RENAME TO away")
        await asyncio.sleep(0.1)
        assert not task.done()
        with sa.create_engine(f"sqlite:///{tmp_path / 'store.sqlite'}").begin() as connection:
            connection.exec_driver_sql("ALTER TABLE away RENAME TO job_events")
            connection.exec_driver_sql(
                "INSERT INTO job_events (job_id, n, event, at, data) VALUES ('job', 2, 'end', '', '{}')"
            )
        async with asyncio.timeout(_GUARD_SECONDS):
            await task
        return seen

    assert [event.event for event in asyncio.run(run())] == ["state", "end"]


def test_followers_end_with_the_service_and_with_their_key(kept: Kept) -> None:
    async def run() -> None:
        stopping, refused = threading.Event(), threading.Event()
        feeds, asked = Feeds(of_jobs(kept.store), stopping), list[str]()
        admissions = Admissions(lambda caller: asked.append(str(caller)) or not refused.is_set())  # type: ignore[arg-type, func-returns-value]

        async def news(view: JobView | None) -> tuple[Sequence[Event], bool]:
            return [], view is None

        async def read(key: str) -> None:
            async for _ in follow(feeds, "job", news, lambda: admissions.admitted(key)):  # type: ignore[arg-type]
                pass

        keyed = [asyncio.create_task(read("key")) for _ in range(_FOLLOWERS)]
        await until(lambda: bool(asked))
        refused.set()
        async with asyncio.timeout(_GUARD_SECONDS):
            await asyncio.gather(*keyed)
        # once for all of them, and at most a few times meanwhile
        assert len(asked) < _FOLLOWERS
        refused.clear()
        others = [asyncio.create_task(read("other")) for _ in range(3)]
        await asyncio.sleep(0)
        stopping.set()
        async with asyncio.timeout(_GUARD_SECONDS):
            await asyncio.gather(*others)

    asyncio.run(run())


def test_nothing_to_tell_is_told_now_and_then(kept: Kept) -> None:
    async def first() -> tuple[bytes, bytes]:
        feeds, ended = Feeds(of_jobs(kept.store), threading.Event(), poll_seconds=0.01), False

        async def news(view: JobView | None) -> tuple[Sequence[Event], bool]:
            del view
            return ([Event("7", "end", {"state": "failed"})], True) if ended else ([], False)

        pieces = event_stream(follow(feeds, "job", news, admitted, heartbeat_seconds=0.0)).iterator
        silent = await anext(pieces)
        ended = True
        kept.say(1)
        written = [piece async for piece in pieces]
        assert set(written[:-1]) <= {silent}
        return silent, written[-1]

    assert asyncio.run(first()) == (b": still here\n\n", b'id: 7\nevent: end\ndata: {"state":"failed"}\n\n')
