"""What a request works on ends with its client, whether it is a thread or can be cancelled."""

from __future__ import annotations

import asyncio
import threading

import anyio
import pytest

from service.errors import TuneGateError
from service.verbs.receiving.uploads import in_thread, unless_left


async def stays() -> None:
    await asyncio.Event().wait()


async def leaves() -> None:
    return None


async def answered() -> str:
    return "an answer"


async def refused() -> str:
    raise TuneGateError("busy", "Too much.")


def test_what_is_done_first_is_what_counts() -> None:
    ended: list[str] = []
    assert asyncio.run(unless_left(stays(), answered(), lambda: ended.append("once"))) == "an answer"
    with pytest.raises(TuneGateError) as raised:
        asyncio.run(unless_left(stays(), refused(), lambda: ended.append("once")))
    assert (raised.value.code, ended) == ("busy", ["once", "once"])


def test_work_is_cancelled_and_cleans_up_before_the_request_ends() -> None:
    cleaned: list[bool] = []

    async def work() -> None:
        try:
            await stays()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    async def asked() -> None:
        working = asyncio.ensure_future(work())
        await asyncio.sleep(0)  # it has begun
        await unless_left(leaves(), working, working.cancel)

    with pytest.raises(TuneGateError) as raised:
        asyncio.run(asked())
    assert (raised.value.code, cleaned) == ("interrupted", [True])


def test_a_thread_is_told_to_stop_and_waited_for() -> None:
    seen: list[str] = []
    begun = threading.Event()

    def work(stop: threading.Event) -> None:
        begun.set()
        assert stop.wait(60)
        seen.append("stopped")

    async def asked() -> None:
        async def left() -> None:
            assert await asyncio.to_thread(begun.wait, 60)

        await in_thread(left(), work, anyio.CapacityLimiter(1))

    with pytest.raises(TuneGateError) as raised:
        asyncio.run(asked())
    assert (raised.value.code, seen) == ("interrupted", ["stopped"])
