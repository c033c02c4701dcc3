"""How far jobs, evaluations and syntheses are, many in one question: it is asked again and again for all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from service.records.evaluation_job import EvaluationJob
from service.records.synth_job import SynthJob
from service.store.tables import evaluations, job_events, jobs, syntheses

# fewer than the parameters that any database takes
_AT_ONCE = 500


class JobStanding(NamedTuple):
    """Whether a job has ended, and the number of its last event; 0 for none."""

    ended: bool
    last: int


class Standing:
    """All calls are synchronous; who asks has seen to it that the caller may know."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def jobs(self, identifiers: Collection[str]) -> dict[str, JobStanding]:
        """Those that are known here."""
        last = sa.select(sa.func.max(job_events.c.n)).where(job_events.c.job_id == jobs.c.id).scalar_subquery()
        query = sa.select(jobs.c.id, jobs.c.ended, sa.func.coalesce(last, 0))
        with self._engine.connect() as connection:
            found = [row for some in _some(identifiers) for row in connection.execute(query.where(jobs.c.id.in_(some)))]
        return {str(identifier): JobStanding(ended, n) for identifier, ended, n in found}

    def evaluations(self, identifiers: Collection[str]) -> dict[str, EvaluationJob]:
        """Those that are known here."""
        return {one: msgspec.json.decode(body, type=EvaluationJob) for one, body in self._of(evaluations, identifiers)}

    def syntheses(self, identifiers: Collection[str]) -> dict[str, SynthJob]:
        """Those that are known here."""
        return {one: msgspec.json.decode(body, type=SynthJob) for one, body in self._of(syntheses, identifiers)}

    def _of(self, table: sa.Table, identifiers: Collection[str]) -> list[tuple[str, str]]:
        query = sa.select(table.c.id, table.c.body)
        with self._engine.connect() as connection:
            found = [
                row for some in _some(identifiers) for row in connection.execute(query.where(table.c.id.in_(some)))
            ]
        return [(str(identifier), str(body)) for identifier, body in found]


def _some(identifiers: Collection[str]) -> Iterator[list[str]]:
    every = list(identifiers)
    for start in range(0, len(every), _AT_ONCE):
        yield every[start : start + _AT_ONCE]
