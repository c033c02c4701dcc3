"""Threads for what talks to targets: of those that do not answer, each holds up its own and nothing else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar
from weakref import WeakSet

from dbos import DBOS
from dbos._sys_db import SystemDatabase

from service.jobs.carrying import while_away

T = TypeVar("T")
# of each target; a thread is started when there is work for it
_THREADS = 16
_OUR_OWN = "store"
_pools: dict[str, ThreadPoolExecutor] = {}
_submitting: dict[str, threading.Lock] = {}
_guard = threading.Lock()
_ending = threading.Event()
# DBOS's own, as long as some thread has to do with it
_databases: WeakSet[SystemDatabase] = WeakSet()


async def threaded(call: Callable[[], T], *, target: str = _OUR_OWN) -> T:
    """What a call returns; waits for the database where it is away. `target` is whom it talks to, where it does."""
    loop, pool = asyncio.get_running_loop(), _pool(target)
    # with the name of the try, which every write needs
    return await while_away(lambda: loop.run_in_executor(pool, copy_context().run, call))


async def sending(call: Callable[[], T], *, target: str) -> T:
    """The same of a call that may send large files: looks do not wait for it."""
    return await threaded(call, target=f"{target}-sends")


async def transferring(call: Callable[[], T], *, target: str) -> T:
    """The same of a call that may fetch large files, however long they cannot be reached: nothing else waits for it."""
    return await threaded(call, target=f"{target}-files")


def rest(seconds: float) -> None:
    """Sleep in one of these threads.

    Raises:
        SystemExit: when the process ends meanwhile, which would wait for the thread.
    """
    if _ending.wait(seconds):
        raise SystemExit


def end_too(dbos: DBOS) -> None:
    """DBOS, which is launched, asks a database that is away for ever: its threads are to end with these."""
    _databases.add(dbos._sys_db)


def end() -> None:
    """The process ends, and nobody is left whom these threads could tell anything."""
    _ending.set()
    for one in _databases:
        # a thread that sleeps between two tries (90 s at most) sees it after the next
        one._retry_connection_errors = False


def lock_of(job_id: str) -> threading.Lock:
    """Held while a job is submitted, so that who cancels it waits for that."""
    with _guard:
        return _submitting.setdefault(job_id, threading.Lock())


def _pool(name: str) -> ThreadPoolExecutor:
    with _guard:
        if name not in _pools:
            _pools[name] = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"remote-{name}")
        return _pools[name]
