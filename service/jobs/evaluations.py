"""Evaluations as work of processes of their own; their records are kept where decisions and plans look for them."""

from __future__ import annotations

from pathlib import Path

from service.jobs.ground import Ground
from service.jobs.outside import Outcome, Outside
from service.records.evaluation_job import EvaluationJob, EvaluationOutcome, EvaluationProgress

EVALUATIONS: Outside[EvaluationJob] = Outside(
    "evaluation",
    "evaluates",
    queue="evaluations",
    entry="service.verbs.evaluating.process",
    rows=lambda store: store.evaluations,
    outcome=EvaluationOutcome,
    progress=EvaluationProgress,
)


def _keep(identifier: str, project: str, out: Path, outcome: Outcome) -> dict[str, object]:
    del identifier, out
    assert isinstance(outcome, EvaluationOutcome)
    assert outcome.record is not None
    record = Ground.store.of(project).put("evaluation", outcome.record.id, outcome.record)
    return {"asking": outcome.asking, "evaluation_id": record.id}


def _drop(project: str, kept: dict[str, object]) -> None:
    Ground.store.evaluations.forget_unnamed(str(kept["evaluation_id"]), project)


EVALUATIONS.keep, EVALUATIONS.drop = _keep, _drop
