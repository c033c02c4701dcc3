"""One try at carrying out a job in this process: it is named in whatever it writes, so only the last counts."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

import sqlalchemy as sa
from dbos import DBOS

from service.jobs.executor import Executor
from service.jobs.queues import BELL
from service.store.runs import Fenced, Run, Runs

P = ParamSpec("P")
R = TypeVar("R")

_LOG = logging.getLogger("tunegate.jobs")
_FIRST_WAIT_SECONDS, _LAST_WAIT_SECONDS = 0.1, 5.0
_NOTED_SECONDS = 2.0
# the database does not answer
AWAY = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)


class Try:
    """An execution of a workflow."""

    def __init__(self, identifier: str) -> None:
        self.identifier = identifier
        self.carrier: str | None = None


_TRY: ContextVar[Try | None] = ContextVar("try", default=None)
# what this process carries out
_RUNNING: dict[str, int] = {}


@contextmanager
def carrying(identifier: str) -> Iterator[None]:
    """The body of a workflow."""
    token = _TRY.set(Try(identifier))
    _RUNNING[identifier] = _RUNNING.get(identifier, 0) + 1
    try:
        yield
    finally:
        _RUNNING[identifier] -= 1
        if not _RUNNING[identifier]:
            del _RUNNING[identifier]
        _TRY.reset(token)
        # whoever waits for its place has it once DBOS has noted the end, which it does next
        BELL.ring(often_seconds=_NOTED_SECONDS)


def carried_here(identifier: str) -> bool:
    """Whether this process carries it out just now."""
    return identifier in _RUNNING


def carrier() -> str | None:
    """The try that runs, as writes name it; None outside a workflow."""
    this = _TRY.get()
    return this.carrier if this is not None else None


def require_mine(runs: Runs, identifier: str) -> Run:
    """Who carries it out, which is this try.

    Raises:
        Fenced: when it is another, or it has ended.
    """
    run = runs.get(identifier)
    if (mine := carrier()) is not None and run.carrier != mine:
        raise Fenced(identifier)
    return run


async def take(runs: Runs, executor: Executor) -> None:
    """Become the carrier, once in a try; called in a step, since what a workflow asks DBOS is a step by itself.

    DBOS says who claimed the workflow last; a try that slept since then must not take it from whoever did.

    Raises:
        Fenced: when somebody else has it.
    """
    this = _TRY.get()
    if this is None or this.carrier is not None:
        return
    workflow = DBOS.workflow_id
    assert workflow is not None
    name = f"{executor.id}/{uuid.uuid4().hex[:8]}"
    while True:
        await executor.until_held()
        seen = (await patiently(runs.get, this.identifier)).carrier
        status = await DBOS.get_workflow_status_async(workflow)
        if status is None or status.executor_id != executor.id or status.status != "PENDING":
            raise Fenced(this.identifier)
        taken = await patiently(runs.take, this.identifier, seen=seen, carrier=name)
        if taken == "robbed":  # it stood still, and has not noticed yet
            raise Fenced(this.identifier)
        if taken != "lost":
            this.carrier = name
            return


async def patiently(call: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Call it in a thread, again and again while the database does not answer: nothing is lost by waiting for it."""
    return await while_away(lambda: asyncio.to_thread(call, *arguments, **named))


async def while_away(begin: Callable[[], Awaitable[R]]) -> R:
    """The same of what `begin` begins."""
    wait = _FIRST_WAIT_SECONDS
    while True:
        try:
            return await begin()
        except (*AWAY, sa.exc.DBAPIError) as error:
            # a session that was ended meanwhile is told in several ways
            if not isinstance(error, AWAY) and not error.connection_invalidated:
                raise
            _LOG.warning("The database does not answer (%s); a job waits for it.", type(error).__name__)
        await asyncio.sleep(wait)
        wait = min(wait * 2, _LAST_WAIT_SECONDS)
