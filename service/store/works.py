"""Reads and writes what processes of their own carry out for the service: evaluations, syntheses."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TypeVar

import msgspec
import sqlalchemy as sa

from service.records.access import Deed
from service.records.evaluation_job import EvaluationJob
from service.records.synth_job import SynthJob
from service.store.audit import append
from service.store.database import changing
from service.store.numbered import Numbered
from service.store.outbox import tell
from service.store.projects import within
from service.store.quotas import require_turn
from service.store.runs import add, end
from service.store.tables import records

J = TypeVar("J", EvaluationJob, SynthJob)


class Works(Numbered[J]):
    """Those of one kind, each of which makes one record, of `record_kinds`."""

    record_kinds: tuple[str, ...]

    @abstractmethod
    def record_of(self, job: J) -> str | None:
        """The id of the record that it made."""

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

        def then(connection: sa.Connection, project: str) -> None:
            require_turn(connection, self._table, project, most_open)
            add(connection, job.id, inputs)
            for deed in deeds:
                append(connection, self._project, deed, job.id)

        return self._keep(job, {}, idempotency_key, then)

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
            if gone.state not in self._ends:  # who carries it out elsewhere finds nothing left to end
                tell(connection, project, *self.message(project, msgspec.structs.replace(gone, state="cancelled")))
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

    def _forget_unnamed(self, connection: sa.Connection, record_id: str | None, project: str) -> None:
        if record_id is None:
            return
        kept = connection.execute(sa.select(self._table.c.body).where(within(self._table, project))).scalars()
        if record_id not in {self.record_of(self._decoded(one)) for one in kept}:
            of_project = sa.and_(records.c.kind.in_(self.record_kinds), within(records, project))
            connection.execute(sa.delete(records).where(of_project, records.c.id == record_id))
