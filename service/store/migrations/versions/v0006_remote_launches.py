"""The table of what was sent, or is about to be sent, to a target elsewhere."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "remote_launches",
        sa.Column("job_id", sa.String(36), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("ref", sa.Text),
        sa.Column("billed_from", sa.String(32)),
    )


def downgrade() -> None:
    op.drop_table("remote_launches")
