"""Evaluations as durable workflows: each in a process of its own, found again or started again after a restart.

What was answered lies in the evaluation's folder, so that a process that is started again asks for the rest alone.
"""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from pathlib import Path

import msgspec
from dbos import DBOS, SetWorkflowID

from service.clock import now
from service.errors import TuneGateError
from service.files import write_atomically, write_error
from service.launch.local import start_trainer, stop_trainer, trainer_alive, work_plan
from service.records.evaluation_job import (
    EvaluationError,
    EvaluationJob,
    EvaluationMoment,
    EvaluationOutcome,
    EvaluationProgress,
    EvaluationState,
)
from service.records.job import ENDED
from service.store.store import Store

ENTRY = "service.verbs.evaluation_process"
OUTCOME, PROGRESS, ANSWERS = "outcome.json", "progress.json", "answers"
QUEUE = "evaluations"
# at a time; they wait for endpoints most of their time
MOST_AT_ONCE = 2
# every look costs an idle service time; an evaluation takes seconds at least
QUEUE_POLL_SECONDS = 0.5
_POLL_SECONDS, _GRACE_SECONDS = 0.2, 10.0
_MAX_STARTS = 3


class EvaluationGround:
    """What the steps stand on; set once by the service before DBOS starts."""

    store: Store
    folder: Path


@DBOS.workflow(name="carry_out_evaluation")
async def carry_out_evaluation(identifier: str) -> None:
    """One evaluation from queued to its end."""
    if await follow_evaluation(identifier):
        await conclude_evaluation(identifier)


@DBOS.step(name="follow_evaluation", preemptible=True)
async def follow_evaluation(identifier: str) -> bool:
    """Start the process or adopt the living one, and wait for its end; one that was killed is started again."""
    out = EvaluationGround.folder / identifier
    if await asyncio.to_thread(_state, identifier) is None:
        return False
    try:
        if (await asyncio.to_thread(enter, identifier, "running")).state != "running":
            return False
        for _ in range(_MAX_STARTS):
            if not await asyncio.to_thread(_start_or_adopt, identifier, out):
                return False
            await _until_dead(identifier, out)
            if read_outcome(out) is not None:
                return True
        remedy = "Ask again with `continues`: what was answered is kept. Often too little memory is left for a model."
        error = EvaluationError("trainer_died", "The process that evaluates was ended.", remedy)
        await asyncio.to_thread(_fail, identifier, error)
    except BaseException:
        # only one that is being cancelled may lose its process: a run that was fenced off must not end the adopted one
        if _state(identifier) in {"cancelling", "cancelled", None}:
            await asyncio.to_thread(stop_trainer, out, grace_seconds=_GRACE_SECONDS)
        raise
    return False


@DBOS.step(name="conclude_evaluation")
async def conclude_evaluation(identifier: str) -> bool:
    """Keep the record where decisions and plans look for it."""
    return await asyncio.to_thread(_conclude, identifier)


def enter(identifier: str, state: EvaluationState, **changes: object) -> EvaluationJob:
    """Enter a state unless the evaluation has ended, or is being cancelled and this is not its end."""

    def change(job: EvaluationJob) -> EvaluationJob | None:
        if job.state in ENDED or job.state == state or (job.state == "cancelling" and state != "cancelled"):
            return None
        timeline = [*job.timeline, EvaluationMoment(state, now())]
        return msgspec.structs.replace(job, state=state, timeline=timeline, **changes)

    return EvaluationGround.store.evaluations.update(identifier, change)


def read_outcome(out: Path) -> EvaluationOutcome | None:
    """What the process left, or None: it is the only proof that it came to its end."""
    try:
        return msgspec.json.decode((out / OUTCOME).read_bytes(), type=EvaluationOutcome)
    except FileNotFoundError:
        return None


class EvaluationRunner:
    """Submits, cancels and stops evaluations."""

    def __init__(self, store: Store, folder: Path) -> None:
        EvaluationGround.store, EvaluationGround.folder = store, folder
        self._store, self._folder = store, folder
        self._cancelling: set[asyncio.Task[None]] = set()

    def prepare(self, identifier: str, work: bytes, *, answers: bytes | None) -> Path:
        """Make the folder, readable by this user alone, with what the process is to do and answers from before."""
        out = self._folder / identifier
        (out / ANSWERS).mkdir(parents=True, mode=0o700)
        out.chmod(0o700)
        write_atomically(work_plan(out), work)
        if answers is not None:
            write_atomically(out / ANSWERS / "answers.jsonl", answers)
        return out

    async def submit(self, identifier: str) -> None:
        """Queue one that is stored and prepared; the id is the workflow's, so twice is once."""
        with SetWorkflowID(identifier):
            await DBOS.enqueue_workflow_async(QUEUE, carry_out_evaluation, identifier)

    def cancel_soon(self, identifier: str) -> None:
        """Cancel in the background; the state is already `cancelling`."""
        task = asyncio.create_task(self._cancel(identifier))
        self._cancelling.add(task)
        task.add_done_callback(self._cancelling.discard)

    async def remove(self, identifier: str) -> None:
        """End it with its processes if it has not ended, and remove its folder, its row and its record.

        The row goes last, so that what was cut off can be asked for again.

        Raises:
            TuneGateError: `unknown_id`.
        """
        job = await asyncio.to_thread(enter, identifier, "cancelling")
        if job.state == "cancelling":
            await self._cancel(identifier)
        await asyncio.to_thread(_remove, identifier, self._folder / identifier)

    async def sweep(self) -> None:
        """After a start: queue what was stored and not queued, and finish cancellations that were cut off."""
        for job in await asyncio.to_thread(self._open):
            if job.state == "cancelling":
                await self._cancel(job.id)
            elif job.state == "queued":
                await self.submit(job.id)

    async def stop_all(self) -> None:
        """Cancel everything that has not ended, and wait until no process is left."""
        for job in await asyncio.to_thread(self._open):
            with suppress(TuneGateError):
                await asyncio.to_thread(enter, job.id, "cancelling")
            await self._cancel(job.id)

    async def _cancel(self, identifier: str) -> None:
        await DBOS.cancel_workflow_async(identifier)
        await asyncio.to_thread(stop_trainer, self._folder / identifier, grace_seconds=_GRACE_SECONDS)
        with suppress(TuneGateError):  # removed meanwhile
            await asyncio.to_thread(enter, identifier, "cancelled")

    def _open(self) -> list[EvaluationJob]:
        every = self._store.evaluations.page(after=0, limit=1_000_000)
        return [job for _, job in every if job.state not in ENDED]


def _start_or_adopt(identifier: str, out: Path) -> bool:
    if read_outcome(out) is not None or trainer_alive(out):
        return True
    if _state(identifier) != "running":
        return False
    try:
        start_trainer(out, ENTRY)
    except (TuneGateError, OSError) as error:
        known = error if isinstance(error, TuneGateError) else TuneGateError("environment", type(error).__name__)
        _fail(identifier, EvaluationError(known.code, known.detail, known.remedy))
        return False
    if (state := _state(identifier)) != "running":
        # cancelled while it was being started: whoever cancelled it may not have seen it yet
        stop_trainer(out, grace_seconds=0)
        if state is None:
            shutil.rmtree(out, ignore_errors=True)
        return False
    return True


async def _until_dead(identifier: str, out: Path) -> None:
    shown, running = EvaluationProgress(), True
    while running:
        running = await asyncio.to_thread(trainer_alive, out)
        shown = await asyncio.to_thread(_show, identifier, out, shown)
        if running:
            await asyncio.sleep(_POLL_SECONDS)


def _show(identifier: str, out: Path, shown: EvaluationProgress) -> EvaluationProgress:
    """Take over how far the process is."""
    try:
        seen = msgspec.json.decode((out / PROGRESS).read_bytes(), type=EvaluationProgress)
    except FileNotFoundError:
        return shown
    if seen != shown:
        EvaluationGround.store.evaluations.update(identifier, lambda job: msgspec.structs.replace(job, progress=seen))
    return seen


def _conclude(identifier: str) -> bool:
    outcome = read_outcome(EvaluationGround.folder / identifier)
    assert outcome is not None
    if outcome.record is None:
        error = outcome.error or EvaluationError("internal", "The process that evaluates left no record.", "")
        return _fail(identifier, error)
    # where its project looks for it
    try:
        project = EvaluationGround.store.evaluations.project(identifier)
    except TuneGateError:
        return False
    record = EvaluationGround.store.of(project).put("evaluation", outcome.record.id, outcome.record)
    try:
        kept = enter(identifier, "succeeded", asking=outcome.asking, evaluation_id=record.id).state == "succeeded"
    except TuneGateError:
        kept = False
    if not kept:
        # one that was cancelled or removed meanwhile leaves none behind
        EvaluationGround.store.evaluations.forget_unnamed(record.id, project)
    return kept


def _remove(identifier: str, out: Path) -> None:
    _remove_folder(out)
    EvaluationGround.store.evaluations.forget(identifier)
    # a process that was being started when the folder went may have made it again
    _remove_folder(out)


def _remove_folder(out: Path) -> None:
    try:
        shutil.rmtree(out)
    except FileNotFoundError:
        return
    except OSError as error:
        raise write_error(out, error) from error


def _state(identifier: str) -> EvaluationState | None:
    """The state it is in; None for one that was removed."""
    try:
        return EvaluationGround.store.evaluations.get(identifier).state
    except TuneGateError:
        return None


def _fail(identifier: str, error: EvaluationError) -> bool:
    enter(identifier, "failed", error=error)
    return False
