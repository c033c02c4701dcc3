"""The sessions by which services hold their names in Postgres: cut, and seen to be lost."""

from __future__ import annotations

import sqlalchemy as sa

from service.store.executors import lock_number


def cut_session(address: str, name: str) -> bool:
    """End the session by which a service holds its name, as a network that is gone would; whether there was one."""
    number = lock_number(name) % 2**64
    query = sa.text(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
        "AND classid::bigint = :high AND objid::bigint = :low"
    )
    engine = sa.create_engine(address, poolclass=sa.NullPool)
    with engine.begin() as connection:
        return connection.execute(query, {"high": number >> 32, "low": number % 2**32}).rowcount == 1


def is_robbed(address: str, name: str) -> bool:
    """Whether others took over what a service carried out."""
    engine = sa.create_engine(address, poolclass=sa.NullPool)
    query = sa.text("SELECT incarnation = '' FROM executors WHERE name = :name")
    with engine.connect() as connection:
        return bool(connection.execute(query, {"name": name}).scalar_one_or_none())
