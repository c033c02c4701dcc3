"""What has not ended, of any table of things that are numbered and changed in place until they end."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from service.store.projects import within

_CANCELLING = "cancelling"


class _State(msgspec.Struct, frozen=True):
    """All that is read of a body."""

    state: str


def open_ids(connection: sa.Connection, table: sa.Table, project: str | None) -> list[str]:
    """In order of submission."""
    query = sa.select(table.c.id).where(table.c.ended.is_(False), within(table, project))
    return [str(one) for one in connection.execute(query.order_by(table.c.number)).scalars()]


def cancelling_ids(connection: sa.Connection, table: sa.Table, project: str | None) -> set[str]:
    """Those that are being cancelled."""
    # a body may hold the word elsewhere, in its timeline say, so what the database finds is looked at
    chosen = table.c.ended.is_(False), within(table, project), table.c.body.contains(f'"{_CANCELLING}"')
    found = connection.execute(sa.select(table.c.id, table.c.body).where(*chosen))
    return {str(one) for one, body in found if msgspec.json.decode(body, type=_State).state == _CANCELLING}
