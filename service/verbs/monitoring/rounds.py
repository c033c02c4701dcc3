"""Carries monitors on: claims what is due, asks for its evaluation, and holds what came of it against the baseline.

Called at every look of the caretaker. All that it does may be done twice, by two services or after a kill: a slot has
one run, a run one evaluation (its Idempotency-Key is the run's id), and a run ends once.
"""

from __future__ import annotations

import asyncio
import logging
import time

import msgspec

from service.clock import now
from service.errors import TuneGateError
from service.evaluate.answered_rows import kept_rows
from service.evaluate.drift.evaluations import Evaluated
from service.evaluate.drift.rules import drift_rules
from service.evaluate.drift.thresholds import with_thresholds
from service.jobs.outside_inputs import ANSWERS
from service.jobs.schedules import next_slot
from service.records.access import Caller
from service.records.drift import DriftReport
from service.records.evaluation import Evaluation
from service.records.evaluation_job import EvaluationJob
from service.records.job import ENDED
from service.records.monitor import Monitor, MonitorRun, Redecision, RunError
from service.records.webhook import DriftDetected
from service.store.monitors import OpenRun
from service.verbs import evaluations
from service.verbs.context import Context
from service.verbs.drift import drift_of_evaluations
from service.verbs.monitoring.redecide import redecide

_LOG = logging.getLogger("tunegate.monitors")
_ACTOR = "monitor"
# a run that meets what nobody handles is tried so often before it is given up
_MOST_TRIES = 3
# slots are minutes apart
_IDLE_SECONDS = 5.0


class Rounds:
    """One in every service that carries out jobs."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._going: dict[str, asyncio.Task[None]] = {}
        self._tries: dict[str, int] = {}
        self._looked = -_IDLE_SECONDS

    async def look(self) -> None:
        """Claim what is due, and go on with what is open; what takes long goes on beside the next looks."""
        if time.monotonic() - self._looked < _IDLE_SECONDS:
            return
        store = self._context.store.monitors
        await asyncio.to_thread(store.claim_due, lambda one: next_slot(one.schedule, one.created_at))
        found = await asyncio.to_thread(store.open_runs)
        # while nothing is open, most looks cost nothing at all
        self._looked = -_IDLE_SECONDS if found else time.monotonic()
        for one in found:
            if one.run.id not in self._going:
                task = self._going[one.run.id] = asyncio.create_task(self._go_on(one))
                task.add_done_callback(lambda _, run=one.run.id: self._going.pop(run))  # type: ignore[misc]

    async def end(self) -> None:
        """Leave what goes on to the next start."""
        for task in list(self._going.values()):
            task.cancel()
        await asyncio.gather(*self._going.values(), return_exceptions=True)

    async def _go_on(self, one: OpenRun) -> None:
        own = self._context.of(Caller(one.project, f"{_ACTOR}:{one.monitor.id}", frozenset()))
        try:
            if one.run.evaluation is None:
                body = msgspec.json.encode(one.monitor.evaluation)
                job = await evaluations.launch(own, body, idempotency_key=f"{_ACTOR}/{one.run.id}")
                await asyncio.to_thread(own.store.monitors.begun, one.run.id, job.id)
            else:
                await asyncio.to_thread(_conclude, own, one.monitor, one.run)
            self._tries.pop(one.run.id, None)
        except TuneGateError as error:
            await asyncio.to_thread(_failed, own, one.run, RunError(error.code, error.detail, error.remedy))
        except Exception as error:  # noqa: BLE001 - its words may repeat an answer, its type does not
            tries = self._tries[one.run.id] = self._tries.get(one.run.id, 0) + 1
            _LOG.error("A monitor's run failed (%s).", type(error).__name__, extra={"fields": {"run_id": one.run.id}})
            if tries >= _MOST_TRIES:
                broke = RunError("internal", f"The run met {type(error).__name__}, which nobody handles.", "Report it.")
                await asyncio.to_thread(_failed, own, one.run, broke)


def _failed(context: Context, run: MonitorRun, error: RunError) -> None:
    context.store.monitors.end(msgspec.structs.replace(run, state="failed", error=error, ended_at=now()))


def _conclude(context: Context, monitor: Monitor, run: MonitorRun) -> None:
    """End the run once its evaluation has ended; until then nothing happens."""
    assert run.evaluation is not None
    job = context.store.evaluations.get(run.evaluation)
    if job.state not in ENDED:
        return
    if job.evaluation_id is None:
        code = "job_cancelled" if job.error is None else job.error.code
        detail = f"Its evaluation {job.state}." if job.error is None else job.error.detail
        raise TuneGateError(code, detail, remedy="" if job.error is None else job.error.remedy)
    ended = msgspec.structs.replace(run, state="succeeded", ended_at=now())
    if monitor.baseline is None:
        context.store.monitors.end(msgspec.structs.replace(ended, verdict="baseline"), baseline=job.id)
        return
    before, after = _evaluated(context, _baseline(context, monitor.baseline)), _evaluated(context, job)
    rules = with_thresholds(drift_rules(context.rules), monitor.thresholds)
    report = drift_of_evaluations(
        before, after, rules=context.rules, thresholds=rules, measures=monitor.measures, seed=0
    )
    report = context.store.put("drift", report.id, report)
    ended = msgspec.structs.replace(ended, verdict=report.verdict, drift_id=report.id)
    if report.verdict != "drifted":
        context.store.monitors.end(ended)
        return
    made, why = _redecided(context, monitor, report, after.record)
    ended = msgspec.structs.replace(ended, redecision_id=None if made is None else made.id, redecision_error=why)
    told = DriftDetected(
        project=context.caller.project, monitor=monitor.id, run=run.id, drift_id=report.id,
        evaluation_id=after.record.id, rules=list(dict.fromkeys(one.rule for one in report.findings)),
        redecision_id=ended.redecision_id, changes_answer=None if made is None else made.changes_answer,
    )  # fmt: skip
    context.store.monitors.end(ended, told)


def _redecided(
    context: Context, monitor: Monitor, report: DriftReport, evaluation: Evaluation
) -> tuple[Redecision | None, RunError | None]:
    """A drift is told also where no decision can be made of it."""
    if monitor.decision_id is None:
        return None, None
    try:
        return redecide(context, monitor, report, evaluation), None
    except TuneGateError as error:
        return None, RunError(error.code, error.detail, error.remedy)


def _baseline(context: Context, identifier: str) -> EvaluationJob:
    try:
        job = context.store.evaluations.get(identifier)
    except TuneGateError:
        job = None
    if job is None or job.evaluation_id is None:
        raise TuneGateError(
            "unknown_id", "The evaluation that is the monitor's baseline was removed.",
            remedy="Make the monitor anew: its first run, or the evaluation that you name, is the baseline.",
        )  # fmt: skip
    return job


def _evaluated(context: Context, job: EvaluationJob) -> Evaluated:
    """The record, and the rows where this service has them: only then are they paired."""
    assert job.evaluation_id is not None
    record = context.store.get("evaluation", job.evaluation_id, Evaluation)
    return Evaluated(job.id, record, kept_rows(context.settings.evaluations / job.id / ANSWERS))
