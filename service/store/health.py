"""Whether the database can be worked with, seen from outside the pool, and how many jobs stand in which state."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from service.errors import ErrorItem, TuneGateError
from service.store.database import head
from service.store.tables import evaluations, jobs

_SECONDS = 2
_MIGRATE = "One service of the newest version brings its tables up to date when it starts."


class Health:
    """All calls are synchronous and end within seconds where the database does not answer."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._file = _file(engine)
        self._identity = _identity(self._file)
        self._outside = _outside(engine, self._file)

    def unready(self) -> list[ErrorItem]:
        """What of the database keeps the service from its work, by a connection made for this question."""
        if self._file is not None and _identity(self._file) != self._identity:
            remedy = "Stop the service, put the file in its place, and start it again."
            return [ErrorItem("database", "its file is gone or another one", "the file of the start", remedy)]
        try:
            with self._outside.connect() as connection:
                _give_up_soon(connection)
                _require_writable(connection)
                found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one()
        except sa.exc.SQLAlchemyError as error:
            return [ErrorItem("database", type(error).__name__, "an answer, and a lock to write", "Look at its log.")]
        if found != head():
            return [ErrorItem("migrations", found, head(), _MIGRATE)]
        return []

    def states(self) -> tuple[dict[str, int], dict[str, int]]:
        """(state -> jobs, state -> evaluations).

        Raises:
            TuneGateError: `environment` when the database does not answer.
        """
        with answering(), self._engine.connect() as connection:
            counted = [connection.execute(_by_state(connection, table)).all() for table in (jobs, evaluations)]
        first, second = ({str(state): int(number) for state, number in rows} for rows in counted)
        return first, second


def _by_state(connection: sa.Connection, table: sa.Table) -> Any:
    state = _state(connection, table)
    return sa.select(state, sa.func.count()).group_by(state)


def _state(connection: sa.Connection, table: sa.Table) -> Any:
    """The state inside a body; SQLite reads text as JSON, others must be told that it is."""
    body: Any = table.c.body
    as_json = sa.type_coerce(body, sa.JSON) if connection.dialect.name == "sqlite" else sa.cast(body, sa.JSON)
    return as_json["state"].as_string()


@contextmanager
def answering() -> Iterator[None]:
    """A database that is away is a problem outside.

    Raises:
        TuneGateError: `environment`.
    """
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise TuneGateError("environment", f"The database does not answer ({type(error).__name__}).") from error


def _give_up_soon(connection: sa.Connection) -> None:
    """Also where it answers and another holds a lock; SQLite does so by the timeout of its connection."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{_SECONDS}s'")


def _require_writable(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        # waits for whoever writes, as a request would
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.exec_driver_sql("ROLLBACK")
    elif connection.dialect.name == "postgresql":
        read_only = connection.exec_driver_sql("SHOW transaction_read_only").scalar_one()
        if read_only != "off":
            raise sa.exc.InvalidRequestError


def _outside(engine: sa.Engine, file: Path | None) -> sa.Engine:
    """An engine without a pool that gives up within seconds."""
    if file is None:
        return sa.create_engine(engine.url, poolclass=sa.NullPool, connect_args={"connect_timeout": _SECONDS})
    return sa.create_engine("sqlite://", creator=lambda: _opened(file), poolclass=sa.NullPool)


def _opened(file: Path) -> sqlite3.Connection:
    # never creates what is not there
    return sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=_SECONDS, isolation_level=None)


def _file(engine: sa.Engine) -> Path | None:
    if engine.dialect.name != "sqlite":
        return None
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        cursor.execute("PRAGMA database_list")
        row: Any = cursor.fetchone()
        return Path(row[2]).resolve()


def _identity(file: Path | None) -> tuple[int, int] | None:
    try:
        found = file.stat() if file is not None else None
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found is not None else None
