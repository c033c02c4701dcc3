"""Deployments as durable workflows: one each, from what was asked for until nothing of it is left on its target."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from dbos import DBOS, SetWorkflowID

from service.errors import TuneGateError
from service.jobs.caretaker import Kind
from service.jobs.carrying import carrying, patiently, take
from service.jobs.executor import Executor
from service.jobs.queues import BELL
from service.jobs.standing import Standing, enter
from service.jobs.threads import threaded
from service.records.deployment import GONE, DeploymentError
from service.store.store import Store

QUEUE = "deployments"
# looked after at a time; they wait most of their time
MOST_AT_ONCE = 1000
# how soon one that is not wanted any more is removed
_LOOK_SECONDS = 1.0
_BROKE = DeploymentError(
    "internal",
    "It met a problem of the service again and again; the target was told to remove it.",
    "Look at the service's log, and on the target whether its name still stands there.",
)


class DeploymentGround:
    """What the steps stand on; set once by the service before DBOS starts."""

    store: Store
    executor: Executor


@DBOS.workflow(name="carry_out_deployment")
async def carry_out_deployment(identifier: str) -> None:
    """One deployment, as long as it stands."""
    with carrying(identifier):
        await stand(identifier)
        await remove(identifier)


@DBOS.step(name="stand_deployment", preemptible=True)
async def stand(identifier: str) -> bool:
    """Make it or find it again, ask it once, and look at it until it is not wanted any more."""
    store = await _taken()
    one = await threaded(lambda: Standing(store, identifier))
    while await threaded(one.turn, target=one.order.plan.target):
        await _asleep(store, identifier, one.pause)
    return True


@DBOS.step(name="remove_deployment", preemptible=True)
async def remove(identifier: str) -> bool:
    """Remove it, and wait until nothing is left, however long it takes to reach the target."""
    store = await _taken()
    one = await threaded(lambda: Standing(store, identifier))
    while not await threaded(one.removed, target=one.order.plan.target):  # noqa: ASYNC110 - the target tells nobody
        await asyncio.sleep(one.pause)
    return True


async def _taken() -> Store:
    await take(DeploymentGround.store.runs, DeploymentGround.executor)
    return DeploymentGround.store


async def _asleep(store: Store, identifier: str, seconds: float) -> None:
    """Until the next turn, or until it is to be removed."""
    end = asyncio.get_running_loop().time() + seconds
    while (left := end - asyncio.get_running_loop().time()) > 0:
        await asyncio.sleep(min(left, _LOOK_SECONDS))
        state = (await patiently(store.deployments.get, identifier)).state
        if state == "deleting" or state in GONE:
            return


class DeploymentRunner:
    """Queues deployments and looks after them."""

    def __init__(self, store: Store, executor: Executor) -> None:
        DeploymentGround.store, DeploymentGround.executor = store, executor
        self._store = store

    async def submit(self, identifier: str) -> None:
        """Queue one that is stored; the id is the workflow's, so twice is once."""
        with SetWorkflowID(identifier):
            await DBOS.enqueue_workflow_async(QUEUE, carry_out_deployment, identifier)
        BELL.ring()

    def kind(self) -> Kind:
        """How a caretaker looks after deployments."""
        return Kind(
            workflow=carry_out_deployment,
            name="carry_out_deployment",
            queue_of=lambda _: QUEUE,
            open=self._store.deployments.open_ones,
            # its own workflow sees that it is to be removed
            cancelling=set,
            finish_cancelling=_nothing,
            give_up=self._give_up,
            sweep=lambda: None,
        )

    def _give_up(self, identifier: str) -> None:
        with suppress(TuneGateError):
            Standing(self._store, identifier).removed()
        enter(self._store, identifier, "failed", error=_BROKE)


async def _nothing(_: str) -> None:
    return
