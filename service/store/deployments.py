"""Reads and writes deployments, changed in place until nothing of them is left on their target."""

from __future__ import annotations

import sqlalchemy as sa

from service.records.access import Deed
from service.records.deployment import GONE, Deployment
from service.records.webhook import deployment_changed
from service.store.audit import append
from service.store.numbered import Numbered
from service.store.outbox import Data
from service.store.projects import within
from service.store.runs import add
from service.store.tables import deployments


class Deployments(Numbered[Deployment]):
    """All calls are synchronous and durable when they return."""

    told = frozenset({"ready", *GONE})

    def __init__(self, engine: sa.Engine, project: str | None = None) -> None:
        super().__init__(engine, project, deployments, Deployment, "deployment", GONE)

    def message(self, project: str, changed: Deployment) -> tuple[str, Data]:
        return deployment_changed(project, changed)

    def add(self, made: Deployment, sent: bytes, idempotency_key: str | None, deed: Deed) -> tuple[Deployment, bool]:
        """Keep a new one with what will be sent; (the earlier one, False) of the same key, or of a plan that stands."""

        def then(connection: sa.Connection, project: str) -> Deployment | None:
            # looked at after the insert, which has taken the lock
            if (earlier := self._standing(connection, made, project)) is None:
                add(connection, made.id, None)
                append(connection, self._project, deed, made.id)
            return earlier

        return self._keep(made, {"plan": made.plan.id, "sent": sent.decode()}, idempotency_key, then)

    def sent(self, identifier: str) -> bytes:
        """What its target is asked for.

        Raises:
            TuneGateError: `unknown_id`.
        """
        query = sa.select(deployments.c.sent).where(deployments.c.id == identifier, within(deployments, self._project))
        with self._engine.connect() as connection:
            found = connection.execute(query).scalar_one_or_none()
        if found is None:
            raise self._unknown()
        return str(found).encode()

    def _standing(self, connection: sa.Connection, made: Deployment, project: str) -> Deployment | None:
        """Another one of the same plan of which something may stand."""
        table = deployments.c
        of_plan = table.plan == made.plan.id, table.project == project, table.ended.is_(False)
        body = connection.execute(sa.select(table.body).where(*of_plan, table.id != made.id)).scalars().first()
        return None if body is None else self._decoded(body)
