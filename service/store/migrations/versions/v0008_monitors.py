"""Monitors, and their runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "monitors",
        sa.Column("n", number, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(36), nullable=False, unique=True),
        sa.Column("project", sa.String(63), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("next_at", sa.String(32), nullable=False),
        sa.Column("set_at", sa.String(32), nullable=False),
    )
    op.create_index("monitors_of_project", "monitors", ["project", "n"])
    op.create_index("monitors_due", "monitors", ["next_at"])
    op.create_table(
        "monitor_runs",
        sa.Column("n", number, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(36), nullable=False, unique=True),
        sa.Column("monitor_id", sa.String(36), sa.ForeignKey("monitors.id", ondelete="CASCADE"), nullable=False),
        sa.Column("slot", sa.String(32), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("ended", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.UniqueConstraint("monitor_id", "slot"),
    )
    op.create_index("monitor_runs_open", "monitor_runs", ["ended", "n"])


def downgrade() -> None:
    op.drop_table("monitor_runs")
    op.drop_table("monitors")
