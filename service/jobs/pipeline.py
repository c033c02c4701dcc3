"""The durable pipeline of a job: prepare, follow the trainer, finalize; finished steps never repeat.

A step never raises what a person caused: it ends the job as failed, because an exception would be logged and retried.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from dbos import DBOS

from service.artifacts.bundle import RunInputs, finish_run, prepare_run, require_space
from service.errors import TuneGateError
from service.files import write_atomically
from service.jobs import remote
from service.jobs.resuming import note_start, worth_resuming
from service.jobs.states import enter, fail, forward
from service.launch.local import WORK, read_progress, read_result, start_trainer, stop_trainer, trainer_alive
from service.observe.logs import job_id as logged_job
from service.observe.traces import step_span
from service.records.job import ENDED, Job, JobError
from service.store.store import Store

# names the step sequence: bump it only when the sequence changes, or running jobs are stranded
PIPELINE_VERSION = "prepare-follow-finalize/1"
POLL_SECONDS = 0.2
GRACE_SECONDS = 10.0


class Ground:
    """What the steps stand on; set once by the service before DBOS starts."""

    store: Store
    runs: Path


class JobInputs(msgspec.Struct, frozen=True, kw_only=True):
    """What a job needs beside the store: the records and paths of its run, kept as JSON beside it."""

    run: RunInputs
    needed_bytes: int
    # the request that launched it, for its traces
    traceparent: str = ""


def inputs_path(runs: Path, job_id: str) -> Path:
    """Where a job's inputs wait for it."""
    return runs / f"{job_id}.inputs.json"


def keep_inputs(runs: Path, job_id: str, inputs: JobInputs) -> None:
    """Write a job's inputs before it is queued."""
    write_atomically(inputs_path(runs, job_id), msgspec.json.encode(inputs, enc_hook=str))


def _inputs(job_id: str) -> JobInputs:
    content = inputs_path(Ground.runs, job_id).read_bytes()
    return msgspec.json.decode(content, type=JobInputs, dec_hook=lambda _, text: Path(text))


@DBOS.workflow(name="carry_out")
async def carry_out(job_id: str) -> None:
    """One job from queued to its end."""
    if await prepare(job_id) and await follow(job_id):
        await finalize(job_id)


@DBOS.step(name="prepare")
async def prepare(job_id: str) -> bool:
    """Fill the run folder with the records and the trainer's plan."""
    with _in_step("prepare", job_id):
        return await asyncio.to_thread(_prepare, job_id)


@DBOS.step(name="follow", preemptible=True)
async def follow(job_id: str) -> bool:
    """Start the trainer or adopt the living one, forward its progress, resume it if it dies, judge how it ended."""
    with _in_step("follow", job_id):
        return await _follow(job_id)


async def _follow(job_id: str) -> bool:
    if remote.is_remote(Ground.store, job_id):
        return await remote.follow(Ground.store, job_id)
    out = Ground.runs / job_id
    try:
        if not await asyncio.to_thread(_start_or_adopt, job_id, out):
            return False
        while True:
            await _until_dead(job_id, out)
            if not await asyncio.to_thread(_resumed, job_id, out):
                break
        return await asyncio.to_thread(_judge, job_id, out)
    except BaseException:
        # DBOS's own interruptions are BaseExceptions; only a job that is being cancelled may lose its trainer,
        # since a run that was fenced off must not kill the one that was adopted
        if Ground.store.job(job_id).state == "cancelling":
            await asyncio.to_thread(stop_trainer, out, grace_seconds=GRACE_SECONDS)
        raise


async def _until_dead(job_id: str, out: Path) -> None:
    running = True
    while running:
        running = await asyncio.to_thread(trainer_alive, out)
        await asyncio.to_thread(_forward_new, job_id, out)
        if running:
            await asyncio.sleep(POLL_SECONDS)


@DBOS.step(name="finalize")
async def finalize(job_id: str) -> bool:
    """Close the run folder with job.json and a verified manifest."""
    with _in_step("finalize", job_id):
        return await asyncio.to_thread(_finalize, job_id)


@contextmanager
def _in_step(step: str, job_id: str) -> Iterator[None]:
    """A span of its own, under the request that launched the job; and the job's id in what is logged."""
    try:
        caller = _inputs(job_id).traceparent
    except FileNotFoundError:
        caller = ""
    token = logged_job.set(job_id)
    try:
        with step_span(step, job_id, caller):
            yield
    finally:
        logged_job.reset(token)


def _prepare(job_id: str) -> bool:
    out = Ground.runs / job_id
    try:
        if enter(Ground.store, job_id, "preparing").state != "preparing":
            return False
        inputs = _inputs(job_id)
        _require_data(inputs.run)
        require_space(out, needed_bytes=inputs.needed_bytes)
        prepare_run(out, inputs.run)
    except (TuneGateError, OSError) as error:
        _fail_with(job_id, error)
        shutil.rmtree(out, ignore_errors=True)
        return False
    return True


def _require_data(run: RunInputs) -> None:
    gone = [path for path in (run.dataset, run.validation) if path is not None and not path.is_file()]
    if gone:
        raise TuneGateError("plan_mismatch", "A dataset of the plan was deleted.", remedy="Upload it and plan again.")


def _start_or_adopt(job_id: str, out: Path) -> bool:
    if enter(Ground.store, job_id, "running").state != "running":
        return False
    started = (out / WORK / "trainer-process.json").exists()
    if not started and read_result(out) is None:
        return _start(job_id, out)
    return True


def _start(job_id: str, out: Path) -> bool:
    try:
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


def _resumed(job_id: str, out: Path) -> bool:
    """Start the trainer again where it is worth it; never one whose job is being cancelled."""
    if not worth_resuming(out) or enter(Ground.store, job_id, "running").state != "running":
        return False
    (out / "result.json").unlink(missing_ok=True)  # the verdict of the try that died
    said = {"message": "the trainer died and is started again from its last checkpoint"}
    Ground.store.update_job(job_id, lambda job: job, ("log", said))
    return _start(job_id, out)


def _forward_new(job_id: str, out: Path) -> None:
    for record in read_progress(out, after=Ground.store.forwarded(job_id)):
        forward(Ground.store, job_id, record)


def _judge(job_id: str, out: Path) -> bool:
    result = read_result(out)
    if result is not None and result.status == "succeeded":
        return enter(Ground.store, job_id, "finalizing").state == "finalizing"
    if result is not None and result.error is not None:
        fail(Ground.store, job_id, JobError(result.error.code, result.error.detail, result.error.remedy))
    else:
        what = "was stopped from outside" if result is not None else "ended without a result"
        remedy = "Launch the plan again; a trainer that is killed again and again usually runs out of memory."
        fail(Ground.store, job_id, JobError("trainer_died", f"The trainer {what}.", remedy))
    return False


def _finalize(job_id: str) -> bool:
    inputs = _inputs(job_id)
    try:
        if remote.is_remote(Ground.store, job_id):
            remote.fetch(Ground.store, job_id, Ground.runs / job_id)
        job = _as_succeeded(Ground.store.job(job_id))
        held = finish_run(Ground.runs / job_id, plan=inputs.run.plan, job=job).evaluation.comparison
    except (TuneGateError, OSError) as error:
        _fail_with(job_id, error)
        return False
    inputs_path(Ground.runs, job_id).unlink(missing_ok=True)
    gate: dict[str, Any] = {"gate": held.gate, "gate_why": held.why} if held is not None else {}
    if held is not None:
        said = {"message": f"gate {held.gate or 'open'}: {held.why}"}
        Ground.store.update_job(job_id, lambda job: job, ("log", said))
    return enter(Ground.store, job_id, "succeeded", **gate).state == "succeeded"


def _as_succeeded(job: Job) -> Job:
    """The job as the artifact shows it: its files are written just before it is said to have succeeded."""
    return job if job.state in ENDED else msgspec.structs.replace(job, state="succeeded", step="manifest")


def _fail_with(job_id: str, error: Exception) -> None:
    known: Any = error if isinstance(error, TuneGateError) else TuneGateError("environment", type(error).__name__)
    fail(Ground.store, job_id, JobError(known.code, known.detail, known.remedy))
