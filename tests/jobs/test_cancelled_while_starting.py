"""A job that is cancelled in the moment in which its trainer is being started leaves no process behind."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from service.jobs.executor import Executor
from service.jobs.ground import Ground
from service.jobs.pipeline import follow
from service.jobs.states import enter
from service.launch.local import stop_trainer, work_plan
from service.records.job import Job
from service.store.database import migrate, open_engine
from service.store.store import Store


async def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def test_the_trainer_is_stopped_by_the_one_who_started_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, out = open_engine(f"sqlite:///{tmp_path / 'store.sqlite'}"), tmp_path / "job"
    migrate(engine)
    store = Store(engine)
    store.add_job(Job(id="job", plan="p" * 64, state="preparing", timeline=[]), None)
    monkeypatch.setattr(Ground, "store", store, raising=False)
    monkeypatch.setattr(Ground, "runs", tmp_path, raising=False)
    executor = Executor("local", tmp_path, None, silence_seconds=30)
    monkeypatch.setattr(Ground, "executor", executor, raising=False)
    work_plan(out).parent.mkdir(parents=True)
    os.mkfifo(work_plan(out))  # the trainer waits for its plan, and whoever starts it for a reader of its log
    os.mkfifo(log := out / ".work" / "trainer.log")
    started = out / ".work" / "trainer-process.json"

    async def cancelled_while_it_starts() -> int | None:
        following = asyncio.create_task(follow("job"))
        await until(lambda: store.job("job").state == "running")
        enter(store, "job", "cancelling")
        following.cancel()
        await asyncio.to_thread(stop_trainer, out, grace_seconds=0)
        enter(store, "job", "cancelled")
        assert not started.exists()
        reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
        await until(started.exists)
        try:
            trainer = psutil.Process(json.loads(started.read_text())["pid"])
            return await asyncio.to_thread(trainer.wait, 60)
        except psutil.NoSuchProcess:
            return None
        finally:
            os.close(reader)

    code = asyncio.run(cancelled_while_it_starts())
    assert code is None or code < 0  # None: it is gone, and whoever stopped it has waited for it
    assert store.job("job").state == "cancelled"
