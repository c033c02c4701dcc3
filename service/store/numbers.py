"""Numbers in order of submission, which lists are paged by."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from service.store.quotas import one_by_one


def insert_numbered(connection: sa.Connection, table: sa.Table, row: dict[str, Any]) -> None:
    """Insert a row with the number after the highest; whoever inserts at the same time waits for the transaction's end.

    Raises:
        sqlalchemy.exc.IntegrityError: when the row's id or Idempotency-Key is there already, and for nothing else.
    """
    # two would else take one number, and the second would pass for one whose key was used before
    one_by_one(connection)
    number = sa.select(sa.func.coalesce(sa.func.max(table.c.number), 0) + 1).scalar_subquery()
    connection.execute(sa.insert(table).values(row | {"number": number}))
