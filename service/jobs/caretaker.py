"""Looks after what no workflow does by itself: jobs of dead services, of other versions, cut-off cancellations.

It looks again and again, since any look may be cut off too; everything it does may be done twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from dbos import DBOS, SetWorkflowID, WorkflowStatus

from service.errors import TuneGateError
from service.jobs.carrying import carried_here
from service.jobs.executor import Executor
from service.jobs.queues import BELL

_LOG = logging.getLogger("tunegate.jobs")
LOOK_SECONDS = 1.0
# while nothing is open, unless this process queues something: others queue what they take
_IDLE_LOOK_SECONDS = 5.0
# a look that takes a while, over hundreds say, is to take this share of the time; the idle pause is the longest
_SHARE = 0.05
# what was claimed begins within a moment
_CLAIMED_SECONDS = 10.0
_MOST_AGAIN = 3
_SWEEP_SECONDS = 5.0
_OPEN = ["PENDING", "ENQUEUED"]
_SEPARATOR = "~"


class Kind(NamedTuple):
    """Jobs or evaluations: their workflow, their shared queues, and what is done with those that need it."""

    workflow: Callable[[str], Coroutine[Any, Any, None]]
    name: str
    # the shared queue that one waits in
    queue_of: Callable[[str], str]
    # ids in order of submission of all that have not ended
    open: Callable[[], list[str]]
    # ids of those of them that are being cancelled
    cancelling: Callable[[], set[str]]
    finish_cancelling: Callable[[str], Coroutine[Any, Any, None]]
    # end it as failed: its workflow broke again and again
    give_up: Callable[[str], object]
    # end processes of this host that nobody wants any more
    sweep: Callable[[], None]


def own_queue(queue: str, executor: str) -> str:
    """The queue of what only this service can go on with: its processes and folders are here."""
    return f"{queue}@{executor}"


async def workflows_of(identifier: str) -> list[WorkflowStatus]:
    """All that ever carried it out."""
    found: list[WorkflowStatus] = await DBOS.list_workflows_async(
        workflow_id_prefix=identifier, load_input=False, load_output=False
    )
    return found


async def cancel_workflows(identifier: str) -> None:
    """Whatever workflow carries it out."""
    for one in await workflows_of(identifier):
        if one.status in _OPEN:
            await DBOS.cancel_workflow_async(one.workflow_id)


class Caretaker:
    """One in every service that carries out jobs."""

    def __init__(
        self,
        executor: Executor,
        version: str,
        kinds: Iterable[Kind],
        also: Sequence[Callable[[], Coroutine[Any, Any, None]]] = (),
    ) -> None:
        self._me = executor
        self._version = version
        self._kinds = {kind.name: kind for kind in kinds}
        # what else is looked at, as it stands at each look
        self._also = also
        self._claimed: dict[str, float] = {}
        # something was open at the last look, which took so long
        self._open = True
        self._look_seconds = 0.0
        self._swept = -_SWEEP_SECONDS

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            begun = time.monotonic()
            try:
                await self.look()
                self._look_seconds = time.monotonic() - begun
            except (sa.exc.SQLAlchemyError, TuneGateError, OSError) as error:
                _LOG.warning("A look after jobs was cut off (%s).", type(error).__name__)
            except Exception as error:  # noqa: BLE001 - the next look may find what this one stumbled over gone
                _LOG.error("A look after jobs failed (%s).", type(error).__name__)
            await self._pause()

    async def _pause(self) -> None:
        """Until the next look; what is queued here meanwhile is looked after as soon as if something had been open."""
        rung, waited = BELL.rung, 0.0
        busy = min(max(LOOK_SECONDS, self._look_seconds / _SHARE), _IDLE_LOOK_SECONDS)
        while waited < (busy if self._open or BELL.rung != rung else _IDLE_LOOK_SECONDS):
            await asyncio.sleep(LOOK_SECONDS)
            waited += LOOK_SECONDS

    async def look(self) -> None:
        """Once over everything that is open."""
        await self._me.until_held()
        self._open = True
        found = await self._open_workflows()
        await self._recover_own(found)
        if self._me.others is not None:
            silent = await asyncio.to_thread(self._me.others.silent, silent_ms=self._me.silent_ms)
            for name in sorted({str(_owner(one)) for one in found if _owner(one) not in {None, self._me.name}}):
                if silent(name):
                    await self._take_over(name)
        await self._carry_over(found)
        left, carried = bool(found), {_identifier(one.workflow_id) for one in found}
        for kind in self._kinds.values():
            if time.monotonic() - self._swept > _SWEEP_SECONDS:
                await asyncio.to_thread(kind.sweep)
            left = await self._settle(kind, carried) or left
        if time.monotonic() - self._swept > _SWEEP_SECONDS:
            self._swept = time.monotonic()
        if any(one.status == "ENQUEUED" for one in found):
            BELL.ring()
        self._open = left
        for look in self._also:
            await look()

    async def _open_workflows(self) -> list[WorkflowStatus]:
        found: list[WorkflowStatus] = await DBOS.list_workflows_async(
            name=list(self._kinds), status=_OPEN, load_input=False, load_output=False
        )
        return found

    async def _recover_own(self, found: list[WorkflowStatus]) -> None:
        """What an earlier process of this name left, and what this one claimed and never began."""
        claimed: dict[str, float] = {}
        for one in found:
            if one.status != "PENDING" or _owner(one) != self._me.name:
                continue
            if one.executor_id != self._me.id:
                await self._again(one, own_queue(await self._queue(one), self._me.name))
            elif not carried_here(_identifier(one.workflow_id)):
                since = claimed[one.workflow_id] = self._claimed.get(one.workflow_id, time.monotonic())
                if time.monotonic() - since > _CLAIMED_SECONDS:
                    await self._again(one, own_queue(await self._queue(one), self._me.name))
        self._claimed = claimed

    async def _take_over(self, name: str) -> None:
        """The open workflows of a dead service go to whoever is free; a second caretaker finds its name taken."""
        async with self._me.dead(name) as dead:
            for one in await self._open_workflows() if dead else []:
                if _owner(one) == name:
                    _LOG.warning("%r is dead; its job goes on elsewhere.", name, extra=_fields(one))
                    await self._again(one, await self._queue(one))

    async def _again(self, one: WorkflowStatus, queue: str) -> None:
        """From its last finished step; from its first where the steps may be others."""
        if one.app_version in await self._versions(queue):
            await DBOS.resume_workflow_async(one.workflow_id, queue_name=queue)
            BELL.ring()
        else:
            await self._anew(one, queue)

    async def _carry_over(self, found: list[WorkflowStatus]) -> None:
        """What waits for a version that nobody runs any more."""
        for one in found:
            if one.status != "ENQUEUED" or _owner(one) not in {None, self._me.name}:
                continue
            queue = one.queue_name or await self._queue(one)
            if one.app_version not in await self._versions(queue):
                await self._anew(one, queue)

    async def _anew(self, one: WorkflowStatus, queue: str) -> None:
        """A workflow of this version in place of one that cannot go on; its steps find what was done already."""
        identifier = _identifier(one.workflow_id)
        await self._fork(one.workflow_id, f"{identifier}{_SEPARATOR}{self._version}", queue)
        await DBOS.cancel_workflow_async(one.workflow_id)

    async def _fork(self, workflow: str, made: str, queue: str) -> None:
        status = await DBOS.get_workflow_status_async(made)
        if status is None:
            with SetWorkflowID(made):
                await DBOS.fork_workflow_async(workflow, 1, application_version=self._version, queue_name=queue)
        elif status.status == "CANCELLED":  # of a version that was left and is run again
            await DBOS.resume_workflow_async(made, queue_name=queue)
        BELL.ring()

    async def _queue(self, one: WorkflowStatus) -> str:
        """The shared queue that a workflow came from."""
        shared = (one.queue_name or "").partition("@")[0]
        return shared or await asyncio.to_thread(self._kinds[one.name].queue_of, _identifier(one.workflow_id))

    async def _versions(self, queue: str) -> set[str]:
        """Whose workflows are taken from a queue: of this process, and from shared ones of every living service."""
        if self._me.others is None or queue.endswith(f"@{self._me.name}"):
            return {self._version}
        living = await asyncio.to_thread(self._me.others.versions, silent_ms=self._me.silent_ms)
        return {self._version, *living}

    async def _settle(self, kind: Kind, carried: set[str]) -> bool:
        """Finish cancelling, and mend what is open and not `carried` by an open workflow; whether any is open."""
        unended, cancelling = await asyncio.to_thread(lambda: (kind.open(), kind.cancelling()))
        for identifier in unended:
            if identifier in cancelling:
                await kind.finish_cancelling(identifier)
            # of hundreds that go on in order none is asked for by itself
            elif identifier not in carried:
                await self._mend(kind, identifier)
        return bool(unended)

    async def _mend(self, kind: Kind, identifier: str) -> None:
        """Queue what was stored and never queued, begin again what broke."""
        found = await workflows_of(identifier)
        if not found:
            with SetWorkflowID(identifier):
                queue = await asyncio.to_thread(kind.queue_of, identifier)
                await DBOS.enqueue_workflow_async(queue, kind.workflow, identifier)
            BELL.ring()
            return
        if any(one.status in _OPEN for one in found) or carried_here(identifier):
            return
        if identifier not in await asyncio.to_thread(kind.open):
            return  # it ended between the two looks
        _LOG.error("The workflow of a job broke (%s).", found[-1].status, extra=_fields(found[-1]))
        for number in range(1, _MOST_AGAIN + 1):
            made = f"{identifier}{_SEPARATOR}{number}"
            if all(one.workflow_id != made for one in found):
                await self._fork(found[0].workflow_id, made, await self._queue(found[0]))
                return
        await asyncio.to_thread(kind.give_up, identifier)


def _identifier(workflow_id: str) -> str:
    return workflow_id.partition(_SEPARATOR)[0]


def _owner(one: WorkflowStatus) -> str | None:
    """The service that alone can go on with it, or did so last."""
    if one.status == "PENDING":
        return (one.executor_id or "local").partition("/")[0]
    return (one.queue_name or "").partition("@")[2] or None


def _fields(one: WorkflowStatus) -> dict[str, object]:
    return {"fields": {"job_id": _identifier(one.workflow_id)}}
