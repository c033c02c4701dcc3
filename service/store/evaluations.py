"""Reads and writes the evaluations that the service carries out, changed in place until they end."""

from __future__ import annotations

import sqlalchemy as sa

from service.records.evaluation_job import EvaluationJob
from service.records.webhook import evaluation_ended
from service.store.outbox import Data
from service.store.tables import evaluations
from service.store.works import Works


class Evaluations(Works[EvaluationJob]):
    """All calls are synchronous and durable when they return."""

    record_kinds = ("evaluation",)

    def __init__(self, engine: sa.Engine, project: str | None = None) -> None:
        super().__init__(engine, project, evaluations, EvaluationJob, "evaluation")

    def record_of(self, job: EvaluationJob) -> str | None:
        return job.evaluation_id

    def message(self, project: str, changed: EvaluationJob) -> tuple[str, Data]:
        return evaluation_ended(project, changed)
