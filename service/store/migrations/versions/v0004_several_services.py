"""Several services over one database: who they are, what each run needs and who has it; which jobs have ended."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_ENDED = {"succeeded", "failed", "cancelled"}


def upgrade() -> None:
    op.create_table(
        "executors",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("incarnation", sa.String(32), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("beat_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("inputs", sa.Text),
        sa.Column("carrier", sa.String(160)),
        sa.Column("home", sa.String(36)),
        sa.Column("folder", sa.Text),
        sa.Column("base", sa.Integer, nullable=False, server_default="0"),
    )
    for table in ("jobs", "evaluations"):
        op.add_column(table, sa.Column("ended", sa.Boolean, nullable=False, server_default=sa.false()))
        _fill(table)
        op.create_index(f"{table}_open", table, ["ended", "project", "number"])


def downgrade() -> None:
    for table in ("jobs", "evaluations"):
        op.drop_index(f"{table}_open", table)
        op.drop_column(table, "ended")
    for table in ("runs", "executors"):
        op.drop_table(table)


def _fill(name: str) -> None:
    table = sa.table(name, sa.column("id"), sa.column("body"), sa.column("ended", sa.Boolean))
    connection = op.get_bind()
    for identifier, body in connection.execute(sa.select(table.c.id, table.c.body)).all():
        if json.loads(body)["state"] in _ENDED:
            connection.execute(sa.update(table).where(table.c.id == identifier).values(ended=True))
