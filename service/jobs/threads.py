"""Threads for what talks to targets: those that do not answer hold up each other, and nothing else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from service.jobs.carrying import while_away

T = TypeVar("T")
_THREADS = 16
_pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="remote")
_submitting: dict[str, threading.Lock] = {}
_guard = threading.Lock()


async def threaded(call: Callable[[], T]) -> T:
    """What a call returns; waits for the database where it is away."""
    loop = asyncio.get_running_loop()
    # with the name of the try, which every write needs
    return await while_away(lambda: loop.run_in_executor(_pool, copy_context().run, call))


def lock_of(job_id: str) -> threading.Lock:
    """Held while a job is submitted, so that who cancels it waits for that."""
    with _guard:
        return _submitting.setdefault(job_id, threading.Lock())
