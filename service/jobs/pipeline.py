"""The durable pipeline of a job: prepare, follow the trainer, finalize; finished steps never repeat.

Every step may be begun again at any place, by this service or another, so each looks at what is there already. A step
never raises what a person caused: it ends the job as failed, because an exception would be logged and retried.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec
from dbos import DBOS

from service.artifacts.bundle import finish_run, prepare_run, read_manifest, require_space
from service.errors import TuneGateError
from service.jobs import remote
from service.jobs.bringing import bring_back
from service.jobs.carrying import carrier, carrying, patiently, require_mine, take
from service.jobs.folders import settle
from service.jobs.ground import Ground, JobInputs, inputs_of
from service.jobs.keeping import once_storage_answers, with_data
from service.jobs.resuming import note_start, worth_resuming
from service.jobs.sending import files_to_send, model_folder
from service.jobs.states import enter, fail, forward
from service.jobs.threads import transferring
from service.jobs.turns import POLL_SECONDS, give_back, turn
from service.launch.local import (
    read_progress,
    read_result,
    start_trainer,
    stop_trainer,
    trainer_alive,
    was_started,
)
from service.observe.logs import job_id as logged_job
from service.observe.traces import step_span
from service.records.job import ENDED, Job, JobError
from service.records.manifest import MANIFEST

# names the step sequence: bump it only when the sequence changes, or running jobs are stranded
PIPELINE_VERSION = "prepare-follow-finalize/1"
GRACE_SECONDS = 10.0


@DBOS.workflow(name="carry_out")
async def carry_out(job_id: str) -> None:
    """One job from queued to its end; where its files are gone before they are closed, the trainer is followed anew."""
    with carrying(job_id):
        if await prepare(job_id):
            while await follow(job_id):
                if await finalize(job_id) != "gone":
                    break


@DBOS.step(name="prepare")
async def prepare(job_id: str) -> bool:
    """Fill the run folder with the records and the trainer's plan."""
    async with _in_step("prepare", job_id):
        return await _prepare(job_id)


@DBOS.step(name="follow", preemptible=True)
async def follow(job_id: str) -> bool:
    """Start the trainer or adopt the living one, forward its progress, resume it if it dies, judge how it ended."""
    async with _in_step("follow", job_id):
        return await _follow(job_id)


async def _follow(job_id: str) -> bool:
    out = Ground.runs / job_id
    try:
        if not await _prepared(job_id):
            return False
        if await patiently(remote.is_remote, Ground.store, job_id):
            return await remote.follow(Ground.store, job_id, lambda: files_to_send(job_id))
        await turn(job_id, out)
        if not await patiently(_start_or_adopt, job_id, out):
            return False
        while True:
            await _until_dead(job_id, out)
            if not await patiently(_worth_resuming, job_id, out):
                break
            if not await patiently(_start, job_id, out):
                return False
        return await patiently(_judge, job_id, out)
    except BaseException:
        # DBOS's own interruptions are BaseExceptions; only a job that is being cancelled, or is carried out from
        # another folder, may lose its trainer: a run that was fenced off must not kill the one that was adopted
        if await patiently(_unwanted, job_id):
            await asyncio.to_thread(stop_trainer, out, grace_seconds=GRACE_SECONDS)
        raise
    finally:
        give_back(job_id)


async def _until_dead(job_id: str, out: Path) -> None:
    running = True
    while running:
        running = await asyncio.to_thread(trainer_alive, out)
        await patiently(_forward_new, job_id, out)
        if running:
            await asyncio.sleep(POLL_SECONDS)


@DBOS.step(name="finalize")
async def finalize(job_id: str) -> Literal["closed", "gone"] | bool:
    """Close the run folder with job.json and a verified manifest; "gone" where another host has what was trained."""
    async with _in_step("finalize", job_id):
        return await _finalize(job_id)


@asynccontextmanager
async def _in_step(step: str, job_id: str) -> AsyncIterator[None]:
    """A span of its own, under the request that launched the job; and the job's id in what is logged."""
    await take(Ground.store.runs, Ground.executor)
    inputs = await patiently(inputs_of, job_id)
    token = logged_job.set(job_id)
    try:
        with step_span(step, job_id, inputs.traceparent if inputs is not None else ""):
            yield
    finally:
        logged_job.reset(token)


async def _prepare(job_id: str) -> bool:
    """Also where it was prepared before: a job that runs goes on running."""
    return await patiently(_begun, job_id) and await _prepared(job_id)


def _begun(job_id: str) -> bool:
    job = Ground.store.job(job_id)
    if job.state == "queued":
        return enter(Ground.store, job_id, "preparing").state == "preparing"
    return job.state not in {"cancelling", *ENDED}


async def _prepared(job_id: str) -> bool:
    """Whether the run folder is here with its records and the plan, or the run has come to its end in it."""
    inputs = await patiently(inputs_of, job_id)
    if inputs is None:  # it has ended, and nothing will be started
        return True
    out = Ground.runs / job_id
    try:
        await once_storage_answers(Ground.store, job_id, lambda: settle(job_id, carrier()))
        if not await asyncio.to_thread(_is_under_way, out):
            await once_storage_answers(Ground.store, job_id, lambda: _fill(job_id, out, inputs))
    except (TuneGateError, OSError) as error:
        await patiently(_fail_with, job_id, error)
        await asyncio.to_thread(shutil.rmtree, out, ignore_errors=True)
        return False
    return True


def _fill(job_id: str, out: Path, inputs: JobInputs) -> None:
    run = with_data(Ground.store, Ground.storage, job_id, inputs.run)
    run = msgspec.structs.replace(run, model=model_folder(run))
    require_space(out, needed_bytes=inputs.needed_bytes)
    prepare_run(out, run)


def _is_under_way(out: Path) -> bool:
    return trainer_alive(out) or _has_ended(out)


def _has_ended(out: Path) -> bool:
    """Whether the trainer left its verdict, which is gone once the manifest stands."""
    return read_result(out) is not None or (out / MANIFEST).exists()


def _start_or_adopt(job_id: str, out: Path) -> bool:
    if enter(Ground.store, job_id, "running").state != "running":
        return False
    if was_started(out) or _has_ended(out):
        return True
    return _start(job_id, out)


def _start(job_id: str, out: Path) -> bool:
    """Start the trainer, unless that was done by a call that lost the database after it."""
    try:
        if not trainer_alive(out):
            note_start(out)
            start_trainer(out)
    except (TuneGateError, OSError) as error:
        _fail_with(job_id, error)
        return False
    if Ground.store.job(job_id).state != "running":
        # cancelled while it was being started: whoever cancelled it may not have seen it yet
        stop_trainer(out, grace_seconds=0)
        return False
    return True


def _worth_resuming(job_id: str, out: Path) -> bool:
    """Whether the trainer is to be started again; never one whose job is being cancelled."""
    if not worth_resuming(out) or enter(Ground.store, job_id, "running").state != "running":
        return False
    said = {"message": "the trainer died and is started again from its last checkpoint"}
    Ground.store.update_job(job_id, lambda job: job, ("log", said), carrier=carrier())
    (out / "result.json").unlink(missing_ok=True)  # the verdict of the try that died
    return True


def _forward_new(job_id: str, out: Path) -> None:
    run = require_mine(Ground.store.runs, job_id)
    for record in read_progress(out, after=Ground.store.forwarded(job_id) - run.base):
        forward(Ground.store, job_id, record, base=run.base)


def _unwanted(job_id: str) -> bool:
    """Whether this host's trainer of a job is to be ended."""
    if Ground.store.job(job_id).state in {"cancelling", *ENDED}:
        return True
    return carrier() is not None and Ground.store.runs.get(job_id).home not in {None, Ground.executor.home}


def _judge(job_id: str, out: Path) -> bool:
    result = read_result(out)
    if (out / MANIFEST).exists() or (result is not None and result.status == "succeeded"):
        return enter(Ground.store, job_id, "finalizing").state == "finalizing"
    if result is not None and result.error is not None:
        fail(Ground.store, job_id, JobError(result.error.code, result.error.detail, result.error.remedy))
    else:
        what = "was stopped from outside" if result is not None else "ended without a result"
        remedy = "Launch the plan again; a trainer that is killed again and again usually runs out of memory."
        fail(Ground.store, job_id, JobError("trainer_died", f"The trainer {what}.", remedy))
    return False


async def _finalize(job_id: str) -> Literal["closed", "gone"] | bool:
    inputs = await patiently(inputs_of, job_id)
    if inputs is None:
        return "closed"  # it has ended: a kill came before that was noted
    try:
        out = await once_storage_answers(Ground.store, job_id, lambda: settle(job_id, carrier()))
        if await patiently(remote.is_remote, Ground.store, job_id):
            if not (out / MANIFEST).exists():
                await bring_back(job_id, out, inputs.run, _until_dead)
        elif not await asyncio.to_thread(_has_ended, out):
            return "gone"
        # what was trained is not lost to an outage or a full disk: it waits in the run folder
        await once_storage_answers(Ground.store, job_id, lambda: _close(job_id, inputs), also=frozenset({"disk_full"}))
        target = inputs.run.plan.target
        await transferring(lambda: remote.registered(Ground.store, job_id, out), target=target)
    except (TuneGateError, OSError) as error:
        await patiently(_fail_with, job_id, error)
        return "closed"
    await patiently(_succeed, job_id, out)
    return "closed"


def _close(job_id: str, inputs: JobInputs) -> None:
    finish_run(Ground.runs / job_id, plan=inputs.run.plan, job=_as_succeeded(Ground.store.job(job_id)))
    project = Ground.store.project_of(job_id)
    Ground.store.of(project).storing.begin("artifact", job_id)
    Ground.storage.of(project).keep_artifact(job_id, wanted=lambda: _require_wanted(job_id))


def _require_wanted(job_id: str) -> None:
    require_mine(Ground.store.runs, job_id)
    if Ground.store.job(job_id).state != "finalizing":
        raise TuneGateError("job_cancelled", "The job was cancelled while its files were kept.")


def _succeed(job_id: str, out: Path) -> None:
    # of what was kept, which may be an earlier try's
    held = read_manifest(out).evaluation.comparison
    gate: dict[str, Any] = {"gate": held.gate, "gate_why": held.why} if held is not None else {}
    if held is not None:
        said = ("log", {"message": f"gate {held.gate or 'open'}: {held.why}"})
        Ground.store.update_job(job_id, lambda job: job, said, carrier=carrier())
    enter(Ground.store, job_id, "succeeded", **gate)


def _as_succeeded(job: Job) -> Job:
    """The job as the artifact shows it: its files are written just before it is said to have succeeded."""
    return job if job.state in ENDED else msgspec.structs.replace(job, state="succeeded", step="manifest")


def _fail_with(job_id: str, error: Exception) -> None:
    known = error if isinstance(error, TuneGateError) else TuneGateError("environment", type(error).__name__)
    fail(Ground.store, job_id, JobError(known.code, known.detail, known.remedy))
