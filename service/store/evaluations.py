"""Reads and writes the evaluations that the service carries out, changed in place until they end."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import sqlalchemy as sa

from service.errors import TuneGateError
from service.records.evaluation_job import EvaluationJob
from service.store.tables import evaluations, records

Change = Callable[[EvaluationJob], EvaluationJob | None]


class _Named(msgspec.Struct, frozen=True):
    evaluation_id: str | None


class Evaluations:
    """All calls are synchronous and durable when they return."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, job: EvaluationJob, idempotency_key: str | None) -> tuple[EvaluationJob, bool]:
        """Keep a new one; (the earlier one, False) when the key was used before."""
        number = sa.select(sa.func.coalesce(sa.func.max(evaluations.c.number), 0) + 1).scalar_subquery()
        row = {"id": job.id, "number": number, "idempotency_key": idempotency_key, "body": _encode(job)}
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(evaluations).values(row))
        except sa.exc.IntegrityError:
            query = sa.select(evaluations.c.body).where(evaluations.c.idempotency_key == idempotency_key)
            with self._engine.connect() as connection:
                return msgspec.json.decode(connection.execute(query).scalar_one(), type=EvaluationJob), False
        return job, True

    def get(self, identifier: str) -> EvaluationJob:
        """One by id.

        Raises:
            TuneGateError: `unknown_id`.
        """
        with self._engine.connect() as connection:
            return _read(connection, identifier)

    def page(self, *, after: int, limit: int) -> list[tuple[int, EvaluationJob]]:
        """(number, evaluation) in order of submission."""
        table = evaluations.c
        query = sa.select(table.number, table.body).where(table.number > after).order_by(table.number).limit(limit)
        with self._engine.connect() as connection:
            found = connection.execute(query).all()
        return [(number, msgspec.json.decode(body, type=EvaluationJob)) for number, body in found]

    def forget(self, identifier: str) -> None:
        """Remove one for good, and its record unless another evaluation names the same.

        Raises:
            TuneGateError: `unknown_id`.
        """
        with self._engine.begin() as connection:
            gone = _read(connection, identifier, lock=True)
            connection.execute(sa.delete(evaluations).where(evaluations.c.id == identifier))
            _forget_unnamed(connection, gone.evaluation_id)

    def forget_unnamed(self, record_id: str) -> None:
        """Remove a record unless an evaluation names it."""
        with self._engine.begin() as connection:
            _forget_unnamed(connection, record_id)

    def update(self, identifier: str, change: Change) -> EvaluationJob:
        """Change one in a transaction; a change to None leaves it alone."""
        with self._engine.begin() as connection:
            job = _read(connection, identifier, lock=True)
            changed = change(job)
            if changed is None:
                return job
            values = {"body": _encode(changed)}
            connection.execute(sa.update(evaluations).where(evaluations.c.id == identifier).values(values))
        return changed


def _read(connection: sa.Connection, identifier: str, *, lock: bool = False) -> EvaluationJob:
    query = sa.select(evaluations.c.body).where(evaluations.c.id == identifier)
    body = connection.execute(query.with_for_update() if lock else query).scalar_one_or_none()
    if body is None:
        raise TuneGateError("unknown_id", "No evaluation with this id is known here.")
    return msgspec.json.decode(body, type=EvaluationJob)


def _forget_unnamed(connection: sa.Connection, record_id: str | None) -> None:
    kept = connection.execute(sa.select(evaluations.c.body)).scalars()
    if record_id is not None and record_id not in {msgspec.json.decode(one, type=_Named).evaluation_id for one in kept}:
        connection.execute(sa.delete(records).where(records.c.kind == "evaluation", records.c.id == record_id))


def _encode(job: EvaluationJob) -> str:
    return msgspec.json.encode(job).decode()
