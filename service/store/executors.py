"""Services that carry out jobs: a name is held by a lock of the database's session, and each beats while it lives."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from service.store.tables import executors

# a connection that was cut is noticed by both ends within half a minute, so that a lock is not held by a ghost
_CLIENT: dict[str, Any] = {
    "connect_timeout": 10, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3,
    "tcp_user_timeout": 25_000, "application_name": "tunegate-executor",
}  # fmt: skip
_SERVER = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
# a machine that is moved stands still for a while, and is not robbed for that
_STANDS_STILL = 10
# the session that holds a lock of 64 bits; of its own role anybody may end one
_END_HOLDER = sa.text(
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND classid::bigint = :high AND objid::bigint = :low"
)
_CLOCK: sa.ColumnElement[int] = sa.literal_column("(extract(epoch from clock_timestamp()) * 1000)::bigint")


class Executors:
    """The services over one Postgres; all calls are synchronous."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._apart = sa.create_engine(
            engine.url, poolclass=sa.NullPool, connect_args=_CLIENT, isolation_level="AUTOCOMMIT"
        )

    def connect(self) -> sa.Connection:
        """A connection of its own, whose session holds a name."""
        connection = self._apart.connect()
        for name, value in _SERVER.items():
            connection.exec_driver_sql(f"SET {name} = {value}")
        return connection

    def hold(self, connection: sa.Connection, name: str) -> bool:
        """Hold a name by this connection, until that ends; False while another session does."""
        return bool(connection.execute(sa.select(sa.func.pg_try_advisory_lock(lock_number(name)))).scalar_one())

    def begin(self, connection: sa.Connection, name: str, incarnation: str, version: str) -> None:
        """Say that a process goes by the name from now on."""
        connection.execute(sa.delete(executors).where(executors.c.name == name))
        row = {"name": name, "incarnation": incarnation, "version": version, "beat_ms": _CLOCK}
        connection.execute(sa.insert(executors).values(row))

    def beat(self, connection: sa.Connection, name: str, incarnation: str) -> bool:
        """Say that it lives; False once others took over its work."""
        mine = sa.and_(executors.c.name == name, executors.c.incarnation == incarnation)
        return connection.execute(sa.update(executors).where(mine).values(beat_ms=_CLOCK)).rowcount == 1

    def versions(self, *, silent_ms: int) -> set[str]:
        """Pipelines that some living service carries out."""
        living = sa.and_(executors.c.beat_ms > _CLOCK - silent_ms, executors.c.incarnation != "")
        with self._engine.connect() as connection:
            return set(connection.execute(sa.select(executors.c.version).where(living)).scalars())

    def silent(self, *, silent_ms: int) -> Callable[[str], bool]:
        """Whether a name has not beaten for so long, as it stands now."""
        beating = sa.and_(executors.c.beat_ms > _CLOCK - silent_ms, executors.c.incarnation != "")
        with self._engine.connect() as connection:
            living = set(connection.execute(sa.select(executors.c.name).where(beating)).scalars())
        return lambda name: name not in living

    @contextmanager
    def dead(self, name: str, *, silent_ms: int) -> Iterator[bool]:
        """Whether a service is dead: silent for so long and its name free, which nobody can take during the block.

        A slow one still has its session, so that it holds its name and is not robbed; one that stands still so many
        times longer loses the session, and is found dead at the next look. What it writes later is refused (runs).
        """
        with self.connect() as connection:
            if not self.hold(connection, name):
                self._cut(connection, name, silent_ms * _STANDS_STILL)
                yield False
                return
            silent = sa.select(executors.c.beat_ms < _CLOCK - silent_ms).where(executors.c.name == name)
            if connection.execute(silent).scalar_one_or_none() is False:
                yield False
                return
            connection.execute(sa.update(executors).where(executors.c.name == name).values(incarnation=""))
            yield True

    def _cut(self, connection: sa.Connection, name: str, silent_ms: int) -> None:
        """End the session of a service that has not beaten for so long."""
        silent = sa.select(executors.c.beat_ms < _CLOCK - silent_ms).where(executors.c.name == name)
        if connection.execute(silent).scalar_one_or_none():
            number = lock_number(name) % 2**64
            connection.execute(_END_HOLDER, {"high": number >> 32, "low": number % 2**32})


def lock_number(name: str) -> int:
    """The number of a name's lock: 64 bits, signed."""
    return int.from_bytes(hashlib.sha256(f"tunegate/executor/{name}".encode()).digest()[:8], signed=True)
