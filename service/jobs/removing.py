"""Removes a job that has ended for good: files here and in the storage, DBOS's rows, events; its own row goes last."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import sqlalchemy as sa
from dbos import DBOS

from service.errors import TuneGateError
from service.jobs.caretaker import workflows_of
from service.launch.local import stop_trainer
from service.records.access import Deed
from service.records.job import ENDED
from service.storage.storage import ProjectStorage, Storage
from service.store.database import settle
from service.store.store import Store
from service.store.storing import Standing

_LOG = logging.getLogger("tunegate.retention")
_OPEN = {"PENDING", "ENQUEUED", "DELAYED"}
_PATIENCE_SECONDS, _POLL_SECONDS = 10.0, 0.1


async def remove_job(store: Store, files: ProjectStorage, runs: Path, job_id: str, deed: Deed) -> None:
    """Remove everything of a job but what the audit log says of it; cut off half-way it can be asked for again.

    Raises:
        TuneGateError: `unknown_id`, `job_not_finished`, and what the storage raises.
    """
    job = await asyncio.to_thread(store.job, job_id)
    if job.state not in ENDED:
        raise TuneGateError(
            "job_not_finished", f"The job is {job.state}.", remedy=f"Cancel it first: POST /v1/jobs/{job_id}/cancel."
        )
    await _until_left(job_id)
    await asyncio.to_thread(stop_trainer, runs / job_id, grace_seconds=0)
    await asyncio.to_thread(files.remove_artifact, job_id)
    for workflow in await workflows_of(job_id):
        await DBOS.delete_workflow_async(workflow.workflow_id)
    await asyncio.to_thread(store.removal.job, job_id, deed)


def remove_left(store: Store, storage: Storage, *, before: str) -> int:
    """Remove objects that were begun to be stored before a time (UTC, ISO 8601) and that nothing names; how many.

    A store that does not answer leaves them for the next time.
    """
    removed = 0
    if storage.unready():
        return removed

    def tidied(standing: Standing) -> None:
        nonlocal removed
        if kind == "artifact" and standing != "open":
            files.remove_left(identifier, whole=standing == "left")
        elif standing == "left":
            files.remove_dataset(identifier)
        removed += standing == "left"

    for project, kind, identifier in store.storing.begun(before):
        files = storage.of(project)
        try:
            store.of(project).storing.settle(kind, identifier, before=before, tidy=tidied)
        except TuneGateError as error:
            _LOG.info("left", extra={"fields": {"id": identifier, "code": error.code}})
    return removed


def settle_jobs(engine: sa.Engine | None) -> bool:
    """Make what was removed from DBOS's own file unreadable; True where it has none."""
    return engine is None or settle(engine)


async def _until_left(job_id: str) -> None:
    """A job says that it has ended a moment before its workflow returns."""
    end = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
    while asyncio.get_running_loop().time() < end:
        if all(one.status not in _OPEN for one in await workflows_of(job_id)):
            return
        await asyncio.sleep(_POLL_SECONDS)
