"""Runs the pipeline inside the service: one process per data folder, DBOS on the same database."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, SetWorkflowID
from dbos._serialization import DBOSPortableJSON

from service.errors import TuneGateError
from service.jobs import remote
from service.jobs.evaluations import MOST_AT_ONCE, QUEUE, QUEUE_POLL_SECONDS, EvaluationRunner
from service.jobs.pipeline import GRACE_SECONDS, PIPELINE_VERSION, Ground, JobInputs, carry_out, keep_inputs
from service.jobs.states import enter
from service.launch.local import stop_trainer
from service.records.job import ENDED, Job
from service.store.store import Store

_QUEUE = "trainers"
_EXECUTOR = "local"  # one service per data folder holds the lock, so a restart recovers its own jobs
_QUEUE_POLL_SECONDS = 0.1
QUEUES = (_QUEUE, QUEUE, remote.QUEUE)


class JobRunner:
    """Submits, cancels and stops jobs."""

    def __init__(self, store: Store, runs: Path) -> None:
        self._store = store
        self._runs = runs
        self.evaluations = EvaluationRunner(store, runs.parent / "evaluations")
        self._cancelling: set[asyncio.Task[None]] = set()

    async def submit(self, job: Job, inputs: JobInputs) -> None:
        """Queue a job that is already stored; the job id is the workflow id, so twice is once."""
        self._runs.mkdir(parents=True, exist_ok=True)
        keep_inputs(self._runs, job.id, inputs)
        with SetWorkflowID(job.id):
            # a job of another machine takes no turn of this one's trainer
            queue = remote.QUEUE if await asyncio.to_thread(remote.is_remote, self._store, job.id) else _QUEUE
            await DBOS.enqueue_workflow_async(queue, carry_out, job.id)

    def cancel_soon(self, job_id: str) -> None:
        """Cancel in the background; the state is already `cancelling`."""
        task = asyncio.create_task(self._cancel(job_id))
        self._cancelling.add(task)
        task.add_done_callback(self._cancelling.discard)

    async def stop_all(self) -> None:
        """Cancel everything that has not ended, and wait until no trainer is left."""
        for job_id in await asyncio.to_thread(self._open_jobs):
            await asyncio.to_thread(enter, self._store, job_id, "cancelling")
            await self._cancel(job_id)

    async def sweep(self) -> None:
        """After a start: finish cancellations that were cut off, and stop trainers whose job has ended."""
        for out in sorted(path for path in self._runs.glob("*") if path.is_dir()):
            try:
                job = await asyncio.to_thread(self._store.job, out.name)
            except TuneGateError:
                continue  # not a run of ours
            if job.state in ENDED:
                await asyncio.to_thread(stop_trainer, out, grace_seconds=0)
        for job_id in await asyncio.to_thread(self._open_jobs):
            if (await asyncio.to_thread(self._store.job, job_id)).state == "cancelling":
                if await asyncio.to_thread(remote.is_remote, self._store, job_id):
                    self.cancel_soon(job_id)  # a target that does not answer holds up no start
                else:
                    await self._cancel(job_id)

    async def _cancel(self, job_id: str) -> None:
        await DBOS.cancel_workflow_async(job_id)
        if await asyncio.to_thread(remote.is_remote, self._store, job_id):
            await remote.cancel(self._store, job_id)
        await asyncio.to_thread(stop_trainer, self._runs / job_id, grace_seconds=GRACE_SECONDS)
        await asyncio.to_thread(enter, self._store, job_id, "cancelled")

    def _open_jobs(self) -> list[str]:
        jobs = self._store.list_jobs(after=0, limit=1_000_000)
        return [job.id for _, job in jobs if job.state not in ENDED]


@asynccontextmanager
async def running_jobs(store: Store, *, home: Path, database_url: str, stop_at_exit: bool) -> AsyncIterator[JobRunner]:
    """DBOS launched over `home`; on exit trainers go on (detached) unless `stop_at_exit`.

    Raises:
        TuneGateError: `home_locked` when another service holds the folder.
    """
    runs = home / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    with _locked(home):
        Ground.store, Ground.runs = store, runs
        runner = JobRunner(store, runs)
        url, engine = _dbos_database(home, database_url)
        DBOS(
            config=DBOSConfig(
                name="tunegate",
                system_database_url=url,
                system_database_engine=engine,
                application_version=PIPELINE_VERSION,
                executor_id=_EXECUTOR,
                serializer=DBOSPortableJSON,
                log_level="WARNING",
            )
        )
        await asyncio.to_thread(DBOS.launch)
        await runner.sweep()
        # counted per process: a dead executor's row must never block the queue
        await DBOS.register_queue_async(_QUEUE, worker_concurrency=1, polling_interval_sec=_QUEUE_POLL_SECONDS)
        await DBOS.register_queue_async(QUEUE, worker_concurrency=MOST_AT_ONCE, polling_interval_sec=QUEUE_POLL_SECONDS)
        await DBOS.register_queue_async(
            remote.QUEUE, worker_concurrency=remote.MOST_AT_ONCE, polling_interval_sec=QUEUE_POLL_SECONDS
        )
        await runner.evaluations.sweep()
        try:
            yield runner
        finally:
            if stop_at_exit:
                await runner.stop_all()
                await runner.evaluations.stop_all()
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
