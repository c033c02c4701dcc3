"""Looks at a followed job: what they write, and what an outage in between leaves out."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from service.jobs import remote, stirring
from service.jobs.remote_job import Followed
from service.jobs.states import enter
from service.store import store
from service.store.events import append_event
from tests.azure_openai.conftest import OPEN, OpenAi, Quick


@pytest.fixture
def quick(tmp_path: Path, openai: OpenAi, monkeypatch: pytest.MonkeyPatch) -> Quick:
    """A job whose service is the loopback one, by its key."""
    for name, value in openai.keyed.items():
        monkeypatch.setenv(name, value)
    return Quick(tmp_path / "quick")


def test_a_look_that_shows_nothing_new_writes_nothing(openai: OpenAi, quick: Quick) -> None:
    openai.account.hold = "running"
    followed = Followed(quick.store, quick.id)

    async def looked(times: int) -> None:
        assert await followed.submitted()
        for _ in range(times):
            assert await followed.look() is None

    asyncio.run(looked(3))
    assert quick.job.state == "running"
    with closing(sqlite3.connect(quick.folder / "tunegate.sqlite")) as other:
        before = other.execute("PRAGMA data_version").fetchone()
        asyncio.run(looked(3))
        assert other.execute("PRAGMA data_version").fetchone() == before
        openai.account.hold = None
        asyncio.run(followed.look())
        assert other.execute("PRAGMA data_version").fetchone() != before


def test_an_outage_of_the_database_loses_no_event(
    openai: OpenAi, quick: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    openai.account.hold = "running"
    followed, failures = Followed(quick.store, quick.id), iter([True, False, True])

    def failing(*given: Any, **more: Any) -> None:
        if next(failures, False):
            raise sa.exc.OperationalError("INSERT", {}, Exception("away"))
        append_event(*given, **more)

    async def looked() -> None:
        assert await followed.submitted()
        with monkeypatch.context() as patch:
            patch.setattr(store, "append_event", failing)
            for _ in range(3):
                assert await followed.look() is None

    asyncio.run(looked())
    assert next(failures, None) is None, "no write was refused"
    told = [one["message"].partition(":")[0] for one in openai.account.events[openai.job["id"]]]
    said = [f"Step {data['step']}" if "step" in data else data.get("message") for data in quick.said]
    assert [one for one in said if one in told] == told


def until(quick: Quick, state: str) -> None:
    deadline = time.monotonic() + 120
    while quick.job.state != state:
        assert time.monotonic() < deadline, quick.job
        time.sleep(0.05)


def test_what_was_asked_of_the_target_is_looked_for_at_once(openai: OpenAi, tmp_path: Path, quick: Quick) -> None:
    rare = Quick(tmp_path / "rare", where=msgspec.structs.replace(OPEN, poll_seconds=3600.0))
    openai.account.hold = "running"
    following = rare.in_background()
    until(rare, "running")
    remote.halt(rare.store, rare.id, "pause")
    until(rare, "paused")
    remote.halt(rare.store, rare.id, "resume")
    until(rare, "running")
    # by another service, which leaves a note in the database alone
    openai.job["status"] = "paused"
    rare.store.launches.halt(rare.id)
    asyncio.run(stirring.look(rare.store))
    until(rare, "paused")
    # told once: a note that was seen stirs nobody again
    openai.job["status"] = "running"
    asked = len(openai.requests)
    asyncio.run(stirring.look(rare.store))
    time.sleep(1)
    assert len(openai.requests) == asked
    # the end of a job that ends at once is seen in a moment too
    enter(rare.store, rare.id, "cancelling")
    asyncio.run(asyncio.wait_for(remote.cancel(rare.store, rare.id), 60))
    assert openai.job["status"] == "cancelled"
    stirring.stir(rare.id)
    following.join(60)
    assert not following.is_alive()
