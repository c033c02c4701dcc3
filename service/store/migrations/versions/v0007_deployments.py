"""The table of tuned models in service."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "deployments",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False, unique=True),
        sa.Column("idempotency_key", sa.String(255), unique=True),
        sa.Column("plan", sa.String(64), nullable=False),
        sa.Column("sent", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("project", sa.String(63), nullable=False),
        sa.Column("ended", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.create_index("deployments_of_project", "deployments", ["project", "number"])
    op.create_index("deployments_open", "deployments", ["ended", "project", "plan"])


def downgrade() -> None:
    op.drop_table("deployments")
