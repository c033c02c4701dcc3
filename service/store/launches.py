"""What was sent to targets elsewhere: the plan before the first remote call, the reference after it."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from service.clock import now
from service.store.tables import jobs, remote_launches


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """`plan` and `ref` are the target's own records as JSON.

    `billed_from` is when its machines were first seen, `lost_since` from when on its target hears nothing of them.
    """

    plan: bytes
    ref: bytes | None = None
    billed_from: str | None = None
    lost_since: str | None = None


class Launches:
    """All calls are synchronous and durable when they return."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def find(self, job_id: str) -> Launch | None:
        """What is kept for a job, or None for one that is carried out here."""
        table = remote_launches.c
        query = sa.select(table.plan, table.ref, table.billed_from, table.lost_since).where(table.job_id == job_id)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return Launch(
            plan=row.plan.encode(),
            ref=row.ref.encode() if row.ref else None,
            billed_from=row.billed_from,
            lost_since=row.lost_since,
        )

    def refer(self, job_id: str, ref: bytes) -> None:
        """Keep the reference of the remote job, which exists now."""
        self._set(job_id, {"ref": ref.decode()})

    def bill(self, job_id: str) -> str:
        """When the machines were first seen: now, unless it was said before."""
        table = remote_launches
        with self._engine.begin() as connection:
            chosen = sa.update(table).where(table.c.job_id == job_id, table.c.billed_from.is_(None))
            connection.execute(chosen.values(billed_from=now()))
            query = sa.select(table.c.billed_from).where(table.c.job_id == job_id)
            return str(connection.execute(query).scalar_one())

    def lose(self, job_id: str, *, lost: bool) -> str | None:
        """Since when the target hears nothing of the machines: now, unless it was said before; None once it does."""
        known = self.find(job_id)
        since = (known.lost_since if known else None) or now()
        self._set(job_id, {"lost_since": since if lost else None})
        return since if lost else None

    def halt(self, job_id: str) -> None:
        """The target was just asked to pause the job, or to go on with it."""
        self._set(job_id, {"halted_at": now()})

    def halted(self) -> dict[str, str]:
        """When that was, of the jobs that have not ended."""
        table = remote_launches
        query = sa.select(table.c.job_id, table.c.halted_at).join(jobs, jobs.c.id == table.c.job_id)
        with self._engine.connect() as connection:
            rows = connection.execute(query.where(jobs.c.ended.is_(False), table.c.halted_at.is_not(None)))
            return {str(row.job_id): str(row.halted_at) for row in rows}

    def _set(self, job_id: str, values: dict[str, str | None]) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.update(remote_launches).where(remote_launches.c.job_id == job_id).values(values))


def keep_launch(connection: sa.Connection, job_id: str, plan: bytes) -> None:
    """Keep what will be sent, in the transaction that makes the job."""
    connection.execute(sa.insert(remote_launches).values({"job_id": job_id, "plan": plan.decode()}))
