"""Removes what was stored for good, with its entry in the audit log, and finds what is old enough to go."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import sqlalchemy as sa

from service.errors import TuneGateError
from service.records.access import Deed
from service.records.dataset import Dataset
from service.records.evaluation_job import EvaluationJob
from service.records.job import ENDED, Job
from service.records.synth_job import SynthJob
from service.store.audit import append
from service.store.projects import within
from service.store.tables import DEFAULT_PROJECT, audit, evaluations, jobs, records, syntheses


class _Named(msgspec.Struct, frozen=True):
    id: str | None = None


class _Plan(msgspec.Struct, frozen=True):
    """What of a plan says which data it needs."""

    dataset: _Named
    lint_report: str | None
    validation: _Named | None = None

    def reads(self, dataset: str) -> bool:
        return dataset in {self.dataset.id, self.validation.id if self.validation else None}


class Removal:
    """All calls are synchronous and durable when they return; `settle` makes what was removed unreadable too."""

    def __init__(self, engine: sa.Engine, project: str | None) -> None:
        self._engine = engine
        self._project = project
        self._place = project or DEFAULT_PROJECT

    def job(self, identifier: str, deed: Deed) -> None:
        """Remove a job with its events; nothing happens where another one was faster."""
        with self._engine.begin() as connection:
            gone = connection.execute(sa.delete(jobs).where(jobs.c.id == identifier, within(jobs, self._project)))
            if gone.rowcount:
                append(connection, self._project, deed, identifier)

    def dataset(self, identifier: str, deed: Deed) -> None:
        """Remove a dataset's record, and its report unless another dataset or a plan on other data needs it."""
        with self._engine.begin() as connection:
            body = connection.execute(sa.select(records.c.body).where(*self._one("dataset", identifier))).scalar()
            gone = connection.execute(sa.delete(records).where(*self._one("dataset", identifier)))
            if not gone.rowcount:
                return
            report = msgspec.json.decode(str(body), type=Dataset).report.id
            if not self._needed(connection, report, identifier):
                connection.execute(sa.delete(records).where(*self._one("lint_report", report)))
            append(connection, self._project, deed, identifier)

    def require_unused(self, dataset: str) -> None:
        """Refuse while a job that has not ended reads it.

        Raises:
            TuneGateError: `dataset_in_use`.
        """
        query = sa.select(jobs.c.body).where(jobs.c.ended.is_(False), within(jobs, self._project))
        with self._engine.connect() as connection:
            bodies = connection.execute(query).scalars()
            running = [msgspec.json.decode(one, type=Job) for one in bodies]
            for job in running:
                plan = connection.execute(sa.select(records.c.body).where(*self._one("plan", job.plan))).scalar()
                if plan is not None and msgspec.json.decode(plan, type=_Plan).reads(dataset):
                    remedy = f"Wait for its end, or cancel it: POST /v1/jobs/{job.id}/cancel."
                    raise TuneGateError("dataset_in_use", f"The job {job.id} reads this dataset.", remedy=remedy)

    def old_datasets(self, before: str) -> list[tuple[str, str]]:
        """(project, id) of datasets stored before a time (UTC, ISO 8601)."""
        query = sa.select(records.c.project, records.c.id).where(
            records.c.kind == "dataset", records.c.created_at < before, within(records, self._project)
        )
        with self._engine.connect() as connection:
            return [(str(project), str(one)) for project, one in connection.execute(query)]

    def old_jobs(self, before: str) -> list[tuple[str, str]]:
        """(project, id) of jobs that ended before a time."""
        return self._old(jobs, Job, before)

    def old_evaluations(self, before: str) -> list[tuple[str, str]]:
        """(project, id) of evaluations that ended before a time."""
        return self._old(evaluations, EvaluationJob, before)

    def old_syntheses(self, before: str) -> list[tuple[str, str]]:
        """The same of syntheses."""
        return self._old(syntheses, SynthJob, before)

    def old_synth_records(self, before: str) -> list[tuple[str, str]]:
        """(project, id) of records of syntheses, brought or made here, that were kept before a time."""
        old = sa.and_(records.c.kind == "synth", records.c.created_at < before)
        query = sa.select(records.c.project, records.c.id).where(old, within(records, self._project))
        with self._engine.connect() as connection:
            return [(str(project), str(one)) for project, one in connection.execute(query)]

    def was_removed(self, job: str) -> bool:
        """Whether the audit log says that a job was removed."""
        query = sa.select(audit.c.n).where(audit.c.action == "job.deleted", audit.c.subject == job)
        with self._engine.connect() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def _old(self, table: sa.Table, type_: type[Job | EvaluationJob | SynthJob], before: str) -> list[tuple[str, str]]:
        return [
            (project, one.id)
            for project, body in self._rows(table)
            if (one := msgspec.json.decode(body, type=type_)).state in ENDED and one.timeline[-1].at < before
        ]

    def _rows(self, table: sa.Table) -> Iterator[tuple[str, str]]:
        query = sa.select(table.c.project, table.c.body).where(within(table, self._project))
        with self._engine.connect() as connection:
            for project, body in connection.execution_options(yield_per=200).execute(query):
                yield str(project), str(body)

    def _needed(self, connection: sa.Connection, report: str, dataset: str) -> bool:
        # ids are hex digits, so nothing in them is a wildcard
        query = sa.select(records.c.kind, records.c.body).where(
            records.c.project == self._place,
            records.c.kind.in_(["dataset", "plan"]),
            records.c.body.contains(report),
        )
        for kind, body in connection.execute(query):
            if kind == "dataset" and msgspec.json.decode(body, type=Dataset).report.id == report:
                return True
            if kind == "plan":
                plan = msgspec.json.decode(body, type=_Plan)
                if plan.lint_report == report and not plan.reads(dataset):
                    return True
        return False

    def _one(self, kind: str, identifier: str) -> tuple[sa.ColumnElement[bool], ...]:
        return records.c.project == self._place, records.c.kind == kind, records.c.id == identifier
