"""What the service's verbs work with: settings, rules, the store and the jobs."""

from __future__ import annotations

import asyncio
import copy
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from service.data import RuleFiles, rule_files
from service.launch.answering import Answerers
from service.records.access import Caller
from service.settings import Settings
from service.storage.storage import ProjectStorage, Storage
from service.verbs.entering.access import OPEN, Doorkeeper
from service.verbs.following import Admissions, Feeds, of_evaluations, of_jobs, of_syntheses
from service.verbs.receiving.bodies import Bodies
from service.verbs.receiving.workers import Workers

if TYPE_CHECKING:
    from service.jobs.runner import JobRunner
    from service.store.store import Store

_CHAT_THREADS = 8
_DOOR_THREADS = 4
_CATCHING_UP_THREADS = 4


class Context:
    """Made once per process (a plain class: the framework must not look into it)."""

    def __init__(self, settings: Settings, rules: RuleFiles, store: Store, storage: Storage, runner: JobRunner) -> None:
        # who asks over HTTP names models and has no business with this machine's files
        self.settings = msgspec.structs.replace(settings, model_paths=False)
        self.rules = rules
        self.store = store
        self.storage = storage
        self.caller = OPEN
        # names under which an open service answers; None where any will do, because keys or nobody's browser asks
        self.hosts: frozenset[str] | None = None
        self.door = Doorkeeper(store, settings.access)
        self.runner = runner
        self.answerers = Answerers(most=settings.chat_models, idle_seconds=settings.chat_idle_seconds)
        # the door waits for nothing else; who shows a token may wait for the provider, and nobody else with them
        self.entering = anyio.CapacityLimiter(_DOOR_THREADS)
        self.verifying = anyio.CapacityLimiter(_DOOR_THREADS)
        # what waits for them waits in threads of its own, so that jobs never wait for it
        self.chatting = anyio.CapacityLimiter(_CHAT_THREADS)
        # looks at the service itself that are under way
        self.looks: dict[object, asyncio.Future[Any]] = {}
        # set once the service is told to end: streams end, and what asks is told
        self.stopping = threading.Event()
        # what is followed over HTTP, and events from before somebody began to
        self.jobs_followed = Feeds(of_jobs(store), self.stopping)
        self.evaluations_followed = Feeds(of_evaluations(store), self.stopping)
        self.syntheses_followed = Feeds(of_syntheses(store), self.stopping)
        self.catching_up = anyio.CapacityLimiter(_CATCHING_UP_THREADS)
        self.admissions = Admissions(self.door.still)
        # set once the scan is prepared, or none is wanted
        self.privacy_ready = threading.Event()
        # linting holds a core: more at once than there are cores would only make each of them slower
        cores = os.cpu_count() or 1
        self.linting = anyio.CapacityLimiter(cores)
        # large bodies wait for one another, and the small ones never for them
        self.linting_large = anyio.CapacityLimiter(cores)
        self.workers = Workers(rules, settings.log_format)
        self.bodies = Bodies(settings.bodies_at_once, settings.bodies_bytes)

    def of(self, caller: Caller) -> Context:
        """The same as one caller sees it: its project's records, jobs and files alone."""
        own = copy.copy(self)
        own.caller, own.store = caller, self.store.of(caller.project)
        return own

    async def still_admitted(self) -> bool:
        """Whether the caller would still be let in, as of a moment ago."""
        return await self.admissions.admitted(self.caller)

    @property
    def files(self) -> ProjectStorage:
        """The project's datasets and artifacts."""
        return self.storage.of(self.caller.project)


@asynccontextmanager
async def running_context(settings: Settings, *, stop_jobs: bool, works: bool = True) -> AsyncIterator[Context]:
    """Database, rules and jobs, open while the block runs; without `works` others carry jobs out.

    Raises:
        TuneGateError: `environment`, `invalid_rules`, `home_locked`, `executor_held`, `usage`.
    """
    from service.jobs.runner import running_jobs
    from service.storage.artifacts import remove_parts
    from service.storage.earlier import leave, take_over
    from service.store.database import migrate, open_engine
    from service.store.store import Store
    from service.verbs.monitoring.rounds import Rounds
    from service.verbs.receiving.uploads import remove_stale
    from service.verbs.retention import sweep_for_ever
    from service.webhooks.dispatcher import dispatching

    settings.home.mkdir(parents=True, exist_ok=True)
    engine = open_engine(settings.database_url)
    await asyncio.to_thread(migrate, engine)
    store, storage = Store(engine), Storage(settings)
    taken = await asyncio.to_thread(take_over, storage, settings.home)
    try:
        async with (
            dispatching(store.outbox, settings),
            running_jobs(store, storage, settings, stop_at_exit=stop_jobs, works=works) as runner,
        ):
            remove_stale(settings)
            remove_parts(settings.runs)
            leave(taken, settings.home)
            context = Context(settings, rule_files(settings.rules), store, storage, runner)
            rounds = Rounds(context)
            runner.also.append(rounds.look)
            sweeping = asyncio.create_task(sweep_for_ever(context))
            try:
                yield context
            finally:
                sweeping.cancel()
                runner.also.clear()
                await rounds.end()
                await asyncio.to_thread(context.answerers.close)
                await asyncio.to_thread(context.workers.close)
    finally:
        engine.dispose()


def process_ends() -> None:
    """After the last context: no thread that waits for a target keeps the process."""
    from service.jobs.threads import end

    end()
