"""What was begun to be put into the storage: noted before its first byte, looked at again once it is old.

Only what this database noted is ever removed as a leftover: a storage may hold what is somebody else's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec
import sqlalchemy as sa

from service.clock import now
from service.records.job import ENDED, Job
from service.store.database import changing
from service.store.tables import DEFAULT_PROJECT, jobs, records, storing

Kind = Literal["dataset", "artifact"]
# named by a record or by a job that succeeded; still being made; of nobody
Standing = Literal["named", "open", "left"]


def named(connection: sa.Connection, project: str, kind: Kind, identifier: str) -> None:
    """Strike out the note in the transaction that names it; one that is being looked at as a leftover is waited for."""
    connection.execute(sa.delete(storing).where(_one(project, kind, identifier)))


class Storing:
    """All calls are synchronous and durable when they return."""

    def __init__(self, engine: sa.Engine, project: str | None) -> None:
        self._engine = engine
        self._place = project or DEFAULT_PROJECT

    def begin(self, kind: Kind, identifier: str) -> None:
        """Note it; one that is just being removed as a leftover is waited for, so that its bytes are then missing."""
        key = {"project": self._place, "kind": kind, "id": identifier}
        chosen = _one(self._place, kind, identifier)
        while True:
            try:
                with changing(self._engine) as connection:
                    renewed = connection.execute(sa.update(storing).where(chosen).values(begun_at=now()))
                    if not renewed.rowcount:
                        connection.execute(sa.insert(storing).values(key | {"begun_at": now()}))
            except sa.exc.IntegrityError:
                continue  # another noted it at the same time
            return

    def begun(self, before: str) -> list[tuple[str, Kind, str]]:
        """(project, kind, id) of what was noted before a time (UTC, ISO 8601), in every project."""
        query = sa.select(storing.c.project, storing.c.kind, storing.c.id).where(storing.c.begun_at < before)
        with self._engine.connect() as connection:
            return [(str(project), kind, str(one)) for project, kind, one in connection.execute(query)]

    def settle(self, kind: Kind, identifier: str, *, before: str, tidy: Callable[[Standing], object]) -> None:
        """Let `tidy` remove what nothing names while nobody can begin to store the same, and strike out the note."""
        chosen = _one(self._place, kind, identifier)
        with changing(self._engine) as connection:
            query = sa.select(storing.c.begun_at).where(chosen).with_for_update()
            begun = connection.execute(query).scalar_one_or_none()
            if begun is None or begun >= before:
                return
            standing = self._standing(connection, kind, identifier)
            tidy(standing)
            if standing != "open":
                connection.execute(sa.delete(storing).where(chosen))

    def _standing(self, connection: sa.Connection, kind: Kind, identifier: str) -> Standing:
        if kind == "dataset":
            place = (records.c.project == self._place, records.c.kind == "dataset", records.c.id == identifier)
            return "named" if connection.execute(sa.select(records.c.id).where(*place)).first() else "left"
        query = sa.select(jobs.c.body).where(jobs.c.id == identifier, jobs.c.project == self._place)
        body = connection.execute(query).scalar_one_or_none()
        if body is None:
            return "left"
        state = msgspec.json.decode(body, type=Job).state
        return "named" if state == "succeeded" else "left" if state in ENDED else "open"


def _one(project: str, kind: Kind, identifier: str) -> sa.ColumnElement[bool]:
    return sa.and_(storing.c.project == project, storing.c.kind == kind, storing.c.id == identifier)
