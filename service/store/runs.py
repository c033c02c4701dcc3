"""What everything that is carried out and has not ended needs, and which try of which service carries it out.

A service that was thought dead may come back: whatever it writes names its try, and is refused once another took over.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import sqlalchemy as sa

from service.store.database import changing
from service.store.tables import deployments, evaluations, executors, jobs, runs, syntheses

_COLUMNS = (runs.c.carrier, runs.c.home, runs.c.folder, runs.c.base)


class Fenced(BaseException):
    """Another try carries it out: nothing may be written, and nothing of the other's be ended.

    A BaseException as DBOS's own interruptions are: no handler of a step's problems may take it for one.
    """


class Run(msgspec.Struct, frozen=True):
    """Who carries it out in which folder of which data folder; `base` records were forwarded from other folders."""

    carrier: str | None = None
    home: str | None = None
    folder: str | None = None
    base: int = 0

    @property
    def executor(self) -> str | None:
        """The name of the service that carries it out."""
        return self.carrier.partition("/")[0] if self.carrier else None


class Runs:
    """All calls are synchronous and durable when they return."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def get(self, identifier: str) -> Run:
        """Who carries it out; an empty one where nobody does."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(*_COLUMNS).where(runs.c.id == identifier)).one_or_none()
        return Run(*row) if row is not None else Run()

    def keep_inputs(self, identifier: str, inputs: str) -> None:
        """What it needs, where that is not kept yet."""
        with changing(self._engine) as connection:
            if connection.execute(sa.select(runs.c.id).where(runs.c.id == identifier)).one_or_none() is None:
                add(connection, identifier, inputs)

    def inputs(self, identifier: str) -> str | None:
        """What it needs; None once it has ended."""
        with self._engine.connect() as connection:
            found = connection.execute(sa.select(runs.c.inputs).where(runs.c.id == identifier)).scalar_one_or_none()
        return None if found is None else str(found)

    def take(self, identifier: str, *, seen: str | None, carrier: str) -> Literal["taken", "lost", "over", "robbed"]:
        """Become its carrier if it still is the one that was seen.

        `over` is what has ended or is gone; `robbed` when others took the name of the service that `carrier` begins
        with, whose work they are about to queue anew.
        """
        with changing(self._engine) as connection:
            if not _locked(connection, identifier):
                return "over"
            if not _has_name(connection, carrier):
                return "robbed"
            row = connection.execute(sa.select(runs.c.carrier).where(runs.c.id == identifier)).one_or_none()
            if row is None:  # made by an earlier version
                add(connection, identifier, None, carrier=carrier)
                return "taken"
            if row[0] != seen:
                return "lost"
            connection.execute(sa.update(runs).where(runs.c.id == identifier).values(carrier=carrier))
        return "taken"

    def place(self, identifier: str, *, home: str, folder: str) -> None:
        """Say where its folder is before anybody carries it out."""
        with self._engine.begin() as connection:
            where = sa.and_(runs.c.id == identifier, runs.c.carrier.is_(None))
            connection.execute(sa.update(runs).where(where).values(home=home, folder=folder))

    def settle(self, identifier: str, carrier: str, *, home: str, folder: str, base: int) -> None:
        """Say where its run folder is from now on.

        Raises:
            Fenced: when another carries it out.
        """
        with changing(self._engine) as connection:
            _locked(connection, identifier)
            require_carrier(connection, identifier, carrier)
            values = {"home": home, "folder": folder, "base": base}
            connection.execute(sa.update(runs).where(runs.c.id == identifier).values(values))


def add(connection: sa.Connection, identifier: str, inputs: str | None, carrier: str | None = None) -> None:
    """A new one, in the caller's transaction."""
    connection.execute(sa.insert(runs).values({"id": identifier, "inputs": inputs, "carrier": carrier}))


def require_carrier(connection: sa.Connection, identifier: str, carrier: str | None) -> None:
    """Called with the lock on the job's row; without a carrier there is nothing to hold against it.

    Raises:
        Fenced: when another carries it out, or it has ended.
    """
    if carrier is None:
        return
    found = connection.execute(sa.select(runs.c.carrier).where(runs.c.id == identifier)).scalar_one_or_none()
    if found != carrier:
        raise Fenced(identifier)


def end(connection: sa.Connection, identifier: str) -> None:
    """It has ended: nobody carries it out, and what it needed is gone."""
    connection.execute(sa.delete(runs).where(runs.c.id == identifier))


def _has_name(connection: sa.Connection, carrier: str) -> bool:
    """Whether a service goes by its name still, which it does until this transaction ends; alone it always does."""
    if connection.dialect.name != "postgresql":
        return True
    name, incarnation, _ = carrier.rsplit("/", 2)
    query = sa.select(executors.c.incarnation).where(executors.c.name == name).with_for_update(read=True)
    return bool(connection.execute(query).scalar_one_or_none() == incarnation)


def _locked(connection: sa.Connection, identifier: str) -> bool:
    """Whether it has not ended; holds its row, as every change of it does."""
    for table in (jobs, evaluations, syntheses, deployments):
        query = sa.select(table.c.ended).where(table.c.id == identifier).with_for_update()
        ended = connection.execute(query).scalar_one_or_none()
        if ended is not None:
            return not ended
    return False
