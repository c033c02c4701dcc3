"""Since when a target hears nothing of a job's machines, and when it was last asked to pause a job or to go on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("remote_launches", sa.Column("lost_since", sa.String(32)))
    op.add_column("remote_launches", sa.Column("halted_at", sa.String(32)))


def downgrade() -> None:
    op.drop_column("remote_launches", "halted_at")
    op.drop_column("remote_launches", "lost_since")
