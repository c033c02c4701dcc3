"""Reads and writes the evaluations that the service carries out, changed in place until they end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import sqlalchemy as sa

from service.errors import TuneGateError
from service.records.access import Deed
from service.records.evaluation_job import EvaluationJob
from service.records.job import ENDED
from service.records.webhook import evaluation_ended
from service.store.audit import append
from service.store.database import changing
from service.store.numbers import insert_numbered
from service.store.outbox import tell
from service.store.projects import key_digest, within
from service.store.quotas import require_turn
from service.store.runs import add, end, require_carrier
from service.store.tables import DEFAULT_PROJECT, evaluations, records

Change = Callable[[EvaluationJob], EvaluationJob | None]


class _Named(msgspec.Struct, frozen=True):
    evaluation_id: str | None


class Evaluations:
    """All calls are synchronous and durable when they return."""

    def __init__(self, engine: sa.Engine, project: str | None = None) -> None:
        self._engine = engine
        self._project = project

    def add(
        self,
        job: EvaluationJob,
        idempotency_key: str | None,
        deeds: Sequence[Deed] = (),
        *,
        inputs: str | None = None,
        most_open: int | None = None,
    ) -> tuple[EvaluationJob, bool]:
        """Keep a new one, who asked for it and what it needs; (the earlier one, False) when the key was used before.

        Raises:
            TuneGateError: `quota_exceeded` where the project has `most_open` evaluations that have not ended.
        """
        key = key_digest(self._project, idempotency_key)
        row = {"id": job.id, "idempotency_key": key, "body": _encode(job)}
        project = self._project or DEFAULT_PROJECT
        try:
            with self._engine.begin() as connection:
                insert_numbered(connection, evaluations, row | {"project": project})
                require_turn(connection, evaluations, project, most_open)
                add(connection, job.id, inputs)
                for deed in deeds:
                    append(connection, self._project, deed, job.id)
        except sa.exc.IntegrityError:
            if key is None:
                raise  # every other caller's that has none would fit
            query = sa.select(evaluations.c.body).where(evaluations.c.idempotency_key == key)
            with self._engine.connect() as connection:
                return msgspec.json.decode(connection.execute(query).scalar_one(), type=EvaluationJob), False
        return job, True

    def get(self, identifier: str) -> EvaluationJob:
        """One by id.

        Raises:
            TuneGateError: `unknown_id`.
        """
        with self._engine.connect() as connection:
            return _read(connection, identifier, self._project)

    def page(self, *, after: int, limit: int) -> list[tuple[int, EvaluationJob]]:
        """(number, evaluation) in order of submission."""
        table = evaluations.c
        chosen = sa.select(table.number, table.body).where(table.number > after, within(evaluations, self._project))
        query = chosen.order_by(table.number).limit(limit)
        with self._engine.connect() as connection:
            found = connection.execute(query).all()
        return [(number, msgspec.json.decode(body, type=EvaluationJob)) for number, body in found]

    def forget(self, identifier: str) -> None:
        """Remove one for good, and its record unless another evaluation of its project names the same.

        Raises:
            TuneGateError: `unknown_id`.
        """
        with changing(self._engine) as connection:
            gone = _read(connection, identifier, self._project, lock=True)
            project = str(connection.execute(_project_of(identifier)).scalar_one())
            connection.execute(sa.delete(evaluations).where(evaluations.c.id == identifier))
            end(connection, identifier)
            _forget_unnamed(connection, gone.evaluation_id, project)

    def forget_unnamed(self, record_id: str, project: str) -> None:
        """Remove a record of a project unless one of its evaluations names it."""
        with self._engine.begin() as connection:
            _forget_unnamed(connection, record_id, project)

    def project(self, identifier: str) -> str:
        """The project that one belongs to.

        Raises:
            TuneGateError: `unknown_id`.
        """
        with self._engine.connect() as connection:
            found = connection.execute(_project_of(identifier)).scalar_one_or_none()
        if found is None:
            raise _unknown()
        return str(found)

    def open_evaluations(self) -> list[str]:
        """Ids of those that have not ended, in order of submission."""
        table = evaluations.c
        query = sa.select(table.id).where(table.ended.is_(False), within(evaluations, self._project))
        with self._engine.connect() as connection:
            return [str(one) for one in connection.execute(query.order_by(table.number)).scalars()]

    def update(self, identifier: str, change: Change, *, carrier: str | None = None) -> EvaluationJob:
        """Change one and tell webhooks of its end in one transaction; a change to None leaves it alone.

        Raises:
            Fenced: when it is another than `carrier` who carries it out.
        """
        with changing(self._engine) as connection:
            job = _read(connection, identifier, self._project, lock=True)
            if job.state not in ENDED:
                require_carrier(connection, identifier, carrier)
            changed = change(job)
            if changed is None:
                return job
            ended = changed.state in ENDED
            values = {"body": _encode(changed), "ended": ended}
            connection.execute(sa.update(evaluations).where(evaluations.c.id == identifier).values(values))
            if ended:
                end(connection, identifier)
            if ended and job.state not in ENDED:
                project = str(connection.execute(_project_of(identifier)).scalar_one())
                tell(connection, project, *evaluation_ended(project, changed))
        return changed


def _read(connection: sa.Connection, identifier: str, project: str | None, *, lock: bool = False) -> EvaluationJob:
    query = sa.select(evaluations.c.body).where(evaluations.c.id == identifier, within(evaluations, project))
    body = connection.execute(query.with_for_update() if lock else query).scalar_one_or_none()
    if body is None:
        raise _unknown()
    return msgspec.json.decode(body, type=EvaluationJob)


def _project_of(identifier: str) -> sa.Select[tuple[str]]:
    return sa.select(evaluations.c.project).where(evaluations.c.id == identifier)


def _forget_unnamed(connection: sa.Connection, record_id: str | None, project: str) -> None:
    kept = connection.execute(sa.select(evaluations.c.body).where(within(evaluations, project))).scalars()
    if record_id is not None and record_id not in {msgspec.json.decode(one, type=_Named).evaluation_id for one in kept}:
        of_project = sa.and_(records.c.kind == "evaluation", within(records, project))
        connection.execute(sa.delete(records).where(of_project, records.c.id == record_id))


def _unknown() -> TuneGateError:
    return TuneGateError("unknown_id", "No evaluation with this id is known here.")


def _encode(job: EvaluationJob) -> str:
    return msgspec.json.encode(job).decode()
