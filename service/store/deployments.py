"""Reads and writes deployments, changed in place until nothing of them is left on their target."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import sqlalchemy as sa

from service.errors import TuneGateError
from service.records.access import Deed
from service.records.deployment import GONE, Deployment
from service.records.webhook import deployment_changed
from service.store.audit import append
from service.store.database import changing
from service.store.numbers import insert_numbered
from service.store.outbox import tell
from service.store.projects import key_digest, within
from service.store.runs import add, end, require_carrier
from service.store.tables import DEFAULT_PROJECT, deployments

Change = Callable[[Deployment], Deployment | None]
_TOLD = {"ready", *GONE}


class Deployments:
    """All calls are synchronous and durable when they return."""

    def __init__(self, engine: sa.Engine, project: str | None = None) -> None:
        self._engine = engine
        self._project = project

    def add(self, made: Deployment, sent: bytes, idempotency_key: str | None, deed: Deed) -> tuple[Deployment, bool]:
        """Keep a new one with what will be sent; (the earlier one, False) of the same key, or of a plan that stands."""
        key, place = key_digest(self._project, idempotency_key), self._project or DEFAULT_PROJECT
        row = {"id": made.id, "idempotency_key": key, "plan": made.plan.id, "sent": sent.decode(), "project": place}
        try:
            with self._engine.begin() as connection:
                insert_numbered(connection, deployments, row | {"body": _encode(made)})
                # looked at after the insert, which has taken the lock
                if (earlier := _standing(connection, made, place)) is None:
                    add(connection, made.id, None)
                    append(connection, self._project, deed, made.id)
                else:
                    connection.execute(sa.delete(deployments).where(deployments.c.id == made.id))
        except sa.exc.IntegrityError:
            if key is None:
                raise  # every other caller's that has none would fit
            query = sa.select(deployments.c.body).where(deployments.c.idempotency_key == key)
            with self._engine.connect() as connection:
                return msgspec.json.decode(connection.execute(query).scalar_one(), type=Deployment), False
        return (made, True) if earlier is None else (earlier, False)

    def get(self, identifier: str) -> Deployment:
        """One by id.

        Raises:
            TuneGateError: `unknown_id`.
        """
        with self._engine.connect() as connection:
            return _read(connection, identifier, self._project)

    def sent(self, identifier: str) -> bytes:
        """What its target is asked for.

        Raises:
            TuneGateError: `unknown_id`.
        """
        query = sa.select(deployments.c.sent).where(deployments.c.id == identifier, within(deployments, self._project))
        with self._engine.connect() as connection:
            found = connection.execute(query).scalar_one_or_none()
        if found is None:
            raise _unknown()
        return str(found).encode()

    def page(self, *, after: int, limit: int) -> list[tuple[int, Deployment]]:
        """(number, deployment) in the order in which they were asked for."""
        table = deployments.c
        chosen = sa.select(table.number, table.body).where(table.number > after, within(deployments, self._project))
        query = chosen.order_by(table.number).limit(limit)
        with self._engine.connect() as connection:
            found = connection.execute(query).all()
        return [(number, msgspec.json.decode(body, type=Deployment)) for number, body in found]

    def open_deployments(self) -> list[str]:
        """Ids of those of which something may stand, in the order in which they were asked for."""
        table = deployments.c
        query = sa.select(table.id).where(table.ended.is_(False), within(deployments, self._project))
        with self._engine.connect() as connection:
            return [str(one) for one in connection.execute(query.order_by(table.number)).scalars()]

    def update(self, identifier: str, change: Change, *, carrier: str | None = None) -> Deployment:
        """Change one and tell webhooks of what they want to know in one transaction; None leaves all alone.

        Raises:
            TuneGateError: `unknown_id`.
            Fenced: when it is another than `carrier` who carries it out.
        """
        with changing(self._engine) as connection:
            one = _read(connection, identifier, self._project, lock=True)
            if one.state not in GONE:
                require_carrier(connection, identifier, carrier)
            changed = change(one)
            if changed is None:
                return one
            ended = changed.state in GONE
            values = {"body": _encode(changed), "ended": ended}
            connection.execute(sa.update(deployments).where(deployments.c.id == identifier).values(values))
            if ended:
                end(connection, identifier)
            if changed.state in _TOLD and changed.state != one.state:
                query = sa.select(deployments.c.project).where(deployments.c.id == identifier)
                project = str(connection.execute(query).scalar_one())
                tell(connection, project, *deployment_changed(project, changed))
        return changed


def _standing(connection: sa.Connection, made: Deployment, project: str) -> Deployment | None:
    """Another one of the same plan of which something may stand."""
    table = deployments.c
    query = sa.select(table.body).where(table.plan == made.plan.id, table.project == project, table.ended.is_(False))
    body = connection.execute(query.where(table.id != made.id)).scalars().first()
    return None if body is None else msgspec.json.decode(body, type=Deployment)


def _read(connection: sa.Connection, identifier: str, project: str | None, *, lock: bool = False) -> Deployment:
    query = sa.select(deployments.c.body).where(deployments.c.id == identifier, within(deployments, project))
    body = connection.execute(query.with_for_update() if lock else query).scalar_one_or_none()
    if body is None:
        raise _unknown()
    return msgspec.json.decode(body, type=Deployment)


def _unknown() -> TuneGateError:
    return TuneGateError("unknown_id", "No deployment with this id is known here.")


def _encode(one: Deployment) -> str:
    return msgspec.json.encode(one).decode()
