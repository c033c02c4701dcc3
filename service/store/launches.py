"""What was sent to targets elsewhere: the plan before the first remote call, the reference after it."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from service.clock import now
from service.store.tables import remote_launches


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """`plan` and `ref` are the target's own records as JSON; `billed_from` is when its machines were first seen."""

    plan: bytes
    ref: bytes | None = None
    billed_from: str | None = None


class Launches:
    """All calls are synchronous and durable when they return."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def find(self, job_id: str) -> Launch | None:
        """What is kept for a job, or None for one that is carried out here."""
        table = remote_launches.c
        query = sa.select(table.plan, table.ref, table.billed_from).where(table.job_id == job_id)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return Launch(plan=row.plan.encode(), ref=row.ref.encode() if row.ref else None, billed_from=row.billed_from)

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

    def _set(self, job_id: str, values: dict[str, str]) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.update(remote_launches).where(remote_launches.c.job_id == job_id).values(values))


def keep_launch(connection: sa.Connection, job_id: str, plan: bytes) -> None:
    """Keep what will be sent, in the transaction that makes the job."""
    connection.execute(sa.insert(remote_launches).values({"job_id": job_id, "plan": plan.decode()}))
