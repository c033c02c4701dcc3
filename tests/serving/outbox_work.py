"""Webhooks of a store, and an outbox that is worked off in the test's own loop."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from receiver import GUARD_SECONDS, Receiver

from service.allowed_addresses import AllowedAddress
from service.clock import now
from service.jobs.states import enter
from service.records.access import Deed
from service.records.job import Job, JobError, Moment
from service.records.webhook import Webhook, WebhookDelivery
from service.store.store import Store
from service.verbs.webhooks import EVENTS
from service.webhooks.dispatcher import Dispatcher, Pauses
from service.webhooks.secrets import Secrets, shown
from service.webhooks.sending import Sender

KEY = bytes(range(32))
QUICK = Pauses(first=0.01, growth=1.5, longest=0.05, tries=4)
DEED = Deed("tests", "webhook.created")


def hooked(
    store: Store, url: str, *, project: str = "default", events: tuple[str, ...] = EVENTS
) -> tuple[Webhook, str]:
    """A webhook, and its secret as its owner was told."""
    secrets, identifier = Secrets(KEY), str(uuid.uuid4())
    kept = secrets.new()
    made = store.of(project).webhooks.add(url, events, kept, identifier, most=20, deed=DEED)
    secret = secrets.of(identifier, kept)
    assert secret is not None
    return made, shown(secret)


def ended_job(store: Store, project: str = "default") -> Job:
    """A job that failed, as the pipeline ends one."""
    job = Job(id=str(uuid.uuid4()), plan="p" * 64, state="queued", timeline=[Moment("queued", now())])
    store.of(project).add_job(job, None)
    return enter(store, job.id, "failed", error=JobError("trainer_died", "Something of juan@quokkas.org.", "Again."))


def dispatcher(store: Store, *receivers: Receiver, pauses: Pauses = QUICK, key: bytes = KEY) -> Dispatcher:
    sender = Sender([AllowedAddress(one.url) for one in receivers])
    return Dispatcher(store.outbox, sender, Secrets(key), pauses=pauses, poll=0.02)


@asynccontextmanager
async def working(*dispatchers: Dispatcher) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(one.run()) for one in dispatchers]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for one in dispatchers:
        await one.finish(GUARD_SECONDS)


async def until(happened: Callable[[], Any]) -> Any:
    async with asyncio.timeout(GUARD_SECONDS):
        while not (found := await asyncio.to_thread(happened)):  # noqa: ASYNC110 - a database has no event
            await asyncio.sleep(0.01)
    return found


def deliveries(store: Store, webhook: Webhook) -> list[WebhookDelivery]:
    return [one for _, one in store.webhooks.deliveries(webhook.id, after=0, limit=500)]


def settled(store: Store, webhook: Webhook) -> Callable[[], list[WebhookDelivery]]:
    def look() -> list[WebhookDelivery]:
        found = deliveries(store, webhook)
        return found if found and all(one.state != "pending" for one in found) else []

    return look


def worked_off(store: Store, webhook: Webhook, *receivers: Receiver, **more: Any) -> list[WebhookDelivery]:
    """What became of a webhook's messages, once nothing waits any more."""

    async def work() -> list[WebhookDelivery]:
        async with working(dispatcher(store, *receivers, **more)):
            found: list[WebhookDelivery] = await until(settled(store, webhook))
            return found

    return asyncio.run(work())
