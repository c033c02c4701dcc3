"""How a job moves from state to state, with the event that says so."""

from __future__ import annotations

import logging
from typing import Any, Literal

import msgspec

from service.clock import now
from service.jobs.carrying import carrier
from service.records.job import ENDED, Job, JobError, JobProgress, Moment, State
from service.store.store import Store
from trainers.contract import Progress

_LOG = logging.getLogger("tunegate.jobs")


def enter(store: Store, job_id: str, state: State, **changes: Any) -> Job:
    """Enter a state unless the job has ended, or is being cancelled and this is not its end."""
    entered = False

    def change(job: Job) -> Job | None:
        nonlocal entered
        if job.state in ENDED or job.state == state or (job.state == "cancelling" and state != "cancelled"):
            return None
        entered = True
        return msgspec.structs.replace(job, state=state, timeline=[*job.timeline, Moment(state, now())], **changes)

    kind: Literal["end", "state"] = "end" if state in ENDED else "state"
    error = changes.get("error")
    data = {"state": state} | ({"error": msgspec.to_builtins(error)} if error else {})
    job = store.update_job(job_id, change, (kind, data), carrier=carrier())
    if entered:
        fields = {"job_id": job_id, "state": state} | ({"code": error.code} if error else {})
        _LOG.info("job", extra={"fields": fields})
    return job


def fail(store: Store, job_id: str, error: JobError) -> Job:
    """End a job as failed."""
    gate: Literal["failed"] | None = "failed" if error.code == "parity_failed" else None
    return enter(store, job_id, "failed", error=error, gate=gate)


def forward(store: Store, job_id: str, record: Progress, *, base: int = 0) -> None:
    """Append one of the trainer's records to the job's events and show it in the job.

    `base` records came from run folders that were given up, so that its number stands that much higher.
    """
    event = {"phase": "state", "step": "step"}.get(record.event, "log")
    data = msgspec.to_builtins(record)
    for private in ("n", "event"):
        data.pop(private)

    def change(job: Job) -> Job:
        if record.event == "phase":
            return msgspec.structs.replace(job, step=record.phase)
        if record.event == "step":
            progress = JobProgress(record.step or 0, record.total, record.loss)
            return msgspec.structs.replace(job, progress=progress)
        return job

    store.forward(job_id, base + record.n, event, data, change, carrier=carrier())
