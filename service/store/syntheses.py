"""Reads and writes the syntheses that the service carries out, changed in place until they end."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from service.clock import now
from service.errors import TuneGateError
from service.records.synth_job import SynthJob, SynthOrigins
from service.records.synthesis import RowProvenance
from service.records.webhook import synthesis_ended
from service.store.database import changing
from service.store.outbox import Data
from service.store.projects import within
from service.store.quotas import one_by_one
from service.store.tables import DEFAULT_PROJECT, records, syntheses
from service.store.works import Works

# the record, beside it, under the same id, where each row comes from, and the same of rows that were made of them
RECORD, ORIGINS, DERIVED = "synth", "synth_origins", "synth_derived"
# an id of the latter begins with so much of the record's
_BEGIN = 32
_MOST_DERIVED = 100


class Syntheses(Works[SynthJob]):
    """All calls are synchronous and durable when they return."""

    record_kinds = (RECORD, ORIGINS)

    def __init__(self, engine: sa.Engine, project: str | None = None) -> None:
        super().__init__(engine, project, syntheses, SynthJob, "synthesis")

    def record_of(self, job: SynthJob) -> str | None:
        return job.synth_id

    def message(self, project: str, changed: SynthJob) -> tuple[str, Data]:
        return synthesis_ended(project, changed)

    def keep_derived(self, record: str, digest: str, rows: SynthOrigins) -> None:
        """Keep where rows come from that were made of a record's; the same ones again change nothing.

        Raises:
            TuneGateError: `unknown_id` where the record was removed meanwhile, `quota_exceeded` where it has a hundred
                such files.
        """
        with changing(self._engine) as connection:
            one_by_one(connection)
            # locked, for what is kept goes with the record, and nothing would remove what came after it
            of_record = sa.select(records.c.id).where(
                within(records, self._project), records.c.kind == RECORD, records.c.id == record
            )
            if connection.execute(of_record.with_for_update()).first() is None:
                raise TuneGateError("unknown_id", f"No {RECORD} with this id is stored here.")
            kept = set(connection.execute(sa.select(records.c.id).where(*self._derived(record))).scalars())
            identifier = record[:_BEGIN] + digest[:_BEGIN]
            if identifier in kept:
                return
            if len(kept) >= _MOST_DERIVED:
                raise TuneGateError(
                    "quota_exceeded",
                    f"{_MOST_DERIVED} files that were made of this synthesis' rows are known already.",
                    remedy="Leave synth out, or remove the synthesis and bring the files that are still needed.",
                )
            body = msgspec.json.encode(rows).decode()
            place = self._project or DEFAULT_PROJECT
            row = {"project": place, "kind": DERIVED, "id": identifier, "body": body, "created_at": now()}
            connection.execute(sa.insert(records).values(row))

    def derived(self, record: str) -> list[RowProvenance]:
        """Where rows come from that were made of a record's, the oldest file first."""
        query = sa.select(records.c.body).where(*self._derived(record)).order_by(records.c.created_at, records.c.id)
        with self._engine.connect() as connection:
            bodies = connection.execute(query).scalars()
            return [row for body in bodies for row in msgspec.json.decode(body, type=SynthOrigins).rows]

    def _derived(self, record: str) -> tuple[sa.ColumnElement[bool], ...]:
        # ids are hex digits, so nothing in them is a wildcard
        begins = records.c.id.startswith(record[:_BEGIN])
        return within(records, self._project), records.c.kind == DERIVED, begins

    def _forget_unnamed(self, connection: sa.Connection, record_id: str | None, project: str) -> None:
        super()._forget_unnamed(connection, record_id, project)
        if record_id is None:
            return
        of_project = (within(records, project), records.c.kind == RECORD, records.c.id == record_id)
        if connection.execute(sa.select(records.c.id).where(*of_project)).first() is None:
            begins = records.c.id.startswith(record_id[:_BEGIN])
            made = sa.and_(within(records, project), records.c.kind == DERIVED, begins)
            connection.execute(sa.delete(records).where(made))

    def names_dataset(self, dataset: str) -> bool:
        """Whether one of the project's made this dataset."""
        return any(one.dataset_id == dataset for one in self._holding(dataset))

    def names_record(self, record: str) -> bool:
        """Whether one of the project's made this record."""
        return any(one.synth_id == record for one in self._holding(record))

    def _holding(self, identifier: str) -> list[SynthJob]:
        # ids are hex digits, so nothing in them is a wildcard
        held = syntheses.c.body.contains(identifier)
        query = sa.select(syntheses.c.body).where(within(syntheses, self._project), held)
        with self._engine.connect() as connection:
            return [self._decoded(one) for one in connection.execute(query).scalars()]
