"""The audit log: who did what that spends, removes or lets in; only ever added to."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from service.clock import now
from service.records.access import AuditEntry, Deed
from service.store.projects import within
from service.store.tables import DEFAULT_PROJECT, audit

_ACTOR_LENGTH = 255
# beside the one of quotas.one_by_one, which is taken before it
_IN_ORDER = (0x7467, 2)


class Audit:
    """All calls are synchronous and durable when they return."""

    def __init__(self, engine: sa.Engine, project: str | None) -> None:
        self._engine = engine
        self._project = project

    def note(self, deed: Deed, subject: str) -> None:
        """Append an entry."""
        with self._engine.begin() as connection:
            append(connection, self._project, deed, subject)

    def page(self, *, after: int, limit: int) -> list[AuditEntry]:
        """Entries numbered above `after`, in order."""
        query = sa.select(audit).where(audit.c.n > after, within(audit, self._project)).order_by(audit.c.n).limit(limit)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [_entry(row) for row in rows]


def append(connection: sa.Connection, project: str | None, deed: Deed, subject: str) -> None:
    """Append in the caller's transaction, so that the deed and its entry stand or fall together.

    The last thing of a transaction that locks anything, since others wait for its end: numbers are in the order in
    which entries become visible, so that who reads on from a number misses none.
    """
    if connection.dialect.name == "postgresql":  # SQLite has one writer
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(*_IN_ORDER)))
    row = {
        "at": now(),
        "project": project or DEFAULT_PROJECT,
        "actor": deed.actor[:_ACTOR_LENGTH],
        "action": deed.action,
        "subject": subject,
        "detail": msgspec.json.encode(deed.detail).decode(),
    }
    connection.execute(sa.insert(audit).values(row))


def _entry(row: sa.RowMapping) -> AuditEntry:
    values: dict[str, Any] = {name: row[name] for name in AuditEntry.__struct_fields__}
    return msgspec.convert(values | {"detail": msgspec.json.decode(row["detail"])}, AuditEntry)
