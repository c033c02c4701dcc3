"""API keys and the requests that were counted of a caller.

A secret has 256 random bits, so its SHA-256 is all that must be kept: a slow hash makes guessing of what people choose
dear, and these cannot be guessed at any price (OWASP Password Storage Cheat Sheet speaks of passwords alone).
"""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from service.clock import now
from service.errors import TuneGateError
from service.records.access import ApiKey, Deed
from service.store.audit import append
from service.store.projects import within
from service.store.tables import api_keys, request_counts

# an hour of the stored time, as 2026-11-21T09
_HOUR = 13


class Keys:
    """All calls are synchronous and durable when they return."""

    def __init__(self, engine: sa.Engine, project: str | None) -> None:
        self._engine = engine
        self._project = project

    def add(self, key: ApiKey, digest: str, deed: Deed) -> None:
        """Keep a new key by the digest of its secret."""
        row = msgspec.to_builtins(key) | {"scopes": " ".join(key.scopes), "digest": digest}
        with self._engine.begin() as connection:
            connection.execute(sa.insert(api_keys).values(row))
            append(connection, key.project, deed, key.id)

    def exist(self) -> bool:
        """Whether a key was ever made, revoked ones with it: taking the last one back must not open the door."""
        with self._engine.connect() as connection:
            return connection.execute(sa.select(api_keys.c.id).limit(1)).first() is not None

    def find(self, identifier: str) -> tuple[ApiKey, str] | None:
        """A key and the digest of its secret."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(api_keys).where(api_keys.c.id == identifier)).mappings().first()
        return None if row is None else (_key(row), row["digest"])

    def list(self) -> list[ApiKey]:
        """Every key, the oldest first."""
        query = sa.select(api_keys).where(within(api_keys, self._project)).order_by(api_keys.c.created_at)
        with self._engine.connect() as connection:
            return [_key(row) for row in connection.execute(query).mappings()]

    def revoke(self, identifier: str, deed: Deed) -> ApiKey:
        """Take a key back; the first time stands.

        Raises:
            TuneGateError: `unknown_id`.
        """
        one = sa.and_(api_keys.c.id == identifier, within(api_keys, self._project))
        with self._engine.begin() as connection:
            changed = connection.execute(
                sa.update(api_keys).where(one, api_keys.c.revoked_at.is_(None)).values(revoked_at=now())
            )
            row = connection.execute(sa.select(api_keys).where(one)).mappings().first()
            if row is None:
                raise TuneGateError("unknown_id", "No key has this id.", remedy="tunegate keys list shows them.")
            if changed.rowcount:
                append(connection, row["project"], deed, identifier)
        return _key(row)

    def used(self, key: ApiKey) -> None:
        """Remember the hour of the last use; a write an hour, not one a request."""
        hour = now()[:_HOUR] + ":00:00.000Z"
        if key.last_used_at == hour:
            return
        with self._engine.begin() as connection:
            connection.execute(sa.update(api_keys).where(api_keys.c.id == key.id).values(last_used_at=hour))

    def count(self, actor: str, minute: int) -> int:
        """Count a request of this minute and return how many there were, whichever process took them."""
        table = request_counts.c
        values = {"minute": minute, "requests": sa.case((table.minute == minute, table.requests + 1), else_=1)}
        update = sa.update(request_counts).where(table.actor == actor).values(values)
        try:
            with self._engine.begin() as connection:
                if not connection.execute(update).rowcount:
                    connection.execute(sa.insert(request_counts).values(actor=actor, minute=minute, requests=1))
                return int(connection.execute(sa.select(table.requests).where(table.actor == actor)).scalar_one())
        except sa.exc.IntegrityError:
            # another process inserted the row between the two
            with self._engine.begin() as connection:
                connection.execute(update)
                return int(connection.execute(sa.select(table.requests).where(table.actor == actor)).scalar_one())


def _key(row: sa.RowMapping) -> ApiKey:
    values: dict[str, Any] = {name: row[name] for name in ApiKey.__struct_fields__}
    return msgspec.convert(values | {"scopes": row["scopes"].split()}, ApiKey)
