"""Ends a run: what it measured is held against the baseline, and drift is told and decided anew."""

from __future__ import annotations

import asyncio

import msgspec

from service.clock import now
from service.errors import TuneGateError
from service.evaluate.answered_rows import kept_rows
from service.evaluate.drift.evaluations import Evaluated
from service.evaluate.drift.rules import drift_rules
from service.evaluate.drift.thresholds import with_thresholds
from service.jobs.outside_inputs import ANSWERS
from service.records.dataset import Dataset
from service.records.drift import DriftReport
from service.records.evaluation import Evaluation
from service.records.evaluation_job import EvaluationJob
from service.records.job import ENDED
from service.records.monitor import Monitor, MonitorRun, Redecision, RunError
from service.records.webhook import DriftDetected
from service.verbs.context import Context
from service.verbs.drift import drift_of_evaluations
from service.verbs.monitoring.data import compared_data
from service.verbs.monitoring.redecide import redecide


async def conclude(context: Context, monitor: Monitor, run: MonitorRun) -> None:
    """End the run once there is something to compare; until then nothing happens.

    Raises:
        TuneGateError: why it says nothing; what the storage raises.
    """
    if run.dataset is None:
        await asyncio.to_thread(_evaluated_run, context, monitor, run)
        return
    dataset = await asyncio.to_thread(context.store.get, "dataset", run.dataset, Dataset)
    if monitor.baseline is None:
        await asyncio.to_thread(_first, context, run, dataset.id)
        return
    before = await asyncio.to_thread(_baseline_data, context, monitor.baseline)
    report = await compared_data(context, monitor, before, dataset)
    await asyncio.to_thread(_judged, context, monitor, run, report, dataset)


def _evaluated_run(context: Context, monitor: Monitor, run: MonitorRun) -> None:
    assert run.evaluation is not None
    job = context.store.evaluations.get(run.evaluation)
    if job.state not in ENDED:
        return
    if job.evaluation_id is None:
        code = "job_cancelled" if job.error is None else job.error.code
        detail = f"Its evaluation {job.state}." if job.error is None else job.error.detail
        raise TuneGateError(code, detail, remedy="" if job.error is None else job.error.remedy)
    if monitor.baseline is None:
        _first(context, run, job.id)
        return
    before, after = _evaluated(context, _baseline(context, monitor.baseline)), _evaluated(context, job)
    rules = with_thresholds(drift_rules(context.rules), monitor.thresholds)
    report = drift_of_evaluations(
        before, after, rules=context.rules, thresholds=rules, measures=monitor.measures, seed=0
    )
    _judged(context, monitor, run, report, after.record)


def _first(context: Context, run: MonitorRun, baseline: str) -> None:
    ended = msgspec.structs.replace(run, state="succeeded", ended_at=now(), verdict="baseline")
    context.store.monitors.end(ended, baseline=baseline)


def _judged(
    context: Context, monitor: Monitor, run: MonitorRun, report: DriftReport, measured: Evaluation | Dataset
) -> None:
    """Keep the report and end the run; of drift webhooks are told, with what would be decided now."""
    report = context.store.put("drift", report.id, report)
    ended = msgspec.structs.replace(run, state="succeeded", ended_at=now(), verdict=report.verdict, drift_id=report.id)
    if report.verdict != "drifted":
        context.store.monitors.end(ended)
        return
    made, why = _redecided(context, monitor, report, measured)
    ended = msgspec.structs.replace(ended, redecision_id=None if made is None else made.id, redecision_error=why)
    told = DriftDetected(
        project=context.caller.project, monitor=monitor.id, run=run.id, drift_id=report.id,
        evaluation_id=measured.id if isinstance(measured, Evaluation) else None,
        dataset_id=measured.id if isinstance(measured, Dataset) else None,
        rules=list(dict.fromkeys(one.rule for one in report.findings)),
        redecision_id=ended.redecision_id, changes_answer=None if made is None else made.changes_answer,
    )  # fmt: skip
    context.store.monitors.end(ended, told)


def _redecided(
    context: Context, monitor: Monitor, report: DriftReport, measured: Evaluation | Dataset
) -> tuple[Redecision | None, RunError | None]:
    """A drift is told also where no decision can be made of it."""
    if monitor.decision_id is None:
        return None, None
    try:
        return redecide(context, monitor, report, measured), None
    except TuneGateError as error:
        return None, RunError(error.code, error.detail, error.remedy)


def _baseline(context: Context, identifier: str) -> EvaluationJob:
    try:
        job = context.store.evaluations.get(identifier)
    except TuneGateError:
        job = None
    if job is None or job.evaluation_id is None:
        raise _removed("evaluation")
    return job


def _baseline_data(context: Context, identifier: str) -> Dataset:
    try:
        return context.store.get("dataset", identifier, Dataset)
    except TuneGateError as error:
        raise _removed("dataset") from error


def _removed(what: str) -> TuneGateError:
    return TuneGateError(
        "unknown_id", f"The {what} that is the monitor's baseline was removed.",
        remedy=f"Make the monitor anew: its first run, or the {what} that you name, is the baseline.",
    )  # fmt: skip


def _evaluated(context: Context, job: EvaluationJob) -> Evaluated:
    """The record, and the rows where this service has them: only then are they paired."""
    assert job.evaluation_id is not None
    record = context.store.get("evaluation", job.evaluation_id, Evaluation)
    return Evaluated(job.id, record, kept_rows(context.settings.evaluations / job.id / ANSWERS))
