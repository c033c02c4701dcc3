"""Reads and writes the syntheses that the service carries out, changed in place until they end."""

from __future__ import annotations

import sqlalchemy as sa

from service.records.synth_job import SynthJob
from service.records.webhook import synthesis_ended
from service.store.outbox import Data
from service.store.projects import within
from service.store.tables import syntheses
from service.store.works import Works

# the record, and beside it, under the same id, where each row comes from
RECORD, ORIGINS = "synth", "synth_origins"


class Syntheses(Works[SynthJob]):
    """All calls are synchronous and durable when they return."""

    record_kinds = (RECORD, ORIGINS)

    def __init__(self, engine: sa.Engine, project: str | None = None) -> None:
        super().__init__(engine, project, syntheses, SynthJob, "synthesis")

    def record_of(self, job: SynthJob) -> str | None:
        return job.synth_id

    def message(self, project: str, changed: SynthJob) -> tuple[str, Data]:
        return synthesis_ended(project, changed)

    def names_dataset(self, dataset: str) -> bool:
        """Whether one of the project's made this dataset."""
        # ids are hex digits, so nothing in them is a wildcard
        query = sa.select(syntheses.c.body).where(within(syntheses, self._project), syntheses.c.body.contains(dataset))
        with self._engine.connect() as connection:
            return any(self._decoded(one).dataset_id == dataset for one in connection.execute(query).scalars())
