"""Opens the database and brings its tables up to date."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from service.errors import TuneGateError
from service.observe.metrics import DATABASE_ERRORS
from service.store.changes import CHANGES

# how long a writer waits for another, and who tidies up for those who read
_BUSY_MS, _PATIENCE_MS = 30_000, 1_000
_IDLE_MS = 60_000


def open_engine(url: str) -> sa.Engine:
    """An engine; SQLite gets write-ahead logging, waiting locks and foreign keys.

    Raises:
        TuneGateError: `environment` when the database cannot be opened.
    """
    try:
        engine = sa.create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
        if engine.dialect.name == "sqlite":
            if engine.url.database:
                Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
            sa.event.listen(engine, "connect", _set_up_sqlite)
        if engine.dialect.name == "postgresql":
            sa.event.listen(engine, "connect", _set_up_postgres)
        sa.event.listen(engine, "handle_error", _count_error)
        sa.event.listen(engine, "handle_error", _refuse_value)
        with engine.connect():
            pass
    except (sa.exc.SQLAlchemyError, OSError, ImportError) as error:
        shown = sa.engine.make_url(url).render_as_string(hide_password=True)
        raise TuneGateError(
            "environment",
            f"The database {shown} cannot be opened ({type(error).__name__}).",
            remedy="Check TUNEGATE_DATABASE_URL.",
        ) from error
    return engine


@contextmanager
def changing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that reads before it writes; its rows are read with_for_update.

    SQLite has no locks of rows and its driver begins only before a write: what was read could be changed in between.
    """
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection
    CHANGES.tell()


def migrate(engine: sa.Engine) -> None:
    """Create or upgrade the tables."""
    config = _config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@functools.cache
def head() -> str:
    """The newest revision of the tables that this version knows."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def settle(engine: sa.Engine) -> bool:
    """Let SQLite forget what was removed: its log is written back and cut; False while somebody still reads it.

    What is removed is overwritten in the file (secure_delete), so nothing of it is left. Postgres removes it when it
    vacuums.
    """
    if engine.dialect.name != "sqlite":
        return True
    with engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={_PATIENCE_MS}")
        try:
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={_BUSY_MS}")
    return not busy


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _count_error(context: sa.engine.ExceptionContext) -> None:
    """Two writers of one record are no error of the database: the second is told so and reads the first's."""
    if not isinstance(context.sqlalchemy_exception, sa.exc.IntegrityError):
        DATABASE_ERRORS.labels(type(context.original_exception).__name__).inc()


def _refuse_value(context: sa.engine.ExceptionContext) -> None:
    """Postgres keeps no zero in a text: an id with one is a caller's mistake, and the words may repeat it."""
    if isinstance(context.sqlalchemy_exception, sa.exc.DataError):
        raise TuneGateError(
            "invalid_input",
            "A value is none that the database can hold.",
            remedy="Texts hold no zero byte; numbers are of a usual size.",
        )


def _set_up_postgres(connection: Any, record: object) -> None:
    """A process that stands still in the middle of a transaction keeps its locks from others for so long at most."""
    del record
    connection.execute(f"SET idle_in_transaction_session_timeout = {_IDLE_MS}")
    connection.commit()


def _set_up_sqlite(connection: Any, record: object) -> None:
    del record
    # DBOS shares this engine kind: a writer must take its lock at BEGIN, or two upgrades deadlock
    connection.isolation_level = "IMMEDIATE"
    cursor = connection.cursor()
    pragmas = ("foreign_keys=ON", "journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON")
    for pragma in (f"busy_timeout={_BUSY_MS}", *pragmas):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
