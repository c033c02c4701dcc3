"""What a project may have at most, counted in the transaction that adds: of those that come at once none slips by."""

from __future__ import annotations

import sqlalchemy as sa

from service.errors import TuneGateError
from service.store.tables import evaluations, jobs, records, syntheses

# any two numbers that are always the same; of locks with two numbers there is one more, in audit.py
_LOCK = (0x7467, 1)
_NAMES = {jobs: "job(s)", evaluations: "evaluation(s)", syntheses: "synthesis run(s)"}


def one_by_one(connection: sa.Connection) -> None:
    """Until the transaction ends, no other one that calls this goes on; in SQLite no two write at once anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(*_LOCK)))


def require_turn(connection: sa.Connection, table: sa.Table, project: str, most: int | None) -> None:
    """Refuse what was just added to `table` where the project has more open ones than it may.

    Raises:
        TuneGateError: `quota_exceeded`.
    """
    if most is None:
        return
    query = sa.select(sa.func.count()).select_from(table).where(table.c.ended.is_(False), table.c.project == project)
    if connection.execute(query).scalar_one() > most:
        raise TuneGateError(
            "quota_exceeded",
            f"The project has {most} {_NAMES[table]} that have not ended, as many as it may.",
            remedy="Wait until one ends, or cancel one.",
        )


def require_room(connection: sa.Connection, project: str, most: int | None, more: int = 0) -> None:
    """Refuse `more` bytes of datasets, or those that were just added, where the project has no room for them.

    Raises:
        TuneGateError: `quota_exceeded`.
    """
    if most is None:
        return
    query = sa.select(sa.func.coalesce(sa.func.sum(records.c.stored_bytes), 0)).where(records.c.project == project)
    if int(connection.execute(query).scalar_one()) + more > most:
        raise TuneGateError(
            "quota_exceeded",
            f"The project's datasets would take more than {most} bytes.",
            remedy="DELETE datasets that are not needed, or ask the operator for more (TUNEGATE_PROJECT_BYTES).",
        )
