"""Queues are looked at when they are rung: what this process queues does not wait for the next look."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from dbos import DBOS, DBOSConfig, SetWorkflowID
from dbos._serialization import DBOSPortableJSON

from service.jobs.carrying import carrying
from service.jobs.queues import BELL, Bell, Polled, Queues, _Heard
from service.store.database import open_engine

_GUARD_SECONDS = 60
_NEVER_SECONDS = 100_000.0
_CARRIED: list[str] = []


@DBOS.workflow(name="carried_in_a_test")
async def carried(identifier: str) -> None:
    with carrying(identifier):
        _CARRIED.append(identifier)


def test_what_is_queued_is_taken_when_it_is_rung_for_and_what_waits_for_its_turn_when_that_comes(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
        config = DBOSConfig(
            name="tunegate", system_database_url=url, system_database_engine=open_engine(url), application_version="1",
            executor_id="me/1", serializer=DBOSPortableJSON, log_level="WARNING",
        )  # fmt: skip
        dbos, queues = DBOS(config=config), Queues()
        DBOS.listen_queues([])
        await asyncio.to_thread(DBOS.launch)
        try:
            # unasked it would be looked at tomorrow
            await queues.open(dbos, [Polled("one-by-one", 1, _NEVER_SECONDS)])
            handles = []
            for identifier in ("first", "second", "third"):
                with SetWorkflowID(identifier):
                    handles.append(await DBOS.enqueue_workflow_async("one-by-one", carried, identifier))
            BELL.ring()
            async with asyncio.timeout(_GUARD_SECONDS):
                for handle in handles:
                    await handle.get_result()
        finally:
            await asyncio.to_thread(queues.close)
            await asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=0)

    _CARRIED.clear()
    asyncio.run(run())
    assert _CARRIED == ["first", "second", "third"]
    assert not [thread.name for thread in threading.enumerate() if "one-by-one" in thread.name]


def test_a_ring_between_two_waits_is_heard_at_the_next() -> None:
    bell = Bell()
    heard = _Heard(bell)
    assert not heard.wait(_NEVER_SECONDS), "the first wait is none"
    bell.ring()
    assert not heard.wait(_NEVER_SECONDS)
    waiting = threading.Thread(target=heard.wait, args=(_NEVER_SECONDS,), daemon=True)
    waiting.start()
    heard.set()
    bell.ring()
    waiting.join(_GUARD_SECONDS)
    assert not waiting.is_alive()
    assert heard.wait(_NEVER_SECONDS), "it was told to end"
