"""Runs the pipeline inside the service: one process per data folder, DBOS on the same database."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, SetWorkflowID
from dbos._serialization import DBOSPortableJSON

from service.errors import TuneGateError
from service.jobs import deployments, outside, remote, stirring
from service.jobs.caretaker import Caretaker, Kind, cancel_workflows, own_queue
from service.jobs.deployments import DeploymentRunner
from service.jobs.evaluations import EVALUATIONS
from service.jobs.executor import Executor
from service.jobs.ground import Ground, keep_inputs_of_files
from service.jobs.keeping import in_use
from service.jobs.outside_runner import OutsideRunner
from service.jobs.pipeline import GRACE_SECONDS, PIPELINE_VERSION, carry_out
from service.jobs.queues import BELL, Polled, Queues
from service.jobs.states import enter, fail
from service.jobs.syntheses import SYNTHESES
from service.jobs.threads import end_too
from service.launch.local import WORK, stop_trainer, trainer_alive
from service.records.job import ENDED, Job, JobError
from service.settings import Settings
from service.storage.storage import Storage
from service.store.store import Store

_QUEUE = "trainers"
# jobs of a queue at once in a process
_AT_ONCE = {
    _QUEUE: 1,
    remote.QUEUE: remote.MOST_AT_ONCE,
    EVALUATIONS.queue: outside.MOST_AT_ONCE,
    SYNTHESES.queue: outside.MOST_AT_ONCE,
    deployments.QUEUE: deployments.MOST_AT_ONCE,
}
# what this process queued it takes at once; it looks unasked for what another service queued, if there can be one
_OTHERS_POLL_SECONDS, _POLL_SECONDS = 1.0, 10.0
_BROKE = JobError(
    "internal", "The job met a problem of the service again and again.", "Look at the service's log, and launch again."
)


class JobRunner:
    """Submits, cancels and stops jobs."""

    def __init__(self, store: Store, runs: Path, executor: Executor, *, works: bool) -> None:
        self._store = store
        self._runs = runs
        self.executor = executor
        self.works = works
        home = runs.parent
        self.evaluations = OutsideRunner(EVALUATIONS, store, home / "evaluations", executor, works=works)
        self.syntheses = OutsideRunner(SYNTHESES, store, home / "syntheses", executor, works=works)
        self.deployments = DeploymentRunner(store, executor)
        self._cancelling: dict[str, asyncio.Task[None]] = {}
        # what the caretaker looks at beside jobs and evaluations
        self.also: list[Callable[[], Coroutine[Any, Any, None]]] = [lambda: stirring.look(store)]
        # DBOS's own tables, where they are a file of their own
        self.engine: sa.Engine | None = None

    @property
    def queues(self) -> list[str]:
        """Queues that this process takes work from."""
        if not self.works:
            return []
        shared = list(_AT_ONCE)
        return [*shared, *(own_queue(queue, self.executor.name) for queue in shared)]

    def polled(self) -> Iterator[Polled]:
        """How it does so."""
        for queue in self.queues:
            shared, _, own = queue.partition("@")
            others = self.executor.others is not None and not own
            yield Polled(queue, _AT_ONCE[shared], _OTHERS_POLL_SECONDS if others else _POLL_SECONDS)

    async def submit(self, job: Job) -> None:
        """Queue a job that is already stored with its inputs; the job id is the workflow id, so twice is once."""
        with SetWorkflowID(job.id):
            await DBOS.enqueue_workflow_async(await asyncio.to_thread(self._queue_of, job.id), carry_out, job.id)
        BELL.ring()

    def cancel_soon(self, job_id: str) -> None:
        """Cancel in the background; the state is already `cancelling`."""
        if job_id in self._cancelling:
            return
        task = self._cancelling[job_id] = asyncio.create_task(self._cancel(job_id))
        task.add_done_callback(lambda _: self._cancelling.pop(job_id))

    async def stop_all(self) -> None:
        """Cancel everything that runs here and has not ended, and wait until no trainer is left."""
        for job_id in await asyncio.to_thread(self._store.open_jobs):
            if await asyncio.to_thread(remote.is_remote, self._store, job_id):
                continue  # it runs elsewhere, and is found again
            if self.executor.others is None or await asyncio.to_thread(self._here, job_id):
                await asyncio.to_thread(enter, self._store, job_id, "cancelling")
                await self._cancel(job_id)

    def kind(self) -> Kind:
        """How a caretaker looks after jobs."""
        return Kind(
            workflow=carry_out,
            name="carry_out",
            queue_of=self._queue_of,
            open=self._store.open_jobs,
            cancelling=self._store.cancelling_jobs,
            finish_cancelling=self._finish_cancelling,
            give_up=self._give_up,
            sweep=self._sweep,
        )

    def _queue_of(self, job_id: str) -> str:
        """A job of another machine takes no turn of this one's trainer."""
        return remote.QUEUE if remote.is_remote(self._store, job_id) else _QUEUE

    async def _finish_cancelling(self, job_id: str) -> None:
        """A target that does not answer holds up nothing else."""
        if await asyncio.to_thread(remote.is_remote, self._store, job_id):
            self.cancel_soon(job_id)
        elif job_id not in self._cancelling:
            await self._cancel(job_id)

    async def _cancel(self, job_id: str) -> None:
        """Of a job that is carried out elsewhere only its workflow: who has its processes says that they are gone."""
        await cancel_workflows(job_id)
        run = await asyncio.to_thread(self._store.runs.get, job_id)
        if run.home in {None, self.executor.home}:
            await self._cancelled(job_id)
        elif run.executor is not None and self.works:
            async with self.executor.dead(run.executor) as dead:
                if dead:
                    await self._cancelled(job_id)

    async def _cancelled(self, job_id: str) -> None:
        if await asyncio.to_thread(remote.is_remote, self._store, job_id):
            await remote.cancel(self._store, job_id)
        await asyncio.to_thread(stop_trainer, self._runs / job_id, grace_seconds=GRACE_SECONDS)
        await asyncio.to_thread(self._unkeep, job_id)
        await asyncio.to_thread(enter, self._store, job_id, "cancelled")

    def _unkeep(self, job_id: str) -> None:
        """What was being kept when it was cancelled goes; what cannot be removed now is found later (storing)."""
        if any(moment.state == "finalizing" for moment in self._store.job(job_id).timeline):
            with suppress(TuneGateError):
                Ground.storage.of(self._store.project_of(job_id)).remove_left(job_id, whole=True)

    def _here(self, job_id: str) -> bool:
        return self._store.runs.get(job_id).home == self.executor.home

    def _give_up(self, job_id: str) -> None:
        if remote.is_remote(self._store, job_id):
            with suppress(TuneGateError):  # it is told to end, and costs no more than its time limit
                remote.told_to_end(self._store, job_id)
        stop_trainer(self._runs / job_id, grace_seconds=GRACE_SECONDS)
        fail(self._store, job_id, _BROKE)

    def _sweep(self) -> None:
        """Stop trainers whose job has ended, or is carried out from another data folder."""
        for work in self._runs.glob(f"*/{WORK}"):
            out = work.parent
            if not trainer_alive(out):
                continue
            with suppress(TuneGateError):  # not a run of ours
                ended = self._store.job(out.name).state in ENDED
                if ended or self._store.runs.get(out.name).home not in {None, self.executor.home}:
                    stop_trainer(out, grace_seconds=0)


@asynccontextmanager
async def running_jobs(
    store: Store,
    storage: Storage,
    settings: Settings,
    *,
    stop_at_exit: bool,
    works: bool = True,
    version: str = PIPELINE_VERSION,
) -> AsyncIterator[JobRunner]:
    """DBOS launched over the data folder; on exit trainers go on (detached) unless `stop_at_exit`.

    Without `works` jobs are taken and cancelled, and carried out by others over the same database.

    Raises:
        TuneGateError: `home_locked` when another service holds the folder, `executor_held` when one has the name.
    """
    home, runs = settings.home, settings.runs
    runs.mkdir(parents=True, exist_ok=True)
    with _locked(home):
        executor = Executor(
            settings.executor, home, store.executors(), silence_seconds=settings.executor_silence_seconds
        )
        Ground.store, Ground.storage, Ground.executor = store, storage, executor
        Ground.runs, Ground.models, Ground.project_bytes = runs, settings.models, settings.access.project_bytes
        storage.in_use = lambda: in_use(store, runs=runs, evaluations=home / "evaluations", copies=storage.copies)
        if works:
            await asyncio.to_thread(executor.hold, version)
        runner = JobRunner(store, runs, executor, works=works)
        try:
            await asyncio.to_thread(keep_inputs_of_files, store, runs)
            async with _launched(runner, home, settings.database_url, version):
                try:
                    yield runner
                finally:
                    if stop_at_exit:
                        await runner.stop_all()
                        await runner.evaluations.stop_all()
                        await runner.syntheses.stop_all()
        finally:
            executor.release()  # DBOS has ended the threads of this loop


@asynccontextmanager
async def _launched(runner: JobRunner, home: Path, database_url: str, version: str) -> AsyncIterator[None]:
    url, runner.engine = _dbos_database(home, database_url)
    dbos = DBOS(
        config=DBOSConfig(
            name="tunegate",
            system_database_url=url,
            system_database_engine=runner.engine,
            application_version=version,
            # of this process alone: what an earlier one left is found by the caretaker, again and again, where
            # DBOS's own recovery looks once and hands it to any service
            executor_id=runner.executor.id,
            serializer=DBOSPortableJSON,
            log_level="WARNING",
        )
    )
    DBOS.listen_queues([])
    await asyncio.to_thread(DBOS.launch)
    end_too(dbos)
    watching, queues = None, Queues()
    try:
        await queues.open(dbos, runner.polled())
        if runner.works:
            kinds = [
                runner.kind(), runner.evaluations.kind(), runner.syntheses.kind(), runner.deployments.kind(),
            ]  # fmt: skip
            caretaker = Caretaker(runner.executor, version, kinds, runner.also)
            watching = asyncio.create_task(caretaker.watch())
        yield
    finally:
        if watching is not None:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        await asyncio.to_thread(queues.close)
        await asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=0)


def _dbos_database(home: Path, database_url: str) -> tuple[str, sa.Engine | None]:
    """DBOS beside our tables: its own file for SQLite (its engine is not WAL), its own schema for Postgres."""
    from service.store.database import open_engine

    if not database_url.startswith("sqlite"):
        return database_url, None
    url = f"sqlite:///{(home / 'jobs.sqlite').as_posix()}"
    return url, open_engine(url)


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    import fcntl

    descriptor = os.open(home / "service.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TuneGateError(
                "home_locked", f"Another service holds {home}.", remedy="Stop it, or set TUNEGATE_HOME elsewhere."
            ) from error
        yield
    finally:
        os.close(descriptor)
