"""Reads and writes what processes of their own carry out for the service, changed in place until it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import msgspec
import sqlalchemy as sa

from service.errors import TuneGateError
from service.records.access import Deed
from service.records.evaluation_job import EvaluationJob
from service.records.job import ENDED
from service.records.synth_job import SynthJob
from service.store.audit import append
from service.store.database import changing
from service.store.numbers import insert_numbered
from service.store.projects import key_digest, within
from service.store.quotas import require_turn
from service.store.runs import add, end, require_carrier
from service.store.tables import DEFAULT_PROJECT, records

J = TypeVar("J", EvaluationJob, SynthJob)


class Works(Generic[J]):
    """Those of one kind, by its table. All calls are synchronous and durable when they return."""

    def __init__(self, engine: sa.Engine, project: str | None, table: sa.Table, type_: type[J], noun: str) -> None:
        self._engine, self._project = engine, project
        self._table, self._noun = table, noun
        self._type: type[J] = type_

    def add(
        self,
        job: J,
        idempotency_key: str | None,
        deeds: Sequence[Deed] = (),
        *,
        inputs: str | None = None,
        most_open: int | None = None,
    ) -> tuple[J, bool]:
        """Keep a new one, who asked for it and what it needs; (the earlier one, False) when the key was used before.

        Raises:
            TuneGateError: `quota_exceeded` where the project has `most_open` of them that have not ended.
        """
        key = key_digest(self._project, idempotency_key)
        row = {"id": job.id, "idempotency_key": key, "body": _encode(job)}
        project = self._project or DEFAULT_PROJECT
        try:
            with self._engine.begin() as connection:
                insert_numbered(connection, self._table, row | {"project": project})
                require_turn(connection, self._table, project, most_open)
                add(connection, job.id, inputs)
                for deed in deeds:
                    append(connection, self._project, deed, job.id)
        except sa.exc.IntegrityError:
            if key is None:
                raise  # every other caller's that has none would fit
            query = sa.select(self._table.c.body).where(self._table.c.idempotency_key == key)
            with self._engine.connect() as connection:
                return self._decoded(connection.execute(query).scalar_one()), False
        return job, True

    def get(self, identifier: str) -> J:
        """One by id.

        Raises:
            TuneGateError: `unknown_id`.
        """
        with self._engine.connect() as connection:
            return self._read(connection, identifier)

    def page(self, *, after: int, limit: int) -> list[tuple[int, J]]:
        """(number, one) in order of submission."""
        table = self._table.c
        chosen = sa.select(table.number, table.body).where(table.number > after, within(self._table, self._project))
        with self._engine.connect() as connection:
            found = connection.execute(chosen.order_by(table.number).limit(limit)).all()
        return [(number, self._decoded(body)) for number, body in found]

    def forget(self, identifier: str) -> None:
        """Remove one for good, and its record unless another of its project names the same.

        Raises:
            TuneGateError: `unknown_id`.
        """
        with changing(self._engine) as connection:
            gone = self._read(connection, identifier, lock=True)
            project = str(connection.execute(self._project_of(identifier)).scalar_one())
            connection.execute(sa.delete(self._table).where(self._table.c.id == identifier))
            end(connection, identifier)
            self._forget_unnamed(connection, self.record_of(gone), project)

    def forget_unnamed(self, record_id: str, project: str) -> None:
        """Remove a record of a project unless one of its works names it."""
        with self._engine.begin() as connection:
            self._forget_unnamed(connection, record_id, project)

    def project(self, identifier: str) -> str:
        """The project that one belongs to.

        Raises:
            TuneGateError: `unknown_id`.
        """
        with self._engine.connect() as connection:
            found = connection.execute(self._project_of(identifier)).scalar_one_or_none()
        if found is None:
            raise self._unknown()
        return str(found)

    def open_ones(self) -> list[str]:
        """Ids of those that have not ended, in order of submission."""
        table = self._table.c
        query = sa.select(table.id).where(table.ended.is_(False), within(self._table, self._project))
        with self._engine.connect() as connection:
            return [str(one) for one in connection.execute(query.order_by(table.number)).scalars()]

    def update(self, identifier: str, change: Callable[[J], J | None], *, carrier: str | None = None) -> J:
        """Change one and tell of its end in one transaction; a change to None leaves it alone.

        Raises:
            Fenced: when it is another than `carrier` who carries it out.
        """
        with changing(self._engine) as connection:
            job = self._read(connection, identifier, lock=True)
            if job.state not in ENDED:
                require_carrier(connection, identifier, carrier)
            changed = change(job)
            if changed is None:
                return job
            ended = changed.state in ENDED
            values = {"body": _encode(changed), "ended": ended}
            connection.execute(sa.update(self._table).where(self._table.c.id == identifier).values(values))
            if ended:
                end(connection, identifier)
            if ended and job.state not in ENDED:
                project = str(connection.execute(self._project_of(identifier)).scalar_one())
                self.tell_end(connection, project, changed)
        return changed

    # what differs by kind
    record_kinds: tuple[str, ...]

    def record_of(self, job: J) -> str | None:
        """The id of the record that it made."""
        raise NotImplementedError

    def tell_end(self, connection: sa.Connection, project: str, job: J) -> None:
        """Tell who is to be told that it has ended, in the transaction that ends it."""

    def _read(self, connection: sa.Connection, identifier: str, *, lock: bool = False) -> J:
        found = self._table.c.id == identifier, within(self._table, self._project)
        query = sa.select(self._table.c.body).where(*found)
        body = connection.execute(query.with_for_update() if lock else query).scalar_one_or_none()
        if body is None:
            raise self._unknown()
        return self._decoded(body)

    def _project_of(self, identifier: str) -> sa.Select[tuple[str]]:
        return sa.select(self._table.c.project).where(self._table.c.id == identifier)

    def _forget_unnamed(self, connection: sa.Connection, record_id: str | None, project: str) -> None:
        if record_id is None:
            return
        kept = connection.execute(sa.select(self._table.c.body).where(within(self._table, project))).scalars()
        if record_id not in {self.record_of(self._decoded(one)) for one in kept}:
            of_project = sa.and_(records.c.kind.in_(self.record_kinds), within(records, project))
            connection.execute(sa.delete(records).where(of_project, records.c.id == record_id))

    def _decoded(self, body: str) -> J:
        found: J = msgspec.json.decode(body, type=self._type)
        return found

    def _unknown(self) -> TuneGateError:
        return TuneGateError("unknown_id", f"No {self._noun} with this id is known here.")


def _encode(job: EvaluationJob | SynthJob) -> str:
    return msgspec.json.encode(job).decode()
