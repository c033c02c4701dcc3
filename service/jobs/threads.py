"""Threads for what talks to targets, apart from all others: one that does not answer holds up nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from service.jobs.carrying import while_away

T = TypeVar("T")
_THREADS = 16
_pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="remote")


async def threaded(call: Callable[[], T]) -> T:
    """What a call returns; waits for the database where it is away."""
    loop = asyncio.get_running_loop()
    # with the name of the try, which every write needs
    return await while_away(lambda: loop.run_in_executor(_pool, copy_context().run, call))
