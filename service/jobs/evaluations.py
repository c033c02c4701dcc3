"""Evaluations as durable workflows: each in a process of its own, found again or started again after a restart.

What was answered lies in the evaluation's folder, so that a process that is started again asks for the rest alone.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Literal

import msgspec
from dbos import DBOS

from service.clock import now
from service.errors import TuneGateError
from service.jobs.carrying import carrier, carrying, patiently, take
from service.jobs.evaluation_folders import settled, within_reach
from service.jobs.executor import Executor
from service.jobs.keeping import PASSES
from service.launch.local import start_trainer, stop_trainer, trainer_alive
from service.records.evaluation_job import (
    EvaluationError,
    EvaluationJob,
    EvaluationMoment,
    EvaluationOutcome,
    EvaluationProgress,
    EvaluationState,
)
from service.records.job import ENDED
from service.store.runs import Fenced
from service.store.store import Store

ENTRY = "service.verbs.evaluating.process"
OUTCOME, PROGRESS, ANSWERS = "outcome.json", "progress.json", "answers"
QUEUE = "evaluations"
# at a time; they wait for endpoints most of their time
MOST_AT_ONCE = 2
_POLL_SECONDS, GRACE_SECONDS = 0.2, 10.0
_WAIT_SECONDS = 5.0
_MAX_STARTS = 3
_DIED = EvaluationError(
    "trainer_died",
    "The process that evaluates was ended.",
    "Ask again with `continues`: what was answered is kept. Often too little memory is left for a model.",
)
_OUT_OF_REACH = EvaluationError(
    "environment", "The service that has the evaluation's files is gone, and they cannot be reached here.", "Ask again."
)


class EvaluationGround:
    """What the steps stand on; set once by the service before DBOS starts."""

    store: Store
    folder: Path
    executor: Executor


@DBOS.workflow(name="carry_out_evaluation")
async def carry_out_evaluation(identifier: str) -> None:
    """One evaluation from queued to its end."""
    with carrying(identifier):
        while await follow_evaluation(identifier):
            if await conclude_evaluation(identifier) != "gone":
                break


@DBOS.step(name="follow_evaluation", preemptible=True)
async def follow_evaluation(identifier: str) -> bool:
    """Start the process or adopt the living one, and wait for its end; one that was killed is started again."""
    await take(EvaluationGround.store.runs, EvaluationGround.executor)
    if await patiently(state_of, identifier) is None:
        return False
    try:
        if (await patiently(enter, identifier, "running")).state != "running":
            return False
        out = await _settled(identifier)
        if out is None:
            return False
        for _ in range(_MAX_STARTS):
            if not await patiently(_start_or_adopt, identifier, out):
                return False
            await _until_dead(identifier, out)
            if read_outcome(out) is not None:
                return True
        await patiently(fail, identifier, _DIED)
    except BaseException:
        # only one that is being cancelled may lose its process: a run that was fenced off must not end the adopted one
        if await patiently(state_of, identifier) in {"cancelling", "cancelled", None}:
            out = EvaluationGround.folder / identifier
            await asyncio.to_thread(stop_trainer, out, grace_seconds=GRACE_SECONDS)
        raise
    return False


@DBOS.step(name="conclude_evaluation")
async def conclude_evaluation(identifier: str) -> Literal["gone"] | bool:
    """Keep the record where decisions and plans look for it; "gone" where its folder is on a host that is lost."""
    await take(EvaluationGround.store.runs, EvaluationGround.executor)
    return await patiently(_conclude, identifier)


def enter(identifier: str, state: EvaluationState, **changes: object) -> EvaluationJob:
    """Enter a state unless the evaluation has ended, or is being cancelled and this is not its end."""

    def change(job: EvaluationJob) -> EvaluationJob | None:
        if job.state in ENDED or job.state == state or (job.state == "cancelling" and state != "cancelled"):
            return None
        timeline = [*job.timeline, EvaluationMoment(state, now())]
        return msgspec.structs.replace(job, state=state, timeline=timeline, **changes)

    return EvaluationGround.store.evaluations.update(identifier, change, carrier=carrier())


def read_outcome(out: Path) -> EvaluationOutcome | None:
    """What the process left, or None: it is the only proof that it came to its end."""
    try:
        return msgspec.json.decode((out / OUTCOME).read_bytes(), type=EvaluationOutcome)
    except FileNotFoundError:
        return None


async def _settled(identifier: str) -> Path | None:
    """Its folder, once the storage gives what it reads; None when it has ended or is being cancelled."""
    while (await patiently(state_of, identifier)) == "running":
        try:
            out = await patiently(settled, identifier, EvaluationGround.folder)
        except (TuneGateError, OSError) as error:
            if not isinstance(error, TuneGateError) or error.code not in PASSES:
                await patiently(fail, identifier, _told(error))
                return None
        else:
            if out is None:
                await patiently(fail, identifier, _OUT_OF_REACH)
            return out
        await asyncio.sleep(_WAIT_SECONDS)
    return None


def _told(error: Exception) -> EvaluationError:
    known = error if isinstance(error, TuneGateError) else TuneGateError("environment", type(error).__name__)
    return EvaluationError(known.code, known.detail, known.remedy)


def _start_or_adopt(identifier: str, out: Path) -> bool:
    if read_outcome(out) is not None or trainer_alive(out):
        return True
    if state_of(identifier) != "running":
        return False
    try:
        start_trainer(out, ENTRY)
    except (TuneGateError, OSError) as error:
        fail(identifier, _told(error))
        return False
    if (state := state_of(identifier)) != "running":
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
        shown = await patiently(_show, identifier, out, shown)
        if running:
            await asyncio.sleep(_POLL_SECONDS)


def _show(identifier: str, out: Path, shown: EvaluationProgress) -> EvaluationProgress:
    """Take over how far the process is."""
    try:
        seen = msgspec.json.decode((out / PROGRESS).read_bytes(), type=EvaluationProgress)
    except FileNotFoundError:
        seen = shown
    mine = carrier()
    if mine is not None and EvaluationGround.store.runs.get(identifier).carrier not in {mine, None}:
        raise Fenced(identifier)
    if seen != shown:
        change = lambda job: msgspec.structs.replace(job, progress=seen)  # noqa: E731
        EvaluationGround.store.evaluations.update(identifier, change, carrier=mine)
    return seen


def _conclude(identifier: str) -> Literal["gone"] | bool:
    state = state_of(identifier)
    if state is None or state in ENDED:
        return False  # a kill came before its end was noted
    out = within_reach(identifier, EvaluationGround.folder)
    outcome = read_outcome(out) if out is not None else None
    if outcome is None:
        return "gone"
    if outcome.record is None:
        error = outcome.error or EvaluationError("internal", "The process that evaluates left no record.", "")
        return fail(identifier, error)
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


def state_of(identifier: str) -> EvaluationState | None:
    """The state it is in; None for one that was removed."""
    try:
        return EvaluationGround.store.evaluations.get(identifier).state
    except TuneGateError:
        return None


def fail(identifier: str, error: EvaluationError) -> bool:
    """End it as failed; False, as a step says that it is over."""
    enter(identifier, "failed", error=error)
    return False
