"""Reads and writes what is numbered in order of submission and changed in place until it ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
import sqlalchemy as sa

from service.errors import TuneGateError
from service.records.deployment import Deployment
from service.records.evaluation_job import EvaluationJob
from service.records.job import ENDED
from service.records.synth_job import SynthJob
from service.store.database import changing
from service.store.numbers import insert_numbered
from service.store.outbox import Data, tell
from service.store.projects import key_digest, within
from service.store.runs import end, require_carrier
from service.store.tables import DEFAULT_PROJECT
from service.store.unended import cancelling_ids, open_ids

R = TypeVar("R", EvaluationJob, SynthJob, Deployment)


class Numbered(ABC, Generic[R]):
    """Those of one kind, by its table; `ends` are the states after which nothing happens to one.

    All calls are synchronous and durable when they return.
    """

    def __init__(
        self,
        engine: sa.Engine,
        project: str | None,
        table: sa.Table,
        type_: type[R],
        noun: str,
        ends: frozenset[str] = ENDED,
    ) -> None:
        self._engine, self._project = engine, project
        self._table, self._noun, self._ends = table, noun, ends
        self._type: type[R] = type_

    # webhooks are told when one comes to such a state
    told: frozenset[str] = ENDED

    @abstractmethod
    def message(self, project: str, changed: R) -> tuple[str, Data]:
        """(type, data) of what webhooks are told of one."""

    def get(self, identifier: str) -> R:
        """One by id.

        Raises:
            TuneGateError: `unknown_id`.
        """
        with self._engine.connect() as connection:
            return self._read(connection, identifier)

    def page(self, *, after: int, limit: int) -> list[tuple[int, R]]:
        """(number, one) in order of submission."""
        table = self._table.c
        chosen = sa.select(table.number, table.body).where(table.number > after, within(self._table, self._project))
        with self._engine.connect() as connection:
            found = connection.execute(chosen.order_by(table.number).limit(limit)).all()
        return [(number, self._decoded(body)) for number, body in found]

    def open_ones(self) -> list[str]:
        """Ids of those that have not ended, in order of submission."""
        with self._engine.connect() as connection:
            return open_ids(connection, self._table, self._project)

    def cancelling(self) -> set[str]:
        """Ids of those of them that are being cancelled."""
        with self._engine.connect() as connection:
            return cancelling_ids(connection, self._table, self._project)

    def update(self, identifier: str, change: Callable[[R], R | None], *, carrier: str | None = None) -> R:
        """Change one and tell of it in one transaction; a change to None leaves it alone.

        Raises:
            TuneGateError: `unknown_id`.
            Fenced: when it is another than `carrier` who carries it out.
        """
        with changing(self._engine) as connection:
            one = self._read(connection, identifier, lock=True)
            if one.state not in self._ends:
                require_carrier(connection, identifier, carrier)
            changed = change(one)
            if changed is None:
                return one
            ended = changed.state in self._ends
            values = {"body": _encode(changed), "ended": ended}
            connection.execute(sa.update(self._table).where(self._table.c.id == identifier).values(values))
            if ended:
                end(connection, identifier)
            if changed.state != one.state and changed.state in self.told:
                project = str(connection.execute(self._project_of(identifier)).scalar_one())
                tell(connection, project, *self.message(project, changed))
        return changed

    def _keep(
        self, one: R, more: dict[str, Any], idempotency_key: str | None, then: Callable[[sa.Connection, str], R | None]
    ) -> tuple[R, bool]:
        """Insert one; (the earlier one, False) when the key was used before, or when `then` gives one instead.

        `then` is called in the same transaction, with the project, and may raise what refuses it.
        """
        key, project = key_digest(self._project, idempotency_key), self._project or DEFAULT_PROJECT
        row = {"id": one.id, "idempotency_key": key, "body": _encode(one), "project": project}
        try:
            with self._engine.begin() as connection:
                insert_numbered(connection, self._table, row | more)
                if (instead := then(connection, project)) is not None:
                    connection.execute(sa.delete(self._table).where(self._table.c.id == one.id))
        except sa.exc.IntegrityError:
            if key is None:
                raise  # every other caller's that has none would fit
            query = sa.select(self._table.c.body).where(self._table.c.idempotency_key == key)
            with self._engine.connect() as connection:
                return self._decoded(connection.execute(query).scalar_one()), False
        return (one, True) if instead is None else (instead, False)

    def _read(self, connection: sa.Connection, identifier: str, *, lock: bool = False) -> R:
        found = self._table.c.id == identifier, within(self._table, self._project)
        query = sa.select(self._table.c.body).where(*found)
        body = connection.execute(query.with_for_update() if lock else query).scalar_one_or_none()
        if body is None:
            raise self._unknown()
        return self._decoded(body)

    def _project_of(self, identifier: str) -> sa.Select[tuple[str]]:
        return sa.select(self._table.c.project).where(self._table.c.id == identifier)

    def _decoded(self, body: str) -> R:
        found: R = msgspec.json.decode(body, type=self._type)
        return found

    def _unknown(self) -> TuneGateError:
        return TuneGateError("unknown_id", f"No {self._noun} with this id is known here.")


def _encode(one: EvaluationJob | SynthJob | Deployment) -> str:
    return msgspec.json.encode(one).decode()
