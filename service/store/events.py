"""A job's events, numbered from 1 without a gap, appended in the caller's transaction."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from service.clock import now
from service.records.job import JobEvent
from service.store.projects import within
from service.store.tables import job_events, jobs


def append_event(
    connection: sa.Connection, job_id: str, event: str, data: dict[str, Any], source_n: int | None = None
) -> None:
    """The next event of a job; `source_n` is its number in the trainer's own records.

    Raises:
        sqlalchemy.exc.IntegrityError: when that record was appended already.
    """
    last = sa.select(sa.func.coalesce(sa.func.max(job_events.c.n), 0) + 1).where(job_events.c.job_id == job_id)
    row = {
        "job_id": job_id,
        "n": last.scalar_subquery(),
        "source_n": source_n,
        "event": event,
        "at": now(),
        "data": msgspec.json.encode(data).decode(),
    }
    connection.execute(sa.insert(job_events).values(row))


def last_source_n(connection: sa.Connection, job_id: str) -> int:
    """The number of the last trainer's record that was appended; 0 for none."""
    query = sa.select(sa.func.max(job_events.c.source_n)).where(job_events.c.job_id == job_id)
    return int(connection.execute(query).scalar_one() or 0)


def events_after(connection: sa.Connection, job_id: str, after: int, project: str | None) -> list[JobEvent]:
    """Events numbered above `after`; none of another project's job."""
    table = job_events.c
    query = sa.select(table.n, table.event, table.at, table.data).where(table.job_id == job_id, table.n > after)
    if project is not None:
        query = query.where(table.job_id.in_(sa.select(jobs.c.id).where(within(jobs, project))))
    found = connection.execute(query.order_by(table.n)).all()
    return [JobEvent(n, event, at, msgspec.json.decode(data)) for n, event, at, data in found]
